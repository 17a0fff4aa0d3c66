//! Gumbel-Softmax samples, softmax and their logarithms, for rows that fit into the registers of a cube.
//!
//! Jang, Gu and Poole (2017), eq. 2; Maddison, Mnih and Teh (2017), section 3 and appendix C.

use crate::device::Math;
use crate::distance::four_distances;
use crate::elementary::{exp_of_gap, ln_normal};
use crate::faults::note_fault;
use crate::lean;
use crate::noise::gumbel;
use crate::philox::StreamHalves;
use crate::row::{
    Plan, Reduction, Shape, Spot, block_of_unit, block_place, column, load, reduce, reduce_row, spot, store,
};
use crate::temperature::{Range, Temperature, divided, finite};
use cubecl::prelude::*;

/// What is computed from perturbed logits.
///
/// ```
/// use gumbel_cubecl::Form;
/// let entry = |y: f64, form| match form {
///     Form::Soft => y,
///     Form::Log => y.ln(),
///     Form::OneHot => y.round(), // of two categories
/// };
/// assert_eq!(entry(0.75, Form::OneHot), 1.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// The relaxed sample.
    Soft,
    /// Its logarithm.
    Log,
    /// The exact sample, as a one-hot row.
    OneHot,
}

/// What a kernel is compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Variant {
    pub plan: Plan,
    pub form: Form,
    /// Whether noise is added.
    pub noisy: bool,
    pub math: Math,
    pub range: Range,
}

impl Variant {
    /// Whether the sample is computed by [`lean`](crate::lean).
    pub fn is_lean(&self) -> bool {
        let soft = self.form == Form::Soft && self.noisy;
        soft && self.math == Math::Special && self.range == Range::Moderate
    }
}

#[cube(launch, address_type = "dynamic")]
pub(crate) fn forward<L: Float, O: Float, N: Size>(
    logits: &[Vector<L, N>],
    out: &mut [Vector<O, N>],
    note: &[Atomic<u32>],
    shape: Shape,
    strides: Strides,
    stream: StreamHalves,
    temperature: Temperature,
    call: u32,
    #[comptime] variant: Variant,
    #[define(L)] _logits_type: ElemType,
    #[define(O)] _out_type: ElemType,
) {
    let plan = comptime!(variant.plan);
    let spot = spot(&shape, &stream, plan);
    let logits = load::<L, N>(logits, strides.input, &spot, shape.k, -shape.infinity, plan);
    let sample = sampled(&logits, &shape, &spot, &stream, &temperature, note, call, variant);
    store::<O, N>(&sample, out, strides.output, &spot, shape.k, plan);
}

/// The distances between rows of inputs and of the output.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
pub(crate) struct Strides {
    pub input: u32,
    pub output: u32,
}

/// The numbers of the unit of a sample; NaN if the row cannot be sampled from.
#[cube]
pub(crate) fn sampled(
    logits: &Array<f32>,
    shape: &Shape,
    spot: &Spot,
    stream: &StreamHalves,
    temperature: &Temperature,
    note: &[Atomic<u32>],
    call: u32,
    #[comptime] variant: Variant,
) -> Array<f32> {
    if comptime!(variant.is_lean()) {
        sampled_lean(logits, shape, spot, stream, temperature, note, call, variant)
    } else {
        sampled_in_full(logits, shape, spot, stream, temperature, note, call, variant)
    }
}

#[cube]
fn sampled_lean(
    logits: &Array<f32>,
    shape: &Shape,
    spot: &Spot,
    stream: &StreamHalves,
    temperature: &Temperature,
    note: &[Atomic<u32>],
    call: u32,
    #[comptime] variant: Variant,
) -> Array<f32> {
    let plan = comptime!(variant.plan);
    let largest = reduce_row(logits, Reduction::Max, plan);
    let mut sample = lean::perturbed(logits, largest, shape, spot, stream, plan);
    let top = reduce_row(&sample, Reduction::Max, plan);
    let sum = lean::into_weights(&mut sample, top, temperature.high, plan);
    let sum = reduce::<f32>(sum, Reduction::Sum, plan);
    if sum.is_nan() && spot.inside && UNIT_POS_X == 0u32 {
        note_fault(note, call, spot.row, largest == -shape.infinity);
    }
    let scale = 1.0f32 / sum;
    #[unroll]
    for at in 0..comptime!(4 * plan.blocks) {
        sample[at] *= scale;
    }
    sample
}

#[cube]
fn sampled_in_full(
    logits: &Array<f32>,
    shape: &Shape,
    spot: &Spot,
    stream: &StreamHalves,
    temperature: &Temperature,
    note: &[Atomic<u32>],
    call: u32,
    #[comptime] variant: Variant,
) -> Array<f32> {
    let plan = comptime!(variant.plan);
    let largest_logit = largest_fit(logits, shape.infinity, plan);
    let unfit = largest_logit == shape.infinity || largest_logit == -shape.infinity;
    if unfit && spot.inside && UNIT_POS_X == 0u32 {
        note_fault(note, call, spot.row, largest_logit == -shape.infinity);
    }
    let keys = perturbed(logits, largest_logit, shape, spot, stream, variant);
    let largest =
        if comptime!(variant.noisy) { reduce_row(&keys, Reduction::Max, plan) } else { largest_logit };
    let undefined = select(unfit, shape.undefined, 0.0f32);
    if comptime!(variant.form == Form::OneHot) {
        one_hot(&keys, largest, undefined, spot, plan)
    } else {
        normalized(&keys, largest, undefined, shape.infinity, temperature, variant)
    }
}

