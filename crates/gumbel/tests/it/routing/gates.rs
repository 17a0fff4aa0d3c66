//! Gates without noise: choices by hand, gradients against differences, and the dense gradient against its formula.

use super::support::{MASK, WEIGHTINGS, ints, matches_differences, through, top_k};
use crate::support::{double, numbers};
use burn::tensor::{Bool, Tensor};
use gumbel::routing::{Capacity, Gate, Gating, Routing, Scores, Weighting};

const SHAPE: [usize; 2] = [4, 5];
/// The third token is padding in some tests.
const LOGITS: [f64; 20] = [
    0.5, -1.0, MASK, 1.5, 0.2, 3.0, 2.0, -80.0, 2.5, 1.0, 9.0, 9.0, 9.0, 9.0, 9.0, -0.3, 0.4, 0.1, 0.9, -2.0,
];

fn cotangent() -> Tensor<2> {
    let values = (0..20).map(|i| ((i * 37 % 19) as f64 - 9.0) / 5.0).collect();
    double(values, SHAPE)
}

fn padded(scores: Scores) -> Scores {
    let device = burn::tensor::Device::flex();
    scores.mask_pad(Tensor::<1, Bool>::from_data([false, false, true, false], &device))
}

fn gatings() -> Vec<Gating> {
    let by_tokens = WEIGHTINGS.into_iter().flat_map(|weighting| [1, 2, 4].map(|k| top_k(weighting, k)));
    by_tokens.chain([1, 2].map(|k| Gating::new(Gate::ExpertChoice, k))).collect()
}

#[test]
fn weights_are_those_of_the_formulas() {
    let (shares, sigmoid) = ([1.0, 2.0, 5.0].map(|share| share / 8.0), |x: f64| 1.0 / (1.0 + (-x).exp()));
    let logits: Vec<f64> = [1.0f64, 2.0, 5.0].map(f64::ln).to_vec();
    let weights = |weighting| {
        let scores = Scores::new(double(logits.clone(), [1, 3]));
        let routing = top_k(weighting, 2).evaluate(scores).unwrap();
        assert_eq!(ints(routing.indices), [2, 1]);
        numbers(routing.weights)
    };
    let close = |found: Vec<f64>, expected: [f64; 2]| {
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?}, {expected:?}");
    };
    close(weights(Weighting::Chosen), [5.0 / 7.0, 2.0 / 7.0]);
    close(weights(Weighting::All), [shares[2], shares[1]]);
    let (a, b) = (sigmoid(logits[2]), sigmoid(logits[1]));
    close(weights(Weighting::Sigmoid), [a / (a + b), b / (a + b)]);
}

#[test]
fn every_gradient_is_that_of_differences() {
    for gating in gatings() {
        let d = cotangent();
        let route = |scores| gating.evaluate(padded(scores)).unwrap();
        matches_differences(&LOGITS, SHAPE, route, |routing| routing.combine.clone() * d.clone());
        let curved = |routing: &Routing| (routing.combine.clone() * d.clone()).sum_dim(1).exp();
        matches_differences(&LOGITS, SHAPE, route, curved);
        let of_slots = |routing: &Routing| {
            let [rows, slots] = routing.weights.dims();
            let d: Vec<f64> = (0..rows * slots).map(|i| (i as f64 * 0.7).sin()).collect();
            routing.weights.clone() * double(d, [rows, slots])
        };
        matches_differences(&LOGITS, SHAPE, route, of_slots);
    }
}

#[test]
fn padding_and_masked_experts_have_no_gradient_and_no_tokens() {
    for gating in gatings() {
        let unfit: Vec<f64> = LOGITS.iter().map(|&l| if l == 9.0 { f64::NAN } else { l }).collect();
        let route = |scores| gating.evaluate(padded(scores)).unwrap();
        let both = |routing: &Routing| {
            assert!(numbers(routing.combine.clone())[10..15].iter().all(|&weight| weight == 0.0));
            routing.combine_dense() * cotangent() + routing.probabilities()
        };
        let (value, gradient) = through(&unfit, SHAPE, route, both);
        assert!(value.is_finite());
        assert!(gradient.iter().all(|slope| slope.is_finite()), "{gating:?}: {gradient:?}");
        assert_eq!(gradient[10..15], [0.0; 5], "{gating:?}");
        assert_eq!(gradient[2], 0.0, "{gating:?}");
    }
}

