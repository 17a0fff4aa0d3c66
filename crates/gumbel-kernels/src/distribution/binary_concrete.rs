//! The Binary Concrete distribution (relaxed Bernoulli), in logit space and on the unit interval.
//!
//! Maddison, Mnih and Teh (2017), appendix B.
//!
//! In `f32`, `ln(1 + e^−|a|)` and `tanh(a / 2)` are accurate to 3 units in the last place. The other error is the
//! rounding of `a`: a log-density differs from its formula by at most 5e-7 max(1, |result|) +
//! 1.2e-7 (|log_odds| + |tau y|), and each slope by as much times its scale.

use crate::Real;
use crate::error::{Error, check_temperature};
use crate::parallel::block::BLOCK;
use crate::parallel::rows::{RowKernel, Rows, same_length};
use core::marker::PhantomData;

/// Log-density of the Binary Concrete (relaxed Bernoulli) distribution in logit space, at the points `y`.
///
/// ```text
/// out[i] = ln tau + a − 2 softplus(a),   a = log_odds[i] − tau y[i]
/// ```
///
/// The distribution of `y = (log_odds + L) / tau`, with logistic noise `L`; the density is with respect to dy. It is −∞
/// at `y` = ±∞. Prefer it to [`binary_concrete_unit_log_prob`], because the sigmoid saturates.
///
/// Maddison, Mnih and Teh (2017), appendix B. In `f32` the error is at most
/// 5e-7 max(1, |result|) + 1.2e-7 (|log_odds| + |tau y|).
///
/// # Shapes
/// `log_odds`, `y`, `out` `[len]`.
///
/// # Errors
/// [`Error::Sample`] for a `y` that is NaN, which counts as a row of one column; [`Error::LogOdds`] for log-odds that
/// are not finite; [`Error::Temperature`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// let mut out = [0.0];
/// gumbel_kernels::binary_concrete_log_prob(&[3f64.ln()], &[0.7], 0.5, &mut out)?;
/// assert!((out[0] + 2.216392316f64).abs() < 1e-9);
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
#[doc(alias = "relaxed bernoulli")]
#[doc(alias = "gumbel-sigmoid")]
#[doc(alias = "log_density")]
pub fn binary_concrete_log_prob<T: Real>(
    log_odds: &[T],
    y: &[T],
    tau: T,
    out: &mut [T],
) -> Result<(), Error> {
    check_temperature(tau)?;
    same_length("y", y.len(), log_odds.len());
    log_prob::<T, LogitSpace>(tau, [log_odds, y], out)
}

/// Vector-Jacobian product of [`binary_concrete_log_prob`] in the log-odds, the points and `tau`.
///
/// ```text
/// t = tanh(a / 2),   a = log_odds[i] − tau y[i]
/// d_log_odds[i] = −d[i] t
/// d_y[i]        =  d[i] tau t
/// d_tau[i]      =  d[i] (1 / tau + y[i] t)
/// ```
///
/// Exactly 0 at `y` = ±∞. The gradient in a shared `tau` is the sum of `d_tau`.
///
/// # Shapes
/// All slices `[len]`; `d` is the cotangent of the output.
///
/// # Errors
/// Those of [`binary_concrete_log_prob`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// let (mut d_log_odds, mut d_y, mut d_tau) = ([0.0], [0.0], [0.0]);
/// gumbel_kernels::binary_concrete_log_prob_vjp(
///     &[3f64.ln()], &[0.0], &[1.0], 0.5, &mut d_log_odds, &mut d_y, &mut d_tau,
/// )?;
/// assert!((d_log_odds[0] + 0.5).abs() < 1e-15); // 1 − 2 · 3/4
/// assert_eq!(d_tau, [2.0]);
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
pub fn binary_concrete_log_prob_vjp<T: Real>(
    log_odds: &[T],
    y: &[T],
    d: &[T],
    tau: T,
    d_log_odds: &mut [T],
    d_y: &mut [T],
    d_tau: &mut [T],
) -> Result<(), Error> {
    log_prob_vjp::<T, LogitSpace>(tau, [log_odds, y, d], [d_log_odds, d_y, d_tau])
}

