//! `gumbel measure`.

use super::AllOrNothing;
use crate::measure::{
    Case, CurvePoint, Guide, MeasureOptions, MeasurePage, MeasureRow, Toy, TrainingPage, TrainingPoint, fits,
    head,
};
use crate::page::Rendered;
use crate::page::number::grouped;
use crate::run::RunFolder;
use crate::support::csv_table::table_under;
use crate::support::interrupt::{Undisturbed, Watch};
use crate::support::shell::quoted;
use crate::support::stdout::print;
use crate::support::{atomic_file, output_file};
use anyhow::{Result, anyhow};
use gumbel::estimator::EstimatorSpec;
use indicatif::{ProgressBar, ProgressStyle};
use std::fmt::Display;
use std::path::Path;
use std::process::ExitCode;

const TABLE: &str = "estimator,problem,bias,bias_standard_error,bias_z,std,rmse,evaluations,nanoseconds";
const TRAINING: &str = "estimator,step,expected_loss,expected_loss_standard_error,gradient_variance";

/// Measures, prints the table, writes the CSV and the page. A signal ends it at once: it has
/// written nothing and exits with 130.
///
/// # Errors
/// Options that exclude each other; a named estimator that does not support the problem; a full disk.
pub fn run(options: &MeasureOptions) -> Result<ExitCode> {
    options.check()?;
    if let (Some(results), Some(out)) = (&options.guide, &options.out) {
        return guide(results, out).map(|()| ExitCode::SUCCESS);
    }
    crate::run::pool(options.threads as usize)?.install(|| begin(options))
}

/// Writes the guide to choosing an estimator.
fn guide(results: &Path, out: &Path) -> Result<()> {
    let Guide { page, figures } = Guide::read(results)?;
    for (name, text) in figures.into_iter().chain([("choosing.md".into(), page)]) {
        let path = out.join(name);
        output_file::write(&path, text.as_bytes())
            .map_err(|error| anyhow!(atomic_file::refused(&path, &error)))?;
    }
    Ok(())
}

