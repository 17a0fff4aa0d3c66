//! Reductions over one row.

use crate::Real;

/// The sum is taken in this many lanes on every machine, so that its value does not depend on the vector
/// width; lanes also keep the rounding error of long rows small.
const LANES: usize = 16;

/// The largest number; −∞ for an empty row; NaN is passed over.
pub(crate) fn max<T: Real>(row: &[T]) -> T {
    row.iter().fold(T::neg_infinity(), |max, &value| if value > max { value } else { max })
}

/// The first index of the largest number.
pub(crate) fn arg_max<T: Real>(row: &[T]) -> usize {
    let max = max(row);
    row.iter().position(|&value| value == max).unwrap_or(0)
}

pub(crate) fn sum<T: Real>(row: &[T]) -> T {
    sum_of(row, |value| value)
}

/// `Σ term(row[i])`.
#[inline(always)]
pub(crate) fn sum_of<T: Real>(row: &[T], term: impl Fn(T) -> T) -> T {
    let mut lanes = [T::zero(); LANES];
    for chunk in row.chunks(LANES) {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane = *lane + term(value);
        }
    }
    lanes.into_iter().sum()
}

/// `Σ term(left[i], right[i])`.
#[inline(always)]
pub(crate) fn sum_of_pairs<T: Real>(left: &[T], right: &[T], term: impl Fn(T, T) -> T) -> T {
    let mut lanes = [T::zero(); LANES];
    for (left, right) in left.chunks(LANES).zip(right.chunks(LANES)) {
        for ((lane, &left), &right) in lanes.iter_mut().zip(left).zip(right) {
            *lane = *lane + term(left, right);
        }
    }
    lanes.into_iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn largest_passes_over_nan_and_takes_the_first_of_equals() {
        assert_eq!(max(&[1.0, f64::NAN, 3.0, 3.0]), 3.0);
        assert_eq!(arg_max(&[1.0, f64::NAN, 3.0, 3.0]), 2);
        assert_eq!(arg_max(&[f32::NEG_INFINITY, 0.0]), 1);
    }

    proptest! {
        #[test]
        fn lanes_sum_every_length(row in prop::collection::vec(-100i32..100, 0..67)) {
            let values: Vec<f64> = row.iter().map(|&v| f64::from(v)).collect();
            prop_assert_eq!(sum(&values), f64::from(row.iter().sum::<i32>()));
            let squares = f64::from(row.iter().map(|v| v * v).sum::<i32>());
            prop_assert_eq!(sum_of_pairs(&values, &values, |a, b| a * b), squares);
        }
    }
}
