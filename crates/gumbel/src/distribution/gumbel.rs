//! The Gumbel distribution.

use super::Reparameterized;
use super::checked::{finite, noise_like};
use super::stable::{excess, log_one_minus_exp};
use crate::checked::positive;
use crate::ops::NoiseKind;
use crate::tensor::over;
use crate::{Error, Noise};
use burn::tensor::{Bool, Tensor};
use std::f64::consts::PI;

/// Euler's constant γ, the mean of the standard Gumbel distribution.
pub(super) const EULER: f64 = 0.577_215_664_901_532_9;

/// Where P(X ≤ x) is zero in double precision too: exp(−e⁷) is below its smallest number.
const NEVER: f64 = -7.0;

/// Elementwise Gumbel distribution (of maxima), of `μ + β g`.
///
/// ```text
/// P(X ≤ x) = exp(−exp(−z)),   ln p(x) = −z − exp(−z) − ln β,   z = (x − μ)/β
/// ```
///
/// The maximum of independent variables with unit scale and logits as locations is a Gumbel variable with unit scale
/// and the log-sum-exp of the logits as its location.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::distribution::Gumbel;
/// let floats = |x: f32| Tensor::<1>::from_floats([x], &Device::flex());
/// let q = Gumbel::new(floats(1.0), 1.0)?;
/// assert!((q.mean().into_scalar::<f32>() - 1.577216).abs() < 1e-6);
/// assert!((q.entropy().into_scalar::<f32>() - 1.577216).abs() < 1e-6); // 1 + Euler's constant
/// assert!((q.kl(&Gumbel::new(floats(0.0), 1.0)?).into_scalar::<f32>() - 0.367879).abs() < 1e-6); // 1 + e⁻¹ − 1
/// assert_eq!(q.log_survival(floats(101.0)).into_scalar::<f32>(), -100.0); // where 1 − cdf is 0
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "extreme value")]
#[derive(Clone, Debug)]
pub struct Gumbel<const D: usize> {
    location: Tensor<D>,
    scale: f64,
}

impl<const D: usize> Gumbel<D> {
    /// Makes the distribution from locations of any shape and one scale.
    ///
    /// # Errors
    /// A location that is not finite; a scale that is not positive and finite.
    pub fn new(location: Tensor<D>, scale: f64) -> Result<Self, Error> {
        let scale = positive("Gumbel", "scale", scale)?;
        Ok(Self { location: finite("Gumbel", "location", location)?, scale })
    }

    /// The locations μ, in single precision or better.
    pub fn location(&self) -> Tensor<D> {
        self.location.clone()
    }

    /// The mean, `μ + γ β` with Euler's constant γ.
    pub fn mean(&self) -> Tensor<D> {
        self.location() + EULER * self.scale
    }

    /// The mode, μ.
    pub fn mode(&self) -> Tensor<D> {
        self.location()
    }

    /// The variance, `π² β² / 6`.
    pub fn variance(&self) -> Tensor<D> {
        self.location.full_like((PI * self.scale).powi(2) / 6.0).detach()
    }

    /// Differential entropy in nats, `1 + γ + ln β`.
    pub fn entropy(&self) -> Tensor<D> {
        self.location.full_like(1.0 + EULER + self.scale.ln()).detach()
    }

    /// Kullback-Leibler divergence `KL(self ‖ other)`, in nats.
    ///
    /// ```text
    /// KL = δ + Γ(1 + r) exp(−δ) + γ (r − 1) − ln r − 1,   δ = (μ − μ')/β',   r = β/β'
    /// ```
    ///
    /// μ' and β' are the parameters of `other`. For unit scales it is `δ + exp(−δ) − 1`.
    pub fn kl(&self, other: &Self) -> Tensor<D> {
        let ratio = self.scale / other.scale;
        let shift = over(self.location() - other.location(), other.scale);
        // s + Γ(1 + r) e⁻ˢ + γ (r − 1) − ln r − 1, from the shift at which it is least.
        let best = libm::lgamma(1.0 + ratio);
        let least = best + EULER * (ratio - 1.0) - ratio.ln();
        excess(shift - best) + least.max(0.0)
    }

