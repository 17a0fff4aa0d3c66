//! Where values are at the edge of what they can be: masks on either side, probabilities of zero, logits as large as their
//! type holds, outcomes that cannot occur. No NaN, and a finite gradient wherever the value is finite.

use crate::support::numbers;
use burn::tensor::{DType, Device, Tensor, TensorData};
use gumbel::distribution::{BinaryConcrete, Gumbel, LogisticNormal, Reparameterized, TruncatedGumbel};
use gumbel::perturbed::{NoiseDistribution, Perturbation, fenchel_young_loss};
use gumbel::{Noise, Schedule, categorical, exp_concrete, kl, permutation, subset, tree};

const INFINITE: f64 = f64::INFINITY;

fn tensor<const D: usize>(values: &[f64], shape: [usize; D], dtype: DType) -> Tensor<D> {
    let device = Device::flex().autodiff();
    Tensor::from_data(TensorData::new(values.to_vec(), shape), (&device, dtype)).require_grad()
}

/// Uniform numbers of a seed.
fn uniform(seed: u64, count: usize) -> Vec<f64> {
    numbers(Noise::from_seed(seed).uniform::<1>([count], &Device::flex()))
}

/// A row of logits with everything that a row may hold; at least one of them is not masked.
fn row(seed: u64, categories: usize, largest: f64) -> Vec<f64> {
    let choose = |u: f64| match (u * 8.0) as usize {
        0 => -INFINITE,
        1 => 0.0,
        2 => -200.0,
        3 => 200.0,
        4 => largest,
        5 => -largest,
        _ => (u * 8.0).fract() * 6.0 - 3.0,
    };
    let mut row: Vec<f64> = uniform(seed, categories).into_iter().map(choose).collect();
    if row.iter().all(|&logit| logit == -INFINITE) {
        row[0] = 1.0;
    }
    row
}

fn log_probabilities(logits: &[f64]) -> Vec<f64> {
    let largest = logits.iter().copied().fold(-INFINITE, f64::max);
    let total = logits.iter().map(|logit| (logit - largest).exp()).sum::<f64>().ln();
    logits.iter().map(|logit| logit - largest - total).collect()
}

/// Σ a b with 0 · ∞ = 0.
fn sum_of_products(pairs: impl Iterator<Item = (f64, f64)>) -> f64 {
    pairs.filter(|&(a, _)| a != 0.0).map(|(a, b)| a * b).sum()
}

/// Compares with a number in double precision; what single precision cannot hold is infinite there.
#[track_caller]
fn agree(found: f64, expected: f64, tolerance: f64, case: &str) {
    let expected = if expected.abs() > f64::from(f32::MAX) { expected.signum() * INFINITE } else { expected };
    let close = found == expected || (found - expected).abs() <= tolerance * (1.0 + expected.abs());
    assert!(close, "{case}: {found}, not {expected}");
}

#[track_caller]
fn finite_slopes<const D: usize, const E: usize>(leaf: &Tensor<D>, value: Tensor<E>, case: &str) {
    let slopes = numbers(leaf.grad(&value.sum().backward()).expect("a gradient"));
    assert!(slopes.iter().all(|slope| slope.is_finite()), "{case}: slopes {slopes:?}");
}

