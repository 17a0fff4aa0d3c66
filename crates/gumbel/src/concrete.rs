//! The Concrete (Gumbel-Softmax) distribution in log space and in logit space.

use crate::Error;
use burn::tensor::{Tensor, TensorData, activation};
use gumbel_kernels::check_temperature;

/// Log-density of an ExpConcrete sample `y = ln x`, `x ~ Concrete(θ, τ)`.
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
/// `y` and `logits` `[.., K]` to `[.., 1]`.
///
/// # Errors
/// A temperature that is not positive and finite.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let device = Device::flex();
/// let x = Tensor::<1>::from_floats([0.2, 0.3, 0.5], &device);
/// let logits = Tensor::from_floats([2f32.ln(), 0.0, 0.5f32.ln()], &device);
/// let log_density = gumbel::concrete::exp_log_density(x.clone().log(), logits, 0.7)? - x.log().sum();
/// assert!((log_density.into_scalar::<f32>() + 0.750842).abs() < 1e-5); // by 50-digit evaluation
/// # Ok::<(), gumbel::Error>(())
/// ```
pub fn exp_log_density<const D: usize>(
    y: Tensor<D>,
    logits: Tensor<D>,
    tau: f64,
) -> Result<Tensor<D>, Error> {
    check_temperature(tau)?;
    let masked = logits.clone().equal_elem(f32::NEG_INFINITY);
    let tilted = (logits.clone() - y * tau).mask_fill(masked.clone(), f32::NEG_INFINITY);
    let normalised = activation::log_softmax(tilted, D - 1).mask_fill(masked, 0.0);
    Ok(normalised.sum_dim(D - 1) + per_count(&logits, |n| log_volume(n, tau)))
}

/// `ln Γ(n) + (n−1) ln τ`.
pub(crate) fn log_volume(n: f64, tau: f64) -> f64 {
    libm::lgamma(n) + (n - 1.0) * tau.ln()
}

/// A function of the number of unmasked categories of each row, `[.., K]` to `[.., 1]`, on the host (Burn has no
/// log-gamma).
pub(crate) fn per_count<const D: usize>(logits: &Tensor<D>, value: impl Fn(f64) -> f64) -> Tensor<D> {
    let counts = logits.clone().not_equal_elem(f32::NEG_INFINITY).int().sum_dim(D - 1);
    let shape = counts.shape();
    let values: Vec<f64> = counts.into_data().iter::<f64>().map(value).collect();
    Tensor::from_data(TensorData::new(values, shape), (&logits.device(), logits.dtype()))
}

/// Log-density of a Binary Concrete sample in logit space, `y = (ℓ + L) / τ` with `L` logistic.
///
/// ```text
/// ln g(y) = ln τ + ℓ − τ y − 2 softplus(ℓ − τ y)
/// ```
///
/// Maddison, Mnih and Teh 2017, appendix B. `log_odds` ℓ = ln(p / (1 − p)).
///
/// # Shapes
/// Elementwise.
///
/// # Errors
/// A temperature that is not positive and finite.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let device = Device::flex();
/// let (y, log_odds) = (Tensor::<1>::from_floats([0.7], &device), Tensor::from_floats([3f32.ln()], &device));
/// let log_density = gumbel::concrete::binary_log_density(y, log_odds, 0.5)?.into_scalar::<f32>();
/// assert!((log_density + 2.216392).abs() < 1e-5);
/// # Ok::<(), gumbel::Error>(())
/// ```
pub fn binary_log_density<const D: usize>(
    y: Tensor<D>,
    log_odds: Tensor<D>,
    tau: f64,
) -> Result<Tensor<D>, Error> {
    check_temperature(tau)?;
    let tilted = log_odds - y * tau;
    Ok(tilted.clone() - activation::softplus(tilted, 1.0) * 2.0 + tau.ln())
}
