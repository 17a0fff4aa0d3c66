//! Gates that sample, against sums over everything that they can choose: which gradients are unbiased, and by how much the
//! others are not. Each of many equal tokens is a replicate.

use super::support::{
    MASK, constant, largest_z, matches_differences, orders, repeated, slopes, subsets, through, top_k,
};
use crate::support::{double, numbers};
use burn::tensor::{DType, Device, Tensor};
use gumbel::Noise;
use gumbel::routing::{Gate, Gating, Routing, Scores, Weighting};

const LOGITS: [f64; 5] = [0.5, -1.0, MASK, 1.0, 0.2];
/// What each expert returns.
const OUTPUTS: [f64; 5] = [1.0, -2.0, 0.7, 0.4, 3.0];
const TOKENS: usize = 40_000;
const SHAPE: [usize; 2] = [TOKENS, 5];
/// Beyond it a mean of unbiased replicates comes once in 15 000 comparisons; this file makes some 40.
const LIMIT: f64 = 4.0;
/// A bias is detected from here on.
const DETECTED: f64 = 10.0;

fn train(gate: Gate, seed: u64) -> impl Fn(Scores) -> Routing {
    move |scores| Gating::new(gate, 2).train(scores, &mut Noise::from_seed(seed)).unwrap()
}

/// The output `[T]` of the mixture.
fn output(weights: Tensor<2>) -> Tensor<1> {
    (weights * constant(&OUTPUTS, TOKENS)).sum_dim(1).squeeze_dim(1)
}

fn curved(y: Tensor<1>) -> Tensor<1> {
    (y - 1.0).powi_scalar(2)
}

/// A loss whose gradient is unbiased: that along the weights, and the score function's.
fn with_score_function(loss: Tensor<1>, routing: &Routing) -> Tensor<1> {
    loss.clone() + (loss.detach() - 0.5) * routing.log_prob().expect("it was sampled")
}

/// Replicates of the gradient of a loss of the routing.
fn replicates(gate: Gate, loss: impl Fn(&Routing) -> Tensor<1>) -> Vec<f64> {
    through(&repeated(&LOGITS, TOKENS), SHAPE, train(gate, 7), loss).1
}

/// The expected loss of draws without replacement, weighted by a softmax over the chosen.
fn expected(logits: &[f64], loss: impl Fn(f64) -> f64) -> f64 {
    let of = |(order, mass): &(Vec<usize>, f64)| {
        let total: f64 = order.iter().map(|&i| logits[i].exp()).sum();
        mass * loss(order.iter().map(|&i| logits[i].exp() / total * OUTPUTS[i]).sum())
    };
    orders(logits, 2).iter().map(of).sum()
}

/// The expected loss of weights of one half.
fn expected_equal(choices: &[(Vec<usize>, f64)], loss: impl Fn(f64) -> f64) -> f64 {
    let of = |(set, mass): &(Vec<usize>, f64)| mass * loss(set.iter().map(|&i| OUTPUTS[i] / 2.0).sum());
    choices.iter().map(of).sum()
}

#[test]
fn gumbel_top_k_samples_without_replacement_and_is_unbiased_with_its_log_probability() {
    let gate = Gate::GumbelTopK(Weighting::Chosen);
    let routing = train(gate, 7)(Scores::new(double(repeated(&LOGITS, TOKENS), SHAPE)));
    let drawn = super::support::ints(routing.indices.clone());
    let log_probs = numbers(routing.log_prob().unwrap());
    for (order, mass) in orders(&LOGITS, 2) {
        let equal = |pair: &[usize]| pair == order;
        let count = drawn.chunks(2).filter(|pair| equal(pair)).count() as f64;
        let (mean, variance) = (mass * TOKENS as f64, mass * (1.0 - mass) * TOKENS as f64);
        assert!((count - mean).abs() < LIMIT * variance.sqrt(), "{order:?}: {count}, not {mean}");
        let at = drawn.chunks(2).position(equal).expect("it was drawn");
        assert!((log_probs[at] - mass.ln()).abs() < 1e-12);
    }
    let exact = slopes(&LOGITS, |logits| expected(logits, |y| (y - 1.0).powi(2)));
    let loss = |routing: &Routing| curved(output(routing.combine.clone()));
    let unbiased = replicates(gate, |routing| with_score_function(loss(routing), routing));
    let z = largest_z(&unbiased, &exact);
    assert!(z < LIMIT, "{z} standard errors");
    let biased = replicates(gate, loss);
    let z = largest_z(&biased, &exact);
    assert!(z > DETECTED, "{z} standard errors");
    assert!(
        unbiased.iter().chain(&biased).skip(2).step_by(5).all(|&slope| slope == 0.0),
        "the masked expert"
    );
}

