//! Suggestions for a mistyped word.

use super::excerpt::excerpt;

/// At most two of the `known` words that are similar to `word`, the most similar first.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let closeness = |known: &str| strsim::jaro_winkler(&word.to_lowercase(), known);
    let mut near: Vec<&str> = known.into_iter().filter(|known| closeness(known) > 0.75).collect();
    near.sort_by(|a, b| closeness(b).total_cmp(&closeness(a)));
    near.truncate(2);
    near
}

/// The question, in brackets and after a space; empty if there is nothing to ask.
pub fn meant(near: &[&str]) -> String {
    if near.is_empty() { String::new() } else { format!(" (did you mean {}?)", near.join(" or ")) }
}

/// An error message for an unknown word: similar words, or else all known ones.
///
/// ```
/// use gumbel_lab::support::suggest::unknown;
/// assert_eq!(unknown("data set", "mnits", &["digits", "mnist"]), "unknown data set 'mnits'; did you mean 'mnist'?");
/// assert_eq!(unknown("data set", "x", &["digits", "mnist"]), "unknown data set 'x'; expected one of: digits, mnist");
/// ```
pub fn unknown(kind: &str, word: &str, known: &[&str]) -> String {
    let near: Vec<String> = nearest(word, known.iter().copied()).into_iter().map(excerpt).collect();
    let word = excerpt(word);
    match near.is_empty() {
        true => format!("unknown {kind} '{word}'; expected one of: {}", listed(known)),
        false => format!("unknown {kind} '{word}'; did you mean '{}'?", near.join("' or '")),
    }
}

/// Words in a row, the first forty of many.
pub fn listed(words: &[&str]) -> String {
    const MOST: usize = 40;
    let mut shown: Vec<String> = words.iter().take(MOST).map(|word| excerpt(word)).collect();
    if words.len() > MOST {
        shown.push(format!("and {} more", words.len() - MOST));
    }
    shown.join(", ")
}
