//! Relaxed samples: differentiable in the logits. The name says what comes back: [`gumbel_softmax`] is always soft
//! (inside the simplex), [`straight_through_gumbel_softmax`] always one-hot; there is no flag.

use crate::ops::{self, Form};
use crate::temperature::tempered_sample;
use crate::tensor::within_range;
use crate::{Error, Noise, Temperature};
use burn::tensor::Tensor;

/// Draws a Gumbel-Softmax (Concrete) sample over the last axis: **soft**, differentiable.
///
/// ```text
/// y = softmax((θ + g) / τ),   g ~ Gumbel
/// ```
///
/// Jang, Gu and Poole 2017, eq. 2; Maddison, Mnih and Teh 2017, eq. 10. `tau` is any positive finite
/// number, or a [tensor](Temperature) of them; `-inf` masks a category: its `y` and its gradient are exactly 0. The largest entry is that of
/// [`gumbel_max`](crate::gumbel_max) for the same noise, at every `tau`.
///
/// Runs as a fused kernel on Burn's Flex backend and on GPUs, and as Burn operations elsewhere. On a GPU an unfit row
/// becomes NaN, and [`check_device`](crate::check_device) returns the error.
///
/// # Shapes
/// `logits` `[.., K]` to `[.., K]`; uses one number of the noise per logit.
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
/// assert!(gradient.sum().into_scalar::<f32>().abs() < 1e-6); // adding a constant to all logits changes nothing
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "concrete")]
#[doc(alias = "relaxed categorical")]
#[doc(alias = "rsample")]
pub fn gumbel_softmax<const D: usize>(
    logits: Tensor<D>,
    tau: impl Into<Temperature<D>>,
    noise: &mut Noise,
) -> Result<Tensor<D>, Error> {
    sample(logits, tau.into(), noise, Form::Soft)
}

/// Draws the logarithm of a [`gumbel_softmax`] sample (an ExpConcrete sample), accurate where `y` rounds to 0 or 1.
///
/// ```text
/// ln y = log_softmax((θ + g) / τ),   g ~ Gumbel
/// ```
///
/// Maddison, Mnih and Teh 2017, appendix C.3: the variate to take densities of. `-inf` at masked
/// categories and only there.
///
/// # Shapes
/// `logits` `[.., K]` to `[.., K]`; uses one number of the noise per logit.
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
/// assert!(log_y.slice([0..1]).into_scalar::<f32>() > -600.0); // while its logarithm is finite
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "ExpConcrete")]
pub fn log_gumbel_softmax<const D: usize>(
    logits: Tensor<D>,
    tau: impl Into<Temperature<D>>,
    noise: &mut Noise,
) -> Result<Tensor<D>, Error> {
    sample(logits, tau.into(), noise, Form::Log)
}

/// Draws a straight-through Gumbel-Softmax sample: **hard**, bitwise one-hot forward; backward the gradient of
/// [`gumbel_softmax`] for the same noise.
///
/// ```text
/// b = one-hot(argmax(θ + g)),   ∂b/∂θ := ∂y/∂θ,   y = softmax((θ + g) / τ)
/// ```
///
/// Jang, Gu and Poole 2017, section 2.2. Biased, also as `tau` tends to 0. For other gradients of a hard sample see
/// [`straight_through`](crate::straight_through).
///
/// # Shapes
/// `logits` `[.., K]` to `[.., K]`; uses one number of the noise per logit.
///
/// # Errors
/// Those of [`gumbel_softmax`].
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::{Noise, straight_through_gumbel_softmax};
/// let logits = Tensor::<1>::from_floats([0.0, 1.0, 90.0], &Device::flex());
/// let b = straight_through_gumbel_softmax(logits, 1.0, &mut Noise::from_seed(7))?;
/// assert_eq!(b.into_data().try_to_vec::<f32>().unwrap(), [0.0, 0.0, 1.0]);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "STE")]
#[doc(alias = "hard")]
pub fn straight_through_gumbel_softmax<const D: usize>(
    logits: Tensor<D>,
    tau: impl Into<Temperature<D>>,
    noise: &mut Noise,
) -> Result<Tensor<D>, Error> {
    sample(logits, tau.into(), noise, Form::StraightThrough)
}

fn sample<const D: usize>(
    logits: Tensor<D>,
    tau: Temperature<D>,
    noise: &mut Noise,
    form: Form,
) -> Result<Tensor<D>, Error> {
    let tau = tau.checked()?;
    let stream = noise.take(logits.shape().num_elements());
    match tau {
        Temperature::Number(tau) => {
            let tau = within_range(tau, logits.dtype());
            ops::gumbel_softmax(logits, tau, stream, form)
        }
        tau => tempered_sample(logits, &tau, stream, form),
    }
}
