//! Rows of logits less their maxima, a block of short rows or one long row at a time.

use crate::Real;
use crate::block::{
    BLOCK, Block, SHORT, Scratch, block_len, larger, map_into, map_rows, new_block, plus, whole_vectors,
};
use crate::error::{Error, logit_fault};
use crate::reduce::{max, sum_of};
use crate::softmax::weighted;

/// Of each row `l` of a block its maximum `m` and `Σ exp(lᵢ − m)`; of short rows also the terms.
pub(crate) struct Shifted<T> {
    k: usize,
    /// l − m; of short rows only.
    pub gaps: Block<T>,
    /// exp(l − m); of short rows only.
    pub weights: Block<T>,
    pub max: [T; BLOCK],
    pub sum: [T; BLOCK],
    scratch: Scratch<T>,
}

/// How many numbers of rows of length `k` are worked on together.
pub(crate) fn step(k: usize) -> usize {
    if k <= SHORT { block_len(k) } else { k }
}

impl<T: Real> Shifted<T> {
    pub fn new(k: usize) -> Self {
        let (block, per_row) = (new_block(), [T::zero(); BLOCK]);
        Self { k, gaps: block, weights: block, max: per_row, sum: per_row, scratch: Scratch::new() }
    }

    pub fn short(&self) -> bool {
        self.k <= SHORT
    }

    /// Takes the next rows; false if one of them has a logit that it must not have, or none but masks.
    #[inline(always)]
    pub fn set<const FMA: bool>(&mut self, logits: &[T]) -> bool {
        let rows = logits.len() / self.k;
        if self.short() {
            self.set_short::<FMA>(logits)
        } else {
            self.set_long::<FMA>(logits)
        }
        let mut sound = true;
        for sum in &self.sum[..rows] {
            // NaN exactly if a logit is NaN or +∞ (∞ − ∞), or if all are −∞.
            sound &= !sum.is_nan();
        }
        sound
    }

    #[inline(always)]
    fn set_short<const FMA: bool>(&mut self, logits: &[T]) {
        let (rows, len) = (logits.len() / self.k, logits.len());
        let (max, sum) = (&mut self.max[..rows], &mut self.sum[..rows]);
        self.weights[..len].copy_from_slice(logits);
        self.scratch.reduce_rows(&self.weights, self.k, larger, max);
        map_rows(&self.weights, self.k, max, &mut self.gaps, |logit, max| logit - max);
        map_into(&self.gaps[..whole_vectors(len)], &mut self.weights, T::lane_exp_of_gap::<FMA>);
        self.scratch.reduce_rows(&self.weights, self.k, plus, sum);
    }

    #[inline(always)]
    fn set_long<const FMA: bool>(&mut self, logits: &[T]) {
        let max = max(logits);
        self.max[0] = max;
        self.sum[0] = sum_of(logits, |logit| (logit - max).lane_exp_of_gap::<FMA>());
    }

    /// `out[r] = Σᵢ gaps[r, i]` of short rows.
    #[inline(always)]
    pub fn sum_gaps(&mut self, out: &mut [T]) {
        self.scratch.reduce_rows(&self.gaps, self.k, plus, out);
    }

    /// `out[r] = Σᵢ exp(gap[r, i]) gap[r, i]`; loses the gaps.
    #[inline(always)]
    pub fn weighted_gaps<const FMA: bool>(&mut self, logits: &[T], out: &mut [T]) {
        if self.short() {
            for (gap, &weight) in self.gaps.iter_mut().zip(&self.weights) {
                *gap = weighted(weight, *gap);
            }
            return self.sum_gaps(out);
        }
        let max = self.max[0];
        out[0] = sum_of(logits, |logit| weighted((logit - max).lane_exp_of_gap::<FMA>(), logit - max));
    }

    /// The logarithms of the sums in their place.
    #[inline(always)]
    pub fn log_sums<const FMA: bool>(&mut self, rows: usize) {
        for sum in &mut self.sum[..rows] {
            *sum = sum.lane_ln_normal::<FMA>();
        }
    }

    /// After [`Self::log_sums`]: the log-probabilities in the place of the weights of short rows.
    #[inline(always)]
    pub fn log_probs(&mut self, rows: usize) {
        map_rows(&self.gaps, self.k, &self.sum[..rows], &mut self.weights, |gap, log_sum| gap - log_sum);
    }

    /// `out[r, i] = d[r] softmax(logits[r])ᵢ`, and 0 at probability 0.
    #[inline(always)]
    pub fn weigh<const FMA: bool>(&mut self, logits: &[T], d: &[T], out: &mut [T]) {
        for (sum, &d) in self.sum.iter_mut().zip(d) {
            *sum = d / *sum;
        }
        if self.short() {
            map_rows(&self.weights, self.k, &self.sum[..d.len()], &mut self.gaps, weighted);
            return out.copy_from_slice(&self.gaps[..out.len()]);
        }
        let (max, scale) = (self.max[0], self.sum[0]);
        for (out, &logit) in out.iter_mut().zip(logits) {
            *out = weighted((logit - max).lane_exp_of_gap::<FMA>(), scale);
        }
    }
}

/// What is wrong with the first unsound row of some.
#[cold]
pub(crate) fn fault<T: Real>(first: usize, logits: &[T], k: usize) -> Error {
    let mut rows = logits.chunks_exact(k).enumerate();
    rows.find_map(|(row, logits)| logit_fault(first + row, logits))
        .expect("a finite maximum gives a finite sum")
}