/// `mask_experts` is `-inf` in the logits.
#[test]
fn both_masks_of_experts_are_the_same() {
    let device = burn::tensor::Device::flex();
    let masked: Vec<f64> = (0..20).map(|i| if i % 5 == 3 { MASK } else { LOGITS[i] }).collect();
    let mask = Tensor::<2, Bool>::from_data([[false, false, false, true, false]], &device);
    for gating in gatings().into_iter().filter(|gating| gating.k < 3) {
        let of = |scores: Scores| numbers(gating.evaluate(padded(scores)).unwrap().combine);
        let by_mask = of(Scores::new(double(LOGITS.to_vec(), SHAPE)).mask_experts(mask.clone()));
        assert_eq!(by_mask, of(Scores::new(double(masked.clone(), SHAPE))));
    }
}

/// `w_j (c_j − Σ w c)` for the softmax, times `1 − σ(θ_j)` for normalised sigmoids.
fn dense_formula(logits: &[f64], c: &[f64], weighting: Weighting) -> Vec<f64> {
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let score = |x: f64| if weighting == Weighting::Sigmoid { sigmoid(x) } else { x.exp() };
    let total: f64 = logits.iter().map(|&x| score(x)).sum();
    let mean: f64 = logits.iter().zip(c).map(|(&x, c)| score(x) / total * c).sum();
    let slope = |(&x, c): (&f64, &f64)| {
        let own = if weighting == Weighting::Sigmoid { 1.0 - sigmoid(x) } else { 1.0 };
        score(x) / total * own * (c - mean)
    };
    logits.iter().zip(c).map(slope).collect()
}

#[test]
fn the_dense_gradient_is_the_formula_and_the_value_is_sparse() {
    let c = numbers(cotangent());
    let gatings = gatings().into_iter().map(|gating| gating.with_eval_capacity(Capacity::Tokens(1)));
    for gating in gatings {
        let weighting = match gating.gate {
            Gate::TopK(weighting) => weighting,
            _ => Weighting::All,
        };
        let route = |scores| gating.evaluate(scores).unwrap();
        let dense = |routing: &Routing| {
            assert_eq!(numbers(routing.combine_dense()), numbers(routing.combine.clone()));
            routing.combine_dense() * cotangent()
        };
        let (_, gradient) = through(&LOGITS, SHAPE, route, dense);
        for row in 0..4 {
            let at = row * 5..row * 5 + 5;
            let exact = dense_formula(&LOGITS[at.clone()], &c[at.clone()], weighting);
            for (found, exact) in gradient[at].iter().zip(exact) {
                assert!((found - exact).abs() < 1e-12, "{gating:?}, token {row}: {found} against {exact}");
            }
        }
    }
}

/// Each expert is a matrix of its own; of each token two parts are left.
fn experts() -> Tensor<3> {
    double((0..30).map(|i| (f64::from(i) * 1.3).cos()).collect(), [5, 3, 2])
}

fn tokens() -> Tensor<2> {
    double((0..12).map(|i| (f64::from(i) * 0.9).sin()).collect(), [4, 3])
}

/// The output, and its gradients in the logits, the tokens and the experts.
fn mixed(dense: bool, gating: &Gating) -> [Vec<f64>; 4] {
    let (logits, x, matrices) =
        (double(LOGITS.to_vec(), SHAPE).require_grad(), tokens().require_grad(), experts().require_grad());
    let routing = gating.evaluate(padded(Scores::new(logits.clone()))).unwrap();
    let expert =
        |e: usize, x: Tensor<2>| x.matmul(matrices.clone().narrow(0, e, 1).squeeze_dim::<2>(0)).tanh();
    let y = if dense { routing.mix_dense(x.clone(), expert) } else { routing.mix(x.clone(), expert) };
    let gradients = y.clone().powi_scalar(2).sum().backward();
    let grad = numbers(logits.grad(&gradients).unwrap());
    [numbers(y), grad, numbers(x.grad(&gradients).unwrap()), numbers(matrices.grad(&gradients).unwrap())]
}

