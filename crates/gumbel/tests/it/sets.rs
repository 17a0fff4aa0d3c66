//! Unordered sets, and sum and sample, without Monte Carlo: their mean over all sets, or over all draws, in double
//! precision. Their samplers are compared with those laws in standard errors.

use crate::support::{double, gradients, numbers};
use burn::tensor::Tensor;
use gumbel::estimator::{
    Estimate, Estimator, Objective, Reinforce, ReinforceBaseline, Sample, SumAndSample, UnorderedSet,
};
use gumbel::{Error, Noise};
use std::cell::RefCell;

const LATENTS: usize = 2;
const CATEGORIES: usize = 3;
const STATES: usize = 9;
const LOGITS: [f64; 6] = [0.3, -0.5, 0.8, 0.0, 1.0, -1.2];

fn logits(rows: usize) -> Tensor<3> {
    double(LOGITS.repeat(rows), [rows, LATENTS, CATEGORIES]).require_grad()
}

fn categories(state: usize) -> [usize; LATENTS] {
    [state / CATEGORIES, state % CATEGORIES]
}

fn one_hot(state: usize) -> [f64; 6] {
    let [a, b] = categories(state);
    std::array::from_fn(|at| f64::from(u8::from(at == a || at == CATEGORIES + b)))
}

/// softmax θ.
fn p() -> [f64; 6] {
    let total = |d: usize| LOGITS[d * CATEGORIES..][..CATEGORIES].iter().map(|l| l.exp()).sum::<f64>();
    std::array::from_fn(|at| LOGITS[at].exp() / total(at / CATEGORIES))
}

fn mass(state: usize) -> f64 {
    let [a, b] = categories(state);
    p()[a] * p()[CATEGORIES + b]
}

/// A loss that no sum over latents makes.
fn f(sample: &Sample) -> Tensor<2> {
    let [samples, rows, ..] = sample.z.dims();
    let weights = double(vec![1.0, -0.5, 0.2, -1.0, 0.7, 0.4], [1, 1, LATENTS, CATEGORIES]);
    (sample.z.clone() * weights).sum_dim(3).sum_dim(2).reshape([samples, rows]).exp() * 2.0
}

fn loss(state: usize) -> f64 {
    numbers(f(&Sample::hard(double(one_hot(state).to_vec(), [1, 1, LATENTS, CATEGORIES]))))[0]
}

/// E f, and its gradient.
fn exact() -> (f64, [f64; 6]) {
    let value = (0..STATES).map(|s| mass(s) * loss(s)).sum();
    let slope = |at: usize| (0..STATES).map(|s| mass(s) * loss(s) * (one_hot(s)[at] - p()[at])).sum();
    (value, std::array::from_fn(slope))
}

/// That value and gradient have the right mean over rows of these weights.
fn assert_mean(estimate: &Estimate, logits: &Tensor<3>, weights: &[f64], what: &str) {
    assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{what}: the weights of the noise");
    let (value, slope) = exact();
    let values = numbers(estimate.loss.clone());
    let mean: f64 = weights.iter().zip(&values).map(|(weight, value)| weight * value).sum();
    assert!((mean - value).abs() < 1e-12, "{what}: value {mean} for {value}");
    let rows = gradients(estimate, logits);
    for (at, slope) in slope.into_iter().enumerate() {
        let mean: f64 = weights.iter().zip(rows.chunks(6)).map(|(weight, row)| weight * row[at]).sum();
        assert!((mean - slope).abs() < 1e-12, "{what}, coordinate {at}: {mean} for {slope}");
    }
}

/// All sets of `count` states, each in ascending order.
fn sets(count: usize) -> Vec<Vec<usize>> {
    let subsets = (0..1usize << STATES).filter(|bits| bits.count_ones() as usize == count);
    subsets.map(|bits| (0..STATES).filter(|state| bits >> state & 1 == 1).collect()).collect()
}

/// The probability of a set, from those of all its orders.
fn probability(set: &[usize], taken: f64) -> f64 {
    let first = |at: usize| {
        let mut others = set.to_vec();
        let state = others.swap_remove(at);
        mass(state) / (1.0 - taken) * probability(&others, taken + mass(state))
    };
    if set.is_empty() { 1.0 } else { (0..set.len()).map(first).sum() }
}

/// One-hot samples `[S, rows, D, K]`, a row for each set.
fn rows_of(sets: &[Vec<usize>]) -> Tensor<4> {
    let count = sets[0].len();
    let z = (0..count).flat_map(|s| sets.iter().flat_map(move |set| one_hot(set[s]))).collect();
    double(z, [count, sets.len(), LATENTS, CATEGORIES])
}

#[test]
fn the_mean_over_all_sets_is_exact() {
    let objective = Objective::mean(f);
    for samples in [1, 2, 3, 4] {
        let sets = sets(samples);
        let weights: Vec<f64> = sets.iter().map(|set| probability(set, 0.0)).collect();
        let theta = logits(sets.len());
        let estimator = UnorderedSet::new(samples).expect("samples");
        let estimate =
            estimator.with_samples(theta.clone(), &objective, rows_of(&sets)).expect("a supported problem");
        assert_mean(&estimate, &theta, &weights, &format!("{samples} samples"));
    }
}

