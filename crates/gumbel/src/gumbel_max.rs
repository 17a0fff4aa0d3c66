//! Exact samples from unnormalised logits: hard, and without a gradient.

use crate::ops;
use crate::{Error, Noise};
use burn::tensor::{Int, Tensor};

/// Draws the index of a category over the last axis by the Gumbel-max trick.
///
/// ```text
/// index = argmaxₖ θₖ + gₖ  ~  softmax(θ),   g ~ Gumbel
/// ```
///
/// Yellott 1977; Maddison, Tarlow and Minka 2014. Logits need no normalising; `-inf` masks a category,
/// which is then never sampled.
///
/// # Shapes
/// `logits` `[.., K]` to `[.., 1]`; uses one number of the noise per logit.
///
/// # Errors
/// NaN or `+inf` among the logits; a row with every category masked.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::{Noise, gumbel_max};
/// let logits = Tensor::<2>::from_floats([[0.0, f32::NEG_INFINITY, 2f32.ln()]], &Device::flex());
/// let index = gumbel_max(logits.repeat_dim(0, 9000), &mut Noise::from_seed(1))?;
/// let counts = [0, 1, 2].map(|k| index.clone().equal_elem(k).int().sum().into_scalar::<i64>());
/// assert_eq!(counts[1], 0); // masked
/// assert!((counts[2] - 6000).abs() < 4 * 45); // 2/3 of 9000, standard error 45
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "categorical sample")]
#[doc(alias = "multinomial")]
pub fn gumbel_max<const D: usize>(logits: Tensor<D>, noise: &mut Noise) -> Result<Tensor<D, Int>, Error> {
    let stream = noise.take(logits.shape().num_elements());
    ops::gumbel_max(logits, stream)
}

/// Draws one-hot samples over the last axis, on the device of the logits, without a gradient: the [`gumbel_max`] of the
/// same noise.
///
/// # Shapes
/// `logits` `[.., K]` to `[.., K]`; uses one number of the noise per logit.
///
/// # Errors
/// Those of [`gumbel_max`].
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let logits = Tensor::<2>::from_floats([[0.0, f32::NEG_INFINITY]], &Device::flex());
/// let z = gumbel::sample_one_hot(logits, &mut gumbel::Noise::from_seed(1))?;
/// assert_eq!(z.into_data().try_to_vec::<f32>().unwrap(), [1.0, 0.0]);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "one_hot")]
pub fn sample_one_hot<const D: usize>(logits: Tensor<D>, noise: &mut Noise) -> Result<Tensor<D>, Error> {
    let stream = noise.take(logits.shape().num_elements());
    ops::sample_one_hot(logits, stream)
}
