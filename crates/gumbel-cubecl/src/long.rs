//! Gumbel-Softmax samples of rows that do not fit into a cube, in pieces of a fixed length: weights relative to the
//! largest key of a piece, then one factor for each piece.

use crate::elementary::{exp_of_gap, ln_normal};
use crate::faults::note_fault;
use crate::philox::StreamHalves;
use crate::row::{Reduction, Shape, Spot, load, reduce, reduce_row, spot_of_piece, store};
use crate::softmax::{Form, Strides, Variant, largest_fit, perturb};
use crate::temperature::{Temperature, divided};
use crate::vjp::{Inverse, VjpStrides, slope, sum_of_terms};
use cubecl::prelude::*;

/// Where a piece is measured from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Origin {
    /// The largest logit of the row, which a launch before has found: keys are those of the CPU.
    Row,
    /// The largest logit of the piece: one launch and one reading less, and keys with another rounding.
    Piece,
}

/// The largest logit of each piece; +∞ if one is NaN or +∞.
#[cube(launch, address_type = "dynamic")]
pub(crate) fn maxima<L: Float, N: Size>(
    logits: &[Vector<L, N>],
    largest: &mut [f32],
    shape: Shape,
    stride: u32,
    stream: StreamHalves,
    pieces: u32,
    #[comptime] variant: Variant,
    #[define(L)] _logits_type: ElemType,
) {
    let plan = comptime!(variant.plan);
    let spot = spot_of_piece(&shape, &stream, pieces, plan);
    let logits = load::<L, N>(logits, stride, &spot, shape.k, -shape.infinity, plan);
    let of_piece = largest_fit(&logits, shape.infinity, plan);
    if spot.inside && UNIT_POS_X == 0u32 {
        largest[CUBE_POS] = of_piece;
    }
}

/// Writes weights, or for the logarithm gaps, relative to the largest key of the piece; that key, and the sum of weights.
#[cube(launch, address_type = "dynamic")]
pub(crate) fn weigh<L: Float, O: Float, N: Size>(
    logits: &[Vector<L, N>],
    out: &mut [Vector<O, N>],
    largest: &mut [f32],
    tops: &mut [f32],
    sums: &mut [f32],
    shape: Shape,
    strides: Strides,
    stream: StreamHalves,
    temperature: Temperature,
    pieces: u32,
    #[comptime] origin: Origin,
    #[comptime] variant: Variant,
    #[define(L)] _logits_type: ElemType,
    #[define(O)] _out_type: ElemType,
) {
    let plan = comptime!(variant.plan);
    let spot = spot_of_piece(&shape, &stream, pieces, plan);
    let logits = load::<L, N>(logits, strides.input, &spot, shape.k, -shape.infinity, plan);
    let from = if comptime!(origin == Origin::Row) {
        largest_of_pieces(&*largest, &spot, pieces)
    } else {
        largest_fit(&logits, shape.infinity, plan)
    };
    let mut keys = Array::<f32>::new(comptime!(4 * plan.blocks));
    perturb(&logits, &mut keys, from, &shape, &spot, &stream, variant);
    let top = reduce_row(&keys, Reduction::Max, plan);
    let unmasked = select(top == -shape.infinity, 0.0f32, top);
    let mut sum = 0.0f32;
    #[unroll]
    for at in 0..comptime!(4 * plan.blocks) {
        let gap = divided(keys[at], unmasked, &temperature, variant.range);
        let weight = exp_of_gap(gap, variant.math);
        sum += weight;
        let log = select(keys[at] == -shape.infinity, -shape.infinity, gap);
        keys[at] = if comptime!(variant.form == Form::Log) { log } else { weight };
    }
    let sum = reduce::<f32>(sum, Reduction::Sum, plan);
    store::<O, N>(&keys, out, strides.output, &spot, shape.k, plan);
    if spot.inside && UNIT_POS_X == 0u32 {
        tops[CUBE_POS] = top;
        sums[CUBE_POS] = sum;
        if comptime!(origin == Origin::Piece) {
            largest[CUBE_POS] = from;
        }
    }
}

#[cube]
fn largest_of_pieces(largest: &[f32], spot: &Spot, pieces: u32) -> f32 {
    let first = spot.row as usize * pieces as usize;
    let mut most = largest[first];
    for piece in 1..pieces {
        most = max(most, largest[first + piece as usize]);
    }
    most
}

