//! The ExpConcrete distribution: the Concrete (Gumbel-Softmax) distribution in log space.

use crate::Error;
use crate::ops;
use crate::tensor::{at_least_single, centred, masked, restored};
use burn::tensor::{Tensor, TensorData, activation};
use gumbel_kernels::check_temperature;

/// Log-density in nats of an ExpConcrete sample `y = ln x`, `x ~ Concrete(θ, τ)`.
///
/// ```text
/// ln κ(y) = ln Γ(n) + (n−1) ln τ + Σₖ [ (θₖ − τ yₖ) − ln Σⱼ exp(θⱼ − τ yⱼ) ]
/// ```
///
/// Maddison, Mnih and Teh 2017, eq. 24, over the `n` categories that are not masked (logit `-inf`). It is a
/// density with respect to the log-ratios `yₖ − yₙ`, and finite at any finite `y`. On the simplex,
/// `ln p(x) = ln κ(ln x) − Σ ln xₖ`.
///
/// # Shapes
/// `logits` and `y` `[.., K]` to `[.., 1]`.
///
/// # Errors
/// A temperature that is not positive and finite; a logit that is NaN or `+inf`, a row masked throughout.
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
pub fn log_prob<const D: usize>(logits: Tensor<D>, tau: f64, y: Tensor<D>) -> Result<Tensor<D>, Error> {
    check_temperature(tau)?;
    ops::check_logits(&logits)?;
    let dtype = logits.dtype();
    let (logits, y) = (centred(logits), at_least_single(y));
    let masked = masked(&logits);
    let tilted = (logits.clone() - y * tau).mask_fill(masked.clone(), f32::NEG_INFINITY);
    let normalized = activation::log_softmax(tilted, D - 1).mask_fill(masked, 0.0);
    Ok(restored(normalized.sum_dim(D - 1) + per_count(&logits, |n| log_volume(n, tau)), dtype))
}

/// `ln Γ(n) + (n−1) ln τ`.
pub(crate) fn log_volume(n: f64, tau: f64) -> f64 {
    libm::lgamma(n) + (n - 1.0) * tau.ln()
}

/// A function of the number of unmasked categories of each row, `[.., K]` to `[.., 1]`. Its K + 1 values are computed on
/// the host (Burn has no log-gamma) and looked up where the logits are.
pub(crate) fn per_count<const D: usize>(logits: &Tensor<D>, value: impl Fn(f64) -> f64) -> Tensor<D> {
    let counts = masked(logits).bool_not().int().sum_dim(D - 1);
    let (shape, most) = (counts.shape(), logits.dims()[D - 1]);
    let values: Vec<f64> = (0..=most).map(|count| value(count as f64)).collect();
    let table = TensorData::new(values, [most + 1]);
    let table = Tensor::<1>::from_data(table, (&logits.device(), logits.dtype()));
    table.select(0, counts.flatten::<1>(0, D - 1)).reshape(shape)
}