/// Log-density of the Binary Concrete (relaxed Bernoulli) distribution at the points `x` of the unit interval.
///
/// ```text
/// out[i] = ln tau + a − 2 softplus(a) − ln x − ln(1 − x)
/// a = log_odds[i] − tau (ln x − ln(1 − x)),   x = x[i]
/// ```
///
/// The distribution of `x = sigmoid((log_odds + L) / tau)`, with logistic noise `L`; the density is with respect to dx.
/// At the ends it is the limit: +∞ for `tau` below 1, −∞ above 1; at `tau` = 1, −log_odds at 0 and log_odds at 1.
///
/// Maddison, Mnih and Teh (2017), appendix B.
///
/// # Shapes
/// `log_odds`, `x`, `out` `[len]`.
///
/// # Errors
/// [`Error::Sample`] for an `x` outside [0, 1], which counts as a row of one column; [`Error::LogOdds`] for log-odds that
/// are not finite; [`Error::Temperature`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// let mut out = [0.0];
/// gumbel_kernels::binary_concrete_unit_log_prob(&[0.0f64], &[0.25], 1.0, &mut out)?;
/// assert!(out[0].abs() < 1e-15); // uniform
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
#[doc(alias = "relaxed bernoulli")]
#[doc(alias = "gumbel-sigmoid")]
#[doc(alias = "log_density")]
pub fn binary_concrete_unit_log_prob<T: Real>(
    log_odds: &[T],
    x: &[T],
    tau: T,
    out: &mut [T],
) -> Result<(), Error> {
    check_temperature(tau)?;
    same_length("x", x.len(), log_odds.len());
    log_prob::<T, UnitInterval>(tau, [log_odds, x], out)
}

/// Vector-Jacobian product of [`binary_concrete_unit_log_prob`] in the log-odds, the points and `tau`.
///
/// ```text
/// t = tanh(a / 2),   a = log_odds[i] − tau y,   y = ln x − ln(1 − x),   x = x[i]
/// d_log_odds[i] = −d[i] t
/// d_x[i]        =  d[i] (tau t − 1 + 2 x) / (x (1 − x))
/// d_tau[i]      =  d[i] (1 / tau + y t)
/// ```
///
/// Exactly 0 at `x` = 0 and 1. The gradient in a shared `tau` is the sum of `d_tau`.
///
/// # Shapes
/// All slices `[len]`; `d` is the cotangent of the output.
///
/// # Errors
/// Those of [`binary_concrete_unit_log_prob`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// let (mut d_log_odds, mut d_x, mut d_tau) = ([0.0], [0.0], [0.0]);
/// gumbel_kernels::binary_concrete_unit_log_prob_vjp(
///     &[3f64.ln()], &[0.5], &[1.0], 0.5, &mut d_log_odds, &mut d_x, &mut d_tau,
/// )?;
/// assert!((d_x[0] - 1.0).abs() < 1e-15); // 0.5 · 0.5 / 0.25
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
pub fn binary_concrete_unit_log_prob_vjp<T: Real>(
    log_odds: &[T],
    x: &[T],
    d: &[T],
    tau: T,
    d_log_odds: &mut [T],
    d_x: &mut [T],
    d_tau: &mut [T],
) -> Result<(), Error> {
    log_prob_vjp::<T, UnitInterval>(tau, [log_odds, x, d], [d_log_odds, d_x, d_tau])
}

/// `inputs` are the log-odds and the sample.
fn log_prob<T: Real, S: Space<T>>(tau: T, inputs: [&[T]; 2], out: &mut [T]) -> Result<(), Error> {
    let count = inputs[0].len();
    same_length("out", out.len(), count);
    let kernel = LogProb { tau, log_tau: tau.ln(), space: PhantomData::<S> };
    Rows { first: 0, count, inputs, outputs: [out], indices: &mut [] }.run(kernel)
}

