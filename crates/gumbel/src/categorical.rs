//! The categorical distribution over the last axis, from unnormalised logits. `-inf` masks a category.

use crate::tensor::{at_least_single, broadcast, restored};
use crate::{Error, ops};
use burn::tensor::{Tensor, activation};

/// Log-probability in nats of one-hot rows; `-inf` where `z` picks a masked category.
///
/// ```text
/// ln q(z) = Σₖ zₖ log_softmax(θ)ₖ
/// ```
///
/// Differentiable in both. A relaxed `z` gives the same sum, which is then no log-probability.
///
/// # Shapes
/// `logits` and `z` `[.., K]`, broadcast against each other, to `[.., 1]`.
///
/// # Errors
/// A logit that is NaN or `+inf`, a row masked throughout.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let device = Device::flex();
/// let logits = Tensor::<1>::from_floats([0.0, 3f32.ln()], &device);
/// let z = Tensor::from_floats([0.0, 1.0], &device);
/// let log_prob = gumbel::categorical::log_prob(logits, z)?.into_scalar::<f32>();
/// assert!((log_prob - 0.75f32.ln()).abs() < 1e-6);
/// # Ok::<(), gumbel::Error>(())
/// ```
pub fn log_prob<const D: usize>(logits: Tensor<D>, z: Tensor<D>) -> Result<Tensor<D>, Error> {
    ops::check_logits(&logits)?;
    Ok(log_mass(logits, z))
}

/// [`log_prob`] of logits that were checked.
pub(crate) fn log_mass<const D: usize>(logits: Tensor<D>, z: Tensor<D>) -> Tensor<D> {
    let dtype = logits.dtype();
    let log_p = activation::log_softmax(at_least_single(logits), D - 1);
    let z = at_least_single(z);
    // 0 · ln 0 is 0, in the gradient too.
    let picked = z.clone().not_equal_elem(0.0);
    let shape = broadcast(&z, &log_p);
    let log_p = log_p.expand(shape.clone()).mask_fill(picked.expand(shape.clone()).bool_not(), 0.0);
    restored((z.expand(shape) * log_p).sum_dim(D - 1), dtype)
}

/// Entropy in nats.
///
/// ```text
/// H(q) = −Σₖ pₖ ln pₖ,   p = softmax(θ)
/// ```
///
/// # Shapes
/// `logits` `[.., K]` to `[.., 1]`.
///
/// # Errors
/// A logit that is NaN or `+inf`, a row masked throughout.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let entropy = gumbel::categorical::entropy(Tensor::<1>::zeros([8], &Device::flex()))?;
/// assert!((entropy.into_scalar::<f32>() - 8f32.ln()).abs() < 1e-6);
/// # Ok::<(), gumbel::Error>(())
/// ```
pub fn entropy<const D: usize>(logits: Tensor<D>) -> Result<Tensor<D>, Error> {
    ops::check_logits(&logits)?;
    let dtype = logits.dtype();
    let log_p = activation::log_softmax(at_least_single(logits), D - 1);
    // By the log-probability and not by the logit: a finite logit far below the others has probability zero too.
    let impossible = log_p.clone().equal_elem(f32::NEG_INFINITY);
    Ok(restored((log_p.clone().exp() * log_p.mask_fill(impossible, 0.0)).sum_dim(D - 1).neg(), dtype))
}
