//! What the options of `gumbel reproduce` mean.

use super::folder::Task;
use crate::reproduce::{Budget, Plan, ReproduceOptions, Reproduction};
use crate::support::jobs::absolute;
use crate::support::shell::quoted;
use anyhow::{Result, ensure};
use std::path::{Path, PathBuf};

/// The runs to make, in order: every run with the first seed, then with the next.
pub(super) fn tasks(options: &ReproduceOptions, plan: &Plan) -> Result<Vec<Task>> {
    let wanted = wanted(plan, &options.only)?;
    Ok((0..seeds(options)).flat_map(|seed| wanted.iter().map(move |&run| Task { run, seed })).collect())
}

/// Number of seeds.
pub(super) fn seeds(options: &ReproduceOptions) -> u64 {
    options.seeds.unwrap_or(options.budget.seeds())
}

/// The folder of the data sets, absolute, if one is given and the runs need one.
pub(super) fn data_dir(experiment: &Reproduction, options: &ReproduceOptions) -> Result<Option<PathBuf>> {
    let given = options.data_dir.as_deref().filter(|_| experiment.data.is_some());
    given.map(absolute).transpose()
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
pub(super) fn place(experiment: &Reproduction, options: &ReproduceOptions) -> PathBuf {
    let suffix = match options.budget {
        Budget::Short => String::new(),
        budget => format!("-{}", budget.name()),
    };
    let unless_chosen = || PathBuf::from(format!("runs/reproduce-{}{suffix}", experiment.name));
    options.out.clone().unwrap_or_else(unless_chosen)
}

/// The command that makes the page or resumes it; where runs of a list are collected, the one that would have made them all.
pub(super) fn command(options: &ReproduceOptions) -> String {
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
        path("out", options.collect.as_ref().map_or(&options.out, |_| &options.collect)),
        path("data-dir", &options.data_dir),
        number("parallel", options.parallel.map(u64::from)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use crate::reproduce::find;
    use clap::Parser;

    fn options(words: &[&str]) -> ReproduceOptions {
        match Cli::try_parse_from([&["gumbel", "reproduce"], words].concat()).unwrap().command {
            Command::Reproduce(options) => options,
            _ => unreachable!("the first argument is reproduce"),
        }
    }

    #[test]
    fn the_command_has_the_options() {
        let words = "tau-tradeoff|--budget|full|--seeds|5|--out|my runs|--parallel|2|--only|a,b";
        let command = command(&options(&words.split('|').collect::<Vec<_>>()));
        assert_eq!(
            command,
            "gumbel reproduce tau-tradeoff --budget full --seeds 5 --out 'my runs' --parallel 2 --only a,b"
        );
        assert_eq!(super::command(&options(&["x"])), "gumbel reproduce x --budget short");
        let collected = super::command(&options(&["x", "--collect", "here"]));
        assert_eq!(collected, super::command(&options(&["x", "--out", "here"])));
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
