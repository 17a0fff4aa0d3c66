//! The ExpConcrete distribution: the Concrete distribution in log space.

use super::checked::tolerance;
use super::{Reparameterized, stable::log_sum_exp};
use crate::exp_concrete;
use crate::ops::per_count;
use crate::tensor::{Flags, at_least_single, centred, masked};
use crate::{Error, Noise, Temperature, log_gumbel_softmax, ops};
use burn::tensor::{Bool, Tensor, activation};

/// ExpConcrete distribution over the last axis, of `y = ln x` with `x = softmax((θ + g) / τ)`.
///
/// ```text
/// ln κ(y) = ln Γ(n) + (n−1) ln τ + Σₖ [ (θₖ − τ yₖ) − ln Σⱼ exp(θⱼ − τ yⱼ) ]
/// ```
///
/// Maddison, Mnih and Teh 2017, eq. 24. The density to train with: it is finite wherever the sample is. It is relative
/// to the log-ratios `yₖ − yₙ` of the n unmasked categories, **not** to dx, and so is the differential
/// [`entropy`](Self::entropy). A divergence does not depend on the choice of measure.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::{Noise, distribution::{ExpConcrete, Reparameterized}};
/// let q = ExpConcrete::new(Tensor::<1>::from_floats([80.0, -80.0, 0.0], &Device::flex()), 0.05)?;
/// let y = q.sample(&mut Noise::from_seed(1));
/// assert!(q.log_prob(y).into_scalar::<f32>() < 0.0); // where x rounds to (1, 0, 0)
/// // −ln 2 − 2 ln 0.05 + 3 (1 + ½), whatever the logits
/// assert!((q.entropy().into_scalar::<f32>() - 9.798317).abs() < 1e-5);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "concrete")]
#[doc(alias = "relaxed categorical")]
#[doc(alias = "ExpRelaxedOneHotCategorical")]
#[derive(Clone, Debug)]
pub struct ExpConcrete<const D: usize> {
    logits: Tensor<D>,
    tau: Temperature<D>,
}

impl<const D: usize> ExpConcrete<D> {
    /// Makes the distribution from logits `[.., K]` and a temperature.
    ///
    /// # Errors
    /// A temperature that is not positive and finite; NaN or `+inf` among the logits; a row with every category masked.
    pub fn new(logits: Tensor<D>, tau: impl Into<Temperature<D>>) -> Result<Self, Error> {
        let tau = tau.into().checked()?;
        let logits = tau.marked(logits);
        ops::check_logits(&logits)?;
        Ok(Self { logits: at_least_single(logits), tau })
    }

    /// The logits `[.., K]`, in single precision or better.
    pub fn logits(&self) -> Tensor<D> {
        self.logits.clone()
    }

    /// The temperature.
    pub fn tau(&self) -> Temperature<D> {
        self.tau.clone()
    }

    /// The mode, `log softmax(θ / τ)` `[.., K]`.
    ///
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use gumbel::distribution::ExpConcrete;
    /// let q = ExpConcrete::new(Tensor::<1>::from_floats([0.0, 1.0], &Device::flex()), 0.5)?;
    /// let x = q.mode().exp().slice([1..2]).into_scalar::<f32>();
    /// assert!((x - 0.880797).abs() < 1e-6); // σ(2); the probability of the second category is σ(1)
    /// # Ok::<(), gumbel::Error>(())
    /// ```
    pub fn mode(&self) -> Tensor<D> {
        activation::log_softmax(self.tau.temper_masked(centred(self.logits())), D - 1)
    }

    /// Differential entropy in nats of the log-ratios, `[.., 1]`. It does not depend on the logits, which only shift
    /// them.
    ///
    /// ```text
    /// H = −ln Γ(n) − (n−1) ln τ + n (1 + 1/2 + … + 1/(n−1))
    /// ```
    ///
    /// This follows from `θₖ − τ yₖ = −gₖ + c` with the same c for all k, on which the density does not depend, and
    /// from `Σ e⁻ᵍ` being Gamma(n).
    pub fn entropy(&self) -> Tensor<D> {
        per_count(&self.logits, |n| n * harmonic(n - 1.0)) - self.tau.log_volume(&self.logits)
    }

    /// Whether rows `[.., K]` are in the support, `[.., 1]`: logarithms of points of the simplex, finite at unmasked
    /// categories and `-inf` at masked ones. A constant added to a row matters here, but not to the density.
    pub fn supports(&self, y: Tensor<D>) -> Tensor<D, Bool> {
        let tolerance = tolerance(y.dtype());
        let y = y.cast(self.logits.dtype());
        let total = log_sum_exp(y.clone()).abs().lower_equal_elem(tolerance);
        let masked = self.masked();
        let present = y.clone().is_finite().bool_or(masked.clone()).all_of_row();
        let absent = y.equal_elem(f32::NEG_INFINITY).bool_or(masked.bool_not()).all_of_row();
        total.bool_and(present).bool_and(absent)
    }

    pub(super) fn masked(&self) -> Tensor<D, Bool> {
        masked(&self.logits)
    }
}

impl<const D: usize> Reparameterized<D> for ExpConcrete<D> {
    /// Draws a [`log_gumbel_softmax`](crate::log_gumbel_softmax) sample, `[.., K]`.
    fn reparameterized(&self, noise: &mut Noise) -> Tensor<D> {
        log_gumbel_softmax(self.logits(), self.tau(), noise).expect("the parameters were checked")
    }

    /// Log-density in nats of rows `[.., K]`, as `[.., 1]`, relative to the log-ratios. NaN for a row with NaN.
    fn log_prob(&self, y: Tensor<D>) -> Tensor<D> {
        let y = y.cast(self.logits.dtype());
        let undefined = y.clone().is_nan();
        let nothing = y.clone().equal_elem(f32::NEG_INFINITY);
        let masked = self.masked().expand(y.shape());
        let infinite = y.clone().is_inf();
        // `-inf` at an unmasked category or another value at a masked one, exactly where the two differ; or `+inf`.
        let misplaced = nothing.clone().not_equal(masked).bool_and(undefined.clone().bool_not());
        let off = misplaced.bool_or(infinite.clone().not_equal(nothing)).any_of_row();
        let finite = y.mask_fill(infinite.bool_or(undefined.clone()), 0.0);
        let density = exp_concrete::log_prob(self.logits(), self.tau(), finite).expect("all was checked");
        density.mask_fill(undefined.any_of_row(), f32::NAN).mask_fill(off, f32::NEG_INFINITY)
    }
}

/// `1 + 1/2 + … + 1/m`, by Euler's summation formula for large m.
fn harmonic(m: f64) -> f64 {
    if m < 256.0 {
        return (1..=m as u32).map(|i| f64::from(i).recip()).sum();
    }
    let square = m * m;
    m.ln() + super::gumbel::EULER + (0.5 - (1.0 - 0.1 / square) / (12.0 * m)) / m
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn harmonic_sum_is_the_same_on_both_branches() {
        let plain: f64 = (1..=1000).map(|i| f64::from(i).recip()).sum();
        assert!((harmonic(1000.0) - plain).abs() < 1e-14);
        assert_eq!(harmonic(3.0), 11.0 / 6.0);
        assert_eq!(harmonic(0.0), 0.0);
    }
}
