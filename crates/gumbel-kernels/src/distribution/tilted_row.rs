//! One row of a Concrete density in log space, `a = l − max l − tau y`, for any numbers.

use super::space::{Space, Support};
use super::tilt::{count, log_constant, tilt};
use crate::Real;
use crate::number::masked::weighted;
use crate::parallel::gaps::gap;
use crate::parallel::lanes::{Maxima, PIECE, max, sum, sum_of, sum_of_pairs, sums_of};

/// One row of `a = l − max l − tau y`.
pub(super) struct TiltedRow<T> {
    tau: T,
    /// −∞ at masks, +∞ at other categories with `y` = −∞, finite elsewhere.
    a: Vec<T>,
    /// The largest of `a`.
    max: T,
    pub support: Support,
    /// The constant of a row without masks.
    full_constant: T,
}

impl<T: Real> TiltedRow<T> {
    pub fn new(k: usize, tau: T) -> Self {
        let support = Support { unmasked: 0, zeros: 0, mass_on_mask: false };
        Self { tau, a: vec![T::zero(); k], max: T::zero(), support, full_constant: log_constant(k, tau) }
    }

    /// Sets the next row; false if it has an invalid number.
    #[inline(always)]
    pub fn set(&mut self, y: &[T], logits: &[T]) -> bool {
        let (mut n, mut zeros, mut mass_on_mask, mut valid) = (0u32, 0u32, false, true);
        let (tau, row_max, mut maxima) = (self.tau, max(logits), Maxima::new());
        for ((a, y), logits) in self.a.chunks_mut(PIECE).zip(y.chunks(PIECE)).zip(logits.chunks(PIECE)) {
            if all_finite(a, y, logits, tau, row_max) {
                n += a.len() as u32;
                maxima.update(a);
                continue;
            }
            for ((a, &y), &logit) in a.iter_mut().zip(y).zip(logits) {
                valid &= (y < T::infinity()) & (logit < T::infinity());
                let (masked, zero) = (logit == T::neg_infinity(), y == T::neg_infinity());
                n += u32::from(!masked);
                zeros += u32::from(!masked & zero);
                mass_on_mask |= masked & !zero;
                *a = if masked { logit } else { tilt(gap(logit, row_max), tau, y) };
            }
            maxima.update(a);
        }
        self.max = maxima.total();
        self.support = Support { unmasked: n as usize, zeros: zeros as usize, mass_on_mask };
        valid && n > 0 && (mass_on_mask || zeros < n)
    }

    /// The log-density of a point inside the support.
    #[inline(always)]
    pub fn log_prob<const FMA: bool, S: Space<T>>(&self, y: &[T]) -> T {
        let max = self.max;
        let [gaps, sum] = sums_of(
            &self.a,
            |a| if a == T::neg_infinity() { T::zero() } else { a - max },
            |a| (a - max).lane_exp_of_gap::<FMA>(),
        );
        let log_sum = sum.lane_ln::<FMA>();
        let at = |y: T| if y == T::neg_infinity() { T::zero() } else { y };
        let log_volume = if S::VOLUME { -sum_of(y, at) } else { T::zero() };
        self.constant() + gaps - count::<T>(self.support.unmasked) * log_sum + log_volume
    }

    /// `ln Γ(n) + (n − 1) ln tau`.
    fn constant(&self) -> T {
        let n = self.support.unmasked;
        if n == self.a.len() { self.full_constant } else { log_constant(n, self.tau) }
    }

    /// Writes the slopes in the logits and returns that in `tau`, all times `d`.
    #[inline(always)]
    pub fn vjp<const FMA: bool>(&self, y: &[T], d: T, d_logits: &mut [T]) -> T {
        if !self.support.is_inside() {
            d_logits.fill(T::zero());
            return T::zero();
        }
        self.deviations::<FMA>(d_logits);
        let slope = self.slope_in_tau(d_logits, y);
        for d_logit in d_logits {
            *d_logit = weighted(*d_logit, d);
        }
        slope * d
    }

    /// `(n − 1) / tau − Σᵢ yᵢ cᵢ`.
    #[inline(always)]
    fn slope_in_tau(&self, deviations: &[T], y: &[T]) -> T {
        let (n, tau) = (count::<T>(self.support.unmasked - 1), self.tau);
        let slope = n / tau - sum_of_pairs(deviations, y, weighted);
        if slope.abs() < T::infinity() { slope } else { large_slope_in_tau(n, tau, deviations, y) }
    }

    /// Writes the slopes in the sample, given those in the logits.
    #[inline(always)]
    pub fn d_sample<S: Space<T>>(&self, sample: &[T], d_logits: &[T], d: T, out: &mut [T]) {
        if !self.support.is_inside() {
            return out.fill(T::zero());
        }
        for (out, (&sample, &d_logit)) in out.iter_mut().zip(sample.iter().zip(d_logits)) {
            *out = S::d_sample(sample, d_logit, self.tau, d);
        }
    }

    /// `1 − n softmax(a)ᵢ`, and 0 at masks.
    #[inline(always)]
    fn deviations<const FMA: bool>(&self, out: &mut [T]) {
        let max = self.max;
        for (out, &a) in out.iter_mut().zip(&self.a) {
            *out = (a - max).lane_exp_of_gap::<FMA>();
        }
        let scale = count::<T>(self.support.unmasked) / sum(out);
        for (out, &a) in out.iter_mut().zip(&self.a) {
            *out = if a == T::neg_infinity() { T::zero() } else { T::one() - *out * scale };
        }
    }
}

/// Writes `a` where all of it is finite, and with it all numbers that it is made of: most pieces have neither masks nor zeros,
/// and need no more. False if not.
#[inline(always)]
fn all_finite<T: Real>(a: &mut [T], y: &[T], logits: &[T], tau: T, row_max: T) -> bool {
    let mut finite = 0u32;
    for ((a, &y), &logit) in a.iter_mut().zip(y).zip(logits) {
        *a = logit - row_max - tau * y;
        finite += u32::from(a.abs() < T::infinity());
    }
    finite as usize == a.len()
}

/// The slope in `tau` when its parts overflow: scaled down, so that the order of the sum cannot make a NaN of them.
#[cold]
#[inline(never)]
fn large_slope_in_tau<T: Real>(n: T, tau: T, deviations: &[T], y: &[T]) -> T {
    let down = T::from_f64(2f64.powi(-40));
    let sum = sum_of_pairs(deviations, y, |c, y| weighted(c, y * down));
    let volume = n * down / tau;
    // At the lowest temperatures both are beyond the range; what is left is that of the volume.
    if volume.is_infinite() { volume } else { (volume - sum) / down }
}
