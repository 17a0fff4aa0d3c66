//! The place of each part in its file, which for text is known once the lines before it are counted.

use super::part::Part;
use super::{Error, Number, csv};
use rayon::prelude::*;

/// Each part with the number of its first row, from `first` on, and the row behind the last. Text is parsed, its parts on several
/// threads; rows from `end` on are left out.
///
/// # Errors
/// Those of text, in the place of the part; nothing follows it.
#[allow(clippy::type_complexity)] // a part or an error, each with a number
pub(super) fn placed<T: Number>(
    parts: Vec<Part<T>>,
    categories: usize,
    first: u64,
    end: Option<u64>,
) -> (Vec<(u64, Part<T>)>, u64, Option<Error>) {
    let (mut row, mut placed) = (first, Vec::with_capacity(parts.len()));
    for part in parsed(parts, categories) {
        let limit = end.map_or(u64::MAX, |end| end - row);
        match again(part, categories, row, limit) {
            Ok(part) => {
                placed.push((row, part));
                row += placed.last().map_or(0, |(_, part)| part.rows(categories));
            }
            Err(error) => return (placed, row, Some(error)),
        }
    }
    (placed, row, None)
}

/// Parses text. What cannot be parsed stays text.
fn parsed<T: Number>(parts: Vec<Part<T>>, categories: usize) -> Vec<Part<T>> {
    let parse = |part| match part {
        Part::Text(mut text) => match csv::parse(&mut text, categories, 0, u64::MAX) {
            Ok(values) => Part::Values(values),
            Err(_) => Part::Text(text),
        },
        other => other,
    };
    parts.into_par_iter().map(parse).collect()
}

/// Parses text that failed once more, now that the number of its first row is known, and at most `limit` rows.
fn again<T: Number>(part: Part<T>, categories: usize, row: u64, limit: u64) -> Result<Part<T>, Error> {
    match part {
        Part::Text(mut text) => csv::parse(&mut text, categories, row, limit).map(Part::Values),
        Part::Values(mut values) => {
            let most = usize::try_from(limit).unwrap_or(usize::MAX).saturating_mul(categories);
            values.truncate(most);
            Ok(Part::Values(values))
        }
        stored => Ok(stored),
    }
}
