//! Arithmetic with masks: −∞ marks a masked category, whose probability is exactly 0.

use super::real::Real;

/// `log_prob`, but −∞ for a masked logit.
///
/// A log-probability of an unmasked category that is too small for the number type becomes the lowest finite
/// number, so that −∞ always means a mask.
#[inline(always)]
pub(crate) fn unless_masked<T: Real>(logit: T, log_prob: T) -> T {
    if logit == T::neg_infinity() { logit } else { log_prob.max(T::min_value()) }
}

/// `weight · value`, and 0 for weight 0 even if the value is not finite.
#[inline(always)]
pub(crate) fn weighted<T: Real>(weight: T, value: T) -> T {
    if weight == T::zero() { T::zero() } else { weight * value }
}

/// Whether no number is NaN or +∞.
#[inline(always)]
pub(crate) fn all_below_infinity<T: Real>(values: &[T]) -> bool {
    values.iter().fold(true, |all, &value| all & (value < T::infinity()))
}
