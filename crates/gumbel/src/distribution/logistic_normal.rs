//! The logistic-normal distribution on the simplex.

use super::Reparameterized;
use super::checked::{check_elements, finite, noise_like, tolerance};
use super::stable::excess;
use crate::ops::NoiseKind;
use crate::tensor::{Flags, one_hot_argmax};
use crate::{Error, Noise};
use burn::tensor::{Bool, Tensor, activation};

/// Logistic-normal distribution over the last axis, of `x = softmax(r, 0)` with independent normal log-ratios r.
///
/// ```text
/// rₖ = ln(xₖ / x_K) ~ N(μₖ, σₖ²),   k < K
/// ln p(x) = Σₖ ln N(ln xₖ − ln x_K; μₖ, σₖ²) − Σⱼ ln xⱼ
/// ```
///
/// Aitchison and Shen 1980. The density is relative to `dx₁ … dx_{K−1}` and tends to zero at every face. Neither the
/// mean nor the mode has a closed form. The divergence between two has one, since it does not depend on the map to the
/// simplex. The entropy of the log-ratios is [`entropy_of_log_ratios`](Self::entropy_of_log_ratios); on the simplex it
/// has no closed form, and [`monte_carlo_entropy`](super::monte_carlo_entropy) estimates it.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::distribution::{LogisticNormal, Reparameterized};
/// let floats = |values: [f32; 2]| Tensor::<1>::from_floats(values, &Device::flex());
/// let q = LogisticNormal::new(floats([0.5, -1.0]), floats([1.0, 0.7]))?;
/// let p = LogisticNormal::new(floats([0.0, 0.0]), floats([1.0, 1.0]))?;
/// assert!((q.kl(&p).into_scalar::<f32>() - 0.726675).abs() < 1e-5);
/// let x = Tensor::from_floats([0.2, 0.3, 0.5], &Device::flex());
/// assert!((q.log_prob(x).into_scalar::<f32>() - 0.778241).abs() < 1e-5);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "logit-normal")]
#[derive(Clone, Debug)]
pub struct LogisticNormal<const D: usize> {
    location: Tensor<D>,
    scale: Tensor<D>,
}

impl<const D: usize> LogisticNormal<D> {
    /// Makes the distribution from the means and standard deviations of the log-ratios, both `[.., K−1]`.
    ///
    /// # Errors
    /// A mean that is not finite; a deviation that is not positive and finite.
    ///
    /// # Panics
    /// If the shapes differ.
    pub fn new(location: Tensor<D>, scale: Tensor<D>) -> Result<Self, Error> {
        Self::checked("logistic normal", location, scale)
    }

    /// [`new`](Self::new), with the name of the distribution for errors.
    pub(super) fn checked(name: &'static str, location: Tensor<D>, scale: Tensor<D>) -> Result<Self, Error> {
        let (mean, deviation) = (location.dims(), scale.dims());
        assert_eq!(mean, deviation, "means of shape {mean:?} for deviations of shape {deviation:?}");
        let location = finite(name, "mean", location)?;
        let scale = finite(name, "deviation", scale)?.cast(location.dtype());
        check_elements(name, "deviation", "positive", &scale, |value| value > 0.0)?;
        Ok(Self { location, scale })
    }

    /// The means of the log-ratios, `[.., K−1]`.
    pub fn location(&self) -> Tensor<D> {
        self.location.clone()
    }

    /// The standard deviations of the log-ratios, `[.., K−1]`.
    pub fn scale(&self) -> Tensor<D> {
        self.scale.clone()
    }

    /// Draws log-ratios `[.., K−1]`, differentiable in the parameters. They stay accurate where points of the simplex
    /// round to 0 or 1.
    pub fn log_ratios(&self, noise: &mut Noise) -> Tensor<D> {
        let normal = noise_like(&self.location, NoiseKind::Normal, noise);
        self.location() + self.scale() * normal
    }

    /// Returns the points of the simplex `[.., K]` with given log-ratios `[.., K−1]`.
    pub fn on_simplex(&self, ratios: Tensor<D>) -> Tensor<D> {
        let ratios = ratios.cast(self.location.dtype());
        let last = ratios.clone().narrow(D - 1, 0, 1).detach().zeros_like();
        activation::softmax(Tensor::cat(vec![ratios, last], D - 1), D - 1)
    }

    /// Normal log-density in nats of log-ratios `[.., K−1]`, as `[.., 1]`, relative to them.
    pub fn log_density_of_log_ratios(&self, ratios: Tensor<D>) -> Tensor<D> {
        let z = (ratios.cast(self.location.dtype()) - self.location()) / self.scale();
        (z.square() * 0.5 + self.scale().log() + HALF_LN_2_PI).sum_dim(D - 1).neg()
    }

    /// Differential entropy in nats of the log-ratios, `Σ ln σ + ½ ln(2πe)` `[.., 1]`.
    pub fn entropy_of_log_ratios(&self) -> Tensor<D> {
        (self.scale().log() + (HALF_LN_2_PI + 0.5)).sum_dim(D - 1)
    }

    /// Kullback-Leibler divergence `KL(self ‖ other)` `[.., 1]` in nats: that of the normal distributions.
    pub fn kl(&self, other: &Self) -> Tensor<D> {
        let ratio = self.scale() / other.scale();
        let shift = (self.location() - other.location()) / other.scale();
        // r² − 1 − 2 ln r is the excess at −2 ln r.
        let terms = (excess(ratio.log() * -2.0) + shift.square()) * 0.5;
        terms.sum_dim(D - 1)
    }

    /// Rounds points `[.., K]` to the nearest vertex, as one-hot rows.
    pub fn hard(&self, x: Tensor<D>) -> Tensor<D> {
        one_hot_argmax(x)
    }

    /// Whether rows `[.., K]` are in the support, the interior of the simplex, `[.., 1]`.
    pub fn supports(&self, x: Tensor<D>) -> Tensor<D, Bool> {
        self.outside(x.clone()).bool_or(x.is_nan().any_of_row()).bool_not()
    }

    fn outside(&self, x: Tensor<D>) -> Tensor<D, Bool> {
        let tolerance = tolerance(x.dtype());
        let x = x.cast(self.location.dtype());
        let apart = (x.clone().sum_dim(D - 1) - 1.0).abs().greater_elem(tolerance);
        x.lower_equal_elem(0.0).any_of_row().bool_or(apart)
    }
}

/// `½ ln 2π`.
const HALF_LN_2_PI: f64 = 0.918_938_533_204_672_7;

impl<const D: usize> Reparameterized<D> for LogisticNormal<D> {
    /// Draws a point of the simplex, `[.., K]`.
    fn reparameterized(&self, noise: &mut Noise) -> Tensor<D> {
        self.on_simplex(self.log_ratios(noise))
    }

    /// Log-density in nats of points `[.., K]`, as `[.., 1]`, relative to `dx₁ … dx_{K−1}`.
    fn log_prob(&self, x: Tensor<D>) -> Tensor<D> {
        let outside = self.outside(x.clone());
        let x = x.cast(self.location.dtype());
        let no_log = x.clone().lower_equal_elem(0.0);
        let log_x = x.mask_fill(no_log, 1.0).log();
        let others = log_x.dims()[D - 1] - 1;
        let ratios = log_x.clone().narrow(D - 1, 0, others) - log_x.clone().narrow(D - 1, others, 1);
        (self.log_density_of_log_ratios(ratios) - log_x.sum_dim(D - 1)).mask_fill(outside, f32::NEG_INFINITY)
    }
}
