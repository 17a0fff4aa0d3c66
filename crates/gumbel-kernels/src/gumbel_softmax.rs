//! The Gumbel-Softmax (Concrete) sample: `y = softmax((logits + g) / tau)`, `g` standard Gumbel noise.
//!
//! Jang, Gu and Poole (2017), eq. 2; Maddison, Mnih and Teh (2017), section 3; log space: Maddison et al.,
//! appendix C. Any positive finite temperature and any finite logits will do. The sample of a mask
//! (logit −∞) is exactly 0.

use crate::error::{Error, check_temperature};
use crate::logit::{Given, InPlace, Logit};
use crate::relaxed::{Noise, Relax};
use crate::rows::{count_rows, same_length};
use crate::vjp::Vjp;
use crate::{Real, Stream};

/// One relaxed one-hot sample per row.
///
/// ```text
/// out[r, i] = exp((lᵢ + gᵢ) / tau) / Σⱼ exp((lⱼ + gⱼ) / tau),   l = logits[r]
/// ```
///
/// Element `r·k + i` of [`noise::gumbel`](crate::noise::gumbel) of the stream goes to logit (r, i). The largest entry of a row is
/// the sample of [`gumbel_max`](crate::gumbel_max) for the same stream, at every temperature.
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
pub fn gumbel_softmax<L: Logit>(
    logits: &[L],
    k: usize,
    tau: L::Real,
    stream: Stream,
    out: &mut [L::Real],
) -> Result<(), Error> {
    Relax::new(Given(logits), k, tau, Noise::Drawn(stream))?.run(out, &mut [])
}

/// [`gumbel_softmax`] of logits that it overwrites: the same numbers and the same errors.
///
/// # Shapes
/// `values` `[rows, k]`: the logits, and after it the sample; `rows · k` numbers of the stream are used.
///
/// # Errors
/// [`Error::Temperature`], [`Error::Logit`], [`Error::AllMasked`], [`Error::Categories`]. A refused slice is left
/// half written.
///
/// # Panics
/// If `values` is not a whole number of rows.
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
    Relax::new(InPlace, k, tau, Noise::Drawn(stream))?.run(values, &mut [])
}

/// [`gumbel_softmax`], with the index of the largest perturbed logit of each row.
///
/// The index is what a straight-through estimator sends forward (Jang et al., section 2.2): that of
/// [`gumbel_max`](crate::gumbel_max) for the same stream.
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
pub fn gumbel_softmax_with_index<L: Logit>(
    logits: &[L],
    k: usize,
    tau: L::Real,
    stream: Stream,
    out: &mut [L::Real],
    index: &mut [u32],
) -> Result<(), Error> {
    same_length("index", index.len(), count_rows(logits.len(), k)?);
    Relax::new(Given(logits), k, tau, Noise::Drawn(stream))?.run(out, index)
}

/// The logarithm of [`gumbel_softmax`], which never saturates: an ExpConcrete sample.
///
/// ```text
/// out[r, i] = (lᵢ + gᵢ) / tau − ln Σⱼ exp((lⱼ + gⱼ) / tau),   l = logits[r]
/// ```
///
/// −∞ at masks and only there: a smaller number than the type holds becomes its lowest finite one.
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
pub fn log_gumbel_softmax<L: Logit>(
    logits: &[L],
    k: usize,
    tau: L::Real,
    stream: Stream,
    out: &mut [L::Real],
) -> Result<(), Error> {
    Relax::new(Given(logits), k, tau, Noise::Drawn(stream))?.log().run(out, &mut [])
}

/// [`log_gumbel_softmax`] of logits that it overwrites: the same numbers and the same errors.
///
/// # Shapes
/// `values` `[rows, k]`: the logits, and after it the sample; `rows · k` numbers of the stream are used.
///
/// # Errors
/// [`Error::Temperature`], [`Error::Logit`], [`Error::AllMasked`], [`Error::Categories`]. A refused slice is left
/// half written.
///
/// # Panics
/// If `values` is not a whole number of rows.
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
    Relax::new(InPlace, k, tau, Noise::Drawn(stream))?.log().run(values, &mut [])
}

/// Vector-Jacobian product of [`gumbel_softmax`] in the logits, from its output `y`.
///
/// ```text
/// out[r, i] = y[r, i] · (dy[r, i] − Σⱼ y[r, j] dy[r, j]) / tau
/// ```
///
/// Exactly 0 where `y` is 0; `dy` is not looked at there.
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
    Vjp::new(k, tau).run(y, Given(dy), out)
}

/// [`gumbel_softmax_vjp`] of a cotangent that it overwrites: the same numbers.
///
/// # Shapes
/// `y` `[rows, k]`; `dy` `[rows, k]`: the cotangent of the output, and after it that of the logits.
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
    Vjp::new(k, tau).run(y, InPlace, dy)
}

/// Vector-Jacobian product of [`log_gumbel_softmax`] in the logits, from its output `log_y`.
///
/// ```text
/// out[r, i] = (dy[r, i] − exp(log_y[r, i]) · Σⱼ dy[r, j]) / tau
/// ```
///
/// Exactly 0 at masks (`log_y` = −∞); `dy` is not looked at there.
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
    Vjp::new(k, tau).run_log(log_y, Given(dy), out)
}

