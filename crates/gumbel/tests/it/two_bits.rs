//! Two binary latents, and every tuple of samples of them: means without Monte Carlo.

use crate::support::{double, gradients};
use burn::tensor::Tensor;
use gumbel::estimator::{Estimate, Sample};

pub const LATENTS: usize = 2;
const STATES: usize = 4;
pub const LOG_ODDS: [f64; LATENTS] = [0.7, -1.3];

fn bits(state: usize) -> [f64; LATENTS] {
    [(state / 2) as f64, (state % 2) as f64]
}

fn mass(state: usize) -> f64 {
    let one = |l: f64, bit: f64| if bit == 1.0 { 1.0 / (1.0 + (-l).exp()) } else { 1.0 / (1.0 + l.exp()) };
    (0..LATENTS).map(|i| one(LOG_ODDS[i], bits(state)[i])).product()
}

/// Smooth: curved, and its slope at a vertex points the way.
pub fn smooth(sample: &Sample) -> Tensor<2> {
    let [samples, rows, latents, _] = sample.z.dims();
    let ones = sample.z.clone().narrow(3, 1, 1).reshape([samples, rows, latents]);
    let score = ones.clone() * ones.clone().cumsum(2) - ones * 0.3;
    score.sum_dim(2).squeeze_dim::<2>(2).exp()
}

/// The gradient of the expected loss in the log-odds.
pub fn exact(f: fn(&Sample) -> Tensor<2>) -> [f64; LATENTS] {
    let value = |state: usize| {
        let [a, b] = bits(state);
        let z = double(vec![1.0 - a, a, 1.0 - b, b], [1, 1, LATENTS, 2]);
        f(&Sample::hard(z)).into_scalar::<f64>()
    };
    let p = LOG_ODDS.map(|l| 1.0 / (1.0 + (-l).exp()));
    std::array::from_fn(|i| (0..STATES).map(|s| mass(s) * value(s) * (bits(s)[i] - p[i])).sum())
}

pub fn logits(rows: usize) -> Tensor<3> {
    let [a, b] = LOG_ODDS;
    double([0.0, a, 0.0, b].repeat(rows), [rows, LATENTS, 2]).require_grad()
}

/// The estimates of [`exact`], one per row.
pub fn slopes(estimate: &Estimate, logits: &Tensor<3>) -> Vec<[f64; LATENTS]> {
    gradients(estimate, logits).chunks(2 * LATENTS).map(|row| [row[1], row[3]]).collect()
}

/// Every tuple of `samples` states as a row: bits `[S, rows, D]` and its mass.
pub fn tuples(samples: usize) -> (Tensor<3>, Vec<f64>) {
    let rows = STATES.pow(samples as u32);
    let state = |row: usize, s: usize| row / STATES.pow(s as u32) % STATES;
    let values = (0..samples).flat_map(|s| (0..rows).flat_map(move |row| bits(state(row, s)))).collect();
    let masses = (0..rows).map(|row| (0..samples).map(|s| mass(state(row, s))).product()).collect();
    (double(values, [samples, rows, LATENTS]), masses)
}

pub fn one_hot(bits: Tensor<3>) -> Tensor<4> {
    Tensor::stack(vec![bits.clone().neg() + 1.0, bits], 3)
}
