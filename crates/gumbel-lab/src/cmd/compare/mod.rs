//! `gumbel compare`: one model, several values of an option, one report.
//!
//! A comparison is a folder with a run for each value, made by the same `gumbel train` that makes any other.

mod chosen;
mod jobs;
mod options;
mod single;

use crate::compare::{Comparison, write};
use crate::experiment::find;
use crate::support::interrupt::{INTERRUPTED, Stop};
use crate::support::shell::quoted;
use crate::support::stdout::print;
use anyhow::{Result, ensure};
use chosen::{Chosen, chosen};
pub use options::Compare;
use single::one;
use std::process::ExitCode;
use std::time::Instant;

/// Makes the runs that have not finished, and the report. Interrupted, it returns 130.
///
/// # Errors
/// Values that are unknown or unsupported, before any is trained; the runs that failed, after the others.
pub fn run(options: &Compare, started: Instant) -> Result<ExitCode> {
    let stop = Stop::at_a_signal();
    for (name, given) in [("resume", &options.resume), ("collect", &options.collect)] {
        ensure!(
            given.is_none() || options.what.is_none(),
            "--{name} takes no command: the comparison records what it trains"
        );
    }
    match (&options.collect, &options.run, &options.out) {
        (Some(folder), ..) => jobs::collect(folder),
        (_, Some(value), Some(out)) => jobs::make_one(&chosen(options, false)?, out, value, started, &stop),
        (_, _, Some(out)) if options.jobs => jobs::list(&chosen(options, true)?, out),
        _ => make_all(options, started, &stop),
    }
}

fn make_all(options: &Compare, started: Instant, stop: &Stop) -> Result<ExitCode> {
    let comparison = match &options.resume {
        Some(path) => Comparison::open(path)?,
        None => begin(options)?,
    };
    let row = find(&comparison.record.model)?;
    let mut failures = Vec::new();
    for (place, value) in comparison.record.values.iter().enumerate() {
        // The other runs are useful without one that fails.
        if let Err(error) = one(&comparison, row, place, &[], started, stop) {
            failures.push(format!("{value}: {error:#}"));
        }
        if stop.requested() {
            return stopped(&comparison);
        }
    }
    write(&comparison, row)?;
    let count = comparison.record.values.len();
    ensure!(failures.is_empty(), "{} of {count} runs failed: {}", failures.len(), failures.join("; "));
    Ok(ExitCode::SUCCESS)
}

/// A folder for the comparison: a new one, or that of an earlier one with the same options.
fn begin(options: &Compare) -> Result<Comparison> {
    let Chosen { row, record, options: shared } = chosen(options, true)?;
    let (option, recorded) = (row.comparison.option, row.comparison.recorded);
    Comparison::begin(options.out.as_deref(), record, option, &shared, recorded)
}

fn stopped(comparison: &Comparison) -> Result<ExitCode> {
    let path = quoted(&comparison.path().to_string_lossy());
    print(&format!("comparison stopped; resume with: gumbel compare --resume {path}\n"))?;
    Ok(ExitCode::from(INTERRUPTED))
}