/// `inputs` are the log-odds, the sample and the cotangent of the output; `outputs` are the cotangents of the log-odds,
/// of the sample and of `tau`.
fn log_prob_vjp<T: Real, S: Space<T>>(
    tau: T,
    inputs: [&[T]; 3],
    outputs: [&mut [T]; 3],
) -> Result<(), Error> {
    check_temperature(tau)?;
    let ([log_odds, sample, d], [d_log_odds, d_sample, d_tau]) = (&inputs, &outputs);
    let lengths = [sample.len(), d.len(), d_sample.len(), d_log_odds.len(), d_tau.len()];
    for (name, len) in ["the sample", "d", "its cotangent", "d_log_odds", "d_tau"].into_iter().zip(lengths) {
        same_length(name, len, log_odds.len());
    }
    let count = log_odds.len();
    let kernel = LogProbVjp { tau, space: PhantomData::<S> };
    Rows { first: 0, count, inputs, outputs, indices: &mut [] }.run(kernel)
}

/// Where the points lie.
trait Space<T>: Copy + Send + Sync {
    /// Whether a point is in the support.
    fn on_support(sample: T) -> bool;

    fn log_prob<const FMA: bool>(sample: T, log_odds: T, tau: T, log_tau: T) -> T;

    /// The slopes in the log-odds, the sample and `tau`, times `d`.
    fn slopes<const FMA: bool>(sample: T, log_odds: T, tau: T, d: T) -> [T; 3];
}

#[derive(Clone, Copy)]
struct LogProb<T, S> {
    tau: T,
    log_tau: T,
    space: PhantomData<S>,
}

impl<T: Real, S: Space<T>> RowKernel<T, 2, 1> for LogProb<T, S> {
    #[inline(always)]
    fn run<const FMA: bool>(self, rows: Rows<'_, T, 2, 1>) -> Result<(), Error> {
        let ([log_odds, samples], [out]) = (rows.inputs, rows.outputs);
        check_points::<T, S>(rows.first, samples, log_odds)?;
        for ((out, &sample), &log_odds) in out.iter_mut().zip(samples).zip(log_odds) {
            *out = S::log_prob::<FMA>(sample, log_odds, self.tau, self.log_tau);
        }
        Ok(())
    }
}

#[derive(Clone, Copy)]
struct LogProbVjp<T, S> {
    tau: T,
    space: PhantomData<S>,
}

impl<T: Real, S: Space<T>> RowKernel<T, 3, 3> for LogProbVjp<T, S> {
    #[inline(always)]
    fn run<const FMA: bool>(self, rows: Rows<'_, T, 3, 3>) -> Result<(), Error> {
        let ([log_odds, samples, d], outputs) = (rows.inputs, rows.outputs);
        check_points::<T, S>(rows.first, samples, log_odds)?;
        // By way of blocks of its own: the compiler cannot see that three outputs and three inputs do not overlap.
        let mut slopes = [[T::zero(); BLOCK]; 3];
        for from in (0..d.len()).step_by(BLOCK) {
            let to = (from + BLOCK).min(d.len());
            let points = samples[from..to].iter().zip(&log_odds[from..to]).zip(&d[from..to]);
            for (at, ((&sample, &log_odds), &d)) in points.enumerate().take(BLOCK) {
                let [in_log_odds, in_sample, in_tau] = S::slopes::<FMA>(sample, log_odds, self.tau, d);
                (slopes[0][at], slopes[1][at], slopes[2][at]) = (in_log_odds, in_sample, in_tau);
            }
            for axis in 0..3 {
                outputs[axis][from..to].copy_from_slice(&slopes[axis][..to - from]);
            }
        }
        Ok(())
    }
}

#[inline(always)]
fn check_points<T: Real, S: Space<T>>(first: usize, samples: &[T], log_odds: &[T]) -> Result<(), Error> {
    let mut valid = true;
    for (&sample, &log_odds) in samples.iter().zip(log_odds) {
        valid &= S::on_support(sample) & (log_odds.abs() < T::infinity());
    }
    if valid { Ok(()) } else { Err(error::<T, S>(first, samples, log_odds)) }
}

