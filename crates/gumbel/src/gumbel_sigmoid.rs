//! Relaxed bits: differentiable in the log-odds. The name says what comes back, as for [`gumbel_softmax`](crate::gumbel_softmax).

use crate::ops::NoiseKind;
use crate::tensor::{attach, finite_log_odds, restored, tracked_as, within_range};
use crate::{Error, Noise, Temperature, ops};
use burn::tensor::Tensor;

/// Draws a Gumbel-Sigmoid (Binary Concrete, relaxed Bernoulli) sample of each element: **soft**, differentiable.
///
/// ```text
/// y = σ((ℓ + L) / τ),   L logistic, the difference of two Gumbels
/// ```
///
/// Maddison, Mnih and Teh 2017, appendix B. It is the first category of a [`gumbel_softmax`](crate::gumbel_softmax) of the
/// two logits (ℓ, 0). `P(y > 1/2) = σ(ℓ)` at every `tau`. For the density see
/// [`binary_concrete`](crate::binary_concrete), for a gate that can close exactly
/// [`HardConcrete`](crate::distribution::HardConcrete). Runs as Burn operations on every backend.
///
/// # Shapes
/// Elementwise; `tau` a number, or a [tensor](Temperature) of any shape that is broadcast against the log-odds. Uses one number
/// of the noise per element.
///
/// # Errors
/// A temperature that is not positive and finite; log-odds that are not finite.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::{Noise, gumbel_sigmoid};
/// let log_odds = Tensor::<1>::full([10_000], 3f32.ln(), &Device::flex());
/// let y = gumbel_sigmoid(log_odds, 0.5, &mut Noise::from_seed(7))?;
/// let on = y.greater_elem(0.5).int().sum().into_scalar::<i64>() as f64;
/// assert!((on - 7500.0).abs() < 4.0 * 43.3); // 3/4 of 10 000, standard error 43.3
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "binary concrete")]
#[doc(alias = "relaxed bernoulli")]
#[doc(alias = "gumbel-sigmoid")]
pub fn gumbel_sigmoid<const D: usize>(
    log_odds: Tensor<D>,
    tau: impl Into<Temperature<D>>,
    noise: &mut Noise,
) -> Result<Tensor<D>, Error> {
    let dtype = log_odds.dtype();
    Ok(restored(Perturbed::new(log_odds, tau.into(), noise)?.soft(), dtype))
}

/// Draws a straight-through Gumbel-Sigmoid sample of each element: **hard**, bitwise 0 or 1 forward; backward the gradient of
/// [`gumbel_sigmoid`] for the same noise.
///
/// ```text
/// b = 1 if ℓ + L > 0, else 0,   ∂b/∂ℓ := ∂y/∂ℓ,   y = σ((ℓ + L) / τ)
/// ```
///
/// An exact sample of Bernoulli's distribution with probability σ(ℓ). Jang, Gu and Poole 2017, section 2.2, for two
/// categories. Biased, also as `tau` tends to 0. Runs as Burn operations on every backend.
///
/// # Shapes
/// Elementwise; `tau` a number, or a [tensor](Temperature) of any shape that is broadcast against the log-odds. Uses one number
/// of the noise per element.
///
/// # Errors
/// Those of [`gumbel_sigmoid`].
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::{Noise, straight_through_gumbel_sigmoid};
/// let log_odds = Tensor::<1>::from_floats([90.0, -90.0], &Device::flex());
/// let b = straight_through_gumbel_sigmoid(log_odds, 1.0, &mut Noise::from_seed(7))?;
/// assert_eq!(b.into_data().try_to_vec::<f32>().unwrap(), [1.0, 0.0]);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "STE")]
#[doc(alias = "hard")]
pub fn straight_through_gumbel_sigmoid<const D: usize>(
    log_odds: Tensor<D>,
    tau: impl Into<Temperature<D>>,
    noise: &mut Noise,
) -> Result<Tensor<D>, Error> {
    let dtype = log_odds.dtype();
    let perturbed = Perturbed::new(log_odds, tau.into(), noise)?;
    let keys = perturbed.keys.clone().detach();
    let hard = keys.clone().greater_elem(0.0).float().cast(keys.dtype());
    Ok(restored(attach(hard, perturbed.soft()), dtype))
}

/// Log-odds and their noise.
struct Perturbed<const D: usize> {
    keys: Tensor<D>,
    tau: Temperature<D>,
}

impl<const D: usize> Perturbed<D> {
    fn new(log_odds: Tensor<D>, tau: Temperature<D>, noise: &mut Noise) -> Result<Self, Error> {
        let tau = tau.checked()?;
        let log_odds = finite_log_odds(log_odds)?;
        let tau = match tau {
            Temperature::Number(tau) => Temperature::Number(within_range(tau, log_odds.dtype())),
            tau => tau,
        };
        let (device, dtype) = (log_odds.device().inner(), log_odds.dtype());
        let logistic = noise.draw_as(NoiseKind::Logistic, log_odds.shape(), &device, dtype);
        let logistic = tracked_as(logistic, &log_odds);
        Ok(Self { keys: log_odds + logistic, tau })
    }

    fn soft(self) -> Tensor<D> {
        ops::sigmoid(self.tau.temper(self.keys))
    }
}
