//! Reproductions of published results: the runs, the numbers read from them, and the paper's numbers.
//!
//! A reproduction is data: commands as a user would type them, and tables that compare a number of a run with one of the
//! paper. [`found`] reads the files of the runs; nothing here trains.
//!
//! ```
//! use gumbel_lab::reproduce::{Budget, find};
//!
//! let plan = (find("jang-table-1")?.plan)(Budget::Short);
//! let paper = plan.tables[0].cells.iter().find(|cell| (cell.row, cell.column) == ("GS", "VAE, categorical"));
//! assert_eq!(paper.and_then(|cell| cell.paper), Some(101.5));
//! # anyhow::Ok(())
//! ```

mod budget;
mod disarm;
mod finding;
mod jang_speed;
mod jang_table_1;
mod jang_table_2;
mod kusner_grammar;
mod maddison_structured;
mod options;
mod page;
mod plan;
mod ranking;
mod reinmax;
mod tau_tradeoff;

pub use budget::Budget;
pub use finding::{Entry, State, Value, found, values};
pub use options::ReproduceOptions;
pub use page::ReproductionPage;
pub use plan::{Axes, Cell, Content, Number, Place, Plan, PlannedRun, Reproduction, ResultTable};
pub use ranking::Ranking;

use crate::support::suggest::unknown;
use anyhow::{Context, Result};

/// All reproductions, in the order of the list.
pub static ALL: [&Reproduction; 8] = [
    &jang_table_1::EXPERIMENT,
    &jang_table_2::EXPERIMENT,
    &jang_speed::EXPERIMENT,
    &maddison_structured::EXPERIMENT,
    &kusner_grammar::EXPERIMENT,
    &tau_tradeoff::EXPERIMENT,
    &reinmax::EXPERIMENT,
    &disarm::EXPERIMENT,
];

/// A reproduction by its name.
///
/// # Errors
/// An unknown name, with the closest ones or the list.
pub fn find(name: &str) -> Result<&'static Reproduction> {
    let names = ALL.map(|known| known.name);
    let found = ALL.into_iter().find(|known| known.name == name);
    found.with_context(|| unknown("reproduction", name, &names))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use clap::{Parser, ValueEnum};
    use std::collections::BTreeSet;

    fn plans() -> impl Iterator<Item = (&'static str, Plan)> {
        let every = |experiment: &'static Reproduction| {
            Budget::value_variants().iter().map(|&budget| (experiment.name, (experiment.plan)(budget)))
        };
        ALL.into_iter().flat_map(every)
    }

    #[test]
    fn every_command_is_valid() {
        for (name, plan) in plans() {
            for run in &plan.runs {
                let words = std::iter::once("gumbel").chain(run.command.split(' '));
                let parsed = Cli::try_parse_from(words);
                assert!(parsed.is_ok(), "{name}, {}: {}", run.command, parsed.unwrap_err());
            }
        }
    }

    #[test]
    fn names_of_runs_are_unique_and_all_of_them_are_used() {
        for (experiment, plan) in plans() {
            let names: BTreeSet<&str> = plan.runs.iter().map(|run| run.name.as_str()).collect();
            assert_eq!(names.len(), plan.runs.len(), "{experiment}");
            let mut used = BTreeSet::new();
            for cell in plan.tables.iter().flat_map(|table| &table.cells) {
                used.extend(cell.content.numbers().into_iter().map(|number| number.run.as_str()));
            }
            assert_eq!(used, names, "{experiment}");
        }
    }

    #[test]
    fn a_table_has_each_cell_once() {
        for (experiment, plan) in plans() {
            for table in &plan.tables {
                let places: BTreeSet<_> = table.cells.iter().map(|cell| (cell.row, cell.column)).collect();
                assert_eq!(places.len(), table.cells.len(), "{experiment}, {}", table.title);
                assert_eq!(places.len(), table.rows().len() * table.columns().len(), "{experiment}");
            }
        }
    }

    #[test]
    fn an_unknown_name_gets_the_closest_one() {
        let message = find("jang-tabel-1").unwrap_err().to_string();
        assert!(message.starts_with("unknown reproduction 'jang-tabel-1'; did you mean 'jang-table-1'"));
        assert!(find("x").unwrap_err().to_string().contains("expected one of: jang-table-1, "));
    }
}
