//! A comparison as a list of commands: the list, one of its runs, and the report of all of them.

use super::chosen::Chosen;
use super::single::one;
use crate::compare::{Comparison, write};
use crate::data::Places;
use crate::experiment::{Row, find};
use crate::run::RunLog;
use crate::support::interrupt::{INTERRUPTED, Stop};
use crate::support::jobs::{Incomplete, Lack, absolute, called, finished_earlier, line, print_list};
use crate::support::shell::option;
use crate::support::suggest::unknown;
use anyhow::{Context, Result};
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

/// Prints a command for each run.
pub(super) fn list(Chosen { row, record, .. }: &Chosen, out: &Path) -> Result<ExitCode> {
    let mut words = called(Places::new(None).environment.as_deref())?;
    let values = format!("--{}s={}", row.comparison.option, record.values.join(","));
    words.extend(["compare".into(), values.into(), option("--out=", &absolute(out)?)]);
    print_list(record.values.iter().map(|value| {
        let run = OsString::from(format!("--run={value}"));
        Ok(format!("{} {}", line(words.iter().chain([&run]))?, record.train))
    }))?;
    Ok(ExitCode::SUCCESS)
}

/// Makes the run of one value, unless it has finished.
///
/// # Errors
/// A value that is not compared; a run that another process is making; the failure of the run.
pub(super) fn make_one(
    Chosen { row, record, options }: &Chosen,
    out: &Path,
    value: &str,
    started: Instant,
    stop: &Stop,
) -> Result<ExitCode> {
    let names: Vec<&str> = record.values.iter().map(String::as_str).collect();
    let place = names.iter().position(|&known| known == value);
    let place = place.with_context(|| unknown(row.comparison.option, value, &names))?;
    let comparison = Comparison::join(out, record, row.comparison.option, options, row.comparison.recorded)?;
    let threads = threads(options);
    let make = || one(&comparison, row, place, &threads, started, stop);
    let done = log(&comparison, value).make_once(|| comparison.finished(value), make)?;
    match done {
        None => finished_earlier(value),
        Some(()) if comparison.finished(value) => Ok(ExitCode::SUCCESS),
        Some(()) => Ok(ExitCode::from(INTERRUPTED)),
    }
}

/// One thread unless the user chose otherwise: the scheduler has the others.
fn threads(options: &toml::Table) -> Vec<OsString> {
    let chosen = options.get("threads").is_some_and(|threads| threads.as_integer() != Some(0));
    if chosen { vec![] } else { vec!["--threads=1".into()] }
}

/// The log of the run of a value.
fn log(comparison: &Comparison, value: &str) -> RunLog {
    RunLog::new(comparison.path(), &Comparison::folder_name(value))
}

/// Writes the report of all runs, or nothing.
///
/// # Errors
/// [`Incomplete`]; a folder that is not that of a comparison.
pub(super) fn collect(path: &Path) -> Result<ExitCode> {
    let comparison = Comparison::open(path)?;
    let row = find(&comparison.record.model)?;
    let values = comparison.record.values.iter();
    Incomplete::check(path, values.map(|value| (value.clone(), lack(&comparison, row, value))))?;
    write(&comparison, row).map(|()| ExitCode::SUCCESS)
}

/// Why a run cannot be collected, if so.
fn lack(comparison: &Comparison, row: &Row, value: &str) -> Option<Lack> {
    let run = comparison.run(value);
    if comparison.finished(value) {
        let read = (row.comparison.run)(&run, value);
        return read.err().map(|error| Lack::Damaged(format!("{error:#}")));
    }
    let begun = if run.exists() { Lack::Unfinished } else { Lack::Missing };
    Some(log(comparison, value).failure().map_or(begun, Lack::Failed))
}
