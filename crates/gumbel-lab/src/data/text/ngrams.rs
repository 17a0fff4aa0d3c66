//! Runs of n symbols, and how two sets of strings differ in them.

use std::collections::HashMap;

/// How often each run of n symbols occurs in some strings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counts {
    counts: HashMap<Vec<char>, u64>,
    total: u64,
}

/// Stands before and after a string whose ends mean something.
const EDGE: char = '\0';

impl Counts {
    /// The runs of `n` symbols; with `edges`, a string's ends are symbols too.
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

    /// The share of these occurrences whose run never occurs in `other`, 0 to 1.
    ///
    /// From generated strings to true ones: how much is made up. From true ones to generated ones: how much is never
    /// made. A collapsed generator does well on the first and badly on the second.
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

    /// The total variation distance `½ Σ |p − q|` between the two distributions over runs, 0 to 1.
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
        // In the order of the runs: a sum in the order of a hash would differ in its last bits from run to run.
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
    fn edges_are_symbols_where_they_mean_something() {
        // ^a a$ against ^a ab b$.
        let (short, long) = (counts(&["a"], 2, true), counts(&["ab"], 2, true));
        assert_eq!((short.absent_from(&long), long.absent_from(&short)), (0.5, 2.0 / 3.0));
        assert_eq!(counts(&["a"], 2, false), Counts::default());
    }

    #[test]
    fn the_distance_is_symmetric_and_one_between_strangers() {
        let (one, other) = (counts(&["aab", "ba"], 1, false), counts(&["abbb"], 1, false));
        assert!((one.distance(&other) - 0.35).abs() < 1e-12); // 3/5 and 1/4 of a
        assert!((other.distance(&one) - 0.35).abs() < 1e-12);
        assert_eq!(one.distance(&counts(&["cc"], 1, false)), 1.0);
        assert_eq!((Counts::default().distance(&one), one.distance(&Counts::default())), (1.0, 1.0));
        assert_eq!(Counts::default().distance(&Counts::default()), 0.0);
    }
}
