//! Log-probabilities, entropies and divergences inside an objective, which cannot return an error: NaN for logits that have
//! none. Training then ends with its step and the remedy.

use burn::tensor::Tensor;
use gumbel::{Error, categorical, exp_concrete, kl};

fn or_nan<const D: usize>(logits: &Tensor<D>, law: Result<Tensor<D>, Error>) -> Tensor<D> {
    law.unwrap_or_else(|_| logits.clone().sum_dim(D - 1) * f32::NAN)
}

/// [`categorical::log_prob`].
pub fn log_prob<const D: usize>(logits: Tensor<D>, z: Tensor<D>) -> Tensor<D> {
    or_nan(&logits.clone(), categorical::log_prob(logits, z))
}

/// [`categorical::entropy`].
pub fn entropy<const D: usize>(logits: Tensor<D>) -> Tensor<D> {
    or_nan(&logits.clone(), categorical::entropy(logits))
}

/// [`kl::categorical`].
pub fn divergence<const D: usize>(q: Tensor<D>, p: Tensor<D>) -> Tensor<D> {
    or_nan(&q.clone(), kl::categorical(q, p))
}

/// [`kl::mass_at_sample`].
pub fn mass_at_sample<const D: usize>(q: Tensor<D>, p: Tensor<D>, z: Tensor<D>) -> Tensor<D> {
    or_nan(&q.clone(), kl::mass_at_sample(q, p, z))
}

/// [`kl::density_at_sample`].
pub fn density_at_sample<const D: usize>(
    q: (Tensor<D>, f64),
    p: (Tensor<D>, f64),
    y: Tensor<D>,
) -> Tensor<D> {
    or_nan(&q.0.clone(), kl::density_at_sample(q, p, y))
}

/// [`exp_concrete::log_prob`].
pub fn density<const D: usize>(logits: Tensor<D>, tau: f64, y: Tensor<D>) -> Tensor<D> {
    or_nan(&logits.clone(), exp_concrete::log_prob(logits, tau, y))
}
