//! Temperatures in a tensor: the samples and densities of a number, row by row, and the derivative in the temperature.

use crate::support::{double, numbers};
use burn::tensor::{DType, Device, Tensor};
use gumbel::distribution::{BinaryConcrete, Concrete, ExpConcrete, HardConcrete, Igr, Reparameterized};
use gumbel::permutation::{gumbel_sinkhorn, straight_through_gumbel_sinkhorn};
use gumbel::sparse::gumbel_entmax;
use gumbel::sparsity::NOfM;
use gumbel::{
    Error, Noise, Temperature, exp_concrete, gumbel_sigmoid, gumbel_softmax, kl, log_gumbel_softmax,
    straight_through_gumbel_softmax, subset,
};

const MASK: f64 = f64::NEG_INFINITY;
const TAUS: [f64; 3] = [0.3, 1.0, 4.0];

fn noise() -> Noise {
    Noise::from_seed(11)
}

/// Three rows, of which two have a mask.
fn logits() -> Tensor<2> {
    double(vec![0.3, -1.2, 2.0, 0.1, 40.0, MASK, 0.5, -3.0, MASK, 1.0, 0.2, 0.4], [3, 4])
}

/// Points in log space, which are anything at masks.
fn points() -> Tensor<2> {
    double(vec![-1.0, -2.0, -0.7, -3.0, -0.1, 9.0, -4.0, -2.5, MASK, -1.5, -0.4, -1.4], [3, 4])
}

fn row(tensor: &Tensor<2>, row: usize) -> Tensor<2> {
    tensor.clone().narrow(0, row, 1)
}

