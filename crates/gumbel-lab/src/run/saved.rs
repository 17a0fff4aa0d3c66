//! Uses of a run's folder: the evaluation of a finished run, the page of a run in progress.

use super::{DeviceName, Outcome, RunConfig, RunFolder, StoredRows, config_of};
use crate::page::Rendered;
use crate::support::interrupt::Stop;
use anyhow::{Result, ensure};

/// Results of a saved model.
pub struct Evaluation {
    /// The results in a few lines.
    pub announced: String,
    /// The results as in `summary.json`.
    pub results: serde_json::Value,
}

/// Evaluates a saved model with some options in place of those of its run.
///
/// # Errors
/// An option that the experiment does not have; a run that has not finished; data of another form.
pub fn evaluate<E: Outcome>(run: &RunFolder, options: &toml::Table, stop: &Stop) -> Result<Evaluation> {
    let config = config_of::<E::Config>(&run.file(RunFolder::CONFIG))?;
    let mut table = toml::Table::try_from(&config)?;
    let command = E::Config::command_line();
    for (name, value) in options {
        let known = command.get_arguments().any(|option| option.get_long() == Some(name));
        ensure!(known, "--{name} is not an option of gumbel train {}; leave it out", E::Config::NAME);
        table.insert(name.clone(), value.clone());
    }
    let config: E::Config = table.try_into()?;
    config.check()?;
    let device = config.common().device.for_training()?;
    let mut experiment = E::new(&config, &E::load(&config)?, &device)?;
    experiment.load_saved(run)?;
    let results = experiment.test(stop)?;
    E::check(&results)?;
    Ok(Evaluation { announced: E::announce(&results), results: serde_json::to_value(&results)? })
}

/// Renders the page of a run from its files so far.
pub type Live = Box<dyn Fn() -> Result<Rendered>>;

/// The page of a run in progress.
///
/// # Errors
/// A configuration or data that cannot be read.
pub fn live<E: Outcome + 'static>(run: &RunFolder) -> Result<Live> {
    let config = config_of::<E::Config>(&run.file(RunFolder::CONFIG))?;
    // The page is made of files: the device of the run has nothing to compute, and may be another machine's.
    let experiment = E::new(&config, &E::load(&config)?, &DeviceName::default().for_training()?)?;
    let path = run.file(RunFolder::METRICS);
    Ok(Box::new(move || experiment.report(&StoredRows::read(&path, u64::MAX)?.course()?, None)))
}
