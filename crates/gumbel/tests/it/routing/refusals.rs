//! What is refused, with the message.

use super::support::{MASK, top_k};
use crate::support::double;
use burn::tensor::{Device, Tensor};
use gumbel::routing::{Capacity, Gate, Gating, RouterConfig, Routing, Scores, Weighting, balanced_bias};
use gumbel::{Error, Noise};

const GATES: [Gate; 6] = [
    Gate::TopK(Weighting::Chosen),
    Gate::NoisyTopK(Weighting::Chosen),
    Gate::GumbelTopK(Weighting::Chosen),
    Gate::Simple,
    Gate::StraightThrough { tau: 1.0 },
    Gate::ExpertChoice,
];

fn scores(logits: &[f64], experts: usize) -> Scores {
    let shape = [logits.len() / experts, experts];
    Scores::new(double(logits.to_vec(), shape)).noise_scale(double(vec![1.0; logits.len()], shape))
}

fn message<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    result.unwrap_err().to_string()
}

fn both(gating: &Gating, scores: Scores) -> [Result<Routing, Error>; 2] {
    [gating.train(scores.clone(), &mut Noise::from_seed(1)), gating.evaluate(scores)]
}

#[test]
fn rows_that_cannot_be_routed_are_named() {
    for gate in GATES {
        let gating = Gating::new(gate, 2);
        for result in both(&gating, scores(&[0.0, 1.0, 2.0, 0.0, f64::NAN, 1.0], 3)) {
            assert!(message(result).starts_with("the logit at row 1, column 1 is NaN"), "{gate:?}");
        }
        for result in both(&gating, scores(&[f64::INFINITY, 1.0, 2.0], 3)) {
            assert!(message(result).starts_with("the logit at row 0, column 0 is inf"), "{gate:?}");
        }
        for result in both(&gating, scores(&[0.0, 1.0, 2.0, MASK, MASK, MASK], 3)) {
            let expected = "every logit of row 1 is -inf; leave at least one category unmasked";
            assert_eq!(message(result), expected, "{gate:?}");
        }
        if gate != Gate::ExpertChoice {
            for result in both(&gating, scores(&[0.0, MASK, MASK], 3)) {
                let expected = "cannot choose 2 categories from row 0: only 1 are unmasked; request fewer or unmask more";
                assert_eq!(message(result), expected, "{gate:?}");
            }
        }
    }
}

#[test]
fn parameters_out_of_range_are_named() {
    for k in [0, 4] {
        for result in both(&top_k(Weighting::All, k), scores(&[0.0; 3], 3)) {
            let expected = format!("router: k must be from 1 to the number of experts, 3, got {k}");
            assert_eq!(message(result), expected);
        }
    }
    let capacity =
        |capacity| message(top_k(Weighting::All, 1).with_capacity(capacity).evaluate(scores(&[0.0; 3], 3)));
    assert_eq!(capacity(Capacity::Tokens(0)), "router: capacity must be at least 1 token, got 0");
    for factor in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let expected = format!("router: capacity factor must be positive and finite, got {factor}");
        assert_eq!(capacity(Capacity::Factor(factor)), expected);
    }
    let cold = Gating::new(Gate::StraightThrough { tau: 0.0 }, 1).evaluate(scores(&[0.0; 3], 3));
    assert_eq!(message(cold), "temperature must be positive and finite, got 0");
    let init = |config: RouterConfig| message(config.init(&mut Noise::from_seed(1), &Device::flex()));
    let gating = top_k(Weighting::All, 2);
    assert_eq!(init(RouterConfig::new(0, 3, gating.clone())), "router: d_input must be at least 1, got 0");
    assert_eq!(init(RouterConfig::new(3, 0, gating.clone())), "router: experts must be at least 1, got 0");
    assert_eq!(
        init(RouterConfig::new(3, 1, gating)),
        "router: k must be from 1 to the number of experts, 1, got 2"
    );
}

#[test]
fn noise_scales_and_biases_are_checked() {
    let gating = Gating::new(Gate::NoisyTopK(Weighting::Chosen), 1);
    let plain = Scores::new(double(vec![0.0; 4], [2, 2]));
    let train = |scores: Scores| message(gating.train(scores, &mut Noise::from_seed(1)));
    assert_eq!(train(plain.clone()), "router: noise scale must be given for noisy top-k, got none");
    assert!(gating.evaluate(plain.clone()).is_ok());
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let scale = double(vec![1.0, 1.0, bad, 1.0], [2, 2]);
        let expected = format!("router: the noise scale must be positive and finite, got {bad} at index 2");
        assert_eq!(train(plain.clone().noise_scale(scale)), expected);
    }
    let biased =
        |gating: Gating| message(gating.evaluate(plain.clone().bias(double(vec![0.0, f64::NAN], [2]))));
    assert_eq!(biased(top_k(Weighting::All, 1)), "router: the bias must be finite, got NaN at index 1");
    let even = "router: bias must be absent with expert choice, whose load is even, got a bias";
    assert_eq!(biased(Gating::new(Gate::ExpertChoice, 1)), even);
    let config = RouterConfig::new(2, 2, Gating::new(Gate::ExpertChoice, 1)).with_bias(true);
    assert_eq!(message(config.init(&mut Noise::from_seed(1), &Device::flex())), even);
    let rate = balanced_bias(Tensor::zeros([2], &Device::flex()), &[1, 0], 0.0);
    assert_eq!(message(rate), "router: the rate of the bias must be positive and finite, got 0");
    let config = RouterConfig::new(2, 2, top_k(Weighting::All, 1));
    let mut without = config.init(&mut Noise::from_seed(1), &Device::flex()).unwrap();
    let expected =
        "router: bias must be configured before it is updated, got none; use RouterConfig::with_bias";
    assert_eq!(message(without.update_bias(&[1, 0], 0.1)), expected);
    let mut with = config.with_bias(true).init(&mut Noise::from_seed(1), &Device::flex()).unwrap();
    assert!(with.update_bias(&[1, 0], f64::NAN).is_err());
    assert!(with.bias().is_some(), "an error leaves the bias");
}

#[test]
#[should_panic(expected = "mask_pad has the shape [3], expected [2]")]
fn a_mask_of_another_shape_panics() {
    let pad = Tensor::from_data([true, false, false], &Device::flex());
    let _ = top_k(Weighting::All, 1).evaluate(scores(&[0.0; 4], 2).mask_pad(pad));
}

#[test]
#[should_panic(expected = "x has the shape [3, 1], expected 2 rows")]
fn tokens_of_another_number_panic() {
    let routing = top_k(Weighting::All, 1).evaluate(scores(&[0.0; 4], 2)).unwrap();
    let _ = routing.mix(Tensor::zeros([3, 1], &Device::flex()), |_, x| x);
}

#[test]
#[should_panic(expected = "expert 0 returned [1, 1] for 2 tokens")]
fn an_expert_that_loses_tokens_panics() {
    let routing = top_k(Weighting::All, 1).evaluate(scores(&[0.0; 4], 2)).unwrap();
    let _ = routing.mix(Tensor::zeros([2, 1], &Device::flex()), |_, x| x.narrow(0, 0, 1));
}
