//! Rows that do not fit into a cube: pieces of them, and the merger of the pieces' candidates.

use super::order::{NAME, before_all, first_of_row, judge, renew, unmasked_keys, variant};
use crate::device::Device;
use crate::gumbel_max::Best;
use crate::long::maxima;
use crate::matrix::{F32, Matrix, U32, address_type};
use crate::philox::{StreamHalves, stream_argument};
use crate::row::{Plan, Reduction, Shape, load, reduce, shape_argument, spot_of_piece};
use crate::softmax::{Variant, perturbed};
use cubecl::prelude::*;
use gumbel_kernels::Stream;

/// The largest logits first, so that keys are those of the CPU; then the candidates of each piece; then their merger.
pub(super) fn launch(device: &Device, logits: &Matrix, stream: Stream, out: &Matrix) {
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
