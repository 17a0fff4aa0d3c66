//! `gumbel compare`: one model, several values of an option, one report.
//!
//! A comparison is a folder with a run for each value, made by the same `gumbel train` that makes any other.

use super::train::Train;
use crate::compare::{Comparison, Record, write};
use crate::experiment::{Row, find};
use crate::run::Shared;
use crate::support::interrupt::{INTERRUPTED, Stop};
use crate::support::options::word;
use crate::support::shell::quoted;
use crate::support::stdout::print;
use anyhow::{Result, bail, ensure};
use clap::parser::ValueSource;
use clap::{Args, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

/// `gumbel compare`.
#[derive(Debug, Args)]
#[command(override_usage = "gumbel compare --estimators <A,B,...> [--out <DIR>] train <MODEL> [OPTIONS]
       gumbel compare --generators <A,B,...> [--out <DIR>] train gan [OPTIONS]
       gumbel compare --resume <DIR>")]
#[command(after_help = "Examples:
  gumbel compare --estimators gumbel-softmax,reinforce,rloo:samples=4 train vae
  gumbel compare --estimators gumbel-rao:tau=0.3,gumbel-rao:tau=1 train vae --data mnist
  gumbel compare --generators relaxed,score-function train gan
  gumbel compare --resume runs/compare-1                    resume a stopped comparison

Each value has its own run in the folder, with the same options, data and seed.")]
pub struct Compare {
    /// Gradient estimators, at least two, separated by commas, with their parameters: reinforce,rloo:samples=4
    #[arg(long, value_name = "A,B,...", value_delimiter = ',', value_parser = word::<String>)]
    pub estimators: Vec<String>,
    /// Gradients of the generator of train gan, at least two: relaxed,straight-through,score-function
    #[arg(long, value_name = "A,B,...", value_delimiter = ',', conflicts_with = "estimators")]
    #[arg(value_parser = word::<String>)]
    pub generators: Vec<String>,
    /// Folder of the comparison; an earlier one is continued, and may get other values
    /// [default: the first free runs/compare-N]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Folder of a stopped comparison to resume; accepts no other option
    #[arg(long, value_name = "DIR", conflicts_with_all = ["out", "estimators", "generators"])]
    pub resume: Option<PathBuf>,
    /// The model to train.
    #[command(subcommand)]
    pub what: Option<Compared>,
}

/// The model whose runs are compared.
#[derive(Debug, Subcommand)]
pub enum Compared {
    /// Model and options, as for gumbel train, without the compared option and without folders
    #[command(subcommand)]
    Train(Train),
}

/// Draws of the gradient at each evaluation, unless the user chooses otherwise.
const DRAWS: i64 = 10;

/// Makes the runs that have not finished, and the report. Interrupted, it returns 130.
///
/// # Errors
/// Values that are unknown or unsupported, before any is trained; the runs that failed, after the others.
pub fn run(options: &Compare, started: Instant) -> Result<ExitCode> {
    let stop = Stop::at_a_signal();
    let comparison = match &options.resume {
        Some(path) => {
            ensure!(
                options.what.is_none(),
                "--resume takes no command: the comparison records what it trains"
            );
            Comparison::open(path)?
        }
        None => begin(options)?,
    };
    let row = find(&comparison.record.model)?;
    let mut failures = Vec::new();
    for (place, value) in comparison.record.values.iter().enumerate() {
        // The other runs are useful without one that fails.
        if let Err(error) = one(&comparison, row, place, started, &stop) {
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
    let Some(Compared::Train(train)) = &options.what else {
        let example = if options.generators.is_empty() { "vae" } else { "gan" };
        bail!("no model to train; append it: gumbel compare --estimators A,B train {example}");
    };
    let row = train.row;
    let values = values(options, row)?;
    distinct(values, row)?;
    let shared = common(train)?;
    (row.comparison.check)(&train.matches, values)?;
    let record = Record::new(row.name, shared.command, values.to_vec());
    let (option, recorded) = (row.comparison.option, row.comparison.recorded);
    Comparison::begin(options.out.as_deref(), record, option, &shared.options, recorded)
}

/// The values to compare.
fn values<'a>(options: &'a Compare, row: &Row) -> Result<&'a [String]> {
    let (given, other, name) = match row.comparison.option {
        "generator" => (&options.generators, &options.estimators, "estimators"),
        _ => (&options.estimators, &options.generators, "generators"),
    };
    let option = row.comparison.option;
    ensure!(other.is_empty(), "train {} does not take --{name}; compare it by --{option}s", row.name);
    ensure!(!given.is_empty(), "--{option}s is missing: name at least two, separated by commas");
    Ok(given)
}

/// Rejects fewer than two values, and one that is named twice.
fn distinct(values: &[String], row: &Row) -> Result<()> {
    let option = row.comparison.option;
    let mut seen: Vec<(String, &String)> = Vec::new();
    for value in values {
        let full = (row.comparison.in_full)(value)?;
        if let Some((_, earlier)) = seen.iter().find(|(known, _)| *known == full) {
            bail!("--{option}s has {earlier} and {value}, which are the same; leave one of them out");
        }
        seen.push((full, value));
    }
    ensure!(
        values.len() >= 2,
        "--{option}s needs at least two values, got {}; for one, use gumbel train {} --{option} {0}",
        quoted(&values.join(",")),
        row.name
    );
    Ok(())
}

/// The options that all runs share.
fn common(train: &Train) -> Result<Shared> {
    let comparison = &train.row.comparison;
    let option = comparison.option;
    ensure!(!given(train, option), "--{option} is for a single run; name the values in --{option}s instead");
    for name in ["out", "resume"] {
        ensure!(!given(train, name), "--{name} is for a single run; give it before train");
    }
    let mut shared = (comparison.shared)(&train.matches)?;
    shared.options.remove(option);
    for name in comparison.of_one {
        ensure!(
            !shared.options.contains_key(*name),
            "--{name} is a parameter of single {option}s; give it to those, as in --{option}s NAME:{name}=VALUE"
        );
    }
    measure_variance(&mut shared, given(train, "gradient_variance"));
    Ok(shared)
}

/// Whether an option was given on the command line.
fn given(train: &Train, name: &str) -> bool {
    let typed = |id: &clap::Id| train.matches.value_source(id.as_str()) == Some(ValueSource::CommandLine);
    train.matches.ids().any(|id| id == name && typed(id))
}

/// Switches the gradient's variance on for a model that can measure it, unless it has been `chosen`.
fn measure_variance(shared: &mut Shared, chosen: bool) {
    match shared.options.get_mut("gradient-variance") {
        // It is the default of a single run: the command does not have it yet.
        Some(toml::Value::Integer(0)) if chosen => shared.command += " --gradient-variance 0",
        Some(draws @ toml::Value::Integer(0)) => *draws = DRAWS.into(),
        _ => {}
    }
}

/// Trains one run, unless it has finished.
fn one(comparison: &Comparison, row: &Row, place: usize, started: Instant, stop: &Stop) -> Result<()> {
    let values = &comparison.record.values;
    let title = format!("[{} of {}] {}", place + 1, values.len(), values[place]);
    if comparison.finished(&values[place]) {
        return print(&format!("{title}: finished earlier\n"));
    }
    print(&format!("{title}\n"))?;
    let words = comparison.words(row.comparison.option, &values[place]);
    let matches = row.command().no_binary_name(true).try_get_matches_from(words)?;
    (row.train)(&matches, started, stop).map(drop)
}

fn stopped(comparison: &Comparison) -> Result<ExitCode> {
    let path = quoted(&comparison.path().to_string_lossy());
    print(&format!("comparison stopped; resume with: gumbel compare --resume {path}\n"))?;
    Ok(ExitCode::from(INTERRUPTED))
}