/// The error of the first invalid point.
#[cold]
fn error<T: Real, S: Space<T>>(first: usize, samples: &[T], log_odds: &[T]) -> Error {
    let mut points = (first..).zip(samples.iter().zip(log_odds));
    let found = points.find_map(|(index, (&sample, &log_odds))| {
        if !log_odds.is_finite() {
            return Some(Error::LogOdds { index, value: log_odds.into() });
        }
        let error = Error::Sample { row: index, column: 0, value: sample.into() };
        (!S::on_support(sample)).then_some(error)
    });
    found.expect("one of the points is invalid")
}

#[derive(Clone, Copy)]
struct LogitSpace;

impl<T: Real> Space<T> for LogitSpace {
    #[inline(always)]
    fn on_support(y: T) -> bool {
        !y.is_nan()
    }

    #[inline(always)]
    fn log_prob<const FMA: bool>(y: T, log_odds: T, tau: T, log_tau: T) -> T {
        log_tau + logistic_log_prob::<T, FMA>(log_odds - tau * y)
    }

    #[inline(always)]
    fn slopes<const FMA: bool>(y: T, log_odds: T, tau: T, d: T) -> [T; 3] {
        let t = (log_odds - tau * y).lane_tanh_half::<FMA>();
        let slopes = [-t, tau * t, tau.recip() + y * t];
        let inside = y.abs() < T::infinity();
        slopes.map(|slope| if inside { d * slope } else { T::zero() })
    }
}

#[derive(Clone, Copy)]
struct UnitInterval;

impl<T: Real> Space<T> for UnitInterval {
    #[inline(always)]
    fn on_support(x: T) -> bool {
        (x >= T::zero()) & (x <= T::one())
    }

    #[inline(always)]
    fn log_prob<const FMA: bool>(x: T, log_odds: T, tau: T, log_tau: T) -> T {
        let (log_x, log_rest) = logs::<T, FMA>(x);
        let inside =
            log_tau + logistic_log_prob::<T, FMA>(log_odds - tau * (log_x - log_rest)) - log_x - log_rest;
        if (x > T::zero()) & (x < T::one()) { inside } else { end_limit(x, log_odds, tau) }
    }

    #[inline(always)]
    fn slopes<const FMA: bool>(x: T, log_odds: T, tau: T, d: T) -> [T; 3] {
        let (log_x, log_rest) = logs::<T, FMA>(x);
        let (y, rest) = (log_x - log_rest, T::one() - x);
        let [in_log_odds, _, in_tau] = LogitSpace::slopes::<FMA>(y, log_odds, tau, d);
        let in_y = tau * (log_odds - tau * y).lane_tanh_half::<FMA>();
        let inside = (x > T::zero()) & (rest > T::zero());
        let d_x = if inside { d * (in_y + x - rest) / x / rest } else { T::zero() };
        [in_log_odds, d_x, in_tau]
    }
}

/// `ln x` and `ln(1 − x)`, both from the nearer end.
#[inline(always)]
fn logs<T: Real, const FMA: bool>(x: T) -> (T, T) {
    let (upper, rest) = (x > T::from_f64(0.5), T::one() - x);
    let nearer = if upper { rest } else { x };
    let (log, log_complement) = (nearer.lane_ln::<FMA>(), nearer.lane_ln_complement::<FMA>());
    if upper { (log_complement, log) } else { (log, log_complement) }
}

/// `a − 2 softplus(a)`, the log-density of the standard logistic distribution, which is even in `a`.
#[inline(always)]
fn logistic_log_prob<T: Real, const FMA: bool>(a: T) -> T {
    let a = a.abs();
    let log1p = (-a).lane_exp::<FMA>().lane_ln_1p::<FMA>();
    -a - log1p - log1p
}

/// The log-density on the unit interval at `x` = 0 or 1, where it behaves as `ε^(tau − 1)`.
#[inline(always)]
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
