//! A variational autoencoder with discrete latents on patterns of bits, for the examples of training loops.
//!
//! Each row of the data is one of eight patterns of sixteen bits, with one bit in twenty flipped. The encoder gives the
//! logits of three latents with two categories, the decoder the log-odds of the bits.

#[path = "../network/mod.rs"]
mod network;

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor, activation};
use gumbel::estimator::{Evaluation, Objective, Sample};
use gumbel::{Error, Noise, bernoulli, kl};
use network::linear;

const LATENTS: usize = 3;
const CATEGORIES: usize = 2;
const HIDDEN: usize = 32;
const PATTERNS: usize = 8;
const BITS: usize = 16;

#[derive(Module, Debug)]
pub struct Autoencoder {
    encoder: [Linear; 2],
    decoder: [Linear; 2],
}

impl Autoencoder {
    pub fn new(noise: &mut Noise, device: &Device) -> Self {
        let code = LATENTS * CATEGORIES;
        let mut layer = |inputs, outputs| linear(inputs, outputs, noise, device);
        Self {
            encoder: [layer(BITS, HIDDEN), layer(HIDDEN, code)],
            decoder: [layer(code, HIDDEN), layer(HIDDEN, BITS)],
        }
    }

    /// The logits of q(z|x) `[B, D, K]`, of data `[B, P]`.
    pub fn encode(&self, x: Tensor<2>) -> Tensor<3> {
        let rows = x.dims()[0];
        forward(&self.encoder, x).reshape([rows, LATENTS, CATEGORIES])
    }

    /// `−ln p(x|z)`, `[S, B]`: the objective of the latents.
    pub fn reconstruction(&self, sample: &Sample, x: &Tensor<2>) -> Tensor<2> {
        let [samples, rows, ..] = sample.z.dims();
        let code = sample.z.clone().reshape([samples * rows, LATENTS * CATEGORIES]);
        let log_odds = forward(&self.decoder, code).reshape([samples, rows, BITS]);
        bernoulli::log_prob(log_odds, x.clone().unsqueeze()).squeeze_dim::<2>(2).neg()
    }

    /// The negative ELBO in nats, on one **hard** sample per row: an upper bound on `−ln p(x)`, whatever the estimator.
    pub fn hard_negative_elbo(&self, x: &Tensor<2>, noise: &mut Noise) -> Result<f64, Error> {
        let logits = self.encode(x.clone());
        let objective = Objective::mean(|sample| self.reconstruction(sample, x));
        let evaluation = Evaluation::draw(&logits, 1, &objective, noise)?;
        Ok((evaluation.loss + divergence(logits)?).mean().into_scalar::<f64>())
    }
}

/// `KL(q(z|x) ‖ p(z))` of each row `[B]`, with a uniform prior, in closed form.
pub fn divergence(logits: Tensor<3>) -> Result<Tensor<1>, Error> {
    let prior = logits.zeros_like();
    Ok(kl::categorical(logits, prior)?.sum_dim(1).squeeze_dims(&[1, 2]))
}

fn forward([first, second]: &[Linear; 2], x: Tensor<2>) -> Tensor<2> {
    second.forward(activation::tanh(first.forward(x)))
}

/// `rows` rows of data `[rows, P]`.
pub fn data(rows: usize, noise: &mut Noise) -> Tensor<2> {
    let device = Device::flex();
    let patterns = Noise::from_seed(2017).uniform::<2>([PATTERNS, BITS], &device).greater_elem(0.5);
    let choice = (noise.uniform::<1>([rows], &device) * PATTERNS as f64).int();
    let clean = patterns.float().select(0, choice);
    let flipped = noise.uniform::<2>([rows, BITS], &device).lower_elem(0.05).float();
    (clean - flipped).abs()
}
