//! The interval of values that an axis shows.

/// An interval of numbers, `low < high`, both finite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Range {
    /// Low end.
    pub low: f64,
    /// High end.
    pub high: f64,
}

impl Range {
    /// The smallest range that holds all finite values; `None` where there are none.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        values.into_iter().filter(|v| v.is_finite()).fold(None, |range, v| match range {
            None => Some(Self { low: v, high: v }),
            Some(Self { low, high }) => Some(Self { low: v.min(low), high: v.max(high) }),
        })
    }

    /// Like [`of`](Self::of), but cut where the outer 5 % of the values lie far beyond the inner 90 %.
    ///
    /// "Far" is more than the width of the inner interval: a loss that falls from 540 to 100 in the first
    /// steps is cut, a straight line or plain noise is not.
    pub fn robust(values: &[f64]) -> Option<Self> {
        let mut sorted: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let whole = Self { low: *sorted.first()?, high: *sorted.last()? };
        let outer = (sorted.len() - 1).div_ceil(20);
        let inner = Self { low: sorted[outer], high: sorted[(sorted.len() - 1).saturating_sub(outer)] };
        let width = inner.high - inner.low;
        if sorted.len() < 4 || width <= 0.0 {
            return Some(whole);
        }
        let high = if whole.high - inner.high > width { inner.high + 0.25 * width } else { whole.high };
        let low = if inner.low - whole.low > width { inner.low - 0.25 * width } else { whole.low };
        Some(Self { low, high })
    }

    /// The smallest range that holds both.
    pub fn union(self, other: Self) -> Self {
        Self { low: self.low.min(other.low), high: self.high.max(other.high) }
    }

    /// A little more on both sides, and room around a single value.
    pub fn padded(self, log: bool) -> Self {
        let Self { low, high } = self;
        if log {
            let ratio = (high / low).powf(0.04).clamp(1.05, 1e6);
            return Self { low: (low / ratio).max(f64::MIN_POSITIVE), high: (high * ratio).min(f64::MAX) };
        }
        let flat = high - low <= 1e-9 * high.abs();
        let margin = if flat { (0.05 * high.abs()).max(0.5) } else { 0.04 * (high - low) };
        Self { low: (low - margin).max(f64::MIN), high: (high + margin).min(f64::MAX) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steep_start_is_cut() {
        let losses: Vec<f64> = (0..1000).map(|i| 100.0 + 440.0 * (-i as f64 / 20.0).exp()).collect();
        let range = Range::robust(&losses).unwrap();
        assert!(range.low == losses[999] && (130.0..200.0).contains(&range.high), "{range:?}");
    }

    #[test]
    fn one_huge_value_among_few_is_cut() {
        let range = Range::robust(&[541.0, 110.0, 104.0, 101.0, 99.0, 98.0]).unwrap();
        assert_eq!(range, Range { low: 98.0, high: 110.0 + 0.25 * 11.0 });
    }

    #[test]
    fn a_straight_line_is_not_cut_and_nan_is_no_value() {
        let line: Vec<f64> = (0..=100).map(f64::from).collect();
        assert_eq!(Range::robust(&line), Some(Range { low: 0.0, high: 100.0 }));
        assert_eq!(Range::robust(&[f64::NAN, 1.0, f64::INFINITY]), Some(Range { low: 1.0, high: 1.0 }));
        assert_eq!(Range::robust(&[f64::NAN]), None);
        assert_eq!(Range::of([]), None);
    }

    #[test]
    fn a_single_value_gets_room() {
        assert_eq!(Range { low: 0.5, high: 0.5 }.padded(false), Range { low: 0.0, high: 1.0 });
        assert_eq!(Range { low: 100.0, high: 100.0 }.padded(false), Range { low: 95.0, high: 105.0 });
    }
}
