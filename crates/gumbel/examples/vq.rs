//! A vector-quantised bottleneck by Gumbel-VQ: data pass through one code of a codebook.
//!
//! The choice has logits `−|x − c|²/T`. Soft samples train the codebook while T falls, from a temperature at which every
//! code receives all of the data; straight-through samples then train it as it will be used. The result is measured with the
//! nearest code, against k-means with several starts, and by how many codes are in use.

use burn::module::{Module, Param};
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Device, Tensor, activation};
use gumbel::distribution::Categorical;
use gumbel::{Noise, Schedule, gumbel_softmax, straight_through_gumbel_softmax};

const CLUSTERS: usize = 8;
const WIDTH: usize = 8;
const POINTS: usize = 512;
const STEPS: u64 = 400;
/// From here on samples are hard.
const HARD_FROM: u64 = 300;
const TAU: f64 = 0.5;
/// Of the divergence between the use of the codes and equal use, in squared distance per nat.
const PRICE: f64 = 40.0;

/// What the book is worth on its data.
pub struct Outcome {
    /// Mean squared distance to the nearest code.
    pub error: f64,
    /// The same of the best of twenty runs of k-means.
    pub k_means: f64,
    /// Perplexity of the codes in use: 8 if all are used equally.
    pub perplexity: f64,
}

#[derive(Module, Debug)]
struct Book {
    codes: Param<Tensor<2>>,
}

impl Book {
    /// Codes around the mean of the data.
    fn new(data: &Tensor<2>, noise: &mut Noise) -> Self {
        let spread = noise.normal::<2>([CLUSTERS, WIDTH], &data.device()) * 0.1;
        Self { codes: Param::from_tensor((data.clone().mean_dim(0) + spread).autodiff()) }
    }

    /// The squared error of the data through one sampled code each, and the price of codes used too little.
    fn loss(&self, data: &Tensor<2>, step: u64, width: &Schedule, noise: &mut Noise) -> Tensor<1> {
        let codes = self.codes.val();
        let logits = squared_distances(data, codes.clone()).neg() / width.at(step);
        let sample = if step < HARD_FROM { gumbel_softmax } else { straight_through_gumbel_softmax };
        let z = sample(logits.clone(), TAU, noise).expect("distances are finite");
        let error = (data.clone() - z.matmul(codes)).square().sum_dim(1).mean();
        let usage = of_shares(activation::softmax(logits, 1).mean_dim(0));
        error + (usage.entropy().neg() + (CLUSTERS as f64).ln()).sum() * PRICE
    }
}

/// `[N, D]` and `[K, D]` to `[N, K]`.
fn squared_distances(data: &Tensor<2>, codes: Tensor<2>) -> Tensor<2> {
    let gaps = data.clone().unsqueeze_dim::<3>(1) - codes.unsqueeze_dim::<3>(0);
    gaps.square().sum_dim(2).squeeze_dim(2)
}

/// Normal clouds of deviation 0.3 around centres of deviation 1.5.
fn clouds(noise: &mut Noise) -> Tensor<2> {
    let device = Device::flex();
    let centres = noise.normal::<2>([CLUSTERS, WIDTH], &device) * 1.5;
    centres.repeat_dim(0, POINTS / CLUSTERS) + noise.normal::<2>([POINTS, WIDTH], &device) * 0.3
}

fn train(data: &Tensor<2>, noise: &mut Noise) -> Tensor<2> {
    let width: Schedule = "exp:30:0.015:0.5".parse().expect("a schedule");
    let mut book = Book::new(data, noise);
    let mut optimizer = AdamConfig::new().init();
    for step in 0..STEPS {
        let gradients = book.loss(data, step, &width, &mut noise.split(step)).backward();
        let gradients = GradientsParams::from_grads(gradients, &book);
        book = optimizer.step(0.05, book, gradients);
    }
    book.codes.val().inner()
}

/// Lloyd's algorithm from random points of the data; the error of its last step.
fn k_means(data: &Tensor<2>, noise: &mut Noise) -> f64 {
    let start = (noise.uniform::<1>([CLUSTERS], &data.device()) * POINTS as f64).int();
    let mut codes = data.clone().select(0, start);
    for _ in 0..30 {
        let choice = choose(data, codes.clone());
        let members = choice.clone().transpose().matmul(data.clone());
        // An empty cluster stays where it is.
        let counts = choice.sum_dim(0).transpose();
        let empty = counts.clone().equal_elem(0.0).expand([CLUSTERS, WIDTH]);
        codes = (members / counts.clamp_min(1.0)).mask_where(empty, codes);
    }
    error(data, codes)
}

/// One-hot rows at the nearest code.
fn choose(data: &Tensor<2>, codes: Tensor<2>) -> Tensor<2> {
    Categorical::new(squared_distances(data, codes).neg()).expect("distances are finite").mode()
}

fn error(data: &Tensor<2>, codes: Tensor<2>) -> f64 {
    squared_distances(data, codes).min_dim(1).mean().into_scalar::<f32>().into()
}

/// `exp` of the entropy of the share of each code.
fn perplexity(choice: Tensor<2>) -> f64 {
    of_shares(choice.mean_dim(0)).entropy().exp().into_scalar::<f32>().into()
}

fn of_shares(shares: Tensor<2>) -> Categorical<2> {
    Categorical::new(shares.log()).expect("some share is not zero")
}

/// Trains on the clouds of `seed`.
pub fn run(seed: u64) -> Outcome {
    let noise = Noise::from_seed(seed);
    let data = clouds(&mut noise.split(0));
    let codes = train(&data, &mut noise.split(1));
    let restarts = (0..20).map(|restart| k_means(&data, &mut noise.split(2).split(restart)));
    Outcome {
        error: error(&data, codes.clone()),
        k_means: restarts.fold(f64::INFINITY, f64::min),
        perplexity: perplexity(choose(&data, codes)),
    }
}

#[allow(dead_code)] // of the test that includes this file
fn main() {
    let seed = std::env::args().nth(1).map_or(1, |seed| seed.parse().expect("a seed is a number"));
    let Outcome { error, k_means, perplexity } = run(seed);
    println!("squared error with the nearest code   {error:.3}");
    println!("k-means, the best of twenty starts    {k_means:.3}");
    println!("perplexity of the codes               {perplexity:.2} of {CLUSTERS}");
}
