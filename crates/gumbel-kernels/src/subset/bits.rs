//! The arithmetic of one row.
//!
//! A subset of fixed size is independent bits given how many of them are one (the conditional Bernoulli law: Chen,
//! Dempster and Liu 1994). All logits can be shifted alike without changing it; shifted so that as many bits are
//! expected to be one as are wanted, that many is the likeliest number of them, so its probability is never small,
//! and sums of products of probabilities need neither logarithms nor rescaling. Nothing is subtracted, so small
//! marginals are as accurate as large ones.

use crate::dual::{Dual, Number};

/// So low that `σ(0 − SURE)` is exactly one, and so is the probability of every larger logit.
const SURE: f64 = -800.0;

/// A row whose logits were checked, of which `count` are to be picked.
pub(super) struct Bits {
    /// The logits less `shift`.
    logits: Vec<f64>,
    count: usize,
    shift: f64,
}

impl Bits {
    /// At least `count` are unmasked, and `count` is at least one.
    pub fn new(logits: impl Iterator<Item = f64>, count: usize) -> Self {
        let mut logits: Vec<f64> = logits.collect();
        let mut present: Vec<f64> =
            logits.iter().copied().filter(|&logit| logit > f64::NEG_INFINITY).collect();
        let (_, &mut pivot, below) = present.select_nth_unstable_by(count - 1, |a, b| b.total_cmp(a));
        let next = below.iter().copied().reduce(f64::max);
        logits.iter_mut().for_each(|logit| *logit -= pivot);
        // With none left out, bits that are surely one.
        let tilt = next.map_or(SURE, |next| tilt(&logits, count, next - pivot));
        logits.iter_mut().for_each(|logit| *logit -= tilt);
        Self { logits, count, shift: pivot + tilt }
    }

    /// Probabilities of one and of zero.
    fn plain(&self) -> Vec<[f64; 2]> {
        self.logits.iter().map(|&logit| [sigmoid(logit), sigmoid(-logit)]).collect()
    }

    /// `ln Σ_{|S| = count} exp Σ_{i ∈ S} θᵢ`.
    pub fn log_partition(&self) -> f64 {
        let bits = self.plain();
        let hit = bits.iter().fold(start(self.count), |sums, bit| step(&sums, bit))[self.count];
        let softplus = |&logit: &f64| logit.max(0.0) + (-logit.abs()).exp().ln_1p();
        let none = -self.logits.iter().map(softplus).sum::<f64>();
        hit.ln() - none + self.count as f64 * self.shift
    }

    pub fn marginals(&self) -> Vec<f64> {
        let rounded = |mean: f64| mean.min(1.0);
        marginals(&self.plain(), self.count).into_iter().map(rounded).collect()
    }

    /// The covariance of the members times `v`.
    pub fn covariance_times(&self, v: impl Iterator<Item = f64> + Clone) -> Vec<f64> {
        let means = self.marginals();
        // A constant changes nothing; without it, less is left to cancel.
        let centre = means.iter().zip(v.clone()).map(|(mean, v)| mean * v).sum::<f64>() / self.count as f64;
        let moving = |(&[on, off], v): (&[f64; 2], f64)| {
            // Of a mask, whatever the cotangent there.
            let slope = if on * off == 0.0 { 0.0 } else { on * off * (v - centre) };
            [Dual { value: on, slope }, Dual { value: off, slope: -slope }]
        };
        let bits: Vec<_> = self.plain().iter().zip(v).map(moving).collect();
        marginals(&bits, self.count).into_iter().map(|mean| mean.slope).collect()
    }

    /// The members of a sample, in increasing order, from a uniform number for each category.
    pub fn sample(&self, uniforms: &[f64]) -> impl Iterator<Item = usize> {
        let bits = self.plain();
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

/// Logits less the tilt, as odds, expect `count` ones; the `count`-th largest logit is 0, and `gap` the next.
fn tilt(logits: &[f64], count: usize, gap: f64) -> f64 {
    // At these ends too few and too many are expected, however the others lie.
    let reach = (logits.len() as f64).ln();
    let (mut low, mut high) = (gap - reach, reach);
    let mut tilt = gap / 2.0;
    // Near enough is enough: any tilt gives the same subset. Half of an interval 60 times is less than a rounding.
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

/// No bits have the sum zero.
fn start<N: Number>(count: usize) -> Vec<N> {
    (0..=count).map(|sum| N::constant(if sum == 0 { 1.0 } else { 0.0 })).collect()
}

/// Probabilities of the sums 0 to `count` with one bit more.
fn step<N: Number>(sums: &[N], &[on, off]: &[N; 2]) -> Vec<N> {
    let first = core::iter::once(off * sums[0]);
    first.chain(sums.windows(2).map(|pair| off * pair[1] + on * pair[0])).collect()
}

/// The sums of the first 0, 1, .. of some bits.
fn table<'a, N: Number + 'a>(bits: impl Iterator<Item = &'a [N; 2]>, count: usize) -> Vec<Vec<N>> {
    let mut rows = vec![start(count)];
    for bit in bits {
        rows.push(step(&rows[rows.len() - 1], bit));
    }
    rows
}

/// `P(bit i and count − 1 of the others) / P(count of all)`, from the sums before and after each bit.
fn marginals<N: Number>(bits: &[[N; 2]], count: usize) -> Vec<N> {
    let before = table(bits.iter(), count);
    let hit = before[bits.len()][count];
    let mut after = start(count);
    let mut means = vec![hit; bits.len()];
    for (i, bit) in bits.iter().enumerate().rev() {
        let others = before[i][..count].iter().zip(after[..count].iter().rev());
        let others = others.fold(N::constant(0.0), |total, (&before, &after)| total + before * after);
        means[i] = bit[0] * others / hit;
        after = step(&after, bit);
    }
    means
}
