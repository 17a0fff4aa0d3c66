//! The categorical distribution over the last axis, from unnormalised logits. `-inf` masks a category.

use burn::tensor::{Tensor, activation};

/// `log q(z)` of one-hot rows: `Σₖ zₖ log softmax(θ)ₖ`; `-inf` where `z` picks a masked category.
///
/// # Shapes
/// `logits` and `z` `[.., K]`, broadcast against each other, to `[.., 1]`.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let device = Device::flex();
/// let logits = Tensor::<1>::from_floats([0.0, 3f32.ln()], &device);
/// let z = Tensor::from_floats([0.0, 1.0], &device);
/// let log_mass = gumbel::categorical::log_prob(logits, z).into_scalar::<f32>();
/// assert!((log_mass - 0.75f32.ln()).abs() < 1e-6);
/// ```
pub fn log_prob<const D: usize>(logits: Tensor<D>, z: Tensor<D>) -> Tensor<D> {
    let log_mass = activation::log_softmax(logits, D - 1);
    // 0 · ln 0 is 0, in the gradient too.
    let picked = z.clone().not_equal_elem(0.0);
    let shape: [usize; D] = std::array::from_fn(|axis| z.dims()[axis].max(log_mass.dims()[axis]));
    let log_mass = log_mass.expand(shape).mask_fill(picked.expand(shape).bool_not(), 0.0);
    (z.expand(shape) * log_mass).sum_dim(D - 1)
}

/// Entropy in nats: `-Σₖ pₖ ln pₖ`.
///
/// # Shapes
/// `logits` `[.., K]` to `[.., 1]`.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let entropy = gumbel::categorical::entropy(Tensor::<1>::zeros([8], &Device::flex()));
/// assert!((entropy.into_scalar::<f32>() - 8f32.ln()).abs() < 1e-6);
/// ```
pub fn entropy<const D: usize>(logits: Tensor<D>) -> Tensor<D> {
    let masked = logits.clone().equal_elem(f32::NEG_INFINITY);
    let log_mass = activation::log_softmax(logits, D - 1);
    (log_mass.clone().exp() * log_mass.mask_fill(masked, 0.0)).sum_dim(D - 1).neg()
}
