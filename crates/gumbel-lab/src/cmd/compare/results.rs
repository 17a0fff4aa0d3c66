//! What a comparison found: `report.html`, `figures/`, `curves.csv` and `summary.csv`.

use super::folder::Folder;
use crate::metrics::read_metrics;
use crate::report::comparison::{Comparison, Evaluation, Run, any_accuracy};
use crate::support::stdout::print;
use anyhow::{Context, Result, anyhow};

/// Heads of `curves.csv`, the evaluations while training, and of `summary.csv`, the ends on the whole test set.
const CURVES: &str = "estimator,step,seconds,hard_negative_elbo,gradient_variance";
const SUMMARY: &str = "estimator,steps,seconds,steps_per_second,hard_negative_elbo,hard_negative_elbo_standard_error,\
                       importance_samples,importance_bound,importance_bound_standard_error";

/// What `summary.csv` has besides where the runs name classes.
const ACCURACY: &str = ",accuracy,accuracy_standard_error";

/// Writes what the runs that have finished found, if there are any.
///
/// # Errors
/// A file that cannot be read or written.
pub(super) fn write(folder: &Folder) -> Result<()> {
    let estimators = folder.record.estimators.iter();
    let finished = estimators.filter(|estimator| folder.finished(estimator));
    let runs = finished.map(|estimator| run(folder, estimator)).collect::<Result<Vec<_>>>()?;
    let Some(first) = runs.first() else { return Ok(()) };
    let title = format!("Gradient estimators on {}", first.summary.data);
    let command = folder.record.command();
    folder.write("curves.csv", csv(CURVES, &runs, curve))?;
    let head = format!("{SUMMARY}{}", if any_accuracy(&runs) { ACCURACY } else { "" });
    folder.write("summary.csv", csv(&head, &runs, ending))?;
    let text = announcement(folder, &runs);
    let rendered = Comparison { title, command, runs }.render();
    for (name, svg) in &rendered.figures {
        folder.write(&format!("figures/{name}"), svg)?;
    }
    folder.write("report.html", rendered.html)?;
    print(&text)
}

/// A run from its files.
fn run(folder: &Folder, estimator: &str) -> Result<Run> {
    let path = folder.run(estimator);
    let evaluations = read_metrics(&path.join("metrics.csv"), u64::MAX)?.into_iter().filter_map(|line| {
        let (hard, variance) = (line.hard_negative_elbo?, line.gradient_variance);
        Some(Evaluation { step: line.step, seconds: line.seconds, hard, variance })
    });
    let summary = path.join("summary.json");
    let text = std::fs::read(&summary).with_context(|| format!("cannot read {}", summary.display()))?;
    let summary = serde_json::from_slice(&text).map_err(|error| anyhow!("{}: {error}", summary.display()))?;
    Ok(Run { name: estimator.into(), evaluations: evaluations.collect(), summary })
}

fn curve(run: &Run) -> String {
    let line = |point: &Evaluation| {
        let Evaluation { step, seconds, hard, variance } = point;
        let variance = variance.map_or(String::new(), |variance| variance.to_string());
        // A name has no comma: that is what separates names.
        format!("{},{step},{seconds},{hard},{variance}\n", run.name)
    };
    run.evaluations.iter().map(line).collect()
}

fn ending(Run { name, summary, .. }: &Run) -> String {
    let (test, bound) = (&summary.test, &summary.test.importance_bound);
    let pace = format!("{},{},{}", summary.steps, summary.seconds, summary.steps_per_second);
    let elbo = format!("{},{}", test.hard_negative_elbo, test.hard_negative_elbo_standard_error);
    let bound = format!("{},{},{}", bound.samples, bound.nats, bound.standard_error);
    let accuracy = test.accuracy.map(|it| format!(",{},{}", it.share, it.standard_error));
    format!("{name},{pace},{elbo},{bound}{}\n", accuracy.unwrap_or_default())
}

fn csv(head: &str, runs: &[Run], lines: fn(&Run) -> String) -> String {
    runs.iter().map(lines).fold(format!("{head}\n"), |table, lines| table + &lines)
}

fn announcement(folder: &Folder, runs: &[Run]) -> String {
    let width = runs.iter().map(|run| run.name.len()).max().unwrap_or(0).max("estimator".len());
    let classes = if any_accuracy(runs) { "       accuracy" } else { "" };
    let head = format!("{:<width$}     one hard sample      bound, m > 1  steps/s{classes}\n", "estimator");
    let line = |run: &Run| {
        let (test, bound) = (&run.summary.test, &run.summary.test.importance_bound);
        let with = |nats: f64, error: f64| format!("{nats:.2} ± {error:.2}");
        let elbo = with(test.hard_negative_elbo, test.hard_negative_elbo_standard_error);
        let bound = with(bound.nats, bound.standard_error);
        let accuracy = test.accuracy.map_or(String::new(), |accuracy| {
            let [share, error] = accuracy.per_cent();
            format!("  {share:.2} ± {error:.2} %")
        });
        let pace = run.summary.steps_per_second;
        format!("{:<width$}  {elbo:>18}  {bound:>16}  {pace:>7.0}{accuracy}\n", run.name)
    };
    let report = folder.path().join("report.html");
    head + &runs.iter().map(line).collect::<String>() + &format!("report: {}\n", report.display())
}