#[test]
fn simple_is_exact_for_a_linear_objective_that_sees_every_expert() {
    let exact = slopes(&LOGITS, |logits| expected_equal(&subsets(logits, 2), |y| y));
    let dense = replicates(Gate::Simple, |routing| output(routing.combine_dense()));
    for row in dense.chunks(5) {
        for (found, exact) in row.iter().zip(&exact) {
            assert!((found - exact).abs() < 1e-9, "{found} against {exact}");
        }
    }
    // What the chosen experts alone return is not enough.
    let z = largest_z(&replicates(Gate::Simple, |routing| output(routing.combine.clone())), &exact);
    assert!(z > DETECTED, "{z} standard errors");
}

#[test]
fn simple_is_biased_for_a_curved_objective_and_its_score_function_is_not() {
    let exact = slopes(&LOGITS, |logits| expected_equal(&subsets(logits, 2), |y| (y - 1.0).powi(2)));
    let z = largest_z(&replicates(Gate::Simple, |routing| curved(output(routing.combine_dense()))), &exact);
    assert!(z > DETECTED, "{z} standard errors");
    let score = |routing: &Routing| {
        let loss = curved(output(routing.combine.clone())).detach();
        (loss - 0.5) * routing.log_prob().unwrap()
    };
    let z = largest_z(&replicates(Gate::Simple, score), &exact);
    assert!(z < LIMIT, "{z} standard errors");
}

#[test]
fn the_relaxed_gradient_is_biased() {
    let exact = slopes(&LOGITS, |logits| expected_equal(&orders(logits, 2), |y| y));
    let gate = Gate::StraightThrough { tau: 0.7 };
    let z = largest_z(&replicates(gate, |routing| output(routing.combine_dense())), &exact);
    assert!(z > DETECTED, "{z} standard errors");
    let score = |routing: &Routing| {
        (output(routing.combine.clone()).detach() - 0.5) * routing.log_prob().expect("it was sampled")
    };
    let z = largest_z(&replicates(gate, score), &exact);
    assert!(z < LIMIT, "{z} standard errors");
}

/// Logits 0.4 and 0 with noise of scale 0.8, one of two experts, weighted by the softmax of the noisy logits. Their
/// difference d is normal, and the loss a function of it that jumps where the choice changes: the expected gradient along
/// the weights is less than the exact one by the jump times the density there.
#[test]
fn the_bias_of_noisy_top_k_is_the_jump_where_the_choice_changes() {
    let (gap, scale) = (0.4, 0.8 * 2f64.sqrt());
    let (outputs, shape) = ([2.0, -1.0], [TOKENS, 2]);
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let loss = |d: f64| if d > 0.0 { sigmoid(d) * outputs[0] } else { sigmoid(-d) * outputs[1] };
    let density =
        |d: f64| (-0.5 * ((d - gap) / scale).powi(2)).exp() / (scale * std::f64::consts::TAU.sqrt());
    let step = 1e-4;
    let integral = |f: &dyn Fn(f64) -> f64| {
        (-120_000..120_000)
            .map(|i| (f64::from(i) + 0.5) * step)
            .map(|d| f(d) * density(d) * step)
            .sum::<f64>()
    };
    let exact = integral(&|d| loss(d) * (d - gap) / scale.powi(2));
    let jump = 0.5 * (outputs[0] - outputs[1]) * density(0.0);
    let leaf = double(repeated(&[gap, 0.0], TOKENS), shape).require_grad();
    let scales = constant(&[0.8, 0.8], TOKENS);
    let gating = Gating::new(Gate::NoisyTopK(Weighting::All), 1);
    let scores = Scores::new(leaf.clone()).noise_scale(scales);
    let routing = gating.train(scores, &mut Noise::from_seed(3)).unwrap();
    let value = (routing.combine.clone() * constant(&outputs, TOKENS)).sum();
    let gradient = numbers(leaf.grad(&value.backward()).unwrap());
    let z = largest_z(&gradient, &[exact, -exact]);
    assert!(z > DETECTED, "{z} standard errors");
    let z = largest_z(&gradient, &[exact - jump, jump - exact]);
    assert!(z < LIMIT, "{z} standard errors");
}

