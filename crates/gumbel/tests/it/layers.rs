//! Chains of stochastic layers against the sum over all their states.
//!
//! Rows are replicates: each row has parameters of its own, all with the same values, so that one call gives as many
//! independent gradients. About 130 comparisons at four standard errors: a false alarm in 120 seeds; they are fixed.

use crate::support::numbers;
use burn::tensor::{Device, Tensor};
use gumbel::estimator::{self, Entry, Estimate, Estimator, EstimatorSpec, Reduction};
use gumbel::layers::{Drawn, Layers};
use gumbel::{Error, Noise};
use std::cell::Cell;

const REPLICATES: usize = 100_000;
/// Two bits a layer. The log-odds of the first; then of each further layer two log-odds and how much the bits above
/// move them; then the φ of the costs.
const TWO: &[f64] = &[0.3, -0.6, 0.2, 0.5, 1.1, 0.8];
const THREE: &[f64] = &[0.3, -0.6, 0.2, 0.5, 1.1, -0.4, 0.1, -0.9, 0.8];
/// How the bits above count.
const ABOVE: [f64; 2] = [1.0, -0.7];
/// How the bits of a layer cost.
const WEIGHTS: [f64; 2] = [0.9, -0.5];

type Bits = [f64; 2];
/// Numbers of each row.
type Rows = Vec<Vec<f64>>;

fn depth(parameters: &[f64]) -> usize {
    parameters.len() / 3
}

fn log_odds(parameters: &[f64], above: &[Bits]) -> Bits {
    let Some(last) = above.last() else { return [parameters[0], parameters[1]] };
    let own = &parameters[3 * above.len() - 1..];
    let moved = own[2] * (ABOVE[0] * last[0] + ABOVE[1] * last[1]);
    [own[0] + moved, own[1] + moved]
}

/// exp(φ w·z) of a layer's bits, and three times the product of its second bit and the first of the chain.
fn cost(parameters: &[f64], bits: &[Bits]) -> f64 {
    let last = bits.last().expect("a layer");
    let phi = parameters.last().expect("parameters");
    (phi * (WEIGHTS[0] * last[0] + WEIGHTS[1] * last[1])).exp() + 3.0 * bits[0][0] * last[1]
}

/// The expected costs of the layers below.
fn expectation(parameters: &[f64], above: &[Bits]) -> f64 {
    if above.len() == depth(parameters) {
        return 0.0;
    }
    let p = log_odds(parameters, above).map(|l| 1.0 / (1.0 + (-l).exp()));
    let states = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
    let given = |bits: Bits| {
        let mass: f64 = (0..2).map(|d| if bits[d] > 0.5 { p[d] } else { 1.0 - p[d] }).product();
        let all = [above, &[bits]].concat();
        mass * (cost(parameters, &all) + expectation(parameters, &all))
    };
    states.into_iter().map(given).sum()
}

/// The mass of every state of the chain, and what its layers cost together.
fn states(parameters: &[f64], above: &[Bits]) -> Vec<(f64, f64)> {
    if above.len() == depth(parameters) {
        return vec![(1.0, 0.0)];
    }
    let p = log_odds(parameters, above).map(|l| 1.0 / (1.0 + (-l).exp()));
    let given = |bits: Bits| {
        let mass: f64 = (0..2).map(|d| if bits[d] > 0.5 { p[d] } else { 1.0 - p[d] }).product();
        let all = [above, &[bits]].concat();
        let own = cost(parameters, &all);
        states(parameters, &all).into_iter().map(move |(below, costs)| (mass * below, own + costs))
    };
    [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]].into_iter().flat_map(given).collect()
}

/// The bound of two chains.
fn bound(parameters: &[f64]) -> f64 {
    let states = states(parameters, &[]);
    let pairs = states.iter().flat_map(|one| states.iter().map(move |other| (one, other)));
    pairs.map(|((p, f), (q, g))| -p * q * (0.5 * ((-f).exp() + (-g).exp())).ln()).sum()
}

fn slope(at: &[f64], i: usize, f: impl Fn(&[f64]) -> f64) -> f64 {
    let moved = |by: f64| {
        let mut there = at.to_vec();
        there[i] += by;
        f(&there)
    };
    (moved(1e-5) - moved(-1e-5)) / 2e-5
}

fn exact(parameters: &[f64]) -> Vec<f64> {
    (0..parameters.len()).map(|i| slope(parameters, i, |p| expectation(p, &[]))).collect()
}

/// `[B, P]`, to be differentiated.
fn leaf(parameters: &[f64], rows: usize) -> Tensor<2> {
    let row = Tensor::<1>::from_floats(parameters, &Device::flex().autodiff());
    row.unsqueeze::<2>().repeat_dim(0, rows).require_grad()
}

