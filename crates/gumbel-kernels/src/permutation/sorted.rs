//! The scores of a row in descending order.

use crate::Real;
use crate::error::Error;

/// Which score comes first in a sort, and has rank 1.
///
/// ```
/// use gumbel_kernels::{Direction, Regularization, isotonic_rank};
/// let mut rank = [0.0; 3];
/// isotonic_rank(&[0.5, 9.0, 3.0], 3, 1.0, Regularization::Quadratic, Direction::Ascending, &mut rank)?;
/// assert_eq!(rank, [1.0, 3.0, 2.0]);
/// isotonic_rank(&[0.5, 9.0, 3.0], 3, 1.0, Regularization::Quadratic, Direction::Descending, &mut rank)?;
/// assert_eq!(rank, [3.0, 1.0, 2.0]);
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The largest.
    Descending,
    /// The smallest.
    Ascending,
}

impl Direction {
    /// The factor that turns an order in this direction into a descending one.
    pub(super) fn sign(self) -> f64 {
        match self {
            Self::Descending => 1.0,
            Self::Ascending => -1.0,
        }
    }
}

/// Returns an error for the first score of a row that is not finite.
pub(super) fn check_scores<T: Real>(row: usize, scores: &[T]) -> Result<(), Error> {
    match scores.iter().position(|score| !score.is_finite()) {
        Some(column) => Err(Error::Score { row, column, value: scores[column].into() }),
        None => Ok(()),
    }
}

/// The finite scores of a row, times a sign, in descending order. Equal scores keep their order.
pub(super) struct Sorted {
    /// The bits of a score, so that they ascend as it descends, above its place.
    keys: Vec<u128>,
    /// The sorted scores.
    pub values: Vec<f64>,
    /// The place of each in the row.
    pub order: Vec<u32>,
}

impl Sorted {
    pub fn of_capacity(n: usize) -> Self {
        let (values, order) = (Vec::with_capacity(n), Vec::with_capacity(n));
        Self { keys: Vec::with_capacity(n), values, order }
    }

    pub fn fill<T: Real>(&mut self, scores: &[T], sign: f64) {
        self.keys.clear();
        let finite = scores.iter().enumerate().filter(|(_, score)| score.is_finite());
        self.keys.extend(finite.map(|(place, &score)| key(sign * score.into(), place)));
        self.keys.sort_unstable();
        self.order.clear();
        self.order.extend(self.keys.iter().map(|&key| key as u32));
        self.values.clear();
        self.values.extend(self.order.iter().map(|&place| sign * scores[place as usize].into()));
    }

    /// The numbers of a row in the order of the scores.
    pub fn gather<T: Real>(&self, row: &[T]) -> impl Iterator<Item = f64> {
        self.order.iter().map(|&place| row[place as usize].into())
    }
}

fn key(value: f64, place: usize) -> u128 {
    // Adding zero makes of −0 a zero like the other.
    let bits = (value + 0.0).to_bits();
    let ascending = if bits >> 63 == 1 { !bits } else { bits | 1 << 63 };
    u128::from(!ascending) << 32 | place as u128
}

/// `(a − b) / tau`, where the difference of two finite numbers can be beyond the range.
pub(super) fn gap(a: f64, b: f64, tau: f64) -> f64 {
    (a * 0.5 - b * 0.5) / tau * 2.0
}

/// A result in the type of the caller; one beyond its range becomes its largest finite number.
pub(super) fn saturated<T: Real>(value: f64) -> T {
    T::from_f64(value).max(T::min_value()).min(T::max_value())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_that_of_a_stable_sort() {
        let scores = [3.0, -0.0, f64::MIN, 0.0, 3.0, f64::NEG_INFINITY, -7.5, f64::MAX, 1e-310];
        for sign in [1.0, -1.0] {
            let mut sorted = Sorted::of_capacity(2);
            sorted.fill(&scores, sign);
            let mut expected: Vec<u32> = (0..9).filter(|&place| place != 5).collect();
            expected.sort_by(|&a, &b| {
                let [a, b] = [a, b].map(|place| sign * scores[place as usize]);
                b.partial_cmp(&a).expect("no NaN")
            });
            assert_eq!(sorted.order, expected);
            assert!(sorted.values.windows(2).all(|pair| pair[0] >= pair[1]), "{:?}", sorted.values);
        }
    }

    #[test]
    fn numbers_beyond_the_range_saturate() {
        assert_eq!(saturated::<f32>(1e300), f32::MAX);
        assert_eq!(saturated::<f64>(f64::NEG_INFINITY), f64::MIN);
        assert_eq!(gap(f64::MAX, f64::MIN, 2.0), f64::MAX);
    }
}
