//! The arithmetic of one row.
//!
//! A subset of fixed size is a vector of independent bits, conditioned on their sum (the conditional Bernoulli
//! distribution: Chen, Dempster and Liu 1994). Adding a constant to all logits does not change it. With the constant for
//! which the expected sum is `count`, `count` is the most probable sum, so its probability is never small, and sums of
//! products of probabilities need neither logarithms nor rescaling. Nothing is subtracted, so small marginals are as
//! accurate as large ones.

use crate::number::dual::{Dual, Number};
use crate::number::masked::weighted;

/// A shift for which `σ(0 − CERTAIN)` is exactly one, and therefore also the probability of every larger logit.
const CERTAIN: f64 = -800.0;

/// A row with valid logits, as independent bits of which `count` are one.
pub(super) struct Bits {
    /// The logits minus the `count`-th largest.
    gaps: Vec<f64>,
    count: usize,
    /// The `count`-th largest logit, and what the logits of the bits are below the gaps.
    pivot: f64,
    tilt: f64,
}

impl Bits {
    /// Requires at least `count` unmasked logits, and `count` of at least one.
    pub fn new(logits: impl Iterator<Item = f64>, count: usize) -> Self {
        let mut logits: Vec<f64> = logits.collect();
        let mut present: Vec<f64> =
            logits.iter().copied().filter(|&logit| logit > f64::NEG_INFINITY).collect();
        let (_, &mut pivot, below) = present.select_nth_unstable_by(count - 1, |a, b| b.total_cmp(a));
        let next = below.iter().copied().reduce(f64::max);
        // A difference can be beyond the range of the type, and −∞ means a mask.
        let from_pivot = |logit: f64| (logit - pivot).clamp(f64::MIN / 4.0, f64::MAX / 4.0);
        let present = logits.iter_mut().filter(|logit| **logit > f64::NEG_INFINITY);
        present.for_each(|logit| *logit = from_pivot(*logit));
        // If no category is left out, every bit is one with certainty.
        let tilt = next.map_or(CERTAIN, |next| tilt(&logits, count, from_pivot(next)));
        Self { gaps: logits, count, pivot, tilt }
    }

    /// The probabilities of one and of zero of each bit.
    fn probabilities(&self) -> Vec<[f64; 2]> {
        self.gaps.iter().map(|gap| gap - self.tilt).map(|logit| [sigmoid(logit), sigmoid(-logit)]).collect()
    }

    /// `ln Σ_{|S| = count} exp Σ_{i ∈ S} θᵢ`.
    pub fn log_partition(&self) -> f64 {
        let bits = self.probabilities();
        let of_count = bits.iter().fold(start(self.count), |sums, bit| step(&sums, bit))[self.count];
        // −ln P(no bit is one) + count · tilt, with as many tilts taken out as there are likely bits.
        let likely = self.gaps.iter().filter(|&&gap| gap > self.tilt);
        let (sum, number) = likely.fold((0.0, 0.0), |(sum, number), gap| (sum + gap, number + 1.0));
        let rest: f64 = self.gaps.iter().map(|gap| (-(gap - self.tilt).abs()).exp().ln_1p()).sum();
        of_count.ln() + rest + sum + (self.count as f64 - number) * self.tilt + self.count as f64 * self.pivot
    }

    pub fn marginals(&self) -> Vec<f64> {
        let rounded = |mean: f64| mean.min(1.0);
        marginals(&self.probabilities(), self.count).into_iter().map(rounded).collect()
    }

    /// The covariance of the members times `v`.
    pub fn covariance_times(&self, v: impl Iterator<Item = f64> + Clone) -> Vec<f64> {
        let means = self.marginals();
        // Subtracting a constant from `v` does not change the product, and reduces cancellation.
        let center =
            means.iter().zip(v.clone()).map(|(&mean, v)| weighted(mean, v)).sum::<f64>() / self.count as f64;
        let moving = |(&[on, off], v): (&[f64; 2], f64)| {
            // Exactly 0 at a mask, whatever the cotangent is there.
            let slope = if on * off == 0.0 { 0.0 } else { on * off * (v - center) };
            [Dual { value: on, slope }, Dual { value: off, slope: -slope }]
        };
        let bits: Vec<_> = self.probabilities().iter().zip(v).map(moving).collect();
        marginals(&bits, self.count).into_iter().map(|mean| mean.slope).collect()
    }