fn noisy(k: usize, scales: Tensor<2>) -> impl Fn(Scores) -> Routing {
    move |scores| {
        let gating = Gating::new(Gate::NoisyTopK(Weighting::Chosen), k);
        gating.train(scores.noise_scale(scales.clone()), &mut Noise::from_seed(5)).unwrap()
    }
}

/// Given the others' noise, the chance of an expert is that of its own: the mean over tokens is the expected load.
#[test]
fn the_smooth_load_is_the_expected_load() {
    let scales = [0.5, 1.0, 2.0, 0.7, 1.5];
    let routing = noisy(2, constant(&scales, TOKENS))(Scores::new(double(repeated(&LOGITS, TOKENS), SHAPE)));
    let smooth = numbers(routing.smooth_load.clone().unwrap());
    let hard = numbers(routing.combine.clone()).into_iter().map(|weight| f64::from(weight > 0.0));
    let difference: Vec<f64> = smooth.iter().zip(hard).map(|(smooth, hard)| smooth - hard).collect();
    let z = largest_z(&difference, &[0.0; 5]);
    assert!(z < LIMIT, "{z} standard errors");
    assert!(smooth.iter().skip(2).step_by(5).all(|&probability| probability == 0.0), "the masked expert");
    assert!(routing.load_loss().unwrap().into_scalar::<f64>() > 0.0);
    // Four of four: certain.
    let all = noisy(4, constant(&scales, 2))(Scores::new(double(repeated(&LOGITS, 2), [2, 5])));
    assert_eq!(numbers(all.smooth_load.unwrap()), repeated(&[1.0, 1.0, 0.0, 1.0, 1.0], 2));
}

#[test]
fn noisy_weights_and_smooth_load_have_the_gradients_of_differences_in_logits_and_scale() {
    let (logits, shape) = (repeated(&LOGITS, 3), [3, 5]);
    let scales: Vec<f64> = (0..15).map(|i| 0.4 + f64::from(i % 7) / 5.0).collect();
    let d = double((0..15).map(|i| (f64::from(i) * 1.7).sin()).collect(), shape);
    let weights = |routing: &Routing| routing.combine.clone() * d.clone();
    let load = |routing: &Routing| routing.smooth_load.clone().unwrap() * d.clone();
    let route = noisy(2, double(scales.clone(), shape));
    matches_differences(&logits, shape, &route, weights);
    matches_differences(&logits, shape, &route, load);
    matches_differences(&logits, shape, &route, |routing: &Routing| routing.load_loss().unwrap());
    let of_scale = |scales: Vec<f64>, f: &dyn Fn(&Routing) -> Tensor<2>| {
        let leaf = double(scales, shape).require_grad();
        let value = f(&noisy(2, leaf.clone())(Scores::new(double(logits.clone(), shape)))).sum();
        (numbers(value.clone())[0], numbers(leaf.grad(&value.backward()).unwrap()))
    };
    for f in [&weights as &dyn Fn(&Routing) -> Tensor<2>, &load] {
        let (_, gradient) = of_scale(scales.clone(), f);
        for (at, slope) in gradient.iter().enumerate() {
            let moved = |h: f64| {
                let mut scales = scales.clone();
                scales[at] += h;
                of_scale(scales, f).0
            };
            let difference = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            assert!((slope - difference).abs() < 1e-7, "scale {at}: {slope} against {difference}");
        }
    }
}