type Function = (&'static str, fn(Tensor<2>, Temperature<2>) -> Result<Tensor<2>, Error>);

/// Every function of a temperature, on one stream of noise; `-inf` replaced by a number.
const FUNCTIONS: [Function; 22] = [
    ("soft", |l, tau| gumbel_softmax(l, tau, &mut noise())),
    ("log", |l, tau| Ok(finite(log_gumbel_softmax(l, tau, &mut noise())?))),
    ("hard", |l, tau| straight_through_gumbel_softmax(l, tau, &mut noise())),
    ("gumbel_sigmoid", |l, tau| gumbel_sigmoid(finite(l), tau, &mut noise())),
    ("entmax", |l, tau| gumbel_entmax(l, 1.5, tau, &mut noise())),
    ("relaxed_top_k", |l, tau| subset::relaxed_top_k(l, 2, tau, &mut noise())),
    ("N of M", |l, tau| NOfM::new(3, 4)?.soft(l, tau, &mut noise())),
    ("hard top-k", |l, tau| subset::straight_through_top_k(l, 2, tau, &mut noise())),
    ("ExpConcrete density", |l, tau| exp_concrete::log_prob(l, tau, points())),
    ("divergence at a sample", |l, tau| kl::density_at_sample((l.clone(), 0.5), (l, tau), points())),
    ("ExpConcrete entropy", |l, tau| Ok(ExpConcrete::new(l, tau)?.entropy())),
    ("ExpConcrete mode", |l, tau| Ok(finite(ExpConcrete::new(l, tau)?.mode()))),
    ("ExpConcrete sample's density", |l, tau| {
        let q = ExpConcrete::new(l, tau)?;
        Ok(q.log_prob(q.reparameterized(&mut noise())))
    }),
    ("Concrete density", |l, tau| {
        let x = points().mask_fill(l.clone().equal_elem(MASK), MASK).exp();
        let x = x.clone() / x.sum_dim(1);
        Ok(Concrete::new(l, tau)?.log_prob(x))
    }),
    ("BinaryConcrete density", |l, tau| Ok(BinaryConcrete::new(finite(l), tau)?.log_prob(odds()))),
    ("BinaryConcrete distribution", |l, tau| Ok(BinaryConcrete::new(finite(l), tau)?.cdf(odds()))),
    (
        "BinaryConcrete sample",
        |l, tau| Ok(BinaryConcrete::new(finite(l), tau)?.reparameterized(&mut noise())),
    ),
    ("BinaryConcrete mean", |l, tau| Ok(BinaryConcrete::new(finite(l), tau)?.mean())),
    ("BinaryConcrete moments", |l, tau| {
        let q = BinaryConcrete::new(finite(l), tau)?;
        Ok(q.variance() * 0.01 + q.entropy())
    }),
    ("HardConcrete", |l, tau| {
        let q = HardConcrete::new(finite(l) * 0.1, tau)?;
        Ok(q.probability_open() + q.probability_full() + q.median() + q.reparameterized(&mut noise()))
    }),
    ("HardConcrete density", |l, tau| {
        let z = double(vec![0.0, 0.2, 0.6, 1.0, 0.5, 0.9, 0.1, 0.3, 0.7, 0.8, 1.0, 0.4], [3, 4]);
        Ok(HardConcrete::new(finite(l) * 0.1, tau)?.log_prob(z))
    }),
    ("IGR", |l, tau| {
        let q = Igr::new(finite(l) * 0.1, odds().abs() + 0.5, tau, 0.9)?;
        let x = Tensor::full([3, 5], 0.2, (&Device::flex().autodiff(), DType::F64));
        Ok(q.log_prob(x))
    }),
];

fn finite(tensor: Tensor<2>) -> Tensor<2> {
    let infinite = tensor.clone().is_inf();
    tensor.mask_fill(infinite, 1.0)
}

fn odds() -> Tensor<2> {
    points().mask_fill(points().is_inf(), -0.8)
}

#[test]
fn a_row_is_that_of_its_number() {
    for (name, f) in FUNCTIONS {
        let each = f(logits(), double(TAUS.to_vec(), [3, 1]).into()).unwrap();
        for (at, tau) in TAUS.into_iter().enumerate() {
            let same = f(logits(), tau.into()).unwrap();
            for (a, b) in numbers(row(&each, at)).into_iter().zip(numbers(row(&same, at))) {
                // Densities have sums of some tens.
                assert!((a - b).abs() <= 1e-5 * (1.0 + b.abs()), "{name}, tau {tau}: {a}, {b}");
            }
        }
    }
}

#[test]
fn one_temperature_for_all_is_a_tensor_of_one() {
    let all = double(vec![0.3], [1, 1]);
    for (name, f) in FUNCTIONS {
        let (one, same) = (f(logits(), all.clone().into()).unwrap(), f(logits(), 0.3.into()).unwrap());
        let difference = (one - same.clone()).abs() / (same.abs() + 1.0);
        assert!(difference.max().into_scalar::<f64>() < 1e-5, "{name}");
    }
}

#[test]
fn hard_samples_are_the_same_bits_in_every_type() {
    for dtype in [DType::F64, DType::F32, DType::BF16] {
        let logits = Noise::from_seed(2).normal::<2>([500, 7], &Device::flex()).cast(dtype);
        let tau = Noise::from_seed(3).normal::<2>([500, 1], &Device::flex()).exp();
        let of = |tau: Temperature<2>| {
            straight_through_gumbel_softmax(logits.clone(), tau, &mut noise()).unwrap().into_data()
        };
        assert_eq!(of(tau.into()), of(0.5.into()), "{dtype:?}");
    }
}

/// The derivative in the logits and in every temperature against differences; straight-through samples have that of the soft one.
#[test]
fn derivatives_in_the_temperature_are_those_of_differences() {
    let step = 1e-6;
    for (name, f) in FUNCTIONS.into_iter().filter(|(name, _)| !name.starts_with("hard")) {
        let leaf = double(TAUS.to_vec(), [3, 1]).require_grad();
        let theta = logits().require_grad();
        let value = f(theta.clone(), leaf.clone().into()).unwrap();
        let weights = Noise::from_seed(4).normal::<2>(value.dims(), &Device::flex()).cast(DType::F64);
        let total = |tau: Vec<f64>| {
            let value = f(logits(), double(tau, [3, 1]).into()).unwrap();
            (value * weights.clone().autodiff()).sum().into_scalar::<f64>()
        };
        let gradients = (value * weights.clone().autodiff()).sum().backward();
        let in_logits = theta.grad(&gradients).map(numbers).unwrap_or_default();
        assert!(in_logits.iter().all(|slope| slope.is_finite()), "{name}: {in_logits:?}");
        let slopes = numbers(leaf.grad(&gradients).expect("a gradient"));
        for (at, slope) in slopes.into_iter().enumerate() {
            let moved = |by: f64| {
                let mut tau = TAUS.to_vec();
                tau[at] += by;
                total(tau)
            };
            let difference = (moved(step) - moved(-step)) / (2.0 * step);
            // Noise is in single precision, and so is what Burn keeps of some numbers.
            let close = (slope - difference).abs() <= 2e-4 * (1.0 + difference.abs());
            assert!(close, "{name}, tau {}: {slope}, by differences {difference}", TAUS[at]);
        }
    }
}

#[test]
fn a_straight_through_sample_has_the_derivative_of_the_soft_one() {
    let slopes = |sample: fn(Tensor<2>, Tensor<2>) -> Tensor<2>| {
        let leaf = double(TAUS.to_vec(), [3, 1]).require_grad();
        let loss = (sample(logits(), leaf.clone()) * odds()).sum();
        numbers(leaf.grad(&loss.backward()).unwrap())
    };
    let soft = slopes(|l, tau| gumbel_softmax(l, tau, &mut noise()).unwrap());
    let hard = slopes(|l, tau| straight_through_gumbel_softmax(l, tau, &mut noise()).unwrap());
    assert_eq!(soft, hard);
    assert!(soft.iter().any(|slope| slope.abs() > 1e-3));
}

/// The score in τ has the mean 0 under its own density: 4 standard errors, a false alarm in 16 000.
#[test]
fn the_score_in_the_temperature_has_mean_zero() {
    let n = 40_000;
    let leaf = double(vec![0.7; n], [n, 1]).require_grad();
    let rows = double(vec![0.3, -1.2, 2.0, MASK], [1, 4]).repeat_dim(0, n);
    let y = log_gumbel_softmax(rows.clone(), 0.7, &mut noise()).unwrap();
    let log_prob = exp_concrete::log_prob(rows, leaf.clone(), y).unwrap();
    let scores = numbers(leaf.grad(&log_prob.sum().backward()).unwrap());
    let mean = scores.iter().sum::<f64>() / n as f64;
    let variance = scores.iter().map(|score| (score - mean).powi(2)).sum::<f64>() / (n - 1) as f64;
    let z = mean / (variance / n as f64).sqrt();
    assert!(variance > 0.1 && z.abs() < 4.0, "mean {mean}, z {z}");
}

#[test]
fn every_positive_temperature_has_finite_samples_and_derivatives_that_are_numbers() {
    let theta =
        Tensor::<2>::from_floats([[0.0, 1.0, f32::NEG_INFINITY], [3e38, -3e38, 0.0]], &Device::flex());
    for value in [1e-45f32, 1e-38, 1e-30, 1e-6, 1e6, 1e30, 3e38] {
        let leaf = Tensor::<2>::full([2, 1], value, &Device::flex().autodiff()).require_grad();
        let logits = theta.clone().autodiff().require_grad();
        let y = gumbel_softmax(logits.clone(), leaf.clone(), &mut noise()).unwrap();
        let total = numbers(y.clone().sum_dim(1));
        assert!(total.iter().all(|total| (total - 1.0).abs() < 1e-6), "tau {value}: {total:?}");
        let gradients = y.square().sum().backward();
        for slopes in [leaf.grad(&gradients), logits.grad(&gradients)] {
            let slopes = numbers(slopes.unwrap());
            assert!(!slopes.iter().any(|slope| slope.is_nan()), "tau {value}: {slopes:?}");
        }
    }
}

#[test]
fn unfit_temperatures_are_errors_that_name_the_element() {
    for unfit in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        for (name, f) in FUNCTIONS {
            let error = f(logits(), double(vec![1.0, unfit, 1.0], [3, 1]).into()).expect_err(name);
            let named = matches!(error, Error::Element { parameter: "tau", index: 1, .. });
            assert!(named && error.to_string().contains("positive and finite"), "{name}: {error}");
        }
    }
}

