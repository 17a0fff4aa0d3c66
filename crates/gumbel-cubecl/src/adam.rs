//! One step of the optimiser Adam, in one launch.

use crate::device::Device;
use crate::matrix::{F32, Matrix, address_type, cubes};
use cubecl::prelude::*;
use gumbel_kernels::AdamStep;

const UNITS: usize = 256;

/// A step of Adam for a parameter, from its gradient `g` and the moments `m` and `v`; they are as
/// [`gumbel_kernels::adam_step`] computes them, but for rounding. Returns the parameter and both moments.
///
/// # Shapes
/// All `[rows, k]`, in single precision. The results have no gaps between rows.
///
/// # Panics
/// If the shapes or types differ, or `step.time` is 0.
///
/// ```
/// # #[cfg(feature = "wgpu")]
/// # fn main() {
/// # use gumbel_cubecl::{Device, Matrix, Precision};
/// # let f32 = cubecl::ir::ElemType::Float(cubecl::ir::FloatKind::F32);
/// # let device = Device::new(cubecl::Device::default().client(), Precision::Exact);
/// let matrix = |x: f32| Matrix::new(device.client().create_from_slice(&x.to_le_bytes()), 1, 1, 1, f32);
/// let step = gumbel_kernels::AdamStep::new(0.1, 1);
/// let [p, ..] = gumbel_cubecl::adam_step(&device, [&matrix(1.0), &matrix(5.0), &matrix(0.0), &matrix(0.0)], step);
/// let bytes = device.client().read_one(p.handle().clone()).unwrap();
/// let p = f32::from_le_bytes(bytes[..4].try_into().unwrap());
/// assert!((p - 0.9).abs() < 1e-6); // the first step is the learning rate, whatever the gradient
/// # }
/// # #[cfg(not(feature = "wgpu"))]
/// # fn main() {}
/// ```
#[doc(alias = "optimizer")]
pub fn adam_step(device: &Device, inputs: [&Matrix; 4], step: AdamStep) -> [Matrix; 3] {
    assert!(step.time > 0, "steps are counted from 1, got step.time 0");
    let (client, [rows, k]) = (&device.client, inputs[0].dims());
    for matrix in inputs {
        assert_eq!((matrix.dims(), matrix.dtype()), ([rows, k], F32), "a parameter has one shape, in f32");
    }
    let outputs: [Matrix; 3] = std::array::from_fn(|_| Matrix::empty(client, rows, k, F32));
    let width = if k.is_multiple_of(4) && inputs.iter().all(|matrix| matrix.has_vectors()) { 4 } else { 1 };
    let blocks = k / width;
    if rows * k == 0 {
        return outputs;
    }
    let [p, g, m, v] = inputs.map(|matrix| matrix.argument());
    let [stride_p, stride_g, stride_m, stride_v] = inputs.map(|matrix| matrix.stride() / width);
    let [correction, epsilon] = step.corrected();
    take_step::launch(
        client,
        cubes((rows * blocks).div_ceil(UNITS)),
        CubeDim::new_1d(UNITS as u32),
        address_type(&inputs),
        width,
        p,
        g,
        m,
        v,
        outputs[0].argument(),
        outputs[1].argument(),
        outputs[2].argument(),
        PlacesLaunch::new(rows, blocks, stride_p, stride_g, stride_m, stride_v),
        RatesLaunch::new(step.learning_rate, step.beta_1, step.beta_2, correction, epsilon),
    );
    outputs
}

/// The number of rows, of vectors in a row, and of vectors from one row to the next.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
struct Places {
    rows: usize,
    blocks: usize,
    p: usize,
    g: usize,
    m: usize,
    v: usize,
}

#[derive(CubeType, CubeLaunch, Clone, Copy)]
struct Rates {
    learning_rate: f32,
    beta_1: f32,
    beta_2: f32,
    /// The factor of the first moment.
    correction: f32,
    epsilon: f32,
}

/// A unit takes one vector.
#[cube(launch, address_type = "dynamic")]
fn take_step<N: Size>(
    p: &[Vector<f32, N>],
    g: &[Vector<f32, N>],
    m: &[Vector<f32, N>],
    v: &[Vector<f32, N>],
    new_p: &mut [Vector<f32, N>],
    new_m: &mut [Vector<f32, N>],
    new_v: &mut [Vector<f32, N>],
    places: Places,
    rates: Rates,
) {
    let at = ABSOLUTE_POS;
    if at < places.rows * places.blocks {
        let (row, block) = (at / places.blocks, at % places.blocks);
        let g = g[row * places.g + block];
        let m =
            m[row * places.m + block] * Vector::new(rates.beta_1) + g * Vector::new(1.0f32 - rates.beta_1);
        let v = v[row * places.v + block] * Vector::new(rates.beta_2)
            + g * g * Vector::new(1.0f32 - rates.beta_2);
        let root = v.sqrt() + Vector::new(rates.epsilon);
        let change = m * Vector::new(rates.correction) / root * Vector::new(rates.learning_rate);
        new_p[at] = p[row * places.p + block] - change;
        new_m[at] = m;
        new_v[at] = v;
    }
}
