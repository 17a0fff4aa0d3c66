//! The Concrete distribution on the simplex.

use super::checked::tolerance;
use super::{ExpConcrete, Reparameterized, stable::log_sum_exp};
use crate::exp_concrete::{log_volume, per_count};
use crate::tensor::one_hot_argmax;
use crate::{Error, Noise, gumbel_softmax};
use burn::tensor::{Bool, Tensor};

/// Concrete (Gumbel-Softmax) over the last axis: the law of `x = softmax((θ + g) / τ)`.
///
/// ```text
/// p(x) = Γ(n) τⁿ⁻¹ Πₖ [ αₖ xₖ^(−τ−1) / Σⱼ αⱼ xⱼ^(−τ) ],   α = exp θ
/// ```
///
/// Maddison, Mnih and Teh 2017, definition 1; Jang, Gu and Poole 2017, appendix B. A density relative to
/// `dx₁ … dxₙ₋₁` of the n unmasked categories. In `f32` a sample at a low temperature has coordinates that are exactly 0
/// and the density is infinite or zero there: train with [`ExpConcrete`], and use this one for integrals on the simplex.
/// The entropy has no closed form (see [`super::monte_carlo_entropy`]).
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
#[derive(Clone, Debug)]
pub struct Concrete<const D: usize> {
    log: ExpConcrete<D>,
}

impl<const D: usize> Concrete<D> {
    /// From logits `[.., K]` and a temperature.
    ///
    /// # Errors
    /// A temperature that is not positive and finite; NaN or `+inf` among the logits; a row with every category masked.
    pub fn new(logits: Tensor<D>, tau: f64) -> Result<Self, Error> {
        Ok(ExpConcrete::new(logits, tau)?.on_simplex())
    }

    /// The law of `ln x`.
    pub fn in_log_space(&self) -> ExpConcrete<D> {
        self.log.clone()
    }

    /// The vertex nearest to points `[.., K]`, one-hot: of a sample, an exact sample of the categorical distribution
    /// with the same logits, at every temperature.
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
        nearest_vertex(x)
    }

    /// Whether rows `[.., K]` are points of the simplex with nothing on the masks, `[.., 1]`. Its faces belong to it.
    pub fn supports(&self, x: Tensor<D>) -> Tensor<D, Bool> {
        self.outside(x.clone()).bool_or(x.is_nan().any_dim(D - 1)).bool_not()
    }

    /// A NaN is not outside: it is nowhere.
    fn outside(&self, x: Tensor<D>) -> Tensor<D, Bool> {
        let negative = x.clone().lower_elem(0.0);
        let on_mask = x.clone().greater_elem(0.0).bool_and(self.log.masked().expand(x.dims()));
        let apart = (x.sum_dim(D - 1) - 1.0).abs().greater_elem(tolerance(self.log.logits().dtype()));
        negative.bool_or(on_mask).any_dim(D - 1).bool_or(apart)
    }

    /// What the density tends to where m coordinates are exactly 0: they count as shrinking together as ε, and the
    /// density as `ε^(n τ − m (τ + 1))`. Adds 0, `+inf` or `-inf`; nothing inside the simplex.
    fn limit(&self, zero: Tensor<D, Bool>, like: &Tensor<D>) -> Tensor<D> {
        let (tau, dtype) = (self.log.tau(), like.dtype());
        let categories = self.log.masked().bool_not().expand(zero.dims()).float().cast(dtype).sum_dim(D - 1);
        let zeros = zero.float().cast(dtype).sum_dim(D - 1);
        let exponent = categories * tau - zeros.clone() * (tau + 1.0);
        let (grows, falls) = (exponent.clone().lower_elem(0.0), exponent.greater_elem(0.0));
        let edge = zeros.clone().greater_elem(0.0);
        let limit = zeros.zeros_like().mask_fill(grows.bool_and(edge.clone()), f32::INFINITY);
        limit.mask_fill(falls.bool_and(edge), f32::NEG_INFINITY)
    }
}

impl<const D: usize> ExpConcrete<D> {
    /// The distribution of `x = exp y` on the simplex.
    pub fn on_simplex(&self) -> Concrete<D> {
        Concrete { log: self.clone() }
    }
}

impl<const D: usize> Reparameterized<D> for Concrete<D> {
    /// That of [`crate::gumbel_softmax`], `[.., K]`.
    fn reparameterized(&self, noise: &mut Noise) -> Tensor<D> {
        gumbel_softmax(self.log.logits(), self.log.tau(), noise).expect("the parameters were checked")
    }

    /// `[.., K]` to `[.., 1]`, relative to the simplex. On a face it is the limit, which is `+inf` or `-inf` for all but
    /// some temperatures.
    fn log_prob(&self, x: Tensor<D>) -> Tensor<D> {
        let (logits, tau) = (self.log.logits(), self.log.tau());
        let outside = self.outside(x.clone());
        let masked = self.log.masked().expand(x.dims());
        let zero = x.clone().equal_elem(0.0).bool_and(masked.clone().bool_not());
        let on_face = zero.clone().any_dim(D - 1).expand(x.dims());
        let no_log = x.clone().lower_equal_elem(0.0).bool_or(masked.clone());
        let log_x = x.mask_fill(no_log, 1.0).log();
        let tilted = logits.clone() - log_x.clone() * tau;
        // On a face, the coordinates that vanish have all of the normaliser.
        let left_out = masked.clone().bool_or(on_face.bool_and(zero.clone().bool_not()));
        let total = log_sum_exp(tilted.clone().mask_fill(left_out, f32::NEG_INFINITY));
        let terms = (tilted - total - log_x).mask_fill(masked, 0.0).sum_dim(D - 1);
        let volume = per_count(&logits, |n| log_volume(n, tau));
        let limit = self.limit(zero, &terms);
        (terms + volume + limit).mask_fill(outside, f32::NEG_INFINITY)
    }
}

/// One-hot rows at the largest coordinate.
pub(super) fn nearest_vertex<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    one_hot_argmax(x)
}