#[test]
fn evaluation_has_no_noise() {
    let scores = || Scores::new(double(LOGITS.to_vec(), [1, 5]));
    let best = top_k(Weighting::Chosen, 2).evaluate(scores()).unwrap();
    for gate in [Gate::NoisyTopK(Weighting::Chosen), Gate::GumbelTopK(Weighting::Chosen)] {
        let routing = Gating::new(gate, 2).evaluate(scores()).unwrap();
        assert_eq!(numbers(routing.combine), numbers(best.combine.clone()));
        assert!(routing.smooth_load.is_none());
    }
    for gate in [Gate::Simple, Gate::StraightThrough { tau: 1.0 }] {
        let routing = Gating::new(gate, 2).evaluate(scores()).unwrap();
        assert!(routing.log_prob().is_none());
        assert_eq!(numbers(routing.combine), [0.5, 0.0, 0.0, 0.5, 0.0]);
    }
}

/// A bias of 1.5 on logits 0, 2 and 1 makes the first expert second; on their softmax it would make it first.
#[test]
fn gates_that_sample_have_their_bias_among_the_logits_in_training_and_evaluation() {
    let row = [0.0, 2.0, 1.0];
    for gate in [Gate::GumbelTopK(Weighting::Chosen), Gate::Simple, Gate::StraightThrough { tau: 0.5 }] {
        let scores = |rows: usize| {
            let bias = double(vec![1.5, 0.0, 0.0], [3]);
            Scores::new(double(repeated(&row, rows), [rows, 3])).bias(bias)
        };
        let best = Gating::new(gate, 2).evaluate(scores(1)).unwrap();
        let hot: Vec<bool> = numbers(best.combine).iter().map(|&weight| weight > 0.0).collect();
        assert_eq!(hot, [true, true, false], "{gate:?}");
        let demand = train(gate, 3)(scores(TOKENS)).demand;
        let choices = |logits: &[f64]| match gate {
            Gate::Simple => subsets(logits, 2),
            _ => orders(logits, 2),
        };
        for (expert, &count) in demand.iter().enumerate() {
            let biased = [1.5, 2.0, 1.0];
            let with = |(set, mass): &(Vec<usize>, f64)| if set.contains(&expert) { *mass } else { 0.0 };
            let mass: f64 = choices(&biased).iter().map(with).sum();
            let error = (mass * (1.0 - mass) * TOKENS as f64).sqrt();
            let z = (count as f64 - mass * TOKENS as f64).abs() / error;
            assert!(z < LIMIT, "{gate:?}, expert {expert}: {z} standard errors");
        }
        let best = Gating::new(Gate::GumbelTopK(Weighting::Chosen), 2).evaluate(scores(1)).unwrap();
        assert_eq!(super::support::ints(best.indices), [1, 0]);
    }
}

#[test]
fn the_same_noise_gives_the_same_routing_in_every_type() {
    let gates = [
        Gate::NoisyTopK(Weighting::All),
        Gate::GumbelTopK(Weighting::Sigmoid),
        Gate::Simple,
        Gate::StraightThrough { tau: 0.5 },
    ];
    for (gate, dtype) in
        gates.into_iter().flat_map(|gate| [DType::F32, DType::F16, DType::BF16].map(|dtype| (gate, dtype)))
    {
        let logits = Tensor::<2>::from_data([[0.5, -1.0, 1.0, 0.25]; 8], (&Device::flex(), dtype));
        let route = || {
            let scale = Tensor::full([8, 4], 0.5, (&Device::flex(), dtype));
            train(gate, 1)(Scores::new(logits.clone()).noise_scale(scale))
        };
        let (one, other) = (route(), route());
        assert_eq!(numbers(one.combine.clone()), numbers(other.combine));
        assert_eq!(one.combine.dtype(), DType::F32, "{gate:?} of {dtype:?}");
        let y = one.mix(Tensor::ones([8, 2], (&Device::flex(), dtype)), |_, x| x);
        assert_eq!(y.dtype(), dtype);
    }
}
