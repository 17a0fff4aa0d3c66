//! Quantisers: values, gradients, what they learn, and what they refuse.

mod binary;
mod compositions;
mod finite_scalar;
mod golden;
mod gradients;
mod learning;
mod refusals;
mod sphere;

use crate::support::{double, numbers};
use burn::tensor::{Device, Int, Tensor};
use gumbel::Noise;

/// Normal numbers in double precision on the autodiff device.
fn normal<const R: usize>(seed: u64, shape: [usize; R]) -> Tensor<R> {
    let values = Noise::from_seed(seed).normal::<R>(shape, &Device::flex());
    double(numbers(values), shape)
}

fn integers<const R: usize>(tensor: Tensor<R, Int>) -> Vec<i64> {
    tensor.into_data().iter::<i64>().collect()
}

/// The gradient of the sum of `cotangent · f(x)` in x.
fn pulled_back<const R: usize>(
    x: &Tensor<R>,
    cotangent: &[f64],
    f: impl Fn(Tensor<R>) -> Tensor<R>,
) -> Vec<f64> {
    let leaf = x.clone().detach().require_grad();
    let value = f(leaf.clone());
    let shape = value.dims();
    let gradients = (value * double(cotangent.to_vec(), shape)).sum().backward();
    numbers(leaf.grad(&gradients).expect("a gradient"))
}

/// The gradient of a scalar function by central differences.
fn differences<const R: usize>(x: &Tensor<R>, f: impl Fn(Tensor<R>) -> f64) -> Vec<f64> {
    let (values, shape, step) = (numbers(x.clone()), x.dims(), 1e-6);
    let at = |i: usize, by: f64| {
        let mut values = values.clone();
        values[i] += by;
        f(double(values, shape))
    };
    (0..values.len()).map(|i| (at(i, step) - at(i, -step)) / (2.0 * step)).collect()
}

#[track_caller]
fn assert_close(got: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(got.len(), expected.len());
    for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
        assert!(
            (got - expected).abs() <= tolerance * (1.0 + expected.abs()),
            "{i}: {got}, expected {expected}"
        );
    }
}