/// [`log_gumbel_softmax_vjp`] of a cotangent that it overwrites: the same numbers.
///
/// # Shapes
/// `log_y` `[rows, k]`; `dy` `[rows, k]`: the cotangent of the output, and after it that of the logits.
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
    Vjp::new(k, tau).run_log(log_y, InPlace, dy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{gumbel_max, log_relaxed, noise, relaxed};
    use proptest::prelude::*;

    const MASK: f64 = f64::NEG_INFINITY;

    #[test]
    fn noise_that_is_not_finite_is_named_unless_a_logit_is_to_blame() {
        let mut out = [0.0; 4];
        let error = relaxed(&[0.0; 4], &[0.0, 0.0, f64::NAN, 0.0], 2, 1.0, &mut out).unwrap_err();
        assert_eq!(error, Error::Noise { row: 1 });
        let error = log_relaxed(&[0.0, MASK, MASK, MASK], &[0.0; 4], 2, 1.0, &mut out).unwrap_err();
        assert_eq!(error, Error::AllMasked { row: 1 });
    }

    #[test]
    fn refusal_names_the_row_in_any_block() {
        let mut logits = vec![0.0; 3000];
        logits[2998] = f64::NAN;
        let (mut out, mut index) = (vec![0.0; 3000], vec![0; 300]);
        let stream = Stream::new(1);
        let errors = [
            gumbel_softmax(&logits, 10, 1.0, stream, &mut out),
            log_gumbel_softmax(&logits, 10, 1.0, stream, &mut out),
            gumbel_softmax_with_index(&logits, 10, 1.0, stream, &mut out, &mut index),
        ];
        for error in errors {
            assert!(matches!(error, Err(Error::Logit { row: 299, column: 8, .. })), "{error:?}");
        }
    }

    #[test]
    fn bad_temperatures_are_refused() {
        for tau in [0.0, -1.0, f64::INFINITY] {
            let (stream, mut out) = (Stream::new(1), [0.0; 2]);
            let refused = Err(Error::Temperature(tau));
            assert_eq!(gumbel_softmax(&[0.0; 2], 2, tau, stream, &mut out), refused);
            assert_eq!(log_gumbel_softmax(&[0.0; 2], 2, tau, stream, &mut out), refused);
            assert_eq!(relaxed(&[0.0; 2], &[0.0; 2], 2, tau, &mut out), refused);
            assert_eq!(gumbel_softmax_vjp(&[0.5; 2], &[0.0; 2], 2, tau, &mut out), refused);
            assert_eq!(log_gumbel_softmax_vjp(&[0.5; 2], &[0.0; 2], 2, tau, &mut out), refused);
        }
    }

    fn logits_and_stream() -> impl Strategy<Value = (Vec<f64>, Stream)> {
        let logit = prop_oneof![9 => -9.0..9.0f64, 1 => Just(MASK)];
        (prop::collection::vec(logit, 1..67), any::<u64>()).prop_map(|(mut logits, seed)| {
            logits[0] = 0.0; // one category at least is unmasked
            (logits, Stream::new(seed))
        })
    }

    fn temperature() -> impl Strategy<Value = f64> {
        prop::sample::select(vec![1e-30, 1e-3, 0.1, 0.5, 1.0, 5.0, 1e3, 1e30])
    }

    proptest! {
        #[test]
        fn sample_sums_to_one_and_peaks_at_the_gumbel_max(
            (logits, stream) in logits_and_stream(), tau in temperature()
        ) {
            let k = logits.len();
            let (mut y, mut index, mut drawn) = (vec![0.0; k], [0], [0]);
            gumbel_softmax_with_index(&logits, k, tau, stream, &mut y, &mut index).unwrap();
            gumbel_max(&logits, k, stream, &mut drawn).unwrap();
            prop_assert_eq!(index, drawn);
            prop_assert!((y.iter().sum::<f64>() - 1.0).abs() < 1e-14);
            prop_assert!(y.iter().all(|&y| (0.0..=1.0).contains(&y)));
            prop_assert!(y.iter().all(|&other| other <= y[drawn[0] as usize]));
            prop_assert!(y.iter().zip(&logits).all(|(&y, &logit)| logit > MASK || y == 0.0));
        }

        #[test]
        fn all_ways_to_the_sample_agree((logits, stream) in logits_and_stream(), tau in temperature()) {
            let k = logits.len();
            let mut noise = vec![0.0; k];
            noise::gumbel(stream, &mut noise);
            let (mut y, mut pure, mut with_index) = (vec![0.0; k], vec![0.0; k], vec![0.0; k]);
            gumbel_softmax(&logits, k, tau, stream, &mut y).unwrap();
            relaxed(&logits, &noise, k, tau, &mut pure).unwrap();
            gumbel_softmax_with_index(&logits, k, tau, stream, &mut with_index, &mut [0]).unwrap();
            prop_assert_eq!(&y, &pure);
            prop_assert_eq!(&y, &with_index);
            let (mut log_y, mut pure) = (vec![0.0; k], vec![0.0; k]);
            log_gumbel_softmax(&logits, k, tau, stream, &mut log_y).unwrap();
            log_relaxed(&logits, &noise, k, tau, &mut pure).unwrap();
            prop_assert_eq!(&log_y, &pure);
            for (log_y, y) in log_y.into_iter().zip(y) {
                prop_assert!((log_y.exp() - y).abs() < 1e-13 * y.max(1e-300), "{} for {}", log_y, y);
            }
        }

        #[test]
        fn permuted_categories_give_permuted_samples(
            (logits, stream) in logits_and_stream(), tau in temperature(), by in 0usize..67
        ) {
            let k = logits.len();
            let mut noise = vec![0.0; k];
            noise::gumbel(stream, &mut noise);
            let rotated = |row: &[f64]| { let mut row = row.to_vec(); row.rotate_left(by % k); row };
            let (mut y, mut moved) = (vec![0.0; k], vec![0.0; k]);
            relaxed(&logits, &noise, k, tau, &mut y).unwrap();
            relaxed(&rotated(&logits), &rotated(&noise), k, tau, &mut moved).unwrap();
            for (a, b) in rotated(&y).into_iter().zip(moved) {
                prop_assert!((a - b).abs() <= 1e-15);
            }
        }
    }
}
