//! `gumbel compare`: one model, several estimators, one report.
//!
//! A comparison is a folder with a run for each estimator, made by the same `gumbel train` that makes any other. It
//! asks nothing of a model but that it takes `--estimator`, `--config`, `--out` and `--resume` and leaves the files
//! of a run.

mod folder;
mod results;

use super::{check, shared, train};
use crate::cli::{Cli, Command, Compare, Compared, Train};
use crate::support::interrupt::{INTERRUPTED, Stop};
use crate::support::shell::quoted;
use crate::support::stdout::print;
use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use clap::parser::ValueSource;
use folder::{Folder, Record};
use gumbel::estimator::EstimatorSpec;
use std::process::ExitCode;
use std::time::Instant;

/// What runs by several estimators have in common.
pub(super) struct Shared {
    /// The options as in a run's `config.toml`.
    pub(super) options: toml::Table,
    /// What chooses them: `train vae --steps 2000`.
    pub(super) command: String,
}

/// Draws of the gradient at each evaluation, unless the user says otherwise.
const DRAWS: i64 = 10;

/// Trains by each estimator what has not been, and reports. Interrupted, it returns 130.
///
/// # Errors
/// Estimators that are unknown or cannot serve, before any is trained; the runs that failed, after the others.
pub(super) fn run(options: &Compare, started: Instant) -> Result<ExitCode> {
    let stop = Stop::at_a_signal();
    let folder = match &options.resume {
        Some(path) => {
            ensure!(options.what.is_none(), "--resume takes no command: a comparison knows what it trains");
            Folder::open(path)?
        }
        None => begin(options)?,
    };
    let mut failures = Vec::new();
    for place in 0..folder.record.estimators.len() {
        match one(&folder, place, started, &stop) {
            Ok(()) => {}
            // The others are worth having all the same.
            Err(error) => failures.push(format!("{}: {error:#}", folder.record.estimators[place])),
        }
        if stop.requested() {
            return stopped(&folder);
        }
    }
    results::write(&folder)?;
    let count = folder.record.estimators.len();
    ensure!(failures.is_empty(), "{} of {count} runs failed: {}", failures.len(), failures.join("; "));
    Ok(ExitCode::SUCCESS)
}

/// A folder for what the options ask for: a new one, or that of the same comparison.
fn begin(options: &Compare) -> Result<Folder> {
    distinct(&options.estimators)?;
    let Some(Compared::Train(model)) = &options.what else {
        bail!(
            "say what to train: gumbel compare --estimators {} train vae",
            quoted(&options.estimators.join(","))
        );
    };
    let shared = common(model)?;
    check(model, &options.estimators)?;
    let (model, estimators) = (model.model().into(), options.estimators.clone());
    let record = Record { model, train: shared.command, estimators };
    Folder::begin(options.out.as_deref(), record, &shared.options)
}

/// Refuses fewer than two estimators, and one that is named twice.
fn distinct(estimators: &[String]) -> Result<()> {
    let mut seen: Vec<(String, &String)> = Vec::new();
    for written in estimators {
        let choice = written.parse::<EstimatorSpec>()?.complete().to_string();
        if let Some((_, earlier)) = seen.iter().find(|(known, _)| *known == choice) {
            bail!("--estimators has {earlier} and {written}, which are the same; leave one of them out");
        }
        seen.push((choice, written));
    }
    ensure!(
        estimators.len() >= 2,
        "--estimators needs at least two to compare, got {}; for one, gumbel train takes --estimator {0}",
        quoted(&estimators.join(","))
    );
    Ok(())
}

/// The options of the model without those that each run has of its own.
fn common(model: &Train) -> Result<Shared> {
    ensure!(!given(model, "estimator"), "--estimator is one for all runs; name them in --estimators instead");
    for name in ["out", "resume"] {
        ensure!(!given(model, name), "--{name} of a single run has no place here; give it before train");
    }
    let mut shared = shared(model)?;
    shared.options.remove("estimator");
    for name in ["tau", "samples"] {
        ensure!(
            !shared.options.contains_key(name),
            "--{name} is a parameter of single estimators; give it to those, as in --estimators NAME:{name}=VALUE"
        );
    }
    measure_variance(&mut shared, given(model, "gradient_variance"));
    Ok(shared)
}

/// Whether an option stands on the command line.
fn given(model: &Train, name: &str) -> bool {
    let typed = |id: &clap::Id| model.matches().value_source(id.as_str()) == Some(ValueSource::CommandLine);
    model.matches().ids().any(|id| id == name && typed(id))
}

/// Switches the gradient's variance on for a model that can measure it, unless it has been `chosen`.
fn measure_variance(shared: &mut Shared, chosen: bool) {
    match shared.options.get_mut("gradient-variance") {
        // No difference from the defaults of a single run: the command does not have it yet.
        Some(toml::Value::Integer(0)) if chosen => shared.command += " --gradient-variance 0",
        Some(draws @ toml::Value::Integer(0)) => *draws = DRAWS.into(),
        _ => {}
    }
}

/// Trains one run, unless it has finished.
fn one(folder: &Folder, place: usize, started: Instant, stop: &Stop) -> Result<()> {
    let estimators = &folder.record.estimators;
    let title = format!("[{} of {}] {}", place + 1, estimators.len(), estimators[place]);
    if folder.finished(&estimators[place]) {
        return print(&format!("{title}: done before\n"));
    }
    print(&format!("{title}\n"))?;
    folder.clear(&estimators[place]);
    let words = folder.words(&estimators[place]);
    let parsed = Cli::try_parse_from(words).context("the folder's path cannot be an argument")?;
    let Command::Train(model) = parsed.command else { unreachable!("the words begin with train") };
    train(&model, started, stop).map(drop)
}

fn stopped(folder: &Folder) -> Result<ExitCode> {
    let path = quoted(&folder.path().to_string_lossy());
    print(&format!("comparison stopped; go on with: gumbel compare --resume {path}\n"))?;
    Ok(ExitCode::from(INTERRUPTED))
}
