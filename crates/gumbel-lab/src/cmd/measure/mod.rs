//! `gumbel measure`.

mod jobs;
mod part;
mod report;
mod work;

use super::AllOrNothing;
use crate::measure::{Guide, MeasureOptions};
use crate::support::{atomic_file, output_file};
use anyhow::{Result, anyhow};
pub(super) use report::{command_line, finish};
use std::path::Path;
use std::process::ExitCode;

/// Measures, prints the table, writes the CSV and the page. A signal ends it at once: it has
/// written nothing and exits with 130.
///
/// # Errors
/// Options that exclude each other; a named estimator that does not support the problem; a full disk.
pub fn run(options: &MeasureOptions) -> Result<ExitCode> {
    run_as(options, &command_line())
}

/// The same, where the page says that this command made it.
pub(super) fn run_as(options: &MeasureOptions, command: &str) -> Result<ExitCode> {
    options.check()?;
    if let (Some(results), Some(out)) = (&options.guide, &options.out) {
        return guide(results, out).map(|()| ExitCode::SUCCESS);
    }
    if let (true, Some(out)) = (options.jobs, &options.out) {
        return jobs::list(options, out);
    }
    if let Some(folder) = &options.collect {
        return jobs::collect(options, folder, command);
    }
    crate::parallel::pool(options.threads as usize)?.install(|| match (&options.run, &options.out) {
        (Some(part), Some(out)) => jobs::make_one(options, out, part),
        _ => measure(options, command),
    })
}

fn measure(options: &MeasureOptions, command: &str) -> Result<ExitCode> {
    let (results, cases) = (AllOrNothing::new(), options.cases()?);
    results.within(options.out.as_deref(), "measure", |folder| {
        let found = work::all(options, &cases)?;
        let _undisturbed = results.undisturbed.hold();
        report::write(folder, options, found, command)
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Writes the guide to choosing an estimator.
fn guide(results: &Path, out: &Path) -> Result<()> {
    let Guide { page, figures } = Guide::read(results)?;
    for (name, text) in figures.into_iter().chain([("choosing.md".into(), page)]) {
        let path = out.join(name);
        output_file::write(&path, text.as_bytes())
            .map_err(|error| anyhow!(atomic_file::refused(&path, &error)))?;
    }
    Ok(())
}
