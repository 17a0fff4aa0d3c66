//! Gumbel-Softmax samples: `y = softmax((logits + g) / tau)`, with `g` standard Gumbel noise.
//!
//! Jang, Gu and Poole (2017), eq. 2; Maddison, Mnih and Teh (2017), section 3, where the distribution is called
//! Concrete; in log space, appendix C of the latter.

use crate::error::{Error, check_temperature};
use crate::parallel::rows::{count_rows, same_length};
use crate::parallel::source::{Given, InPlace};
use crate::random::perturb::Noise;
use crate::softmax::tempered::TemperedSoftmax;
use crate::softmax::vjp::SoftmaxVjp;
use crate::{Logit, Real, Stream};

/// One relaxed one-hot sample per row: a Gumbel-Softmax (Concrete) sample.
///
/// ```text
/// out[r, i] = exp((lᵢ + gᵢ) / tau) / Σⱼ exp((lⱼ + gⱼ) / tau),   l = logits[r]
/// ```
///
/// Element `r·k + i` of the stream's [`noise::gumbel`](crate::noise::gumbel) is added to logit (r, i). The index of the
/// largest entry of a row is the sample of [`gumbel_max`](crate::gumbel_max) for the same stream, at every temperature.
/// Any positive finite temperature and any finite logits are valid; the entry of a mask (logit −∞) is exactly 0.
///
/// Jang, Gu and Poole (2017), eq. 2; Maddison, Mnih and Teh (2017), section 3.
///
/// # Shapes
/// `logits`, `out` `[rows, k]`; `rows · k` numbers of the stream are used.
///
/// # Errors
/// [`Error::Temperature`], [`Error::Logit`], [`Error::AllMasked`], [`Error::Categories`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// use gumbel_kernels::{Stream, gumbel_softmax};
/// let mut y = [0.0f64; 3];
/// gumbel_softmax(&[1.0, 2.0, f64::NEG_INFINITY], 3, 0.5, Stream::new(1), &mut y)?;
/// assert!((y[0] + y[1] - 1.0).abs() < 1e-15);
/// assert_eq!(y[2], 0.0);
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
#[doc(alias = "concrete")]
#[doc(alias = "relaxed categorical")]
#[doc(alias = "relaxed_one_hot_categorical")]
pub fn gumbel_softmax<L: Logit>(
    logits: &[L],
    k: usize,
    tau: L::Real,
    stream: Stream,
    out: &mut [L::Real],
) -> Result<(), Error> {
    TemperedSoftmax::new(Given(logits), k, tau, Some(Noise::Drawn(stream)))?.run(out, &mut [])
}

/// [`gumbel_softmax`] in place, with the same numbers and errors.
///
/// # Shapes
/// `values` `[rows, k]`: the logits before, the sample after; `rows · k` numbers of the stream are used.
///
/// # Errors
/// [`Error::Temperature`], [`Error::Logit`], [`Error::AllMasked`], [`Error::Categories`]. After an
/// error the slice is partly written.
///
/// # Panics
/// If the length of `values` is not a multiple of `k`.
///
/// ```
/// use gumbel_kernels::{Stream, gumbel_softmax, gumbel_softmax_in_place};
/// let (mut y, mut values) = ([0.0f64; 3], [0.0, 1.0, 2.0]);
/// gumbel_softmax(&values, 3, 0.5, Stream::new(1), &mut y)?;
/// gumbel_softmax_in_place(&mut values, 3, 0.5, Stream::new(1))?;
/// assert_eq!(values, y);
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
pub fn gumbel_softmax_in_place<T: Real>(
    values: &mut [T],
    k: usize,
    tau: T,
    stream: Stream,
) -> Result<(), Error> {
    TemperedSoftmax::new(InPlace, k, tau, Some(Noise::Drawn(stream)))?.run(values, &mut [])
}

