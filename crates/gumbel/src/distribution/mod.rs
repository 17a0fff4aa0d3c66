//! Distributions on Burn tensors: exact, relaxed, and what lies between.
//!
//! Each is a value made by a constructor that checks its parameters, so that nothing made from it needs to be checked
//! again: NaN among the logits, a row with every category masked, a temperature of zero are typed errors there.
//! Sampling takes its [`Noise`] as an argument. What has no closed form has no method: [`monte_carlo_entropy`] and
//! [`monte_carlo_kl`] estimate it, and say how well.
//!
//! | | a sample is | entropy | KL |
//! | --- | --- | --- | --- |
//! | [`Categorical`] | one-hot `[.., K]` | exact | exact |
//! | [`Bernoulli`] | 0 or 1 | exact | exact |
//! | [`ExpConcrete`] | the logarithm of a point of the simplex | exact | Monte Carlo |
//! | [`Concrete`] | a point of the simplex | Monte Carlo | Monte Carlo |
//! | [`BinaryConcrete`] | the logit of a number in (0, 1) | exact | exact at equal temperatures |
//! | [`HardConcrete`] | a gate in [0, 1], often exactly 0 or 1 | Monte Carlo | Monte Carlo |
//! | [`LogisticNormal`] | a point of the simplex | Monte Carlo | exact |
//! | [`Igr`] | a point of the simplex | Monte Carlo | exact |
//! | [`Gumbel`] | a number | exact | exact |
//! | [`TruncatedGumbel`] | a number below its bound | exact | |
//! | [`ConditionedGumbels`] | perturbed logits in a given order | | |
//!
//! Parameters have batch axes in front. Distributions over categories use the last axis, and their log-densities have
//! 1 there; the others are elementwise. A logit of `-inf` masks its category, and the dimension of the simplex falls by
//! one. Half-precision parameters are computed, and answered, in single precision.
//!
//! A log-density is `-inf` off the support; a NaN stays a NaN. `supports` says which points are on it.

mod bernoulli;
mod binary_concrete;
mod categorical;
mod checked;
mod concrete;
mod conditioned;
mod exp_concrete;
mod gumbel;
mod hard_concrete;
mod igr;
mod logistic_normal;
mod monte_carlo;
mod stable;
mod truncated_gumbel;

pub use bernoulli::Bernoulli;
pub use binary_concrete::BinaryConcrete;
pub use categorical::Categorical;
pub use concrete::Concrete;
pub use conditioned::ConditionedGumbels;
pub(crate) use conditioned::gumbel_given_argmax;
pub use exp_concrete::ExpConcrete;
pub use gumbel::Gumbel;
pub use hard_concrete::HardConcrete;
pub use igr::Igr;
pub use logistic_normal::LogisticNormal;
pub use monte_carlo::{MonteCarlo, monte_carlo_entropy, monte_carlo_kl};
pub use truncated_gumbel::TruncatedGumbel;

use crate::Noise;
use burn::tensor::Tensor;

/// A distribution with samples that are differentiable in its parameters, and a log-density.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::{Noise, distribution::{Gumbel, Reparameterized}};
/// let location = Tensor::<1>::zeros([1], &Device::flex().autodiff()).require_grad();
/// let g = Gumbel::new(location.clone(), 2.0)?.reparameterized(&mut Noise::from_seed(1));
/// let slope = location.grad(&g.sum().backward()).unwrap().into_scalar::<f32>();
/// assert_eq!(slope, 1.0); // the location shifts its sample
/// # Ok::<(), gumbel::Error>(())
/// ```
pub trait Reparameterized<const D: usize> {
    /// A sample as a function of the parameters and of noise that does not depend on them.
    fn reparameterized(&self, noise: &mut Noise) -> Tensor<D>;

    /// The log-density at points; each distribution says with respect to which measure.
    fn log_prob(&self, at: Tensor<D>) -> Tensor<D>;

    /// The same sample as [`reparameterized`](Self::reparameterized), as a constant.
    fn sample(&self, noise: &mut Noise) -> Tensor<D> {
        self.reparameterized(noise).detach()
    }
}
