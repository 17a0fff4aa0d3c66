//! A hard sample and the relaxed sample of the same noise, and how a function of the second is a control variate for a
//! function of the first (Tucker et al. 2017, section 3; Grathwohl et al. 2018, section 3).
//!
//! With `z = ln p + g`, the hard sample is `b = argmax z` and the relaxed one `y = softmax(z / τ)`. For any c
//!
//! ```text
//! −c(z̃) ∇ ln q(b) + ∂c(z)/∂θ − ∂c(z̃)/∂θ
//! ```
//!
//! has mean zero if `z̃` is distributed as z given b, as a function of θ and of noise independent of b: with E exponential
//!
//! ```text
//! z̃_b = −ln E_b,   z̃ᵢ = −ln(Eᵢ / pᵢ + E_b)
//! ```
//!
//! (the conditional Gumbels). E need not be new noise: tied to g so that `z̃ = z`, it still has the right distribution
//! given b, and one evaluation of c suffices for both. Only the derivatives differ, by
//!
//! ```text
//! ∂zᵢ/∂ln pᵢ − ∂z̃ᵢ/∂ln pᵢ = 1 − (Eᵢ / pᵢ) / (Eᵢ / pᵢ + E_b) = exp(zᵢ − z_b)
//! ```
//!
//! and so the difference of the two gradients is a product, without a division and without cancellation.

use super::binary::like;
use super::network::{Learner, Leaves};
use crate::tensor::{centred, one_hot_argmax, over, within_range};
use crate::{Error, Noise, ops};
use burn::tensor::{DType, Tensor, activation};

/// Standard Gumbel noise `[S, B, D, K]` for logits `[B, D, K]`.
pub(in super::super) fn gumbel(logits: &Tensor<3>, samples: usize, noise: &mut Noise) -> Tensor<4> {
    let [rows, latents, categories] = logits.dims();
    noise.gumbel([samples, rows, latents, categories], &logits.device().inner())
}

/// The two samples and what the control variate is made of, as the head of this file has it; everything is detached.
pub(in super::super) struct Tied {
    /// b and y `[S, B, D, K]` of the logits' own type, to evaluate an objective at.
    pub hard: Tensor<4>,
    pub soft: Tensor<4>,
    /// `∇ ln q(b) = b − p`, in single precision or better, like the fields below.
    score: Tensor<4>,
    /// y again, and p.
    point: Tensor<4>,
    p: Tensor<4>,
    /// `exp(z − z_b)`.
    gap: Tensor<4>,
    tau: f64,
}

/// A network's control variate: its values `[S, B]` and their derivative in y `[S, B, D, K]`, in its leaves' graph.
pub(in super::super) struct Learned {
    pub leaves: Leaves,
    pub value: Tensor<2>,
    pub slope: Tensor<4>,
}

impl Tied {
    /// Of logits `[B, D, K]` and standard Gumbel noise `[S, B, D, K]`.
    ///
    /// # Errors
    /// Those of [`ops::check_logits`].
    pub fn new(logits: &Tensor<3>, gumbel: Tensor<4>, tau: f64) -> Result<Self, Error> {
        ops::check_logits(logits)?;
        let theta = centred(logits.clone().inner()).unsqueeze::<4>();
        let tau = within_range(tau, theta.dtype());
        let keys = theta.clone() + gumbel.inner().cast(theta.dtype());
        let gaps = keys.clone() - keys.clone().max_dim(3);
        let hard = one_hot_argmax(keys);
        let point = activation::softmax(over(gaps.clone(), tau), 3);
        let p = activation::softmax(theta, 3).expand(point.shape());
        let (score, gap) = (hard.clone() - p.clone(), gaps.exp());
        Ok(Self { hard: like(hard, logits), soft: like(point.clone(), logits), score, point, p, gap, tau })
    }

    /// The score of every sample times its value `[S, B]`: `[S, B, D, K]`.
    pub fn along_score(&self, values: Tensor<2>) -> Tensor<4> {
        values.cast(self.score.dtype()).unsqueeze_dims::<4>(&[2, 3]) * self.score.clone()
    }

    /// The control variate `[S, B, D, K]`, with mean zero, from `c(y)` `[S, B]` and `∂c/∂y` `[S, B, D, K]`;
    /// differentiable in both. Exactly zero at masks.
    pub fn control(&self, values: Tensor<2>, slope: Tensor<4>) -> Tensor<4> {
        let slope = slope.cast(self.point.dtype());
        let mean = (slope.clone() * self.point.clone()).sum_dim(3);
        let along = (slope - mean) * self.point.clone() / self.tau * self.gap.clone();
        along.clone() - along.sum_dim(3) * self.p.clone() - self.along_score(values)
    }

    /// The control variate that a network computes from y and from p, which is independent of the noise.
    pub fn learned(&self, network: &Learner) -> Learned {
        let [samples, rows, latents, categories] = self.point.dims();
        let inputs = latents * categories;
        let seen = Tensor::cat(vec![self.point.clone(), self.p.clone()], 2);
        let seen = seen.reshape([samples * rows, 2 * inputs]).cast(DType::F32);
        let leaves = network.at(2 * inputs).leaves(&seen.device());
        let (value, slope) = leaves.forward_with_slope(seen);
        let slope = slope.narrow(1, 0, inputs).reshape([samples, rows, latents, categories]);
        Learned { leaves, value: value.reshape([samples, rows]), slope }
    }
}

/// The mean over samples and rows of the squared length, `[S, B, D, K]` to `[1]`: what a control variate minimises.
pub(in super::super) fn mean_square(gradients: Tensor<4>) -> Tensor<1> {
    let [samples, rows, ..] = gradients.dims();
    gradients.square().sum() / (samples * rows) as f64
}
