//! Gumbel-Softmax samples of rows that do not fit into a cube, in pieces of a fixed length: weights relative to the
//! largest key of a piece, then one factor for each piece.

use crate::elementary::{exp_of_gap, exp2_special, ln_normal};
use crate::faults::note_fault;
use crate::lean;
use crate::philox::StreamHalves;
use crate::row::{Reduction, Shape, Spot, load, reduce, reduce_row, spot_of_piece, store};
use crate::softmax::{Form, Strides, Variant, largest_fit, perturbed};
use crate::temperature::{Temperature, divided};
use crate::vjp::{Inverse, Saved, VjpStrides, outside, slope, sum_of_terms};
use cubecl::prelude::*;

/// Where a piece is measured from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Origin {
    /// The largest logit of the row, which a launch before has found: keys are those of the CPU.
    Row,
    /// The largest logit of the piece: one launch and one reading less, and keys with another rounding.
    Piece,
}

/// What the second launch leaves for the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Stored {
    /// Keys, from which the last launch computes as the CPU does.
    Keys,
    /// Weights, or for the logarithm gaps, relative to the largest key of the piece.
    Weights,
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

/// Writes keys or weights, the largest key of each piece, and the sum of its weights.
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
    #[comptime] stored: Stored,
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
    let mut keys = if comptime!(variant.is_lean()) {
        // A piece of masks has no largest logit.
        let from = select(from == -shape.infinity, 0.0f32, from);
        lean::perturbed(&logits, from, &shape, &spot, &stream, plan)
    } else {
        perturbed(&logits, from, &shape, &spot, &stream, variant)
    };
    let top = reduce_row(&keys, Reduction::Max, plan);
    let unmasked = select(top == -shape.infinity, 0.0f32, top);
    let sum = if comptime!(variant.is_lean()) {
        lean::into_weights(&mut keys, unmasked, temperature.high, plan)
    } else {
        into_weights(&mut keys, unmasked, shape.infinity, &temperature, stored, variant)
    };
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

/// Turns keys into what is stored of them, and returns the sum of the weights of the unit.
#[cube]
fn into_weights(
    keys: &mut Array<f32>,
    top: f32,
    infinity: f32,
    temperature: &Temperature,
    #[comptime] stored: Stored,
    #[comptime] variant: Variant,
) -> f32 {
    let mut sum = 0.0f32;
    #[unroll]
    for at in 0..comptime!(4 * variant.plan.blocks) {
        let gap = divided(keys[at], top, temperature, variant.range);
        let weight = exp_of_gap(gap, variant.math);
        sum += weight;
        if comptime!(stored == Stored::Weights) {
            let log = select(keys[at] == -infinity, -infinity, gap);
            keys[at] = if comptime!(variant.form == Form::Log) { log } else { weight };
        }
    }
    sum
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
    #[comptime] stored: Stored,
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
    let total =
        total_of_pieces(largest, tops, sums, most, &shape, &spot, &temperature, pieces, origin, variant);
    let undefined = select(unfit, shape.undefined, 0.0f32);
    let mut values = load::<O, N>(&*out, stride, &spot, shape.k, -shape.infinity, plan);
    if comptime!(stored == Stored::Keys) {
        finish_keys(&mut values, &total, undefined, shape.infinity, &temperature, variant);
    } else {
        let own = moved_top(tops[CUBE_POS], largest[CUBE_POS], most, origin, variant);
        finish_weights(&mut values, own, &total, undefined, &temperature, variant);
    }
    store::<O, N>(&values, out, stride, &spot, shape.k, plan);
}

/// The largest key of a row, and the sum of its weights relative to that.
#[derive(CubeType, Clone, Copy)]
struct Total {
    top: f32,
    sum: f32,
}

#[cube]
fn total_of_pieces(
    largest: &[f32],
    tops: &[f32],
    sums: &[f32],
    most: f32,
    shape: &Shape,
    spot: &Spot,
    temperature: &Temperature,
    pieces: u32,
    #[comptime] origin: Origin,
    #[comptime] variant: Variant,
) -> Total {
    let first = spot.row as usize * pieces as usize;
    let mut top = -shape.infinity;
    for piece in 0..pieces {
        let at = first + piece as usize;
        top = max(top, moved_top(tops[at], largest[at], most, origin, variant));
    }
    let mut sum = 0.0f32;
    for piece in 0..pieces {
        let at = first + piece as usize;
        let gap = moved_top(tops[at], largest[at], most, origin, variant);
        sum += sums[at] * weight_of_gap(gap, top, temperature, variant);
    }
    Total { top, sum }
}

/// The weight of a key relative to the largest one.
#[cube]
fn weight_of_gap(key: f32, top: f32, temperature: &Temperature, #[comptime] variant: Variant) -> f32 {
    if comptime!(variant.is_lean()) {
        exp2_special((key - top) * temperature.high)
    } else {
        exp_of_gap(divided(key, top, temperature, variant.range), variant.math)
    }
}

#[cube]
fn finish_keys(
    values: &mut Array<f32>,
    total: &Total,
    undefined: f32,
    infinity: f32,
    temperature: &Temperature,
    #[comptime] variant: Variant,
) {
    let scale = 1.0f32 / total.sum + undefined;
    let log_sum = ln_normal(total.sum, variant.math) + undefined;
    #[unroll]
    for at in 0..comptime!(4 * variant.plan.blocks) {
        let gap = divided(values[at], total.top, temperature, variant.range);
        values[at] = if comptime!(variant.form == Form::Log) {
            select(values[at] == -infinity, -infinity + undefined, gap - log_sum)
        } else {
            exp_of_gap(gap, variant.math) * scale
        };
    }
}

#[cube]
fn finish_weights(
    values: &mut Array<f32>,
    own: f32,
    total: &Total,
    undefined: f32,
    temperature: &Temperature,
    #[comptime] variant: Variant,
) {
    let factor = weight_of_gap(own, total.top, temperature, variant) / total.sum + undefined;
    let offset =
        divided(own, total.top, temperature, variant.range) - ln_normal(total.sum, variant.math) + undefined;
    #[unroll]
    for at in 0..comptime!(4 * variant.plan.blocks) {
        values[at] =
            if comptime!(variant.form == Form::Log) { values[at] + offset } else { values[at] * factor };
    }
}

/// The largest key of a piece, measured from the largest logit of the row.
#[cube]
fn moved_top(
    top: f32,
    of_piece: f32,
    most: f32,
    #[comptime] origin: Origin,
    #[comptime] variant: Variant,
) -> f32 {
    if comptime!(origin == Origin::Row) {
        top
    } else if comptime!(variant.is_lean()) {
        fma(of_piece - most, core::f32::consts::LOG2_E, top)
    } else {
        top + (of_piece - most)
    }
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
    let outside = outside(&shape, comptime!(Saved::Sample(variant.form)));
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
    let outside = outside(&shape, comptime!(Saved::Sample(variant.form)));
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
