//! The router as a module: what it draws, trains, saves and restores.

use crate::support::numbers;
use burn::config::Config;
use burn::module::Module;
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Bool, Device, Tensor};
use gumbel::Noise;
use gumbel::routing::{Capacity, Gate, Gating, Router, RouterConfig, RouterInput, Weighting};

fn config(gate: Gate) -> RouterConfig {
    RouterConfig::new(8, 4, Gating::new(gate, 2))
}

fn router(gate: Gate, device: &Device) -> Router {
    let biased = gate != Gate::ExpertChoice;
    config(gate).with_bias(biased).init(&mut Noise::from_seed(3), device).unwrap()
}

fn tokens(device: &Device) -> Tensor<2> {
    Noise::from_seed(4).normal([16, 8], device)
}

#[test]
fn weights_are_drawn_from_the_noise_and_are_small() {
    let device = Device::flex();
    let wide = RouterConfig::new(400, 50, Gating::new(Gate::TopK(Weighting::All), 1));
    let draw = |seed| numbers(wide.init(&mut Noise::from_seed(seed), &device).unwrap().scorer.weight.val());
    let weights = draw(1);
    assert_eq!(weights, draw(1));
    assert_ne!(weights, draw(2));
    let variance = weights.iter().map(|weight| weight * weight).sum::<f64>() / 20_000.0;
    let exact = 0.1 / 400.0;
    assert!((variance - exact).abs() < 4.0 * exact * (2.0 / 20_000f64).sqrt(), "{variance}, not {exact}");
}

/// A step of the optimiser moves the weights; the bias moves by its own rule alone.
#[test]
fn an_optimiser_trains_the_scorer_and_leaves_the_bias() {
    let device = Device::flex().autodiff();
    for gate in [
        Gate::TopK(Weighting::Chosen),
        Gate::NoisyTopK(Weighting::Chosen),
        Gate::GumbelTopK(Weighting::Sigmoid),
        Gate::Simple,
        Gate::StraightThrough { tau: 0.5 },
        Gate::ExpertChoice,
    ] {
        let before = router(gate, &device);
        let mut after = before.clone();
        let mut noise = Noise::from_seed(5);
        let routing = after.forward_train(RouterInput::new(tokens(&device)), &mut noise).unwrap();
        let y = routing.mix_dense(tokens(&device), |expert, x| x * (expert as f32 - 1.0));
        let loss = y.powi_scalar(2).mean() + routing.switch_loss() + routing.z_loss();
        let gradients = GradientsParams::from_grads(loss.backward(), &after);
        after = AdamConfig::new().init().step(0.01, after, gradients);
        let weight = |router: &Router| numbers(router.scorer.weight.val());
        assert_ne!(weight(&before), weight(&after), "{gate:?}");
        if let Some(bias) = after.bias() {
            assert_eq!(numbers(bias), [0.0; 4], "{gate:?}");
            after.update_bias(&routing.demand, 0.25).unwrap();
            assert!(numbers(after.bias().unwrap()).iter().all(|b| [-0.25, 0.0, 0.25].contains(b)));
            assert_eq!(numbers(before.bias().unwrap()), [0.0; 4], "a clone has a bias of its own");
        }
        if let Some(scale) = &after.noise_scale {
            assert_ne!(numbers(scale.weight.val()), vec![0.0; 32]);
        }
    }
}

#[test]
fn the_bias_is_saved_with_the_module() {
    let device = Device::flex();
    let gate = Gate::TopK(Weighting::Sigmoid);
    let mut saved = router(gate, &device);
    saved.update_bias(&[9, 0, 0, 0], 0.25).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("router");
    saved.clone().save_file(&path).unwrap();
    let fresh = config(gate).with_bias(true).init(&mut Noise::from_seed(99), &device).unwrap();
    let restored = fresh.load_file(&path);
    assert_eq!(numbers(restored.bias().unwrap()), [-0.25, 0.25, 0.25, 0.25]);
    let routed =
        |router: &Router| numbers(router.forward_eval(RouterInput::new(tokens(&device))).unwrap().combine);
    assert_eq!(routed(&restored), routed(&saved));
}

#[test]
fn a_configuration_is_saved_and_read() {
    let gating = Gating::new(Gate::StraightThrough { tau: 0.5 }, 2).with_capacity(Capacity::Factor(1.25));
    let config = RouterConfig::new(8, 4, gating).with_bias(true);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("router.json");
    config.save(&path).unwrap();
    let read = RouterConfig::load(&path).unwrap();
    assert_eq!((read.d_input, read.experts, read.gating, read.bias), (8, 4, config.gating, true));
}

/// What padding holds does not reach the weights, not even NaN.
#[test]
fn padding_that_is_not_a_number_reaches_no_weight() {
    let device = Device::flex().autodiff();
    let pad = Tensor::<1, Bool>::from_data([false, true], &device);
    let x = Tensor::<2>::from_floats([[1.0; 8], [f32::NAN; 8]], &device);
    for gate in [Gate::TopK(Weighting::Chosen), Gate::NoisyTopK(Weighting::Chosen), Gate::ExpertChoice] {
        let router = router(gate, &device);
        let input = RouterInput::new(x.clone()).mask_pad(pad.clone());
        let routing = router.forward_train(input, &mut Noise::from_seed(1)).unwrap();
        let loss = (routing.combine.clone().powi_scalar(2)).sum() + routing.switch_loss() + routing.z_loss();
        let gradients = loss.backward();
        let gradient = numbers(router.scorer.weight.grad(&gradients).unwrap());
        assert!(gradient.iter().all(|slope| slope.is_finite()), "{gate:?}: {gradient:?}");
        let y = routing.mix(x.clone(), |_, x| x);
        assert!(numbers(y).iter().all(|y| y.is_finite()));
    }
}
