//! The categorical distribution over one-hot vectors.

use super::ExpConcrete;
use crate::tensor::{Flags, at_least_single, masked, one_hot_argmax};
use crate::{Error, Noise, Temperature, categorical, gumbel_max, kl, ops, sample_one_hot};
use burn::tensor::{Bool, Int, Tensor, activation};

/// Categorical distribution over the last axis, from unnormalised logits.
///
/// ```text
/// P(k) = softmax(θ)ₖ
/// ```
///
/// `-inf` masks a category. Samples are one-hot and have no gradient; [`relaxed`](Self::relaxed) returns the
/// distribution of differentiable samples.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::{Noise, distribution::Categorical};
/// let q = Categorical::new(Tensor::<1>::from_floats([0.0, 3f32.ln(), f32::NEG_INFINITY], &Device::flex()))?;
/// assert!((q.entropy().into_scalar::<f32>() - 0.562335).abs() < 1e-6); // of (1/4, 3/4)
/// assert_eq!(q.mode().into_data().try_to_vec::<f32>().unwrap(), [0.0, 1.0, 0.0]);
/// let z = q.sample(&mut Noise::from_seed(1));
/// assert!(q.log_prob(z).into_scalar::<f32>() > 0.24f32.ln());
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "multinomial")]
#[doc(alias = "OneHotCategorical")]
#[derive(Clone, Debug)]
pub struct Categorical<const D: usize> {
    logits: Tensor<D>,
}

impl<const D: usize> Categorical<D> {
    /// Makes the distribution from logits `[.., K]`.
    ///
    /// # Errors
    /// NaN or `+inf` among the logits; a row with every category masked.
    pub fn new(logits: Tensor<D>) -> Result<Self, Error> {
        ops::check_logits(&logits)?;
        Ok(Self { logits: at_least_single(logits) })
    }

    /// The logits `[.., K]`, in single precision or better.
    pub fn logits(&self) -> Tensor<D> {
        self.logits.clone()
    }

    /// Draws a one-hot sample `[.., K]` without a gradient, by [`sample_one_hot`](crate::sample_one_hot).
    pub fn sample(&self, noise: &mut Noise) -> Tensor<D> {
        sample_one_hot(self.logits(), noise).expect("the logits were checked")
    }

    /// Draws the index of a category, `[.., 1]`, by [`gumbel_max`](crate::gumbel_max).
    pub fn sample_index(&self, noise: &mut Noise) -> Tensor<D, Int> {
        gumbel_max(self.logits(), noise).expect("the logits were checked")
    }

    /// Log-probability in nats of one-hot rows `[.., K]`, as `[.., 1]`; `-inf` at a masked category and at rows that
    /// are not one-hot.
    ///
    /// For indices `[.., 1]` instead of rows, use `log_probabilities().gather(D - 1, index)`.
    pub fn log_prob(&self, z: Tensor<D>) -> Tensor<D> {
        let unknown = z.clone().is_nan().any_of_row();
        let off = self.supports(z.clone()).bool_not().bool_and(unknown.bool_not());
        categorical::log_mass(self.logits(), z).mask_fill(off, f32::NEG_INFINITY)
    }

    /// Log-probabilities of all categories in nats, `log softmax(θ)` `[.., K]`; `-inf` at masked ones.
    pub fn log_probabilities(&self) -> Tensor<D> {
        activation::log_softmax(self.logits(), D - 1)
    }

    /// The mean of a one-hot sample, `softmax(θ)` `[.., K]`: the probabilities.
    pub fn mean(&self) -> Tensor<D> {
        activation::softmax(self.logits(), D - 1)
    }

    /// The most probable category as a one-hot row `[.., K]`; the first of equally probable ones.
    pub fn mode(&self) -> Tensor<D> {
        one_hot_argmax(self.logits())
    }

    /// Entropy in nats, `−Σ p ln p` `[.., 1]`, by [`crate::categorical::entropy`].
    pub fn entropy(&self) -> Tensor<D> {
        categorical::entropy(self.logits()).expect("the logits were checked")
    }

    /// Kullback-Leibler divergence `KL(self ‖ other)` `[.., 1]` in nats, by [`crate::kl::categorical`]. `+inf` where
    /// `other` masks a category that `self` does not.
    pub fn kl(&self, other: &Self) -> Tensor<D> {
        kl::categorical(self.logits(), other.logits()).expect("the logits were checked")
    }

    /// Whether rows `[.., K]` are in the support, `[.., 1]`: one-hot at an unmasked category.
    pub fn supports(&self, z: Tensor<D>) -> Tensor<D, Bool> {
        let picked = z.clone().equal_elem(1.0);
        let one = picked.clone().int().sum_dim(D - 1).equal_elem(1);
        let rest = picked.clone().bool_or(z.equal_elem(0.0)).all_of_row();
        let masked = masked(&self.logits);
        one.bool_and(rest).bool_and(picked.bool_and(masked).any_of_row().bool_not())
    }

    /// Returns the relaxation at temperature `tau`, in log space. For the same noise, its largest coordinate is at the
    /// sampled category.
    ///
    /// # Errors
    /// A temperature that is not positive and finite.
    pub fn relaxed(&self, tau: impl Into<Temperature<D>>) -> Result<ExpConcrete<D>, Error> {
        ExpConcrete::new(self.logits(), tau)
    }
}
