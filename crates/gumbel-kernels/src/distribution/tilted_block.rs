//! A block of short rows of a Concrete density in log space, processed together.

use super::space::Space;
use super::tilt::{count, log_constant, tilt};
use crate::Real;
use crate::number::masked::weighted;
use crate::parallel::block::{BLOCK, Block, Scratch, full_vectors, map_into, map_rows, new_block, plus};
use crate::parallel::gaps::{RowMaxima, gap};

/// Rows inside the support, with finite numbers except at masks. All other rows are for
/// [`TiltedRow`](super::tilted_row::TiltedRow).
pub(super) struct TiltedBlock<T> {
    k: usize,
    tau: T,
    /// −∞ at masks, finite elsewhere.
    a: Block<T>,
    gaps: Block<T>,
    /// exp(gap).
    weights: Block<T>,
    /// For each row: the maximum of `a`, the sum of weights, and the number of unmasked categories.
    max: [T; BLOCK],
    sum: [T; BLOCK],
    n: [T; BLOCK],
    masked: bool,
    scratch: Scratch<T>,
    maxima: RowMaxima<T>,
    /// The constants of 0, 1, …, k unmasked categories; only the last of them until there is a mask.
    constants: Vec<T>,
}

impl<T: Real> TiltedBlock<T> {
    pub fn new(k: usize, tau: T) -> Self {
        let (block, per_row) = (new_block(), [T::zero(); BLOCK]);
        Self {
            k,
            tau,
            a: block,
            gaps: block,
            weights: block,
            max: per_row,
            sum: per_row,
            n: per_row,
            masked: false,
            scratch: Scratch::new(),
            maxima: RowMaxima::new(),
            constants: vec![log_constant(k, tau)],
        }
    }

    /// Sets the next rows; false if one of them is not inside the support or has an invalid number.
    #[inline(always)]
    pub fn set<const FMA: bool>(&mut self, y: &[T], logits: &[T]) -> bool {
        let (rows, len) = (y.len() / self.k, full_vectors(y.len()));
        if !(self.tilt(y, logits) && self.count_unmasked(rows)) {
            return false;
        }
        let (max, sum) = (&mut self.max[..rows], &mut self.sum[..rows]);
        self.scratch.largest_of_rows(&self.a, self.k, max);
        map_rows(&self.a, self.k, max, &mut self.gaps, |a, max| a - max);
        map_into(&self.gaps[..len], &mut self.weights[..], T::lane_exp_of_gap::<FMA>);
        self.scratch.reduce_rows(&self.weights, self.k, plus, sum);
        if self.masked {
            clear_masked(&self.a[..], &mut self.gaps[..]);
        }
        true
    }

    #[inline(always)]
    fn tilt(&mut self, y: &[T], logits: &[T]) -> bool {
        let (tau, mut valid, mut any_masked) = (self.tau, true, false);
        let maxima = self.maxima.of(logits, self.k);
        for (((a, &y), &logit), &max) in self.a.iter_mut().zip(y).zip(logits).zip(maxima) {
            let masked = logit == T::neg_infinity();
            any_masked |= masked;
            valid &= (y < T::infinity()) & (logit < T::infinity()) & (masked == (y == T::neg_infinity()));
            *a = if masked { logit } else { tilt(gap(logit, max), tau, y) };
        }
        self.masked = any_masked;
        valid
    }

    /// False if all categories of a row are masked.
    #[inline(always)]
    fn count_unmasked(&mut self, rows: usize) -> bool {
        let n = &mut self.n[..rows];
        if !self.masked {
            n.fill(count(self.k));
            return true;
        }
        map_into(&self.a[..], &mut self.weights[..], |a| {
            if a == T::neg_infinity() { T::zero() } else { T::one() }
        });
        self.scratch.reduce_rows(&self.weights, self.k, plus, n);
        if self.constants.len() == 1 {
            self.constants = (0..=self.k).map(|n| log_constant(n.max(1), self.tau)).collect();
        }
        !n.contains(&T::zero())
    }

    /// Writes the log-densities of the rows; `y` are the logarithms of the sample.
    #[inline(always)]
    pub fn log_probs<const FMA: bool, S: Space<T>>(&mut self, y: &[T], out: &mut [T]) {
        if S::VOLUME {
            for (gap, &y) in self.gaps.iter_mut().zip(y) {
                *gap = *gap - if y == T::neg_infinity() { T::zero() } else { y };
            }
        }
        self.scratch.reduce_rows(&self.gaps, self.k, plus, out);
        for ((out, &sum), &n) in out.iter_mut().zip(&self.sum).zip(&self.n) {
            *out = *out - n * sum.lane_ln_normal::<FMA>();
        }
        self.add_constants(out);
    }

    #[inline(always)]
    fn add_constants(&self, out: &mut [T]) {
        if let [constant] = self.constants[..] {
            for out in out {
                *out = constant + *out;
            }
        } else {
            for (out, n) in out.iter_mut().zip(&self.n) {
                *out = self.constants[n.to_usize().expect("a number of categories")] + *out;
            }
        }
    }

    /// Computes `1 − n softmax(a)ᵢ`, the slope in each logit, and the slope in `tau` of each row; false if one of the
    /// latter overflows.
    #[inline(always)]
    pub fn slopes(&mut self, y: &[T], rows: usize) -> bool {
        let (tau, sum, slopes) = (self.tau, &mut self.sum[..rows], &mut self.max[..rows]);
        for (sum, &n) in sum.iter_mut().zip(&self.n) {
            *sum = n / *sum;
        }
        map_rows(&self.weights, self.k, sum, &mut self.gaps, |weight, scale| T::one() - weight * scale);
        if self.masked {
            clear_masked(&self.a[..], &mut self.gaps[..]);
        }
        for ((term, &slope), &y) in self.weights.iter_mut().zip(self.gaps.iter()).zip(y) {
            *term = weighted(slope, y);
        }
        self.scratch.reduce_rows(&self.weights, self.k, plus, slopes);
        let mut finite = true;
        for (slope, &n) in slopes.iter_mut().zip(&self.n) {
            *slope = (n - T::one()) / tau - *slope;
            finite &= slope.abs() < T::infinity();
        }
        finite
    }

    /// Writes the cotangents of the logits, the sample and `tau`, after [`Self::slopes`].
    #[inline(always)]
    pub fn vjps<S: Space<T>>(&mut self, samples: &[T], d: &[T], outputs: [&mut [T]; 3]) {
        let ([d_logits, d_samples, d_tau], tau) = (outputs, self.tau);
        for ((d_tau, &slope), &d) in d_tau.iter_mut().zip(&self.max).zip(d) {
            *d_tau = slope * d;
        }
        map_rows(&self.a, self.k, d, &mut self.weights, |_, d| d);
        let inputs = samples.iter().zip(self.gaps.iter()).zip(self.weights.iter());
        for ((d_sample, d_logit), ((&sample, &slope), &d)) in
            d_samples.iter_mut().zip(&mut *d_logits).zip(inputs)
        {
            *d_logit = weighted(slope, d);
            *d_sample = S::d_sample(sample, *d_logit, tau, d);
        }
    }
}

/// Writes 0 where `a` is −∞.
#[inline(always)]
fn clear_masked<T: Real>(a: &[T], values: &mut [T]) {
    for (value, &a) in values.iter_mut().zip(a) {
        *value = if a == T::neg_infinity() { T::zero() } else { *value };
    }
}
