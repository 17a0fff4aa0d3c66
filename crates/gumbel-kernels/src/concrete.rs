//! The Concrete density: that of a Gumbel-Softmax sample on the simplex.
//!
//! Maddison, Mnih and Teh (2017), definition 1; Jang, Gu and Poole (2017), appendix B.

use crate::Real;
use crate::error::{Error, check_temperature};
use crate::exp_concrete::{Tilted, check_vjp_shapes, count, fault};
use crate::reduce::{max, sum_of};
use crate::rows::{RowKernel, Rows, count_rows, same_length};

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
    check_temperature(tau)?;
    same_length("out", out.len(), count_rows(logits.len(), k)?);
    same_length("x", x.len(), logits.len());
    let rows = Rows { first: 0, count: out.len(), inputs: [x, logits], outputs: [out], indices: &mut [] };
    rows.run(LogDensity { k, tau })
}

#[derive(Clone, Copy)]
struct LogDensity<T> {
    k: usize,
    tau: T,
}

impl<T: Real> RowKernel<T, 2, 1> for LogDensity<T> {
    #[inline(always)]
    fn run<const FMA: bool>(self, rows: Rows<'_, T, 2, 1>) -> Result<(), Error> {
        let ([x, logits], [out], k) = (rows.inputs, rows.outputs, self.k);
        let (mut tilted, mut log_x) = (Tilted::new(k, self.tau), vec![T::zero(); k]);
        for (row, ((x, logits), out)) in x.chunks_exact(k).zip(logits.chunks_exact(k)).zip(out).enumerate() {
            logarithms::<T, FMA>(x, &mut log_x);
            tilted.set(&log_x, logits).ok_or_else(|| fault(rows.first + row, x, &log_x, logits))?;
            *out = if tilted.off_support() {
                limit(&tilted, &log_x, logits, self.tau)
            } else {
                tilted.log_density::<FMA>() - sum_of(&log_x, finite_or_zero)
            };
        }
        Ok(())
    }
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
    check_temperature(tau)?;
    check_vjp_shapes(logits.len(), k, [d.len(), d_tau.len()], [x.len(), d_x.len(), d_logits.len()])?;
    let count = d.len();
    let rows =
        Rows { first: 0, count, inputs: [x, logits, d], outputs: [d_x, d_logits, d_tau], indices: &mut [] };
    rows.run(LogDensityVjp { k, tau })
}

#[derive(Clone, Copy)]
struct LogDensityVjp<T> {
    k: usize,
    tau: T,
}

impl<T: Real> RowKernel<T, 3, 3> for LogDensityVjp<T> {
    #[inline(always)]
    fn run<const FMA: bool>(self, rows: Rows<'_, T, 3, 3>) -> Result<(), Error> {
        let ([x, logits, d], [d_x, d_logits, d_tau], k) = (rows.inputs, rows.outputs, self.k);
        let (mut tilted, mut log_x) = (Tilted::new(k, self.tau), vec![T::zero(); k]);
        let outputs = d_x.chunks_exact_mut(k).zip(d_logits.chunks_exact_mut(k)).zip(d_tau);
        for (row, ((d_x, d_logits), d_tau)) in outputs.enumerate() {
            let (x, logits, d) = (&x[row * k..][..k], &logits[row * k..][..k], d[row]);
            logarithms::<T, FMA>(x, &mut log_x);
            tilted.set(&log_x, logits).ok_or_else(|| fault(rows.first + row, x, &log_x, logits))?;
            *d_tau = tilted.vjp::<FMA>(&log_x, d, d_logits);
            let defined = !tilted.off_support();
            for ((d_x, &d_logit), &x) in d_x.iter_mut().zip(&*d_logits).zip(x) {
                // On the support an x of 0 is a masked one.
                *d_x = if defined && x > T::zero() { -(self.tau * d_logit + d) / x } else { T::zero() };
            }
        }
        Ok(())
    }
}

#[inline(always)]
fn logarithms<T: Real, const FMA: bool>(x: &[T], out: &mut [T]) {
    for (out, &x) in out.iter_mut().zip(x) {
        *out = x.lane_ln::<FMA>();
    }
}

/// On the support only masked categories have an infinite logarithm.
fn finite_or_zero<T: Real>(log_x: T) -> T {
    if log_x == T::neg_infinity() { T::zero() } else { log_x }
}

/// The log-density where some unmasked `x` are 0 or some masked ones are not.
fn limit<T: Real>(tilted: &Tilted<T>, log_x: &[T], logits: &[T], tau: T) -> T {
    let (n, zeros) = (count::<T>(tilted.n), count::<T>(tilted.zeros));
    let exponent = (n - zeros) * tau - zeros;
    if tilted.mass_on_mask || exponent > T::zero() {
        T::neg_infinity()
    } else if exponent < T::zero() {
        T::infinity()
    } else {
        balanced_limit(tilted, log_x, logits, tau)
    }
}

/// The limit where the powers of `ε` cancel: in the sum of exponentials only the zeros count.
fn balanced_limit<T: Real>(tilted: &Tilted<T>, log_x: &[T], logits: &[T], tau: T) -> T {
    let unmasked = || logits.iter().zip(log_x).filter(|(logit, _)| **logit > T::neg_infinity());
    let at_zeros: Vec<T> =
        unmasked().filter(|(_, log_x)| log_x.is_infinite()).map(|(&logit, _)| logit).collect();
    let max = max(&at_zeros);
    let log_sum = max + sum_of(&at_zeros, |logit| (logit - max).exp()).ln();
    let terms = unmasked().map(|(&logit, &log_x)| logit - log_sum - (tau + T::one()) * finite_or_zero(log_x));
    tilted.constant() + terms.sum::<T>()
}