#[test]
fn a_set_of_one_is_reinforce() {
    let (objective, noise) = (Objective::mean(f), Noise::from_seed(5));
    let seen = RefCell::new(None);
    let watched = Objective::mean(|sample| {
        *seen.borrow_mut() = Some(sample.z.clone());
        f(sample)
    });
    let (left, right) = (logits(20), logits(20));
    let reinforce = Reinforce::new(1, ReinforceBaseline::None).expect("a sample");
    let reinforce =
        reinforce.estimate(left.clone(), &watched, &mut noise.clone(), 0).expect("a supported problem");
    let z = seen.borrow().clone().expect("a sample");
    let set = UnorderedSet::new(1).expect("a sample");
    let set = set.with_samples(right.clone(), &objective, z).expect("a supported problem");
    for (a, b) in gradients(&reinforce, &left).iter().zip(gradients(&set, &right)) {
        assert!((a - b).abs() < 1e-12, "{a} and {b}");
    }
}

#[test]
fn all_states_make_both_exact_and_fewer_are_filled_up() {
    for samples in [STATES, STATES + 1] {
        let (left, right) = (logits(3), logits(3));
        let (objective, mut noise) = (Objective::mean(f), Noise::from_seed(2));
        let set = UnorderedSet::new(samples).expect("samples");
        let set = set.estimate(left.clone(), &objective, &mut noise, 0).expect("a supported problem");
        let sum = SumAndSample::new(samples).expect("samples");
        let sum = sum.estimate(right.clone(), &objective, &mut noise, 0).expect("a supported problem");
        for (estimate, logits) in [(set, left), (sum, right)] {
            let slope = exact().1;
            for (at, found) in gradients(&estimate, &logits).into_iter().enumerate() {
                assert!((found - slope[at % 6]).abs() < 1e-12, "{found} for {}", slope[at % 6]);
            }
        }
    }
}

/// One minus the mass of the likeliest state is zero in double precision here.
#[test]
fn a_set_that_holds_nearly_everything_keeps_its_digits() {
    let (logits, losses) = ([0.0, -40.0, -42.0], [1.0, 3.0, -2.0]);
    let total: f64 = logits.iter().map(|l: &f64| l.exp()).sum();
    let p = logits.map(|l| l.exp() / total);
    let table = double(losses.to_vec(), [1, 1, 1, 3]);
    let objective = Objective::mean(|sample: &Sample| {
        let [samples, rows, ..] = sample.z.dims();
        (sample.z.clone() * table.clone()).sum_dim(3).reshape([samples, rows])
    });
    let z = double(vec![1., 0., 0., 1., 0., 0., 0., 1., 0., 0., 0., 1.], [2, 2, 1, 3]);
    let theta = double(logits.repeat(2), [2, 1, 3]).require_grad();
    let estimate = UnorderedSet::new(2).expect("samples").with_samples(theta.clone(), &objective, z);
    let rows = gradients(&estimate.expect("a supported problem"), &theta);
    // The first state is in each set that has more than 1e-17 of the mass; the second is 1 or 2.
    let second = [p[1] / (p[1] + p[2]), p[2] / (p[1] + p[2])];
    for c in [1, 2] {
        let mean = second[0] * rows[c] + second[1] * rows[3 + c];
        let slope = p[c] * (losses[c] - losses[0]);
        assert!((mean / slope - 1.0).abs() < 1e-12, "{mean} for {slope}");
    }
}

/// Noise `[rows, D, K]` that draws these states wherever they are left.
fn forcing(states: &[usize]) -> Tensor<3> {
    double(
        states.iter().flat_map(|&state| one_hot(state).map(|one| 1e3 * one)).collect(),
        [states.len(), 2, 3],
    )
}

#[test]
fn the_mean_over_all_draws_is_exact() {
    let objective = Objective::mean(f);
    let mut order: Vec<usize> = (0..STATES).collect();
    order.sort_by(|&a, &b| mass(b).total_cmp(&mass(a)));
    for samples in 1..=STATES {
        let rest = &order[samples - 1..];
        let left: f64 = rest.iter().map(|&state| mass(state)).sum();
        let weights: Vec<f64> = rest.iter().map(|&state| mass(state) / left).collect();
        let theta = logits(rest.len());
        let estimator = SumAndSample::new(samples).expect("samples");
        let estimate =
            estimator.with_gumbel(theta.clone(), &objective, forcing(rest)).expect("a supported problem");
        assert_mean(&estimate, &theta, &weights, &format!("{samples} samples"));
    }
}

/// A masked category put in before the others of each latent.
fn widened<const D: usize>(values: Tensor<D>, fill: f64) -> Tensor<D> {
    let added = values.clone().narrow(D - 1, 0, 1) * 0.0 + fill;
    Tensor::cat(vec![added, values], D - 1)
}

