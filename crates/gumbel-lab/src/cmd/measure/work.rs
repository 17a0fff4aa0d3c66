//! The measurement itself.

use super::report::Found;
use crate::measure::{Case, MeasureOptions, MeasureRow, Toy, TrainingPoint, head};
use crate::support::interrupt::Watch;
use crate::support::stdout::print;
use anyhow::Result;
use gumbel::estimator::EstimatorSpec;
use indicatif::{ProgressBar, ProgressStyle};
use std::fmt::Display;

/// Measures, or trains, what the options name.
///
/// # Errors
/// A named estimator that does not support the problem.
pub(super) fn all(options: &MeasureOptions, cases: &[Case]) -> Result<Found> {
    let Supported { choices, skipped } = supported(options, cases)?;
    skipped.iter().try_for_each(|reason| print(&format!("{reason}\n")))?;
    if options.train {
        train(options, &cases[0], &choices[0], skipped)
    } else {
        measure(options, cases, &choices, skipped)
    }
}

/// The estimators to measure on each of the problems.
pub(super) struct Supported {
    /// For each problem, those that support it.
    pub(super) choices: Vec<Vec<EstimatorSpec>>,
    /// The others, with the reason.
    pub(super) skipped: Vec<String>,
}

/// The estimators that support each problem. Others are left out, unless they were named: that is an error.
pub(super) fn supported(options: &MeasureOptions, cases: &[Case]) -> Result<Supported> {
    let mut skipped = Vec::new();
    let mut on = |case: &Case| -> Result<Vec<EstimatorSpec>> {
        let mut supported = Vec::new();
        for choice in options.choices() {
            match case.check(&choice) {
                Ok(()) => supported.push(choice),
                Err(error) if options.estimator.is_empty() => skipped.push(reason(case, &error)),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(supported)
    };
    let choices = cases.iter().map(&mut on).collect::<Result<_>>()?;
    Ok(Supported { choices, skipped })
}

/// Why an estimator is left out.
fn reason(case: &Case, error: &dyn Display) -> String {
    format!("{} left out: {error}", case.name())
}

/// Measures the table and the curves.
fn measure(
    options: &MeasureOptions,
    cases: &[Case],
    supported: &[Vec<EstimatorSpec>],
    mut skipped: Vec<String>,
) -> Result<Found> {
    let table = supported.iter().map(Vec::len).sum::<usize>() * options.settings().replicates;
    let curves = options.points(&options.choices()) * options.curve_settings().replicates;
    let watch = watch(table + curves)?;
    let mut rows = Vec::new();
    for (case, choices) in cases.iter().zip(supported) {
        rows.extend(table_of(options, case, choices, &mut skipped, &watch)?);
    }
    let mut points = Vec::new();
    for (case, choices) in cases.iter().zip(supported) {
        points.extend(options.curves(case.problem.kind(), case, choices, &watch)?);
    }
    watch.bar.finish_and_clear();
    Ok(Found { rows, points, skipped, ..Found::default() })
}

/// The measurement; `None`, and a report, if the estimator failed.
fn or_left_out<T>(
    measured: Result<T>,
    case: &Case,
    skipped: &mut Vec<String>,
    watch: &Watch,
) -> Result<Option<T>> {
    match measured {
        Err(error) => {
            let reason = reason(case, &error);
            watch.bar.suspend(|| print(&format!("{reason}\n")))?;
            skipped.push(reason);
            Ok(None)
        }
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
    say(&heading(options, case))?;
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

/// The heading of the table of a problem.
pub(super) fn heading(options: &MeasureOptions, case: &Case) -> String {
    let note = if case.has_reference() { "" } else { "; too many states for the exact gradient" };
    format!("{}, {} estimates each{note}\n{}", case.name(), options.settings().replicates, head())
}

/// Trains the toy problem.
fn train(
    options: &MeasureOptions,
    case: &Case,
    choices: &[EstimatorSpec],
    mut skipped: Vec<String>,
) -> Result<Found> {
    let MeasureOptions { steps, lr, seed, runs, .. } = *options;
    let toy = Toy { steps, lr, seed, runs: runs as usize };
    let watch = watch(choices.len() * (steps as usize + 1))?;
    let mut training: Vec<TrainingPoint> = Vec::new();
    for choice in choices {
        watch.bar.set_message(choice.to_string());
        let trained = toy.train(case, choice, &watch);
        let Some(curve) = or_left_out(trained, case, &mut skipped, &watch)? else { continue };
        watch.bar.suspend(|| print(&end_of(&curve)))?;
        training.extend(curve);
    }
    watch.bar.finish_and_clear();
    Ok(Found { training, skipped, ..Found::default() })
}

/// The last record of a learning curve, as a line of text.
pub(super) fn end_of(curve: &[TrainingPoint]) -> String {
    let last = curve.last().expect("the last step is recorded");
    let TrainingPoint { estimator, expected_loss, expected_loss_standard_error, gradient_variance, .. } =
        last;
    format!(
        "{estimator:<34} E f {expected_loss:.6} ± {expected_loss_standard_error:.6}  gradient variance {gradient_variance:.2e}\n"
    )
}
