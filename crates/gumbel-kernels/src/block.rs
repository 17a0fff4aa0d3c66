//! Passes over a block of numbers in the first-level cache, as flat loops that become vector instructions.
//!
//! Short rows lie behind each other in a block with room for one vector more, so each row is read and written
//! in whole vectors: the first lanes of the next row are passed over when reading, and what is written there is
//! written again with the next row.

use crate::Real;
use crate::reduce::{LANES, fold_lanes};

/// How many numbers a block of short rows has at most.
pub(crate) const BLOCK: usize = 512;
/// Longer rows are worked on one by one.
pub(crate) const SHORT: usize = BLOCK / 2;
/// A block and the room behind it.
pub(crate) type Block<T> = [T; BLOCK + LANES];

/// How many numbers the whole rows of length `k`, at most [`SHORT`], in a block have.
pub(crate) fn block_len(k: usize) -> usize {
    BLOCK / k * k
}

pub(crate) fn new_block<T: Real>() -> Block<T> {
    [T::zero(); BLOCK + LANES]
}

/// `out[r] = op(… op(op(identity, row[0]), row[1]) …)` for each row, in the order of lanes.
#[inline(always)]
pub(crate) fn reduce_rows<T: Real>(
    block: &Block<T>,
    k: usize,
    identity: T,
    op: impl Fn(T, T) -> T + Copy,
    out: &mut [T],
) {
    let last = (k - 1) / LANES * LANES;
    for (row, out) in out.iter_mut().enumerate() {
        let mut lanes = [identity; LANES];
        for column in (0..last).step_by(LANES) {
            let vector = vector(block, row * k + column);
            lanes = core::array::from_fn(|lane| op(lanes[lane], vector[lane]));
        }
        let vector = vector(block, row * k + last);
        lanes = core::array::from_fn(|lane| {
            op(lanes[lane], if lane < k - last { vector[lane] } else { identity })
        });
        *out = fold_lanes(lanes, op);
    }
}

/// `to[r, i] = map(from[r, i], per_row[r])`.
#[inline(always)]
pub(crate) fn map_rows<T: Real>(
    from: &Block<T>,
    k: usize,
    per_row: &[T],
    to: &mut Block<T>,
    map: impl Fn(T, T) -> T,
) {
    for (row, &value) in per_row.iter().enumerate() {
        for column in (0..k).step_by(LANES) {
            let vector = vector(from, row * k + column);
            let mapped: [T; LANES] = core::array::from_fn(|lane| map(vector[lane], value));
            to[row * k + column..][..LANES].copy_from_slice(&mapped);
        }
    }
}

#[inline(always)]
fn vector<T: Real>(block: &Block<T>, at: usize) -> [T; LANES] {
    block[at..][..LANES].try_into().expect("as many as lanes")
}

/// `to[i] = map(from[i])`.
#[inline(always)]
pub(crate) fn map_into<T: Real>(from: &[T], to: &mut [T], map: impl Fn(T) -> T) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to = map(from);
    }
}

/// The larger, passing over NaN in the second.
#[inline(always)]
pub(crate) fn larger<T: Real>(a: T, b: T) -> T {
    if b > a { b } else { a }
}

#[inline(always)]
pub(crate) fn plus<T: Real>(a: T, b: T) -> T {
    a + b
}