fn begin(options: &MeasureOptions) -> Result<ExitCode> {
    let (results, cases) = (AllOrNothing::new(), options.cases()?);
    results.within(options.out.as_deref(), "measure", |folder| match options.train {
        true => train(options, &cases[0], folder, &results.undisturbed),
        false => measure(options, &cases, folder, &results.undisturbed),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Measures the table and the curves.
fn measure(
    options: &MeasureOptions,
    cases: &[Case],
    folder: &RunFolder,
    undisturbed: &Undisturbed,
) -> Result<()> {
    let mut skipped = Vec::new();
    let supported =
        cases.iter().map(|case| supported(options, case, &mut skipped)).collect::<Result<Vec<_>>>()?;
    let table = supported.iter().map(Vec::len).sum::<usize>() * options.settings().replicates;
    let curves = options.points(&options.choices()) * options.curve_settings().replicates;
    let watch = watch(table + curves)?;
    let mut rows = Vec::new();
    for (case, choices) in cases.iter().zip(&supported) {
        rows.extend(table_of(options, case, choices, &mut skipped, &watch)?);
    }
    let mut points = Vec::new();
    for (case, choices) in cases.iter().zip(&supported) {
        points.extend(options.curves(case.problem.kind(), case, choices, &watch)?);
    }
    watch.bar.finish_and_clear();
    for fit in fits(&points) {
        print(&format!(
            "on {}, the variance of {} is proportional to tau^{:.2}\n",
            fit.kind, fit.series, fit.slope
        ))?;
    }
    let _undisturbed = undisturbed.hold();
    write_table(folder, &rows, &points)?;
    let (command, method) = (command_line(), method(options));
    finish(folder, &MeasurePage { command, method, rows, points, skipped }.render())
}

/// The estimators that support a case. Others are reported and left out, unless they were named: that is an error.
fn supported(options: &MeasureOptions, case: &Case, skipped: &mut Vec<String>) -> Result<Vec<EstimatorSpec>> {
    let mut supported = Vec::new();
    for choice in options.choices() {
        match case.check(&choice) {
            Ok(()) => supported.push(choice),
            Err(error) if options.estimator.is_empty() => leave_out(case, &error, skipped)?,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(supported)
}

/// Reports an estimator that is left out, with the reason.
fn leave_out(case: &Case, error: &dyn Display, skipped: &mut Vec<String>) -> Result<()> {
    let reason = format!("{} left out: {error}", case.name());
    print(&format!("{reason}\n"))?;
    skipped.push(reason);
    Ok(())
}

/// The measurement; `None`, and a report, if the estimator failed.
fn or_left_out<T>(
    measured: Result<T>,
    case: &Case,
    skipped: &mut Vec<String>,
    watch: &Watch,
) -> Result<Option<T>> {
    match measured {
        Err(error) => watch.bar.suspend(|| leave_out(case, &error, skipped)).map(|()| None),
        measured => measured.map(Some),
    }
}

/// A progress bar; a signal ends the program without it.
fn watch(amount: usize) -> Result<Watch> {
    let bar = ProgressBar::new(amount as u64);
    bar.set_style(ProgressStyle::with_template("{bar:30} {percent}%  {msg}  {eta} left")?);
    Ok(Watch { bar, ..Watch::nothing() })
}

/// Measures and prints the table of one problem, a line at a time.
fn table_of(
    options: &MeasureOptions,
    case: &Case,
    choices: &[EstimatorSpec],
    skipped: &mut Vec<String>,
    watch: &Watch,
) -> Result<Vec<MeasureRow>> {
    let say = |text: &str| watch.bar.suspend(|| print(text));
    let settings = options.settings();
    let note = if case.has_reference() { "" } else { "; too many states for the exact gradient" };
    say(&format!("{}, {} estimates each{note}\n{}", case.name(), settings.replicates, head()))?;
    let mut rows = Vec::new();
    for choice in choices {
        watch.bar.set_message(format!("{choice}, {}", case.name()));
        if let Some(row) = or_left_out(case.measure(choice, &settings, watch), case, skipped, watch)? {
            say(&row.line())?;
            rows.push(row);
        }
    }
    Ok(rows)
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

/// Trains the toy problem.
fn train(options: &MeasureOptions, case: &Case, folder: &RunFolder, undisturbed: &Undisturbed) -> Result<()> {
    let mut skipped = Vec::new();
    let choices = supported(options, case, &mut skipped)?;
    let MeasureOptions { steps, lr, seed, runs, .. } = *options;
    let toy = Toy { steps, lr, seed, runs: runs as usize };
    let watch = watch(choices.len() * (steps as usize + 1))?;
    let mut points: Vec<TrainingPoint> = Vec::new();
    for choice in &choices {
        watch.bar.set_message(choice.to_string());
        let trained = toy.train(case, choice, &watch);
        let Some(curve) = or_left_out(trained, case, &mut skipped, &watch)? else { continue };
        let TrainingPoint { expected_loss, expected_loss_standard_error, gradient_variance, .. } =
            curve.last().expect("the last step is recorded");
        let line = format!(
            "{:<34} E f {expected_loss:.6} ± {expected_loss_standard_error:.6}  gradient variance {gradient_variance:.2e}\n",
            choice.to_string()
        );
        points.extend(curve);
        watch.bar.suspend(|| print(&line))?;
    }
    watch.bar.finish_and_clear();
    let _undisturbed = undisturbed.hold();
    folder.write("train.csv", table_under(TRAINING, &points)?)?;
    let method = format!(
        "{} independent runs of {steps} steps of Adam at {lr}, starting from equal probabilities, on {}. Baselines and \
         coefficients are learned from all runs together.",
        runs,
        case.name()
    );
    finish(folder, &TrainingPage { command: command_line(), method, points, skipped }.render())
}

fn write_table(folder: &RunFolder, rows: &[MeasureRow], points: &[CurvePoint]) -> Result<()> {
    folder.write_last("measure.csv", &table_under(TABLE, rows)?, &[])?;
    if points.is_empty() {
        Ok(())
    } else {
        folder.write("curves.csv", table_under(&format!("curve,series,kind,x,{TABLE}"), points)?)
    }
}

pub(super) fn finish(folder: &RunFolder, page: &Rendered) -> Result<()> {
    page.files().try_for_each(|(name, text)| folder.write(&name, text))?;
    print(&format!("report: {}\n", folder.file("report.html").display()))
}

/// The command line of this process.
pub(super) fn command_line() -> String {
    let words = std::env::args().skip(1).map(|word| format!(" {}", quoted(&word)));
    format!("gumbel{}", words.collect::<String>())
}
