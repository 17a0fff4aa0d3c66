//! What every error message keeps.

use std::fmt::Display;

/// The most characters of a message: the longest lists forty names of sixty characters.
const LONGEST: usize = 3000;

/// Checks that an error is one line of limited length, without anything that a terminal would obey.
pub fn check(error: &dyn Display) {
    let text = format!("{error:#}");
    assert!(text.chars().count() <= LONGEST, "a message of {} characters: {text:.200}", text.chars().count());
    assert!(!text.chars().any(char::is_control), "a message with a control character: {text:?}");
}

/// The value, or nothing after a check of the error.
pub fn ok<T, E: Display>(result: Result<T, E>) -> Option<T> {
    result.inspect_err(|error| check(error)).ok()
}
