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
    first(LONGEST, text)
}

/// The message of another library, which may quote a file at any length: on one line, and cut after 400 characters.
///
/// ```
/// use gumbel_lab::support::excerpt::message;
/// assert_eq!(message("unknown variant `a\u{7}`"), "unknown variant `a\\u{7}`");
/// assert_eq!(message(&"9".repeat(1000)).chars().count(), 401); // with the three dots
/// ```
pub fn message(text: &str) -> String {
    first(400, text)
}

fn first(longest: usize, text: &str) -> String {
    let mut shown: String = text.chars().take(longest).map(escaped).collect();
    if text.chars().nth(longest).is_some() {
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
