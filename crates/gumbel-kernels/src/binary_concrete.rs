//! The Binary Concrete density: the relaxed Bernoulli, in logit space and on the unit interval.
//!
//! Maddison, Mnih and Teh (2017), appendix B. With logistic noise L the sample is
//! `y = (log_odds + L) / tau` in logit space, or `x = sigmoid(y)`. As in the categorical case, prefer logit
//! space: the sigmoid saturates.

use crate::Real;
use crate::error::{Error, check_temperature};
use crate::rows::same_length;

/// Log-density of points in logit space, with respect to dy.
///
/// ```text
/// out[i] = ln tau + a − 2 softplus(a),   a = log_odds[i] − tau y[i]
/// ```
///
/// −∞ at `y` = ±∞.
///
/// # Shapes
/// `y`, `log_odds`, `out` `[len]`.
///
/// # Errors
/// [`Error::Sample`] for a `y` that is NaN (as a row of one column); [`Error::LogOdds`] for log-odds that are
/// not finite; [`Error::Temperature`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// let mut out = [0.0];
/// gumbel_kernels::binary_concrete_log_density(&[0.7], &[3f64.ln()], 0.5, &mut out)?;
/// assert!((out[0] + 2.216392316f64).abs() < 1e-9);
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
pub fn binary_concrete_log_density<T: Real>(
    y: &[T],
    log_odds: &[T],
    tau: T,
    out: &mut [T],
) -> Result<(), Error> {
    check_temperature(tau)?;
    same_length("y", y.len(), log_odds.len());
    same_length("out", out.len(), log_odds.len());
    let log_tau = tau.ln();
    for (index, ((&y, &log_odds), out)) in y.iter().zip(log_odds).zip(out).enumerate() {
        check_point(index, y, !y.is_nan(), log_odds)?;
        *out = log_tau + log_bell(log_odds - tau * y);
    }
    Ok(())
}

/// Vector-Jacobian product of [`binary_concrete_log_density`] in all three arguments.
///
/// ```text
/// t = tanh(a / 2),   a = log_odds[i] − tau y[i]
/// d_y[i]        =  d[i] tau t
/// d_log_odds[i] = −d[i] t
/// d_tau[i]      =  d[i] (1 / tau + y[i] t)
/// ```
///
/// Exactly 0 at `y` = ±∞. The gradient in a shared `tau` is the sum of `d_tau`.
///
/// # Shapes
/// All slices `[len]`; `d` is the cotangent of the output.
///
/// # Errors
/// As [`binary_concrete_log_density`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// let (mut d_y, mut d_log_odds, mut d_tau) = ([0.0], [0.0], [0.0]);
/// gumbel_kernels::binary_concrete_log_density_vjp(
///     &[0.0], &[3f64.ln()], 0.5, &[1.0], &mut d_y, &mut d_log_odds, &mut d_tau,
/// )?;
/// assert!((d_log_odds[0] + 0.5).abs() < 1e-15); // 1 − 2 · 3/4
/// assert_eq!(d_tau, [2.0]);
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
pub fn binary_concrete_log_density_vjp<T: Real>(
    y: &[T],
    log_odds: &[T],
    tau: T,
    d: &[T],
    d_y: &mut [T],
    d_log_odds: &mut [T],
    d_tau: &mut [T],
) -> Result<(), Error> {
    check_temperature(tau)?;
    check_lengths(log_odds.len(), [y.len(), d.len(), d_y.len(), d_log_odds.len(), d_tau.len()]);
    for index in 0..y.len() {
        check_point(index, y[index], !y[index].is_nan(), log_odds[index])?;
        let [in_y, in_log_odds, in_tau] = slopes(y[index], log_odds[index], tau);
        d_y[index] = d[index] * in_y;
        d_log_odds[index] = d[index] * in_log_odds;
        d_tau[index] = d[index] * in_tau;
    }
    Ok(())
}

/// Log-density of points of the unit interval, with respect to dx.
///
/// ```text
/// out[i] = ln tau + a − 2 softplus(a) − ln x − ln(1 − x)
/// a = log_odds[i] − tau (ln x − ln(1 − x)),   x = x[i]
/// ```
///
/// At the ends it is the limit: +∞ for `tau` below 1, −∞ above; for 1, −log_odds at 0 and log_odds at 1.
///
/// # Shapes
/// `x`, `log_odds`, `out` `[len]`.
///
/// # Errors
/// [`Error::Sample`] for an `x` outside [0, 1] (as a row of one column); [`Error::LogOdds`] for log-odds that
/// are not finite; [`Error::Temperature`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// let mut out = [0.0];
/// gumbel_kernels::binary_concrete_unit_log_density(&[0.25], &[0.0f64], 1.0, &mut out)?;
/// assert!(out[0].abs() < 1e-15); // uniform
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
pub fn binary_concrete_unit_log_density<T: Real>(
    x: &[T],
    log_odds: &[T],
    tau: T,
    out: &mut [T],
) -> Result<(), Error> {
    check_temperature(tau)?;
    same_length("x", x.len(), log_odds.len());
    same_length("out", out.len(), log_odds.len());
    let log_tau = tau.ln();
    for (index, ((&x, &log_odds), out)) in x.iter().zip(log_odds).zip(out).enumerate() {
        check_point(index, x, in_unit(x), log_odds)?;
        let (log_x, log_rest) = (x.ln(), (-x).ln_1p());
        let inside = x > T::zero() && x < T::one();
        *out = if inside {
            log_tau + log_bell(log_odds - tau * (log_x - log_rest)) - log_x - log_rest
        } else {
            end_limit(x, log_odds, tau)
        };
    }
    Ok(())
}

