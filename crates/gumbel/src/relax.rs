//! Relaxed samples: differentiable in the logits. The name says which kind comes back: [`gumbel_softmax`]
//! is always soft (inside the simplex), [`straight_through`] always one-hot; there is no flag.

use crate::fused::{self, Kernel, Number, Output, Rows, Vjp};
use crate::{Error, Noise, composed};
use burn::tensor::{DType, Tensor, TensorData};
use gumbel_kernels::{self as kernels, Stream};

/// The Gumbel-Softmax (Concrete) sample over the last axis: **soft**, differentiable.
///
/// ```text
/// y = softmax((θ + g) / τ),   g ~ Gumbel
/// ```
///
/// Jang, Gu and Poole 2017, eq. 2; Maddison, Mnih and Teh 2017, eq. 10. `tau` is any positive finite
/// number; `-inf` masks a category: its `y` and its gradient are exactly 0. The largest entry is that of
/// [`gumbel_max`](crate::gumbel_max) for the same noise, whatever `tau`.
///
/// # Shapes
/// `logits` `[.., K]` to `[.., K]`; uses one number of the noise for each logit.
///
/// # Errors
/// A temperature that is not positive and finite; NaN or `+inf` among the logits; a row with every category
/// masked.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::{Noise, gumbel_softmax};
/// let logits = Tensor::<2>::from_floats([[1.0, 2.0, 3.0]], &Device::flex().autodiff()).require_grad();
/// let y = gumbel_softmax(logits.clone(), 0.5, &mut Noise::from_seed(7))?;
/// let total = y.clone().sum().into_scalar::<f32>();
/// assert!((total - 1.0).abs() < 1e-6);
/// let gradients = (y * Tensor::from_floats([[1.0, 0.0, 0.0]], &Device::flex())).sum().backward();
/// let gradient = logits.grad(&gradients).unwrap();
/// assert!(gradient.sum().into_scalar::<f32>().abs() < 1e-6); // shifting all logits changes nothing
/// # Ok::<(), gumbel::Error>(())
/// ```
pub fn gumbel_softmax<const D: usize>(
    logits: Tensor<D>,
    tau: f64,
    noise: &mut Noise,
) -> Result<Tensor<D>, Error> {
    relaxed(logits, tau, noise, Form::Soft)
}

/// The logarithm of [`gumbel_softmax`] (an ExpConcrete sample), exact where `y` rounds to 0 or 1.
///
/// Maddison, Mnih and Teh 2017, appendix C.3: the variate to take densities of. `-inf` at masked
/// categories and only there.
///
/// # Shapes
/// `logits` `[.., K]` to `[.., K]`; uses one number of the noise for each logit.
///
/// # Errors
/// Those of [`gumbel_softmax`].
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::{Noise, gumbel_softmax, log_gumbel_softmax};
/// let logits = Tensor::<1>::from_floats([0.0, 50.0], &Device::flex());
/// let y = gumbel_softmax(logits.clone(), 0.1, &mut Noise::from_seed(7))?;
/// let log_y = log_gumbel_softmax(logits, 0.1, &mut Noise::from_seed(7))?;
/// assert_eq!(y.slice([0..1]).into_scalar::<f32>(), 0.0); // underflows,
/// assert!(log_y.slice([0..1]).into_scalar::<f32>() > -600.0); // and is known all the same
/// # Ok::<(), gumbel::Error>(())
/// ```
pub fn log_gumbel_softmax<const D: usize>(
    logits: Tensor<D>,
    tau: f64,
    noise: &mut Noise,
) -> Result<Tensor<D>, Error> {
    relaxed(logits, tau, noise, Form::Log)
}

