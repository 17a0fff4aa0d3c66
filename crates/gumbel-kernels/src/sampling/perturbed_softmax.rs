//! The softmax of logits that are perturbed by the caller's noise.

use crate::Real;
use crate::error::Error;
use crate::parallel::rows::same_length;
use crate::parallel::source::Given;
use crate::random::perturb::Noise;
use crate::softmax::tempered::TemperedSoftmax;

/// Softmax of perturbed logits: [`gumbel_softmax`](crate::gumbel_softmax) with the caller's noise.
///
/// ```text
/// out[r, i] = exp((lᵢ + noiseᵢ) / tau) / Σⱼ exp((lⱼ + noiseⱼ) / tau),   l = logits[r]
/// ```
///
/// A pure function, for noise of another distribution, and for antithetic or conditional noise. With Gumbel noise it
/// is a Concrete sample (Jang, Gu and Poole 2017, eq. 2; Maddison, Mnih and Teh 2017, section 3). Its vector-Jacobian
/// product is [`gumbel_softmax_vjp`](crate::gumbel_softmax_vjp).
///
/// # Shapes
/// `logits`, `noise`, `out` `[rows, k]`.
///
/// # Errors
/// [`Error::Noise`], [`Error::Temperature`], [`Error::Logit`], [`Error::AllMasked`], [`Error::Categories`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// let mut y = [0.0; 2];
/// gumbel_kernels::perturbed_softmax(&[0.0, 0.0], &[0.0, 3f64.ln()], 2, 1.0, &mut y)?;
/// assert!((y[1] - 0.75).abs() < 1e-15);
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
#[doc(alias = "relaxed")]
#[doc(alias = "concrete")]
pub fn perturbed_softmax<T: Real>(
    logits: &[T],
    noise: &[T],
    k: usize,
    tau: T,
    out: &mut [T],
) -> Result<(), Error> {
    same_length("noise", noise.len(), logits.len());
    TemperedSoftmax::new(Given(logits), k, tau, Some(Noise::Given(noise)))?.run(out, &mut [])
}

/// Logarithm of [`perturbed_softmax`]: [`log_gumbel_softmax`](crate::log_gumbel_softmax) with the caller's noise.
///
/// ```text
/// out[r, i] = (lᵢ + noiseᵢ) / tau − ln Σⱼ exp((lⱼ + noiseⱼ) / tau),   l = logits[r]
/// ```
///
/// Maddison, Mnih and Teh (2017), appendix C. Its vector-Jacobian product is
/// [`log_gumbel_softmax_vjp`](crate::log_gumbel_softmax_vjp).
///
/// # Shapes
/// `logits`, `noise`, `out` `[rows, k]`.
///
/// # Errors
/// [`Error::Noise`], [`Error::Temperature`], [`Error::Logit`], [`Error::AllMasked`], [`Error::Categories`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// let mut log_y = [0.0; 2];
/// gumbel_kernels::log_perturbed_softmax(&[0.0, 0.0], &[0.0, 1000.0], 2, 0.5, &mut log_y)?;
/// assert_eq!(log_y, [-2000.0, 0.0]);
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
#[doc(alias = "log_relaxed")]
#[doc(alias = "exp_concrete")]
pub fn log_perturbed_softmax<T: Real>(
    logits: &[T],
    noise: &[T],
    k: usize,
    tau: T,
    out: &mut [T],
) -> Result<(), Error> {
    same_length("noise", noise.len(), logits.len());
    TemperedSoftmax::new(Given(logits), k, tau, Some(Noise::Given(noise)))?.log().run(out, &mut [])
}