/// What a user without [`Routing::mix`] would write: every expert on every token, times the weights.
fn by_hand(dense: bool, gating: &Gating) -> [Vec<f64>; 4] {
    let (logits, x, matrices) =
        (double(LOGITS.to_vec(), SHAPE).require_grad(), tokens().require_grad(), experts().require_grad());
    let routing = gating.evaluate(padded(Scores::new(logits.clone()))).unwrap();
    let all = x.clone().unsqueeze::<3>().expand([5, 4, 3]).matmul(matrices.clone()).tanh(); // [E, T, 2]
    let weights = if dense { routing.combine_dense() } else { routing.combine.clone() };
    let weights = weights.swap_dims(0, 1).unsqueeze_dim::<3>(2);
    let y = (all * weights).sum_dim(0).squeeze_dim::<2>(0);
    let gradients = y.clone().powi_scalar(2).sum().backward();
    let grad = numbers(logits.grad(&gradients).unwrap());
    [numbers(y), grad, numbers(x.grad(&gradients).unwrap()), numbers(matrices.grad(&gradients).unwrap())]
}

#[test]
fn dispatch_and_combination_are_the_sum_over_all_experts() {
    let close = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12);
    for gating in gatings() {
        for dense in [false, true] {
            for (place, (found, expected)) in
                mixed(dense, &gating).iter().zip(by_hand(dense, &gating)).enumerate()
            {
                assert!(close(found, &expected), "{gating:?}, {dense}, {place}: {found:?}, {expected:?}");
            }
        }
        let ([y, theta, x, weights], [other_y, other_theta, other_x, other_weights]) =
            (mixed(false, &gating), mixed(true, &gating));
        assert!(close(&y, &other_y) && close(&x, &other_x) && close(&weights, &other_weights));
        assert_ne!(theta, other_theta, "{gating:?}: only the gradient of the logits is another");
    }
}

#[test]
fn of_equal_logits_the_lowest_index_comes_first() {
    let zeros = || Scores::new(double(vec![0.0; 12], [3, 4]));
    assert_eq!(ints(top_k(Weighting::Chosen, 2).evaluate(zeros()).unwrap().indices), [0, 1, 0, 1, 0, 1]);
    let bias = double(vec![0.0, 0.0, 1.0, 0.0], [4]);
    let biased = top_k(Weighting::Sigmoid, 2).evaluate(zeros().bias(bias)).unwrap();
    assert_eq!(ints(biased.indices), [2, 0, 2, 0, 2, 0]);
    let experts = Gating::new(Gate::ExpertChoice, 2).evaluate(zeros()).unwrap();
    assert_eq!(ints(experts.indices), [0, 1, 0, 1, 0, 1, 0, 1]); // each expert takes two of three tokens
    // Scores that round to the same number are in the order of their logits.
    let far = Scores::new(double(vec![50.0, 60.0, 55.0], [1, 3])).bias(double(vec![0.0; 3], [3]));
    assert_eq!(ints(top_k(Weighting::Sigmoid, 2).evaluate(far).unwrap().indices), [1, 2]);
}

#[test]
fn a_bias_chooses_and_does_not_weigh() {
    let logits = vec![0.0, 2.0, 1.0];
    let route = |weighting| {
        let scores = Scores::new(double(logits.clone(), [1, 3])).bias(double(vec![0.9, 0.0, 0.0], [3]));
        top_k(weighting, 2).evaluate(scores).unwrap()
    };
    for weighting in WEIGHTINGS {
        assert_eq!(ints(route(weighting).indices), [0, 1], "{weighting:?}");
    }
    let total = 1.0 + 2f64.exp();
    let weights = numbers(route(Weighting::Chosen).weights);
    assert!((weights[0] - 1.0 / total).abs() < 1e-12, "{weights:?}");
}

