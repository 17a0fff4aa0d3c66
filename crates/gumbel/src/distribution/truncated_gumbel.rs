//! The truncated Gumbel distribution.

use super::Reparameterized;
use super::checked::{check_elements, finite, noise_like};
use super::gumbel::EULER;
use super::stable::{log_add_exp, log_one_minus_exp};
use crate::ops::NoiseKind;
use crate::tensor::at_least_single;
use crate::{Error, Noise};
use burn::tensor::{Bool, Tensor, TensorData};

/// Elementwise Gumbel distribution of unit scale, conditioned on being at most `bound`.
///
/// ```text
/// P(X ≤ x) = exp(e⁻ᵗ − e⁻ᶻ),   z = x − μ ≤ t = bound − μ
/// X = μ − ln(E + e⁻ᵗ),   E exponential
/// ```
///
/// Maddison, Tarlow and Minka 2014: the children of a split in A* sampling. Sampling rejects nothing and has no
/// cancellation, so it is as accurate for a bound far below the location as for one above it. A bound of `+inf` does
/// not truncate.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::{Noise, distribution::{Reparameterized, TruncatedGumbel}};
/// let floats = |x: f32| Tensor::<1>::from_floats([x], &Device::flex());
/// let q = TruncatedGumbel::new(floats(0.0), floats(-1.0))?;
/// assert!(q.sample(&mut Noise::from_seed(1)).into_scalar::<f32>() <= -1.0);
/// assert!((q.mean().into_scalar::<f32>() + 1.283877).abs() < 1e-5);
/// assert!((q.log_prob(floats(-1.5)).into_scalar::<f32>() + 0.263407).abs() < 1e-5);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "A* sampling")]
#[derive(Clone, Debug)]
pub struct TruncatedGumbel<const D: usize> {
    location: Tensor<D>,
    bound: Tensor<D>,
}

impl<const D: usize> TruncatedGumbel<D> {
    /// Makes the distribution from locations and bounds of the same shape.
    ///
    /// # Errors
    /// A location that is not finite; a bound that is NaN or `-inf`.
    ///
    /// # Panics
    /// If the shapes differ.
    pub fn new(location: Tensor<D>, bound: Tensor<D>) -> Result<Self, Error> {
        let (locations, bounds) = (location.dims(), bound.dims());
        assert_eq!(locations, bounds, "locations of shape {locations:?} for bounds of shape {bounds:?}");
        let location = finite("truncated Gumbel", "location", location)?;
        let bound = at_least_single(bound).cast(location.dtype());
        let expected = "a number, or inf for none";
        check_elements("truncated Gumbel", "bound", expected, &bound, |value| value > f64::NEG_INFINITY)?;
        Ok(Self { location, bound })
    }

    /// The locations μ, in single precision or better.
    pub fn location(&self) -> Tensor<D> {
        self.location.clone()
    }

    /// The bounds.
    pub fn bound(&self) -> Tensor<D> {
        self.bound.clone()
    }

    /// `t = bound − μ`.
    fn gap(&self) -> Tensor<D> {
        self.bound() - self.location()
    }

    /// The mean, `μ + t − e^s E₁(s)` with `s = e⁻ᵗ` and the exponential integral E₁; on the host in double precision.
    pub fn mean(&self) -> Tensor<D> {
        self.location() + self.mean_at_zero()
    }

    /// The mean minus the location, which may be so large that a sum with it has lost the digits of this one.
    fn mean_at_zero(&self) -> Tensor<D> {
        let gap = self.gap();
        let (means, slopes): (Vec<f64>, Vec<f64>) =
            gap.clone().detach().into_data().iter::<f64>().map(standard_mean).unzip();
        let like = |values| {
            Tensor::<D>::from_data(TensorData::new(values, gap.shape()), (&gap.device(), gap.dtype()))
        };
        // The value and the derivative come from the host: the bracket is zero, with a gradient of one.
        let unbounded = gap.clone().is_inf();
        let bounded = gap.clone().mask_fill(unbounded, 0.0);
        like(means) + (bounded.clone() - bounded.detach()) * like(slopes)
    }

    /// The mode: the location, or the bound if that is lower.
    pub fn mode(&self) -> Tensor<D> {
        self.location().min_pair(self.bound())
    }

    /// Differential entropy in nats, `1 + E[X] − μ`.
    pub fn entropy(&self) -> Tensor<D> {
        self.mean_at_zero() + 1.0
    }