/// The straight-through sample: **hard**, bitwise one-hot forward; backward the gradient of
/// [`gumbel_softmax`] for the same noise.
///
/// ```text
/// b = one-hot(argmax(θ + g)),   ∂b/∂θ := ∂y/∂θ,   y = softmax((θ + g) / τ)
/// ```
///
/// Jang, Gu and Poole 2017, section 2.2. Biased, also in the limit of small `tau`.
///
/// # Shapes
/// `logits` `[.., K]` to `[.., K]`; uses one number of the noise for each logit.
///
/// # Errors
/// Those of [`gumbel_softmax`].
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::{Noise, straight_through};
/// let logits = Tensor::<1>::from_floats([0.0, 1.0, 90.0], &Device::flex());
/// let b = straight_through(logits, 1.0, &mut Noise::from_seed(7))?;
/// assert_eq!(b.into_data().try_to_vec::<f32>().unwrap(), [0.0, 0.0, 1.0]);
/// # Ok::<(), gumbel::Error>(())
/// ```
pub fn straight_through<const D: usize>(
    logits: Tensor<D>,
    tau: f64,
    noise: &mut Noise,
) -> Result<Tensor<D>, Error> {
    relaxed(logits, tau, noise, Form::StraightThrough)
}

/// What is made of the perturbed logits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Form {
    Soft,
    Log,
    StraightThrough,
}

pub(crate) fn relaxed<const D: usize>(
    logits: Tensor<D>,
    tau: f64,
    noise: &mut Noise,
    form: Form,
) -> Result<Tensor<D>, Error> {
    kernels::check_temperature(tau)?;
    let dtype = logits.dtype();
    let logits = composed::at_least_single(logits);
    let tau = within_range(tau, logits.dtype());
    let stream = noise.take(logits.shape().num_elements());
    let sample = match fused::rows(&logits) {
        Some(rows) => fused(logits, rows, tau, stream, form),
        None => composed::relaxed(logits, tau, stream, form),
    }?;
    Ok(if sample.dtype() == dtype { sample } else { sample.cast(dtype) })
}

/// A temperature beyond the range of the logits' type is as good as its nearest number.
pub(crate) fn within_range(tau: f64, dtype: DType) -> f64 {
    match dtype {
        DType::F64 => tau,
        _ => tau.clamp(f32::MIN_POSITIVE.into(), f32::MAX.into()),
    }
}

fn fused<const D: usize>(
    logits: Tensor<D>,
    rows: Rows,
    tau: f64,
    stream: Stream,
    form: Form,
) -> Result<Tensor<D>, Error> {
    let tensor = |data| {
        Tensor::<1>::from_data(data, (&logits.device().inner(), logits.dtype())).reshape(logits.dims())
    };
    let (value, sample) = if form == Form::StraightThrough {
        let [hard, soft] = rows.run(&Hard { tau, stream })?;
        (tensor(hard), tensor(soft))
    } else {
        let [sample] = rows.run(&Soft { tau, stream, log: form == Form::Log })?;
        let sample = tensor(sample);
        (sample.clone(), sample)
    };
    let vjp = if form == Form::Log { Vjp::LogSoftmax { tau } } else { Vjp::Softmax { tau } };
    Ok(fused::tie(logits, value, sample, vjp))
}

struct Soft {
    tau: f64,
    stream: Stream,
    log: bool,
}

impl Kernel<1> for Soft {
    fn run<T: Number>(&self, logits: &[T], k: usize) -> Result<Output<1>, Error> {
        let mut out = vec![T::zero(); logits.len()];
        let kernel = if self.log { kernels::log_gumbel_softmax } else { kernels::gumbel_softmax };
        kernel(logits, k, T::from_f64(self.tau), self.stream, &mut out)?;
        Ok([TensorData::new(out, [logits.len()])])
    }
}

struct Hard {
    tau: f64,
    stream: Stream,
}

impl Kernel<2> for Hard {
    fn run<T: Number>(&self, logits: &[T], k: usize) -> Result<Output<2>, Error> {
        let mut soft = vec![T::zero(); logits.len()];
        let mut index = vec![0; logits.len() / k.max(1)];
        let tau = T::from_f64(self.tau);
        kernels::gumbel_softmax_with_index(logits, k, tau, self.stream, &mut soft, &mut index)?;
        let mut hard = vec![T::zero(); logits.len()];
        for (row, &index) in hard.chunks_exact_mut(k).zip(&index) {
            row[index as usize] = T::one();
        }
        Ok([hard, soft].map(|values| TensorData::new(values, [logits.len()])))
    }
}
