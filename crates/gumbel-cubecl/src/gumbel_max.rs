//! Exact categorical samples: the Gumbel-max trick.
//!
//! Noise is computed only where it can exceed the largest key so far, by a bound from the largest of four words.

use crate::check::{largest_of_walk, steps_of_walk};
use crate::device::{Device, Math};
use crate::distance::distances_of_words;
use crate::faults::note_fault;
use crate::matrix::{Matrix, U32, address_type};
use crate::noise::gumbel;
use crate::philox::{Block, StreamHalves, stream_argument, words_of_block};
use crate::row::{
    Plan, Reduction, Shape, Spot, block_of_unit, block_place, column, load, load_block, reduce,
    shape_argument, spot,
};
use crate::softmax::{key, largest_fit};
use crate::temperature::Range;
use cubecl::prelude::*;
use gumbel_kernels::{Error, Stream};

/// One exact categorical sample for each row of logits, `[rows, 1]` of `u32`.
///
/// On CUDA with [`Precision::Exact`](crate::Precision::Exact) they are the samples of [`gumbel_kernels::gumbel_max`] for
/// the same stream: keys are the same floats, and the first index wins a tie. Elsewhere two keys that are within rounding
/// can change places.
///
/// For a row that cannot be sampled from, the index is the number of categories, and [`Device::take_fault`] names it.
///
/// # Shapes
/// `logits` `[rows, k]`; the result `[rows, 1]` of `u32`; `rows · k` numbers of the stream are used.
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
/// use gumbel_cubecl::gumbel_max;
/// let logits = [f32::NEG_INFINITY, 0.0].map(f32::to_le_bytes).concat();
/// let logits = Matrix::new(device.client().create_from_slice(&logits), 1, 2, 2, f32);
/// let drawn = gumbel_max(&device, &logits, gumbel_kernels::Stream::new(7)).unwrap();
/// let bytes = device.client().read_one(drawn.handle().clone()).unwrap();
/// assert_eq!(u32::from_le_bytes(bytes[..4].try_into().unwrap()), 1); // the other one is masked
/// # }
/// # #[cfg(not(feature = "wgpu"))]
/// # fn main() {}
/// ```
pub fn gumbel_max(device: &Device, logits: &Matrix, stream: Stream) -> Result<Matrix, Error> {
    logits.check()?;
    let (client, position) = (device.client.clone(), stream.parts().2);
    let out = Matrix::empty(&client, logits.rows, 1, U32);
    if logits.rows == 0 {
        return Ok(out);
    }
    let math = device.math();
    let (note, call) = device.note("gumbel_max");
    let short = Plan::new(&client, logits.k, position, &[logits]);
    let plan = short.unwrap_or_else(|| Plan::of_walk(&client, logits.k, position, &[logits]));
    let launch = if short.is_some() { choose::launch } else { choose_long::launch };
    launch(
        &client,
        plan.cube_count(logits.rows),
        plan.cube_dim(),
        address_type(&[logits]),
        plan.width(),
        logits.argument(),
        out.argument(),
        note,
        shape_argument(logits),
        logits.stride as u32,
        stream_argument(stream),
        call,
        plan,
        math,
        logits.dtype,
    );
    Ok(out)
}

/// The largest key that a unit has met, and its column.
#[derive(CubeType, Clone, Copy)]
pub(crate) struct Best {
    pub key: f32,
    pub column: u32,
    /// The largest key that the units of the plane have met.
    pub limit: f32,
}

/// Rows that fit into registers.
#[cube(launch, address_type = "dynamic")]
pub(crate) fn choose<L: Float, N: Size>(
    logits: &[Vector<L, N>],
    out: &mut [u32],
    note: &[Atomic<u32>],
    shape: Shape,
    stride: u32,
    stream: StreamHalves,
    call: u32,
    #[comptime] plan: Plan,
    #[comptime] math: Math,
    #[define(L)] _logits_type: ElemType,
) {
    let spot = spot(&shape, &stream, plan);
    let logits = load::<L, N>(logits, stride, &spot, shape.k, -shape.infinity, plan);
    let largest = largest_fit(&logits, shape.infinity, plan);
    let mut best = Best { key: -shape.infinity, column: shape.k, limit: -shape.infinity };
    #[unroll]
    for index in 0..plan.blocks {
        let block = block_of_unit(&spot, index, plan);
        let mut four = Array::<f32>::new(4usize);
        #[unroll]
        for lane in 0..4usize {
            four[lane] = logits[4 * index + lane];
        }
        consider(&four, block, largest, &shape, &spot, &stream, &mut best, false, plan, math);
    }
    conclude(out, note, call, &best, largest, &shape, &spot, plan);
}

