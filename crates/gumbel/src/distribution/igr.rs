//! The invertible Gaussian reparameterisation.

use super::{LogisticNormal, Reparameterized};
use crate::checked::positive;
use crate::{Error, Noise, Temperature};
use burn::tensor::{Bool, Tensor};

/// Invertible Gaussian reparameterisation (IGR): the distribution of normal noise under an invertible softmax with a
/// temperature, `softmax++`.
///
/// ```text
/// xₖ = exp(yₖ/τ) / (Σⱼ exp(yⱼ/τ) + δ),  k < K,   x_K = 1 − Σ xₖ,   y ~ N(μ, σ²)
/// ```
///
/// Potapczynski, Loaiza-Ganem and Cunningham 2020. Since the map is invertible, the density follows by a change of
/// variables, and the divergence is that of the normal distributions. The log-ratios are `y/τ − ln δ`, so this is the
/// [`LogisticNormal`] with `(μ/τ − ln δ, σ/τ)`, in parameters that have the same meaning at every temperature.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::distribution::{Igr, Reparameterized};
/// let floats = |values: [f32; 2]| Tensor::<1>::from_floats(values, &Device::flex());
/// let q = Igr::new(floats([0.5, -1.0]), floats([1.0, 0.7]), 0.5, 0.9)?;
/// let x = Tensor::from_floats([0.2, 0.3, 0.5], &Device::flex());
/// assert!((q.log_prob(x).into_scalar::<f32>() + 0.360328).abs() < 1e-5);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "softmax++")]
#[doc(alias = "invertible Gaussian reparameterization")]
#[derive(Clone, Debug)]
pub struct Igr<const D: usize> {
    ratios: LogisticNormal<D>,
}

impl<const D: usize> Igr<D> {
    /// Makes the distribution from the means and standard deviations of y, both `[.., K−1]`, a temperature and δ.
    ///
    /// # Errors
    /// A mean that is not finite; a deviation, temperature or δ that is not positive and finite.
    ///
    /// # Panics
    /// If the shapes differ.
    pub fn new(
        mean: Tensor<D>,
        deviation: Tensor<D>,
        tau: impl Into<Temperature<D>>,
        delta: f64,
    ) -> Result<Self, Error> {
        let tau = tau.into().checked()?;
        let delta = positive("IGR", "delta", delta)?;
        let given = LogisticNormal::checked("IGR", mean, deviation)?;
        let location = tau.temper(given.location()) - delta.ln();
        Ok(Self { ratios: LogisticNormal::checked("IGR", location, tau.temper(given.scale()))? })
    }

    /// Returns the same distribution as a [`LogisticNormal`], which has the methods for log-ratios.
    pub fn logistic_normal(&self) -> LogisticNormal<D> {
        self.ratios.clone()
    }

    /// Kullback-Leibler divergence `KL(self ‖ other)` `[.., 1]` in nats; temperatures and δ may differ.
    ///
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use gumbel::distribution::Igr;
    /// let of = |mean: f32, deviation: f32, tau| {
    ///     let row = |value: f32| Tensor::<1>::from_floats([value], &Device::flex());
    ///     Igr::new(row(mean), row(deviation), tau, 1.0)
    /// };
    /// let kl = of(0.5, 0.7, 0.05)?.kl(&of(-0.3, 1.1, 0.05)?).into_scalar::<f32>();
    /// assert!((kl - 0.418927).abs() < 1e-5); // that of the two normal distributions
    /// assert!(of(0.5, 0.7, 0.1)?.kl(&of(1.0, 1.4, 0.2)?).into_scalar::<f32>().abs() < 1e-6); // equal distributions
    /// # Ok::<(), gumbel::Error>(())
    /// ```
    pub fn kl(&self, other: &Self) -> Tensor<D> {
        self.ratios.kl(&other.ratios)
    }

    /// Rounds points `[.., K]` to the nearest vertex, as one-hot rows. The probabilities of a rounded sample have no
    /// closed form.
    pub fn hard(&self, x: Tensor<D>) -> Tensor<D> {
        self.ratios.hard(x)
    }

    /// Whether rows `[.., K]` are in the support, the interior of the simplex, `[.., 1]`.
    pub fn supports(&self, x: Tensor<D>) -> Tensor<D, Bool> {
        self.ratios.supports(x)
    }
}

impl<const D: usize> Reparameterized<D> for Igr<D> {
    /// Draws a point of the simplex, `[.., K]`.
    fn reparameterized(&self, noise: &mut Noise) -> Tensor<D> {
        self.ratios.reparameterized(noise)
    }

    /// Log-density in nats of points `[.., K]`, as `[.., 1]`, relative to `dx₁ … dx_{K−1}`.
    fn log_prob(&self, x: Tensor<D>) -> Tensor<D> {
        self.ratios.log_prob(x)
    }
}
