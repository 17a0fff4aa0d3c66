//! Reductions over one row.

use crate::Real;

/// The sum is taken in this many lanes on every machine, so that its value does not depend on the vector
/// width; lanes also keep the rounding error of long rows small.
pub(crate) const LANES: usize = 16;
/// Four vectors at a time: an addition waits for the one before in its lane.
pub(crate) const WIDE: usize = 4 * LANES;

/// The terms of a sum are computed this many at a time, in a loop of their own.
const PIECE: usize = 4 * WIDE;

/// Lanes to one number, in pairs.
#[inline(always)]
pub(crate) fn fold_lanes<T: Real>(lanes: [T; LANES], op: impl Fn(T, T) -> T) -> T {
    let lanes: [T; 8] = core::array::from_fn(|lane| op(lanes[lane], lanes[lane + 8]));
    let lanes: [T; 4] = core::array::from_fn(|lane| op(lanes[lane], lanes[lane + 4]));
    op(op(lanes[0], lanes[2]), op(lanes[1], lanes[3]))
}

#[inline(always)]
fn fold_wide<T: Real>(wide: [T; WIDE], op: impl Fn(T, T) -> T) -> T {
    let pair = |lane: usize, at: usize| op(wide[lane + at], wide[lane + at + LANES]);
    fold_lanes(core::array::from_fn(|lane| op(pair(lane, 0), pair(lane, 2 * LANES))), op)
}

/// A sum in lanes of numbers that come in pieces.
pub(crate) struct Lanes<T>([T; WIDE]);

impl<T: Real> Lanes<T> {
    #[inline(always)]
    pub fn new() -> Self {
        Self([T::zero(); WIDE])
    }

    #[inline(always)]
    pub fn add(&mut self, values: &[T]) {
        let mut lanes = self.0;
        let (vectors, rest) = values.as_chunks::<WIDE>();
        for vector in vectors {
            for (lane, &value) in lanes.iter_mut().zip(vector) {
                *lane = *lane + value;
            }
        }
        for (lane, &value) in lanes.iter_mut().zip(rest) {
            *lane = *lane + value;
        }
        self.0 = lanes;
    }

    #[inline(always)]
    pub fn total(self) -> T {
        fold_wide(self.0, |a, b| a + b)
    }
}

/// The larger, passing over NaN in the second.
#[inline(always)]
fn larger<T: Real>(max: T, value: T) -> T {
    if value > max { value } else { max }
}

/// The largest of the numbers that fall into each lane; −∞ where there is none; NaN is passed over.
#[inline(always)]
pub(crate) fn lane_maxima<T: Real>(row: &[T]) -> [T; WIDE] {
    let mut lanes = [T::neg_infinity(); WIDE];
    let (vectors, rest) = row.as_chunks::<WIDE>();
    for vector in vectors {
        for (lane, &value) in lanes.iter_mut().zip(vector) {
            *lane = larger(*lane, value);
        }
    }
    for (lane, &value) in lanes.iter_mut().zip(rest) {
        *lane = larger(*lane, value);
    }
    lanes
}

#[inline(always)]
pub(crate) fn lane_maxima_of_words(row: &[u32]) -> [u32; WIDE] {
    let mut lanes = [0; WIDE];
    for vector in row.chunks(WIDE) {
        for (lane, &value) in lanes.iter_mut().zip(vector) {
            *lane = value.max(*lane);
        }
    }
    lanes
}

/// The largest number; −∞ for an empty row; NaN is passed over.
#[inline(always)]
pub(crate) fn max<T: Real>(row: &[T]) -> T {
    max_of_lanes(lane_maxima(row))
}

#[inline(always)]
pub(crate) fn max_of_lanes<T: Real>(maxima: [T; WIDE]) -> T {
    fold_wide(maxima, larger)
}

/// Bit `lane` tells whether the claim holds of the number there.
#[inline(always)]
pub(crate) fn lanes_where<T: Real>(vector: &[T; LANES], claim: impl Fn(T) -> bool) -> u32 {
    let mark = |(lane, &value): (usize, &T)| u32::from(claim(value)) << lane;
    vector.iter().enumerate().map(mark).fold(0, |all, mark| all | mark)
}

