//! The parts of the Concrete log-density: `a = l − tau y`, and a constant. What is common to the logits is taken out first.

use crate::Real;

/// `logit − tau · y`, infinite only if `y` is.
#[inline(always)]
pub(super) fn tilt<T: Real>(logit: T, tau: T, y: T) -> T {
    let a = logit - tau * y;
    let above = if a < T::min_value() { T::min_value() } else { a };
    let between = if above > T::max_value() { T::max_value() } else { above };
    if y.abs() < T::infinity() { between } else { a }
}

/// `ln Γ(n) + (n − 1) ln tau`.
pub(super) fn log_constant<T: Real>(n: usize, tau: T) -> T {
    T::from_f64(libm::lgamma(n as f64) + (n as f64 - 1.0) * tau.into().ln())
}

/// A number of categories as a real number.
pub(super) fn count<T: Real>(n: usize) -> T {
    T::from_f64(n as f64)
}
