//! Simple English sentences from a known distribution: a determiner, an adjective, a noun and a verb that agree in
//! number, such as `this old dog sings` and `two old dogs sing`.
//!
//! The number is singular or plural with probability ½, and each word is uniform on its list: 2 · 3 · 8 · 8 · 8 = 3072
//! equally likely sentences, so that the entropy is ln 3072 = 8.0301 nats. Dependence reaches beyond neighbours: the
//! noun must agree with the determiner two words before it.

use gumbel_kernels::{Stream, StreamRng};
use rand_core::Rng;
use std::fmt::Write;

/// Singular, then plural.
const DETERMINERS: [[&str; 3]; 2] = [["the", "this", "one"], ["all", "these", "two"]];
const ADJECTIVES: [&str; 8] = ["old", "young", "small", "tall", "happy", "tired", "clever", "grey"];
const NOUNS: [&str; 8] = ["dog", "cat", "bird", "horse", "king", "queen", "boy", "girl"];
const VERBS: [&str; 8] = ["sing", "run", "sleep", "wait", "walk", "read", "laugh", "speak"];

/// The number of sentences.
pub const COUNT: usize = 2 * 3 * 8 * 8 * 8;

/// Draws sentences, one after another from the stream.
///
/// ```
/// # use gumbel_kernels::Stream;
/// # use gumbel_lab::data::text::sentences;
/// let drawn = sentences::draw(Stream::new(1), 5000);
/// let distinct: std::collections::BTreeSet<_> = drawn.iter().collect();
/// assert!((2400..2550).contains(&distinct.len())); // 2469 are expected
/// ```
pub fn draw(stream: Stream, count: usize) -> Vec<String> {
    let mut rng = StreamRng::new(stream);
    // Uniform to within 3072 / 2^32.
    (0..count).map(|_| sentence(((u64::from(rng.next_u32()) * COUNT as u64) >> 32) as usize)).collect()
}

/// The sentence with a number below [`COUNT`].
fn sentence(number: usize) -> String {
    let (many, number) = (number % 2, number / 2);
    let (determiner, number) = (number % 3, number / 3);
    let [adjective, noun, verb] = [number % 8, number / 8 % 8, number / 64];
    let (of_one, of_many) = if many == 0 { ("s", "") } else { ("", "s") };
    let mut text = String::new();
    let words = (DETERMINERS[many][determiner], ADJECTIVES[adjective], NOUNS[noun], VERBS[verb]);
    write!(text, "{} {} {}{of_many} {}{of_one}", words.0, words.1, words.2, words.3)
        .expect("writing to a string succeeds");
    text
}

/// Every sentence, in the order of its number.
pub fn all() -> impl Iterator<Item = String> {
    (0..COUNT).map(sentence)
}

/// The number of symbols of the longest sentence.
///
/// ```
/// assert_eq!(gumbel_lab::data::text::sentences::longest(), "these clever horses laugh".len());
/// ```
pub fn longest() -> usize {
    all().map(|sentence| sentence.len()).max().expect("COUNT is positive")
}

/// −ln p of any sentence, which is the entropy: ln 3072 nats.
///
/// ```
/// assert!((gumbel_lab::data::text::sentences::nats() - 8.0301).abs() < 5e-5);
/// ```
pub fn nats() -> f64 {
    (COUNT as f64).ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn sentences_are_distinct_and_agree_in_number() {
        let known: std::collections::BTreeSet<String> = all().collect();
        assert_eq!(known.len(), COUNT);
        for right in ["the old dog sings", "these clever queens laugh", "one grey cat speaks"] {
            assert!(known.contains(right), "{right}");
        }
        for wrong in ["the old dogs sings", "these clever queen laughs", "one grey cat speak", "the old dog"]
        {
            assert!(!known.contains(wrong), "{wrong}");
        }
    }

    #[test]
    fn draws_are_uniform_over_the_sentences() {
        let drawn = draw(Stream::new(3), 30_720);
        let mut counts = BTreeMap::<&str, f64>::new();
        drawn.iter().for_each(|sentence| *counts.entry(sentence).or_default() += 1.0);
        let expected = 30_720.0 / COUNT as f64;
        let absent = (COUNT - counts.len()) as f64 * expected;
        let chi2: f64 = counts.values().map(|n| (n - expected).powi(2) / expected).sum::<f64>() + absent;
        // 3071 degrees of freedom: standard deviation 78.4.
        assert!((chi2 - 3071.0).abs() < 4.0 * 78.4, "chi-square {chi2}");
    }
}