    /// `z = (x − μ)/β`.
    fn standard(&self, x: Tensor<D>) -> Tensor<D> {
        let z = over(x.cast(self.location.dtype()) - self.location(), self.scale);
        // Beyond the range of the type, z + e⁻ᶻ would be a difference of infinities.
        let [below, above] = [f32::NEG_INFINITY, f32::INFINITY].map(|end| z.clone().equal_elem(end));
        z.mask_fill(below, f32::MIN).mask_fill(above, f32::MAX)
    }

    /// Cumulative distribution function, `P(X ≤ x) = exp(−e⁻ᶻ)`.
    pub fn cdf(&self, x: Tensor<D>) -> Tensor<D> {
        let z = self.standard(x);
        let never = z.clone().lower_elem(NEVER);
        z.mask_fill(never.clone(), 0.0).neg().exp().neg().exp().mask_fill(never, 0.0)
    }

    /// Logarithm of the cumulative distribution function, `ln P(X ≤ x) = −e⁻ᶻ`.
    pub fn log_cdf(&self, x: Tensor<D>) -> Tensor<D> {
        self.standard(x).neg().exp().neg()
    }

    /// Logarithm of the survival function, `ln P(X > x) = ln(1 − exp(−e⁻ᶻ))`, accurate in both tails.
    pub fn log_survival(&self, x: Tensor<D>) -> Tensor<D> {
        let z = self.standard(x);
        let (far, certain) = (z.clone().greater_elem(8.0), z.clone().lower_elem(NEVER));
        let rate = z.clone().mask_fill(far.clone().bool_or(certain.clone()), 0.0).neg().exp();
        // ln(1 − e⁻ᵃ) = ln a − a/2 + a²/24, and ln a is −z exactly.
        let small = z.clone().mask_fill(far.clone().bool_not(), 8.0).neg().exp();
        let tail = z.neg() - small.clone() * 0.5 + small.square() * (1.0 / 24.0);
        log_one_minus_exp(rate).mask_where(far, tail).mask_fill(certain, 0.0)
    }

    /// Quantile function: the x with `P(X ≤ x) = u`, `μ − β ln(−ln u)`.
    ///
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use gumbel::distribution::Gumbel;
    /// let q = Gumbel::new(Tensor::<1>::zeros([1], &Device::flex()), 1.0)?;
    /// let median = q.quantile(Tensor::from_floats([0.5], &Device::flex())).into_scalar::<f32>();
    /// assert!((median - 0.366513).abs() < 1e-6); // −ln ln 2
    /// # Ok::<(), gumbel::Error>(())
    /// ```
    pub fn quantile(&self, u: Tensor<D>) -> Tensor<D> {
        self.location() - u.cast(self.location.dtype()).log().neg().log() * self.scale
    }

    /// Whether each x is in the support: a finite number.
    pub fn supports(&self, x: Tensor<D>) -> Tensor<D, Bool> {
        x.is_finite()
    }
}

impl<const D: usize> Reparameterized<D> for Gumbel<D> {
    fn reparameterized(&self, noise: &mut Noise) -> Tensor<D> {
        let gumbel = noise_like(&self.location, NoiseKind::Gumbel, noise);
        self.location() + gumbel * self.scale
    }

    /// Log-density in nats, elementwise, relative to dx.
    fn log_prob(&self, x: Tensor<D>) -> Tensor<D> {
        let off = x.clone().is_inf();
        let z = self.standard(x.mask_fill(off.clone(), 0.0));
        let density = (z.clone() + z.neg().exp()).neg() - self.scale.ln();
        density.mask_fill(off, f32::NEG_INFINITY)
    }
}
