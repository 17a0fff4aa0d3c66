//! The hard concrete distribution of gates that can be exactly closed or fully open.

use super::Reparameterized;
use super::checked::noise_like;
use crate::ops::NoiseKind;
use crate::tensor::finite_log_odds;
use crate::{Error, Noise, Temperature, binary_concrete};
use burn::tensor::{Bool, Tensor, activation};

/// Elementwise hard concrete distribution of gates: a Binary Concrete sample, stretched beyond the unit interval and
/// clamped to it.
///
/// ```text
/// s = σ((ℓ + L) / τ),   z = min(1, max(0, γ + (ζ − γ) s)),   γ < 0,  ζ > 1
/// ```
///
/// Louizos, Welling and Kingma 2018, section 2. A gate is exactly 0 or 1 with positive probability, and differentiable
/// in ℓ. The expected number of open gates, the sum of [`probability_open`](Self::probability_open), is differentiable
/// and can be used as an L0 penalty. The density is relative to Lebesgue measure on (0, 1) and to counting measure at 0
/// and at 1.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::{Noise, distribution::{HardConcrete, Reparameterized}};
/// let q = HardConcrete::new(Tensor::<1>::zeros([10_000], &Device::flex()), 2.0 / 3.0)?;
/// let open = q.probability_open().mean().into_scalar::<f32>();
/// assert!((open - 0.831822).abs() < 1e-5); // σ(⅔ ln 11)
/// let share = q.sample(&mut Noise::from_seed(1)).greater_elem(0.0).float().mean().into_scalar::<f32>();
/// assert!((share - open).abs() < 4.0 * 0.00374); // four standard errors
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "L0")]
#[doc(alias = "hard sigmoid gate")]
#[derive(Clone, Debug)]
pub struct HardConcrete<const D: usize> {
    log_odds: Tensor<D>,
    tau: Temperature<D>,
    stretch: (f64, f64),
}

impl<const D: usize> HardConcrete<D> {
    /// Makes the distribution from log-odds of any shape and a temperature (2/3 in the paper), stretched to (−0.1,
    /// 1.1).
    ///
    /// # Errors
    /// A temperature that is not positive and finite; log-odds that are not finite.
    pub fn new(log_odds: Tensor<D>, tau: impl Into<Temperature<D>>) -> Result<Self, Error> {
        Self::stretched(log_odds, tau, (-0.1, 1.1))
    }

    /// Makes the distribution with the interval (γ, ζ) to stretch to.
    ///
    /// # Errors
    /// Those of [`new`](Self::new); an interval that does not exceed [0, 1] on both sides, or is not finite.
    pub fn stretched(
        log_odds: Tensor<D>,
        tau: impl Into<Temperature<D>>,
        stretch: (f64, f64),
    ) -> Result<Self, Error> {
        let tau = tau.into().checked()?;
        let (low, high) = stretch;
        if !(low < 0.0 && high > 1.0 && low.is_finite() && high.is_finite()) {
            let (expected, got) = ("a finite interval from below 0 to above 1", format!("({low}, {high})"));
            return Err(Error::parameter("hard concrete", "stretch", expected, got));
        }
        Ok(Self { log_odds: finite_log_odds(log_odds)?, tau, stretch })
    }

    /// The log-odds, in single precision or better.
    pub fn log_odds(&self) -> Tensor<D> {
        self.log_odds.clone()
    }

    /// The probability that a gate is open, `P(z > 0) = σ(ℓ − τ ln(−γ/ζ))`.
    pub fn probability_open(&self) -> Tensor<D> {
        activation::sigmoid(self.closing().neg())
    }

    /// The probability that a gate is closed, `P(z = 0) = 1 − P(z > 0)`.
    pub fn probability_closed(&self) -> Tensor<D> {
        activation::sigmoid(self.closing())
    }

