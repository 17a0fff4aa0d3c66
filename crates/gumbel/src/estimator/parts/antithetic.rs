//! Antithetic pairs of bits: both from one uniform number, each correctly distributed, and as different as possible.

use super::super::contract::Properties;
use super::binary;
use crate::Error;
use burn::tensor::{Tensor, activation};

/// Half of an even number of samples, at least one.
pub(in super::super) fn pairs(properties: &Properties, samples: usize) -> Result<usize, Error> {
    match samples >= 2 && samples.is_multiple_of(2) {
        true => Ok(samples / 2),
        false => Err(Error::parameter(properties.name, "samples", "even and at least 2", samples)),
    }
}

/// Bits `b = 1[u > 1 − p]` and their twins `1[u < p]`, `[P, B, D]`, with p = σ(ℓ).
pub(in super::super) struct Pairs {
    pub bits: Tensor<3>,
    pub twins: Tensor<3>,
}

impl Pairs {
    /// From uniform numbers `[P, B, D]` and log-odds `[B, D]`.
    pub fn new(log_odds: Tensor<2>, uniform: Tensor<3>) -> Self {
        let above: Tensor<3> = activation::sigmoid(log_odds.clone().neg()).unsqueeze();
        let below: Tensor<3> = activation::sigmoid(log_odds).unsqueeze();
        let dtype = uniform.dtype();
        let bits = uniform.clone().greater(above.expand(uniform.shape())).float().cast(dtype);
        let twins = uniform.clone().lower(below.expand(uniform.shape())).float().cast(dtype);
        Self { bits, twins }
    }

    /// All bits, then all twins, one-hot: `[2P, B, D, 2]`.
    pub fn one_hot(&self) -> Tensor<4> {
        binary::one_hot(Tensor::cat(vec![self.bits.clone(), self.twins.clone()], 0))
    }
}

/// The losses of the bits and of the twins, `[P, B]` each.
pub(in super::super) fn halves(losses: Tensor<2>) -> [Tensor<2>; 2] {
    let pairs = losses.dims()[0] / 2;
    [losses.clone().narrow(0, 0, pairs), losses.narrow(0, pairs, pairs)]
}
