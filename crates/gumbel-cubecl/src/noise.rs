//! Noise in the memory of a device: the numbers of [`gumbel_kernels::noise`].

use crate::device::{Device, Math};
use crate::distance::four_distances;
use crate::elementary::{ln_complement, ln_normal, minus_ln_at};
use crate::matrix::{F32, Matrix, address_type, cubes};
use crate::philox::{StreamHalves, Wide, place, stream_argument};
use crate::quantile::normal_quantile;
use cubecl::prelude::*;
use gumbel_kernels::Stream;

/// The standard distribution that noise is drawn from.
///
/// ```
/// use gumbel_cubecl::Law;
/// let mean = |law| match law {
///     Law::Uniform => 0.5,
///     Law::Exponential => 1.0,
///     Law::Gumbel => 0.5772156649, // Euler's constant
///     Law::Logistic | Law::Normal => 0.0,
/// };
/// assert_eq!(mean(Law::Uniform), 0.5);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Law {
    /// `u` on the open interval (0, 1).
    Uniform,
    /// `E = −ln u`.
    Exponential,
    /// `g = −ln E`.
    Gumbel,
    /// `ln u − ln(1 − u)`.
    Logistic,
    /// `Φ⁻¹(u)`.
    Normal,
}

/// Standard noise, a row of `len` numbers in single precision: number `i` is element `i` of the stream's, as on the CPU.
///
/// On CUDA with [`Precision::Exact`](crate::Precision::Exact) uniform, exponential, Gumbel and logistic numbers are those of the CPU bit for bit.
/// Elsewhere they are within 8 units in the last place, or 1e-6 where they are near 0; with [`Precision::Fast`](crate::Precision::Fast) within
/// 2e-6, absolute or relative, whichever is larger. The random bits are the same everywhere.
///
/// # Shapes
/// The result `[1, len]`; `len` numbers of the stream are used.
///
/// # Panics
/// If `len` is above `u32::MAX`.
///
/// ```
/// # #[cfg(feature = "wgpu")]
/// # fn main() {
/// # use gumbel_cubecl::{Device, Precision};
/// # let device = Device::new(cubecl::Device::default().client(), Precision::Exact);
/// use gumbel_cubecl::{Law, noise};
/// let uniform = noise(&device, Law::Uniform, gumbel_kernels::Stream::new(0), 4);
/// let bytes = device.client().read_one(uniform.handle().clone()).unwrap();
/// let first = f32::from_le_bytes(bytes[..4].try_into().unwrap());
/// assert!((first - 0x6627_e8d5_u32 as f32 / 2f32.powi(32)).abs() < 1e-6); // the first word
/// # }
/// # #[cfg(not(feature = "wgpu"))]
/// # fn main() {}
/// ```
pub fn noise(device: &Device, law: Law, stream: Stream, len: usize) -> Matrix {
    let out = Matrix::empty(&device.client, 1, len, F32);
    let len = u32::try_from(len).expect("at most 2^32 - 1 numbers at a time");
    if len == 0 {
        return out;
    }
    let shift = (stream.parts().2 % 4) as u32;
    let aligned = shift == 0 && len.is_multiple_of(4);
    let blocks = (len as usize + shift as usize).div_ceil(4);
    fill::launch(
        &device.client,
        cubes(blocks.div_ceil(UNITS as usize)),
        CubeDim::new_1d(UNITS),
        address_type(&[&out]),
        if aligned { 4 } else { 1 },
        out.argument(),
        stream_argument(stream),
        len,
        shift,
        aligned,
        law,
        device.math(),
    );
    out
}

const UNITS: u32 = 128;

/// A unit makes the numbers of one Philox block.
#[cube(launch, address_type = "dynamic")]
fn fill<N: Size>(
    out: &mut [Vector<f32, N>],
    stream: StreamHalves,
    len: u32,
    shift: u32,
    #[comptime] aligned: bool,
    #[comptime] law: Law,
    #[comptime] math: Math,
) {
    let block = ABSOLUTE_POS as u32;
    let first = 4u32 * block; // of the blocks that the numbers are in, `shift` before the first number
    let here = place(&stream, 0u32, 0u32, first);
    let start = Wide { low: here.low & 0xffff_fffcu32, high: here.high };
    let distances = four_distances(&stream, &start);
    let mut vector = Vector::<f32, N>::empty();
    #[unroll]
    for lane in 0..4usize {
        let number = transformed(distances[lane], law, math);
        if comptime!(aligned) {
            vector.insert(lane, number);
        } else {
            let at = first + lane as u32;
            if at >= shift && at - shift < len {
                out[(at - shift) as usize] = Vector::new(number);
            }
        }
    }
    if comptime!(aligned) && first < len {
        out[block as usize] = vector;
    }
}

/// The number of a law, from the distance of `u`.
#[cube]
fn transformed(distance: f32, #[comptime] law: Law, #[comptime] math: Math) -> f32 {
    match comptime!(law) {
        Law::Uniform => uniform(distance),
        Law::Exponential => minus_ln_at(distance, math),
        Law::Gumbel => gumbel(distance, math),
        Law::Logistic => logistic(distance, math),
        Law::Normal => normal_quantile(distance, math),
    }
}

/// The Gumbel number, from the distance of `u`.
#[cube]
pub(crate) fn gumbel(distance: f32, #[comptime] math: Math) -> f32 {
    -ln_normal(minus_ln_at(distance, math), math)
}

/// A number that would round to one is kept below it.
#[cube]
fn uniform(distance: f32) -> f32 {
    let below_one = 0.999_999_94f32;
    select(distance < 0.0f32, min(1.0f32 + distance, below_one), distance)
}

#[cube]
fn logistic(distance: f32, #[comptime] math: Math) -> f32 {
    let nearer = distance.abs();
    let lower = ln_normal(nearer, math) - ln_complement(nearer);
    select(distance < 0.0f32, -lower, lower)
}
