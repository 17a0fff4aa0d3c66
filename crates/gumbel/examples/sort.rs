//! Learning to sort numbers given as digits, from sorted sequences.
//!
//! A number from 0 to 999 is given as three one-hot digits; the value of each digit is not given. A network
//! gives each number a score; NeuralSort (Grover, Wang, Zweig and Ermon 2019) makes of five scores the relaxed
//! permutation that sorts them, and it is trained to agree with the true one. A third of the numbers is held out.
//!
//! `cargo run --release --example sort` prints the share of sequences of held-out numbers that the scores sort exactly;
//! by chance it would be 1 in 120.

#[allow(clippy::duplicate_mod)] // where a test takes several examples as modules
mod network;

use burn::module::Module;
use burn::nn::Linear;
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Device, Int, Tensor, TensorData, activation};
use gumbel::{Noise, permutation};
use network::linear;

const NUMBERS: usize = 1000;
const HELD_OUT: usize = 333;
const LENGTH: usize = 5;
const HIDDEN: usize = 32;
const STEPS: u64 = 600;

/// What training came to.
pub struct Outcome {
    /// The share of held-out sequences that are sorted exactly.
    pub exact: f64,
    /// The share of their numbers that are put in their places.
    pub placed: f64,
}

/// Trains from a seed, and sorts 2000 sequences of numbers that were not seen.
pub fn run(seed: u64) -> Result<Outcome, gumbel::Error> {
    let root = Noise::from_seed(seed);
    let numbers = shuffled(&mut root.split(0));
    let (held_out, seen) = numbers.split_at(HELD_OUT);
    let mut adam = AdamConfig::new().init();
    let mut scorer = Scorer::new(&mut root.split(1), &Device::flex().autodiff());
    for step in 0..STEPS {
        let values = sequences(seen, 64, &mut root.split(3 + step));
        let gradients = GradientsParams::from_grads(loss(&scorer, values)?.backward(), &scorer);
        scorer = adam.step(5e-3, scorer, gradients);
    }
    evaluate(&scorer, sequences(held_out, 2000, &mut root.split(2)))
}

fn loss(scorer: &Scorer, values: Tensor<2>) -> Result<Tensor<1>, gumbel::Error> {
    let truth: Tensor<3> = permutation::hard_sort(values.clone().autodiff())?;
    let relaxed: Tensor<3> = permutation::neural_sort(scorer.scores(values.autodiff()), 1.0)?;
    Ok((relaxed - truth).powi_scalar(2).sum_dim(2).mean())
}

fn evaluate(scorer: &Scorer, values: Tensor<2>) -> Result<Outcome, gumbel::Error> {
    let truth: Tensor<3> = permutation::hard_sort(values.clone())?;
    let ours: Tensor<3> = permutation::hard_sort(scorer.scores(values.autodiff()).inner())?;
    let right = (ours * truth).sum_dim(2).sum_dim(1) / LENGTH as f64;
    let exact = right.clone().equal_elem(1.0).float().mean().into_scalar::<f32>();
    Ok(Outcome { exact: exact.into(), placed: right.mean().into_scalar::<f32>().into() })
}

/// All numbers, in random order.
fn shuffled(noise: &mut Noise) -> Vec<f32> {
    let keys = noise.uniform::<1>([NUMBERS], &Device::flex());
    keys.argsort(0).into_data().iter::<f32>().collect()
}

/// Sequences `[count, 5]` of different numbers out of a pool.
fn sequences(pool: &[f32], count: usize, noise: &mut Noise) -> Tensor<2> {
    let device = Device::flex();
    let places = noise.uniform::<2>([count, pool.len()], &device).topk_with_indices(LENGTH, 1).1;
    Tensor::<1>::from_floats(pool, &device).select(0, places.flatten::<1>(0, 1)).reshape([count, LENGTH])
}

/// A network from the digits of a number to its score.
#[derive(Module, Debug)]
struct Scorer {
    hidden: Linear,
    last: Linear,
}

impl Scorer {
    fn new(noise: &mut Noise, device: &Device) -> Self {
        Self { hidden: linear(30, HIDDEN, noise, device), last: linear(HIDDEN, 1, noise, device) }
    }

    /// `[rows, n]` numbers to `[rows, n]` scores.
    fn scores(&self, values: Tensor<2>) -> Tensor<2> {
        let shape = values.dims();
        let hidden = activation::relu(self.hidden.forward(digits(values)));
        self.last.forward(hidden).reshape(shape)
    }
}

/// The three digits of each number, one-hot: `[numbers, 30]`.
fn digits(values: Tensor<2>) -> Tensor<2> {
    let device = values.device();
    let count = values.shape().num_elements();
    let numbers = values.into_data().iter::<i64>().collect::<Vec<_>>();
    let digits: Vec<i64> = numbers.iter().flat_map(|n| [n / 100, n / 10 % 10, n % 10]).collect();
    let digits = Tensor::<1, Int>::from_data(TensorData::new(digits, [3 * count]), &device);
    digits.one_hot::<2>(10).float().reshape([count, 30])
}

#[allow(dead_code)] // where the test takes this file as a module
fn main() -> Result<(), gumbel::Error> {
    let Outcome { exact, placed } = run(1)?;
    println!("held-out sequences sorted exactly  {:.1} %  (chance 0.8 %)", 100.0 * exact);
    println!("numbers in their places  {:.1} %  (chance 20 %)", 100.0 * placed);
    Ok(())
}
