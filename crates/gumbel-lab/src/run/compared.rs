//! The comparison of runs of an experiment, by the values of one option: curves and results that all of them have.

use super::{
    Outcome, Record, RunConfig, RunFolder, StoredRows, Summary, SummaryOf, Trainer, config_of, configuration,
    read_checked,
};
use crate::page::number::{fixed, with_error};
use crate::parallel::Alone;
use anyhow::Result;
use clap::ArgMatches;
use std::path::Path;
use std::sync::Arc;

/// An experiment whose runs can be compared.
pub trait Compared: Outcome {
    /// The option whose values are compared, such as `estimator`.
    const OPTION: &'static str;
    /// Options that belong to a single value.
    const OF_ONE: &'static [&'static str];

    /// The canonical spelling of a value.
    ///
    /// # Errors
    /// A value that does not exist.
    fn in_full(value: &str) -> Result<String>;

    /// The numbers along training, each with its place in a row of metrics.
    fn curves() -> Vec<(Curve, ValueOf<Self>)>;

    /// The numbers on the test set.
    fn measures(results: &Self::Results) -> Vec<Measure>;

    /// An explanation of the measures, in a paragraph.
    fn caution(summary: &SummaryOf<Self>) -> String;
}

/// The number of a curve in a row of metrics.
pub type ValueOf<E> = fn(&<E as super::Experiment>::Metrics) -> Option<f64>;

/// A number along training.
#[derive(Clone, Copy, Debug)]
pub struct Curve {
    /// The column of `metrics.csv` and of `curves.csv`.
    pub column: &'static str,
    /// The heading of its section.
    pub heading: &'static str,
    /// Name and unit of the number.
    pub label: &'static str,
    /// Explanation of the curve.
    pub caption: &'static str,
    /// Whether its axis is logarithmic.
    pub log_y: bool,
    /// Whether it is drawn over the time of training, too.
    pub over_seconds: bool,
}

/// A number on the test set.
#[derive(Clone, Debug, PartialEq)]
pub struct Measure {
    /// The column of `summary.csv`.
    pub column: &'static str,
    /// The number.
    pub value: f64,
    /// Its standard error, if it has one.
    pub standard_error: Option<f64>,
    /// The head of its column in tables; none if they leave it out.
    pub head: Option<String>,
    /// The factor by which it is multiplied in tables.
    scale: f64,
    /// Its decimals in tables, if it has no standard error.
    decimals: usize,
}

impl Measure {
    /// A number with the head of its column.
    pub fn new(column: &'static str, value: f64, head: impl Into<String>) -> Self {
        Self { column, value, standard_error: None, head: Some(head.into()), scale: 1.0, decimals: 3 }
    }

    /// The same with a standard error.
    #[must_use]
    pub fn with_error(self, standard_error: f64) -> Self {
        Self { standard_error: Some(standard_error), ..self }
    }

    /// The same in per cent in tables.
    #[must_use]
    pub fn in_per_cent(self) -> Self {
        Self { scale: 100.0, decimals: 1, ..self }
    }

    /// The same with this number of decimals in tables, if it has no standard error.
    #[must_use]
    pub fn with_decimals(self, decimals: usize) -> Self {
        Self { decimals, ..self }
    }

    /// The number as tables show it.
    pub fn cell(&self) -> String {
        match self.standard_error {
            Some(error) => with_error(self.scale * self.value, self.scale * error),
            None => fixed(self.scale * self.value, self.decimals),
        }
    }
}

/// A finished run of a comparison.
#[derive(Clone, Debug)]
pub struct ComparedRun {
    /// The value of the option.
    pub name: String,
    /// The data set.
    pub data: String,
    /// Evaluations during training.
    pub points: Vec<Point>,
    /// Results on the test set.
    pub measures: Vec<Measure>,
    /// An explanation of the measures, in a paragraph.
    pub caution: String,
    /// Gradient steps.
    pub steps: u64,
    /// Trainable parameters.
    pub parameters: usize,
    /// Seconds of training.
    pub seconds: f64,
    /// Steps per second of training.
    pub steps_per_second: f64,
}

/// An evaluation during training.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Gradient steps before it.
    pub step: u64,
    /// Seconds of training, evaluations left out.
    pub seconds: f64,
    /// A number for each of the curves, where it was measured.
    pub values: Vec<Option<f64>>,
}

/// The options that the runs of a comparison share.
pub struct Shared {
    /// The options as in a run's `config.toml`.
    pub options: toml::Table,
    /// The command of the options: `train vae --steps 2000`.
    pub command: String,
}

/// The options of `gumbel train NAME` with the default of the one that is compared.
///
/// # Errors
/// A file that cannot be read or is malformed.
pub fn shared<E: Compared>(matches: &ArgMatches) -> Result<Shared> {
    let (config, _): (E::Config, _) = configuration(matches)?;
    let mut options = toml::Table::try_from(&config)?;
    let defaults = toml::Table::try_from(E::Config::defaults())?;
    options.extend(defaults.get(E::OPTION).map(|default| (E::OPTION.to_string(), default.clone())));
    let config: E::Config = options.clone().try_into()?;
    Ok(Shared { options, command: config.command().replacen("gumbel ", "", 1) })
}

/// The options that an earlier comparison has recorded, by their present names, with the defaults of those it lacks.
///
/// # Errors
/// A file that cannot be read or is malformed.
pub fn recorded<E: Compared>(path: &Path) -> Result<toml::Table> {
    Ok(toml::Table::try_from(config_of::<E::Config>(path)?)?)
}

/// Rejects what could not be trained with each of the values, before any is.
///
/// # Errors
/// As for [`train`](super::train).
pub fn check_values<E: Compared>(matches: &ArgMatches, values: &[String]) -> Result<()> {
    let (config, _): (E::Config, _) = configuration(matches)?;
    let with = |value: &String| -> Result<E::Config> {
        let mut options = toml::Table::try_from(&config)?;
        options.insert(E::OPTION.into(), value.clone().into());
        Ok(options.try_into()?)
    };
    let all = values.iter().map(with).collect::<Result<Vec<_>>>()?;
    all.iter().try_for_each(RunConfig::check)?;
    let data = E::load(&config)?;
    all.iter().try_for_each(|config| Trainer::<E>::new(config, &data, Arc::new(Alone)).map(drop))
}

/// A finished run from its files.
///
/// # Errors
/// A file that is missing or damaged.
pub fn compared_run<E: Compared>(folder: &Path, name: &str) -> Result<ComparedRun> {
    let summary: SummaryOf<E> = Summary::read(folder)?;
    let metrics = RunFolder::METRICS;
    read_checked(folder, metrics)?;
    let points = points::<E>(&StoredRows::read(&folder.join(metrics), u64::MAX)?)?;
    Ok(ComparedRun {
        name: name.into(),
        data: summary.data.clone(),
        points,
        measures: E::measures(&summary.test),
        caution: E::caution(&summary),
        steps: summary.steps,
        parameters: summary.parameters,
        seconds: summary.seconds,
        steps_per_second: summary.steps_per_second,
    })
}

/// The evaluations among the rows.
fn points<E: Compared>(rows: &StoredRows<E::Metrics>) -> Result<Vec<Point>> {
    let (curves, mut points) = (E::curves(), Vec::new());
    let point = |row: &E::Metrics| Point {
        step: row.step(),
        seconds: row.seconds(),
        values: curves.iter().map(|(_, value)| value(row)).collect(),
    };
    rows.each(|row| {
        points.extend(row.evaluated().then(|| point(&row)));
        Ok(())
    })?;
    Ok(points)
}
