//! Losses of balance: values by hand, gradients against differences, and what padding changes, which is nothing.

use super::support::{MASK, matches_differences, top_k};
use crate::support::{double, numbers};
use burn::tensor::{Bool, Device, Tensor};
use gumbel::Noise;
use gumbel::routing::{
    Capacity, Gate, Gating, Routing, Scores, Weighting, balanced_bias, cv_squared, switch_loss, z_loss,
};

const SHAPE: [usize; 2] = [3, 4];
const LOGITS: [f64; 12] = [0.5, -1.0, MASK, 1.5, 3.0, 2.0, -1.0, 2.5, 0.3, 0.4, 0.1, -2.0];

const GATES: [Gate; 8] = [
    Gate::TopK(Weighting::Chosen),
    Gate::TopK(Weighting::All),
    Gate::TopK(Weighting::Sigmoid),
    Gate::NoisyTopK(Weighting::Chosen),
    Gate::GumbelTopK(Weighting::Chosen),
    Gate::Simple,
    Gate::StraightThrough { tau: 0.6 },
    Gate::ExpertChoice,
];

fn one(tensor: Tensor<1>) -> f64 {
    numbers(tensor)[0]
}

fn train(gate: Gate, scores: Scores, tokens: usize) -> Routing {
    let scores = scores.noise_scale(double(vec![0.7; tokens * 4], [tokens, 4]));
    Gating::new(gate, 2).train(scores, &mut Noise::from_seed(9)).unwrap()
}

fn losses(routing: &Routing) -> Vec<f64> {
    let mut losses = vec![one(routing.switch_loss()), one(routing.importance_loss()), one(routing.z_loss())];
    losses.extend(routing.load_loss().map(one));
    losses
}

#[test]
fn an_even_load_has_a_switch_loss_of_one_and_no_variation() {
    let even: Vec<f64> =
        [[5.0, 0.0, 0.0, 0.0], [0.0, 5.0, 0.0, 0.0], [0.0, 0.0, 5.0, 0.0], [0.0, 0.0, 0.0, 5.0]].concat();
    let routing = top_k(Weighting::All, 1).evaluate(Scores::new(double(even, [4, 4]))).unwrap();
    assert!((one(routing.switch_loss()) - 1.0).abs() < 1e-12);
    assert!(one(routing.importance_loss()) < 1e-12);
    let one_sided = vec![60.0, 0.0, 0.0, 0.0, 60.0, 0.0, 0.0, 0.0];
    let routing = top_k(Weighting::All, 1).evaluate(Scores::new(double(one_sided, [2, 4]))).unwrap();
    assert!((one(routing.switch_loss()) - 4.0).abs() < 1e-12); // E, the largest
    assert!((one(routing.importance_loss()) - 3.0).abs() < 1e-12); // E − 1
}

#[test]
fn values_are_those_of_the_papers_formulas() {
    let routing = train(Gate::TopK(Weighting::All), Scores::new(double(LOGITS.to_vec(), SHAPE)), 3);
    let row = |t: usize| &LOGITS[t * 4..t * 4 + 4];
    let total = |t: usize| row(t).iter().map(|l| l.exp()).sum::<f64>();
    let share = |t: usize, e: usize| row(t)[e].exp() / total(t);
    // Tokens choose experts 3 and 0, 0 and 3, 1 and 0.
    let f = [3.0, 1.0, 0.0, 2.0].map(|count| count / 6.0);
    let p = |e: usize| (0..3).map(|t| share(t, e)).sum::<f64>() / 3.0;
    let switch: f64 = (0..4).map(|e| 4.0 * f[e] * p(e)).sum();
    assert!((one(routing.switch_loss()) - switch).abs() < 1e-12);
    let importance = [share(0, 0) + share(1, 0) + share(2, 0), share(2, 1), 0.0, share(0, 3) + share(1, 3)];
    let mean = importance.iter().sum::<f64>() / 4.0;
    let variance = importance.iter().map(|i| (i - mean).powi(2)).sum::<f64>() / 4.0;
    assert!((one(routing.importance_loss()) - variance / mean.powi(2)).abs() < 1e-12);
    let z = (0..3).map(|t| total(t).ln().powi(2)).sum::<f64>() / 3.0;
    assert!((one(routing.z_loss()) - z).abs() < 1e-12);
    assert!((one(z_loss(double(LOGITS.to_vec(), SHAPE)).unwrap()) - z).abs() < 1e-12);
}

#[test]
fn losses_have_the_gradients_of_differences() {
    for gate in GATES {
        let route = |scores| train(gate, scores, 3);
        matches_differences(&LOGITS, SHAPE, route, Routing::switch_loss);
        matches_differences(&LOGITS, SHAPE, route, Routing::z_loss);
        matches_differences(&LOGITS, SHAPE, route, Routing::probabilities);
        // The importance of weights of 1/k is constant between jumps; its gradient is a straight-through one.
        if !matches!(gate, Gate::Simple | Gate::StraightThrough { .. }) {
            matches_differences(&LOGITS, SHAPE, route, Routing::importance_loss);
        }
    }
}

