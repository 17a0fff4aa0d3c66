//! Values of command-line options.

use clap::Args;

/// A whole number from 0. Through TOML's integers, which must hold the record of a run.
///
/// ```
/// # use gumbel_lab::support::options::count;
/// assert_eq!(count::<usize>("12"), Ok(12));
/// assert!(count::<usize>("-1").unwrap_err().contains("must be a whole number from 0"));
/// ```
///
/// # Errors
/// Text that is not such a number.
pub fn count<T: TryFrom<i64>>(text: &str) -> Result<T, String> {
    let number = text.parse::<i64>().ok().and_then(|number| T::try_from(number).ok());
    number.ok_or_else(|| format!("it must be a whole number from 0 to {}", i64::MAX))
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