    /// Logarithm of the cumulative distribution function, `ln P(X ≤ x) = e⁻ᵗ − e⁻ᶻ`; 0 from the bound on.
    pub fn log_cdf(&self, x: Tensor<D>) -> Tensor<D> {
        self.excess(x).neg()
    }

    /// `e⁻ᶻ − e⁻ᵗ = exp(ln(1 − e^−(t − z)) − z)`, zero from the bound on.
    fn excess(&self, x: Tensor<D>) -> Tensor<D> {
        let x = x.cast(self.location.dtype());
        let below = self.bound() - x.clone();
        let none = below.clone().lower_equal_elem(0.0);
        let share = log_one_minus_exp(below.mask_fill(none.clone(), 1.0));
        // Masked before the exponential: what is not selected must not overflow, or its gradient would be NaN.
        (share + (self.location() - x)).mask_fill(none.clone(), 0.0).exp().mask_fill(none, 0.0)
    }

    /// Whether each x is in the support: finite and at most the bound.
    pub fn supports(&self, x: Tensor<D>) -> Tensor<D, Bool> {
        let x = x.cast(self.location.dtype());
        x.clone().is_finite().bool_and(x.lower_equal(self.bound()))
    }
}

impl<const D: usize> Reparameterized<D> for TruncatedGumbel<D> {
    fn reparameterized(&self, noise: &mut Noise) -> Tensor<D> {
        let waiting = noise_like(&self.location, NoiseKind::Exponential, noise);
        let below = self.location() - log_add_exp(waiting.log(), self.gap().neg());
        // Rounding can raise it above the bound.
        below.min_pair(self.bound())
    }

    /// Log-density in nats, `−z − (e⁻ᶻ − e⁻ᵗ)`, elementwise, relative to dx.
    fn log_prob(&self, x: Tensor<D>) -> Tensor<D> {
        let x = x.cast(self.location.dtype());
        let off = x.clone().is_inf().bool_or(x.clone().greater(self.bound()));
        let x = x.clone().mask_where(off.clone(), self.mode().detach());
        let density = self.location() - x.clone() - self.excess(x);
        density.mask_fill(off, f32::NEG_INFINITY)
    }
}

/// The mean at location 0 and bound t, and its derivative `s e^s E₁(s)` in t.
fn standard_mean(t: f64) -> (f64, f64) {
    let s = (-t).exp();
    if s > 1.0 {
        // The continued fraction of Abramowitz and Stegun 5.1.22, from its last term: e^s E₁(s) = 1/(s + rest).
        let rest = (1..=100).rev().map(f64::from).fold(0.0, |rest, n| n / (1.0 + n / (s + rest)));
        return (t - 1.0 / (s + rest), 1.0 / (1.0 + rest / s));
    }
    if s == 0.0 {
        return (EULER, 0.0);
    }
    // E₁(s) = t − γ + Σ, 5.1.11.
    let mean = -t * s.exp_m1() + s.exp() * (EULER - series(s));
    (mean, s * (t - mean))
}

/// `Σ (−1)ⁿ⁺¹ sⁿ / (n n!)` for s ≤ 1.
fn series(s: f64) -> f64 {
    let term = |power: &mut f64, n: f64| {
        *power *= -s / n;
        Some(-*power / n)
    };
    (1..=25).map(f64::from).scan(1.0, term).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (t, t − e^s E₁(s)): mpmath 1.3 at 40 digits, `t - exp(s) * e1(s)` with `s = exp(-t)`.
    const GOLDEN: [(f64, f64); 7] = [
        (-30.0, -30.000000000000092),
        (-5.0, -5.006693146829558),
        (-1.0, -1.2838767563444444),
        (-0.1, -0.6569423009439032),
        (0.1, -0.5376789145317192),
        (1.0, -0.09710359473433101),
        (20.0, 0.5772156228070369),
    ];

    #[test]
    fn mean_and_slope_match_the_exponential_integral_on_both_branches() {
        for (t, expected) in GOLDEN {
            let (mean, slope) = standard_mean(t);
            assert!(
                (mean - expected).abs() < 1e-13 * expected.abs().max(1.0),
                "mean at {t}: got {mean}, expected {expected}"
            );
            let step = 1e-5;
            let difference = (standard_mean(t + step).0 - standard_mean(t - step).0) / (2.0 * step);
            assert!((difference - slope).abs() < 1e-9, "slope at {t}: got {slope}, expected {difference}");
        }
        assert_eq!(standard_mean(f64::INFINITY), (EULER, 0.0));
        assert_eq!(standard_mean(-800.0), (-800.0, 1.0));
    }
}
