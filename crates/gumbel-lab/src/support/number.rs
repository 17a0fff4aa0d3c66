//! Numbers of a command line.

/// A whole number from 0. Through TOML's integers, which must hold the record of a run.
///
/// ```
/// # use gumbel_lab::support::number::count;
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
