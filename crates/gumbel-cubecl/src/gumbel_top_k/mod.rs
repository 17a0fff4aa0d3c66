//! Sampling without replacement: the Gumbel-top-k trick.
//!
//! Vieira (2014); Kool, van Hoof and Welling, "Stochastic beams and where to find them" (2019).
//!
//! Keys are computed once. Categories come one by one, in decreasing order of the keys, the first index first among equal
//! keys: each is the first after the one before. A unit searches its own keys again only when one of them was chosen.

mod long;
mod order;

use crate::check::check_logits;
use crate::device::Device;
use crate::matrix::{Matrix, U32, address_type};
use crate::philox::{StreamHalves, stream_argument};
use crate::row::{Plan, Reduction, Shape, load, reduce, shape_argument, spot};
use crate::softmax::{Variant, largest_fit, perturbed};
use cubecl::prelude::*;
use gumbel_kernels::{Error, Stream};
use order::{NAME, before_all, first_of_row, judge, renew, unmasked_keys, variant};

/// One ordered sample of `count` categories without replacement for each row of logits, `[rows, count]` of `u32`: the
/// categories of the `count` largest perturbed logits, in decreasing order of these. It is a Plackett-Luce sample.
///
/// On CUDA with [`Precision::Exact`](crate::Precision::Exact) they are those of [`gumbel_kernels::gumbel_top_k`] for the
/// same stream: keys are the same floats, and the first index wins a tie. Elsewhere two keys that are within rounding can
/// change places.
///
/// In a row that cannot be sampled from, or that has fewer than `count` unmasked categories, every index is the number of
/// categories, and [`Device::take_fault`] names it.
///
/// Each category of a sample costs two reductions of the row, so that `count` up to some hundreds is meant. Rows that do
/// not fit into a cube need memory for `count` candidates of each piece of 8192 categories.
///
/// Vieira (2014); Kool, van Hoof and Welling (2019).
///
/// # Shapes
/// `logits` `[rows, k]`; the result `[rows, count]` of `u32`; `rows · k` numbers of the stream are used.
///
/// # Errors
/// [`Error::TooFew`] if `count` is above the number of categories, which it names as those available, because masks are
/// known to the device only; [`Error::Categories`] for rows of length 0.
///
/// ```
/// # #[cfg(feature = "wgpu")]
/// # fn main() {
/// # use gumbel_cubecl::{Device, Matrix, Precision};
/// # let f32 = cubecl::ir::ElemType::Float(cubecl::ir::FloatKind::F32);
/// # let device = Device::new(cubecl::Device::default().client(), Precision::Exact);
/// use gumbel_cubecl::gumbel_top_k;
/// let logits = [0.0, f32::NEG_INFINITY, 50.0].map(f32::to_le_bytes).concat();
/// let logits = Matrix::new(device.client().create_from_slice(&logits), 1, 3, 3, f32);
/// let drawn = gumbel_top_k(&device, &logits, 2, gumbel_kernels::Stream::new(7)).unwrap();
/// let bytes = device.client().read_one(drawn.handle().clone()).unwrap();
/// assert_eq!(bytes[..8], [2u32, 0].map(u32::to_le_bytes).concat()); // the probable one comes first
/// # }
/// # #[cfg(not(feature = "wgpu"))]
/// # fn main() {}
/// ```
pub fn gumbel_top_k(device: &Device, logits: &Matrix, count: usize, stream: Stream) -> Result<Matrix, Error> {
    logits.check()?;
    let [rows, k] = logits.dims();
    let out = Matrix::empty(&device.client, rows, count, U32);
    if rows == 0 {
        return Ok(out);
    }
    if count == 0 {
        check_logits(device, logits, NAME)?;
        return Ok(out);
    }
    if count > k {
        return Err(Error::TooFew { row: 0, requested: count, available: k });
    }
    match Plan::new(&device.client, k, stream.parts().2, &[logits]) {
        Some(plan) => short(device, logits, stream, plan, &out),
        None => long::launch(device, logits, stream, &out),
    }
    Ok(out)
}

fn short(device: &Device, logits: &Matrix, stream: Stream, plan: Plan, out: &Matrix) {
    let (note, call) = device.note(NAME);
    choose::launch(
        &device.client,
        plan.cube_count(logits.rows),
        plan.cube_dim(),
        address_type(&[logits, out]),
        plan.width(),
        logits.argument(),
        out.argument(),
        note,
        shape_argument(logits),
        logits.stride as u32,
        out.k as u32,
        stream_argument(stream),
        call,
        variant(device, plan),
        logits.dtype,
    );
}

/// Rows that fit into registers.
#[cube(launch, address_type = "dynamic")]
fn choose<L: Float, N: Size>(
    logits: &[Vector<L, N>],
    out: &mut [u32],
    note: &[Atomic<u32>],
    shape: Shape,
    stride: u32,
    count: u32,
    stream: StreamHalves,
    call: u32,
    #[comptime] variant: Variant,
    #[define(L)] _logits_type: ElemType,
) {
    let plan = comptime!(variant.plan);
    let spot = spot(&shape, &stream, plan);
    let logits = load::<L, N>(logits, stride, &spot, shape.k, -shape.infinity, plan);
    let largest = largest_fit(&logits, shape.infinity, plan);
    let keys = perturbed(&logits, largest, &shape, &spot, &stream, variant);
    let unmasked = reduce::<u32>(unmasked_keys(&keys, shape.infinity, plan), Reduction::Sum, plan);
    let writes = spot.inside && UNIT_POS_X == 0u32;
    let unfit = judge(note, call, largest, unmasked, count, &shape, spot.row, writes);
    let mut own = before_all(&shape);
    let mut last = before_all(&shape);
    for place in 0..count {
        renew(&keys, &mut own, &last, &shape, &spot, plan);
        first_of_row(&own, &mut last, plan);
        if writes {
            out[spot.row as usize * count as usize + place as usize] = select(unfit, shape.k, last.column);
        }
    }
}
