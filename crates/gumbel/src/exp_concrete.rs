//! The ExpConcrete distribution: the Concrete (Gumbel-Softmax) distribution in log space.

use crate::ops;
use crate::temperature::point_at_one;
use crate::tensor::{at_least_single, restored};
use crate::{Error, Temperature};
use burn::tensor::Tensor;

/// Log-density in nats of an ExpConcrete sample `y = ln x`, `x ~ Concrete(θ, τ)`.
///
/// ```text
/// ln κ(y) = ln Γ(n) + (n−1) ln τ + Σₖ [ (θₖ − τ yₖ) − ln Σⱼ exp(θⱼ − τ yⱼ) ]
/// ```
///
/// Maddison, Mnih and Teh 2017, eq. 24, over the `n` categories that are not masked (logit `-inf`); what `y` is at masks
/// does not matter. It is a density with respect to the log-ratios `yₖ − yₙ`, and finite at any finite `y`. Where a `y`
/// is `-inf` it is 0: its logarithm is `-inf`, and the gradient 0. On the simplex, `ln p(x) = ln κ(ln x) − Σ ln xₖ`.
///
/// Runs as a fused kernel on GPUs, forward and backward, and as Burn operations elsewhere. On a GPU an unfit row becomes
/// NaN, and [`check_device`](crate::check_device) returns the error.
///
/// # Shapes
/// `logits` and `y` `[.., K]`, broadcast against each other, to `[.., 1]`; `tau` a number, or a [tensor](Temperature) against
/// the rows of the logits.
///
/// # Errors
/// A temperature that is not positive and finite; a logit that is NaN or `+inf`, a row masked throughout; a `y` that is NaN
/// or `+inf` at an unmasked category, or `-inf` at all of them.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let device = Device::flex();
/// let x = Tensor::<1>::from_floats([0.2, 0.3, 0.5], &device);
/// let logits = Tensor::from_floats([2f32.ln(), 0.0, 0.5f32.ln()], &device);
/// let log_prob = gumbel::exp_concrete::log_prob(logits, 0.7, x.clone().log())? - x.log().sum();
/// assert!((log_prob.into_scalar::<f32>() + 0.750842).abs() < 1e-5); // by 50-digit evaluation
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "concrete")]
#[doc(alias = "log_density")]
#[doc(alias = "relaxed categorical")]
pub fn log_prob<const D: usize>(
    logits: Tensor<D>,
    tau: impl Into<Temperature<D>>,
    y: Tensor<D>,
) -> Result<Tensor<D>, Error> {
    match tau.into().checked()? {
        Temperature::Number(tau) => ops::exp_concrete_log_prob(logits, tau, y),
        tau => at_temperatures(logits, &tau, y),
    }
}

/// `ln κ(τ y; 1) + (n−1) ln τ`.
fn at_temperatures<const D: usize>(
    logits: Tensor<D>,
    tau: &Temperature<D>,
    y: Tensor<D>,
) -> Result<Tensor<D>, Error> {
    let dtype = logits.dtype();
    let logits = at_least_single(tau.marked(logits));
    let y = point_at_one(&logits, y, tau);
    let stretch = tau.log_stretch(&logits);
    Ok(restored(ops::exp_concrete_log_prob(logits, 1.0, y)? + stretch, dtype))
}
