//! The Concrete (Gumbel-Softmax) distribution in log space and in logit space.

use burn::tensor::{Tensor, activation};

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
/// ```
/// use burn::tensor::{Device, Tensor};
/// let device = Device::flex();
/// let x = Tensor::<1>::from_floats([0.2, 0.3, 0.5], &device);
/// let logits = Tensor::from_floats([2f32.ln(), 0.0, 0.5f32.ln()], &device);
/// let log_density = gumbel::concrete::exp_log_density(x.clone().log(), logits, 0.7) - x.log().sum();
/// assert!((log_density.into_scalar::<f32>() + 0.750842).abs() < 1e-5); // by 50-digit evaluation
/// ```
pub fn exp_log_density<const D: usize>(y: Tensor<D>, logits: Tensor<D>, tau: f64) -> Tensor<D> {
    let masked = logits.clone().equal_elem(f32::NEG_INFINITY);
    let tilted = (logits - y * tau).mask_fill(masked.clone(), f32::NEG_INFINITY);
    let normalised = activation::log_softmax(tilted, D - 1).mask_fill(masked.clone(), 0.0);
    normalised.sum_dim(D - 1) + log_volume(masked.bool_not().float().sum_dim(D - 1), tau)
}

/// `ln Γ(n) + (n−1) ln τ` of a tensor of counts, computed on the host: Burn has no log-gamma.
fn log_volume<const D: usize>(counts: Tensor<D>, tau: f64) -> Tensor<D> {
    let (shape, device) = (counts.shape(), counts.device());
    let counts = counts.into_data().convert::<f64>().try_to_vec::<f64>().expect("converted to f64");
    let volumes: Vec<f32> = counts.iter().map(|&n| (libm::lgamma(n) + (n - 1.0) * tau.ln()) as f32).collect();
    Tensor::from_data(burn::tensor::TensorData::new(volumes, shape), &device)
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
/// ```
/// use burn::tensor::{Device, Tensor};
/// let device = Device::flex();
/// let (y, log_odds) = (Tensor::<1>::from_floats([0.7], &device), Tensor::from_floats([3f32.ln()], &device));
/// let log_density = gumbel::concrete::binary_log_density(y, log_odds, 0.5).into_scalar::<f32>();
/// assert!((log_density + 2.216392).abs() < 1e-5);
/// ```
pub fn binary_log_density<const D: usize>(y: Tensor<D>, log_odds: Tensor<D>, tau: f64) -> Tensor<D> {
    let tilted = log_odds - y * tau;
    tilted.clone() - activation::softplus(tilted, 1.0) * 2.0 + tau.ln()
}
