//! Learning to explain: which four of ten features determine a prediction?
//!
//! Chen, Song, Wainwright and Jordan 2018 (L2X), on a variant of their data: the model to be explained says
//! `p(x) = σ(Σ xᵢ)`, the sum over features 1 to 4 if the tenth is positive, and over 5 to 8 if not. So the
//! features that matter differ from row to row. An explainer scores the features of a row, a subset of four is drawn
//! with the gradient of SIMPLE, and a predictor sees only these four. Both are trained to agree with `p`; the explainer
//! is never given the true features. (The paper's sums of squares would be hidden from a straight-through
//! gradient: at a feature that is not shown it is the slope of a square at zero.)
//!
//! `cargo run --release --example l2x` prints the share of held-out rows whose four highest-scored features are exactly
//! the true ones; by chance it would be 1 in 210.

#[allow(clippy::duplicate_mod)] // where a test takes several examples as modules
mod network;

use burn::module::Module;
use burn::nn::Linear;
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Device, Tensor, activation};
use gumbel::{Noise, subset};
use network::linear;

const FEATURES: usize = 10;
const CHOSEN: usize = 4;
const HIDDEN: usize = 64;
const STEPS: u64 = 1500;

/// What training came to.
pub struct Outcome {
    /// The share of held-out rows whose chosen features are the true ones.
    pub exact: f64,
    /// The share of chosen features that are true ones.
    pub true_features: f64,
}

/// Trains from a seed, and explains 2000 rows that were not seen.
pub fn run(seed: u64) -> Result<Outcome, gumbel::Error> {
    let device = Device::flex().autodiff();
    let root = Noise::from_seed(seed);
    let (mut noise, mut adam) = (root.split(0), AdamConfig::new().init());
    let mut networks = Networks {
        explainer: Perceptron::new(FEATURES, FEATURES, &mut noise, &device),
        predictor: Perceptron::new(FEATURES, 1, &mut noise, &device),
    };
    for step in 0..STEPS {
        let mut noise = root.split(1 + step);
        let gradients = loss(&networks, rows(256, &mut noise), &mut noise)?.backward();
        let gradients = GradientsParams::from_grads(gradients, &networks);
        networks = adam.step(2e-3, networks, gradients);
    }
    let x = rows(2000, &mut root.split(1 + STEPS));
    let scores = networks.explainer.forward(x.clone().autodiff()).inner();
    let chosen =
        scores.topk_with_indices(CHOSEN, 1).1.one_hot::<3>(FEATURES).float().sum_dim(1).squeeze_dim::<2>(1);
    let hits = (chosen * relevant(&x)).sum_dim(1);
    let exact = hits.clone().equal_elem(CHOSEN as f32).float().mean().into_scalar::<f32>();
    let true_features = (hits / CHOSEN as f64).mean().into_scalar::<f32>();
    Ok(Outcome { exact: exact.into(), true_features: true_features.into() })
}

/// Standard normal features; the tenth is of either sign and never near zero.
fn rows(count: usize, noise: &mut Noise) -> Tensor<2> {
    let x = noise.normal::<2>([count, FEATURES], &Device::flex());
    let last = x.clone().narrow(1, FEATURES - 1, 1);
    let side = last.clone().sign() + last;
    Tensor::cat(vec![x.narrow(1, 0, FEATURES - 1), side], 1)
}

/// Ones at the features that the model looks at, beside the tenth that decides.
fn relevant(x: &Tensor<2>) -> Tensor<2> {
    let first = [1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
    let second = [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0];
    let positive = x.clone().narrow(1, FEATURES - 1, 1).greater_elem(0.0).float();
    let pick = |features: [f32; FEATURES]| Tensor::<2>::from_floats([features], &Device::flex());
    positive.clone() * pick(first) + (positive.neg() + 1.0) * pick(second)
}

/// The cross-entropy between the model's probability and the predictor's, which sees the chosen features alone.
fn loss(networks: &Networks, x: Tensor<2>, noise: &mut Noise) -> Result<Tensor<1>, gumbel::Error> {
    let p = activation::sigmoid((x.clone() * relevant(&x)).sum_dim(1)).autodiff();
    let x = x.autodiff();
    let z = subset::straight_through_k_hot(networks.explainer.forward(x.clone()), CHOSEN, noise)?;
    let log_odds = networks.predictor.forward(x * z);
    Ok((activation::softplus(log_odds.clone(), 1.0) - p * log_odds).mean())
}

#[derive(Module, Debug)]
struct Networks {
    explainer: Perceptron,
    predictor: Perceptron,
}

/// Two hidden layers with rectifiers.
#[derive(Module, Debug)]
struct Perceptron {
    layers: Vec<Linear>,
}

impl Perceptron {
    fn new(inputs: usize, outputs: usize, noise: &mut Noise, device: &Device) -> Self {
        let widths = [inputs, HIDDEN, HIDDEN, outputs];
        Self { layers: widths.windows(2).map(|pair| linear(pair[0], pair[1], noise, device)).collect() }
    }

    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let (last, hidden) = self.layers.split_last().expect("three layers");
        last.forward(hidden.iter().fold(x, |x, layer| activation::relu(layer.forward(x))))
    }
}

#[allow(dead_code)] // where the test takes this file as a module
fn main() -> Result<(), gumbel::Error> {
    let Outcome { exact, true_features } = run(1)?;
    println!("rows explained exactly  {:.1} %  (chance 0.5 %)", 100.0 * exact);
    println!("chosen features that matter  {:.1} %  (chance 40 %)", 100.0 * true_features);
    Ok(())
}
