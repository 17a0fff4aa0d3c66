//! One row of a density in log space, `a = l − tau y`, whatever numbers it holds.

use crate::Real;
use crate::density::Space;
use crate::reduce::{max, sum, sum_of, sum_of_pairs};
use crate::softmax::weighted;

/// One row of `a = l − tau y`, and what kind of point it is.
pub(crate) struct Tilted<T> {
    pub(crate) tau: T,
    /// −∞ at masks, +∞ where else `y` is −∞, finite everywhere else.
    a: Vec<T>,
    /// Unmasked categories.
    pub(crate) n: usize,
    /// Those of them where `y` is −∞.
    pub(crate) zeros: usize,
    /// Whether `y` is above −∞ at a mask.
    pub(crate) mass_on_mask: bool,
    /// That of a row without masks.
    full_constant: T,
}

impl<T: Real> Tilted<T> {
    pub(crate) fn new(k: usize, tau: T) -> Self {
        let full_constant = log_constant(k, tau);
        Self { tau, a: vec![T::zero(); k], n: 0, zeros: 0, mass_on_mask: false, full_constant }
    }

    /// Takes the next row; `None` if it has a number that it must not have.
    #[inline(always)]
    pub(crate) fn set(&mut self, y: &[T], logits: &[T]) -> Option<()> {
        let (mut n, mut zeros, mut mass_on_mask, mut sound) = (0u32, 0u32, false, true);
        for ((a, &y), &logit) in self.a.iter_mut().zip(y).zip(logits) {
            sound &= (y < T::infinity()) & (logit < T::infinity());
            let (masked, zero) = (logit == T::neg_infinity(), y == T::neg_infinity());
            n += u32::from(!masked);
            zeros += u32::from(!masked & zero);
            mass_on_mask |= masked & !zero;
            *a = if masked { logit } else { tilt(logit, self.tau, y) };
        }
        (self.n, self.zeros, self.mass_on_mask) = (n as usize, zeros as usize, mass_on_mask);
        let mass = mass_on_mask || zeros < n;
        (sound && mass && n > 0).then_some(())
    }

    pub(crate) fn off_support(&self) -> bool {
        self.mass_on_mask || self.zeros > 0
    }

    /// The log-density of a point on the support.
    #[inline(always)]
    pub(crate) fn log_density<const FMA: bool, S: Space<T>>(&self, y: &[T]) -> T {
        let max = max(&self.a);
        let gaps = sum_of(&self.a, |a| if a == T::neg_infinity() { T::zero() } else { a - max });
        let log_sum = sum_of(&self.a, |a| (a - max).lane_exp_of_gap::<FMA>()).lane_ln::<FMA>();
        let at = |y: T| if y == T::neg_infinity() { T::zero() } else { y };
        let log_volume = if S::VOLUME { -sum_of(y, at) } else { T::zero() };
        self.constant() + gaps - count::<T>(self.n) * log_sum + log_volume
    }

    /// ln Γ(n) + (n − 1) ln tau.
    pub(crate) fn constant(&self) -> T {
        if self.n == self.a.len() { self.full_constant } else { log_constant(self.n, self.tau) }
    }

    /// Writes the gradient in the logits and returns that in `tau`, times `d`.
    #[inline(always)]
    pub(crate) fn vjp<const FMA: bool>(&self, y: &[T], d: T, d_logits: &mut [T]) -> T {
        if self.off_support() {
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
        let (n, tau) = (count::<T>(self.n - 1), self.tau);
        let slope = n / tau - sum_of_pairs(deviations, y, weighted);
        if slope.abs() < T::infinity() { slope } else { large_slope_in_tau(n, tau, deviations, y) }
    }

    /// The gradient in the sample, given that in the logits.
    #[inline(always)]
    pub(crate) fn d_sample<S: Space<T>>(&self, sample: &[T], d_logits: &[T], d: T, out: &mut [T]) {
        if self.off_support() {
            return out.fill(T::zero());
        }
        for (out, (&sample, &d_logit)) in out.iter_mut().zip(sample.iter().zip(d_logits)) {
            *out = S::d_sample(sample, d_logit, self.tau, d);
        }
    }

    /// `1 − n softmax(a)ᵢ`, and 0 at masks.
    #[inline(always)]
    fn deviations<const FMA: bool>(&self, out: &mut [T]) {
        let max = max(&self.a);
        for (out, &a) in out.iter_mut().zip(&self.a) {
            *out = (a - max).lane_exp_of_gap::<FMA>();
        }
        let scale = count::<T>(self.n) / sum(out);
        for (out, &a) in out.iter_mut().zip(&self.a) {
            *out = if a == T::neg_infinity() { T::zero() } else { T::one() - *out * scale };
        }
    }
}

/// Its parts may have overflowed, and the order of the sum must not make a NaN of them.
#[cold]
#[inline(never)]
fn large_slope_in_tau<T: Real>(n: T, tau: T, deviations: &[T], y: &[T]) -> T {
    let down = T::from_f64(2f64.powi(-40));
    let sum = sum_of_pairs(deviations, y, |c, y| weighted(c, y * down));
    (n * down / tau - sum) / down
}

/// `logit − tau · y`, infinite only if `y` is.
#[inline(always)]
pub(crate) fn tilt<T: Real>(logit: T, tau: T, y: T) -> T {
    let a = logit - tau * y;
    let above = if a < T::min_value() { T::min_value() } else { a };
    let between = if above > T::max_value() { T::max_value() } else { above };
    if y.abs() < T::infinity() { between } else { a }
}

/// ln Γ(n) + (n − 1) ln tau.
pub(crate) fn log_constant<T: Real>(n: usize, tau: T) -> T {
    T::from_f64(libm::lgamma(n as f64) + (n as f64 - 1.0) * tau.into().ln())
}

pub(crate) fn count<T: Real>(n: usize) -> T {
    T::from_f64(n as f64)
}
