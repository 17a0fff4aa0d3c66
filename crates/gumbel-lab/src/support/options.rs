//! Values of command-line options.

use clap::Args;
use std::str::FromStr;

/// A whole number. Through TOML's integers, which must hold the record of a run.
///
/// ```
/// # use gumbel_lab::support::options::count;
/// assert_eq!(count::<usize>("12"), Ok(12));
/// assert!(count::<usize>("-1").unwrap_err().contains("must be a whole number without a sign"));
/// ```
///
/// # Errors
/// Text that is not such a number.
pub fn count<T: TryFrom<i64>>(text: &str) -> Result<T, String> {
    let number = text.parse::<i64>().ok().and_then(|number| T::try_from(number).ok());
    // No least number is said: each option has its own, of which its check tells.
    number.ok_or_else(|| format!("it must be a whole number without a sign, at most {}", i64::MAX))
}

/// A word of a list, without the spaces around it.
///
/// ```
/// # use gumbel_lab::support::options::word;
/// assert_eq!(word::<String>(" rloo"), Ok("rloo".into()));
/// ```
///
/// # Errors
/// A word that is not one of its kind.
pub fn word<T: FromStr>(text: &str) -> Result<T, T::Err> {
    text.trim().parse()
}

/// The values of the options when none is given.
///
/// # Panics
/// If an option has no default.
pub fn defaults<A: Args>() -> A {
    let matches = A::augment_args(clap::Command::new("")).try_get_matches_from::<_, &str>([]);
    let parsed = matches.and_then(|matches| A::from_arg_matches(&matches));
    parsed.expect("every option has a default")
}
