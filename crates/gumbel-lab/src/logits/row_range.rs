//! A range of the rows of a file.

use super::Error;
use std::str::FromStr;

/// Rows from `start` up to `end`, which is not one of them; without an end, all rows from `start` on. Rows count from 0.
///
/// ```
/// use gumbel_lab::logits::RowRange;
/// assert_eq!("10..20".parse(), Ok(RowRange { start: 10, end: Some(20) }));
/// assert_eq!("10..".parse(), Ok(RowRange { start: 10, end: None }));
/// assert!("20..10".parse::<RowRange>().unwrap_err().ends_with("got 20..10; write 10..20"));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowRange {
    /// The first row.
    pub start: u64,
    /// The row behind the last.
    pub end: Option<u64>,
}

impl RowRange {
    /// Checks that a file of so many rows has these.
    ///
    /// # Errors
    /// [`Error::RowsBeyond`].
    pub(super) fn check(self, rows: u64) -> Result<(), Error> {
        let RowRange { start, end } = self;
        let within = start < rows && end.is_none_or(|end| end <= rows);
        if within { Ok(()) } else { Err(Error::RowsBeyond { start, end, rows }) }
    }
}

impl FromStr for RowRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || format!("expected A..B, A.. or ..B with whole numbers, such as 0..1000, got '{text}'");
        let (start, end) = text.split_once("..").ok_or_else(form)?;
        let number = |text: &str| text.parse::<u64>().map_err(|_| form());
        let start = if start.is_empty() { 0 } else { number(start)? };
        let end = if end.is_empty() { None } else { Some(number(end)?) };
        match end {
            Some(end) if end < start => {
                Err(format!("the range must not be reversed, got {text}; write {end}..{start}"))
            }
            Some(end) if end == start => Err(format!(
                "the range must have at least one row, got {text}; its end is not in it: write {start}..{} for row {start}",
                start.saturating_add(1)
            )),
            _ => Ok(Self { start, end }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_and_mistakes_have_a_remedy() {
        let range = |text: &str| text.parse::<RowRange>();
        assert_eq!(range("..5"), Ok(RowRange { start: 0, end: Some(5) }));
        assert_eq!(range(".."), Ok(RowRange::default()));
        for text in ["5", "1..=5", "a..b", "-1..2", "1,2", "", "1.5..2", "99999999999999999999.."] {
            assert!(range(text).unwrap_err().starts_with("expected A..B, A.. or ..B"), "{text}");
        }
        assert!(range("3..3").unwrap_err().ends_with("write 3..4 for row 3"));
        assert!(range("3..1").unwrap_err().ends_with("got 3..1; write 1..3"));
    }

    #[test]
    fn rows_that_a_file_has_not_are_an_error() {
        let check =
            |text: &str| text.parse::<RowRange>().unwrap().check(5).map_err(|error| error.to_string());
        for valid in ["0..5", "..", "4..", "4..5"] {
            assert_eq!(check(valid), Ok(()), "{valid}");
        }
        let error = check("2..6").unwrap_err();
        assert_eq!(error, "the file has 5 rows, got --rows 2..6; choose rows from 0..5");
        assert_eq!(check("5..").unwrap_err(), "the file has 5 rows, got --rows 5..; choose rows from 0..5");
    }
}
