//! Monte Carlo means of relaxed samples, with their standard errors.

use crate::page::Bar;
use crate::support::stats::{Mean, Tally};
use anyhow::Result;
use gumbel_kernels::{Stream, gumbel_softmax, noise};

/// Rows per block.
const BLOCK: usize = 1 << 14;

/// Relaxed samples of one row of logits.
#[derive(Clone, Copy, Debug)]
pub struct Draws<'a> {
    pub logits: &'a [f64],
    pub tau: f64,
    pub count: usize,
    pub stream: Stream,
}

impl Draws<'_> {
    /// Calls `see` with each sample in order.
    pub fn each(&self, mut see: impl FnMut(&[f64])) -> Result<()> {
        let k = self.logits.len();
        let logits = self.logits.repeat(BLOCK.min(self.count));
        let mut rows = vec![0.0; logits.len()];
        for first in (0..self.count).step_by(BLOCK) {
            let len = BLOCK.min(self.count - first) * k;
            let stream = self.stream.skip((first * k) as u64);
            gumbel_softmax(&logits[..len], k, self.tau, stream, &mut rows[..len])?;
            rows[..len].chunks_exact(k).for_each(&mut see);
        }
        Ok(())
    }

    /// Monte Carlo mean of `f(x)`.
    pub fn tally<const N: usize>(&self, f: impl Fn(&[f64]) -> [f64; N]) -> Result<Tally<N>> {
        let mut tally = Tally::default();
        self.each(|row| tally.add(f(row)))?;
        Ok(tally)
    }
}

/// Index of the largest entry.
pub fn argmax(row: &[f64]) -> usize {
    let largest = row.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
    largest.expect("a row has an entry").0
}

/// 1 at the largest entry, 0 elsewhere.
pub fn one_hot<const N: usize>(row: &[f64]) -> [f64; N] {
    let largest = argmax(row);
    std::array::from_fn(|k| f64::from(k == largest))
}

/// The largest distance of corresponding entries.
pub fn furthest(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

/// Gumbel noise.
pub fn gumbel(stream: Stream, count: usize) -> Vec<f64> {
    let mut noise = vec![0.0; count];
    noise::gumbel(stream, &mut noise);
    noise
}

/// A bar for a mean, with four standard errors on both sides of its end.
pub fn bar(mean: Mean) -> Bar {
    Bar { value: mean.value, error: 4.0 * mean.standard_error }
}

/// Probabilities of unnormalised weights.
pub fn shares<const N: usize>(weights: [f64; N]) -> [f64; N] {
    let total: f64 = weights.iter().sum();
    weights.map(|weight| weight / total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_do_not_depend_on_the_blocks() {
        let draws = |count| Draws { logits: &[0.0, 1.0], tau: 0.5, count, stream: Stream::new(3) };
        let all = |count| {
            let mut all = Vec::new();
            draws(count).each(|row| all.extend_from_slice(row)).unwrap();
            all
        };
        assert_eq!(all(BLOCK + 5)[..2 * BLOCK], all(BLOCK)[..]);
        assert_ne!(all(2)[..2], all(2)[2..]);
    }
}
