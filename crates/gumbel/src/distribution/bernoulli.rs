//! The Bernoulli distribution.

use super::BinaryConcrete;
use super::checked::noise_like;
use super::stable::excess;
use crate::ops::NoiseKind;
use crate::tensor::finite_log_odds;
use crate::{Error, Noise, Temperature};
use burn::tensor::{Bool, Tensor, activation};

/// Elementwise Bernoulli distribution with log-odds `ℓ = ln(p / (1 − p))`.
///
/// ```text
/// P(1) = p = σ(ℓ),   P(0) = 1 − p = σ(−ℓ)
/// ```
///
/// Samples are hard and have no gradient; [`relaxed`](Self::relaxed) returns the distribution of differentiable
/// samples.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::distribution::Bernoulli;
/// let q = Bernoulli::new(Tensor::<1>::from_floats([3f32.ln()], &Device::flex()))?;
/// let p = Bernoulli::new(Tensor::<1>::from_floats([0.0], &Device::flex()))?;
/// assert!((q.mean().into_scalar::<f32>() - 0.75).abs() < 1e-6);
/// assert!((q.entropy().into_scalar::<f32>() - 0.562335).abs() < 1e-6);
/// assert!((q.kl(&p).into_scalar::<f32>() - (2f32.ln() - 0.562335)).abs() < 1e-6);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Bernoulli<const D: usize> {
    log_odds: Tensor<D>,
}

impl<const D: usize> Bernoulli<D> {
    /// Makes the distribution from log-odds of any shape.
    ///
    /// # Errors
    /// Log-odds that are not finite.
    pub fn new(log_odds: Tensor<D>) -> Result<Self, Error> {
        Ok(Self { log_odds: finite_log_odds(log_odds)? })
    }

    /// The log-odds, in single precision or better.
    pub fn log_odds(&self) -> Tensor<D> {
        self.log_odds.clone()
    }

    /// Draws zeros and ones, `1[ℓ + L > 0]` with logistic noise L, without a gradient.
    pub fn sample(&self, noise: &mut Noise) -> Tensor<D> {
        let log_odds = self.log_odds().detach();
        let logistic = noise_like(&log_odds, NoiseKind::Logistic, noise);
        (log_odds.clone() + logistic).greater_elem(0.0).float().cast(log_odds.dtype())
    }

    /// Log-probability in nats, `ln P(x) = x ℓ − softplus(ℓ)`, elementwise; `-inf` where `x` is neither 0 nor 1.
    ///
    /// For the sum over an axis of data, [`crate::bernoulli::log_prob`] is faster.
    pub fn log_prob(&self, x: Tensor<D>) -> Tensor<D> {
        let x = x.cast(self.log_odds.dtype());
        let off = self.supports(x.clone()).bool_or(x.clone().is_nan()).bool_not();
        // The sign of the log-odds follows x, so neither log-probability is a difference of large numbers.
        let towards = (x * 2.0 - 1.0) * self.log_odds();
        activation::log_sigmoid(towards).mask_fill(off, f32::NEG_INFINITY)
    }

    /// The mean, `p = σ(ℓ)`: the probability of a one.
    pub fn mean(&self) -> Tensor<D> {
        activation::sigmoid(self.log_odds())
    }

    /// The variance, `p (1 − p)`.
    pub fn variance(&self) -> Tensor<D> {
        activation::sigmoid(self.log_odds()) * activation::sigmoid(self.log_odds().neg())
    }

    /// The more probable value; 0 if both are equally probable.
    pub fn mode(&self) -> Tensor<D> {
        let log_odds = self.log_odds().detach();
        log_odds.clone().greater_elem(0.0).float().cast(log_odds.dtype())
    }

    /// Entropy in nats, `softplus(ℓ) − p ℓ`.
    pub fn entropy(&self) -> Tensor<D> {
        self.cross_entropy(self)
    }

    /// Kullback-Leibler divergence `KL(self ‖ other)`, in nats.
    pub fn kl(&self, other: &Self) -> Tensor<D> {
        let (one, gap) = (self.mean(), self.log_odds() - other.log_odds());
        let zero = activation::sigmoid(self.log_odds().neg());
        // ln E e⁻ᵘ for u, the log-ratio minus its mean. Further apart, e⁻ᵘ could overflow, and no digits are lost.
        let near = gap.clone().abs().lower_elem(30.0);
        let close = gap.mask_fill(near.clone().bool_not(), 0.0);
        let at_one = excess(zero.clone() * close.clone()) * one.clone();
        let small = (at_one + excess((one * close).neg()) * zero).log1p();
        (self.cross_entropy(other) - self.entropy()).mask_where(near, small)
    }

    /// The cross-entropy, `−p ln p' − (1 − p) ln(1 − p')`: both terms have the same sign, so nothing cancels.
    fn cross_entropy(&self, other: &Self) -> Tensor<D> {
        let one = self.mean() * activation::log_sigmoid(other.log_odds());
        let zero =
            activation::sigmoid(self.log_odds().neg()) * activation::log_sigmoid(other.log_odds().neg());
        (one + zero).neg()
    }

    /// Whether each number is in the support: 0 or 1.
    pub fn supports(&self, x: Tensor<D>) -> Tensor<D, Bool> {
        x.clone().equal_elem(0.0).bool_or(x.equal_elem(1.0))
    }

    /// Returns the relaxation at temperature `tau`, in logit space. For the same noise, its sample is positive where
    /// the hard sample is 1.
    ///
    /// # Errors
    /// A temperature that is not positive and finite.
    pub fn relaxed(&self, tau: impl Into<Temperature<D>>) -> Result<BinaryConcrete<D>, Error> {
        BinaryConcrete::new(self.log_odds(), tau)
    }
}