    /// The members of a sample, in increasing order, from one uniform number for each category.
    pub fn sample(&self, uniforms: &[f64]) -> impl Iterator<Item = usize> {
        let bits = self.probabilities();
        let after = table(bits.iter().rev(), self.count);
        let (mut left, length) = (self.count, bits.len());
        bits.into_iter().zip(uniforms).enumerate().filter_map(move |(i, ([on, off], &u))| {
            let rest = &after[length - 1 - i];
            let with = if left > 0 { on * rest[left - 1] } else { 0.0 };
            let picked = u * (with + off * rest[left]) < with;
            left -= usize::from(picked);
            picked.then_some(i)
        })
    }
}

/// The shift for which the bits of `logits − tilt` have the expected sum `count`. The `count`-th largest logit is 0, and
/// the next one is `gap`.
fn tilt(logits: &[f64], count: usize, gap: f64) -> f64 {
    // At these ends the expected sum is too large and too small, whatever the other logits are.
    let reach = (logits.len() as f64).ln();
    let (mut low, mut high) = (gap - reach, reach);
    // Where the others are out of reach, no further than makes every bit certain: a large shift would cost digits.
    let mut tilt = (gap / 2.0).max(CERTAIN);
    // An approximation suffices, because any tilt gives the same distribution. After 60 bisections the interval is below
    // rounding.
    for _ in 0..60 {
        let excess = logits.iter().map(|&logit| sigmoid(logit - tilt)).sum::<f64>() - count as f64;
        match excess {
            excess if excess > 0.01 => low = tilt,
            excess if excess < -0.01 => high = tilt,
            _ => break,
        }
        tilt = low + (high - low) / 2.0;
    }
    tilt
}

fn sigmoid(logit: f64) -> f64 {
    let e = (-logit.abs()).exp();
    if logit < 0.0 { e / (1.0 + e) } else { 1.0 / (1.0 + e) }
}

/// The probabilities of the sums 0 to `count` of no bits: the sum is zero.
fn start<N: Number>(count: usize) -> Vec<N> {
    (0..=count).map(|sum| N::constant(if sum == 0 { 1.0 } else { 0.0 })).collect()
}

/// The probabilities of the sums 0 to `count` after one more bit.
fn step<N: Number>(sums: &[N], &[on, off]: &[N; 2]) -> Vec<N> {
    let first = core::iter::once(off * sums[0]);
    first.chain(sums.windows(2).map(|pair| off * pair[1] + on * pair[0])).collect()
}

/// The probabilities of the sums of the first 0, 1, .. bits.
fn table<'a, N: Number + 'a>(bits: impl Iterator<Item = &'a [N; 2]>, count: usize) -> Vec<Vec<N>> {
    let mut rows = vec![start(count)];
    for bit in bits {
        rows.push(step(&rows[rows.len() - 1], bit));
    }
    rows
}

/// `P(bit i is one and the others sum to count − 1) / P(all sum to count)`, from the sums before and after each bit.
fn marginals<N: Number>(bits: &[[N; 2]], count: usize) -> Vec<N> {
    let before = table(bits.iter(), count);
    let of_count = before[bits.len()][count];
    let mut after = start(count);
    let mut means = vec![of_count; bits.len()];
    for (i, bit) in bits.iter().enumerate().rev() {
        let others = before[i][..count].iter().zip(after[..count].iter().rev());
        let others = others.fold(N::constant(0.0), |total, (&before, &after)| total + before * after);
        means[i] = bit[0] * others / of_count;
        after = step(&after, bit);
    }
    means
}
