//! `gumbel reproduce`: a published result from one command.
//!
//! A reproduction is a folder with a run for each cell and seed. Each run is a process of this program with the arguments
//! that a user would type; by default one runs on each core.

mod children;
mod chosen;
mod folder;
mod jobs;
mod results;

use crate::data;
use crate::reproduce::{ALL, Budget, Plan, ReproduceOptions, Reproduction, find};
use crate::support::interrupt::{INTERRUPTED, Stop};
use crate::support::stdout::print;
use anyhow::{Result, bail, ensure};
use children::Ended;
use chosen::{command, data_dir, place, seeds, tasks};
use folder::{Folder, Task};
use std::process::ExitCode;

/// Makes the runs that have not finished, and the page. Interrupted, it leaves checkpoints and returns 130.
///
/// # Errors
/// An unknown name, a filter that matches nothing, missing data; after the other runs, those that failed.
pub fn run(options: &ReproduceOptions) -> Result<ExitCode> {
    let Some(name) = options.name.as_ref().filter(|_| !options.list) else {
        return list().map(|()| ExitCode::SUCCESS);
    };
    let experiment = find(name)?;
    let plan = (experiment.plan)(options.budget);
    if let Some(run) = &options.run {
        return jobs::make_one(run, experiment, options, &plan);
    }
    let tasks = tasks(options, &plan)?;
    match &options.collect {
        Some(path) => jobs::collect(path, experiment, options, &plan, &tasks),
        None if options.jobs => jobs::list(experiment, options, &plan, &tasks),
        None => make_all(experiment, options, &plan, &tasks),
    }
}

/// Makes the runs that have not finished, several at a time.
fn make_all(
    experiment: &'static Reproduction,
    options: &ReproduceOptions,
    plan: &Plan,
    tasks: &[Task],
) -> Result<ExitCode> {
    let parallel = parallel(experiment, options)?;
    check_data(experiment, options)?;
    let stop = Stop::at_a_signal();
    let folder = Folder::begin(&place(experiment, options), experiment, options.budget, plan)?;
    let report = || results::write(&folder, plan, seeds(options), &command(options));
    let data_dir = data_dir(experiment, options)?;
    report()?;
    let ended = children::make(&folder, tasks, parallel, data_dir.as_deref(), &stop, &report)?;
    finish(&folder, &ended, &stop, &command(options))
}

/// Reports the outcome.
fn finish(folder: &Folder, ended: &Ended, stop: &Stop, command: &str) -> Result<ExitCode> {
    print(&format!("report: {}\n", folder.path().join("report.html").display()))?;
    if stop.requested() {
        print(&format!("reproduction stopped; resume with: {command}\n"))?;
        return Ok(ExitCode::from(INTERRUPTED));
    }
    let failures = &ended.failures;
    ensure!(failures.is_empty(), "{} of {} runs failed: {}", failures.len(), ended.made, failures.join("; "));
    Ok(ExitCode::SUCCESS)
}

/// Prints names, sources, questions and costs.
fn list() -> Result<()> {
    let width = ALL.iter().map(|experiment| experiment.name.len()).max().unwrap_or(0);
    for Reproduction { name, source, question, costs: [smoke, short, full], .. } in ALL {
        print(&format!(
            "{name:<width$}  {source}\n{:width$}  {question}\n{:width$}  smoke {smoke}; short {short}; full {full}\n\n",
            "", ""
        ))?;
    }
    print(
        "Times are approximate, on two cores. Run one with gumbel reproduce NAME; for options see gumbel reproduce --help.\n",
    )
}

/// Number of simultaneous runs.
fn parallel(experiment: &Reproduction, options: &ReproduceOptions) -> Result<usize> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    match (experiment.timed, options.parallel) {
        (true, Some(2..)) => {
            bail!("{} measures time, so its runs are made one at a time; remove --parallel", experiment.name)
        }
        (true, _) => Ok(1),
        (false, parallel) => Ok(parallel.map_or(cores, usize::from)),
    }
}

/// Checks that the data of the runs can be loaded.
fn check_data(experiment: &Reproduction, options: &ReproduceOptions) -> Result<()> {
    let needed = experiment.data.filter(|_| options.budget != Budget::Smoke);
    needed.map_or(Ok(()), |name| Ok(data::load(name, options.data_dir.as_deref(), 0).map(drop)?))
}