/// [`gumbel_softmax`], with the index of the largest perturbed logit of each row.
///
/// The index is the hard sample of a straight-through estimator (Jang, Gu and Poole 2017, section 2.2). It equals that
/// of [`gumbel_max`](crate::gumbel_max) for the same stream.
///
/// # Shapes
/// `logits`, `out` `[rows, k]`; `index` `[rows]`; `rows · k` numbers of the stream are used.
///
/// # Errors
/// [`Error::Temperature`], [`Error::Logit`], [`Error::AllMasked`], [`Error::Categories`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// use gumbel_kernels::{Stream, gumbel_softmax_with_index};
/// let (mut y, mut index) = ([0.0f32; 2], [9]);
/// gumbel_softmax_with_index(&[100.0, 0.0], 2, 1.0, Stream::new(1), &mut y, &mut index)?;
/// assert_eq!((index, y[0]), ([0], 1.0));
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
#[doc(alias = "straight-through")]
pub fn gumbel_softmax_with_index<L: Logit>(
    logits: &[L],
    k: usize,
    tau: L::Real,
    stream: Stream,
    out: &mut [L::Real],
    index: &mut [u32],
) -> Result<(), Error> {
    same_length("index", index.len(), count_rows(logits.len(), k)?);
    TemperedSoftmax::new(Given(logits), k, tau, Some(Noise::Drawn(stream)))?.run(out, index)
}

/// Logarithm of [`gumbel_softmax`], which never saturates: an ExpConcrete sample.
///
/// ```text
/// out[r, i] = (lᵢ + gᵢ) / tau − ln Σⱼ exp((lⱼ + gⱼ) / tau),   l = logits[r]
/// ```
///
/// −∞ exactly at masks: a number below the range of the type becomes its lowest finite one.
///
/// Maddison, Mnih and Teh (2017), appendix C.
///
/// # Shapes
/// `logits`, `out` `[rows, k]`; `rows · k` numbers of the stream are used.
///
/// # Errors
/// [`Error::Temperature`], [`Error::Logit`], [`Error::AllMasked`], [`Error::Categories`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// use gumbel_kernels::{Stream, gumbel_softmax, log_gumbel_softmax};
/// let (mut y, mut log_y) = ([0.0f64; 2], [0.0f64; 2]);
/// gumbel_softmax(&[0.0, 1.0], 2, 0.1, Stream::new(1), &mut y)?;
/// log_gumbel_softmax(&[0.0, 1.0], 2, 0.1, Stream::new(1), &mut log_y)?;
/// assert!((log_y[0].exp() - y[0]).abs() < 1e-15);
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
#[doc(alias = "exp_concrete")]
pub fn log_gumbel_softmax<L: Logit>(
    logits: &[L],
    k: usize,
    tau: L::Real,
    stream: Stream,
    out: &mut [L::Real],
) -> Result<(), Error> {
    TemperedSoftmax::new(Given(logits), k, tau, Some(Noise::Drawn(stream)))?.log().run(out, &mut [])
}

/// [`log_gumbel_softmax`] in place, with the same numbers and errors.
///
/// # Shapes
/// `values` `[rows, k]`: the logits before, the sample after; `rows · k` numbers of the stream are used.
///
/// # Errors
/// [`Error::Temperature`], [`Error::Logit`], [`Error::AllMasked`], [`Error::Categories`]. After an
/// error the slice is partly written.
///
/// # Panics
/// If the length of `values` is not a multiple of `k`.
///
/// ```
/// use gumbel_kernels::{Stream, log_gumbel_softmax, log_gumbel_softmax_in_place};
/// let (mut log_y, mut values) = ([0.0f64; 3], [0.0, 1.0, f64::NEG_INFINITY]);
/// log_gumbel_softmax(&values, 3, 0.5, Stream::new(1), &mut log_y)?;
/// log_gumbel_softmax_in_place(&mut values, 3, 0.5, Stream::new(1))?;
/// assert_eq!(values, log_y);
/// assert_eq!(values[2], f64::NEG_INFINITY); // masked
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
pub fn log_gumbel_softmax_in_place<T: Real>(
    values: &mut [T],
    k: usize,
    tau: T,
    stream: Stream,
) -> Result<(), Error> {
    TemperedSoftmax::new(InPlace, k, tau, Some(Noise::Drawn(stream)))?.log().run(values, &mut [])
}