/// Turns what [`weigh`] has written into the sample.
#[cube(launch, address_type = "dynamic")]
pub(crate) fn scale<O: Float, N: Size>(
    out: &mut [Vector<O, N>],
    largest: &[f32],
    tops: &[f32],
    sums: &[f32],
    note: &[Atomic<u32>],
    shape: Shape,
    stride: u32,
    stream: StreamHalves,
    temperature: Temperature,
    pieces: u32,
    call: u32,
    #[comptime] origin: Origin,
    #[comptime] variant: Variant,
    #[define(O)] _out_type: ElemType,
) {
    let plan = comptime!(variant.plan);
    let spot = spot_of_piece(&shape, &stream, pieces, plan);
    let most = largest_of_pieces(largest, &spot, pieces);
    let unfit = most == shape.infinity || most == -shape.infinity;
    if unfit && spot.inside && spot.first == 0u32 && UNIT_POS_X == 0u32 {
        note_fault(note, call, spot.row, most == -shape.infinity);
    }
    let first = spot.row as usize * pieces as usize;
    let mut top = -shape.infinity;
    for piece in 0..pieces {
        let at = first + piece as usize;
        top = max(top, moved_top(tops[at], largest[at], most, origin));
    }
    let mut total = 0.0f32;
    for piece in 0..pieces {
        let at = first + piece as usize;
        let gap = divided(moved_top(tops[at], largest[at], most, origin), top, &temperature, variant.range);
        total += sums[at] * exp_of_gap(gap, variant.math);
    }
    let own = moved_top(tops[CUBE_POS], largest[CUBE_POS], most, origin);
    let gap = divided(own, top, &temperature, variant.range);
    let undefined = select(unfit, shape.undefined, 0.0f32);
    let mut values = load::<O, N>(&*out, stride, &spot, shape.k, 0.0f32, plan);
    let factor = exp_of_gap(gap, variant.math) / total + undefined;
    let offset = gap - ln_normal(total, variant.math) + undefined;
    #[unroll]
    for at in 0..comptime!(4 * plan.blocks) {
        values[at] =
            if comptime!(variant.form == Form::Log) { values[at] + offset } else { values[at] * factor };
    }
    store::<O, N>(&values, out, stride, &spot, shape.k, plan);
}

/// The largest key of a piece, measured from the largest logit of the row.
#[cube]
fn moved_top(top: f32, of_piece: f32, most: f32, #[comptime] origin: Origin) -> f32 {
    if comptime!(origin == Origin::Row) { top } else { top + (of_piece - most) }
}

/// The part of each piece in the sum that all products of a row share.
#[cube(launch, address_type = "dynamic")]
pub(crate) fn vjp_sums<I: Float, O: Float, N: Size>(
    saved: &[Vector<I, N>],
    cotangent: &[Vector<O, N>],
    sums: &mut [f32],
    shape: Shape,
    strides: VjpStrides,
    stream: StreamHalves,
    pieces: u32,
    #[comptime] variant: Variant,
    #[define(I)] _saved_type: ElemType,
    #[define(O)] _out_type: ElemType,
) {
    let plan = comptime!(variant.plan);
    let log = comptime!(variant.form == Form::Log);
    let spot = spot_of_piece(&shape, &stream, pieces, plan);
    let outside = if comptime!(log) { -shape.infinity } else { 0.0f32.runtime() };
    let y = load::<I, N>(saved, strides.input, &spot, shape.k, outside, plan);
    let d = load::<O, N>(cotangent, strides.cotangent, &spot, shape.k, 0.0f32, plan);
    let sum = sum_of_terms(&y, &d, shape.infinity, log, plan);
    if spot.inside && UNIT_POS_X == 0u32 {
        sums[CUBE_POS] = sum;
    }
}

/// The products, from those sums.
#[cube(launch, address_type = "dynamic")]
pub(crate) fn vjp_products<I: Float, O: Float, N: Size>(
    saved: &[Vector<I, N>],
    cotangent: &[Vector<O, N>],
    out: &mut [Vector<O, N>],
    sums: &[f32],
    shape: Shape,
    strides: VjpStrides,
    stream: StreamHalves,
    inverse: Inverse,
    pieces: u32,
    #[comptime] variant: Variant,
    #[define(I)] _saved_type: ElemType,
    #[define(O)] _out_type: ElemType,
) {
    let plan = comptime!(variant.plan);
    let spot = spot_of_piece(&shape, &stream, pieces, plan);
    let outside = if comptime!(variant.form == Form::Log) { -shape.infinity } else { 0.0f32.runtime() };
    let y = load::<I, N>(saved, strides.input, &spot, shape.k, outside, plan);
    let mut d = load::<O, N>(cotangent, strides.cotangent, &spot, shape.k, 0.0f32, plan);
    let first = spot.row as usize * pieces as usize;
    let mut sum = 0.0f32;
    for piece in 0..pieces {
        sum += sums[first + piece as usize];
    }
    #[unroll]
    for at in 0..comptime!(4 * plan.blocks) {
        d[at] = slope(y[at], d[at], sum, &inverse, shape.infinity, variant);
    }
    store::<O, N>(&d, out, strides.output, &spot, shape.k, plan);
}