/// Takes four keys into account. On long rows the units of a plane share their largest key, so that most skip most blocks.
#[cube]
fn consider(
    logits: &Array<f32>,
    block: u32,
    largest: f32,
    shape: &Shape,
    spot: &Spot,
    stream: &StreamHalves,
    best: &mut Best,
    #[comptime] share: bool,
    #[comptime] plan: Plan,
    #[comptime] math: Math,
) {
    let start = block_place(stream, spot, shape.k, block);
    let words = words_of_block(stream, &start);
    let most = max(max(logits[0], logits[1]), max(logits[2], logits[3])) - largest;
    let exceeds = most + bound(&words, shape.infinity) > best.limit;
    let shared = comptime!(share && plan.plane > 1 && plan.units >= plan.plane);
    let wanted = if comptime!(shared) { plane_any(exceeds) } else { exceeds };
    if wanted {
        let distances = distances_of_words(stream, &start, &words);
        #[unroll]
        for lane in 0..4usize {
            let noise = gumbel(distances[lane], math);
            let key = key(logits[lane], largest, noise, shape.infinity, Range::Moderate);
            let better = key > best.key;
            best.column = select(better, column(spot, block, lane), best.column);
            best.key = select(better, key, best.key);
        }
        best.limit = if comptime!(shared) { plane_max(best.key) } else { best.key };
    }
}

/// Not below the Gumbel numbers of four words: `g ≤ −ln(1 − u)`, and `1 − u` is at least the distance of the largest
/// word from the end. `log₂ 2^e (1 + m) ≥ e + m`, which are the bits of a float.
#[cube]
fn bound(words: &Block, infinity: f32) -> f32 {
    let word = max(max(words.a, words.b), max(words.c, words.d));
    let from_end = f32::cast_from(!word);
    let log2 = f32::cast_from(u32::reinterpret(from_end)) * comptime!(1.0f32 / 8_388_608.0);
    let bound =
        fma(log2, -core::f32::consts::LN_2, comptime!((32.0 + 127.0) * core::f32::consts::LN_2 + 1e-4));
    select(word == u32::MAX, infinity, bound)
}

/// The first column of the largest key of a row.
#[cube]
fn chosen_column(best: &Best, #[comptime] plan: Plan) -> u32 {
    let key = reduce::<f32>(best.key, Reduction::Max, plan);
    reduce::<u32>(select(best.key == key, best.column, u32::MAX), Reduction::Min, plan)
}

/// Writes the index of a row, or the number of categories if it cannot be sampled from.
#[cube]
fn conclude(
    out: &mut [u32],
    note: &[Atomic<u32>],
    call: u32,
    best: &Best,
    largest: f32,
    shape: &Shape,
    spot: &Spot,
    #[comptime] plan: Plan,
) {
    let chosen = chosen_column(best, plan);
    if spot.inside && UNIT_POS_X == 0u32 {
        let masked = largest == -shape.infinity;
        let unfit = masked || largest == shape.infinity;
        if unfit {
            note_fault(note, call, spot.row, masked);
        }
        out[spot.row as usize] = select(unfit, shape.k, chosen);
    }
}

/// Rows that do not fit: they are read twice, the second time mostly from the cache. A cube a row.
#[cube(launch, address_type = "dynamic")]
pub(crate) fn choose_long<L: Float, N: Size>(
    logits: &[Vector<L, N>],
    out: &mut [u32],
    note: &[Atomic<u32>],
    shape: Shape,
    stride: u32,
    stream: StreamHalves,
    call: u32,
    #[comptime] plan: Plan,
    #[comptime] math: Math,
    #[define(L)] _logits_type: ElemType,
) {
    let spot = spot(&shape, &stream, plan);
    let largest = largest_of_walk::<L, N>(logits, stride, &spot, &shape, plan);
    let mut best = Best { key: -shape.infinity, column: shape.k, limit: -shape.infinity };
    for step in 0..steps_of_walk(shape.k, &spot, plan) {
        let block = step * plan.units + UNIT_POS_X;
        let four = load_block::<L, N>(logits, block, stride, &spot, shape.k, -shape.infinity, plan);
        consider(&four, block, largest, &shape, &spot, &stream, &mut best, true, plan, math);
    }
    conclude(out, note, call, &best, largest, &shape, &spot, plan);
}
