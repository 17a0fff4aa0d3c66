//! Rows of logits minus their maxima: a block of short rows, or one long row, at a time.

use crate::Real;
use crate::number::masked::weighted;
use crate::parallel::block::{
    BLOCK, Block, SHORT, Scratch, block_len, full_vectors, map_into, map_rows, new_block, plus,
};
use crate::parallel::lanes::{max, sum_of};

/// For each row `l` of a block, its maximum `m` and `Σ exp(lᵢ − m)`; for short rows also the terms.
pub(crate) struct Shifted<T> {
    k: usize,
    /// l − m; for short rows only.
    pub gaps: Block<T>,
    /// exp(l − m); for short rows only.
    pub weights: Block<T>,
    pub max: [T; BLOCK],
    pub sum: [T; BLOCK],
    scratch: Scratch<T>,
}

/// How many numbers of rows of length `k` are processed together.
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

    /// Sets the next rows; false if one of them has an invalid logit, or only masks.
    #[inline(always)]
    pub fn set<const FMA: bool>(&mut self, logits: &[T]) -> bool {
        let rows = logits.len() / self.k;
        if self.short() {
            self.set_short::<FMA>(logits)
        } else {
            self.set_long::<FMA>(logits)
        }
        let mut valid = true;
        for sum in &self.sum[..rows] {
            // NaN exactly if a logit is NaN or +∞ (∞ − ∞), or if all are −∞.
            valid &= !sum.is_nan();
        }
        valid
    }

    #[inline(always)]
    fn set_short<const FMA: bool>(&mut self, logits: &[T]) {
        let (rows, len) = (logits.len() / self.k, logits.len());
        let (max, sum) = (&mut self.max[..rows], &mut self.sum[..rows]);
        self.weights[..len].copy_from_slice(logits);
        self.scratch.largest_of_rows(&self.weights, self.k, max);
        map_rows(&self.weights, self.k, max, &mut self.gaps, |logit, max| logit - max);
        map_into(&self.gaps[..full_vectors(len)], &mut self.weights[..], T::lane_exp_of_gap::<FMA>);
        self.scratch.reduce_rows(&self.weights, self.k, plus, sum);
    }

    #[inline(always)]
    fn set_long<const FMA: bool>(&mut self, logits: &[T]) {
        let max = max(logits);
        self.max[0] = max;
        self.sum[0] = sum_of(logits, |logit| (logit - max).lane_exp_of_gap::<FMA>());
    }

    /// `out[r] = Σᵢ gaps[r, i]`, for short rows.
    #[inline(always)]
    pub fn sum_gaps(&mut self, out: &mut [T]) {
        self.scratch.reduce_rows(&self.gaps, self.k, plus, out);
    }

    /// `out[r] = Σᵢ exp(gap[r, i]) gap[r, i]`. Overwrites the gaps.
    #[inline(always)]
    pub fn weighted_gaps<const FMA: bool>(&mut self, logits: &[T], out: &mut [T]) {
        if self.short() {
            for (gap, &weight) in self.gaps.iter_mut().zip(self.weights.iter()) {
                *gap = weighted(weight, *gap);
            }
            return self.sum_gaps(out);
        }
        let max = self.max[0];
        out[0] = sum_of(logits, |logit| weighted((logit - max).lane_exp_of_gap::<FMA>(), logit - max));
    }

    /// Replaces the sums by their logarithms.
    #[inline(always)]
    pub fn log_sums<const FMA: bool>(&mut self, rows: usize) {
        for sum in &mut self.sum[..rows] {
            *sum = sum.lane_ln_normal::<FMA>();
        }
    }

    /// After [`Self::log_sums`]: replaces the weights of short rows by the log-probabilities.
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
