//! Gaps: logits minus the largest of their row, to which noise is added.
//!
//! Logits are unnormalised, and their common part can be so large that noise would be lost in rounding, had it been
//! added to the logits themselves. The gap of a mask is −∞, and of no other logit.

use super::block::{BLOCK, Block, Scratch, map_rows, new_block};
use super::lanes::larger;
use crate::Real;

/// `logit − max`. Below the range of the type it is the lowest finite number, because −∞ means a mask. NaN if the
/// logit is NaN or +∞.
#[inline(always)]
pub(crate) fn gap<T: Real>(logit: T, max: T) -> T {
    let gap = logit - max;
    let finite = if gap < T::min_value() { T::min_value() } else { gap };
    if logit == T::neg_infinity() { logit } else { finite }
}

/// Half the gap, which is always within the range of the type.
#[inline(always)]
pub(crate) fn half_gap<T: Real>(logit: T, max: T) -> T {
    gap(logit * T::from_f64(0.5), max * T::from_f64(0.5))
}

/// The largest logit of the row of each logit of a block of short rows.
pub(crate) struct RowMaxima<T> {
    logits: Block<T>,
    max: Block<T>,
    of_rows: [T; BLOCK],
    scratch: Scratch<T>,
}

impl<T: Real> RowMaxima<T> {
    pub fn new() -> Self {
        let block = new_block();
        Self { logits: block, max: block, of_rows: [T::zero(); BLOCK], scratch: Scratch::new() }
    }

    /// For a block of rows of length `k`.
    #[inline(always)]
    pub fn of(&mut self, logits: &[T], k: usize) -> &[T] {
        match k {
            1 => self.max[..logits.len()].copy_from_slice(logits),
            2 => spread_tiny::<T, 2>(logits, &mut self.max[..]),
            3 => spread_tiny::<T, 3>(logits, &mut self.max[..]),
            4 => spread_tiny::<T, 4>(logits, &mut self.max[..]),
            _ => {
                let of_rows = &mut self.of_rows[..logits.len() / k];
                self.logits[..logits.len()].copy_from_slice(logits);
                self.scratch.largest_of_rows(&self.logits, k, of_rows);
                map_rows(&self.logits, k, of_rows, &mut self.max, |_, max| max);
            }
        }
        &self.max[..logits.len()]
    }
}

#[inline(always)]
fn spread_tiny<T: Real, const K: usize>(logits: &[T], to: &mut [T]) {
    for (to, logits) in to.as_chunks_mut::<K>().0.iter_mut().zip(logits.as_chunks::<K>().0) {
        *to = [logits[1..].iter().fold(logits[0], |max, &logit| larger(max, logit)); K];
    }
}
