//! Costs of strings under models that count characters: the baseline for a model with latents.

/// Counts of symbols and of pairs of symbols with add-one (Laplace) smoothing, so that every string has a positive
/// probability.
#[derive(Clone, Debug)]
pub struct Baseline {
    symbols: usize,
    /// `[K]`.
    singles: Vec<f64>,
    /// `[K, K]`, with a row for each first symbol of a pair.
    pairs: Vec<f64>,
}

impl Baseline {
    /// Counts the codes, below `symbols`, of strings of `length` codes each.
    ///
    /// # Panics
    /// If a code is not below `symbols`, or `length` is 0.
    pub fn new(codes: &[u8], length: usize, symbols: usize) -> Self {
        let mut all = Self { symbols, singles: vec![1.0; symbols], pairs: vec![1.0; symbols * symbols] };
        for string in codes.chunks(length) {
            string.iter().for_each(|&code| all.singles[code as usize] += 1.0);
            string
                .windows(2)
                .for_each(|pair| all.pairs[all.symbols * pair[0] as usize + pair[1] as usize] += 1.0);
        }
        all
    }

    /// Unigram cost `−Σₜ ln p(xₜ)` in nats per string, averaged over strings.
    ///
    /// ```
    /// use gumbel_lab::data::text::Baseline;
    /// let counted = Baseline::new(&[0, 0, 1, 0], 2, 2); // 4 to 2 with the one added to each
    /// assert!((counted.unigram_nats(&[0, 1], 2) + (4f64 / 6.0).ln() + (2f64 / 6.0).ln()).abs() < 1e-12);
    /// ```
    pub fn unigram_nats(&self, codes: &[u8], length: usize) -> f64 {
        mean(codes, length, |string| string.iter().map(|&code| self.single(code)).sum())
    }

    /// Bigram cost `−ln p(x₁) − Σₜ ln p(xₜ|xₜ₋₁)` in nats per string, averaged over strings. The first symbol of a string
    /// is coded alone: a model of single strings does not see the string before either.
    ///
    /// ```
    /// use gumbel_lab::data::text::Baseline;
    /// let counted = Baseline::new(&[0, 1, 0, 1], 2, 2); // after code 0, code 1 twice: 3 to 1
    /// assert!((counted.bigram_nats(&[0, 1], 2) + 0.5f64.ln() + 0.75f64.ln()).abs() < 1e-12);
    /// ```
    pub fn bigram_nats(&self, codes: &[u8], length: usize) -> f64 {
        mean(codes, length, |string| {
            let rest: f64 = string.windows(2).map(|pair| self.pair(pair[0], pair[1])).sum();
            rest + string.first().map_or(0.0, |&code| self.single(code))
        })
    }

    fn single(&self, code: u8) -> f64 {
        surprise(&self.singles, code)
    }

    fn pair(&self, first: u8, second: u8) -> f64 {
        surprise(&self.pairs[self.symbols * first as usize..][..self.symbols], second)
    }
}

/// −ln of the probability that the counts give to a code.
fn surprise(counts: &[f64], code: u8) -> f64 {
    counts.iter().sum::<f64>().ln() - counts[code as usize].ln()
}

fn mean(codes: &[u8], length: usize, cost: impl Fn(&[u8]) -> f64) -> f64 {
    codes.chunks(length).map(cost).sum::<f64>() / codes.chunks(length).len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_sum_to_one_and_pairs_do_not_cross_strings() {
        let counted = Baseline::new(&[0, 2, 1, 0, 0, 2], 3, 3);
        let total = |cost: &dyn Fn(u8) -> f64| (0..3).map(|code| (-cost(code)).exp()).sum::<f64>();
        assert!((total(&|code| counted.single(code)) - 1.0).abs() < 1e-12);
        for first in 0..3 {
            assert!((total(&|code| counted.pair(first, code)) - 1.0).abs() < 1e-12);
        }
        // 0 follows 1 only across the boundary between strings, which is not counted.
        let split = Baseline::new(&[0, 1, 0, 1], 2, 2);
        assert!((split.pair(1, 0) - 2f64.ln()).abs() < 1e-12);
    }

    /// In a deterministic chain the bigram cost is far below the unigram cost.
    #[test]
    fn pairs_help_where_neighbours_are_dependent() {
        let chain: Vec<u8> = (0..4000).map(|i| (i % 2) as u8).collect();
        let counted = Baseline::new(&chain, 4, 2);
        assert!(counted.bigram_nats(&chain, 4) < 0.3 * counted.unigram_nats(&chain, 4));
        assert!((counted.unigram_nats(&chain, 4) - 4.0 * 2f64.ln()).abs() < 1e-6);
    }
}