/// 2000 pairs of rows in three types, against sums in double precision.
#[test]
fn entropies_and_divergences_agree_with_double_precision_whatever_is_masked_or_large() {
    let types = [(DType::F64, 1e300, 1e-12), (DType::F32, 3e38, 2e-5), (DType::F16, 6e4, 1e-2)];
    for seed in 0..2000 {
        let (dtype, largest, tolerance) = types[seed as usize % 3];
        let categories = 1 + seed as usize % 5;
        let narrow = |values: Vec<f64>| numbers(tensor(&values, [categories], dtype).inner());
        let (q, p) =
            (narrow(row(2 * seed, categories, largest)), narrow(row(2 * seed + 1, categories, largest)));
        let case = format!("{dtype:?} {q:?} {p:?}");
        let (log_q, log_p) = (log_probabilities(&q), log_probabilities(&p));
        let leaf = tensor(&q, [categories], dtype);
        let entropy = categorical::entropy(leaf.clone()).unwrap();
        let expected = -sum_of_products(log_q.iter().map(|&l| (l.exp(), l)));
        agree(numbers(entropy.clone().inner())[0], expected, tolerance, &case);
        finite_slopes(&leaf, entropy, &case);
        let leaf = tensor(&q, [categories], dtype);
        let divergence = kl::categorical(leaf.clone(), tensor(&p, [categories], dtype)).unwrap();
        // A category has probability zero in the type in which it is computed.
        let least = if dtype == DType::F64 { -INFINITE } else { -f64::from(f32::MAX) };
        let zero = |log: f64| log < least || log == -INFINITE;
        let only_q = log_q.iter().zip(&log_p).any(|(&q, &p)| !zero(q) && zero(p));
        let ratio = |(&q, &p): (&f64, &f64)| (q.exp(), q - p);
        let expected = if only_q { INFINITE } else { sum_of_products(log_q.iter().zip(&log_p).map(ratio)) };
        let found = numbers(divergence.clone().inner())[0];
        agree(
            found,
            if dtype == DType::F16 && expected > 65504.0 { INFINITE } else { expected },
            tolerance,
            &case,
        );
        if found.is_finite() {
            finite_slopes(&leaf, divergence, &case);
        }
    }
}

#[test]
fn a_ratio_at_a_sample_is_that_of_the_sampled_category_alone() {
    for seed in 0..500 {
        let categories = 2 + seed as usize % 4;
        let (q, p) = (row(3 * seed, categories, 3e38), row(3 * seed + 1, categories, 3e38));
        let (log_q, log_p) = (log_probabilities(&q), log_probabilities(&p));
        let picked = (0..categories).find(|&k| log_q[k] > -1e30 && log_p[k] > -1e30);
        let Some(picked) = picked else { continue };
        let z: Vec<f64> = (0..categories).map(|k| f64::from(u8::from(k == picked))).collect();
        let leaf = tensor(&q, [categories], DType::F32);
        let other = tensor(&p, [categories], DType::F32);
        let ratio =
            kl::mass_at_sample(leaf.clone(), other, tensor(&z, [categories], DType::F32).inner().autodiff())
                .unwrap();
        let case = format!("{q:?} {p:?} {z:?}");
        agree(numbers(ratio.clone().inner())[0], log_q[picked] - log_p[picked], 2e-5, &case);
        finite_slopes(&leaf, ratio, &case);
    }
}

#[test]
fn half_precision_is_computed_in_single() {
    for seed in 0..200 {
        let categories = 2 + seed as usize % 5;
        for dtype in [DType::F16, DType::BF16] {
            let values: Vec<f64> = uniform(seed, 3 * categories).iter().map(|u| 12.0 * u - 6.0).collect();
            let half = tensor(&values, [3, categories], dtype).inner();
            let [q, p, y] = half.split(1, 0).try_into().expect("three rows");
            let single = |tensor: &Tensor<2>| tensor.clone().cast(DType::F32);
            let rounded = |tensor: Tensor<2>| numbers(tensor.cast(dtype).cast(DType::F32));
            let shown = |tensor: Tensor<2>| numbers(tensor.cast(DType::F32));
            assert_eq!(
                shown(categorical::entropy(q.clone()).unwrap()),
                rounded(categorical::entropy(single(&q)).unwrap())
            );
            let divergence = kl::categorical(single(&q), single(&p)).unwrap();
            assert_eq!(shown(kl::categorical(q.clone(), p).unwrap()), rounded(divergence));
            let density = exp_concrete::log_prob(single(&q), 0.7, single(&y)).unwrap();
            assert_eq!(shown(exp_concrete::log_prob(q, 0.7, y).unwrap()), rounded(density));
        }
    }
}

