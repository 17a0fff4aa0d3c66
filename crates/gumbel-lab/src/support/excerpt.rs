//! Input of others inside a message: never whole, never raw.

const LONGEST: usize = 60;

/// The first 60 characters of a text that comes from a file, on one line: line ends and what a terminal would obey are
/// escaped.
///
/// ```
/// use gumbel_lab::support::excerpt::excerpt;
/// assert_eq!(excerpt("x4"), "x4");
/// assert_eq!(excerpt("a\u{1b}[2Jb\n"), "a\\u{1b}[2Jb\\n");
/// assert_eq!(excerpt(&"9".repeat(1000)).chars().count(), 61); // with the three dots
/// ```
pub fn excerpt(text: &str) -> String {
    let mut shown: String = text.chars().take(LONGEST).map(escaped).collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    shown
}

fn escaped(character: char) -> String {
    match character {
        '\'' | '"' | '\\' => character.into(),
        other => other.escape_debug().collect(),
    }
}
