//! Sorts, ranks, quantiles and top-k without a matrix, as tensors. Their values are tested beside the kernels.

use crate::support::{double, numbers};
use burn::tensor::{DType, Device, Tensor};
use gumbel::permutation::*;
use gumbel::subset::lap_sum_top_k;
use gumbel::{Error, Noise};
use gumbel_kernels::Error as KernelError;

type Function = Box<dyn Fn(Tensor<3>, f64) -> Result<Tensor<3>, Error>>;

/// All of them, by name.
fn functions() -> Vec<(String, Function)> {
    let mut all: Vec<(String, Function)> = vec![
        ("quantile".into(), Box::new(|values, tau| soft_quantile(values, 0.3, tau))),
        ("median".into(), Box::new(soft_median)),
        ("top-k".into(), Box::new(|logits, tau| lap_sum_top_k(logits, 2, tau))),
    ];
    for direction in [Direction::Descending, Direction::Ascending] {
        let name = |function: &str| format!("{function}, {direction:?}");
        all.push((name("LapSum sort"), Box::new(move |s, tau| lap_sum_sort(s, tau, direction))));
        all.push((name("LapSum rank"), Box::new(move |s, tau| lap_sum_rank(s, tau, direction))));
        for kind in [Regularization::Quadratic, Regularization::Entropic] {
            let name = |function: &str| format!("{function}, {kind:?}, {direction:?}");
            all.push((name("sort"), Box::new(move |s, tau| isotonic_sort(s, tau, kind, direction))));
            all.push((name("rank"), Box::new(move |s, tau| isotonic_rank(s, tau, kind, direction))));
        }
    }
    all
}

fn scores(seed: u64) -> Tensor<3> {
    Noise::from_seed(seed).logistic::<3>([2, 3, 5], &Device::flex())
}

#[test]
fn gradients_are_those_of_finite_differences() {
    for (name, function) in functions() {
        for tau in [0.2, 1.5] {
            let start: Vec<f64> = numbers(scores(1));
            let objective = |values: Vec<f64>| {
                let leaf: Tensor<3> = double(values, [2, 3, 5]).require_grad();
                let result = function(leaf.clone(), tau).unwrap();
                let squares = (result.clone() * result.sin()).sum();
                (leaf, squares)
            };
            let (leaf, value) = objective(start.clone());
            let slopes = numbers(leaf.grad(&value.backward()).expect("a gradient"));
            for at in 0..start.len() {
                let moved = |by: f64| {
                    let mut values = start.clone();
                    values[at] += by;
                    objective(values).1.into_scalar::<f64>()
                };
                let difference = (moved(1e-6) - moved(-1e-6)) / 2e-6;
                let close = (difference - slopes[at]).abs() < 1e-5 * (1.0 + difference.abs());
                assert!(close, "{name} at {tau}, {at}: {}, by differences {difference}", slopes[at]);
            }
        }
    }
}

#[test]
fn every_float_type_and_layout_is_supported() {
    for (name, function) in functions() {
        let single = function(scores(2), 0.7).unwrap();
        for dtype in [DType::F64, DType::F16, DType::BF16] {
            let result = function(scores(2).cast(dtype), 0.7).unwrap();
            assert_eq!((result.dtype(), result.dims()), (dtype, single.dims()), "{name}");
            let error = (result.cast(DType::F32) - single.clone()).abs().max().into_scalar::<f32>();
            assert!(error < 0.1, "{name} in {dtype:?}: {error}"); // rounded scores
        }
        let turned = scores(2).swap_dims(0, 1);
        let result = function(turned, 0.7).unwrap().swap_dims(0, 1);
        assert_eq!(result.into_data(), single.into_data(), "{name} of a tensor that is not contiguous");
    }
}

#[test]
fn no_rows_give_no_rows() {
    for (name, function) in functions() {
        let result = function(Tensor::zeros([0, 3, 5], &Device::flex()), 0.7).unwrap();
        assert_eq!(result.dims()[..2], [0, 3], "{name}");
    }
}

#[test]
fn mistakes_are_errors_that_name_them() {
    for (name, function) in functions() {
        let error = function(scores(1), 0.0).unwrap_err();
        assert_eq!(error, Error::Kernel(KernelError::Temperature(0.0)), "{name}");
        let error = function(Tensor::zeros([2, 3, 0], &Device::flex()), 1.0).unwrap_err();
        assert_eq!(error, Error::Kernel(KernelError::Categories(0)), "{name}");
        for value in [f32::NAN, f32::INFINITY] {
            let unfit = scores(1).slice_fill([1..2, 1..2, 3..4], value);
            let message = function(unfit, 1.0).unwrap_err().to_string();
            let expected = format!("row 4, column 3 is {value}; expected a finite number").to_lowercase();
            assert!(message.to_lowercase().contains(&expected), "{name}: {message}");
        }
    }
    let message = |q| soft_quantile(scores(1), q, 1.0).unwrap_err().to_string();
    assert_eq!(message(0.0), "q must be above 0 and below 1 (0.5 is the median), got 0");
    let error = lap_sum_top_k(scores(1), 6, 1.0).unwrap_err();
    assert_eq!(error, Error::Kernel(KernelError::TooFew { row: 0, requested: 6, available: 5 }));
    assert_eq!(lap_sum_top_k(scores(1), 0, 1.0).unwrap_err(), Error::Kernel(KernelError::EmptySubset));
}

#[test]
fn at_a_low_temperature_all_sorts_agree() {
    let scores = scores(3);
    let order: Tensor<4> = hard_sort(scores.clone()).unwrap();
    let sorted = order.matmul(scores.clone().unsqueeze_dim(3)).squeeze_dim(3);
    let direction = Direction::Descending;
    let results = [
        isotonic_sort(scores.clone(), 1e-6, Regularization::Quadratic, direction),
        isotonic_sort(scores.clone(), 1e-6, Regularization::Entropic, direction),
        lap_sum_sort(scores, 1e-6, direction),
    ];
    for result in results {
        let error = (result.unwrap() - sorted.clone()).abs().max().into_scalar::<f32>();
        assert!(error < 1e-4, "{error}");
    }
}

#[test]
fn a_soft_top_k_of_perturbed_logits_is_near_the_sample_of_the_same_noise() {
    let logits = Noise::from_seed(4).logistic::<2>([500, 8], &Device::flex());
    let hard = gumbel::subset::top_k_hot(logits.clone(), 3, &mut Noise::from_seed(5)).unwrap();
    let keys = perturb(logits, &mut Noise::from_seed(5)).unwrap();
    let soft = lap_sum_top_k(keys, 3, 1e-5).unwrap();
    let apart = (soft - hard).abs().sum().into_scalar::<f32>();
    assert!(apart < 0.1, "{apart} of 1500");
}
