//! Logits that cannot be sampled from, found without a sample.

use crate::device::Device;
use crate::faults::note_fault;
use crate::matrix::{Matrix, address_type};
use crate::philox::{StreamHalves, stream_argument};
use crate::row::{Plan, Reduction, Shape, Spot, load, load_block, reduce, shape_argument, spot};
use crate::softmax::largest_fit;
use cubecl::prelude::*;
use gumbel_kernels::{Error, Stream};

/// Notes the first row of logits that cannot be sampled from, for [`Device::take_fault`] to name with `operation`.
///
/// # Shapes
/// `logits` `[rows, k]`.
///
/// # Errors
/// [`Error::Categories`] for rows of length 0.
///
/// ```
/// # #[cfg(feature = "wgpu")]
/// # fn main() {
/// # use gumbel_cubecl::{Device, Matrix, Precision};
/// # let f32 = cubecl::ir::ElemType::Float(cubecl::ir::FloatKind::F32);
/// # let device = Device::new(cubecl::Device::default().client(), Precision::Exact);
/// use gumbel_cubecl::{FaultKind, check_logits};
/// let logits = [0.0, 1.0, f32::NAN, 0.0].map(f32::to_le_bytes).concat();
/// let logits = Matrix::new(device.client().create_from_slice(&logits), 2, 2, 2, f32);
/// check_logits(&device, &logits, "my_sampler").unwrap();
/// let fault = device.take_fault().unwrap();
/// assert_eq!((fault.operation, fault.row, fault.kind), (Some("my_sampler"), 1, FaultKind::Logit));
/// # }
/// # #[cfg(not(feature = "wgpu"))]
/// # fn main() {}
/// ```
pub fn check_logits(device: &Device, logits: &Matrix, operation: &'static str) -> Result<(), Error> {
    logits.check()?;
    if logits.rows == 0 {
        return Ok(());
    }
    find_unfit(device, logits, device.note(operation));
    Ok(())
}

/// Notes the first row that cannot be sampled from as that of a call.
pub(crate) fn find_unfit(device: &Device, logits: &Matrix, (note, call): (BufferArg, u32)) {
    let short = Plan::new(&device.client, logits.k, 0, &[logits]);
    let plan = short.unwrap_or_else(|| Plan::of_walk(&device.client, logits.k, 0, &[logits]));
    find::launch(
        &device.client,
        plan.cube_count(logits.rows),
        plan.cube_dim(),
        address_type(&[logits]),
        plan.width(),
        logits.argument(),
        note,
        shape_argument(logits),
        logits.stride as u32,
        stream_argument(Stream::new(0)),
        call,
        short.is_none(),
        plan,
        logits.dtype,
    );
}

#[cube(launch, address_type = "dynamic")]
fn find<L: Float, N: Size>(
    logits: &[Vector<L, N>],
    note: &[Atomic<u32>],
    shape: Shape,
    stride: u32,
    stream: StreamHalves,
    call: u32,
    #[comptime] long: bool,
    #[comptime] plan: Plan,
    #[define(L)] _logits_type: ElemType,
) {
    let spot = spot(&shape, &stream, plan);
    let largest = if comptime!(long) {
        largest_of_walk::<L, N>(logits, stride, &spot, &shape, plan)
    } else {
        let logits = load::<L, N>(logits, stride, &spot, shape.k, -shape.infinity, plan);
        largest_fit(&logits, shape.infinity, plan)
    };
    let masked = largest == -shape.infinity;
    if spot.inside && UNIT_POS_X == 0u32 && (masked || largest == shape.infinity) {
        note_fault(note, call, spot.row, masked);
    }
}

/// The largest logit of a row that a cube walks along; +∞ if one is NaN or +∞.
#[cube]
pub(crate) fn largest_of_walk<L: Float, N: Size>(
    logits: &[Vector<L, N>],
    stride: u32,
    spot: &Spot,
    shape: &Shape,
    #[comptime] plan: Plan,
) -> f32 {
    let mut largest = -shape.infinity;
    for step in 0..steps_of_walk(shape.k, spot, plan) {
        let block = step * plan.units + UNIT_POS_X;
        let four = load_block::<L, N>(logits, block, stride, spot, shape.k, -shape.infinity, plan);
        #[unroll]
        for lane in 0..4usize {
            largest = max(largest, select(four[lane] < shape.infinity, four[lane], shape.infinity));
        }
    }
    reduce::<f32>(largest, Reduction::Max, plan)
}

/// Blocks of each unit of a cube that walks along a row.
#[cube]
pub(crate) fn steps_of_walk(k: u32, spot: &Spot, #[comptime] plan: Plan) -> u32 {
    (k + spot.shift).div_ceil(4u32 * plan.units)
}
