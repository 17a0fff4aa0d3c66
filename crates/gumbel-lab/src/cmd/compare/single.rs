//! One run of a comparison.

use crate::compare::Comparison;
use crate::experiment::Row;
use crate::support::interrupt::Stop;
use crate::support::stdout::print;
use anyhow::Result;
use std::ffi::OsString;
use std::time::Instant;

/// Trains one run, with more options on which no result depends, unless it has finished.
///
/// # Errors
/// The failure of the run.
pub(super) fn one(
    comparison: &Comparison,
    row: &Row,
    place: usize,
    more: &[OsString],
    started: Instant,
    stop: &Stop,
) -> Result<()> {
    let values = &comparison.record.values;
    let title = format!("[{} of {}] {}", place + 1, values.len(), values[place]);
    if comparison.finished(&values[place]) {
        return print(&format!("{title}: finished earlier\n"));
    }
    print(&format!("{title}\n"))?;
    let words = comparison.words(row.comparison.option, &values[place]);
    let matches = row.command().no_binary_name(true).try_get_matches_from(words.iter().chain(more))?;
    (row.train)(&matches, started, stop).map(drop)
}
