//! Numbers in and out of tensors, and comparisons.

pub use crate::support::numbers;
use burn::tensor::{DType, Device, Tensor};

pub const MASK: f64 = f64::NEG_INFINITY;

/// One row in double precision.
pub fn row(values: &[f64]) -> Tensor<1> {
    Tensor::from_data(values, (&Device::flex(), DType::F64))
}

/// The same row many times, in single precision.
pub fn rows(values: &[f64], count: usize) -> Tensor<2> {
    row(values).cast(DType::F32).unsqueeze::<2>().repeat_dim(0, count)
}

pub fn number<const D: usize>(tensor: Tensor<D>) -> f64 {
    let numbers = numbers(tensor);
    assert_eq!(numbers.len(), 1);
    numbers[0]
}

/// Equal, or apart by at most `tolerance` of what is expected or of one.
#[track_caller]
pub fn assert_near<const D: usize>(found: Tensor<D>, expected: &[f64], tolerance: f64) {
    let found = numbers(found);
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.into_iter().zip(expected) {
        let near = found == *expected || (found - expected).abs() <= tolerance * expected.abs().max(1.0);
        assert!(near, "{found}, expected {expected}");
    }
}

/// The gradient of the sum of `f`.
pub fn gradient(at: &[f64], f: impl Fn(Tensor<1>) -> Tensor<1>) -> Tensor<1> {
    let leaf = row(at).autodiff().require_grad();
    leaf.grad(&f(leaf.clone()).sum().backward()).expect("a gradient")
}

/// The gradient against central differences. Burn rounds some scalars of its backward passes to single precision.
#[track_caller]
pub fn assert_gradient(at: &[f64], f: impl Fn(Tensor<1>) -> Tensor<1>) {
    let analytic = numbers(gradient(at, &f));
    for (index, slope) in analytic.into_iter().enumerate() {
        let moved = |by: f64| {
            let mut at = at.to_vec();
            at[index] += by;
            number(f(row(&at)).sum())
        };
        let difference = (moved(1e-5) - moved(-1e-5)) / 2e-5;
        let near = (difference - slope).abs() < 1e-6 * difference.abs().max(1.0);
        assert!(near, "slope {slope} at {index}, by differences {difference}");
    }
}

#[track_caller]
pub fn assert_z(what: &str, found: f64, expected: f64, standard_error: f64) {
    let z = (found - expected) / standard_error;
    assert!(z.abs() < 4.0, "{what}: {found} is {z:.1} standard errors from {expected}");
}

/// The mean of a sample against the one of its law.
#[track_caller]
pub fn assert_mean(what: &str, sample: &[f64], expected: f64) {
    let n = sample.len() as f64;
    let mean = sample.iter().sum::<f64>() / n;
    let variance = sample.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
    assert_z(what, mean, expected, (variance / n).sqrt());
}

/// Kolmogorov and Smirnov at 0.001: P(√n D > x) ≈ 2 exp(−2x²).
#[track_caller]
pub fn assert_law(what: &str, mut sample: Vec<f64>, cdf: impl Fn(f64) -> f64) {
    sample.sort_unstable_by(f64::total_cmp);
    let n = sample.len() as f64;
    let gap = |(i, &x): (usize, &f64)| (cdf(x) - i as f64 / n).max((i + 1) as f64 / n - cdf(x));
    let largest = sample.iter().enumerate().map(gap).fold(0.0, f64::max) * n.sqrt();
    let limit = (-(0.0005f64).ln() / 2.0).sqrt();
    assert!(largest < limit, "{what}: √n D = {largest}, limit {limit}");
}

/// The trapezoid rule with many points; for functions that vanish at both ends.
pub fn integral(from: f64, to: f64, points: usize, f: impl Fn(Tensor<1>) -> Tensor<1>) -> f64 {
    let step = (to - from) / points as f64;
    let at: Vec<f64> = (0..=points).map(|i| from + step * i as f64).collect();
    number(f(row(&at)).sum()) * step
}