#[test]
fn a_masked_category_is_as_if_it_were_not_there() {
    let plain = Objective::mean(f);
    let without = Objective::mean(|sample| f(&Sample::hard(sample.z.clone().narrow(3, 1, CATEGORIES))));
    let (z, forced) = (rows_of(&sets(3)), forcing(&(0..STATES).collect::<Vec<_>>()));
    let set = UnorderedSet::new(3).expect("samples");
    let sum = SumAndSample::new(3).expect("samples");
    let estimates = |masked: bool| {
        let objective = if masked { &without } else { &plain };
        let theta = |rows: usize| match masked {
            true => widened(logits(rows).inner(), f64::NEG_INFINITY).autodiff().require_grad(),
            false => logits(rows),
        };
        let z = if masked { widened(z.clone(), 0.0) } else { z.clone() };
        // Noise that would draw the masked category, if it could be drawn.
        let noise = if masked { widened(forced.clone(), 2e3) } else { forced.clone() };
        let (left, right) = (theta(z.dims()[1]), theta(STATES));
        let set = set.with_samples(left.clone(), objective, z).expect("a supported problem");
        let sum = sum.with_gumbel(right.clone(), objective, noise).expect("a supported problem");
        [gradients(&set, &left), gradients(&sum, &right)].concat()
    };
    let (plain, masked) = (estimates(false), estimates(true));
    for (plain, masked) in plain.chunks(CATEGORIES).zip(masked.chunks(CATEGORIES + 1)) {
        assert_eq!(masked[0], 0.0, "a gradient at the mask");
        plain.iter().zip(&masked[1..]).for_each(|(a, b)| assert!((a - b).abs() < 1e-12, "{a} and {b}"));
    }
}

/// The samples that an estimator looks at, as states `[S][rows]`.
fn looked_at(estimator: &dyn Estimator, rows: usize, seed: u64) -> Vec<Vec<usize>> {
    let seen = RefCell::new(Vec::new());
    let watched = Objective::mean(|sample: &Sample| {
        let [samples, rows, ..] = sample.z.dims();
        let index = sample.z.clone().argmax(3).reshape([samples * rows, LATENTS]).into_data();
        let index: Vec<usize> = index.iter::<i64>().map(|at| at as usize).collect();
        let states: Vec<usize> = index.chunks(2).map(|at| at[0] * CATEGORIES + at[1]).collect();
        *seen.borrow_mut() = states.chunks(rows).map(<[usize]>::to_vec).collect();
        f(sample)
    });
    estimator.estimate(logits(rows), &watched, &mut Noise::from_seed(seed), 0).expect("a supported problem");
    seen.take()
}

fn assert_frequency(count: usize, rows: usize, probability: f64, what: &str) {
    let n = rows as f64;
    let z = (count as f64 - n * probability) / (n * probability * (1.0 - probability)).sqrt();
    assert!(z.abs() < 4.0, "{what}: {count} of {rows}, {z:.1} standard errors from {probability}");
}

#[test]
fn sets_and_draws_have_their_laws() {
    let rows = 100_000;
    for count in [2, 3] {
        let seen = looked_at(&UnorderedSet::new(count).expect("samples"), rows, 3);
        let mut drawn: Vec<Vec<usize>> = (0..rows).map(|row| seen.iter().map(|s| s[row]).collect()).collect();
        drawn.iter_mut().for_each(|set| set.sort_unstable());
        for set in sets(count) {
            let found = drawn.iter().filter(|drawn| **drawn == set).count();
            assert_frequency(found, rows, probability(&set, 0.0), &format!("set {set:?}"));
        }
    }
    let seen = looked_at(&SumAndSample::new(3).expect("samples"), rows, 4);
    let summed = [seen[0][0], seen[1][0]];
    let left: f64 = 1.0 - mass(summed[0]) - mass(summed[1]);
    for state in (0..STATES).filter(|state| !summed.contains(state)) {
        let found = seen[2].iter().filter(|&&drawn| drawn == state).count();
        assert_frequency(found, rows, mass(state) / left, &format!("state {state}"));
    }
    assert!(seen[2].iter().all(|drawn| !summed.contains(drawn)));
}

#[test]
fn a_constant_has_no_gradient_at_all() {
    let constant = Objective::mean(|sample| f(sample) * 0.0 + 3.0);
    let set = UnorderedSet::new(3).expect("samples");
    let sum = SumAndSample::new(3).expect("samples");
    let estimators: [&dyn Estimator; 2] = [&set, &sum];
    for estimator in estimators {
        let theta = logits(50);
        let estimate = estimator.estimate(theta.clone(), &constant, &mut Noise::from_seed(6), 0);
        assert!(gradients(&estimate.expect("a supported problem"), &theta).iter().all(|&slope| slope == 0.0));
    }
}

#[test]
fn too_large_a_set_is_refused_with_the_remedy() {
    let Err(error @ Error::Parameter { .. }) = UnorderedSet::new(11) else { panic!("it was accepted") };
    let message = error.to_string();
    assert!(message.contains("at most 10, got 11") && message.contains("use sum-and-sample"), "{message}");
}