#[test]
fn distribution_functions_of_gumbels_have_finite_slopes_where_they_are_finite() {
    let places = [-1e4, -300.0, -100.0, -20.0, -7.5, -6.5, -1.0, 0.0, 0.3, 3.0, 9.0, 100.0, 1e4];
    for dtype in [DType::F32, DType::F64] {
        for (location, at) in places.iter().flat_map(|&l| places.map(|at| (l, at))) {
            let leaf = tensor(&[location], [1], dtype);
            let x = || tensor(&[at], [1], dtype);
            let gumbel = Gumbel::new(leaf.clone(), 1.0).unwrap();
            let values = [
                ("cdf", gumbel.cdf(x())),
                ("log_cdf", gumbel.log_cdf(x())),
                ("log_survival", gumbel.log_survival(x())),
                ("log_prob", gumbel.log_prob(x())),
            ];
            for bound in places {
                let truncated = TruncatedGumbel::new(leaf.clone(), tensor(&[bound], [1], dtype)).unwrap();
                let own = truncated.sample(&mut Noise::from_seed(7));
                for value in [truncated.log_cdf(own.clone()), truncated.log_prob(own), truncated.mean()] {
                    finite_where_finite(&leaf, value, &format!("truncated at {bound}, {location} {dtype:?}"));
                }
            }
            for (name, value) in values {
                finite_where_finite(&leaf, value, &format!("{name} of {at} at {location} {dtype:?}"));
            }
        }
    }
}

#[track_caller]
fn finite_where_finite(leaf: &Tensor<1>, value: Tensor<1>, case: &str) {
    let number = numbers(value.clone().inner())[0];
    assert!(!number.is_nan(), "{case}: NaN");
    if number.is_finite() {
        finite_slopes(leaf, value, case);
    }
}

#[test]
fn scores_far_below_the_others_leave_their_order_as_it_is() {
    for seed in 0..100 {
        let (count, padding) = (2 + seed as usize % 4, 1 + seed as usize % 3);
        let scores: Vec<f64> = uniform(seed, count).iter().map(|u| 6.0 * u - 3.0).collect();
        let alone: Tensor<2> =
            permutation::neural_sort(tensor(&scores, [count], DType::F32).inner(), 0.5).unwrap();
        let padded = [&scores[..], &vec![-1e9; padding]].concat();
        let all: Tensor<2> =
            permutation::neural_sort(tensor(&padded, [count + padding], DType::F32).inner(), 0.5).unwrap();
        let block = all.slice([0..count, 0..count]);
        for (with, without) in numbers(block).iter().zip(numbers(alone)) {
            assert!((with - without).abs() < 1e-5, "{scores:?}: {with} with padding, {without} without");
        }
    }
}

/// Over everything that has the shape of an outcome, possible or not, probabilities sum to one.
#[test]
fn outcomes_that_cannot_occur_have_probability_zero() {
    let bits = |number: usize, count: usize| -> Vec<f64> {
        (0..count).map(|place| f64::from(u8::from(number >> place & 1 == 1))).collect()
    };
    let all: Vec<f64> = (0..64).flat_map(|number| bits(number, 6)).collect();
    let logits = tensor(&uniform(1, 6), [1, 6], DType::F64).inner().repeat_dim(0, 64);
    let rows = || tensor(&all, [64, 6], DType::F64).inner();
    let total = |log_prob: Tensor<2>| numbers(log_prob.exp().sum())[0];
    for k in 1..=6 {
        let mass = total(subset::log_prob(logits.clone(), k, rows()).unwrap());
        assert!((mass - 1.0).abs() < 1e-12, "subsets of {k}: {mass}");
    }
    let graph = tree::Graph::complete(4).unwrap();
    let mass = total(tree::log_prob(&graph, logits, rows()).unwrap());
    assert!((mass - 1.0).abs() < 1e-12, "trees: {mass}");
    let hot = |item: usize| (0..3).map(move |k| f64::from(u8::from(k == item)));
    let orders: Vec<f64> = (0..27).flat_map(|n| [n % 3, n / 3 % 3, n / 9].map(hot)).flatten().collect();
    let scores = tensor(&uniform(2, 3), [1, 3], DType::F64).inner().repeat_dim(0, 27);
    let orders: Tensor<3> = tensor(&orders, [27, 3, 3], DType::F64).inner();
    let mass = total(permutation::plackett_luce_log_prob(scores, orders).unwrap());
    assert!((mass - 1.0).abs() < 1e-12, "orders: {mass}");
}