#[test]
#[should_panic(expected = "one for each row")]
fn a_temperature_for_each_category_is_none_of_a_concrete_distribution() {
    gumbel_softmax(logits(), double(vec![1.0; 12], [3, 4]), &mut noise()).unwrap();
}

#[test]
fn no_rows_have_no_samples() {
    let empty = || Tensor::<2>::empty([0, 4], &Device::flex());
    let tau = Tensor::<2>::empty([0, 1], &Device::flex());
    assert_eq!(gumbel_softmax(empty(), tau, &mut noise()).unwrap().dims(), [0, 4]);
}

#[test]
fn a_divergence_in_closed_form_needs_equal_temperatures() {
    let of = |tau: Temperature<2>| BinaryConcrete::new(odds(), tau).unwrap();
    let tensor = |last: f64| double(vec![0.5, 0.5, last], [3, 1]).into();
    assert!(of(tensor(0.5)).kl(&of(0.5.into())).is_ok());
    let error = of(tensor(0.25)).kl(&of(0.5.into())).unwrap_err();
    assert!(matches!(error, Error::NoClosedForm { tau: 0.25, other: 0.5, .. }), "{error}");
}

/// Matrices that have a forbidden pair, one of them with logits that no temperature may lose.
fn matrices() -> Tensor<3> {
    let second = [900.0, 901.0, 899.5, 0.2, MASK, 0.7, -0.3, 0.4, 1.0];
    double([vec![0.3, -1.2, 2.0, 0.1, 4.0, MASK, 0.5, -3.0, 1.5], second.to_vec()].concat(), [2, 3, 3])
}

