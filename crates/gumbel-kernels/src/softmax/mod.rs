//! Softmax, its logarithm and its normaliser, and the sparse α-entmax, with their vector-Jacobian products.
//!
//! Every row is shifted by its maximum, so logits may be as large as the number type holds. A logit of −∞ is a mask:
//! probability 0 and gradient exactly 0.

mod entmax;
mod log_sum_exp;
pub(crate) mod shifted;
mod temperature;
pub(crate) mod tempered;
pub(crate) mod vjp;

pub use entmax::{entmax, entmax_alpha_derivative, entmax_vjp};
pub use log_sum_exp::{log_sum_exp, log_sum_exp_vjp};

use crate::error::Error;
use crate::parallel::source::{Given, InPlace};
use crate::{Logit, Real};
use num_traits::One;
use tempered::TemperedSoftmax;
use vjp::SoftmaxVjp;

/// Softmax: the probabilities of each row of logits.
///
/// ```text
/// out[r, i] = exp(logits[r, i]) / Σⱼ exp(logits[r, j])
/// ```
///
/// # Shapes
/// `logits`, `out` `[rows, k]`.
///
/// # Errors
/// [`Error::Logit`], [`Error::AllMasked`], [`Error::Categories`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// let mut p = [0.0; 3];
/// gumbel_kernels::softmax(&[3f64.ln(), 0.0, f64::NEG_INFINITY], 3, &mut p)?;
/// assert!((p[0] - 0.75).abs() < 1e-15);
/// assert_eq!(p[2], 0.0);
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
pub fn softmax<L: Logit>(logits: &[L], k: usize, out: &mut [L::Real]) -> Result<(), Error> {
    TemperedSoftmax::new(Given(logits), k, One::one(), None)?.run(out, &mut [])
}

/// [`softmax`] in place, with the same numbers and errors.
///
/// # Shapes
/// `values` `[rows, k]`: the logits before, the probabilities after.
///
/// # Errors
/// [`Error::Logit`], [`Error::AllMasked`], [`Error::Categories`]. After an error the slice is partly written.
///
/// # Panics
/// If the length of `values` is not a multiple of `k`.
///
/// ```
/// let mut p = [3f64.ln(), 0.0];
/// gumbel_kernels::softmax_in_place(&mut p, 2)?;
/// assert!((p[0] - 0.75).abs() < 1e-15);
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
pub fn softmax_in_place<T: Real>(values: &mut [T], k: usize) -> Result<(), Error> {
    TemperedSoftmax::new(InPlace, k, T::one(), None)?.run(values, &mut [])
}

/// Log-softmax: the log-probabilities of each row of logits.
///
/// ```text
/// out[r, i] = logits[r, i] − ln Σⱼ exp(logits[r, j])
/// ```
///
/// −∞ exactly at masks: a number below the range of the type becomes its lowest finite one.
///
/// # Shapes
/// `logits`, `out` `[rows, k]`.
///
/// # Errors
/// [`Error::Logit`], [`Error::AllMasked`], [`Error::Categories`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// let mut out = [0.0; 2];
/// gumbel_kernels::log_softmax(&[0.0, 1000.0], 2, &mut out)?;
/// assert_eq!(out, [-1000.0, 0.0]);
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
pub fn log_softmax<L: Logit>(logits: &[L], k: usize, out: &mut [L::Real]) -> Result<(), Error> {
    TemperedSoftmax::new(Given(logits), k, One::one(), None)?.log().run(out, &mut [])
}

/// [`log_softmax`] in place, with the same numbers and errors.
///
/// # Shapes
/// `values` `[rows, k]`: the logits before, the log-probabilities after.
///
/// # Errors
/// [`Error::Logit`], [`Error::AllMasked`], [`Error::Categories`]. After an error the slice is partly written.
///
/// # Panics
/// If the length of `values` is not a multiple of `k`.
///
/// ```
/// let mut log_p = [0.0, 1000.0];
/// gumbel_kernels::log_softmax_in_place(&mut log_p, 2)?;
/// assert_eq!(log_p, [-1000.0, 0.0]);
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
pub fn log_softmax_in_place<T: Real>(values: &mut [T], k: usize) -> Result<(), Error> {
    TemperedSoftmax::new(InPlace, k, T::one(), None)?.log().run(values, &mut [])
}

/// Vector-Jacobian product of [`softmax`], from its output `y`.
///
/// ```text
/// out[r, i] = y[r, i] · (dy[r, i] − Σⱼ y[r, j] dy[r, j])
/// ```
///
/// Exactly 0 where `y` is 0, whatever `dy` is there.
///
/// # Shapes
/// `y`, `dy`, `out` `[rows, k]`.
///
/// # Errors
/// [`Error::Categories`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// let mut out = [0.0; 2];
/// gumbel_kernels::softmax_vjp(&[0.25, 0.75], &[1.0, 0.0], 2, &mut out)?;
/// assert_eq!(out, [0.1875, -0.1875]);
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
pub fn softmax_vjp<T: Real>(y: &[T], dy: &[T], k: usize, out: &mut [T]) -> Result<(), Error> {
    SoftmaxVjp::new(k, T::one()).run(y, Given(dy), out)
}

