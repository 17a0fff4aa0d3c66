//! Pruning a trained network to 2:4 sparsity: learned masks against the largest weights.
//!
//! A network is trained to classify points in 32 dimensions, whose features have different scales and are correlated. Then two of
//! every four inputs of each hidden unit are removed: those with the smaller weights, or those that a distribution over masks learns
//! to remove (MaskLLM, Fang et al. 2024), with the weights as they were trained. Logits start from the magnitudes.
//!
//! `cargo run --release --example prune` prints the accuracy on held-out points of the dense network and of both pruned ones.

#[allow(clippy::duplicate_mod)] // where a test takes several examples as modules
mod network;

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Device, Int, Tensor, activation};
use gumbel::sparsity::NOfM;
use gumbel::{Noise, Schedule};
use network::linear;

const FEATURES: usize = 32;
const HIDDEN: usize = 48;
const CLASSES: usize = 8;
/// Clusters of points; each class has three.
const CLUSTERS: usize = 3 * CLASSES;
const POINTS: usize = 3000;
const TRAINING_STEPS: u64 = 400;
const PRUNING_STEPS: u64 = 300;

/// Accuracies on held-out points.
pub struct Outcome {
    /// Of the network as it was trained.
    pub dense: f64,
    /// With the two largest weights of every four.
    pub magnitude: f64,
    /// With learned masks.
    pub learned: f64,
}

/// Trains and prunes with the noise of a seed.
pub fn run(seed: u64) -> Result<Outcome, gumbel::Error> {
    let root = Noise::from_seed(seed);
    let world = World::draw(&mut root.split(0));
    let (training, held_out) = (world.points(&mut root.split(1)), world.points(&mut root.split(2)));
    let network = trained(&training, &root);
    let pattern = NOfM::new(2, 4)?;
    let masks = Masks::from_magnitudes(&network, &pattern);
    let learned = learn(masks.clone(), &network, &pattern, &training, &root)?;
    let best = |masks: &Masks| masks.apply(&network, |logits| pattern.mode(logits));
    Ok(Outcome {
        dense: held_out.accuracy(&network, &network.weights()),
        magnitude: held_out.accuracy(&network, &best(&masks)?),
        learned: held_out.accuracy(&network, &best(&learned)?),
    })
}

/// Two hidden layers of rectified units, whose weights are pruned, and the output.
#[derive(Module, Debug)]
struct Network {
    first: Linear,
    second: Linear,
    output: Linear,
}

impl Network {
    fn new(noise: &mut Noise) -> Self {
        let device = Device::flex().autodiff();
        let mut layer = |inputs, outputs| linear(inputs, outputs, noise, &device);
        Self { first: layer(FEATURES, HIDDEN), second: layer(HIDDEN, HIDDEN), output: layer(HIDDEN, CLASSES) }
    }

    /// The weights of the hidden layers, `[inputs, outputs]`.
    fn weights(&self) -> [Tensor<2>; 2] {
        [&self.first, &self.second].map(|layer| layer.weight.val())
    }

    /// Logits of the classes with other weights in the hidden layers.
    fn forward(&self, x: Tensor<2>, weights: &[Tensor<2>; 2]) -> Tensor<2> {
        let layers = [&self.first, &self.second].into_iter().zip(weights);
        let hidden = layers.fold(x, |x, (layer, weights)| {
            let bias = layer.bias.as_ref().expect("a bias").val().unsqueeze::<2>();
            activation::relu(x.matmul(weights.clone()) + bias)
        });
        self.output.forward(hidden)
    }
}

/// Logits of the masks of every group of four inputs of a unit: `[outputs, inputs / 4, 6]`.
#[derive(Module, Debug)]
struct Masks {
    logits: [Param<Tensor<3>>; 2],
}

impl Masks {
    /// The most probable masks keep the largest weights.
    fn from_magnitudes(network: &Network, pattern: &NOfM) -> Self {
        let logits = network.weights().map(|weights| {
            let magnitudes = groups(weights.inner().abs());
            let scale = magnitudes.clone().mean().into_scalar::<f32>();
            Param::from_tensor(pattern.logits_from(magnitudes, 1.0 / f64::from(scale)).autodiff())
        });
        Self { logits }
    }