/// Tokens of padding, whatever they hold, change no number of the others.
#[test]
fn padding_changes_nothing() {
    let (tokens, junk) = (3, [f64::NAN, 1e30, f64::INFINITY, MASK]);
    let padded: Vec<f64> = LOGITS.iter().chain(&junk).chain(&[MASK; 4]).copied().collect();
    let pad = Tensor::<1, Bool>::from_data([false, false, false, true, true], &Device::flex());
    for gate in GATES {
        let plain = train(gate, Scores::new(double(LOGITS.to_vec(), SHAPE)), tokens);
        let scores = Scores::new(double(padded.clone(), [5, 4])).mask_pad(pad.clone());
        let with = train(gate, scores, 5);
        assert_eq!((&plain.load, &plain.demand), (&with.load, &with.demand), "{gate:?}");
        let combine = numbers(with.combine.clone());
        assert_eq!(numbers(plain.combine.clone()), combine[..12], "{gate:?}");
        assert!(combine[12..].iter().all(|&weight| weight == 0.0));
        for (plain, with) in losses(&plain).into_iter().zip(losses(&with)) {
            assert!((plain - with).abs() < 1e-12, "{gate:?}: {plain} against {with}");
        }
        if let Some(log_prob) = with.log_prob() {
            let log_prob = numbers(log_prob);
            assert_eq!(numbers(plain.log_prob().unwrap()), log_prob[..3]);
            assert_eq!(log_prob[3..], [0.0, 0.0]);
        }
        let x = double((0..15).map(f64::from).collect(), [5, 3]);
        assert_eq!(numbers(with.mix(x, |_, x| x))[9..], [0.0; 6]);
    }
}

#[test]
fn nothing_to_route_is_a_routing_of_nothing() {
    let device = Device::flex();
    for gate in GATES {
        let all = Tensor::<1, Bool>::from_data([true, true, true], &device);
        let padded = train(gate, Scores::new(double(LOGITS.to_vec(), SHAPE)).mask_pad(all), 3);
        let x = double(vec![1.0; 6], [3, 2]);
        let y = padded.mix(x.clone(), |_, x| x.narrow(1, 0, 1));
        assert_eq!((y.dims(), numbers(y)), ([3, 1], vec![0.0; 3]), "{gate:?}");
        assert_eq!(numbers(padded.mix_dense(x, |_, x| x)), [0.0; 6]);
        assert!(losses(&padded).iter().all(|&loss| loss == 0.0), "{gate:?}: {:?}", losses(&padded));
        assert_eq!((padded.dropped, padded.unrouted), (0, 0));
        let scores = Scores::new(Tensor::zeros([0, 4], &device)).noise_scale(Tensor::zeros([0, 4], &device));
        let gating = Gating::new(gate, 2).with_capacity(Capacity::Factor(1.0));
        let empty = gating.train(scores, &mut Noise::from_seed(1)).unwrap();
        assert_eq!((empty.load.clone(), empty.combine.dims()), (vec![0; 4], [0, 4]), "{gate:?}");
        assert!(losses(&empty).iter().all(|&loss| loss == 0.0), "{gate:?}: {:?}", losses(&empty));
        let y = empty.mix(Tensor::zeros([0, 2], &device), |_, x| x.narrow(1, 0, 1));
        assert_eq!(y.dims(), [0, 1], "{gate:?}");
    }
}

#[test]
fn a_bias_moves_by_the_sign_of_the_load_error() {
    let zeros = Tensor::<1>::zeros([4], &Device::flex());
    let step = |demand: &[usize]| numbers(balanced_bias(zeros.clone(), demand, 0.5).unwrap());
    assert_eq!(step(&[3, 3, 3, 3]), [0.0; 4]);
    assert_eq!(step(&[9, 4, 3, 0]), [-0.5, 0.0, 0.5, 0.5]);
    assert_eq!(step(&[1, 0, 0, 0]), [-0.5, 0.5, 0.5, 0.5]); // a mean of a quarter
}

/// The bias evens a load that the logits make uneven, and changes no weight.
#[test]
fn a_bias_evens_the_load() {
    let mut noise = Noise::from_seed(2);
    let tilt = Tensor::<2>::from_floats([[2.0, 1.0, 0.0, -1.0]], &Device::flex());
    let logits = noise.normal::<2>([2000, 4], &Device::flex()) + tilt;
    let gating = top_k(Weighting::Sigmoid, 1);
    let mut bias = Tensor::<1>::zeros([4], &Device::flex());
    let route = |bias: &Tensor<1>| gating.evaluate(Scores::new(logits.clone()).bias(bias.clone())).unwrap();
    assert!(route(&bias).load[0] > 1000);
    for _ in 0..400 {
        bias = balanced_bias(bias.clone(), &route(&bias).demand, 2e-3).unwrap();
    }
    let load = route(&bias).load;
    assert!(load.iter().all(|&load| load.abs_diff(500) < 25), "{load:?}");
}

#[test]
fn losses_of_nothing_are_zero() {
    let device = Device::flex();
    assert_eq!(one(cv_squared(Tensor::zeros([3], &device))), 0.0);
    assert_eq!(one(switch_loss(Tensor::zeros([2, 3], &device), Tensor::zeros([2, 3], &device))), 0.0);
    assert_eq!(one(z_loss(Tensor::zeros([0, 3], &device)).unwrap()), 0.0);
    assert!(z_loss(Tensor::full([1, 3], f32::NAN, &device)).is_err());
}