/// Vector-Jacobian product of [`log_softmax`], from its output `log_y`.
///
/// ```text
/// out[r, i] = dy[r, i] − exp(log_y[r, i]) · Σⱼ dy[r, j]
/// ```
///
/// Exactly 0 at masks (`log_y` = −∞), whatever `dy` is there.
///
/// # Shapes
/// `log_y`, `dy`, `out` `[rows, k]`.
///
/// # Errors
/// [`Error::Categories`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// let mut out = [0.0; 3];
/// let log_y = [0.5f64.ln(), 0.5f64.ln(), f64::NEG_INFINITY];
/// gumbel_kernels::log_softmax_vjp(&log_y, &[1.0, 0.0, 9.0], 3, &mut out)?;
/// assert_eq!(out, [0.5, -0.5, 0.0]);
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
pub fn log_softmax_vjp<T: Real>(log_y: &[T], dy: &[T], k: usize, out: &mut [T]) -> Result<(), Error> {
    SoftmaxVjp::new(k, T::one()).run_log(log_y, Given(dy), out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{log_sum_exp, log_sum_exp_vjp};
    use proptest::prelude::*;

    const MASK: f64 = f64::NEG_INFINITY;

    type Kernel = fn(&[f64], usize, &mut [f64]) -> Result<(), Error>;

    fn run(kernel: Kernel, logits: &[f64], k: usize) -> Vec<f64> {
        let mut out = vec![f64::NAN; logits.len()];
        kernel(logits, k, &mut out).unwrap();
        out
    }

    #[test]
    fn mask_gets_probability_zero_in_its_own_row_only() {
        let p = run(softmax, &[0.0, MASK, 0.0, 0.0], 2);
        assert_eq!(p, [1.0, 0.0, 0.5, 0.5]);
        let log_p = run(log_softmax, &[0.0, MASK, 0.0, 0.0], 2);
        assert_eq!(log_p, [0.0, MASK, -(2f64.ln()), -(2f64.ln())]);
    }

    #[test]
    fn vjps_are_zero_at_masks_for_any_cotangent() {
        for bad in [f64::NAN, f64::INFINITY, MASK] {
            let mut out = [9.0; 3];
            softmax_vjp(&[0.5, 0.5, 0.0], &[1.0, 0.0, bad], 3, &mut out).unwrap();
            assert_eq!(out, [0.25, -0.25, 0.0]);
            log_softmax_vjp(&[0.5f64.ln(), 0.5f64.ln(), MASK], &[1.0, 0.0, bad], 3, &mut out).unwrap();
            assert_eq!(out, [0.5, -0.5, 0.0]);
            let mut out = [9.0; 2];
            log_sum_exp_vjp(&[0.0, MASK], &[MASK], 2, &mut out).unwrap();
            assert_eq!(out, [MASK, 0.0]);
        }
    }

    #[test]
    fn huge_logits_do_not_overflow() {
        let huge = f32::MAX;
        let mut out = [0.0; 2];
        softmax(&[huge, -huge], 2, &mut out).unwrap();
        assert_eq!(out, [1.0, 0.0]);
        log_softmax(&[huge, -huge], 2, &mut out).unwrap();
        assert_eq!(out, [0.0, -huge]); // not −∞: it is not masked
        let mut one = [0.0];
        log_sum_exp(&[huge, huge], 2, &mut one).unwrap();
        assert_eq!(one, [huge]);
    }

    #[test]
    fn every_invalid_row_is_rejected() {
        let bad = [
            (f64::NAN, "the logit at row 1, column 1 is NaN"),
            (f64::INFINITY, "the logit at row 1, column 1 is inf"),
            (MASK, "every logit of row 1 is -inf"),
        ];
        for (value, message) in bad {
            let logits = [0.0, 0.0, MASK, value];
            let (mut all, mut rows) = ([0.0; 4], [0.0; 2]);
            let errors = [
                softmax(&logits, 2, &mut all),
                log_softmax(&logits, 2, &mut all),
                log_sum_exp(&logits, 2, &mut rows),
                log_sum_exp_vjp(&logits, &[1.0; 2], 2, &mut all),
            ];
            for error in errors {
                let text = error.unwrap_err().to_string();
                assert!(text.starts_with(message), "{text}");
            }
        }
        assert_eq!(softmax::<f64>(&[], 0, &mut []), Err(Error::Categories(0)));
        assert_eq!(softmax::<f64>(&[], 3, &mut []), Ok(())); // no rows are valid
    }

    #[test]
    #[should_panic(expected = "a slice of length 7 is not a multiple of the row length, 3")]
    fn length_must_be_a_multiple_of_the_row() {
        let _ = softmax(&[0.0; 7], 3, &mut [0.0; 7]);
    }

    #[test]
    #[should_panic(expected = "out has length 5, expected 6")]
    fn output_must_have_the_length_of_the_logits() {
        let _ = softmax(&[0.0; 6], 3, &mut [0.0; 5]);
    }

    proptest! {
        #[test]
        fn rows_are_distributions_that_do_not_depend_on_a_constant(
            row in prop::collection::vec(-30i32..30, 1..67), constant in -1000i32..1000
        ) {
            let logits: Vec<f64> = row.iter().map(|&l| f64::from(l)).collect();
            let shifted: Vec<f64> = logits.iter().map(|l| l + f64::from(constant)).collect();
            let p = run(softmax, &logits, row.len());
            prop_assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-14);
            prop_assert_eq!(&p, &run(softmax, &shifted, row.len())); // integers: exact
            for (log_p, p) in run(log_softmax, &logits, row.len()).iter().zip(p) {
                prop_assert!((log_p.exp() / p - 1.0).abs() < 1e-13);
            }
        }
    }
}