    /// The weights of a network with masks that a function makes of the logits.
    fn apply(
        &self,
        network: &Network,
        mut mask: impl FnMut(Tensor<3>) -> Result<Tensor<3>, gumbel::Error>,
    ) -> Result<[Tensor<2>; 2], gumbel::Error> {
        let [first, second] = network.weights().map(|weights| weights.detach());
        let mut masked = |logits: &Param<Tensor<3>>, weights: Tensor<2>| {
            let [inputs, outputs] = weights.dims();
            let mask = mask(logits.val())?.reshape([outputs, inputs]).transpose();
            Ok::<_, gumbel::Error>(weights * mask)
        };
        Ok([masked(&self.logits[0], first)?, masked(&self.logits[1], second)?])
    }
}

/// Weights `[inputs, outputs]` in the groups of a unit, `[outputs, inputs / 4, 4]`.
fn groups(weights: Tensor<2>) -> Tensor<3> {
    let [inputs, outputs] = weights.dims();
    weights.transpose().reshape([outputs, inputs / 4, 4])
}

fn trained(points: &Points, root: &Noise) -> Network {
    let (mut network, mut adam) = (Network::new(&mut root.split(3)), AdamConfig::new().init());
    for _ in 0..TRAINING_STEPS {
        let loss = points.loss(&network, &network.weights());
        let gradients = GradientsParams::from_grads(loss.backward(), &network);
        network = adam.step(0.01, network, gradients);
    }
    network
}

/// Learns masks for a network whose weights stay as they are.
fn learn(
    mut masks: Masks,
    network: &Network,
    pattern: &NOfM,
    points: &Points,
    root: &Noise,
) -> Result<Masks, gumbel::Error> {
    let tau: Schedule = "exp:2:0.01:0.1".parse()?;
    let mut adam = AdamConfig::new().init();
    for step in 0..PRUNING_STEPS {
        let mut noise = root.split(4 + step);
        let weights = masks.apply(network, |logits| pattern.soft(logits, tau.at(step), &mut noise))?;
        let gradients = points.loss(network, &weights).backward();
        masks = adam.step(0.1, masks.clone(), GradientsParams::from_grads(gradients, &masks));
    }
    Ok(masks)
}

/// Where the clusters are, and how features are mixed and scaled.
struct World {
    centres: Tensor<2>,
    mixing: Tensor<2>,
}

impl World {
    fn draw(noise: &mut Noise) -> Self {
        let device = Device::flex();
        let scales = noise.normal::<2>([1, FEATURES], &device).exp();
        let mixing = noise.normal::<2>([FEATURES, FEATURES], &device) / (FEATURES as f64).sqrt();
        Self { centres: noise.normal::<2>([CLUSTERS, FEATURES], &device), mixing: mixing * scales }
    }

    fn points(&self, noise: &mut Noise) -> Points {
        let device = Device::flex();
        let cluster = (noise.uniform::<1>([POINTS], &device) * CLUSTERS as f64).floor().int();
        let spread = noise.normal::<2>([POINTS, FEATURES], &device) * 0.8;
        let x = (self.centres.clone().select(0, cluster.clone()) + spread).matmul(self.mixing.clone());
        Points { x: x.autodiff(), class: cluster.remainder_scalar(CLASSES as i64) }
    }
}

struct Points {
    x: Tensor<2>,
    class: Tensor<1, Int>,
}

impl Points {
    /// Cross-entropy in nats.
    fn loss(&self, network: &Network, weights: &[Tensor<2>; 2]) -> Tensor<1> {
        let log_probs = activation::log_softmax(network.forward(self.x.clone(), weights), 1);
        log_probs.gather(1, self.class.clone().unsqueeze_dim(1)).mean().neg()
    }

    fn accuracy(&self, network: &Network, weights: &[Tensor<2>; 2]) -> f64 {
        let logits = network.forward(self.x.clone(), weights).inner();
        let right = logits.argmax(1).squeeze_dim::<1>(1).equal(self.class.clone());
        right.float().mean().into_scalar::<f32>().into()
    }
}

#[allow(dead_code)] // where the test takes this file as a module
fn main() -> Result<(), gumbel::Error> {
    let Outcome { dense, magnitude, learned } = run(1)?;
    println!("accuracy of the dense network               {:.1} %", 100.0 * dense);
    println!("accuracy at 2:4, the largest weights        {:.1} %", 100.0 * magnitude);
    println!("accuracy at 2:4, learned masks              {:.1} %", 100.0 * learned);
    Ok(())
}
