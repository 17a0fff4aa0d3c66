//! The Binary Concrete density: the relaxed Bernoulli, in logit space and on the unit interval.
//!
//! Maddison, Mnih and Teh (2017), appendix B. With logistic noise L the sample is
//! `y = (log_odds + L) / tau` in logit space, or `x = sigmoid(y)`. As in the categorical case, prefer logit
//! space: the sigmoid saturates.
//!
//! In `f32` the logarithm `ln(1 + e^−|a|)` is good to 3 units in the last place and `tanh(a / 2)` to 3. What else a
//! result loses is in the rounding of `a`: a density differs from its formula by at most 5e-7 max(1, |result|) +
//! 1.2e-7 (|log_odds| + |tau y|), and each slope by as much times its scale.

use crate::Real;
use crate::block::BLOCK;
use crate::error::{Error, check_temperature};
use crate::rows::{RowKernel, Rows, same_length};
use core::marker::PhantomData;

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
    log_density::<T, LogitSpace>(tau, [y, log_odds], out)
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
    log_density_vjp::<T, LogitSpace>(tau, [y, log_odds, d], [d_y, d_log_odds, d_tau])
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
    log_density::<T, UnitInterval>(tau, [x, log_odds], out)
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
    log_density_vjp::<T, UnitInterval>(tau, [x, log_odds, d], [d_x, d_log_odds, d_tau])
}

fn log_density<T: Real, S: Space<T>>(tau: T, inputs: [&[T]; 2], out: &mut [T]) -> Result<(), Error> {
    let count = inputs[1].len();
    same_length("out", out.len(), count);
    let kernel = LogDensity { tau, log_tau: tau.ln(), space: PhantomData::<S> };
    Rows { first: 0, count, inputs, outputs: [out], indices: &mut [] }.run(kernel)
}

/// `inputs` are the sample, its log-odds and the cotangent of the output; `outputs` the cotangents of the sample, of
/// the log-odds and of `tau`.
fn log_density_vjp<T: Real, S: Space<T>>(
    tau: T,
    inputs: [&[T]; 3],
    outputs: [&mut [T]; 3],
) -> Result<(), Error> {
    check_temperature(tau)?;
    let ([sample, log_odds, d], [d_sample, d_log_odds, d_tau]) = (&inputs, &outputs);
    let lengths = [sample.len(), d.len(), d_sample.len(), d_log_odds.len(), d_tau.len()];
    for (name, len) in ["the sample", "d", "its gradient", "d_log_odds", "d_tau"].into_iter().zip(lengths) {
        same_length(name, len, log_odds.len());
    }
    let count = log_odds.len();
    let kernel = LogDensityVjp { tau, space: PhantomData::<S> };
    Rows { first: 0, count, inputs, outputs, indices: &mut [] }.run(kernel)
}

/// Where the points lie.
trait Space<T>: Copy + Send + Sync {
    fn on_support(sample: T) -> bool;

    fn log_density<const FMA: bool>(sample: T, log_odds: T, tau: T, log_tau: T) -> T;

    /// The slopes in the sample, the log-odds and `tau`, times `d`.
    fn slopes<const FMA: bool>(sample: T, log_odds: T, tau: T, d: T) -> [T; 3];
}

#[derive(Clone, Copy)]
struct LogDensity<T, S> {
    tau: T,
    log_tau: T,
    space: PhantomData<S>,
}

impl<T: Real, S: Space<T>> RowKernel<T, 2, 1> for LogDensity<T, S> {
    #[inline(always)]
    fn run<const FMA: bool>(self, rows: Rows<'_, T, 2, 1>) -> Result<(), Error> {
        let ([samples, log_odds], [out]) = (rows.inputs, rows.outputs);
        check_points::<T, S>(rows.first, samples, log_odds)?;
        for ((out, &sample), &log_odds) in out.iter_mut().zip(samples).zip(log_odds) {
            *out = S::log_density::<FMA>(sample, log_odds, self.tau, self.log_tau);
        }
        Ok(())
    }
}

#[derive(Clone, Copy)]
struct LogDensityVjp<T, S> {
    tau: T,
    space: PhantomData<S>,
}

