//! Routing to two of eight experts, with and without balancing their load.
//!
//! A row of four numbers has a target that is linear in it, by another map in each of four regimes: the signs of the
//! first two numbers say which. Experts are linear, a router scores them for each row, and the answer is the mean of
//! the two that are drawn with the gradient of SIMPLE. Without balancing, a router keeps to the experts that were good
//! first; the loss of Fedus, Zoph and Shazeer 2022 spreads the load: the number of experts times `Σₑ fₑ Pₑ`, `f` the
//! shares of the rows that went to each, `P` the mean probability to go there, which for subsets is exact.
//!
//! `cargo run --release --example experts` prints the hard error on rows not seen, beside that of a single expert, and
//! the coefficient of variation of the load (0 is even, 1.73 is two experts for everything).

#[allow(clippy::duplicate_mod)] // where a test takes several examples as modules
mod network;

use burn::module::Module;
use burn::nn::Linear;
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Device, Tensor, activation};
use gumbel::{Noise, subset};
use network::linear;

const INPUTS: usize = 4;
const HIDDEN: usize = 32;
const STEPS: u64 = 1500;
const NOISE: f64 = 0.1;

/// What training came to, on rows not seen, with hard routes.
pub struct Outcome {
    /// The mean squared error of two of eight experts, balanced.
    pub routed: f64,
    /// That of a single expert.
    pub single: f64,
    /// The coefficient of variation of the load, balanced.
    pub balanced_load: f64,
    /// The same of a router that was left alone.
    pub free_load: f64,
}

/// Trains three mixtures from a seed: balanced, left alone, and a single expert.
pub fn run(seed: u64) -> Result<Outcome, gumbel::Error> {
    let (routed, balanced_load) = train(seed, Shape { experts: 8, chosen: 2 }, 2.0)?;
    let (_, free_load) = train(seed, Shape { experts: 8, chosen: 2 }, 0.0)?;
    let (single, _) = train(seed, Shape { experts: 1, chosen: 1 }, 0.0)?;
    Ok(Outcome { routed, single, balanced_load, free_load })
}

#[derive(Clone, Copy)]
struct Shape {
    experts: usize,
    chosen: usize,
}

/// The error and the variation of the load after training with a weight on the balance.
fn train(seed: u64, shape: Shape, weight: f64) -> Result<(f64, f64), gumbel::Error> {
    let device = Device::flex().autodiff();
    let root = Noise::from_seed(seed);
    let maps = root.split(0).normal::<3>([4, INPUTS, 1], &Device::flex()) * 2.0;
    let (mut mixture, mut adam) =
        (Mixture::new(shape, &mut root.split(1), &device), AdamConfig::new().init());
    for step in 0..STEPS {
        let mut noise = root.split(2 + step);
        let (x, y) = rows(256, &maps, &mut noise);
        let (x, y) = (x.autodiff(), y.autodiff());
        let scores = mixture.scores(x.clone());
        let z = subset::straight_through_k_hot(scores.clone(), shape.chosen, &mut noise)?;
        let error = (mixture.answer(x, z.clone(), shape) - y).powi_scalar(2).mean();
        let loss = error + balance(scores, z, shape)? * weight;
        let gradients = GradientsParams::from_grads(loss.backward(), &mixture);
        mixture = adam.step(5e-3, mixture, gradients);
    }
    judge(&mixture, shape, rows(4000, &maps, &mut root.split(2 + STEPS)))
}

/// Normal numbers with the targets of their regimes.
fn rows(count: usize, maps: &Tensor<3>, noise: &mut Noise) -> (Tensor<2>, Tensor<2>) {
    let device = Device::flex();
    let x = noise.normal::<2>([count, INPUTS], &device);
    let positive = |column| x.clone().narrow(1, column, 1).greater_elem(0.0).float();
    let (first, second) = (positive(0), positive(1));
    let of = |bit: &Tensor<2>, one: bool| if one { bit.clone() } else { bit.clone().neg() + 1.0 };
    let mut y = noise.normal::<2>([count, 1], &device) * NOISE;
    for regime in 0..4 {
        let here = of(&first, regime % 2 == 1) * of(&second, regime / 2 == 1);
        y = y + here * x.clone().matmul(maps.clone().narrow(0, regime, 1).squeeze_dim::<2>(0));
    }
    (x, y)
}

/// The number of experts times the sum of their shares of the rows times their mean probabilities; 1 if even.
fn balance(scores: Tensor<2>, z: Tensor<2>, shape: Shape) -> Result<Tensor<1>, gumbel::Error> {
    let chosen = shape.chosen as f64;
    let shares = z.detach().mean_dim(0) / chosen;
    let probabilities = subset::marginals(scores, shape.chosen)?.mean_dim(0) / chosen;
    Ok((shares * probabilities).sum() * shape.experts as f64)
}

/// Error and load where each row goes to the experts that score highest.
fn judge(
    mixture: &Mixture,
    shape: Shape,
    (x, y): (Tensor<2>, Tensor<2>),
) -> Result<(f64, f64), gumbel::Error> {
    let x = x.autodiff();
    let scores = mixture.scores(x.clone()).inner();
    let least = scores.clone().topk(shape.chosen, 1).narrow(1, shape.chosen - 1, 1);
    let z = scores.clone().greater_equal(least.expand(scores.dims())).float();
    let load = z.clone().mean_dim(0);
    let mean = shape.chosen as f32 / shape.experts as f32;
    let variation = (load / mean - 1.0).powi_scalar(2).mean().sqrt().into_scalar::<f32>();
    let error =
        (mixture.answer(x, z.autodiff(), shape).inner() - y).powi_scalar(2).mean().into_scalar::<f32>();
    Ok((error.into(), variation.into()))
}

#[derive(Module, Debug)]
struct Mixture {
    hidden: Linear,
    router: Linear,
    /// All of them side by side.
    experts: Linear,
}

impl Mixture {
    fn new(shape: Shape, noise: &mut Noise, device: &Device) -> Self {
        Self {
            hidden: linear(INPUTS, HIDDEN, noise, device),
            router: linear(HIDDEN, shape.experts, noise, device),
            experts: linear(INPUTS, shape.experts, noise, device),
        }
    }

    fn scores(&self, x: Tensor<2>) -> Tensor<2> {
        self.router.forward(activation::relu(self.hidden.forward(x)))
    }

    fn answer(&self, x: Tensor<2>, z: Tensor<2>, shape: Shape) -> Tensor<2> {
        (self.experts.forward(x) * z).sum_dim(1) / shape.chosen as f64
    }
}

#[allow(dead_code)] // where the test takes this file as a module
fn main() -> Result<(), gumbel::Error> {
    let Outcome { routed, single, balanced_load, free_load } = run(1)?;
    println!(
        "mean squared error  {routed:.3}  (a single expert {single:.3}, the noise {:.3})",
        NOISE * NOISE
    );
    println!("variation of the load  {balanced_load:.2}  (without balancing {free_load:.2})");
    Ok(())
}
