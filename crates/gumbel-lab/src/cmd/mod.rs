//! The commands, one file each.

mod compare;
mod data;
mod generate;
mod generate_strings;
mod list;
mod measure;
mod progress;
mod reproduce;
mod sample;
mod show;
mod train;
mod train_gan;

use crate::cli::{Cli, Command, Train, command};
use crate::model::{Sbn, Semi, Text, Vae};
use crate::run::RunFolder;
use crate::support::interrupt::{INTERRUPTED, Interrupted, Stop};
use crate::support::stdout::print;
use anyhow::{Context, Result, bail, ensure};
use clap::ArgMatches;
use clap::parser::ValueSource;
use std::process::ExitCode;
use std::time::Instant;

/// Runs a command of a program that started at `started`.
///
/// # Errors
/// What the command could not do, as one line.
pub fn dispatch(cli: Cli, started: Instant) -> Result<ExitCode> {
    match cli.command {
        Command::Train(model) => return train(&model, started, &Stop::at_a_signal()),
        Command::Compare(options) => return compare::run(&options, started),
        Command::Measure(options) => return measure::run(&options),
        Command::Reproduce(options) => return reproduce::run(&options),
        Command::Show(options) => return show::run(&options),
        Command::Generate(options) => generate::run(&options)?,
        Command::Sample(options) => sample::run(&options)?,
        Command::Data(options) => return data::run(&options),
        Command::List { name: None } => list::table()?,
        Command::List { name: Some(name) } => list::one(&name)?,
        Command::Cite { names } => list::cite(&names)?,
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut command(), "gumbel", &mut script);
            print(&String::from_utf8_lossy(&script))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Trains a model; 130 if it was stopped.
fn train(model: &Train, started: Instant, stop: &Stop) -> Result<ExitCode> {
    match model {
        Train::Vae(options) => train::run::<Vae>(options, started, stop),
        Train::Sbn(options) => train::run::<Sbn>(options, started, stop),
        Train::Semi(options) => train::run::<Semi>(options, started, stop),
        Train::Text(options) => train::run::<Text>(options, started, stop),
        Train::Gan(options) => train_gan::run(options, started, stop),
    }
}

/// The options of a model that runs by several estimators share.
fn shared(model: &Train) -> Result<compare::Shared> {
    match model {
        Train::Vae(options) => train::shared(options),
        Train::Sbn(options) => train::shared(options),
        Train::Semi(options) => train::shared(options),
        Train::Text(options) => train::shared(options),
        Train::Gan(_) => bail!(NO_ESTIMATOR),
    }
}

/// Refuses an estimator, or options, that the model cannot be trained with.
fn check(model: &Train, estimators: &[String]) -> Result<()> {
    match model {
        Train::Vae(options) => train::check::<Vae>(options, estimators),
        Train::Sbn(options) => train::check::<Sbn>(options, estimators),
        Train::Semi(options) => train::check::<Semi>(options, estimators),
        Train::Text(options) => train::check::<Text>(options, estimators),
        Train::Gan(_) => bail!(NO_ESTIMATOR),
    }
}

const NO_ESTIMATOR: &str = "train gan has no --estimator to compare by; train it once for each --generator: relaxed, straight-through, \
     score-function";

/// Threads to work inside of, where matrix products start without waking a thread for each.
fn pool(threads: usize) -> Result<rayon::ThreadPool> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    pool.context("cannot start threads; try --threads 1")
}

/// The outcome of what writes nothing before its end, or word that it was stopped, and 130.
fn or_stopped(outcome: Result<ExitCode>) -> Result<ExitCode> {
    match outcome {
        Err(error) if error.is::<Interrupted>() => {
            print("stopped; nothing was written\n")?;
            Ok(ExitCode::from(INTERRUPTED))
        }
        outcome => outcome,
    }
}

/// Refuses options that would make it another run.
fn check_resumable(matches: &ArgMatches, folder: &RunFolder) -> Result<()> {
    for id in matches.ids() {
        let given = matches.value_source(id.as_str()) == Some(ValueSource::CommandLine);
        // The groups that clap makes of structs.
        let group = id.as_str().starts_with(char::is_uppercase);
        let allowed = ["steps", "threads", "data_dir", "resume"].contains(&id.as_str());
        ensure!(
            !given || allowed || group,
            "--{} cannot change in a resumed run: it would not be the same run; start a new one with --config {}",
            id.as_str().replace('_', "-"),
            folder.file("config.toml").display()
        );
    }
    Ok(())
}