/// The places in a slice of at most 32 · [`LANES`] values where a claim holds, found without a step across lanes: bit
/// `step` of lane `lane` stands for place `step · LANES + lane`.
#[derive(Clone, Copy)]
pub(crate) struct Places([u32; LANES]);

impl Places {
    #[inline(always)]
    pub fn of<V: Copy>(values: &[V], claim: impl Fn(V) -> bool) -> Self {
        let (mut lanes, mut step) = ([0; LANES], 1);
        let mut mark = |values: &[V]| {
            for (lane, &value) in lanes.iter_mut().zip(values) {
                *lane |= if claim(value) { step } else { 0 };
            }
            step <<= 1;
        };
        let (vectors, rest) = values.as_chunks::<LANES>();
        vectors.iter().for_each(|vector| mark(vector));
        mark(rest);
        Self(lanes)
    }

    /// Calls with each place, lane by lane.
    pub fn for_each(self, mut call: impl FnMut(usize)) {
        for (lane, mut steps) in self.0.into_iter().enumerate() {
            while steps != 0 {
                call(steps.trailing_zeros() as usize * LANES + lane);
                steps &= steps - 1;
            }
        }
    }
}

/// The first place of a number; 0 if there is none.
#[inline(always)]
pub(crate) fn position<T: Real>(row: &[T], number: T) -> u32 {
    let (vectors, _) = row.as_chunks::<LANES>();
    let has = |vector: &[T; LANES]| vector.iter().fold(false, |any, &value| any | (value == number));
    let from = vectors.iter().position(has).unwrap_or(vectors.len()) * LANES;
    row[from..].iter().position(|&value| value == number).map_or(0, |at| (from + at) as u32)
}

/// The largest key of a long row, met chunk by chunk, and the chunk of its first occurrence.
pub(crate) struct Best<T> {
    pub key: T,
    pub chunk: usize,
}

impl<T: Real> Best<T> {
    pub fn none() -> Self {
        Self { key: T::neg_infinity(), chunk: 0 }
    }

    #[inline(always)]
    pub fn meet(&mut self, key: T, chunk: usize) {
        if key > self.key {
            *self = Self { key, chunk };
        }
    }

    /// Its index in the row, given the row from the chunk on.
    #[inline(always)]
    pub fn index(&self, keys: &[T]) -> u32 {
        self.chunk as u32 + position(keys, self.key)
    }
}

/// The first index of the largest number.
#[cfg(test)]
pub(crate) fn arg_max<T: Real>(row: &[T]) -> usize {
    let max = max(row);
    position(row, max) as usize
}

pub(crate) fn sum<T: Real>(row: &[T]) -> T {
    sum_of(row, |value| value)
}

/// `Σ term(row[i])`, in lanes.
#[inline(always)]
pub(crate) fn sum_of<T: Real>(row: &[T], term: impl Fn(T) -> T) -> T {
    let (mut terms, mut sum) = ([T::zero(); PIECE], Lanes::new());
    for row in row.chunks(PIECE) {
        let terms = &mut terms[..row.len()];
        terms.iter_mut().zip(row).for_each(|(to, &value)| *to = term(value));
        sum.add(terms);
    }
    sum.total()
}

/// `Σ term(left[i], right[i])`, in lanes.
#[inline(always)]
pub(crate) fn sum_of_pairs<T: Real>(left: &[T], right: &[T], term: impl Fn(T, T) -> T) -> T {
    let (mut terms, mut sum) = ([T::zero(); PIECE], Lanes::new());
    for (left, right) in left.chunks(PIECE).zip(right.chunks(PIECE)) {
        let terms = &mut terms[..left.len()];
        let pairs = left.iter().zip(right);
        terms.iter_mut().zip(pairs).for_each(|(to, (&left, &right))| *to = term(left, right));
        sum.add(terms);
    }
    sum.total()
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
