//! `gumbel reproduce`: a published result from one command.
//!
//! A reproduction is a folder with a run for each cell and seed. Each run is a process of this program with the arguments
//! that a user would type; by default one runs on each core.

mod children;
mod folder;
mod results;

use crate::data;
use crate::reproduce::{ALL, Budget, Plan, ReproduceOptions, Reproduction, find};
use crate::support::interrupt::{INTERRUPTED, Stop};
use crate::support::shell::quoted;
use crate::support::stdout::print;
use anyhow::{Result, bail, ensure};
use children::Ended;
use folder::{Folder, Task};
use std::path::{Path, PathBuf};
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
    let jobs = jobs(experiment, options)?;
    check_data(experiment, options)?;
    let plan = (experiment.plan)(options.budget);
    let wanted = wanted(&plan, &options.only)?;
    let stop = Stop::at_a_signal();
    let folder = Folder::begin(&place(experiment, options), experiment, options.budget, &plan)?;
    let seeds = options.seeds.unwrap_or(options.budget.seeds());
    let tasks: Vec<Task> =
        (0..seeds).flat_map(|seed| wanted.iter().map(move |&run| Task { run, seed })).collect();
    let report = || results::write(&folder, &plan, seeds, &command(options));
    let data_dir = options.data_dir.as_deref().map(std::path::absolute).transpose()?;
    let data_dir = data_dir.filter(|_| experiment.data.is_some());
    report()?;
    let ended = children::make(&folder, &tasks, jobs, data_dir.as_deref(), &stop, &report)?;
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
fn jobs(experiment: &Reproduction, options: &ReproduceOptions) -> Result<usize> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    match (experiment.timed, options.jobs) {
        (true, Some(2..)) => {
            bail!("{} measures time, so its runs are made one at a time; remove --jobs", experiment.name)
        }
        (true, _) => Ok(1),
        (false, jobs) => Ok(jobs.map_or(cores, usize::from)),
    }
}

/// Checks that the data of the runs can be loaded.
fn check_data(experiment: &Reproduction, options: &ReproduceOptions) -> Result<()> {
    let needed = experiment.data.filter(|_| options.budget != Budget::Smoke);
    needed.map_or(Ok(()), |name| Ok(data::load(name, options.data_dir.as_deref(), 0).map(drop)?))
}

/// Indices in the plan of the runs that match the filter.
fn wanted(plan: &Plan, only: &[String]) -> Result<Vec<usize>> {
    let names: Vec<&str> = plan.runs.iter().map(|run| run.name.as_str()).collect();
    for filter in only {
        ensure!(
            names.iter().any(|name| name.contains(filter.as_str())),
            "--only {} matches no run; available: {}",
            quoted(filter),
            names.join(", ")
        );
    }
    let through = |name: &str| only.is_empty() || only.iter().any(|filter| name.contains(filter.as_str()));
    Ok((0..names.len()).filter(|&run| through(names[run])).collect())
}

/// The folder; each budget has its own.
fn place(experiment: &Reproduction, options: &ReproduceOptions) -> PathBuf {
    let suffix = match options.budget {
        Budget::Short => String::new(),
        budget => format!("-{}", budget.name()),
    };
    let unless_chosen = || PathBuf::from(format!("runs/reproduce-{}{suffix}", experiment.name));
    options.out.clone().unwrap_or_else(unless_chosen)
}

/// The command that resumes it.
fn command(options: &ReproduceOptions) -> String {
    let path = |name: &str, path: &Option<PathBuf>| {
        let text = |path: &PathBuf| format!(" --{name} {}", quoted(&Path::to_string_lossy(path)));
        path.as_ref().map_or(String::new(), text)
    };
    let number = |name: &str, number: Option<u64>| number.map_or(String::new(), |n| format!(" --{name} {n}"));
    let only = if options.only.is_empty() {
        String::new()
    } else {
        format!(" --only {}", quoted(&options.only.join(",")))
    };
    format!(
        "gumbel reproduce {} --budget {}{}{}{}{}{only}",
        options.name.as_deref().unwrap_or_default(),
        options.budget.name(),
        number("seeds", options.seeds),
        path("out", &options.out),
        path("data-dir", &options.data_dir),
        number("jobs", options.jobs.map(u64::from)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser;

    fn options(words: &[&str]) -> ReproduceOptions {
        match Cli::try_parse_from([&["gumbel", "reproduce"], words].concat()).unwrap().command {
            Command::Reproduce(options) => options,
            _ => unreachable!("the first argument is reproduce"),
        }
    }

    #[test]
    fn the_command_has_the_options() {
        let words = "tau-tradeoff|--budget|full|--seeds|5|--out|my runs|--jobs|2|--only|a,b";
        let command = command(&options(&words.split('|').collect::<Vec<_>>()));
        assert_eq!(
            command,
            "gumbel reproduce tau-tradeoff --budget full --seeds 5 --out 'my runs' --jobs 2 --only a,b"
        );
        assert_eq!(super::command(&options(&["x"])), "gumbel reproduce x --budget short");
    }

    #[test]
    fn a_filter_matches_parts_of_names() {
        let plan = (find("tau-tradeoff").unwrap().plan)(Budget::Smoke);
        let names = |only: &[&str]| {
            let only: Vec<String> = only.iter().map(|filter| filter.to_string()).collect();
            wanted(&plan, &only)
                .map(|runs| runs.into_iter().map(|run| plan.runs[run].name.clone()).collect::<Vec<_>>())
        };
        assert_eq!(names(&[]).unwrap().len(), 9);
        assert_eq!(names(&["rao-0.3", "softmax-0.1"]).unwrap(), ["gumbel-softmax-0.1", "gumbel-rao-0.3"]);
        let message = names(&["rebar"]).unwrap_err().to_string();
        assert!(message.contains("--only rebar matches no run; available: gumbel-softmax-0.1"), "{message}");
    }

    #[test]
    fn each_budget_has_its_own_folder() {
        let experiment = find("tau-tradeoff").unwrap();
        let folder = |words: &[&str]| place(experiment, &options(words));
        assert_eq!(folder(&["tau-tradeoff"]), Path::new("runs/reproduce-tau-tradeoff"));
        assert_eq!(
            folder(&["tau-tradeoff", "--budget", "smoke"]),
            Path::new("runs/reproduce-tau-tradeoff-smoke")
        );
    }
}