#[test]
fn experts_choose_the_tokens_with_the_largest_shares() {
    let device = burn::tensor::Device::flex();
    // Four tokens and two experts; the last token is padding, and the second expert is masked for the first.
    let logits = vec![1.0, MASK, 3.0, 0.0, 0.5, 0.6, 9.0, -9.0];
    let pad = Tensor::<1, Bool>::from_data([false, false, false, true], &device);
    let scores = Scores::new(double(logits, [4, 2])).mask_pad(pad);
    let routing = Gating::new(Gate::ExpertChoice, 1).evaluate(scores).unwrap(); // ⌈3 · 1 / 2⌉ tokens each
    assert_eq!((routing.load.clone(), routing.dropped, routing.unrouted), (vec![2, 2], 0, 0));
    assert_eq!(ints(routing.indices.clone()), [0, 1, 2, 1]);
    let share = |a: f64, b: f64| a.exp() / (a.exp() + b.exp());
    let expected = [1.0, share(3.0, 0.0), share(0.6, 0.5), share(0.0, 3.0)];
    for (found, expected) in numbers(routing.weights).into_iter().zip(expected) {
        assert!((found - expected).abs() < 1e-12, "{found} against {expected}");
    }
}

/// Extreme logits leave every weight a number: the choice can be far from the largest.
#[test]
fn weights_stay_finite_far_from_the_largest_logit() {
    for weighting in WEIGHTINGS {
        let scores = Scores::new(double(vec![900.0, -900.0, -901.0], [1, 3]));
        let scores = scores.bias(double(vec![-2.0, 0.0, 0.0], [3]));
        let routing = top_k(weighting, 2).evaluate(scores).unwrap();
        assert_eq!(ints(routing.indices.clone()), [1, 2]);
        let weights = numbers(routing.weights);
        assert!(weights.iter().all(|weight| weight.is_finite()), "{weighting:?}: {weights:?}");
        if weighting != Weighting::All {
            assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        }
    }
}

/// A frozen router and frozen tokens, each with the other on a device that differentiates.
#[test]
fn what_is_not_differentiated_can_be_on_a_plain_device() {
    let gating = top_k(Weighting::Chosen, 2);
    let frozen = double(LOGITS.to_vec(), SHAPE).inner();
    let x = tokens().require_grad();
    for dense in [false, true] {
        let routing = gating.evaluate(Scores::new(frozen.clone())).unwrap();
        let double_it = |_: usize, x: Tensor<2>| x * 2.0;
        let y =
            if dense { routing.mix_dense(x.clone(), double_it) } else { routing.mix(x.clone(), double_it) };
        let slopes = numbers(x.grad(&y.sum().backward()).unwrap());
        assert!(slopes.iter().all(|slope| (slope - 2.0).abs() < 1e-12), "{slopes:?}");
        let logits = double(LOGITS.to_vec(), SHAPE).require_grad();
        let routing = gating.evaluate(Scores::new(logits.clone())).unwrap();
        let expert = |e: usize, x: Tensor<2>| x * (e as f64 + 1.0);
        let y = if dense {
            routing.mix_dense(tokens().inner(), expert)
        } else {
            routing.mix(tokens().inner(), expert)
        };
        assert!(numbers(logits.grad(&y.sum().backward()).unwrap()).iter().any(|&slope| slope != 0.0));
    }
    let scale = double(vec![0.5; 20], SHAPE).require_grad();
    let scores = Scores::new(frozen).noise_scale(scale.clone());
    let noisy = Gating::new(Gate::NoisyTopK(Weighting::Chosen), 2);
    let routing = noisy.train(scores, &mut gumbel::Noise::from_seed(1)).unwrap();
    let loss = (routing.combine.clone() * cotangent()).sum() + routing.load_loss().unwrap();
    assert!(numbers(scale.grad(&loss.backward()).unwrap()).iter().any(|&slope| slope != 0.0));
}