/// `[S, B, 2]`.
fn ones(drawn: &Drawn) -> Tensor<3> {
    drawn.sample.z.clone().narrow(3, 1, 1).squeeze_dim(3)
}

/// `[S, B, 1]`.
fn weighted(bits: Tensor<3>, weights: Bits) -> Tensor<3> {
    (bits * Tensor::<1>::from_floats(weights, &Device::flex()).unsqueeze::<3>()).sum_dim(2)
}

/// `[S, B, D]` log-odds to logits.
fn logits(log_odds: Tensor<3>) -> Tensor<4> {
    Tensor::stack(vec![log_odds.zeros_like(), log_odds], 3)
}

fn logits_below(leaf: &Tensor<2>, above: &[Drawn]) -> Tensor<4> {
    let from = 3 * above.len() - 1;
    let own = |at: usize, count: usize| leaf.clone().narrow(1, at, count).unsqueeze::<3>();
    let moved = own(from + 2, 1) * weighted(ones(&above[above.len() - 1]), ABOVE);
    logits(own(from, 2) + moved)
}

fn cost_of(leaf: &Tensor<2>, drawn: &[Drawn]) -> Tensor<2> {
    let [_, count] = leaf.dims();
    let (first, last) = (ones(&drawn[0]), ones(&drawn[drawn.len() - 1]));
    let phi = leaf.clone().narrow(1, count - 1, 1).unsqueeze::<3>();
    let product = first.narrow(2, 0, 1) * last.clone().narrow(2, 1, 1) * 3.0;
    ((phi * weighted(last, WEIGHTS)).exp() + product).squeeze_dim(2)
}

/// The chain of the problem, with costs counted in `calls` as evaluations of a row.
fn chain<'a>(
    estimators: &'a [Box<dyn Estimator>],
    leaf: &'a Tensor<2>,
    calls: &'a Cell<usize>,
) -> Layers<'a> {
    let (first, below) = estimators.split_first().expect("a layer");
    let top = logits(leaf.clone().narrow(1, 0, 2).unsqueeze()).squeeze_dim(0);
    let cost = move |drawn: &[Drawn]| {
        let last = drawn.len() == estimators.len();
        calls.set(calls.get() + if last { drawn[0].sample.z.dims()[0] } else { 0 });
        cost_of(leaf, drawn)
    };
    below.iter().fold(Layers::new(first.as_ref(), top).cost(cost), |layers, estimator| {
        layers.then(estimator.as_ref(), move |above| logits_below(leaf, above)).cost(cost)
    })
}

fn build(name: &str) -> Box<dyn Estimator> {
    name.parse::<EstimatorSpec>().expect("a choice").build().expect("an estimator")
}

/// As [`run`], of the bound of so many chains: values and gradients by row.
fn run_bound(names: &[&str], parameters: &[f64], rows: usize, samples: usize) -> Result<(Rows, Rows), Error> {
    let estimators: Vec<_> = names.iter().map(|name| build(name)).collect();
    let (leaf, calls) = (leaf(parameters, rows), Cell::new(0));
    let layers = chain(&estimators, &leaf, &calls);
    let estimate = layers.estimate_bound(samples, &mut Noise::from_seed(7), 0)?;
    let gradients = leaf.grad(&estimate.loss.clone().sum().backward()).expect("a gradient");
    let rows = |numbers: Vec<f64>, width: usize| numbers.chunks(width).map(<[f64]>::to_vec).collect();
    Ok((rows(numbers(estimate.loss), 1), rows(numbers(gradients), parameters.len())))
}

struct Run {
    estimates: Vec<Estimate>,
    /// `[rows][P]`.
    gradients: Vec<Vec<f64>>,
    /// Evaluations of the loss for a row.
    calls: usize,
}

fn run(names: &[&str], parameters: &[f64], rows: usize) -> Result<Run, Error> {
    let estimators: Vec<_> = names.iter().map(|name| build(name)).collect();
    let (leaf, calls) = (leaf(parameters, rows), Cell::new(0));
    let estimates = chain(&estimators, &leaf, &calls).estimate(&mut Noise::from_seed(5), 0)?;
    let gradients = leaf.grad(&estimates[0].loss.clone().sum().backward()).expect("a gradient");
    let gradients = numbers(gradients).chunks(parameters.len()).map(<[f64]>::to_vec).collect();
    Ok(Run { estimates, gradients, calls: calls.get() })
}