#[test]
fn a_matching_is_that_of_its_number() {
    let of = |l: Tensor<3>, tau: Temperature<3>| gumbel_sinkhorn(l, tau, 30, 0.0, &mut noise()).unwrap();
    let each = of(matrices(), double(vec![0.4, 1.7], [2, 1, 1]).into());
    for (at, tau) in [0.4, 1.7].into_iter().enumerate() {
        let difference = (each.clone() - of(matrices(), tau.into())).narrow(0, at, 1).abs().max();
        assert!(difference.into_scalar::<f64>() < 1e-6, "{at}");
    }
    let hard = |tau: Temperature<3>| straight_through_gumbel_sinkhorn(matrices(), tau, 30, 0.0, &mut noise());
    let tensor = double(vec![0.4, 1.7], [2, 1, 1]).into();
    assert_eq!(hard(tensor).unwrap().into_data(), hard(1.0.into()).unwrap().into_data());
}

#[test]
fn the_derivative_of_a_matching_in_its_temperature_is_that_of_differences() {
    let score = |tau: Tensor<3>| {
        let soft = gumbel_sinkhorn(matrices(), tau, 5, 0.0, &mut noise()).unwrap();
        (soft * matrices().mask_fill(matrices().is_inf(), 0.0).sin()).sum()
    };
    let leaf = double(vec![0.4, 1.7], [2, 1, 1]).require_grad();
    let slopes = numbers(leaf.grad(&score(leaf.clone()).backward()).expect("a gradient"));
    for (at, slope) in slopes.into_iter().enumerate() {
        let moved = |by: f64| {
            let mut tau = vec![0.4, 1.7];
            tau[at] += by;
            score(double(tau, [2, 1, 1])).into_scalar::<f64>()
        };
        let difference = (moved(1e-6) - moved(-1e-6)) / 2e-6;
        assert!((slope - difference).abs() < 1e-5 * (1.0 + difference.abs()), "{at}: {slope}, {difference}");
    }
}

#[test]
#[should_panic(expected = "one temperature for each matrix, [.., 1, 1], got [2, 3, 1]")]
fn a_matching_has_one_temperature() {
    let tau = Tensor::<3>::ones([2, 3, 1], &Device::flex());
    let _ = gumbel_sinkhorn(matrices(), tau, 5, 0.0, &mut noise());
}

#[test]
fn an_unfit_row_of_a_subset_is_named_with_its_temperature() {
    let tau = |last: f64| double(vec![0.5, 1.0, last], [3, 1]);
    let error = subset::relaxed_top_k(logits(), 2, tau(0.0), &mut noise()).unwrap_err();
    assert!(matches!(error, Error::Element { parameter: "tau", index: 2, .. }), "{error}");
    let bad = logits().slice_fill([2..3, 1..2], f64::NAN);
    let error = subset::relaxed_top_k(bad, 2, tau(1.0), &mut noise()).unwrap_err();
    assert!(error.to_string().contains("row 2"), "{error}");
}
