//! Reductions over one row: sums, maxima and positions.

use crate::Real;

/// Sums are taken in this many lanes on every machine, so that their values do not depend on the vector width.
/// Lanes also keep the rounding error of long rows small.
pub(crate) const LANES: usize = 16;
/// Four vectors at a time, because an addition waits for the previous one of its lane.
pub(crate) const WIDE: usize = 4 * LANES;

/// The terms of a sum are computed this many at a time, in a separate loop.
pub(crate) const PIECE: usize = 4 * WIDE;

/// Reduces lanes to one number, in pairs.
#[inline(always)]
fn fold_lanes<T: Real>(lanes: [T; LANES], op: impl Fn(T, T) -> T) -> T {
    let lanes: [T; 8] = core::array::from_fn(|lane| op(lanes[lane], lanes[lane + 8]));
    let lanes: [T; 4] = core::array::from_fn(|lane| op(lanes[lane], lanes[lane + 4]));
    op(op(lanes[0], lanes[2]), op(lanes[1], lanes[3]))
}

#[inline(always)]
fn fold_wide<T: Real>(wide: [T; WIDE], op: impl Fn(T, T) -> T) -> T {
    let pair = |lane: usize, at: usize| op(wide[lane + at], wide[lane + at + LANES]);
    fold_lanes(core::array::from_fn(|lane| op(pair(lane, 0), pair(lane, 2 * LANES))), op)
}

/// Combines each lane with the numbers that fall to it.
#[inline(always)]
fn by_lane<T: Real>(mut lanes: [T; WIDE], values: &[T], op: impl Fn(T, T) -> T) -> [T; WIDE] {
    let (vectors, rest) = values.as_chunks::<WIDE>();
    for vector in vectors {
        for (lane, &value) in lanes.iter_mut().zip(vector) {
            *lane = op(*lane, value);
        }
    }
    for (lane, &value) in lanes.iter_mut().zip(rest) {
        *lane = op(*lane, value);
    }
    lanes
}

/// A sum, in lanes, of numbers that arrive in pieces.
pub(crate) struct Lanes<T>([T; WIDE]);

impl<T: Real> Lanes<T> {
    #[inline(always)]
    pub fn new() -> Self {
        Self([T::zero(); WIDE])
    }

    #[inline(always)]
    pub fn add(&mut self, values: &[T]) {
        self.0 = by_lane(self.0, values, |lane, value| lane + value);
    }

    #[inline(always)]
    pub fn total(self) -> T {
        fold_wide(self.0, |a, b| a + b)
    }
}

/// The larger of two numbers; the first if the second is NaN.
#[inline(always)]
pub(crate) fn larger<T: Real>(max: T, value: T) -> T {
    if value > max { value } else { max }
}

/// The largest number, in lanes, of numbers that arrive in pieces. NaN is ignored.
pub(crate) struct Maxima<T>([T; WIDE]);

impl<T: Real> Maxima<T> {
    #[inline(always)]
    pub fn new() -> Self {
        Self([T::neg_infinity(); WIDE])
    }

    #[inline(always)]
    pub fn update(&mut self, values: &[T]) {
        // `max` and not `larger`, which compiles to a conditional store: the next load would have to wait for it.
        self.0 = by_lane(self.0, values, T::max);
    }

    /// −∞ if there is none.
    #[inline(always)]
    pub fn total(self) -> T {
        max_of_lanes(self.0)
    }
}

/// The largest of the numbers in each lane; −∞ if there is none. NaN is ignored.
#[inline(always)]
pub(crate) fn lane_maxima<T: Real>(row: &[T]) -> [T; WIDE] {
    let mut maxima = Maxima::new();
    maxima.update(row);
    maxima.0
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

/// The largest number; −∞ for an empty row. NaN is ignored.
#[inline(always)]
pub(crate) fn max<T: Real>(row: &[T]) -> T {
    max_of_lanes(lane_maxima(row))
}

#[inline(always)]
pub(crate) fn max_of_lanes<T: Real>(maxima: [T; WIDE]) -> T {
    fold_wide(maxima, larger)
}

/// The first position of a number; 0 if it is absent.
#[inline(always)]
pub(crate) fn position<T: Real>(row: &[T], number: T) -> u32 {
    let (vectors, _) = row.as_chunks::<LANES>();
    let has = |vector: &[T; LANES]| vector.iter().fold(false, |any, &value| any | (value == number));
    let from = vectors.iter().position(has).unwrap_or(vectors.len()) * LANES;
    row[from..].iter().position(|&value| value == number).map_or(0, |at| (from + at) as u32)
}

/// The largest key of a long row that is read chunk by chunk, and the chunk of its first occurrence.
pub(crate) struct Largest<T> {
    pub key: T,
    pub chunk: usize,
}

impl<T: Real> Largest<T> {
    pub fn new() -> Self {
        Self { key: T::neg_infinity(), chunk: 0 }
    }

    #[inline(always)]
    pub fn update(&mut self, key: T, chunk: usize) {
        if key > self.key {
            *self = Self { key, chunk };
        }
    }

    /// The index of the key in its row, given the row from that chunk on.
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

/// `Σ row[i]`, in lanes.
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

/// `Σ first(row[i])` and `Σ second(row[i])`, in lanes: as two calls of [`sum_of`], but a long row is read once.
#[inline(always)]
pub(crate) fn sums_of<T: Real>(row: &[T], first: impl Fn(T) -> T, second: impl Fn(T) -> T) -> [T; 2] {
    let (mut terms, mut sums) = ([T::zero(); PIECE], [Lanes::new(), Lanes::new()]);
    for row in row.chunks(PIECE) {
        let terms = &mut terms[..row.len()];
        terms.iter_mut().zip(row).for_each(|(to, &value)| *to = first(value));
        sums[0].add(terms);
        terms.iter_mut().zip(row).for_each(|(to, &value)| *to = second(value));
        sums[1].add(terms);
    }
    sums.map(Lanes::total)
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
    fn largest_ignores_nan_and_takes_the_first_of_equals() {
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
