//! The tempered softmax of perturbed logits: what [`gumbel_softmax`](crate::gumbel_softmax) does once it has
//! its noise. The gap to the row's largest perturbed logit is divided by `tau`, so nothing overflows on the
//! way.

use crate::Real;
use crate::error::{Error, check_temperature, logit_fault};
use crate::reduce::{max, sum_of};
use crate::rows::{count_rows, same_length};
use crate::softmax::{normalise, unless_masked};

/// [`gumbel_softmax`](crate::gumbel_softmax) of noise that the caller brings: a pure function, for noise of
/// another law, antithetic or conditional noise.
///
/// ```text
/// out[r, i] = exp((lᵢ + noiseᵢ) / tau) / Σⱼ exp((lⱼ + noiseⱼ) / tau),   l = logits[r]
/// ```
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
/// gumbel_kernels::relaxed(&[0.0, 0.0], &[0.0, 3f64.ln()], 2, 1.0, &mut y)?;
/// assert!((y[1] - 0.75).abs() < 1e-15);
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
pub fn relaxed<T: Real>(logits: &[T], noise: &[T], k: usize, tau: T, out: &mut [T]) -> Result<(), Error> {
    check_temperature(tau)?;
    count_rows(logits.len(), k)?;
    same_length("noise", noise.len(), logits.len());
    same_length("out", out.len(), logits.len());
    out.copy_from_slice(noise);
    for_rows(0, logits, k, out, |_, logits, out| relax(logits, out, tau))
}

/// The logarithm of [`relaxed`]: [`log_gumbel_softmax`](crate::log_gumbel_softmax) of noise that the caller
/// brings.
///
/// ```text
/// out[r, i] = (lᵢ + noiseᵢ) / tau − ln Σⱼ exp((lⱼ + noiseⱼ) / tau),   l = logits[r]
/// ```
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
/// gumbel_kernels::log_relaxed(&[0.0, 0.0], &[0.0, 1000.0], 2, 0.5, &mut log_y)?;
/// assert_eq!(log_y, [-2000.0, 0.0]);
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
pub fn log_relaxed<T: Real>(logits: &[T], noise: &[T], k: usize, tau: T, out: &mut [T]) -> Result<(), Error> {
    check_temperature(tau)?;
    count_rows(logits.len(), k)?;
    same_length("noise", noise.len(), logits.len());
    same_length("out", out.len(), logits.len());
    out.copy_from_slice(noise);
    for_rows(0, logits, k, out, |_, logits, out| log_relax(logits, out, tau))
}

/// Calls `each(row, logits, noise)` on every row; `None` from it is blamed on the logits, else on the noise.
pub(crate) fn for_rows<T: Real>(
    first_row: usize,
    logits: &[T],
    k: usize,
    out: &mut [T],
    mut each: impl FnMut(usize, &[T], &mut [T]) -> Option<()>,
) -> Result<(), Error> {
    for (index, (logits, out)) in logits.chunks_exact(k).zip(out.chunks_exact_mut(k)).enumerate() {
        let row = first_row + index;
        each(row, logits, out).ok_or_else(|| logit_fault(row, logits).unwrap_or(Error::Noise { row }))?;
    }
    Ok(())
}

pub(crate) fn perturb<T: Real>(logits: &[T], noise: &mut [T]) {
    for (noise, &logit) in noise.iter_mut().zip(logits) {
        *noise = *noise + logit;
    }
}

/// Replaces the noise of a row by its relaxed sample.
pub(crate) fn relax<T: Real>(logits: &[T], noise: &mut [T], tau: T) -> Option<()> {
    perturb(logits, noise);
    tempered_softmax(noise, tau)
}

pub(crate) fn tempered_softmax<T: Real>(row: &mut [T], tau: T) -> Option<()> {
    let max = max(row);
    for value in row.iter_mut() {
        *value = tempered_gap(*value, max, tau).exp();
    }
    normalise(row)
}

pub(crate) fn log_relax<T: Real>(logits: &[T], noise: &mut [T], tau: T) -> Option<()> {
    perturb(logits, noise);
    let max = max(noise);
    let log_sum = sum_of(noise, |value| tempered_gap(value, max, tau).exp()).ln();
    for value in noise.iter_mut() {
        *value = unless_masked(*value, tempered_gap(*value, max, tau) - log_sum);
    }
    (!log_sum.is_nan()).then_some(())
}

/// `(value − max) / tau`. Taken in halves, an exact scaling, since the gap of two finite numbers can
/// overflow; divided, since `1 / tau` overflows at small temperatures.
#[inline(always)]
fn tempered_gap<T: Real>(value: T, max: T, tau: T) -> T {
    let half = T::from_f64(0.5);
    let gap = value * half - max * half;
    let halved = gap / tau;
    halved + halved
}
