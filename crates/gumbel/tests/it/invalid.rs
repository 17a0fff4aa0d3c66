//! What no row of logits may be is a typed error everywhere, a batch without rows has a result without rows, and
//! divergences of rows that are almost equal are positive numbers with digits.

use crate::support::numbers;
use burn::tensor::{DType, Device, Tensor, TensorData};
use gumbel::distribution::{
    Bernoulli, BinaryConcrete, Categorical, Concrete, ExpConcrete, Gumbel, LogisticNormal, Reparameterized,
};
use gumbel::estimator::{self, Latents, Objective, Parameters, Reduction, Sample};
use gumbel::{Error, Noise, categorical, exp_concrete, kl, permutation, sparse, subset};

type Function = (&'static str, fn(Tensor<2>) -> Result<Tensor<2>, Error>);

fn noise() -> Noise {
    Noise::from_seed(1)
}

/// Every function of rows of logits.
const FUNCTIONS: [Function; 33] = [
    ("categorical::entropy", categorical::entropy),
    ("categorical::log_prob", |l| categorical::log_prob(l.clone(), l.zeros_like())),
    ("kl::categorical, q", |l| kl::categorical(l.clone(), l.zeros_like())),
    ("kl::categorical, p", |l| kl::categorical(l.zeros_like(), l)),
    ("kl::mass_at_sample, q", |l| kl::mass_at_sample(l.clone(), l.zeros_like(), l.zeros_like())),
    ("kl::mass_at_sample, p", |l| kl::mass_at_sample(l.zeros_like(), l.clone(), l.zeros_like())),
    ("kl::density_at_sample, q", |l| {
        kl::density_at_sample((l.clone(), 0.7), (l.zeros_like(), 0.7), l.zeros_like())
    }),
    ("kl::density_at_sample, p", |l| {
        kl::density_at_sample((l.zeros_like(), 0.7), (l.clone(), 0.7), l.zeros_like())
    }),
    ("exp_concrete::log_prob", |l| exp_concrete::log_prob(l.clone(), 0.7, l.zeros_like())),
    ("Categorical", |l| Ok(Categorical::new(l)?.entropy())),
    ("Concrete", |l| Ok(Concrete::new(l.clone(), 0.7)?.in_log_space().entropy())),
    ("ExpConcrete", |l| Ok(ExpConcrete::new(l, 0.7)?.entropy())),
    ("Categorical::log_prob", |l| Ok(Categorical::new(l.clone())?.log_prob(l.zeros_like()))),
    ("Concrete::log_prob", |l| Ok(Concrete::new(l.clone(), 0.7)?.log_prob(l.zeros_like()))),
    ("ExpConcrete::log_prob", |l| Ok(ExpConcrete::new(l.clone(), 0.7)?.log_prob(l.zeros_like()))),
    ("subset::log_prob", |l| subset::log_prob(l.clone(), 1, l.zeros_like())),
    ("subset::kl, q", |l| subset::kl(l.clone(), l.zeros_like(), 1)),
    ("subset::kl, p", |l| subset::kl(l.zeros_like(), l, 1)),
    ("gumbel_max", |l| Ok(gumbel::gumbel_max(l, &mut noise())?.float())),
    ("sample_one_hot", |l| gumbel::sample_one_hot(l, &mut noise())),
    ("gumbel_softmax", |l| gumbel::gumbel_softmax(l, 0.7, &mut noise())),
    ("log_gumbel_softmax", |l| gumbel::log_gumbel_softmax(l, 0.7, &mut noise())),
    ("straight_through", |l| gumbel::straight_through_gumbel_softmax(l, 0.7, &mut noise())),
    ("sparsemax", |l| sparse::sparsemax(l, 0.7)),
    ("entmax", |l| sparse::entmax(l, 1.5, 0.7)),
    ("gumbel_entmax", |l| sparse::gumbel_entmax(l, 1.5, 0.7, &mut noise())),
    ("subset::marginals", |l| subset::marginals(l, 1)),
    ("subset::entropy", |l| subset::entropy(l, 1)),
    ("subset::k_hot", |l| subset::k_hot(l, 1, &mut noise())),
    ("subset::top_k_hot", |l| subset::top_k_hot(l, 1, &mut noise())),
    ("subset::relaxed_top_k", |l| subset::relaxed_top_k(l, 1, 0.7, &mut noise())),
    ("permutation::perturb", |l| permutation::perturb(l, &mut noise())),
    ("plackett_luce_log_prob", |l| {
        let order: Tensor<3> = permutation::hard_sort(l.zeros_like())?;
        permutation::plackett_luce_log_prob(l, order)
    }),
];

#[test]
fn rows_that_are_masked_throughout_or_hold_nan_are_typed_errors_everywhere() {
    let infinity = f32::INFINITY;
    for bad in [[-infinity; 3], [0.0, f32::NAN, 1.0], [0.0, infinity, 1.0]] {
        for dtype in [DType::F32, DType::F64, DType::F16] {
            for (name, function) in FUNCTIONS {
                let logits = Tensor::<2>::from_floats([[0.0, 1.0, 2.0], bad], &Device::flex()).cast(dtype);
                let result = function(logits).map(numbers);
                assert!(result.is_err(), "{name} of {bad:?}, {dtype:?}: {result:?}");
                let message = result.unwrap_err().to_string();
                assert!(message.contains("row 1"), "{name} of {bad:?}: {message}");
            }
        }
    }
}

#[test]
fn a_batch_without_rows_has_a_result_without_rows() {
    for (name, function) in FUNCTIONS {
        let value = function(Tensor::<2>::zeros([0, 3], &Device::flex())).unwrap();
        assert_eq!(value.dims()[0], 0, "{name}");
    }
    type Sort = fn(Tensor<2>) -> Result<Tensor<3>, Error>;
    let sorts: [(&str, Sort); 3] = [
        ("soft_sort", |s| permutation::soft_sort(s, 0.7)),
        ("neural_sort", |s| permutation::neural_sort(s, 0.7)),
        ("hard_sort", permutation::hard_sort),
    ];
    for (name, sort) in sorts {
        let order = sort(Tensor::<2>::zeros([0, 3], &Device::flex())).unwrap();
        assert_eq!(order.dims(), [0, 3, 3], "{name}");
    }
}

#[test]
fn rows_without_categories_are_typed_errors() {
    for (name, function) in FUNCTIONS {
        let result = function(Tensor::<2>::zeros([2, 0], &Device::flex()));
        assert!(result.is_err(), "{name}: {:?}", result.map(|value| value.dims()));
    }
}

type Inner = (&'static str, fn(Tensor<3>) -> Result<Tensor<3>, Error>);

/// Burn reads a 0 in a shape that is an array as "as it was".
#[test]
fn an_axis_of_no_size_before_the_last_has_no_samples() {
    let functions: [Inner; 13] = [
        ("gumbel_softmax", |l| gumbel::gumbel_softmax(l, 0.7, &mut noise())),
        ("log_gumbel_softmax", |l| gumbel::log_gumbel_softmax(l, 0.7, &mut noise())),
        ("straight_through", |l| gumbel::straight_through_gumbel_softmax(l, 0.7, &mut noise())),
        ("sample_one_hot", |l| gumbel::sample_one_hot(l, &mut noise())),
        ("gumbel_sigmoid", |l| gumbel::gumbel_sigmoid(l, 0.7, &mut noise())),
        ("top_k_hot", |l| subset::top_k_hot(l, 1, &mut noise())),
        ("relaxed_top_k", |l| subset::relaxed_top_k(l, 1, 0.7, &mut noise())),
        ("k_hot", |l| subset::k_hot(l, 1, &mut noise())),
        ("entmax", |l| sparse::entmax(l, 1.5, 0.7)),
        ("gumbel_entmax", |l| sparse::gumbel_entmax(l, 1.5, 0.7, &mut noise())),
        ("isotonic_rank", |l| {
            permutation::isotonic_rank(
                l,
                0.7,
                permutation::Regularization::Quadratic,
                permutation::Direction::Descending,
            )
        }),
        ("tanh", |l| Ok(gumbel::activation::tanh(l))),
        ("normal", |l| Ok(noise().normal(l.dims(), &l.device()))),
    ];
    for (name, function) in functions {
        let value = function(Tensor::<3>::empty([4, 0, 2], &Device::flex())).unwrap();
        assert_eq!(value.dims(), [4, 0, 2], "{name}");
    }
    let numbers: [Inner; 4] = [
        ("gumbel_max", |l| Ok(gumbel::gumbel_max(l, &mut noise())?.float())),
        ("entropy", categorical::entropy),
        ("kl", |l| kl::categorical(l.clone(), l)),
        ("exp_concrete", |l| exp_concrete::log_prob(l.clone(), 0.7, l)),
    ];
    for (name, function) in numbers {
        let value = function(Tensor::<3>::empty([4, 0, 2], &Device::flex())).unwrap();
        assert_eq!(value.dims(), [4, 0, 1], "{name}");
    }
}

#[test]
fn estimates_of_a_batch_without_rows_are_empty() {
    for entry in estimator::ALL {
        let estimator = entry.build(&Parameters::default()).unwrap();
        let k = if entry.properties.latents == Latents::Binary { 2 } else { 3 };
        let logits = Tensor::<3>::zeros([0, 4, k], &Device::flex().autodiff()).require_grad();
        let losses = |sample: &Sample| {
            let [samples, rows, ..] = sample.z.dims();
            Tensor::zeros([samples, rows], &sample.z.device())
        };
        let objective = match entry.properties.supports(Reduction::Mean) {
            true => Objective::mean(losses),
            false => Objective::log_mean_exp(losses),
        };
        let estimate = estimator.estimate(logits.clone(), &objective, &mut noise(), 0).unwrap();
        assert_eq!(estimate.loss.dims(), [0], "{}", entry.name());
        let slope = logits.grad(&estimate.loss.sum().backward()).unwrap();
        assert_eq!(slope.dims(), [0, 4, k], "{}", entry.name());
    }
}

/// Each divergence in single precision, against double.
#[test]
fn divergences_of_almost_equal_distributions_are_positive_and_keep_their_digits() {
    type Divergence = (&'static str, fn(Tensor<2>, Tensor<2>) -> Tensor<2>);
    let divergences: [Divergence; 6] = [
        ("categorical", |q, p| kl::categorical(q, p).unwrap()),
        ("Bernoulli", |q, p| Bernoulli::new(q).unwrap().kl(&Bernoulli::new(p).unwrap())),
        ("Gumbel", |q, p| Gumbel::new(q, 1.0).unwrap().kl(&Gumbel::new(p, 1.0).unwrap())),
        ("Binary Concrete", |q, p| {
            BinaryConcrete::new(q, 0.7).unwrap().kl(&BinaryConcrete::new(p, 0.7).unwrap()).unwrap()
        }),
        ("logistic normal", |q, p| {
            let scale = |t: &Tensor<2>| t.clone().exp();
            let q = LogisticNormal::new(q.clone(), scale(&q)).unwrap();
            q.kl(&LogisticNormal::new(p.clone(), scale(&p)).unwrap())
        }),
        ("subset", |q, p| subset::kl(q, p, 2).unwrap()),
    ];
    for (seed, size) in (0..40).flat_map(|seed| [1.0, 1e-2, 1e-4].map(|size| (seed, size))) {
        let u = numbers(Noise::from_seed(seed).normal::<1>([20], &Device::flex()));
        let q: Vec<f64> = u[..10].to_vec();
        let p: Vec<f64> = q.iter().zip(&u[10..]).map(|(q, u)| f64::from((q + u * size) as f32)).collect();
        let pair = |dtype: DType| {
            [&q, &p].map(|row| {
                Tensor::<2>::from_data(TensorData::new(row.clone(), [2, 5]), (&Device::flex(), dtype))
            })
        };
        for (name, divergence) in divergences {
            let [q, p] = pair(DType::F64);
            let exact = numbers(divergence(q, p));
            let [q, p] = pair(DType::F32);
            for (single, exact) in numbers(divergence(q, p)).into_iter().zip(exact) {
                assert!(single >= 0.0 && exact >= 0.0, "{name} at {size}: {single}, {exact}");
                let error = (single - exact).abs();
                assert!(error <= 2e-3 * exact + 1e-13, "{name} at {size}: {single}, not {exact}");
            }
        }
    }
}
