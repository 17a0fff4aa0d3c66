//! Division by the temperature.

use crate::Real;
use crate::block::{Block, map_rows};

/// A temperature, prepared for many divisions.
#[derive(Clone, Copy)]
pub(crate) struct Temper<T> {
    tau: T,
    /// `1 / tau` in two parts, for a quotient of two fused multiplications within an ulp.
    inverse: [T; 2],
    /// Neither `1 / tau` nor a quotient that matters leaves the range of the type.
    moderate: bool,
}

impl<T: Real> Temper<T> {
    pub fn new(tau: T) -> Self {
        let inverse = 1.0 / tau.into();
        let high = T::from_f64(inverse);
        let low = T::from_f64(inverse - high.into());
        let moderate = T::VECTORISED && (1e-30..=1e30).contains(&tau.into());
        Self { tau, inverse: [high, low], moderate }
    }

    /// `(value − max) / tau` for a `value` that is not above `max`.
    ///
    /// At moderate temperatures a gap that overflows is taken for the largest there is, since either has
    /// weight 0; so is that of a mask.
    #[inline(always)]
    fn gap<const FMA: bool>(self, value: T, max: T) -> T {
        let gap = value - max;
        let gap = if gap < T::min_value() { T::min_value() } else { gap };
        if FMA { gap.mul_add(self.inverse[1], gap * self.inverse[0]) } else { gap / self.tau }
    }

    /// The same at any temperature: in halves, an exact scaling, since the gap of two finite numbers can
    /// overflow; divided, since `1 / tau` overflows at small temperatures.
    #[inline(always)]
    fn gap_at_any(self, value: T, max: T) -> T {
        let half = T::from_f64(0.5);
        let gap = value * half - max * half;
        let halved = gap / self.tau;
        halved + halved
    }

    /// `to[r, i] = (from[r, i] − max[r]) / tau`.
    #[inline(always)]
    pub fn rows<const FMA: bool>(self, from: &Block<T>, k: usize, max: &[T], to: &mut Block<T>) {
        if self.moderate {
            map_rows(from, k, max, to, |value, max| self.gap::<FMA>(value, max));
        } else {
            map_rows(from, k, max, to, |value, max| self.gap_at_any(value, max));
        }
    }

    /// `values[i] = then((values[i] − max) / tau, values[i])`.
    #[inline(always)]
    pub fn each<const FMA: bool>(self, values: &mut [T], max: T, then: impl Fn(T, T) -> T) {
        if self.moderate {
            values.iter_mut().for_each(|value| *value = then(self.gap::<FMA>(*value, max), *value));
        } else {
            values.iter_mut().for_each(|value| *value = then(self.gap_at_any(*value, max), *value));
        }
    }
}