/// The largest distance from `expected` of a column's mean, in standard errors.
fn worst(rows: &[Vec<f64>], expected: &[f64]) -> f64 {
    let n = rows.len() as f64;
    let z = |i: usize| {
        let mean = rows.iter().map(|row| row[i]).sum::<f64>() / n;
        let variance = rows.iter().map(|row| (row[i] - mean).powi(2)).sum::<f64>() / (n - 1.0);
        (mean - expected[i]).abs() / (variance / n).sqrt().max(1e-7)
    };
    (0..expected.len()).map(z).fold(0.0, f64::max)
}

fn supported(entry: &&Entry) -> bool {
    entry.properties.supports(Reduction::Mean) && entry.properties.single_evaluation
}

#[test]
fn every_estimator_supports_a_chain_or_returns_a_typed_error() {
    for info in estimator::ALL.iter().copied() {
        let names = [info.name(); 2];
        if !supported(&info) {
            let error = run(&names, TWO, 2).map(|_| ()).expect_err(info.name());
            assert!(matches!(error, Error::Unsupported { .. }), "{error}");
            continue;
        }
        let run = run(&names, TWO, REPLICATES).expect(names[0]);
        let z = worst(&run.gradients, &exact(TWO));
        match info.properties.unbiased {
            true => assert!(z < 4.0, "{info}: {z:.1} standard errors from the exact gradient"),
            false => assert!(z > 8.0, "{info} is biased here, and must be seen to be: {z:.1}"),
        }
    }
}

#[test]
fn three_layers_may_have_estimators_of_different_kinds() {
    let chains = [
        ["disarm"; 3],
        ["arm"; 3],
        ["rloo:samples=3", "disarm", "reinforce"],
        ["reinforce", "arms:samples=3", "disarm:samples=4"],
        ["nvil", "rloo", "arm"],
    ];
    for names in chains {
        let run = run(&names, THREE, REPLICATES).expect("a supported problem");
        let z = worst(&run.gradients, &exact(THREE));
        assert!(z < 4.0, "{names:?}: {z:.1} standard errors from the exact gradient");
        let values: Vec<_> = numbers(run.estimates[0].loss.clone()).into_iter().map(|v| vec![v]).collect();
        let z = worst(&values, &[expectation(THREE, &[])]);
        assert!(z < 4.0, "{names:?}: value {z:.1} standard errors from the exact expectation");
    }
}

/// A sample with a gradient above a layer without: its mean is that of the straight-through estimator for what is
/// expected below, `p (1 − p) ∂F/∂z`, averaged over the bits z.
#[test]
fn a_straight_through_sample_hands_on_the_gradient_of_the_layers_below() {
    let p = log_odds(TWO, &[]).map(|l| 1.0 / (1.0 + (-l).exp()));
    let downstream = |z: &[f64]| {
        let above = [[z[0], z[1]]];
        cost(TWO, &above) + expectation(TWO, &above)
    };
    let expected = [0, 1].map(|i| {
        let states = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
        let mass =
            |bits: Bits| (0..2).map(|d| if bits[d] > 0.5 { p[d] } else { 1.0 - p[d] }).product::<f64>();
        p[i] * (1.0 - p[i]) * states.map(|bits| mass(bits) * slope(&bits, i, downstream)).iter().sum::<f64>()
    });
    for below in ["disarm", "rloo:samples=3", "reinforce"] {
        let run = run(&["straight-through", below], TWO, REPLICATES).expect("a supported problem");
        let z = worst(&run.gradients, &expected);
        assert!(z < 4.0, "over {below}: {z:.1} standard errors");
    }
}

#[test]
fn further_samples_are_followed_once_each() {
    let calls = |names: &[&str], parameters| run(names, parameters, 2).expect("a supported problem").calls;
    for (name, samples) in [("reinforce", 1), ("disarm", 2), ("arm", 2), ("rloo:samples=4", 4), ("zgr", 1)] {
        assert_eq!(calls(&[name; 2], TWO), 2 * (samples - 1) + 1, "{name}");
        assert_eq!(calls(&[name; 3], THREE), 3 * (samples - 1) + 1, "{name}");
    }
}

#[test]
fn a_layer_weighs_the_costs_from_itself_on() {
    let (pairs, leaf) = (build("disarm"), leaf(TWO, 50));
    let top = logits(leaf.clone().narrow(1, 0, 2).unsqueeze()).squeeze_dim(0);
    let estimates = Layers::new(pairs.as_ref(), top)
        .cost(|drawn| cost_of(&leaf, drawn) * 0.0 + 1000.0)
        .then(pairs.as_ref(), |above| logits_below(&leaf, above))
        .cost(|drawn| cost_of(&leaf, drawn))
        .estimate(&mut Noise::from_seed(1), 0)
        .expect("a supported problem");
    let values = |layer: usize| numbers(estimates[layer].loss.clone());
    assert!(values(0).iter().all(|&value| value > 1000.0));
    assert!(values(1).iter().all(|&value| value > 0.0 && value < 10.0), "{:?}", values(1));
}

