//! The Concrete density: that of a Gumbel-Softmax sample on the simplex.
//!
//! Maddison, Mnih and Teh (2017), definition 1; Jang, Gu and Poole (2017), appendix B.

use crate::Real;
use crate::density::{Space, log_density, log_density_vjp};
use crate::error::Error;
use crate::reduce::{max, sum_of};
use crate::tilted::{Tilted, count};

/// Log-density of points of the simplex.
///
/// ```text
/// out[r] = ln Γ(n) + (n − 1) ln tau + Σᵢ (lᵢ − (tau + 1) ln xᵢ) − n ln Σᵢ exp(lᵢ − tau ln xᵢ)
/// ```
///
/// with `l = logits[r]`, `x = x[r]` and `n` the number of unmasked categories, over which the sums run. It is
/// a density with respect to dx₁ … dxₙ₋₁. That each row of `x` sums to one is taken on trust.
///
/// Where `m` of the unmasked `x` are exactly 0, the density behaves as `ε^(n tau − m (tau + 1))` when they
/// shrink together as `ε`, and `out` is the limit: −∞ for a positive exponent, +∞ for a negative one, a
/// number for 0. Mass on a mask has density 0 (`out` is −∞). For training, prefer
/// [`exp_concrete_log_density`](crate::exp_concrete_log_density), which has no such corners.
///
/// # Shapes
/// `x`, `logits` `[rows, k]`; `out` `[rows]`.
///
/// # Errors
/// [`Error::Sample`] for an `x` that is negative, infinite or NaN; [`Error::NoMass`] if a row of `x` is 0
/// throughout; [`Error::Temperature`], [`Error::Logit`], [`Error::AllMasked`], [`Error::Categories`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// let mut out = [0.0];
/// gumbel_kernels::concrete_log_density(&[0.2f64, 0.3, 0.5], &[0.0; 3], 3, 0.5, &mut out)?;
/// assert!((out[0] + 0.534447875434).abs() < 1e-12);
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
pub fn concrete_log_density<T: Real>(
    x: &[T],
    logits: &[T],
    k: usize,
    tau: T,
    out: &mut [T],
) -> Result<(), Error> {
    log_density(Simplex, x, logits, k, tau, out)
}

/// Vector-Jacobian product of [`concrete_log_density`] in all three arguments.
///
/// ```text
/// cᵢ = 1 − n softmax(a)ᵢ,   aᵢ = lᵢ − tau ln xᵢ
/// d_x[r, i]      = −d[r] (tau cᵢ + 1) / xᵢ
/// d_logits[r, i] =  d[r] cᵢ
/// d_tau[r]       =  d[r] ((n − 1) / tau − Σᵢ cᵢ ln xᵢ)
/// ```
///
/// Exactly 0 at masks, and throughout a row whose density is a limit (an exact 0 in `x`) or 0. The formula's
/// extension off the simplex is differentiated: only the part of `d_x` along the simplex has a meaning. The
/// gradient in a shared `tau` is the sum of `d_tau`.
///
/// # Shapes
/// `x`, `logits`, `d_x`, `d_logits` `[rows, k]`; `d`, the cotangent of the output, and `d_tau` `[rows]`.
///
/// # Errors
/// As [`concrete_log_density`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// let (mut d_x, mut d_logits, mut d_tau) = ([0.0; 2], [0.0; 2], [0.0]);
/// gumbel_kernels::concrete_log_density_vjp(
///     &[0.5f64, 0.5], &[3f64.ln(), 0.0], 2, 0.5, &[1.0], &mut d_x, &mut d_logits, &mut d_tau,
/// )?;
/// assert!((d_logits[0] + 0.5).abs() < 1e-15); // 1 − 2 · 3/4
/// assert!((d_x[0] + 1.5).abs() < 1e-15); // −(0.5 · −0.5 + 1) / 0.5
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
#[allow(clippy::too_many_arguments)] // three gradients of three arguments
pub fn concrete_log_density_vjp<T: Real>(
    x: &[T],
    logits: &[T],
    k: usize,
    tau: T,
    d: &[T],
    d_x: &mut [T],
    d_logits: &mut [T],
    d_tau: &mut [T],
) -> Result<(), Error> {
    log_density_vjp(Simplex, k, tau, [x, logits, d], [d_x, d_logits, d_tau])
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
        // On the support an x of 0 is a masked one.
        if x > T::zero() { -(tau * d_logit + d) / x } else { T::zero() }
    }

    fn limit(tilted: &Tilted<T>, log_x: &[T], logits: &[T]) -> T {
        limit(tilted, log_x, logits)
    }
}

/// On the support only masked categories have an infinite logarithm.
fn finite_or_zero<T: Real>(log_x: T) -> T {
    if log_x == T::neg_infinity() { T::zero() } else { log_x }
}

/// The log-density where some unmasked `x` are 0 or some masked ones are not.
fn limit<T: Real>(tilted: &Tilted<T>, log_x: &[T], logits: &[T]) -> T {
    let (n, zeros) = (count::<T>(tilted.n), count::<T>(tilted.zeros));
    let exponent = (n - zeros) * tilted.tau - zeros;
    if tilted.mass_on_mask || exponent > T::zero() {
        T::neg_infinity()
    } else if exponent < T::zero() {
        T::infinity()
    } else {
        balanced_limit(tilted, log_x, logits)
    }
}

/// The limit where the powers of `ε` cancel: in the sum of exponentials only the zeros count.
fn balanced_limit<T: Real>(tilted: &Tilted<T>, log_x: &[T], logits: &[T]) -> T {
    let unmasked = || logits.iter().zip(log_x).filter(|(logit, _)| **logit > T::neg_infinity());
    let at_zeros: Vec<T> =
        unmasked().filter(|(_, log_x)| log_x.is_infinite()).map(|(&logit, _)| logit).collect();
    let max = max(&at_zeros);
    let log_sum = max + sum_of(&at_zeros, |logit| (logit - max).exp()).ln();
    let terms =
        unmasked().map(|(&logit, &log_x)| logit - log_sum - (tilted.tau + T::one()) * finite_or_zero(log_x));
    tilted.constant() + terms.sum::<T>()
}
