//! Matching: a jigsaw puzzle with shuffled pieces, by Gumbel-Sinkhorn.
//!
//! As in Mena, Belanger, Linderman and Snoek 2018, on built-in pictures: a noisy disc, not quite in the middle and of
//! no fixed size, cut into nine pieces. A network scores each piece, seen separately, for each place; a relaxed
//! permutation puts the shuffled pieces together, and the resulting picture is compared with the original. The network never sees the
//! permutation itself. Held-out puzzles are solved by the exact assignment.
//!
//! `cargo run --release --example matching` prints the share of pieces in their right places; by chance it would be
//! 1 in 9.

#[allow(clippy::duplicate_mod)] // where a test takes several examples as modules
mod network;

use burn::module::Module;
use burn::nn::Linear;
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Device, Tensor, activation};
use gumbel::{Noise, permutation};
use network::linear;

/// Pieces along a side of the picture, and pixels along a side of a piece.
const SIDE: usize = 3;
const PIXELS: usize = 4;
const PIECES: usize = SIDE * SIDE;
const HIDDEN: usize = 64;
const STEPS: u64 = 600;
const TAU: f64 = 0.5;
const ITERATIONS: usize = 20;

/// What training came to.
pub struct Outcome {
    /// The share of pieces that are put in their places.
    pub placed: f64,
    /// The share of puzzles that are solved.
    pub solved: f64,
}

/// Trains from a seed, and solves 1000 puzzles that were not seen.
pub fn run(seed: u64) -> Result<Outcome, gumbel::Error> {
    let root = Noise::from_seed(seed);
    let mut adam = AdamConfig::new().init();
    let mut judge = Judge::new(&mut root.split(0), &Device::flex().autodiff());
    for step in 0..STEPS {
        let mut noise = root.split(2 + step);
        let gradients = loss(&judge, pictures(32, &mut noise), &mut noise)?.backward();
        let gradients = GradientsParams::from_grads(gradients, &judge);
        judge = adam.step(3e-3, judge, gradients);
    }
    evaluate(&judge, pictures(1000, &mut root.split(1)), &mut root.split(1).split(0))
}

fn loss(judge: &Judge, pieces: Tensor<3>, noise: &mut Noise) -> Result<Tensor<1>, gumbel::Error> {
    let shuffled = shuffles(pieces.dims()[0], noise)?.matmul(pieces.clone()).autodiff();
    let places = judge.logits(shuffled.clone());
    let relaxed = permutation::gumbel_sinkhorn(places, TAU, ITERATIONS, 0.0, noise)?;
    Ok((relaxed.matmul(shuffled) - pieces.autodiff()).powi_scalar(2).mean())
}

fn evaluate(judge: &Judge, pieces: Tensor<3>, noise: &mut Noise) -> Result<Outcome, gumbel::Error> {
    let shuffle = shuffles(pieces.dims()[0], noise)?;
    let logits = judge.logits(shuffle.clone().matmul(pieces).autodiff()).inner();
    let solution = permutation::matching(logits)?;
    // The inverse of a permutation is its transpose.
    let right = (solution * shuffle.swap_dims(1, 2)).sum_dim(2).sum_dim(1) / PIECES as f64;
    let solved = right.clone().equal_elem(1.0).float().mean().into_scalar::<f32>();
    Ok(Outcome { placed: right.mean().into_scalar::<f32>().into(), solved: solved.into() })
}

/// Permutations of the pieces, all equally likely.
fn shuffles(count: usize, noise: &mut Noise) -> Result<Tensor<3>, gumbel::Error> {
    permutation::hard_sort(noise.uniform::<2>([count, PIECES], &Device::flex()))
}

/// Discs as pieces `[count, 9, 16]`, in the order of their places.
fn pictures(count: usize, noise: &mut Noise) -> Tensor<3> {
    const WIDTH: usize = SIDE * PIXELS;
    let device = Device::flex();
    let mut between = |low: f64, high: f64| noise.uniform::<3>([count, 1, 1], &device) * (high - low) + low;
    let (x, y, radius) = (between(4.5, 6.5), between(4.5, 6.5), between(4.0, 5.5));
    let along = Tensor::<1, burn::tensor::Int>::arange(0..WIDTH as i64, &device).float();
    let across = (along.clone().reshape([1, 1, WIDTH]) - x).powi_scalar(2);
    let down = (along.reshape([1, WIDTH, 1]) - y).powi_scalar(2);
    let disc = activation::sigmoid((radius - (across + down).sqrt()) * 3.0);
    let picture = disc + noise.logistic::<3>([count, WIDTH, WIDTH], &device) * 0.1;
    let pieces = picture.reshape([count, SIDE, PIXELS, SIDE, PIXELS]).swap_dims(2, 3);
    pieces.reshape([count, PIECES, PIXELS * PIXELS])
}

/// A network from a piece to how well it suits each place.
#[derive(Module, Debug)]
struct Judge {
    hidden: Linear,
    last: Linear,
}

impl Judge {
    fn new(noise: &mut Noise, device: &Device) -> Self {
        let hidden = linear(PIXELS * PIXELS, HIDDEN, noise, device);
        Self { hidden, last: linear(HIDDEN, PIECES, noise, device) }
    }

    /// `[puzzles, pieces, pixels]` to `[puzzles, places, pieces]`.
    fn logits(&self, pieces: Tensor<3>) -> Tensor<3> {
        self.last.forward(activation::relu(self.hidden.forward(pieces))).swap_dims(1, 2)
    }
}

#[allow(dead_code)] // where the test takes this file as a module
fn main() -> Result<(), gumbel::Error> {
    let Outcome { placed, solved } = run(1)?;
    println!("pieces in their places  {:.1} %  (chance 11.1 %)", 100.0 * placed);
    println!("puzzles solved  {:.1} %", 100.0 * solved);
    Ok(())
}
