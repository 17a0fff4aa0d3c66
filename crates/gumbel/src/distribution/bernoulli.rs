//! Independent Bernoulli variables.

use super::BinaryConcrete;
use super::checked::{finite_log_odds, noise_like};
use crate::{Error, Noise};
use burn::tensor::{Bool, Tensor, activation};

/// Elementwise Bernoulli from log-odds `ℓ = ln(p / (1 − p))`.
///
/// Samples are hard and carry no gradient; [`relaxed`](Self::relaxed) gives the distribution whose samples do.
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
    /// From log-odds of any shape.
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

    /// A sample of zeros and ones, `1[ℓ + L > 0]` with logistic noise L, without a gradient.
    pub fn sample(&self, noise: &mut Noise) -> Tensor<D> {
        let log_odds = self.log_odds().detach();
        let logistic = noise_like(&log_odds, |shape, device| noise.logistic(shape, device));
        (log_odds.clone() + logistic).greater_elem(0.0).float().cast(log_odds.dtype())
    }

    /// `ln P(x) = x ℓ − softplus(ℓ)`, elementwise; `-inf` where `x` is neither 0 nor 1.
    ///
    /// The sum over an axis of data is [`crate::bernoulli::log_prob`], which is faster.
    pub fn log_prob(&self, x: Tensor<D>) -> Tensor<D> {
        let off = self.supports(x.clone()).bool_or(x.clone().is_nan()).bool_not();
        // The sign of the log-odds turns with x, so neither mass is a difference of large numbers.
        let towards = (x * 2.0 - 1.0) * self.log_odds();
        activation::log_sigmoid(towards).mask_fill(off, f32::NEG_INFINITY)
    }

    /// The probability of a one, `σ(ℓ)`.
    pub fn mean(&self) -> Tensor<D> {
        activation::sigmoid(self.log_odds())
    }

    /// `p (1 − p)`.
    pub fn variance(&self) -> Tensor<D> {
        activation::sigmoid(self.log_odds()) * activation::sigmoid(self.log_odds().neg())
    }

    /// The likelier of the two; 0 if they are equally likely.
    pub fn mode(&self) -> Tensor<D> {
        let log_odds = self.log_odds().detach();
        log_odds.clone().greater_elem(0.0).float().cast(log_odds.dtype())
    }

    /// `softplus(ℓ) − p ℓ`, in nats.
    pub fn entropy(&self) -> Tensor<D> {
        self.cross_entropy(self)
    }

    /// `KL(self ‖ other)`, in nats.
    pub fn kl(&self, other: &Self) -> Tensor<D> {
        self.cross_entropy(other) - self.entropy()
    }

    /// `−p ln p' − (1 − p) ln(1 − p')`: two terms of one sign.
    fn cross_entropy(&self, other: &Self) -> Tensor<D> {
        let one = self.mean() * activation::log_sigmoid(other.log_odds());
        let zero =
            activation::sigmoid(self.log_odds().neg()) * activation::log_sigmoid(other.log_odds().neg());
        (one + zero).neg()
    }

    /// Whether numbers are 0 or 1.
    pub fn supports(&self, x: Tensor<D>) -> Tensor<D, Bool> {
        x.clone().equal_elem(0.0).bool_or(x.equal_elem(1.0))
    }

    /// The relaxation at temperature `tau`, in logit space: for the same noise its sign is the sample.
    ///
    /// # Errors
    /// A temperature that is not positive and finite.
    pub fn relaxed(&self, tau: f64) -> Result<BinaryConcrete<D>, Error> {
        BinaryConcrete::new(self.log_odds(), tau)
    }
}
