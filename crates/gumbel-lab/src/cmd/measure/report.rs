//! The files of a measurement.

use crate::measure::{
    CurvePoint, MeasureOptions, MeasurePage, MeasureRow, TrainingPage, TrainingPoint, fits,
};
use crate::page::Rendered;
use crate::page::number::grouped;
use crate::run::RunFolder;
use crate::support::csv_table::table_under;
use crate::support::shell::quoted;
use crate::support::stdout::print;
use anyhow::Result;

/// The heads of the tables.
pub(super) const TABLE: &str =
    "estimator,problem,bias,bias_standard_error,bias_z,std,rmse,evaluations,nanoseconds";
pub(super) const TRAINING: &str =
    "estimator,step,expected_loss,expected_loss_standard_error,gradient_variance";

/// The head of the table of the curves.
pub(super) fn curves_head() -> String {
    format!("curve,series,kind,x,{TABLE}")
}

/// What has been measured.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Found {
    /// The table.
    pub(super) rows: Vec<MeasureRow>,
    /// The curves.
    pub(super) points: Vec<CurvePoint>,
    /// The learning curves, of training only.
    pub(super) training: Vec<TrainingPoint>,
    /// What was left out, and why.
    pub(super) skipped: Vec<String>,
}

/// Writes the tables and the page.
pub(super) fn write(folder: &RunFolder, options: &MeasureOptions, found: Found, command: &str) -> Result<()> {
    if options.train {
        trained(folder, options, found, command)
    } else {
        measured(folder, options, found, command)
    }
}

fn measured(folder: &RunFolder, options: &MeasureOptions, found: Found, command: &str) -> Result<()> {
    let Found { rows, points, skipped, .. } = found;
    for fit in fits(&points) {
        print(&format!(
            "on {}, the variance of {} is proportional to tau^{:.2}\n",
            fit.kind, fit.series, fit.slope
        ))?;
    }
    folder.write_last("measure.csv", &table_under(TABLE, &rows)?, &[])?;
    if !points.is_empty() {
        folder.write("curves.csv", table_under(&curves_head(), &points)?)?;
    }
    let page = MeasurePage { command: command.into(), method: method(options), rows, points, skipped };
    finish(folder, &page.render())
}

fn method(options: &MeasureOptions) -> String {
    let settings = options.settings();
    format!(
        "{} independent estimates in each row, {} at each point of a curve. Baselines and coefficients were learned in \
         {} warm-up steps with separate noise and then held fixed. bias: mean error along the direction of the mean \
         error of earlier estimates. z: bias over its standard error, standard normal if there is no bias. std: standard \
         deviation of one estimate. rmse: root-mean-square error, bias included, of the average of as many estimates as \
         {} evaluations of f allow. ns: time of one estimate.",
        grouped(settings.replicates as f64),
        grouped(options.curve_settings().replicates as f64),
        settings.warm_up,
        settings.budget
    )
}

fn trained(folder: &RunFolder, options: &MeasureOptions, found: Found, command: &str) -> Result<()> {
    let Found { training: points, skipped, .. } = found;
    folder.write("train.csv", table_under(TRAINING, &points)?)?;
    let page = TrainingPage { command: command.into(), method: training_method(options)?, points, skipped };
    finish(folder, &page.render())
}

fn training_method(options: &MeasureOptions) -> Result<String> {
    let MeasureOptions { steps, lr, runs, .. } = *options;
    let problem = options.cases()?[0].name();
    Ok(format!(
        "{runs} independent runs of {steps} steps of Adam at {lr}, starting from equal probabilities, on {problem}. Baselines and \
         coefficients are learned from all runs together."
    ))
}

/// Writes a page and announces it.
pub fn finish(folder: &RunFolder, page: &Rendered) -> Result<()> {
    page.files().try_for_each(|(name, text)| folder.write(&name, text))?;
    print(&format!("report: {}\n", folder.file("report.html").display()))
}

/// The command line of this process; where parts are collected, that of the command which would have measured them all.
pub fn command_line() -> String {
    let typed = |word: String| match word.strip_prefix("--collect") {
        Some(rest) if rest.is_empty() || rest.starts_with('=') => format!("--out{rest}"),
        _ => word,
    };
    let words = std::env::args().skip(1).map(typed).map(|word| format!(" {}", quoted(&word)));
    format!("gumbel{}", words.collect::<String>())
}
