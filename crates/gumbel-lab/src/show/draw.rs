//! Monte Carlo means of relaxed samples, with their standard errors.

use anyhow::Result;
use gumbel_kernels::{Stream, gumbel_softmax};

/// Rows drawn at a time.
const BLOCK: usize = 1 << 14;

/// A mean and its standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Mean {
    pub value: f64,
    pub se: f64,
}

impl Mean {
    /// Of independent numbers.
    pub fn of(numbers: impl IntoIterator<Item = f64>) -> Self {
        let mut tally = Tally::<1>::default();
        numbers.into_iter().for_each(|x| tally.add([x]));
        tally.means()[0]
    }
}

/// Running means of `N` numbers (Welford 1962), which sums of squares would lose digits of.
#[derive(Clone, Debug)]
pub struct Tally<const N: usize> {
    count: f64,
    mean: [f64; N],
    squares: [f64; N],
}

impl<const N: usize> Default for Tally<N> {
    fn default() -> Self {
        Self { count: 0.0, mean: [0.0; N], squares: [0.0; N] }
    }
}

impl<const N: usize> Tally<N> {
    pub fn add(&mut self, numbers: [f64; N]) {
        self.count += 1.0;
        for (i, x) in numbers.into_iter().enumerate() {
            let apart = x - self.mean[i];
            self.mean[i] += apart / self.count;
            self.squares[i] += apart * (x - self.mean[i]);
        }
    }

    pub fn means(&self) -> [Mean; N] {
        let se = |i: usize| (self.squares[i] / (self.count * (self.count - 1.0).max(1.0))).sqrt();
        std::array::from_fn(|i| Mean { value: self.mean[i], se: se(i) })
    }
}

/// Relaxed samples of one row of logits.
#[derive(Clone, Copy, Debug)]
pub struct Draws<'a> {
    pub logits: &'a [f64],
    pub tau: f64,
    pub count: usize,
    pub stream: Stream,
}

impl Draws<'_> {
    /// The samples, one after the other.
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

    /// `E f(x)`.
    pub fn tally<const N: usize>(&self, f: impl Fn(&[f64]) -> [f64; N]) -> Result<Tally<N>> {
        let mut tally = Tally::default();
        self.each(|row| tally.add(f(row)))?;
        Ok(tally)
    }
}

/// The place of the largest entry.
pub fn argmax(row: &[f64]) -> usize {
    let largest = row.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
    largest.expect("a row has an entry").0
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
    fn the_mean_and_its_error_are_those_of_the_numbers() {
        let mean = Mean::of([1.0, 2.0, 3.0, 6.0]);
        // Squared deviations 4 + 1 + 0 + 9, over 3, over 4.
        assert_eq!(mean.value, 3.0);
        assert!((mean.se - (14.0f64 / 12.0).sqrt()).abs() < 1e-15);
    }

    #[test]
    fn blocks_do_not_show_in_the_samples() {
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
