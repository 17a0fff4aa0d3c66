//! Inputs, conversions and comparisons that several tests use.

use gumbel_kernels::{Error, Real, Stream, noise};

pub const MASK: f64 = f64::NEG_INFINITY;

/// A log-probability, of logits, sample, k and tau, and its vector-Jacobian product.
pub type LogProb<T> = fn(&[T], &[T], usize, T, &mut [T]) -> Result<(), Error>;
pub type LogProbVjp<T> = fn(&[T], &[T], &[T], usize, T, &mut [T], &mut [T], &mut [T]) -> Result<(), Error>;

/// Logistic numbers: of both signs and order one.
pub fn numbers(seed: u64, len: usize) -> Vec<f64> {
    draw::<f64>(noise::logistic, Stream::new(seed), len)
}

pub fn draw<T: Real>(fill: fn(Stream, &mut [T]), stream: Stream, len: usize) -> Vec<f64> {
    let mut out = vec![T::zero(); len];
    fill(stream, &mut out);
    out.into_iter().map(Into::into).collect()
}

pub fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| value.into()).collect()
}

pub fn single(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&value| value as f32).collect()
}

pub fn logs(weights: &[f64]) -> Vec<f64> {
    weights.iter().map(|weight| weight.ln()).collect()
}

/// One at an index, zero elsewhere.
pub fn unit(len: usize, at: usize) -> Vec<f64> {
    (0..len).map(|i| f64::from(u8::from(i == at))).collect()
}

/// The output of a kernel.
#[track_caller]
pub fn output(len: usize, kernel: impl FnOnce(&mut [f64]) -> Result<(), Error>) -> Vec<f64> {
    let mut out = vec![f64::NAN; len];
    kernel(&mut out).unwrap();
    out
}

/// Runs on a pool of its own.
pub fn with_threads<R: Send>(threads: usize, run: impl FnOnce() -> R + Send) -> R {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    pool.expect("a pool of a few threads").install(run)
}

/// The slope of `Σ d · f(input)` in every input by central differences; 0 at masks. Terms that are not finite, as at
/// masks, do not count.
pub fn differences(input: &[f64], d: &[f64], step: f64, f: impl Fn(&[f64]) -> Vec<f64>) -> Vec<f64> {
    let moved = |index: usize, by: f64| -> f64 {
        let mut input = input.to_vec();
        input[index] += by;
        f(&input).iter().zip(d).map(|(y, d)| y * d).filter(|product| product.is_finite()).sum()
    };
    let slope = |index| (moved(index, step) - moved(index, -step)) / (2.0 * step);
    (0..input.len()).map(|index| if input[index] == MASK { 0.0 } else { slope(index) }).collect()
}

#[track_caller]
pub fn assert_near(value: f64, expected: f64, tolerance: f64) {
    assert!((value - expected).abs() < tolerance, "{value}, expected {expected}");
}

/// Fails if a value is `limit` standard errors or more from its expectation. An error of zero allows no difference.
#[track_caller]
pub fn assert_z(name: &str, value: f64, expected: f64, standard_error: f64, limit: f64) {
    let z = (value - expected) / standard_error;
    assert!(
        value == expected || z.abs() < limit,
        "{name}: {value} is {z:.1} standard errors from {expected}"
    );
}
