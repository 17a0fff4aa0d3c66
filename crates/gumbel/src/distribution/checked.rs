//! Checks of parameters, and noise in their type.

use crate::ops::NoiseKind;
use crate::tensor::{at_least_single, first_where, tracked_as};
use crate::{Error, Noise};
use burn::tensor::{DType, Tensor};

/// Returns a parameter in single precision or better, or an error if an element is not finite.
pub(super) fn finite<const D: usize>(
    distribution: &'static str,
    name: &'static str,
    parameter: Tensor<D>,
) -> Result<Tensor<D>, Error> {
    let parameter = at_least_single(parameter);
    check_elements(distribution, name, "finite", &parameter, f64::is_finite)?;
    Ok(parameter)
}

/// Returns an error for the first element that is out of its range.
pub(super) fn check_elements<const D: usize>(
    owner: &'static str,
    parameter: &'static str,
    expected: &'static str,
    tensor: &Tensor<D>,
    fits: impl Fn(f64) -> bool,
) -> Result<(), Error> {
    match first_where(tensor, |value| !fits(value)) {
        None => Ok(()),
        Some((index, value)) => Err(Error::Element { owner, parameter, expected, index, value }),
    }
}

/// The largest accepted difference of a sum of probabilities from one: the square root of the epsilon of their type.
pub(super) fn tolerance(dtype: DType) -> f64 {
    let epsilon = match dtype {
        DType::F64 => f64::EPSILON,
        DType::F16 => 2f64.powi(-10),
        DType::BF16 => 2f64.powi(-7),
        _ => f64::from(f32::EPSILON),
    };
    epsilon.sqrt()
}

/// Draws noise with the shape, device and type of a parameter, without a gradient.
pub(super) fn noise_like<const D: usize>(
    parameter: &Tensor<D>,
    kind: NoiseKind,
    noise: &mut Noise,
) -> Tensor<D> {
    let (device, dtype) = (parameter.device().inner(), parameter.dtype());
    tracked_as(noise.draw_as(kind, parameter.shape(), &device, dtype), parameter)
}
