//! Runs of n symbols (n-grams), and the difference between two sets of strings in them.

use std::collections::HashMap;

/// The number of occurrences of each run of n symbols in a set of strings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counts {
    counts: HashMap<Vec<char>, u64>,
    total: u64,
}

/// Marks the start and the end of a string.
const EDGE: char = '\0';

impl Counts {
    /// Counts the runs of `n` symbols; with `edges`, the start and the end of a string count as symbols.
    pub fn new<'a>(strings: impl IntoIterator<Item = &'a String>, n: usize, edges: bool) -> Self {
        let mut all = Self::default();
        for string in strings {
            let edge = if edges { &[EDGE][..] } else { &[] };
            let symbols: Vec<char> =
                edge.iter().copied().chain(string.chars()).chain(edge.iter().copied()).collect();
            for run in symbols.windows(n) {
                *all.counts.entry(run.to_vec()).or_default() += 1;
                all.total += 1;
            }
        }
        all
    }

    /// The fraction of occurrences whose run does not occur in `other`, 0 to 1.
    ///
    /// From generated to true strings it is the fraction that is invented, from true to generated strings the fraction
    /// that is missed. A collapsed generator is good at the first and bad at the second.
    ///
    /// ```
    /// use gumbel_lab::data::text::ngrams::Counts;
    /// let counts = |text: &str| Counts::new(&[text.to_string()], 2, false);
    /// assert_eq!(counts("abab").absent_from(&counts("abc")), 1.0 / 3.0); // ba, of ab ba ab
    /// assert_eq!(counts("abc").absent_from(&counts("abab")), 0.5); // bc, of ab bc
    /// ```
    pub fn absent_from(&self, other: &Self) -> f64 {
        let absent = self.counts.iter().filter(|(run, _)| !other.counts.contains_key(*run));
        self.share(absent.map(|(_, count)| *count).sum())
    }

    /// Total variation distance `½ Σ |p − q|` between the two distributions of runs, 0 to 1.
    ///
    /// ```
    /// use gumbel_lab::data::text::ngrams::Counts;
    /// let counts = |text: &str| Counts::new(&[text.to_string()], 1, false);
    /// assert_eq!(counts("aab").distance(&counts("ab")), 2.0 / 3.0 - 0.5);
    /// ```
    pub fn distance(&self, other: &Self) -> f64 {
        let excess = |(run, count): (&Vec<char>, &u64)| {
            let theirs = other.share(other.counts.get(run).copied().unwrap_or(0));
            (self.share(*count) - theirs).max(0.0)
        };
        // In sorted order: a sum in the order of a hash map would differ in its last bits between executions.
        let mut runs: Vec<_> = self.counts.iter().collect();
        runs.sort();
        if self.total == 0 { f64::from(other.total > 0) } else { runs.into_iter().map(excess).sum() }
    }

    fn share(&self, count: u64) -> f64 {
        count as f64 / self.total.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(strings: &[&str], n: usize, edges: bool) -> Counts {
        Counts::new(&strings.iter().map(|s| s.to_string()).collect::<Vec<_>>(), n, edges)
    }

    #[test]
    fn edges_count_as_symbols_on_request() {
        // ^a a$ against ^a ab b$.
        let (short, long) = (counts(&["a"], 2, true), counts(&["ab"], 2, true));
        assert_eq!((short.absent_from(&long), long.absent_from(&short)), (0.5, 2.0 / 3.0));
        assert_eq!(counts(&["a"], 2, false), Counts::default());
    }

    #[test]
    fn the_distance_is_symmetric_and_one_between_disjoint_sets() {
        let (one, other) = (counts(&["aab", "ba"], 1, false), counts(&["abbb"], 1, false));
        assert!((one.distance(&other) - 0.35).abs() < 1e-12); // 3/5 and 1/4 of a
        assert!((other.distance(&one) - 0.35).abs() < 1e-12);
        assert_eq!(one.distance(&counts(&["cc"], 1, false)), 1.0);
        assert_eq!((Counts::default().distance(&one), one.distance(&Counts::default())), (1.0, 1.0));
        assert_eq!(Counts::default().distance(&Counts::default()), 0.0);
    }
}
