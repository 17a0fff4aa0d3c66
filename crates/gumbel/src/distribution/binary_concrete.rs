//! The Binary Concrete distribution in logit space.

use super::checked::noise_like;
use super::{Reparameterized, stable::a_coth_a_less_one};
use crate::ops::NoiseKind;
use crate::tensor::finite_log_odds;
use crate::{Error, Noise, Temperature, binary_concrete};
use burn::tensor::{Bool, Tensor, activation};

/// Elementwise Binary Concrete distribution, of the logit `y = (ℓ + L) / τ` with logistic noise L.
///
/// ```text
/// ln g(y) = ln τ + ℓ − τ y − 2 softplus(ℓ − τ y)
/// ```
///
/// Maddison, Mnih and Teh 2017, appendix B; also known as relaxed Bernoulli and Gumbel-sigmoid. The relaxed bit is
/// `σ(y)`. The density is relative to dy. The distribution is logistic, so nearly every quantity has a closed form.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::distribution::{BinaryConcrete, Reparameterized};
/// let device = Device::flex();
/// let q = BinaryConcrete::new(Tensor::<1>::from_floats([3f32.ln()], &device), 0.5)?;
/// let at = |y| q.log_prob(Tensor::from_floats([y], &device)).into_scalar::<f32>();
/// assert!((at(0.7) + 2.216392).abs() < 1e-5);
/// assert!((q.entropy().into_scalar::<f32>() - 2.693147).abs() < 1e-5); // 2 − ln τ
/// assert!((q.cdf(q.mean()).into_scalar::<f32>() - 0.5).abs() < 1e-6); // symmetric
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "gumbel-sigmoid")]
#[doc(alias = "relaxed bernoulli")]
#[doc(alias = "concrete")]
#[derive(Clone, Debug)]
pub struct BinaryConcrete<const D: usize> {
    log_odds: Tensor<D>,
    tau: Temperature<D>,
}

impl<const D: usize> BinaryConcrete<D> {
    /// Makes the distribution from log-odds of any shape and a temperature.
    ///
    /// # Errors
    /// A temperature that is not positive and finite; log-odds that are not finite.
    pub fn new(log_odds: Tensor<D>, tau: impl Into<Temperature<D>>) -> Result<Self, Error> {
        Ok(Self { tau: tau.into().checked()?, log_odds: finite_log_odds(log_odds)? })
    }

    /// The log-odds, in single precision or better.
    pub fn log_odds(&self) -> Tensor<D> {
        self.log_odds.clone()
    }

    /// The temperature.
    pub fn tau(&self) -> Temperature<D> {
        self.tau.clone()
    }

    /// The mean of y, `ℓ / τ`.
    pub fn mean(&self) -> Tensor<D> {
        self.tau.temper(self.log_odds())
    }

    /// The mode of y, which is its mean.
    pub fn mode(&self) -> Tensor<D> {
        self.mean()
    }

    /// The variance of y, `π² / (3 τ²)`.
    pub fn variance(&self) -> Tensor<D> {
        let at_one = self.log_odds.full_like(std::f64::consts::PI.powi(2) / 3.0).detach();
        self.tau.temper(self.tau.temper(at_one))
    }

    /// Cumulative distribution function, `P(Y ≤ y) = σ(τ y − ℓ)`.
    pub fn cdf(&self, y: Tensor<D>) -> Tensor<D> {
        activation::sigmoid(self.tau.scale(y.cast(self.log_odds.dtype())) - self.log_odds())
    }

    /// Differential entropy of y in nats, `2 − ln τ`.
    pub fn entropy(&self) -> Tensor<D> {
        self.tau.plus_log(self.log_odds.full_like(-2.0).detach()).neg()
    }

    /// Kullback-Leibler divergence in nats, `KL(self ‖ other) = δ coth(δ/2) − 2`, with δ the difference of the
    /// log-odds.
    ///
    /// # Errors
    /// Different temperatures, for which there is no closed form.
    ///
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use gumbel::distribution::BinaryConcrete;
    /// let of = |log_odds: f32| BinaryConcrete::new(Tensor::<1>::from_floats([log_odds], &Device::flex()), 0.5);
    /// assert!((of(1.0)?.kl(&of(0.0)?)?.into_scalar::<f32>() - 0.163953).abs() < 1e-6); // coth ½ − 2
    /// # Ok::<(), gumbel::Error>(())
    /// ```
    pub fn kl(&self, other: &Self) -> Result<Tensor<D>, Error> {
        if let Some((tau, other)) = self.tau.difference(&other.tau) {
            return Err(Error::NoClosedForm { distribution: "Binary Concrete", tau, other });
        }
        let half = (self.log_odds() - other.log_odds()) * 0.5;
        Ok(a_coth_a_less_one(half) * 2.0)
    }

    /// Whether each y is in the support: a finite number.
    pub fn supports(&self, y: Tensor<D>) -> Tensor<D, Bool> {
        y.is_finite()
    }
}

impl<const D: usize> Reparameterized<D> for BinaryConcrete<D> {
    fn reparameterized(&self, noise: &mut Noise) -> Tensor<D> {
        let logistic = noise_like(&self.log_odds, NoiseKind::Logistic, noise);
        self.tau.temper(self.log_odds() + logistic)
    }

    /// Log-density in nats, elementwise, relative to dy.
    fn log_prob(&self, y: Tensor<D>) -> Tensor<D> {
        let y = y.cast(self.log_odds.dtype());
        let off = y.clone().is_inf();
        let density = binary_concrete::log_prob(self.log_odds(), self.tau(), y.mask_fill(off.clone(), 0.0));
        density.expect("the temperature was checked").mask_fill(off, f32::NEG_INFINITY)
    }
}
