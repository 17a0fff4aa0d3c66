//! The results of a comparison: `report.html`, `figures/`, `curves.csv` and `summary.csv`.

use super::folder::Comparison;
use super::page;
use crate::experiment::Row;
use crate::page::number::grouped;
use crate::run::{ComparedRun, Measure};
use crate::support::stdout::print;
use anyhow::Result;

/// Writes and announces the results of the finished runs, if there are any.
///
/// # Errors
/// A run that is unreadable, a disk that is full.
pub fn write(comparison: &Comparison, row: &Row) -> Result<()> {
    let names = comparison.record.values.iter().filter(|name| comparison.finished(name));
    let runs =
        names.map(|name| (row.comparison.run)(&comparison.run(name), name)).collect::<Result<Vec<_>>>()?;
    if runs.is_empty() {
        return Ok(());
    }
    let curves = (row.comparison.curves)();
    let columns: Vec<&str> = curves.iter().map(|curve| curve.column).collect();
    let head = format!("{},step,seconds,{}\n", row.comparison.option, columns.join(","));
    comparison.write("curves.csv", head + &runs.iter().map(curve_lines).collect::<String>())?;
    comparison.write("summary.csv", summary(row.comparison.option, &runs))?;
    let rendered = page::render(comparison, row, &curves, &runs);
    rendered.files().try_for_each(|(path, text)| comparison.write(&path, text))?;
    print(&announcement(comparison, row.comparison.option, &runs))
}

fn curve_lines(run: &ComparedRun) -> String {
    let line = |point: &crate::run::Point| {
        let values = point.values.iter().map(|value| value.map_or(String::new(), |value| format!("{value}")));
        // A name has no comma: that is what separates names.
        format!("{},{},{},{}\n", run.name, point.step, point.seconds, values.collect::<Vec<_>>().join(","))
    };
    run.points.iter().map(line).collect()
}

fn summary(option: &str, runs: &[ComparedRun]) -> String {
    let columns = |run: &ComparedRun| -> String { run.measures.iter().map(names).collect() };
    let head = runs.first().map_or(String::new(), columns);
    let line = |run: &ComparedRun| {
        let numbers: String = run.measures.iter().map(numbers).collect();
        format!("{},{},{},{}{numbers}\n", run.name, run.steps, run.seconds, run.steps_per_second)
    };
    format!("{option},steps,seconds,steps_per_second{head}\n") + &runs.iter().map(line).collect::<String>()
}

fn names(measure: &Measure) -> String {
    let error = measure.standard_error.map(|_| format!(",{}_standard_error", measure.column));
    format!(",{}{}", measure.column, error.unwrap_or_default())
}

fn numbers(measure: &Measure) -> String {
    let error = measure.standard_error.map(|error| format!(",{error}"));
    format!(",{}{}", measure.value, error.unwrap_or_default())
}

/// A table in plain text.
fn announcement(comparison: &Comparison, option: &str, runs: &[ComparedRun]) -> String {
    let heads = |run: &ComparedRun| run.measures.iter().filter_map(|m| m.head.clone()).collect::<Vec<_>>();
    let heads = runs.first().map_or(Vec::new(), heads);
    let width = runs.iter().map(|run| run.name.len()).chain([option.len()]).max().unwrap_or(0);
    let wide = |head: &String| head.chars().count().max(14);
    let head = heads.iter().map(|head| format!("  {head:>0$}", wide(head))).collect::<String>();
    let line = |run: &ComparedRun| {
        let cells = run.measures.iter().filter(|measure| measure.head.is_some()).zip(&heads);
        let cells = cells.map(|(measure, head)| format!("  {:>1$}", measure.cell(), wide(head)));
        let cells: String = cells.collect();
        format!("{:<width$}{cells}  {:>7}\n", run.name, grouped(run.steps_per_second))
    };
    let lines: String = runs.iter().map(line).collect();
    let report = comparison.path().join("report.html");
    format!("{option:<width$}{head}  {:>7}\n{lines}report: {}\n", "steps/s", report.display())
}
