//! Kusner and Hernández-Lobato's arithmetic grammar, S → x | S+S | S−S | S∗S | S/S, with a known distribution of lengths.
//!
//! Its strings are x(op x)^k. Uniform productions would give k = 0 for four strings of five, so here k is uniform on
//! 0..=5 and each operator is uniform on the four. There are 4^k strings for each k, 1365 in all, and the
//! entropy of the law is ln 6 + (0 + … + 5)/6 · ln 4 = 5.2575 nats.

use gumbel_kernels::{Stream, StreamRng};
use rand_core::Rng;

/// The operators.
pub const OPERATORS: [char; 4] = ['+', '-', '*', '/'];
/// The largest number of operators in a string.
pub const MOST: usize = 5;
/// The number of symbols of the longest string.
pub const LONGEST: usize = 2 * MOST + 1;

/// Draws strings, one after another from the stream.
///
/// ```
/// # use gumbel_kernels::Stream;
/// # use gumbel_lab::data::text::grammar;
/// let strings = grammar::draw(Stream::new(1), 5000);
/// let distinct: std::collections::BTreeSet<_> = strings.iter().collect();
/// assert!((850..950).contains(&distinct.len())); // 901 are expected
/// ```
pub fn draw(stream: Stream, count: usize) -> Vec<String> {
    let mut rng = StreamRng::new(stream);
    (0..count).map(|_| string(&mut rng)).collect()
}

fn string(rng: &mut StreamRng) -> String {
    let operators = below(rng, MOST as u64 + 1);
    let rest = (0..operators).flat_map(|_| [OPERATORS[below(rng, 4) as usize], 'x']);
    ['x'].into_iter().chain(rest).collect()
}

/// Uniform on `0..bound`, to within bound / 2^32.
fn below(rng: &mut StreamRng, bound: u64) -> u64 {
    (u64::from(rng.next_u32()) * bound) >> 32
}

/// The number of operators of a string that the law supports; `None` for any other string.
///
/// ```
/// use gumbel_lab::data::text::grammar::operators;
/// assert_eq!(operators("x+x*x"), Some(2));
/// assert_eq!(operators("x+"), None);
/// ```
pub fn operators(string: &str) -> Option<usize> {
    let mut expects_x = true;
    for symbol in string.chars() {
        let fits = if expects_x { symbol == 'x' } else { OPERATORS.contains(&symbol) };
        if !fits {
            return None;
        }
        expects_x = !expects_x;
    }
    let length = string.len();
    (!expects_x && length <= LONGEST).then_some(length / 2)
}

/// `ln p(string)` under the law, `−ln 6 − k ln 4`; `None` for a string that it does not support.
///
/// ```
/// let log_prob = gumbel_lab::data::text::grammar::log_prob("x+x").unwrap();
/// assert!((log_prob + 24f64.ln()).abs() < 1e-12);
/// ```
pub fn log_prob(string: &str) -> Option<f64> {
    let operators = operators(string)?;
    Some(-((MOST + 1) as f64).ln() - operators as f64 * 4f64.ln())
}

/// The probability of each length 0, 1, 2, …
pub fn lengths() -> Vec<f64> {
    let share = 1.0 / (MOST + 1) as f64;
    (0..=LONGEST).map(|length| if length % 2 == 1 { share } else { 0.0 }).collect()
}

/// Each symbol with its frequency among all symbols: k + 1 of x and k operators, averaged over k.
pub fn symbols() -> Vec<(char, f64)> {
    let (operands, each) = (MOST as f64 / 2.0 + 1.0, MOST as f64 / 8.0);
    let total = operands + 4.0 * each;
    [('x', operands)].into_iter().chain(OPERATORS.map(|c| (c, each))).map(|(c, n)| (c, n / total)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// Every string that the law supports.
    fn all() -> Vec<String> {
        let longer = |strings: &Vec<String>| -> Vec<String> {
            strings.iter().flat_map(|s| OPERATORS.map(|operator| format!("{s}{operator}x"))).collect()
        };
        let layers = std::iter::successors(Some(vec!["x".to_string()]), |strings| Some(longer(strings)));
        layers.take(MOST + 1).flatten().collect()
    }

    #[test]
    fn the_law_sums_to_one_over_1365_strings_and_has_its_entropy() {
        let masses: Vec<f64> = all().iter().map(|string| log_prob(string).unwrap()).collect();
        assert_eq!(masses.len(), 1365);
        let total: f64 = masses.iter().map(|log| log.exp()).sum();
        let entropy: f64 = masses.iter().map(|log| -log * log.exp()).sum();
        assert!((total - 1.0).abs() < 1e-12 && (entropy - 5.2575).abs() < 5e-5, "{total} {entropy}");
        let expected = |log: &f64| 1.0 - (1.0 - log.exp()).powi(5000);
        assert!((masses.iter().map(expected).sum::<f64>() - 901.0).abs() < 1.0);
    }

    #[test]
    fn draws_follow_the_law_and_symbol_frequencies_are_those_of_its_strings() {
        let (count, strings) = (60_000, draw(Stream::new(3), 60_000));
        let mut counts = BTreeMap::<&str, f64>::new();
        strings.iter().for_each(|string| *counts.entry(string).or_default() += 1.0);
        let chi2: f64 = all()
            .iter()
            .map(|string| {
                let expected = f64::from(count) * log_prob(string).unwrap().exp();
                (counts.get(string.as_str()).unwrap_or(&0.0) - expected).powi(2) / expected
            })
            .sum();
        // 1364 degrees of freedom: mean 1364, standard deviation 52.2.
        assert!((chi2 - 1364.0).abs() < 4.0 * 52.2, "chi-square {chi2}");
        for (symbol, share) in symbols() {
            let per_string = |string: &String| {
                let own = string.chars().filter(|c| *c == symbol).count() as f64;
                (own, string.len() as f64)
            };
            let weighted = all()
                .iter()
                .map(|s| (log_prob(s).unwrap().exp(), per_string(s)))
                .fold((0.0, 0.0), |sum, (mass, (own, length))| (sum.0 + mass * own, sum.1 + mass * length));
            assert!((weighted.0 / weighted.1 - share).abs() < 1e-12, "{symbol}");
        }
    }

    #[test]
    fn strings_outside_the_grammar_are_rejected() {
        for string in ["", "+", "x+", "xx", "x++x", "y", "x x", "x+x ", "x+x+x+x+x+x+x"] {
            assert_eq!(operators(string), None, "{string:?}");
        }
        assert_eq!((operators("x"), operators("x+x+x+x+x+x")), (Some(0), Some(5)));
    }
}