impl<T: Real, S: Space<T>> RowKernel<T, 3, 3> for LogDensityVjp<T, S> {
    #[inline(always)]
    fn run<const FMA: bool>(self, rows: Rows<'_, T, 3, 3>) -> Result<(), Error> {
        let ([samples, log_odds, d], outputs) = (rows.inputs, rows.outputs);
        check_points::<T, S>(rows.first, samples, log_odds)?;
        // Through blocks of our own: that three outputs do not overlap each other nor an input is hard to see.
        let mut slopes = [[T::zero(); BLOCK]; 3];
        for from in (0..d.len()).step_by(BLOCK) {
            let to = (from + BLOCK).min(d.len());
            let points = samples[from..to].iter().zip(&log_odds[from..to]).zip(&d[from..to]);
            for (at, ((&sample, &log_odds), &d)) in points.enumerate().take(BLOCK) {
                let [in_sample, in_log_odds, in_tau] = S::slopes::<FMA>(sample, log_odds, self.tau, d);
                (slopes[0][at], slopes[1][at], slopes[2][at]) = (in_sample, in_log_odds, in_tau);
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
    let mut sound = true;
    for (&sample, &log_odds) in samples.iter().zip(log_odds) {
        sound &= S::on_support(sample) & (log_odds.abs() < T::infinity());
    }
    if sound { Ok(()) } else { Err(fault::<T, S>(first, samples, log_odds)) }
}

/// What is wrong with the first point that has a fault.
#[cold]
fn fault<T: Real, S: Space<T>>(first: usize, samples: &[T], log_odds: &[T]) -> Error {
    let mut points = (first..).zip(samples.iter().zip(log_odds));
    let fault = points.find_map(|(index, (&sample, &log_odds))| {
        if !log_odds.is_finite() {
            return Some(Error::LogOdds { index, value: log_odds.into() });
        }
        let error = Error::Sample { row: index, column: 0, value: sample.into() };
        (!S::on_support(sample)).then_some(error)
    });
    fault.expect("one of the points is not sound")
}

#[derive(Clone, Copy)]
struct LogitSpace;

impl<T: Real> Space<T> for LogitSpace {
    #[inline(always)]
    fn on_support(y: T) -> bool {
        !y.is_nan()
    }

    #[inline(always)]
    fn log_density<const FMA: bool>(y: T, log_odds: T, tau: T, log_tau: T) -> T {
        log_tau + log_bell::<T, FMA>(log_odds - tau * y)
    }

    #[inline(always)]
    fn slopes<const FMA: bool>(y: T, log_odds: T, tau: T, d: T) -> [T; 3] {
        let t = (log_odds - tau * y).lane_tanh_half::<FMA>();
        let slopes = [tau * t, -t, tau.recip() + y * t];
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
    fn log_density<const FMA: bool>(x: T, log_odds: T, tau: T, log_tau: T) -> T {
        let (log_x, log_rest) = logs::<T, FMA>(x);
        let inside = log_tau + log_bell::<T, FMA>(log_odds - tau * (log_x - log_rest)) - log_x - log_rest;
        if (x > T::zero()) & (x < T::one()) { inside } else { end_limit(x, log_odds, tau) }
    }

    #[inline(always)]
    fn slopes<const FMA: bool>(x: T, log_odds: T, tau: T, d: T) -> [T; 3] {
        let (log_x, log_rest) = logs::<T, FMA>(x);
        let (y, rest) = (log_x - log_rest, T::one() - x);
        let [_, in_log_odds, in_tau] = LogitSpace::slopes::<FMA>(y, log_odds, tau, d);
        let in_y = tau * (log_odds - tau * y).lane_tanh_half::<FMA>();
        let inside = (x > T::zero()) & (rest > T::zero());
        let d_x = if inside { d * (in_y + x - rest) / x / rest } else { T::zero() };
        [d_x, in_log_odds, in_tau]
    }
}

/// `ln x` and `ln(1 − x)`, each from the end that is nearer.
#[inline(always)]
fn logs<T: Real, const FMA: bool>(x: T) -> (T, T) {
    let (upper, rest) = (x > T::from_f64(0.5), T::one() - x);
    let nearer = if upper { rest } else { x };
    let (log, log_complement) = (nearer.lane_ln::<FMA>(), nearer.lane_ln_complement::<FMA>());
    if upper { (log_complement, log) } else { (log, log_complement) }
}

/// `a − 2 softplus(a)`, the log-density of the standard logistic law: even in `a`.
#[inline(always)]
fn log_bell<T: Real, const FMA: bool>(a: T) -> T {
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
