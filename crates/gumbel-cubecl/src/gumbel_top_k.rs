//! Sampling without replacement: the Gumbel-top-k trick.
//!
//! Vieira (2014); Kool, van Hoof and Welling, "Stochastic beams and where to find them" (2019).
//!
//! Keys are computed once. Categories come one by one, in decreasing order of the keys, the first index first among equal
//! keys: each is the first after the one before. A unit searches its own keys again only when one of them was chosen.

use crate::check::check_logits;
use crate::device::Device;
use crate::faults::note_kind;
use crate::gumbel_max::Best;
use crate::long::maxima;
use crate::matrix::{F32, Matrix, U32, address_type};
use crate::philox::{StreamHalves, stream_argument};
use crate::row::{
    Plan, Reduction, Shape, Spot, block_of_unit, column, load, reduce, shape_argument, spot, spot_of_piece,
};
use crate::softmax::{Form, Variant, largest_fit, perturbed};
use crate::temperature::Range;
use cubecl::prelude::*;
use gumbel_kernels::{Error, Stream};

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
        None => long(device, logits, stream, &out),
    }
    Ok(out)
}

const NAME: &str = "gumbel_top_k";

fn variant(device: &Device, plan: Plan) -> Variant {
    Variant { plan, form: Form::Soft, noisy: true, math: device.math(), range: Range::Moderate }
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

/// The largest logits first, so that keys are those of the CPU; then the candidates of each piece; then their merger.
fn long(device: &Device, logits: &Matrix, stream: Stream, out: &Matrix) {
    let client = &device.client;
    let (plan, pieces) = Plan::of_pieces(client, logits.k, stream.parts().2, &[logits]);
    let each = out.k.min(plan.units as usize * plan.blocks * 4);
    let per_piece = |k: usize, dtype| Matrix::empty(client, logits.rows, pieces as usize * k, dtype);
    let (largest, heads) = (per_piece(1, F32), per_piece(1, U32));
    let (keys, columns) = (per_piece(each, F32), per_piece(each, U32));
    maxima::launch(
        client,
        plan.cube_count(logits.rows * pieces as usize),
        plan.cube_dim(),
        address_type(&[logits, &largest]),
        plan.width(),
        logits.argument(),
        largest.argument(),
        shape_argument(logits),
        logits.stride as u32,
        stream_argument(stream),
        pieces,
        variant(device, plan),
        logits.dtype,
    );
    candidates::launch(
        client,
        plan.cube_count(logits.rows * pieces as usize),
        plan.cube_dim(),
        address_type(&[logits, &keys]),
        plan.width(),
        logits.argument(),
        largest.argument(),
        keys.argument(),
        columns.argument(),
        heads.argument(),
        shape_argument(logits),
        logits.stride as u32,
        each as u32,
        stream_argument(stream),
        pieces,
        variant(device, plan),
        logits.dtype,
    );
    let plan = Plan { blocks: 1, ..plan };
    let (note, call) = device.note(NAME);
    merge::launch(
        client,
        plan.cube_count(logits.rows),
        plan.cube_dim(),
        address_type(&[&keys, out]),
        largest.argument(),
        keys.argument(),
        columns.argument(),
        heads.argument(),
        out.argument(),
        note,
        shape_argument(logits),
        each as u32,
        out.k as u32,
        pieces,
        call,
        plan,
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

/// Before the first key of any row, in decreasing order. No unit has it, and its column is that of no other.
#[cube]
fn before_all(shape: &Shape) -> Best {
    Best { key: shape.infinity, column: u32::MAX.runtime(), limit: shape.infinity }
}

/// The keys of the unit that are no masks.
#[cube]
fn unmasked_keys(keys: &Array<f32>, infinity: f32, #[comptime] plan: Plan) -> u32 {
    let mut unmasked = 0u32;
    #[unroll]
    for at in 0..comptime!(4 * plan.blocks) {
        unmasked += u32::cast_from(keys[at] > -infinity);
    }
    unmasked
}

/// Replaces the first key of the unit by that after it, if it was the last one that was chosen.
#[cube]
fn renew(keys: &Array<f32>, own: &mut Best, last: &Best, shape: &Shape, spot: &Spot, #[comptime] plan: Plan) {
    if own.column == last.column {
        own.key = -shape.infinity;
        own.column = u32::MAX.runtime();
        #[unroll]
        for index in 0..plan.blocks {
            #[unroll]
            for lane in 0..4usize {
                let key = keys[4 * index + lane];
                let column = column(spot, block_of_unit(spot, index, plan), lane);
                let left = key < last.key || (key == last.key && column > last.column);
                // Columns of a unit increase, so the first of equal keys stays.
                let better = left && key > own.key;
                own.column = select(better, column, own.column);
                own.key = select(better, key, own.key);
            }
        }
    }
}

/// Finds the first of the units' keys.
#[cube]
fn first_of_row(own: &Best, first: &mut Best, #[comptime] plan: Plan) {
    first.key = reduce::<f32>(own.key, Reduction::Max, plan);
    first.column = reduce::<u32>(select(own.key == first.key, own.column, u32::MAX), Reduction::Min, plan);
}

/// Whether a row has no such sample, which the unit that writes notes.
#[cube]
fn judge(
    note: &[Atomic<u32>],
    call: u32,
    largest: f32,
    unmasked: u32,
    count: u32,
    shape: &Shape,
    row: u32,
    writes: bool,
) -> bool {
    let masked = largest == -shape.infinity;
    let logit = largest == shape.infinity;
    let unfit = masked || logit || unmasked < count;
    if unfit && writes {
        note_kind(note, call, row, select(logit, 0u32, select(masked, 1u32, 2u32)));
    }
    unfit
}

/// The first keys of each piece of a row and their columns, in order, and the number of unmasked categories in place of
/// the piece's head.
#[cube(launch, address_type = "dynamic")]
fn candidates<L: Float, N: Size>(
    logits: &[Vector<L, N>],
    largest: &[f32],
    keys_out: &mut [f32],
    columns: &mut [u32],
    heads: &mut [u32],
    shape: Shape,
    stride: u32,
    each: u32,
    stream: StreamHalves,
    pieces: u32,
    #[comptime] variant: Variant,
    #[define(L)] _logits_type: ElemType,
) {
    let plan = comptime!(variant.plan);
    let spot = spot_of_piece(&shape, &stream, pieces, plan);
    let logits = load::<L, N>(logits, stride, &spot, shape.k, -shape.infinity, plan);
    let largest = largest_of_row(largest, spot.row, pieces, &shape, plan);
    let keys = perturbed(&logits, largest, &shape, &spot, &stream, variant);
    let unmasked = reduce::<u32>(unmasked_keys(&keys, shape.infinity, plan), Reduction::Sum, plan);
    let writes = spot.inside && UNIT_POS_X == 0u32;
    if writes {
        heads[CUBE_POS] = unmasked;
    }
    let mut own = before_all(&shape);
    let mut last = before_all(&shape);
    for place in 0..each {
        renew(&keys, &mut own, &last, &shape, &spot, plan);
        first_of_row(&own, &mut last, plan);
        if writes {
            let at = CUBE_POS * each as usize + place as usize;
            keys_out[at] = last.key;
            columns[at] = last.column;
        }
    }
}

/// The largest logit of a row, from those of its pieces.
#[cube]
fn largest_of_row(largest: &[f32], row: u32, pieces: u32, shape: &Shape, #[comptime] plan: Plan) -> f32 {
    let mut most = -shape.infinity;
    let mut piece = UNIT_POS_X;
    while piece < pieces {
        most = max(most, largest[row as usize * pieces as usize + piece as usize]);
        piece += plan.units;
    }
    reduce::<f32>(most, Reduction::Max, plan)
}

/// Merges the candidates of the pieces of a row, a cube a row. A unit has some pieces, and alone reads and moves their
/// heads: the places of their first candidates that have not been chosen.
#[cube(launch, address_type = "dynamic")]
fn merge(
    largest: &[f32],
    keys: &[f32],
    columns: &[u32],
    heads: &mut [u32],
    out: &mut [u32],
    note: &[Atomic<u32>],
    shape: Shape,
    each: u32,
    count: u32,
    pieces: u32,
    call: u32,
    #[comptime] plan: Plan,
) {
    let inside = (CUBE_POS as u32) < shape.rows;
    let row = min(CUBE_POS as u32, shape.rows - 1u32);
    // A cube without a row leaves the heads of the last one alone.
    let pieces = select(inside, pieces, 0u32);
    let writes = inside && UNIT_POS_X == 0u32;
    let largest = largest_of_row(largest, row, pieces, &shape, plan);
    let unmasked = reduce::<u32>(take_counts(heads, row, pieces, plan), Reduction::Sum, plan);
    let unfit = judge(note, call, largest, unmasked, count, &shape, row, writes);
    let mut own = before_all(&shape);
    let mut last = before_all(&shape);
    let first = row as usize * pieces as usize;
    let mut from = u32::MAX.runtime();
    for place in 0..count {
        if own.column == last.column {
            if from < pieces {
                heads[first + from as usize] += 1u32;
            }
            from = first_head(keys, columns, &*heads, &mut own, first, each, pieces, &shape, plan);
        }
        first_of_row(&own, &mut last, plan);
        if writes {
            out[row as usize * count as usize + place as usize] = select(unfit, shape.k, last.column);
        }
    }
}

/// Finds the first of the heads of the unit's pieces, and returns its piece, or `u32::MAX` if none has one.
#[cube]
fn first_head(
    keys: &[f32],
    columns: &[u32],
    heads: &[u32],
    own: &mut Best,
    first: usize,
    each: u32,
    pieces: u32,
    shape: &Shape,
    #[comptime] plan: Plan,
) -> u32 {
    own.key = -shape.infinity;
    own.column = u32::MAX.runtime();
    let mut from = u32::MAX.runtime();
    let mut piece = UNIT_POS_X;
    while piece < pieces {
        let head = heads[first + piece as usize];
        let at = (first + piece as usize) * each as usize + min(head, each - 1u32) as usize;
        let key = keys[at];
        // Columns of pieces increase, so the first of equal keys stays.
        let better = head < each && key > own.key;
        own.column = select(better, columns[at], own.column);
        own.key = select(better, key, own.key);
        from = select(better, piece, from);
        piece += plan.units;
    }
    from
}

/// The unmasked categories of the unit's pieces, whose heads then begin at 0.
#[cube]
fn take_counts(heads: &mut [u32], row: u32, pieces: u32, #[comptime] plan: Plan) -> u32 {
    let mut unmasked = 0u32;
    let mut piece = UNIT_POS_X;
    while piece < pieces {
        let list = row as usize * pieces as usize + piece as usize;
        unmasked += heads[list];
        heads[list] = 0u32;
        piece += plan.units;
    }
    unmasked
}