/// Vector-Jacobian product of [`binary_concrete_unit_log_density`] in all three arguments.
///
/// ```text
/// t = tanh(a / 2),   a = log_odds[i] − tau y,   y = ln x − ln(1 − x),   x = x[i]
/// d_x[i]        =  d[i] (tau t − 1 + 2 x) / (x (1 − x))
/// d_log_odds[i] = −d[i] t
/// d_tau[i]      =  d[i] (1 / tau + y t)
/// ```
///
/// Exactly 0 at `x` = 0 and 1. The gradient in a shared `tau` is the sum of `d_tau`.
///
/// # Shapes
/// All slices `[len]`; `d` is the cotangent of the output.
///
/// # Errors
/// As [`binary_concrete_unit_log_density`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// let (mut d_x, mut d_log_odds, mut d_tau) = ([0.0], [0.0], [0.0]);
/// gumbel_kernels::binary_concrete_unit_log_density_vjp(
///     &[0.5], &[3f64.ln()], 0.5, &[1.0], &mut d_x, &mut d_log_odds, &mut d_tau,
/// )?;
/// assert!((d_x[0] - 1.0).abs() < 1e-15); // 0.5 · 0.5 / 0.25
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
pub fn binary_concrete_unit_log_density_vjp<T: Real>(
    x: &[T],
    log_odds: &[T],
    tau: T,
    d: &[T],
    d_x: &mut [T],
    d_log_odds: &mut [T],
    d_tau: &mut [T],
) -> Result<(), Error> {
    check_temperature(tau)?;
    check_lengths(log_odds.len(), [x.len(), d.len(), d_x.len(), d_log_odds.len(), d_tau.len()]);
    for index in 0..x.len() {
        let (x, d) = (x[index], d[index]);
        check_point(index, x, in_unit(x), log_odds[index])?;
        let rest = T::one() - x;
        let [in_y, in_log_odds, in_tau] = slopes(x.ln() - (-x).ln_1p(), log_odds[index], tau);
        let inside = x > T::zero() && rest > T::zero();
        d_x[index] = if inside { d * (in_y + x - rest) / x / rest } else { T::zero() };
        d_log_odds[index] = d * in_log_odds;
        d_tau[index] = d * in_tau;
    }
    Ok(())
}

/// `a − 2 softplus(a)`, the log-density of the standard logistic law: even in `a`.
fn log_bell<T: Real>(a: T) -> T {
    let a = a.abs();
    let log1p = (-a).exp().ln_1p();
    -a - log1p - log1p
}

/// Slopes of the logit-space log-density in `y`, the log-odds and `tau`; 0 where `y` is infinite.
fn slopes<T: Real>(y: T, log_odds: T, tau: T) -> [T; 3] {
    if y.is_infinite() {
        return [T::zero(); 3];
    }
    let t = ((log_odds - tau * y) * T::from_f64(0.5)).tanh();
    [tau * t, -t, tau.recip() + y * t]
}

/// The log-density on the unit interval at `x` = 0 or 1, where it behaves as `ε^(tau − 1)`.
fn end_limit<T: Real>(x: T, log_odds: T, tau: T) -> T {
    if tau < T::one() {
        T::infinity()
    } else if tau > T::one() {
        T::neg_infinity()
    } else if x == T::zero() {
        -log_odds
    } else {
        log_odds
    }
}

fn in_unit<T: Real>(x: T) -> bool {
    x >= T::zero() && x <= T::one()
}

#[inline]
fn check_point<T: Real>(index: usize, sample: T, on_support: bool, log_odds: T) -> Result<(), Error> {
    if !log_odds.is_finite() {
        return Err(Error::LogOdds { index, value: log_odds.into() });
    }
    if on_support { Ok(()) } else { Err(Error::Sample { row: index, column: 0, value: sample.into() }) }
}

#[track_caller]
fn check_lengths(expected: usize, lengths: [usize; 5]) {
    for (name, len) in ["the sample", "d", "its gradient", "d_log_odds", "d_tau"].into_iter().zip(lengths) {
        same_length(name, len, expected);
    }
}
