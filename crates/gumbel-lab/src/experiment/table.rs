//! The table of the experiments of `gumbel train`.

use super::bound::BoundExperiment;
use super::gan::GanExperiment;
use super::vqvae::VqvaeExperiment;
use crate::model::{Sbn, Semi, Text, Vae};
use crate::run::{
    Compared, ComparedRun, Curve, DeviceName, Evaluation, Generated, Live, RunConfig, RunFolder, Shared,
    add_options, check_values, compared_run, evaluate, live, recorded, shared, train,
};
use crate::support::interrupt::Stop;
use crate::support::suggest::unknown;
use anyhow::{Context, Result, bail};
use clap::ArgMatches;
use gumbel::Noise;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

/// All experiments, in the order of the documentation. A new model is a file in [`model`](crate::model) and a row here.
pub const ALL: &[Row] = &[
    Row::of::<BoundExperiment<Vae>>(),
    Row::of::<BoundExperiment<Sbn>>(),
    Row::of::<BoundExperiment<Semi>>(),
    Row::of::<BoundExperiment<Text>>(),
    Row::of::<GanExperiment>(),
    Row::of::<VqvaeExperiment>(),
];

/// An experiment and its functions for the commands.
pub struct Row {
    /// NAME in `gumbel train NAME`.
    pub name: &'static str,
    /// The experiment in a line.
    pub about: &'static str,
    /// Commands to start from.
    pub examples: &'static str,
    /// Adds its options to a command.
    options: fn(clap::Command) -> clap::Command,
    /// Trains.
    pub train: fn(&ArgMatches, Instant, &Stop) -> Result<ExitCode>,
    /// Draws from a trained model, on the device of its run or on another.
    pub generate: fn(&RunFolder, Option<DeviceName>, usize, &mut Noise) -> Result<Generated>,
    /// Evaluates a trained model with other options.
    pub evaluate: fn(&RunFolder, &toml::Table, &Stop) -> Result<Evaluation>,
    /// The page of a run in progress.
    pub live: fn(&RunFolder) -> Result<Live>,
    /// How its runs are compared.
    pub comparison: Comparison,
}

/// How runs of an experiment are compared.
pub struct Comparison {
    /// The option whose values are compared.
    pub option: &'static str,
    /// Options that belong to a single value.
    pub of_one: &'static [&'static str],
    /// The canonical spelling of a value.
    pub in_full: fn(&str) -> Result<String>,
    /// The options that all runs have.
    pub shared: fn(&ArgMatches) -> Result<Shared>,
    /// The options that an earlier comparison has recorded.
    pub recorded: fn(&Path) -> Result<toml::Table>,
    /// Rejects values that could not be trained.
    pub check: fn(&ArgMatches, &[String]) -> Result<()>,
    /// Reads a finished run.
    pub run: fn(&Path, &str) -> Result<ComparedRun>,
    /// The numbers along training.
    pub curves: fn() -> Vec<Curve>,
}

impl Row {
    /// The row of an experiment.
    pub const fn of<E: Compared + 'static>() -> Self {
        let comparison = Comparison {
            option: E::OPTION,
            of_one: E::OF_ONE,
            in_full: E::in_full,
            shared: shared::<E>,
            recorded: recorded::<E>,
            check: check_values::<E>,
            run: compared_run::<E>,
            curves: || E::curves().into_iter().map(|(curve, _)| curve).collect(),
        };
        Self {
            name: E::Config::NAME,
            about: E::ABOUT,
            examples: E::EXAMPLES,
            options: add_options::<E::Config>,
            train: train::<E>,
            generate: E::generate,
            evaluate: evaluate::<E>,
            live: live::<E>,
            comparison,
        }
    }

    /// `gumbel train NAME`.
    pub fn command(&self) -> clap::Command {
        (self.options)(clap::Command::new(self.name)).about(self.about).after_help(self.examples)
    }

    /// The names of its options.
    fn option_names(&self) -> Vec<String> {
        let command = (self.options)(clap::Command::new(self.name));
        let names = command.get_arguments().flat_map(|option| {
            let earlier = option.get_all_aliases().unwrap_or_default();
            option.get_long().into_iter().chain(earlier).map(str::to_string).collect::<Vec<_>>()
        });
        names.collect()
    }
}

/// The experiment with a name.
///
/// # Errors
/// An unknown name.
pub fn find(name: &str) -> Result<&'static Row> {
    let names: Vec<&str> = ALL.iter().map(|row| row.name).collect();
    ALL.iter().find(|row| row.name == name).with_context(|| unknown("model", name, &names))
}

/// The experiment of a run.
///
/// # Errors
/// A folder that is not a run; one of an earlier version, whose experiment cannot be determined.
pub fn of_run(run: &RunFolder) -> Result<&'static Row> {
    let path = run.file(RunFolder::CONFIG);
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let table: toml::Table =
        text.parse().with_context(|| format!("{} is not a configuration", path.display()))?;
    if let Some(name) = table.get("model").and_then(toml::Value::as_str) {
        return find(name).with_context(|| path.display().to_string());
    }
    // Version 0.1 recorded every option but not the model: the smallest set of options that has them all.
    let fits = |row: &&Row| {
        let names = row.option_names();
        table.keys().all(|key| names.contains(key))
    };
    match ALL.iter().filter(fits).min_by_key(|row| row.option_names().len()) {
        Some(row) => Ok(row),
        None => bail!(
            "{} is not the configuration of a run of this program; choose another folder",
            path.display()
        ),
    }
}
