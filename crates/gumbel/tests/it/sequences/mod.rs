//! Sequences, compared with the enumeration of a small tree.
//!
//! Seeds are fixed. With a new seed, each comparison in standard errors fails by chance once in 16 000 times (|z| > 4), each
//! chi-square test once in 30 000 (its normal deviate beyond 4).

mod gradients;
mod groups;
mod laws;
mod reference;
mod refusals;
mod weights;

use burn::tensor::{DType, Device, Tensor, TensorData};
use gumbel::Noise;
use gumbel::sequence::{DistinctSequences, Prefix, Sampler};

const TOKENS: usize = 3;
const END: usize = 2;
const LENGTH: usize = 3;
const MASK: f64 = f64::NEG_INFINITY;

/// Logits of the next token. Two are masked: 1 after 0, and the end after 11.
fn logits(prefix: &[usize]) -> [f64; TOKENS] {
    match prefix {
        [] => [1.0, 0.3, -1.0],
        [0] => [0.2, MASK, 0.7],
        [1] => [-0.5, 1.5, 0.1],
        [1, 1] => [2.0, -0.4, MASK],
        [a, b] => [*a as f64 - 0.3, 0.4 * *b as f64, -0.6],
        _ => panic!("{prefix:?} is no prefix"),
    }
}

/// As a model for the samplers, in double precision and without a state.
fn step(_: (), prefixes: &[Prefix<'_>]) -> (Tensor<2>, ()) {
    let values: Vec<f64> = prefixes.iter().flat_map(|prefix| logits(prefix.tokens)).collect();
    let values = TensorData::new(values, [prefixes.len(), TOKENS]);
    (Tensor::from_data(values, (&Device::flex(), DType::F64)), ())
}

fn log_softmax(logits: [f64; TOKENS]) -> [f64; TOKENS] {
    let total = logits.iter().map(|logit| logit.exp()).sum::<f64>().ln();
    logits.map(|logit| logit - total)
}

fn complete(tokens: &[usize]) -> bool {
    tokens.len() == LENGTH || tokens.last() == Some(&END)
}

/// All sequences with their log-probabilities.
fn all() -> Vec<(Vec<usize>, f64)> {
    let mut open = vec![(Vec::new(), 0.0)];
    let mut found = Vec::new();
    while let Some((tokens, log_prob)) = open.pop() {
        let log_p = log_softmax(logits(&tokens));
        for token in (0..TOKENS).filter(|&token| log_p[token] > MASK) {
            let child = ([tokens.as_slice(), &[token]].concat(), log_prob + log_p[token]);
            if complete(&child.0) { found.push(child) } else { open.push(child) }
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

fn probabilities() -> Vec<f64> {
    all().iter().map(|(_, log_prob)| log_prob.exp()).collect()
}

fn place(tokens: &[usize]) -> usize {
    all().iter().position(|(known, _)| known == tokens).expect("a sequence of the tree")
}

fn sampler() -> Sampler {
    Sampler::new(LENGTH).expect("a length").with_end(END)
}

fn distinct(rows: usize, samples: usize, seed: u64) -> DistinctSequences {
    sampler().distinct(0..rows, samples, (), step, &mut Noise::from_seed(seed)).expect("logits are valid")
}

/// The places in the tree of each row's sequences.
fn drawn(distinct: &DistinctSequences) -> Vec<Vec<usize>> {
    let known = all();
    let place = |tokens: &[usize]| known.iter().position(|(known, _)| known == tokens).expect("a sequence");
    let rows = distinct.sequences().rows().iter();
    rows.map(|row| row.iter().map(|sequence| place(&sequence.tokens)).collect()).collect()
}

/// A function of a sequence that no sum over tokens makes.
fn f(tokens: &[usize]) -> f64 {
    let sum: usize = tokens.iter().enumerate().map(|(at, token)| (at + 1) * token).sum();
    (sum as f64).sin() * 2.0 + tokens.len() as f64
}

fn exact_mean() -> f64 {
    all().iter().map(|(tokens, log_prob)| log_prob.exp() * f(tokens)).sum()
}

/// The mean of some numbers and its standard error.
fn mean_of(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean, (variance / n).sqrt())
}

/// Distance of a mean from its expectation in standard errors.
fn z_score(values: &[f64], expected: f64) -> f64 {
    let (mean, error) = mean_of(values);
    (mean - expected) / error
}

/// Pearson's chi-square of counts, as a normal deviate (Wilson and Hilferty 1931). Cells with an expected count below five are
/// merged.
fn chi_square_deviate(counts: &[usize], probabilities: &[f64]) -> f64 {
    let total = counts.iter().sum::<usize>() as f64;
    assert!((probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-9, "the cells are not all");
    let cells = counts.iter().zip(probabilities).map(|(&count, p)| (count as f64, total * p));
    let (large, small): (Vec<_>, Vec<_>) = cells.partition(|&(_, expected)| expected >= 5.0);
    let merged = small.iter().fold((0.0, 0.0), |sum, cell| (sum.0 + cell.0, sum.1 + cell.1));
    let cells: Vec<_> = large.into_iter().chain((merged.1 > 0.0).then_some(merged)).collect();
    let statistic: f64 = cells.iter().map(|(count, expected)| (count - expected).powi(2) / expected).sum();
    let n = cells.len() as f64 - 1.0;
    ((statistic / n).cbrt() - (1.0 - 2.0 / (9.0 * n))) / (2.0 / (9.0 * n)).sqrt()
}
