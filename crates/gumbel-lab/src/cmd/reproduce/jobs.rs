//! The runs of a reproduction as a list of commands: the list, one of its runs, and the table of all of them.

use super::chosen::{command, data_dir, place, seeds};
use super::folder::{Folder, Task};
use super::results;
use crate::cmd::measure;
use crate::data::Places;
use crate::experiment;
use crate::measure::MeasureOptions;
use crate::reproduce::{Budget, Plan, ReproduceOptions, Reproduction};
use crate::support::interrupt::Stop;
use crate::support::jobs::{Incomplete, absolute, called, finished_earlier, line, note, print_list};
use crate::support::shell::{option, quoted};
use crate::support::stdout::print;
use crate::support::suggest::unknown;
use anyhow::{Context, Result};
use clap::{Args, FromArgMatches};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

/// Prints a command for each run.
pub(super) fn list(
    experiment: &'static Reproduction,
    options: &ReproduceOptions,
    plan: &Plan,
    tasks: &[Task],
) -> Result<ExitCode> {
    let mut words = called(environment(experiment, options).as_deref())?;
    words.extend(["reproduce".into(), experiment.name.into()]);
    words.push(format!("--budget={}", options.budget.name()).into());
    words.push(option("--out=", &absolute(&place(experiment, options))?));
    words.extend(data_dir(experiment, options)?.map(|folder| option("--data-dir=", &folder)));
    print_list(tasks.iter().map(|task| {
        let run = OsString::from(format!("--run={}", task.name(&plan.runs)));
        Ok(line(words.iter().chain([&run]))?)
    }))?;
    if experiment.timed {
        note(&format!("{} measures time; make its runs one at a time, on one machine", experiment.name));
    }
    Ok(ExitCode::SUCCESS)
}

/// The folder of the data sets, if the runs need one and it comes from the environment.
fn environment(experiment: &Reproduction, options: &ReproduceOptions) -> Option<PathBuf> {
    let needed = experiment.data.is_some() && options.budget != Budget::Smoke && options.data_dir.is_none();
    Places::new(None).environment.filter(|_| needed)
}

/// Makes one run in this process, unless it has finished: what kills the process kills the run.
///
/// # Errors
/// An unknown run; one that another process is making; the failure of the run.
pub(super) fn make_one(
    name: &str,
    experiment: &'static Reproduction,
    options: &ReproduceOptions,
    plan: &Plan,
) -> Result<ExitCode> {
    let task = task(name, plan)?;
    let folder = Folder::join(&place(experiment, options), experiment, options.budget, plan)?;
    let data_dir = data_dir(experiment, options)?;
    let make = || dispatch(&folder.words(task, data_dir.as_deref()));
    let done = folder.log(task).make_once(|| folder.finished(task), make)?;
    done.map_or_else(|| finished_earlier(name), Ok)
}

/// The run with a name of the list.
fn task(name: &str, plan: &Plan) -> Result<Task> {
    let names: Vec<&str> = plan.runs.iter().map(|run| run.name.as_str()).collect();
    let parts = name.rsplit_once("-seed-").and_then(|(run, seed)| Some((run, seed.parse().ok()?)));
    let (run, seed) = parts.with_context(|| {
        format!("unknown run {}; expected RUN-seed-N, as --jobs lists them", quoted(name))
    })?;
    let run = names.iter().position(|&known| known == run).with_context(|| unknown("run", run, &names))?;
    Ok(Task { run, seed })
}

/// Runs `train …` or `measure …`.
fn dispatch(words: &[OsString]) -> Result<ExitCode> {
    if words[0] == OsStr::new("measure") {
        let parser = MeasureOptions::augment_args(clap::Command::new("measure"));
        let options = MeasureOptions::from_arg_matches(&parser.try_get_matches_from(words)?)?;
        return measure::run_as(&options, &format!("gumbel {}", line(words)?));
    }
    let row = experiment::find(&words[1].to_string_lossy())?;
    let matches = row.command().no_binary_name(true).try_get_matches_from(&words[2..])?;
    (row.train)(&matches, Instant::now(), &Stop::at_a_signal())
}

/// Writes the table and the page of finished runs, or nothing.
///
/// # Errors
/// [`Incomplete`]; a folder without such runs.
pub(super) fn collect(
    path: &Path,
    experiment: &'static Reproduction,
    options: &ReproduceOptions,
    plan: &Plan,
    tasks: &[Task],
) -> Result<ExitCode> {
    // A signal waits until all files are written.
    let _stop = Stop::at_a_signal();
    let folder = Folder::open(path, experiment, options.budget, plan)?;
    Incomplete::check(path, tasks.iter().map(|&task| (folder.name(task), folder.lack(task))))?;
    results::write(&folder, plan, seeds(options), &command(options))?;
    print(&format!("report: {}\n", path.join("report.html").display())).map(|()| ExitCode::SUCCESS)
}
