//! Passes over a block of numbers in the first-level cache, as flat loops that compile to vector instructions.
//!
//! Short rows follow each other in a block that has space for one more vector, so that each row is read and
//! written in full vectors. The lanes that reach into the next row are ignored when reading; what is written
//! there is overwritten with the next row.

use super::lanes::{LANES, larger, position};
use crate::Real;
use core::ops::{Deref, DerefMut};

/// The capacity of a block of short rows, in numbers.
pub(crate) const BLOCK: usize = 512;
/// The length of the longest short row. Longer rows are processed one by one.
pub(crate) const SHORT: usize = BLOCK / 2;
/// A block, with space for one more vector. It begins at a cache line, because vectors that cross lines are slow, and
/// which of them do would otherwise depend on the layout of the stack.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(crate) struct Block<T>([T; BLOCK + LANES]);

impl<T> Deref for Block<T> {
    type Target = [T; BLOCK + LANES];

    #[inline(always)]
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<T> DerefMut for Block<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

/// How many numbers of a block are in complete rows of length `k`, at most [`SHORT`].
pub(crate) fn block_len(k: usize) -> usize {
    BLOCK / k * k
}

/// `len`, rounded up to a pair of vectors: a flat pass over a block runs to there, on numbers without meaning,
/// instead of taking steps with fewer lanes.
pub(crate) fn full_vectors(len: usize) -> usize {
    len.next_multiple_of(2 * LANES)
}

pub(crate) fn new_block<T: Real>() -> Block<T> {
    Block([T::zero(); BLOCK + LANES])
}

/// Space for the steps of a reduction over rows.
pub(crate) struct Scratch<T> {
    lanes: Block<T>,
    windows: [Block<T>; 4],
}

impl<T: Real> Scratch<T> {
    pub fn new() -> Self {
        Self { lanes: new_block(), windows: [new_block(); 4] }
    }

    /// `out[r]` is the largest number of row `r`; NaN may be ignored.
    #[inline(always)]
    pub fn largest_of_rows(&mut self, block: &Block<T>, k: usize, out: &mut [T]) {
        match k {
            1..8 => self.reduce_rows(block, k, larger, out),
            8..=LANES => largest_by_halves(block, k, out),
            _ => {
                condense_largest(block, k, out.len(), &mut self.lanes);
                slide(&self.lanes, LANES, larger, &mut self.windows, out);
            }
        }
    }

