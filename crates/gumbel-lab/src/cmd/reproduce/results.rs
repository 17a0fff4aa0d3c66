//! The results of a reproduction so far: `report.html`, `figures/` and `results.csv`.

use super::folder::{Folder, Task};
use crate::reproduce::{Budget, Content, Entry, Plan, ReproductionPage, ResultTable, found, values};
use crate::support::csv_table;
use anyhow::Result;
use serde::Serialize;

/// A line of `results.csv`: a cell and a seed.
#[derive(Serialize)]
struct Line<'a> {
    experiment: &'a str,
    budget: &'a str,
    table: &'a str,
    row: &'a str,
    column: &'a str,
    seed: usize,
    steps: Option<u64>,
    seconds: Option<f64>,
    value: f64,
    standard_error: Option<f64>,
    paper: Option<f64>,
    run: String,
}

/// Writes all files from those of the runs.
///
/// # Errors
/// A file that cannot be read or written.
pub(super) fn write(folder: &Folder, plan: &Plan, seeds: u64, command: &str) -> Result<()> {
    let with_entries = |table: &ResultTable| Ok((table.clone(), entries(folder, plan, table, seeds)?));
    let tables = plan.tables.iter().map(with_entries).collect::<Result<Vec<_>>>()?;
    let table = csv(folder, &tables)?;
    let tasks = (0..seeds).flat_map(|seed| (0..plan.runs.len()).map(move |run| Task { run, seed }));
    let finished = tasks.filter(|&task| folder.finished(task)).count();
    let rendered = ReproductionPage {
        experiment: folder.experiment,
        method: plan.method.clone(),
        comparable: folder.budget != Budget::Smoke,
        command: command.into(),
        tables,
        runs: plan.runs.iter().map(|run| format!("gumbel {}", run.command)).collect(),
        finished: (finished, plan.runs.len() * seeds as usize),
        environment: environment(),
    }
    .render();
    folder.write("results.csv", table)?;
    rendered.files().try_for_each(|(name, text)| folder.write(&name, text))
}

fn entries(folder: &Folder, plan: &Plan, table: &ResultTable, seeds: u64) -> Result<Vec<Entry>> {
    found(plan, table, seeds, |run, seed| {
        let place = plan.runs.iter().position(|known| known == run).expect("a run of the plan");
        let task = Task { run: place, seed };
        folder.failure(task).map_or_else(|| Ok(folder.place(task)), Err)
    })
}

fn csv(folder: &Folder, tables: &[(ResultTable, Vec<Entry>)]) -> Result<Vec<u8>> {
    let entries = tables.iter().flat_map(|(table, entries)| entries.iter().map(move |entry| (table, entry)));
    csv_table::table(entries.flat_map(|(table, entry)| {
        values(&entry.seeds).map(move |(seed, value)| Line {
            experiment: folder.experiment.name,
            budget: folder.budget.name(),
            table: table.title,
            row: entry.cell.row,
            column: entry.cell.column,
            seed,
            steps: value.steps,
            seconds: value.seconds,
            value: value.number,
            standard_error: value.error,
            paper: entry.cell.paper,
            run: runs(&entry.cell.content),
        })
    }))
}

/// Names of the runs that a number comes from.
fn runs(content: &Content) -> String {
    content.numbers().iter().map(|number| number.run.as_str()).collect::<Vec<_>>().join(" / ")
}

fn environment() -> Vec<(&'static str, String)> {
    let cores = std::thread::available_parallelism().map_or("unknown".into(), |cores| cores.to_string());
    vec![
        ("version", env!("CARGO_PKG_VERSION").into()),
        ("cores", cores),
        ("system", format!("{} on {}", std::env::consts::OS, std::env::consts::ARCH)),
        ("vector level", format!("{:?}", gumbel_kernels::Level::current())),
    ]
}