    /// The probability that a gate is fully open, `P(z = 1) = σ(ℓ − τ ln((1 − γ)/(ζ − 1)))`.
    pub fn probability_full(&self) -> Tensor<D> {
        activation::sigmoid(self.filling())
    }

    /// `τ ln` of a ratio.
    fn threshold(&self, ratio: f64) -> Tensor<D> {
        self.tau.scale(self.log_odds.full_like(ratio.ln()).detach())
    }

    /// The log-odds of z = 0.
    fn closing(&self) -> Tensor<D> {
        let (low, high) = self.stretch;
        self.log_odds().neg() + self.threshold(-low / high)
    }

    /// The log-odds of z = 1.
    fn filling(&self) -> Tensor<D> {
        let (low, high) = self.stretch;
        self.log_odds() - self.threshold((1.0 - low) / (high - 1.0))
    }

    /// The gate without noise, `min(1, max(0, γ + (ζ − γ) σ(ℓ)))`, which the paper uses at test time. It is not the
    /// mean, which has no closed form.
    ///
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use gumbel::distribution::HardConcrete;
    /// let q = HardConcrete::new(Tensor::<1>::from_floats([-3.0, 0.0, 3.0], &Device::flex()), 2.0 / 3.0)?;
    /// assert_eq!(q.noiseless().into_data().try_to_vec::<f32>().unwrap(), [0.0, 0.5, 1.0]);
    /// # Ok::<(), gumbel::Error>(())
    /// ```
    pub fn noiseless(&self) -> Tensor<D> {
        self.gate(self.log_odds())
    }

    /// The median, `min(1, max(0, γ + (ζ − γ) σ(ℓ/τ)))`.
    pub fn median(&self) -> Tensor<D> {
        self.gate(self.tau.temper(self.log_odds()))
    }

    fn gate(&self, logit: Tensor<D>) -> Tensor<D> {
        let (low, high) = self.stretch;
        (activation::sigmoid(logit) * (high - low) + low).clamp(0.0, 1.0)
    }

    /// Whether each z is in the support, [0, 1].
    pub fn supports(&self, z: Tensor<D>) -> Tensor<D, Bool> {
        z.clone().greater_equal_elem(0.0).bool_and(z.lower_equal_elem(1.0))
    }

    /// Log-density of numbers in (0, 1), `ln g(y) + ln(ζ − γ) − ln(z − γ) − ln(ζ − z)` with `y` the logit of s.
    fn inner_log_prob(&self, z: Tensor<D>) -> Tensor<D> {
        let (low, high) = self.stretch;
        let (above, below) = ((z.clone() - low).log(), (z.neg() + high).log());
        let y = above.clone() - below.clone();
        let logit = binary_concrete::log_prob(self.log_odds(), self.tau.clone(), y);
        logit.expect("the temperature was checked") - above - below + (high - low).ln()
    }
}

impl<const D: usize> Reparameterized<D> for HardConcrete<D> {
    /// Draws gates. The gradient is zero where a gate is exactly 0 or 1.
    fn reparameterized(&self, noise: &mut Noise) -> Tensor<D> {
        let logistic = noise_like(&self.log_odds, NoiseKind::Logistic, noise);
        self.gate(self.tau.temper(self.log_odds() + logistic))
    }

    /// Elementwise, in nats: the log-probability at 0 and at 1, the log-density in between.
    fn log_prob(&self, z: Tensor<D>) -> Tensor<D> {
        let z = z.cast(self.log_odds.dtype());
        let (closed, full) = (z.clone().equal_elem(0.0), z.clone().equal_elem(1.0));
        let off = z.clone().lower_elem(0.0).bool_or(z.clone().greater_elem(1.0));
        let inside = self.inner_log_prob(z.mask_fill(off.clone(), 0.5));
        let density = inside
            .mask_where(closed, activation::log_sigmoid(self.closing()))
            .mask_where(full, activation::log_sigmoid(self.filling()));
        density.mask_fill(off, f32::NEG_INFINITY)
    }
}