    /// `out[r] = op(row[0], op(row[1], …))` for each row, in an order that depends only on `k`.
    #[inline(always)]
    pub fn reduce_rows(&mut self, block: &Block<T>, k: usize, op: impl Fn(T, T) -> T + Copy, out: &mut [T]) {
        match k {
            1 => out.copy_from_slice(&block[..out.len()]),
            2 => reduce_tiny::<T, 2>(block, op, out),
            3 => reduce_tiny::<T, 3>(block, op, out),
            4 => reduce_tiny::<T, 4>(block, op, out),
            _ if k <= LANES => slide(block, k, op, &mut self.windows, out),
            _ => {
                condense(block, k, op, out.len(), &mut self.lanes);
                slide(&self.lanes, LANES, op, &mut self.windows, out);
            }
        }
    }
}

/// The largest of rows of half a vector to a whole one. The halves of a row overlap, which changes no maximum.
#[inline(always)]
fn largest_by_halves<T: Real>(block: &Block<T>, k: usize, out: &mut [T]) {
    const H: usize = LANES / 2;
    for (row, out) in out.iter_mut().enumerate() {
        let half =
            |at: usize| -> [T; H] { block[row * k + at..][..H].try_into().expect("a slice of H numbers") };
        let (mut left, right) = (half(0), half(k - H));
        left.iter_mut().zip(right).for_each(|(left, right)| *left = larger(*left, right));
        let mut width = H / 2;
        while width > 0 {
            for lane in 0..width {
                left[lane] = larger(left[lane], left[lane + width]);
            }
            width /= 2;
        }
        *out = left[0];
    }
}

/// `to[r]` has the largest of each lane of row `r`. The last vector of a row overlaps the one before, which changes no
/// maximum.
#[inline(always)]
fn condense_largest<T: Real>(block: &Block<T>, k: usize, rows: usize, to: &mut Block<T>) {
    for (row, to) in to.as_chunks_mut::<LANES>().0[..rows].iter_mut().enumerate() {
        let mut lanes = vector(block, row * k);
        for column in (LANES..k - LANES).step_by(LANES) {
            let vector = vector(block, row * k + column);
            lanes = core::array::from_fn(|lane| larger(lanes[lane], vector[lane]));
        }
        let end = vector(block, row * k + k - LANES);
        *to = core::array::from_fn(|lane| larger(lanes[lane], end[lane]));
    }
}

/// The first position of `max[r]` in row `r`.
#[inline(always)]
pub(crate) fn positions<T: Real>(block: &Block<T>, k: usize, max: &[T], out: &mut [u32]) {
    match k {
        2 => positions_tiny::<T, 2>(block, max, out),
        3 => positions_tiny::<T, 3>(block, max, out),
        4 => positions_tiny::<T, 4>(block, max, out),
        _ if k <= LANES => {
            for (row, (out, &max)) in out.iter_mut().zip(max).enumerate() {
                *out = lanes_where(&vector(block, row * k), |key| key == max).trailing_zeros();
            }
        }
        _ => {
            for ((keys, &max), out) in block.chunks_exact(k).zip(max).zip(out) {
                *out = position(keys, max);
            }
        }
    }
}

#[inline(always)]
fn positions_tiny<T: Real, const K: usize>(block: &Block<T>, max: &[T], out: &mut [u32]) {
    for ((out, row), &max) in out.iter_mut().zip(block.as_chunks::<K>().0).zip(max) {
        let mut place = 0;
        for at in (0..K).rev() {
            place = if row[at] == max { at as u32 } else { place };
        }
        *out = place;
    }
}

#[inline(always)]
fn reduce_tiny<T: Real, const K: usize>(block: &Block<T>, op: impl Fn(T, T) -> T, out: &mut [T]) {
    for (out, row) in out.iter_mut().zip(block.as_chunks::<K>().0) {
        let mut value = row[0];
        for &next in &row[1..] {
            value = op(value, next);
        }
        *out = value;
    }
}

/// Reduces each row to [`LANES`] numbers.
#[inline(always)]
fn condense<T: Real>(block: &Block<T>, k: usize, op: impl Fn(T, T) -> T, rows: usize, to: &mut Block<T>) {
    let last = (k - 1) / LANES * LANES;
    for (row, to) in to.as_chunks_mut::<LANES>().0[..rows].iter_mut().enumerate() {
        let mut lanes = vector(block, row * k);
        for column in (LANES..last).step_by(LANES) {
            let vector = vector(block, row * k + column);
            lanes = core::array::from_fn(|lane| op(lanes[lane], vector[lane]));
        }
        let vector = vector(block, row * k + last);
        let both: [T; LANES] = core::array::from_fn(|lane| op(lanes[lane], vector[lane]));
        *to = core::array::from_fn(|lane| if lane < k - last { both[lane] } else { lanes[lane] });
    }
}

/// Reduces rows of length `k`, from 2 to [`LANES`]: a window of 2, 4, 8, … numbers at every position of the block,
/// each made of two windows of half its width, so that no vector needs a step across its lanes.
#[inline(always)]
fn slide<T: Real>(
    block: &Block<T>,
    k: usize,
    op: impl Fn(T, T) -> T + Copy,
    windows: &mut [Block<T>; 4],
    out: &mut [T],
) {
    let len = full_vectors(out.len() * k);
    join(&block[..len], &block[1..], &mut windows[0][..], op);
    let levels = k.ilog2() as usize;
    for level in 1..levels {
        let (narrow, wide) = windows.split_at_mut(level);
        let narrow = &narrow[level - 1];
        join(&narrow[..len], &narrow[1 << level..], &mut wide[0][..], op);
    }
    let (narrow, wide) = windows.split_at_mut(levels - 1);
    let mut covered = 1 << levels;
    for level in (0..levels).rev().filter(|level| k >> level & 1 == 1) {
        let rest = if level == 0 { block } else { &narrow[level - 1] };
        let wide = wide[0][..len].iter_mut().zip(&rest[covered..]);
        wide.for_each(|(wide, &rest)| *wide = op(*wide, rest));
        covered += 1 << level;
    }
    out.iter_mut().zip(wide[0].iter().step_by(k)).for_each(|(out, &value)| *out = value);
}

#[inline(always)]
fn join<T: Real>(left: &[T], right: &[T], to: &mut [T], op: impl Fn(T, T) -> T) {
    to.iter_mut().zip(left.iter().zip(right)).for_each(|(to, (&left, &right))| *to = op(left, right));
}

/// `to[r, i] = map(from[r, i], per_row[r])`.
#[inline(always)]
pub(crate) fn map_rows<T: Real>(
    from: &Block<T>,
    k: usize,
    per_row: &[T],
    to: &mut Block<T>,
    map: impl Fn(T, T) -> T + Copy,
) {
    match k {
        1 => map_tiny::<T, 1>(from, per_row, to, map),
        2 => map_tiny::<T, 2>(from, per_row, to, map),
        3 => map_tiny::<T, 3>(from, per_row, to, map),
        4 => map_tiny::<T, 4>(from, per_row, to, map),
        _ if k <= LANES => {
            for (row, &value) in per_row.iter().enumerate() {
                map_vector(from, row * k, value, to, map);
            }
        }
        _ => {
            for (row, &value) in per_row.iter().enumerate() {
                for column in (0..k).step_by(LANES) {
                    map_vector(from, row * k + column, value, to, map);
                }
            }
        }
    }
}

#[inline(always)]
fn map_tiny<T: Real, const K: usize>(
    from: &Block<T>,
    per_row: &[T],
    to: &mut Block<T>,
    map: impl Fn(T, T) -> T,
) {
    let rows = from.as_chunks::<K>().0.iter().zip(per_row);
    for (to, (from, &value)) in to.as_chunks_mut::<K>().0.iter_mut().zip(rows) {
        for (to, &from) in to.iter_mut().zip(from) {
            *to = map(from, value);
        }
    }
}

#[inline(always)]
fn map_vector<T: Real>(from: &Block<T>, at: usize, value: T, to: &mut Block<T>, map: impl Fn(T, T) -> T) {
    let vector = vector(from, at);
    let mapped: [T; LANES] = core::array::from_fn(|lane| map(vector[lane], value));
    to[at..][..LANES].copy_from_slice(&mapped);
}

#[inline(always)]
fn vector<T: Real>(block: &Block<T>, at: usize) -> [T; LANES] {
    block[at..][..LANES].try_into().expect("a slice of LANES numbers")
}

/// `to[i] = map(from[i])`.
#[inline(always)]
pub(crate) fn map_into<T: Real>(from: &[T], to: &mut [T], map: impl Fn(T) -> T) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to = map(from);
    }
}

#[inline(always)]
pub(crate) fn plus<T: Real>(a: T, b: T) -> T {
    a + b
}

/// Bit `lane` is set if the predicate holds for the number there.
#[inline(always)]
fn lanes_where<T: Real>(vector: &[T; LANES], predicate: impl Fn(T) -> bool) -> u32 {
    let bit = |(lane, &value): (usize, &T)| u32::from(predicate(value)) << lane;
    vector.iter().enumerate().map(bit).fold(0, |all, bit| all | bit)
}
