//! Vector-Jacobian products of relaxed samples, from the saved sample or, with nothing saved, from the logits.

use crate::elementary::exp_of_gap;
use crate::philox::StreamHalves;
use crate::row::{Plan, Reduction, Shape, load, reduce, spot, store};
use crate::softmax::{Form, Variant, sampled};
use crate::temperature::Temperature;
use cubecl::prelude::*;

/// The distances between rows.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
pub(crate) struct VjpStrides {
    /// Of the sample, or of the logits.
    pub input: u32,
    pub cotangent: u32,
    pub output: u32,
}

/// `1 / tau` in two factors, because it can overflow.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
pub(crate) struct Inverse {
    pub first: f32,
    pub second: f32,
    pub tau: f32,
}

pub(crate) fn inverse_argument(tau: f32) -> InverseLaunch {
    const FAR: f64 = 18_446_744_073_709_551_616.0; // 2^64
    let wide = f64::from(tau);
    let first = if wide < 1.0 / FAR { FAR } else { 1.0 };
    InverseLaunch::new(first as f32, (1.0 / (wide * first)) as f32, tau)
}

/// What the product is compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Saved {
    /// The sample in the form that was computed.
    Sample(Form),
    /// The logits, from which the sample is recomputed.
    Logits,
}

#[cube(launch, address_type = "dynamic")]
pub(crate) fn pull_back<I: Float, O: Float, N: Size>(
    saved: &[Vector<I, N>],
    cotangent: &[Vector<O, N>],
    out: &mut [Vector<O, N>],
    note: &[Atomic<u32>],
    shape: Shape,
    strides: VjpStrides,
    stream: StreamHalves,
    temperature: Temperature,
    inverse: Inverse,
    call: u32,
    #[comptime] saved_as: Saved,
    #[comptime] variant: Variant,
    #[define(I)] _saved_type: ElemType,
    #[define(O)] _out_type: ElemType,
) {
    let plan = comptime!(variant.plan);
    let spot = spot(&shape, &stream, plan);
    let saved = load::<I, N>(saved, strides.input, &spot, shape.k, outside(&shape, saved_as), plan);
    let d = load::<O, N>(cotangent, strides.cotangent, &spot, shape.k, 0.0f32, plan);
    let product = if comptime!(saved_as == Saved::Logits) {
        let sample = sampled(&saved, &shape, &spot, &stream, &temperature, note, call, variant);
        product(&sample, &d, &inverse, shape.infinity, variant)
    } else {
        product(&saved, &d, &inverse, shape.infinity, variant)
    };
    store::<O, N>(&product, out, strides.output, &spot, shape.k, plan);
}

/// The number that stands where the row has none: probability 0, or a masked logit.
#[cube]
pub(crate) fn outside(shape: &Shape, #[comptime] saved_as: Saved) -> f32 {
    if comptime!(saved_as == Saved::Sample(Form::Soft)) { 0.0f32.runtime() } else { -shape.infinity }
}

/// `y (d − Σ y d) / tau`, or for a logarithm `(d − y Σ d) / tau`.
#[cube]
fn product(
    y: &Array<f32>,
    d: &Array<f32>,
    inverse: &Inverse,
    infinity: f32,
    #[comptime] variant: Variant,
) -> Array<f32> {
    let plan = comptime!(variant.plan);
    let log = comptime!(variant.form == Form::Log);
    let sum = sum_of_terms(y, d, infinity, log, plan);
    let mut out = Array::<f32>::new(comptime!(4 * plan.blocks));
    #[unroll]
    for at in 0..comptime!(4 * plan.blocks) {
        out[at] = slope(y[at], d[at], sum, inverse, infinity, variant);
    }
    out
}

/// The part of the sum of one number. A probability of 0 has no part, whatever its cotangent is.
#[cube]
pub(crate) fn term(y: f32, d: f32, infinity: f32, #[comptime] log: bool) -> f32 {
    if comptime!(log) { select(y == -infinity, 0.0f32, d) } else { select(y == 0.0f32, 0.0f32, y * d) }
}

/// The product for one number.
#[cube]
pub(crate) fn slope(
    y: f32,
    d: f32,
    sum: f32,
    inverse: &Inverse,
    infinity: f32,
    #[comptime] variant: Variant,
) -> f32 {
    if comptime!(variant.form == Form::Log) {
        let product = (d - exp_of_gap(y, variant.math) * sum) / inverse.tau;
        select(y == -infinity, 0.0f32, product)
    } else {
        let product = y * (d - sum);
        select(y == 0.0f32, 0.0f32, product) * inverse.first * inverse.second
    }
}

/// The sum that all products of a row share.
#[cube]
pub(crate) fn sum_of_terms(
    y: &Array<f32>,
    d: &Array<f32>,
    infinity: f32,
    #[comptime] log: bool,
    #[comptime] plan: Plan,
) -> f32 {
    let mut sum = 0.0f32;
    #[unroll]
    for at in 0..comptime!(4 * plan.blocks) {
        sum += term(y[at], d[at], infinity, log);
    }
    reduce::<f32>(sum, Reduction::Sum, plan)
}