#[test]
fn a_masked_score_has_no_gradient_whatever_the_target_is() {
    let unit = Perturbation { distribution: NoiseDistribution::Gumbel, tau: 1.0 };
    let first = |theta: &[f64]| {
        let best = (0..theta.len()).fold(0, |best, k| if theta[k] > theta[best] { k } else { best });
        (0..theta.len()).map(|k| f64::from(u8::from(k == best))).collect()
    };
    for target in [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.3, 0.3, 0.4]] {
        let theta = tensor(&[0.2, -INFINITE, 0.7], [3], DType::F32);
        let target = tensor(&target, [3], DType::F32).inner();
        let loss =
            fenchel_young_loss(theta.clone(), target, first, unit, 5, &mut Noise::from_seed(1)).unwrap();
        let slopes = numbers(theta.grad(&loss.sum().backward()).unwrap());
        assert!(slopes[1] == 0.0 && slopes.iter().all(|slope| slope.is_finite()), "{slopes:?}");
    }
}

#[test]
fn schedules_stay_between_their_ends() {
    for seed in 0..300 {
        let u = uniform(seed, 3);
        let (start, end) = (10f64.powf(40.0 * u[0] - 20.0), 10f64.powf(40.0 * u[1] - 20.0));
        let steps = 1 + (u[2] * 300.0) as u64;
        for kind in ["linear", "cosine"] {
            let schedule: Schedule = format!("{kind}:{start:e}:{end:e}:{steps}").parse().unwrap();
            let (low, high) = schedule.range();
            for step in 0..=steps {
                let value = schedule.at(step);
                let within = (low * (1.0 - 1e-12)..=high * (1.0 + 1e-12)).contains(&value);
                assert!(within && value > 0.0, "{schedule} is {value} at {step}");
            }
        }
    }
}

/// A sample in double precision is that of single precision with more digits.
#[test]
fn distributions_of_doubles_draw_doubles() {
    let draws = |dtype: DType| -> Vec<Vec<f64>> {
        let parameter = tensor(&[0.3; 200], [200], dtype).inner();
        let noise = || Noise::from_seed(5);
        let truncated = TruncatedGumbel::new(parameter.clone(), parameter.clone() + 1.0).unwrap();
        let samples = [
            Gumbel::new(parameter.clone(), 1.5).unwrap().sample(&mut noise()),
            truncated.sample(&mut noise()),
            BinaryConcrete::new(parameter.clone(), 0.7).unwrap().sample(&mut noise()),
            LogisticNormal::new(parameter.clone(), parameter.clone()).unwrap().sample(&mut noise()),
        ];
        samples.map(numbers).into()
    };
    for (double, single) in draws(DType::F64).iter().zip(draws(DType::F32)) {
        let exact = double.iter().filter(|&&x| x == f64::from(x as f32)).count();
        assert!(exact < 3, "{exact} of {} have the digits of single precision alone", double.len());
        for (double, single) in double.iter().zip(single) {
            assert!((double - single).abs() < 1e-5 * (1.0 + double.abs()), "{double} and {single}");
        }
    }
}