/// The largest logit of a row; +∞ if one is NaN or +∞, −∞ if all are masks.
#[cube]
pub(crate) fn largest_fit(logits: &Array<f32>, infinity: f32, #[comptime] plan: Plan) -> f32 {
    let mut largest = -infinity;
    #[unroll]
    for at in 0..comptime!(4 * plan.blocks) {
        largest = max(largest, select(logits[at] < infinity, logits[at], infinity));
    }
    reduce::<f32>(largest, Reduction::Max, plan)
}

/// Gaps plus noise, or their halves at the highest temperatures, or the logits if there is no noise.
#[cube]
pub(crate) fn perturbed(
    logits: &Array<f32>,
    largest: f32,
    shape: &Shape,
    spot: &Spot,
    stream: &StreamHalves,
    #[comptime] variant: Variant,
) -> Array<f32> {
    let plan = comptime!(variant.plan);
    let mut keys = Array::<f32>::new(comptime!(4 * plan.blocks));
    #[unroll]
    for index in 0..plan.blocks {
        if comptime!(variant.noisy) {
            let start = block_place(stream, spot, shape.k, block_of_unit(spot, index, plan));
            let distances = four_distances(stream, &start);
            #[unroll]
            for lane in 0..4usize {
                let noise = gumbel(distances[lane], variant.math);
                keys[4 * index + lane] =
                    key(logits[4 * index + lane], largest, noise, shape.infinity, variant.range);
            }
        } else {
            #[unroll]
            for lane in 0..4usize {
                keys[4 * index + lane] = logits[4 * index + lane];
            }
        }
    }
    keys
}

/// `logit − largest + noise`, or half of it.
#[cube]
pub(crate) fn key(logit: f32, largest: f32, noise: f32, infinity: f32, #[comptime] range: Range) -> f32 {
    let key = if comptime!(range == Range::High) {
        noise * 0.5f32 + (logit * 0.5f32 - largest * 0.5f32)
    } else {
        finite(logit - largest) + noise
    };
    select(logit == -infinity, logit, key)
}

/// The softmax of keys, or its logarithm. `undefined` is NaN if the row is, else 0.
#[cube]
fn normalized(
    keys: &Array<f32>,
    largest: f32,
    undefined: f32,
    infinity: f32,
    temperature: &Temperature,
    #[comptime] variant: Variant,
) -> Array<f32> {
    let plan = comptime!(variant.plan);
    let mut out = Array::<f32>::new(comptime!(4 * plan.blocks));
    let mut sum = 0.0f32;
    #[unroll]
    for at in 0..comptime!(4 * plan.blocks) {
        let gap = divided(keys[at], largest, temperature, variant.range);
        let weight = exp_of_gap(gap, variant.math);
        sum += weight;
        out[at] = if comptime!(variant.form == Form::Log) { gap } else { weight };
    }
    let sum = reduce::<f32>(sum, Reduction::Sum, plan);
    if comptime!(variant.form == Form::Log) {
        let log_sum = ln_normal(sum, variant.math) + undefined;
        #[unroll]
        for at in 0..comptime!(4 * plan.blocks) {
            out[at] = select(keys[at] == -infinity, -infinity + undefined, out[at] - log_sum);
        }
    } else {
        let scale = 1.0f32 / sum + undefined;
        #[unroll]
        for at in 0..comptime!(4 * plan.blocks) {
            out[at] *= scale;
        }
    }
    out
}

/// A one at the first of the largest keys.
#[cube]
fn one_hot(
    keys: &Array<f32>,
    largest: f32,
    undefined: f32,
    spot: &Spot,
    #[comptime] plan: Plan,
) -> Array<f32> {
    let chosen = first_largest(keys, largest, spot, plan);
    let mut out = Array::<f32>::new(comptime!(4 * plan.blocks));
    #[unroll]
    for index in 0..plan.blocks {
        #[unroll]
        for lane in 0..4usize {
            let column = column(spot, block_of_unit(spot, index, plan), lane);
            out[4 * index + lane] = select(column == chosen, 1.0f32, 0.0f32) + undefined;
        }
    }
    out
}

/// The column of the first of the largest keys.
#[cube]
fn first_largest(keys: &Array<f32>, largest: f32, spot: &Spot, #[comptime] plan: Plan) -> u32 {
    let mut first = u32::MAX.runtime();
    #[unroll]
    for index in 0..plan.blocks {
        #[unroll]
        for lane in 0..4usize {
            let column = column(spot, block_of_unit(spot, index, plan), lane);
            first = min(first, select(keys[4 * index + lane] == largest, column, u32::MAX));
        }
    }
    reduce::<u32>(first, Reduction::Min, plan)
}
