//! Division by the temperature.

use crate::Real;
use crate::parallel::block::{Block, map_rows};

/// A temperature, prepared for many divisions.
#[derive(Clone, Copy)]
pub(crate) struct Temperature<T> {
    tau: T,
    /// `1 / tau` in two parts: two fused multiplications give a quotient within one ulp.
    inverse: [T; 2],
    /// Whether `1 / tau`, and every quotient that affects the result, is within the range of the type.
    moderate: bool,
    /// Whether the numbers to be divided are given as their halves, because their gaps may be beyond the range of the
    /// type while the quotients are not.
    pub halved: bool,
}

impl<T: Real> Temperature<T> {
    /// For numbers that [`Self::halved`] says whether to halve; `halves` is whether they can be.
    pub fn new(tau: T, halves: bool) -> Self {
        let inverse = 1.0 / tau.into();
        let high = T::from_f64(inverse);
        let low = T::from_f64(inverse - high.into());
        let moderate = T::VECTORIZED && (1e-30..=1e30).contains(&tau.into());
        // At the lowest temperatures such a gap has weight 0 in any case, and halves of the smallest numbers are 0.
        let halved = halves && !moderate && tau.into() > 1e-30;
        Self { tau, inverse: [high, low], moderate, halved }
    }

    /// `(value − max) / tau` for a `value` that is not above `max`.
    ///
    /// For moderate temperatures: a gap that overflows, and that of a mask, is replaced by the largest finite one.
    /// Either has weight 0.
    #[inline(always)]
    fn gap<const FMA: bool>(self, value: T, max: T) -> T {
        let gap = value - max;
        let gap = if gap < T::min_value() { T::min_value() } else { gap };
        if FMA { gap.mul_add(self.inverse[1], gap * self.inverse[0]) } else { gap / self.tau }
    }

    /// The same for any temperature. It computes with halves, which is exact, because the gap of two finite numbers
    /// can overflow, and divides, because `1 / tau` overflows at low temperatures.
    #[inline(always)]
    fn gap_at_any_temperature(self, value: T, max: T) -> T {
        let half = T::from_f64(0.5);
        let gap = if self.halved { value - max } else { value * half - max * half };
        let halved = gap / self.tau;
        halved + halved
    }

    /// `to[r, i] = (from[r, i] − max[r]) / tau`.
    #[inline(always)]
    pub fn rows<const FMA: bool>(self, from: &Block<T>, k: usize, max: &[T], to: &mut Block<T>) {
        if self.moderate {
            map_rows(from, k, max, to, |value, max| self.gap::<FMA>(value, max));
        } else {
            map_rows(from, k, max, to, |value, max| self.gap_at_any_temperature(value, max));
        }
    }

    /// `values[i] = then((values[i] − max) / tau, values[i])`.
    #[inline(always)]
    pub fn each<const FMA: bool>(self, values: &mut [T], max: T, then: impl Fn(T, T) -> T) {
        if self.moderate {
            values.iter_mut().for_each(|value| *value = then(self.gap::<FMA>(*value, max), *value));
        } else {
            values
                .iter_mut()
                .for_each(|value| *value = then(self.gap_at_any_temperature(*value, max), *value));
        }
    }
}
