//! Evaluation of generated strings against true ones.

use super::ngrams::Counts;
use super::{Corpus, grammar};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashSet};

/// Statistics of generated strings. Validity alone is meaningless, so they include what a collapsed generator fails:
/// distinct strings, distances and runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// Number of strings.
    pub strings: usize,
    /// Fraction of strings that follow the grammar, where there is one.
    pub valid: Option<f64>,
    /// Number of distinct valid strings; of all strings where there is no grammar.
    pub distinct: usize,
    /// Fraction of strings that are not among the training strings.
    pub novel: f64,
    /// Total variation distance of the lengths to those of the law, or of the held-out strings.
    pub length_distance: f64,
    /// Total variation distance of the symbol frequencies to those of the law, or of the held-out strings.
    pub symbol_distance: f64,
    /// Mean of −ln p of the valid strings under the law of the grammar, in nats; 5.2575 for true strings.
    pub law_nats: Option<f64>,
    /// Statistics of runs of two, three and four symbols, against the held-out strings.
    pub runs: [Runs; 3],
}

/// Differences between runs of n symbols in generated and in held-out strings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Runs {
    /// Length of a run.
    pub n: usize,
    /// Fraction of generated runs that no held-out string contains.
    pub made_up: f64,
    /// Fraction of held-out runs that no generated string contains.
    pub missed: f64,
    /// Total variation distance.
    pub distance: f64,
}

/// Evaluates strings against a corpus.
///
/// ```
/// use gumbel_lab::data::text::{Corpus, measure};
/// let collapsed = measure(&Corpus::grammar(), &vec!["x".to_string(); 1000]);
/// assert_eq!((collapsed.valid, collapsed.distinct), (Some(1.0), 1));
/// assert!((collapsed.length_distance - 5.0 / 6.0).abs() < 1e-12);
/// assert!((collapsed.law_nats.unwrap() - 6f64.ln()).abs() < 1e-12);
/// ```
pub fn measure(corpus: &Corpus, strings: &[String]) -> Quality {
    let valid: Vec<&String> = strings
        .iter()
        .filter(|string| !corpus.arithmetic() || grammar::operators(string).is_some())
        .collect();
    let distinct = valid.iter().collect::<BTreeSet<_>>().len();
    let known: HashSet<String> = corpus.strings().into_iter().collect();
    let novel = strings.iter().filter(|string| !known.contains(*string)).count();
    let share = |count: usize| count as f64 / strings.len().max(1) as f64;
    Quality {
        strings: strings.len(),
        valid: corpus.arithmetic().then(|| share(valid.len())),
        distinct,
        novel: share(novel),
        length_distance: length_distance(corpus, strings),
        symbol_distance: symbol_distance(corpus, strings),
        law_nats: law_nats(&valid).filter(|_| corpus.arithmetic()),
        runs: [2, 3, 4].map(|n| runs(corpus, strings, n)),
    }
}

/// Mean of −ln p under the law of the grammar, over the strings that it supports; `None` if there are none.
///
/// ```
/// let nats = gumbel_lab::data::text::law_nats(&[&"x".to_string(), &"x+".to_string()]);
/// assert!((nats.unwrap() - 6f64.ln()).abs() < 1e-12);
/// ```
pub fn law_nats(strings: &[&String]) -> Option<f64> {
    let nats: Vec<f64> = strings.iter().filter_map(|string| Some(-grammar::log_prob(string)?)).collect();
    (!nats.is_empty()).then(|| nats.iter().sum::<f64>() / nats.len() as f64)
}

fn length_distance(corpus: &Corpus, strings: &[String]) -> f64 {
    let lengths = |strings: &[String]| {
        let mut shares = vec![0.0; corpus.length + 1];
        let each = 1.0 / strings.len().max(1) as f64;
        strings.iter().for_each(|string| shares[string.chars().count()] += each);
        shares
    };
    let expected = if corpus.arithmetic() { grammar::lengths() } else { lengths(&corpus.test) };
    total_variation(lengths(strings).into_iter().zip(expected))
}

fn symbol_distance(corpus: &Corpus, strings: &[String]) -> f64 {
    if !corpus.arithmetic() {
        return Counts::new(strings, 1, false).distance(&Counts::new(&corpus.test, 1, false));
    }
    let (law, all) = (grammar::symbols(), strings.iter().flat_map(|string| string.chars()));
    let total = all.clone().count().max(1) as f64;
    let share = |symbol: char| all.clone().filter(|c| *c == symbol).count() as f64 / total;
    let known: Vec<(f64, f64)> = law.iter().map(|&(symbol, expected)| (share(symbol), expected)).collect();
    // Padding inside a string is a symbol with probability 0 under the law.
    let other = 1.0 - known.iter().map(|(got, _)| got).sum::<f64>();
    total_variation(known.into_iter().chain([(other, 0.0)]))
}

fn total_variation(shares: impl Iterator<Item = (f64, f64)>) -> f64 {
    0.5 * shares.map(|(p, q)| (p - q).abs()).sum::<f64>()
}

fn runs(corpus: &Corpus, strings: &[String], n: usize) -> Runs {
    let counts = |strings: &[String]| Counts::new(strings, n, corpus.alphabet.padded);
    let (ours, theirs) = (counts(strings), counts(&corpus.test));
    Runs {
        n,
        made_up: ours.absent_from(&theirs),
        missed: theirs.absent_from(&ours),
        distance: ours.distance(&theirs),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| word.to_string()).collect()
    }

    #[test]
    fn statistics_of_a_few_strings_are_those_by_hand() {
        let corpus = Corpus::grammar();
        let quality = measure(&corpus, &strings(&["x", "x+x", "x+x", "x x"]));
        assert_eq!((quality.valid, quality.distinct), (Some(0.75), 2));
        assert_eq!(quality.novel, 0.25);
        // A quarter of length 1 and three quarters of length 3; under the law a sixth each.
        assert!((quality.length_distance - 4.0 / 6.0).abs() < 1e-12);
        // Seven x of ten symbols, two +, one blank; under the law 7/12 and 5/48.
        let excess = (0.7 - 7.0 / 12.0) + (0.2 - 5.0 / 48.0) + 0.1;
        assert!((quality.symbol_distance - excess).abs() < 1e-12);
        assert!((quality.law_nats.unwrap() - (6f64.ln() + 2.0 / 3.0 * 4f64.ln())).abs() < 1e-12);
        assert!(quality.runs[0].made_up > 0.0 && quality.runs[0].missed > 0.0);
    }

    /// True strings differ from the law by no more than sampling error.
    #[test]
    fn true_strings_differ_by_sampling_error() {
        let corpus = Corpus::grammar();
        let quality = measure(&corpus, &grammar::draw(gumbel_kernels::Stream::new(5), 5000));
        // The standard deviation of k ln 4 is 1.7078 ln 4.
        let z = (quality.law_nats.unwrap() - 5.2575) / (1.7078 * 4f64.ln() / 5000f64.sqrt());
        assert!(quality.valid == Some(1.0) && z.abs() < 4.0, "{quality:?}");
        // Six shares, each with a standard deviation of 0.0053.
        assert!(quality.length_distance < 6.0 / 2.0 * 0.0053 * 2.0, "{quality:?}");
        assert!((841..=961).contains(&quality.distinct), "{quality:?}"); // 901, standard deviation 15
    }
}