#[test]
fn unsupported_layers_are_typed_errors() {
    let message = |names: [&str; 2]| run(&names, TWO, 2).map(|_| ()).unwrap_err().to_string();
    let error = message(["rloo", "muprop"]);
    assert!(error.contains("muprop does not support a chain of layers"), "{error}");
    assert!(error.contains("S evaluations at equally weighted samples; use rloo"), "{error}");
    let error = message(["reinforce", "gumbel-rao:samples=2"]);
    assert!(error.contains("several samples of one layer") && error.contains("use samples=1"), "{error}");
    let (pairs, rows) = (build("disarm"), leaf(TWO, 2));
    let top = logits(rows.narrow(1, 0, 2).unsqueeze()).squeeze_dim(0);
    let broken = Layers::new(pairs.as_ref(), top)
        .then(pairs.as_ref(), |above| above[0].sample.z.clone() * f32::NAN)
        .estimate(&mut Noise::from_seed(1), 0);
    assert!(matches!(broken, Err(Error::Kernel(_))), "{broken:?}");
}

#[test]
fn score_functions_of_a_chain_share_the_signal_of_a_bound() {
    let chains: &[(&[&str], &[f64])] = &[
        (&["vimco"; 2], TWO),
        (&["reinforce"; 2], TWO),
        (&["vimco", "reinforce"], TWO),
        (&["vimco"; 3], THREE),
    ];
    for (names, parameters) in chains {
        let (values, gradients) = run_bound(names, parameters, REPLICATES, 2).expect("a supported problem");
        let expected: Vec<f64> = (0..parameters.len()).map(|i| slope(parameters, i, bound)).collect();
        let z = worst(&gradients, &expected);
        assert!(z < 4.0, "{names:?}: {z:.1} standard errors from the exact gradient");
        let z = worst(&values, &[bound(parameters)]);
        assert!(z < 4.0, "{names:?}: value {z:.1} standard errors from the exact bound");
    }
}

#[test]
fn a_relaxed_chain_has_the_gradient_of_its_bound_at_fixed_noise() {
    let at = |parameters: &[f64]| {
        run_bound(&["gumbel-softmax"; 2], parameters, 50, 3).expect("a supported problem")
    };
    let (_, gradients) = at(TWO);
    for i in 0..TWO.len() {
        let moved = |by: f64| {
            let mut there = TWO.to_vec();
            there[i] += by;
            at(&there).0
        };
        let differences =
            moved(1e-2).into_iter().zip(moved(-1e-2)).map(|(up, down)| (up[0] - down[0]) / 2e-2);
        for (difference, row) in differences.zip(&gradients) {
            // Rounding of single precision over the step, and the third derivative.
            assert!((difference - row[i]).abs() < 1e-3, "parameter {i}: {difference} and {}", row[i]);
        }
    }
    // Its path is that of the relaxed bound, not of the discrete one.
    let (_, gradients) = run_bound(&["gumbel-softmax"; 2], TWO, REPLICATES, 2).expect("a supported problem");
    let expected: Vec<f64> = (0..TWO.len()).map(|i| slope(TWO, i, bound)).collect();
    assert!(worst(&gradients, &expected) > 8.0, "its bias must be seen");
}

#[test]
fn the_bound_of_one_chain_is_the_mean_objective() {
    let exact = exact(TWO);
    let (_, gradients) = run_bound(&["reinforce"; 2], TWO, REPLICATES, 1).expect("a supported problem");
    assert!(worst(&gradients, &exact) < 4.0);
}

#[test]
fn estimators_that_do_not_support_the_bound_of_a_chain_return_a_typed_error() {
    let message = |names: [&str; 2], samples| run_bound(&names, TWO, 2, samples).unwrap_err().to_string();
    let cases = [
        (["vimco"; 2], 0, "the number of chains of a bound must be at least 1, got 0"),
        (["vimco"; 2], 1, "must be at least 2, got 1"),
        (["vimco", "nvil"], 2, "nvil does not support a log-mean-exp over chains of layers; use vimco"),
        (["rloo"; 2], 2, "rloo does not support a log-mean-exp over samples; use vimco"),
        (["vimco", "muprop"], 2, "muprop does not support a chain of layers"),
        (
            ["gumbel-softmax", "zgr:samples=2"],
            2,
            "several samples of one layer of a chain (got 2); use samples=1",
        ),
    ];
    for (names, samples, part) in cases {
        assert!(message(names, samples).contains(part), "{names:?}: {}", message(names, samples));
    }
}
