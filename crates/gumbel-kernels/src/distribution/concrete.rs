//! The Concrete distribution: that of a Gumbel-Softmax sample on the simplex.
//!
//! Maddison, Mnih and Teh (2017), definition 1; Jang, Gu and Poole (2017), appendix B.

use super::concrete_rows::{log_prob, log_prob_vjp};
use super::space::{Space, Support};
use super::tilt::{count, log_constant};
use crate::Real;
use crate::error::Error;
use crate::parallel::lanes::{max, sum_of};

/// Log-density of the Concrete distribution, that of a Gumbel-Softmax sample, at the points `x` of the simplex.
///
/// ```text
/// out[r] = ln Γ(n) + (n − 1) ln tau + Σᵢ (lᵢ − (tau + 1) ln xᵢ) − n ln Σᵢ exp(lᵢ − tau ln xᵢ)
/// ```
///
/// with `l = logits[r]`, `x = x[r]` and `n` the number of unmasked categories, over which the sums run. The density is
/// with respect to dx₁ … dxₙ₋₁. It is not checked that each row of `x` sums to one.
///
/// Maddison, Mnih and Teh (2017), definition 1; Jang, Gu and Poole (2017), appendix B.
///
/// If `m` of the unmasked `x` are exactly 0, `out` is the limit for `x` that go to 0 together as `ε`. The density then
/// behaves as `ε^(n tau − m (tau + 1))`, so the limit is −∞ for a positive exponent, +∞ for a negative one, and finite
/// for 0. A row with mass on a mask has density 0: `out` is −∞. For training, prefer
/// [`exp_concrete_log_prob`](crate::exp_concrete_log_prob), which has no limits at an edge.
///
/// # Shapes
/// `logits`, `x` `[rows, k]`; `out` `[rows]`.
///
/// # Errors
/// [`Error::Sample`] for an `x` that is negative, infinite or NaN; [`Error::NoMass`] if every `x` of a row is 0;
/// [`Error::Temperature`], [`Error::Logit`], [`Error::AllMasked`], [`Error::Categories`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// let mut out = [0.0];
/// gumbel_kernels::concrete_log_prob(&[0.0; 3], &[0.2f64, 0.3, 0.5], 3, 0.5, &mut out)?;
/// assert!((out[0] + 0.534447875434).abs() < 1e-12);
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
#[doc(alias = "gumbel-softmax")]
#[doc(alias = "relaxed categorical")]
#[doc(alias = "log_density")]
pub fn concrete_log_prob<T: Real>(
    logits: &[T],
    x: &[T],
    k: usize,
    tau: T,
    out: &mut [T],
) -> Result<(), Error> {
    log_prob(Simplex, logits, x, k, tau, out)
}

/// Vector-Jacobian product of [`concrete_log_prob`] in the logits, the points and `tau`.
///
/// ```text
/// cᵢ = 1 − n softmax(a)ᵢ,   aᵢ = lᵢ − tau ln xᵢ
/// d_logits[r, i] =  d[r] cᵢ
/// d_x[r, i]      = −d[r] (tau cᵢ + 1) / xᵢ
/// d_tau[r]       =  d[r] ((n − 1) / tau − Σᵢ cᵢ ln xᵢ)
/// ```
///
/// Exactly 0 at masks, and in every entry of a row whose density is 0 or a limit (an exact 0 in `x`). The derivative is
/// that of the formula, which extends off the simplex: only the component of `d_x` along the simplex is meaningful. The
/// gradient in a shared `tau` is the sum of `d_tau`.
///
/// # Shapes
/// `logits`, `x`, `d_logits`, `d_x` `[rows, k]`; `d`, the cotangent of the output, and `d_tau` `[rows]`.
///
/// # Errors
/// Those of [`concrete_log_prob`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// let (mut d_logits, mut d_x, mut d_tau) = ([0.0; 2], [0.0; 2], [0.0]);
/// gumbel_kernels::concrete_log_prob_vjp(
///     &[3f64.ln(), 0.0], &[0.5f64, 0.5], &[1.0], 2, 0.5, &mut d_logits, &mut d_x, &mut d_tau,
/// )?;
/// assert!((d_logits[0] + 0.5).abs() < 1e-15); // 1 − 2 · 3/4
/// assert!((d_x[0] + 1.5).abs() < 1e-15); // −(0.5 · −0.5 + 1) / 0.5
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
#[allow(clippy::too_many_arguments)] // the gradients in three arguments
pub fn concrete_log_prob_vjp<T: Real>(
    logits: &[T],
    x: &[T],
    d: &[T],
    k: usize,
    tau: T,
    d_logits: &mut [T],
    d_x: &mut [T],
    d_tau: &mut [T],
) -> Result<(), Error> {
    log_prob_vjp(Simplex, k, tau, [logits, x, d], [d_logits, d_x, d_tau])
}

/// The simplex itself.
#[derive(Clone, Copy)]
struct Simplex;

impl<T: Real> Space<T> for Simplex {
    const SAMPLE: &'static str = "x";
    const VOLUME: bool = true;

    #[inline(always)]
    fn logs<'a, const FMA: bool>(x: &'a [T], buffer: &'a mut [T]) -> &'a [T] {
        let logs = &mut buffer[..x.len()];
        for (log, &x) in logs.iter_mut().zip(x) {
            *log = x.lane_ln::<FMA>();
        }
        logs
    }

    #[inline(always)]
    fn d_sample(x: T, d_logit: T, tau: T, d: T) -> T {
        // Inside the support, only masked categories have x = 0.
        if x > T::zero() { -(tau * d_logit + d) / x } else { T::zero() }
    }

    fn limit(support: Support, tau: T, log_x: &[T], logits: &[T]) -> T {
        limit(support, tau, log_x, logits)
    }
}

/// The log-density where some unmasked `x` are 0, or some masked `x` are not.
fn limit<T: Real>(support: Support, tau: T, log_x: &[T], logits: &[T]) -> T {
    let (n, zeros) = (count::<T>(support.unmasked), count::<T>(support.zeros));
    let exponent = (n - zeros) * tau - zeros;
    if support.mass_on_mask || exponent > T::zero() {
        T::neg_infinity()
    } else if exponent < T::zero() {
        T::infinity()
    } else {
        finite_limit(support.unmasked, tau, log_x, logits)
    }
}

/// The limit if the powers of `ε` cancel: only the zeros remain in the sum of exponentials.
fn finite_limit<T: Real>(n: usize, tau: T, log_x: &[T], logits: &[T]) -> T {
    let unmasked = || logits.iter().zip(log_x).filter(|(logit, _)| **logit > T::neg_infinity());
    let at_zeros: Vec<T> =
        unmasked().filter(|(_, log_x)| log_x.is_infinite()).map(|(&logit, _)| logit).collect();
    let max = max(&at_zeros);
    let log_sum = sum_of(&at_zeros, |logit| (logit - max).exp()).ln();
    let log_x_or_zero = |log_x: T| if log_x == T::neg_infinity() { T::zero() } else { log_x };
    let terms =
        unmasked().map(|(&logit, &log_x)| logit - max - log_sum - (tau + T::one()) * log_x_or_zero(log_x));
    log_constant(n, tau) + terms.sum::<T>()
}
