//! Relaxed samples by the special function unit of NVIDIA's cards, in powers and logarithms of two.
//!
//! A constant factor of `−ln u` moves all keys of a row by the same amount, which the softmax does not see, so the
//! natural logarithm is never formed. A row that cannot be sampled from makes the sum NaN, so nothing else is checked.

use crate::distance::four_distances;
use crate::elementary::{exp2_special, log2_special, minus_log2_at};
use crate::philox::StreamHalves;
use crate::row::{Plan, Shape, Spot, block_of_unit, block_place};
use cubecl::prelude::*;

/// Keys in units of `ln 2`: gaps to `largest`, plus noise.
#[cube]
pub(crate) fn perturbed(
    logits: &Array<f32>,
    largest: f32,
    shape: &Shape,
    spot: &Spot,
    stream: &StreamHalves,
    #[comptime] plan: Plan,
) -> Array<f32> {
    let mut keys = Array::<f32>::new(comptime!(4 * plan.blocks));
    #[unroll]
    for index in 0..plan.blocks {
        let start = block_place(stream, spot, shape.k, block_of_unit(spot, index, plan));
        let distances = four_distances(stream, &start);
        #[unroll]
        for lane in 0..4usize {
            let noise = -log2_special(minus_log2_at(distances[lane]));
            let at = comptime!(4 * index + lane);
            keys[at] = fma(logits[at] - largest, core::f32::consts::LOG2_E, noise);
        }
    }
    keys
}

/// Turns keys into weights relative to the largest, and returns the sum of those of the unit.
#[cube]
pub(crate) fn into_weights(
    keys: &mut Array<f32>,
    largest: f32,
    inverse_tau: f32,
    #[comptime] plan: Plan,
) -> f32 {
    let mut sum = 0.0f32;
    #[unroll]
    for at in 0..comptime!(4 * plan.blocks) {
        let weight = exp2_special((keys[at] - largest) * inverse_tau);
        keys[at] = weight;
        sum += weight;
    }
    sum
}
