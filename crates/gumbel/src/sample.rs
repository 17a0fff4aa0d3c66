//! Exact samples from unnormalised logits: hard, and without a gradient.

use crate::fused::{self, Kernel, Number, Output};
use crate::{Error, Noise, composed};
use burn::tensor::{Int, Tensor, TensorData};
use gumbel_kernels::{self as kernels, Stream};

/// The Gumbel-max trick: one categorical sample over the last axis.
///
/// ```text
/// index = argmaxₖ θₖ + gₖ  ~  softmax(θ),   g ~ Gumbel
/// ```
///
/// Yellott 1977; Maddison, Tarlow and Minka 2014. Logits need no normalising; `-inf` masks a category,
/// which is then never sampled.
///
/// # Shapes
/// `logits` `[.., K]` to `[.., 1]`; uses one number of the noise for each logit.
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
pub fn gumbel_max<const D: usize>(logits: Tensor<D>, noise: &mut Noise) -> Result<Tensor<D, Int>, Error> {
    let logits = composed::at_least_single(logits.inner());
    let stream = noise.take(logits.shape().num_elements());
    let Some(rows) = fused::rows(&logits) else { return composed::gumbel_max(logits, stream) };
    let mut shape = logits.dims();
    shape[D - 1] = 1;
    let [index] = rows.run(&Index { stream })?;
    Ok(Tensor::<1, Int>::from_data(index, &logits.device()).reshape(shape))
}

/// [`gumbel_max`] as one-hot rows, on the device of the logits, without a gradient.
///
/// # Shapes
/// `logits` `[.., K]` to `[.., K]`.
///
/// # Errors
/// Those of [`gumbel_max`].
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let logits = Tensor::<2>::from_floats([[0.0, f32::NEG_INFINITY]], &Device::flex());
/// let z = gumbel::one_hot(logits, &mut gumbel::Noise::from_seed(1))?;
/// assert_eq!(z.into_data().try_to_vec::<f32>().unwrap(), [1.0, 0.0]);
/// # Ok::<(), gumbel::Error>(())
/// ```
pub fn one_hot<const D: usize>(logits: Tensor<D>, noise: &mut Noise) -> Result<Tensor<D>, Error> {
    let zeros = logits.zeros_like().detach();
    let index = gumbel_max(logits, noise)?;
    Ok(composed::scatter_one(zeros, index))
}

/// Refuses logits that nothing can be sampled from: NaN or `+inf` among them, a row with every category masked.
pub(crate) fn check<const D: usize>(logits: &Tensor<D>) -> Result<(), Error> {
    let logits = composed::at_least_single(logits.clone().inner());
    match fused::rows(&logits) {
        Some(rows) => rows.run(&Check).map(|[]| ()),
        None => composed::check(&logits),
    }
}

struct Check;

impl Kernel<0> for Check {
    fn run<T: Number>(&self, logits: &[T], k: usize) -> Result<Output<0>, Error> {
        kernels::log_sum_exp(logits, k, &mut vec![T::zero(); logits.len() / k.max(1)])?;
        Ok([])
    }
}

struct Index {
    stream: Stream,
}

impl Kernel<1> for Index {
    fn run<T: Number>(&self, logits: &[T], k: usize) -> Result<Output<1>, Error> {
        let mut index = vec![0; logits.len() / k.max(1)];
        kernels::gumbel_max(logits, k, self.stream, &mut index)?;
        let length = index.len();
        Ok([TensorData::new(index.into_iter().map(i64::from).collect::<Vec<_>>(), [length])])
    }
}
