//! Distributions on Burn tensors: discrete distributions, their relaxations, and Gumbel distributions.
//!
//! Each distribution is a value. Its constructor checks the parameters, so its methods need no further checks: NaN
//! among the logits, a row with every category masked and a temperature of zero are errors of the constructor. Sampling
//! takes a [`Noise`] as an argument. A quantity without a closed form has no method: [`monte_carlo_entropy`] and
//! [`monte_carlo_kl`] estimate it and return a standard error.
//!
//! | distribution | a sample is | entropy | KL |
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
//! # Conventions
//!
//! Leading axes are batch axes. Distributions over categories use the last axis, which has length 1 in their
//! log-densities; the others are elementwise. A logit of `-inf` masks its category and lowers the dimension of the
//! simplex by one. Log-densities, entropies and divergences are in nats. A log-density is `-inf` outside the support
//! and NaN at NaN; `supports` returns which points are in the support.
//!
//! Half-precision parameters are cast to single precision, which is also the type of the results.
//!
//! # Where it runs
//!
//! Burn operations on the device of the parameters, on every backend. Exceptions: the constructors of
//! [`ConditionedGumbels`] and of the distributions without masks copy their parameters to the host to check them;
//! `ln Γ(n)` of each number of categories in [`Concrete`], and elsewhere than on a GPU in [`ExpConcrete`], and the mean of
//! [`TruncatedGumbel`], are computed on the host in double precision; the samples of [`Categorical`], [`Concrete`] and
//! [`ExpConcrete`] run as [`gumbel_max`](crate::gumbel_max) and [`gumbel_softmax`](crate::gumbel_softmax) do, and the
//! density of [`ExpConcrete`] as [`exp_concrete::log_prob`](crate::exp_concrete::log_prob). Noise is drawn as
//! [`Noise`] says, in the type of the logits for these three and in single precision for the others.

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

/// A distribution with a log-density, and with samples that are differentiable in its parameters.
///
/// # Shapes
/// Distributions over the last axis: points `[.., K]`, log-densities `[.., 1]`. The others are elementwise, with points
/// and log-densities of the shape of the parameters.
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
    /// Draws a sample as a differentiable function of the parameters and of noise that does not depend on them.
    #[doc(alias = "rsample")]
    #[doc(alias = "reparameterisation")]
    fn reparameterized(&self, noise: &mut Noise) -> Tensor<D>;

    /// Log-density in nats at given points. Each distribution states the measure that it is relative to.
    fn log_prob(&self, at: Tensor<D>) -> Tensor<D>;

    /// Draws the same sample as [`reparameterized`](Self::reparameterized), without a gradient.
    fn sample(&self, noise: &mut Noise) -> Tensor<D> {
        self.reparameterized(noise).detach()
    }
}