/// Vector-Jacobian product of [`gumbel_softmax`] in the logits, from its output `y`.
///
/// ```text
/// out[r, i] = y[r, i] · (dy[r, i] − Σⱼ y[r, j] dy[r, j]) / tau
/// ```
///
/// Exactly 0 where `y` is 0, whatever `dy` is there. Applies to every tempered softmax, with any noise.
///
/// # Shapes
/// `y`, `dy`, `out` `[rows, k]`.
///
/// # Errors
/// [`Error::Temperature`], [`Error::Categories`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// let mut out = [0.0; 2];
/// gumbel_kernels::gumbel_softmax_vjp(&[0.25, 0.75], &[1.0, 0.0], 2, 0.5, &mut out)?;
/// assert_eq!(out, [0.375, -0.375]);
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
pub fn gumbel_softmax_vjp<T: Real>(y: &[T], dy: &[T], k: usize, tau: T, out: &mut [T]) -> Result<(), Error> {
    check_temperature(tau)?;
    SoftmaxVjp::new(k, tau).run(y, Given(dy), out)
}

/// [`gumbel_softmax_vjp`] in place, with the same numbers.
///
/// # Shapes
/// `y` `[rows, k]`; `dy` `[rows, k]`: the cotangent of the output before, that of the logits after.
///
/// # Errors
/// [`Error::Temperature`], [`Error::Categories`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// let mut dy = [1.0, 0.0];
/// gumbel_kernels::gumbel_softmax_vjp_in_place(&[0.25, 0.75], &mut dy, 2, 0.5)?;
/// assert_eq!(dy, [0.375, -0.375]);
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
pub fn gumbel_softmax_vjp_in_place<T: Real>(y: &[T], dy: &mut [T], k: usize, tau: T) -> Result<(), Error> {
    check_temperature(tau)?;
    SoftmaxVjp::new(k, tau).run(y, InPlace, dy)
}

/// Vector-Jacobian product of [`log_gumbel_softmax`] in the logits, from its output `log_y`.
///
/// ```text
/// out[r, i] = (dy[r, i] − exp(log_y[r, i]) · Σⱼ dy[r, j]) / tau
/// ```
///
/// Exactly 0 at masks (`log_y` = −∞), whatever `dy` is there. Applies to every tempered log-softmax, with any noise.
///
/// # Shapes
/// `log_y`, `dy`, `out` `[rows, k]`.
///
/// # Errors
/// [`Error::Temperature`], [`Error::Categories`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// let mut out = [0.0; 2];
/// let log_y = [0.5f64.ln(), 0.5f64.ln()];
/// gumbel_kernels::log_gumbel_softmax_vjp(&log_y, &[1.0, 0.0], 2, 0.25, &mut out)?;
/// assert_eq!(out, [2.0, -2.0]);
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
pub fn log_gumbel_softmax_vjp<T: Real>(
    log_y: &[T],
    dy: &[T],
    k: usize,
    tau: T,
    out: &mut [T],
) -> Result<(), Error> {
    check_temperature(tau)?;
    SoftmaxVjp::new(k, tau).run_log(log_y, Given(dy), out)
}

/// [`log_gumbel_softmax_vjp`] in place, with the same numbers.
///
/// # Shapes
/// `log_y` `[rows, k]`; `dy` `[rows, k]`: the cotangent of the output before, that of the logits after.
///
/// # Errors
/// [`Error::Temperature`], [`Error::Categories`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// let mut dy = [1.0, 0.0];
/// let log_y = [0.5f64.ln(), 0.5f64.ln()];
/// gumbel_kernels::log_gumbel_softmax_vjp_in_place(&log_y, &mut dy, 2, 0.25)?;
/// assert_eq!(dy, [2.0, -2.0]);
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
pub fn log_gumbel_softmax_vjp_in_place<T: Real>(
    log_y: &[T],
    dy: &mut [T],
    k: usize,
    tau: T,
) -> Result<(), Error> {
    check_temperature(tau)?;
    SoftmaxVjp::new(k, tau).run_log(log_y, InPlace, dy)
}
