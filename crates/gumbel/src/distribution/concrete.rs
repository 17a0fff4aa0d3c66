//! The Concrete distribution on the simplex.

use super::checked::tolerance;
use super::{ExpConcrete, Reparameterized, stable::log_sum_exp};
use crate::tensor::{Flags, centred, one_hot_argmax};
use crate::{Error, Noise, Temperature, gumbel_softmax};
use burn::tensor::{Bool, Tensor};

/// Concrete (Gumbel-Softmax) distribution over the last axis, of `x = softmax((θ + g) / τ)`.
///
/// ```text
/// p(x) = Γ(n) τⁿ⁻¹ Πₖ [ αₖ xₖ^(−τ−1) / Σⱼ αⱼ xⱼ^(−τ) ],   α = exp θ
/// ```
///
/// Maddison, Mnih and Teh 2017, definition 1; Jang, Gu and Poole 2017, appendix B. The density is relative to
/// `dx₁ … dxₙ₋₁` of the n unmasked categories. In `f32`, a sample at a low temperature has coordinates that are exactly
/// 0, where the density is infinite or zero: train with [`ExpConcrete`], and use this distribution for integrals over
/// the simplex. The entropy has no closed form; [`monte_carlo_entropy`](super::monte_carlo_entropy) estimates it.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::distribution::{Concrete, Reparameterized};
/// let logits = Tensor::<1>::from_floats([2f32.ln(), 0.0, 0.5f32.ln()], &Device::flex());
/// let x = Tensor::from_floats([0.2, 0.3, 0.5], &Device::flex());
/// let log_prob = Concrete::new(logits, 0.7)?.log_prob(x).into_scalar::<f32>();
/// assert!((log_prob + 0.750842).abs() < 1e-5);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "gumbel-softmax")]
#[doc(alias = "relaxed categorical")]
#[doc(alias = "RelaxedOneHotCategorical")]
#[derive(Clone, Debug)]
pub struct Concrete<const D: usize> {
    log: ExpConcrete<D>,
}

impl<const D: usize> Concrete<D> {
    /// Makes the distribution from logits `[.., K]` and a temperature.
    ///
    /// # Errors
    /// A temperature that is not positive and finite; NaN or `+inf` among the logits; a row with every category masked.
    pub fn new(logits: Tensor<D>, tau: impl Into<Temperature<D>>) -> Result<Self, Error> {
        Ok(ExpConcrete::new(logits, tau)?.on_simplex())
    }

    /// Returns the distribution of `ln x`.
    pub fn in_log_space(&self) -> ExpConcrete<D> {
        self.log.clone()
    }

    /// Rounds points `[.., K]` to the nearest vertex, as one-hot rows. A rounded sample is an exact sample of the
    /// categorical distribution with the same logits, at every temperature.
    ///
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use gumbel::distribution::Concrete;
    /// let q = Concrete::new(Tensor::<1>::zeros([3], &Device::flex()), 0.7)?;
    /// let b = q.hard(Tensor::from_floats([0.2, 0.5, 0.3], &Device::flex()));
    /// assert_eq!(b.into_data().try_to_vec::<f32>().unwrap(), [0.0, 1.0, 0.0]);
    /// # Ok::<(), gumbel::Error>(())
    /// ```
    pub fn hard(&self, x: Tensor<D>) -> Tensor<D> {
        one_hot_argmax(x)
    }

    /// Whether rows `[.., K]` are in the support, `[.., 1]`: on the simplex, its faces included, with 0 at masked
    /// categories.
    pub fn supports(&self, x: Tensor<D>) -> Tensor<D, Bool> {
        self.outside(x.clone()).bool_or(x.is_nan().any_of_row()).bool_not()
    }

    /// Whether rows are outside the support. Rows with a NaN are neither inside nor outside.
    fn outside(&self, x: Tensor<D>) -> Tensor<D, Bool> {
        let tolerance = tolerance(x.dtype());
        let x = x.cast(self.log.logits().dtype());
        let negative = x.clone().lower_elem(0.0);
        let on_mask = x.clone().greater_elem(0.0).bool_and(self.log.masked().expand(x.shape()));
        let apart = (x.sum_dim(D - 1) - 1.0).abs().greater_elem(tolerance);
        negative.bool_or(on_mask).any_of_row().bool_or(apart)
    }

    /// The term that turns the log-density on a face into its limit: 0, `+inf` or `-inf`; 0 inside the simplex. If the
    /// m coordinates that are exactly 0 tend to 0 together as ε, the density behaves as `ε^(n τ − m (τ + 1))`.
    fn limit(&self, zero: Tensor<D, Bool>, like: &Tensor<D>) -> Tensor<D> {
        let dtype = like.dtype();
        let categories = self.log.masked().bool_not().expand(zero.shape()).float().cast(dtype).sum_dim(D - 1);
        let zeros = zero.float().cast(dtype).sum_dim(D - 1);
        let exponent = self.log.tau().scale(categories - zeros.clone()) - zeros.clone();
        let (grows, falls) = (exponent.clone().lower_elem(0.0), exponent.greater_elem(0.0));
        let edge = zeros.clone().greater_elem(0.0);
        let limit = zeros.zeros_like().mask_fill(grows.bool_and(edge.clone()), f32::INFINITY);
        limit.mask_fill(falls.bool_and(edge), f32::NEG_INFINITY)
    }
}

impl<const D: usize> ExpConcrete<D> {
    /// Returns the distribution of `x = exp y` on the simplex.
    pub fn on_simplex(&self) -> Concrete<D> {
        Concrete { log: self.clone() }
    }
}

impl<const D: usize> Reparameterized<D> for Concrete<D> {
    /// Draws a [`gumbel_softmax`](crate::gumbel_softmax) sample, `[.., K]`.
    fn reparameterized(&self, noise: &mut Noise) -> Tensor<D> {
        gumbel_softmax(self.log.logits(), self.log.tau(), noise).expect("the parameters were checked")
    }

    /// Log-density in nats of points `[.., K]`, as `[.., 1]`, relative to `dx₁ … dxₙ₋₁`. On a face it is the limit,
    /// which is `+inf` or `-inf` except at some temperatures.
    fn log_prob(&self, x: Tensor<D>) -> Tensor<D> {
        let (logits, tau) = (centred(self.log.logits()), self.log.tau());
        let outside = self.outside(x.clone());
        let x = x.cast(logits.dtype());
        let masked = self.log.masked().expand(x.shape());
        let zero = x.clone().equal_elem(0.0).bool_and(masked.clone().bool_not());
        let on_face = zero.clone().any_of_row().expand(x.shape());
        let no_log = x.clone().lower_equal_elem(0.0).bool_or(masked.clone());
        let log_x = x.mask_fill(no_log, 1.0).log();
        let tilted = logits.clone() - tau.scale(log_x.clone());
        // On a face, only the coordinates that are 0 contribute to the normaliser.
        let left_out = masked.clone().bool_or(on_face.bool_and(zero.clone().bool_not()));
        let total = log_sum_exp(tilted.clone().mask_fill(left_out, f32::NEG_INFINITY));
        let terms = (tilted - total - log_x).mask_fill(masked, 0.0).sum_dim(D - 1);
        let volume = tau.log_volume(&logits);
        let limit = self.limit(zero, &terms);
        (terms + volume + limit).mask_fill(outside, f32::NEG_INFINITY)
    }
}
