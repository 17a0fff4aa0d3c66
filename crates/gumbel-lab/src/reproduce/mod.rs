//! Published results, made again: what to run, what to read from it, and what the paper says.
//!
//! An experiment is data: commands as a user would type them, and tables of which number of which run stands beside
//! which of the paper. [`found`] reads the runs' files; nothing here trains.
//!
//! ```
//! use gumbel_lab::reproduce::{Budget, find};
//!
//! let plan = (find("jang-table-1")?.plan)(Budget::Short);
//! let paper = plan.tables[0].cells.iter().find(|cell| (cell.row, cell.column) == ("GS", "VAE, categorical"));
//! assert_eq!(paper.and_then(|cell| cell.paper), Some(101.5));
//! # anyhow::Ok(())
//! ```

mod finding;
mod jang_speed;
mod jang_table_1;
mod jang_table_2;
mod kusner_grammar;
mod maddison_structured;
mod order;
mod plan;
mod tau_tradeoff;

pub use finding::{Entry, State, Value, found, values};
pub use order::Order;
pub use plan::{Axes, Cell, Content, Number, Place, Plan, Run, Table};

use crate::support::suggest::{meant, nearest};
use anyhow::{Result, anyhow};

/// A published result that can be made again.
#[derive(Debug)]
pub struct Experiment {
    /// What it is called on the command line.
    pub name: &'static str,
    /// Heading of its page.
    pub title: &'static str,
    /// Paper and place in it.
    pub source: &'static str,
    /// What it asks, in a sentence.
    pub question: &'static str,
    /// What it takes on two cores, for each budget.
    pub costs: [&'static str; 3],
    /// The data set that all but the smallest budget needs, unless it is built in.
    pub data: Option<&'static str>,
    /// Whether it measures time, so that its runs must take turns.
    pub timed: bool,
    /// What is run and what is read from it.
    pub plan: fn(Budget) -> Plan,
    /// What differs from the paper whatever the budget, in plain words.
    pub differences: &'static [&'static str],
}

/// All of them.
pub static ALL: [&Experiment; 6] = [
    &jang_table_1::EXPERIMENT,
    &jang_table_2::EXPERIMENT,
    &jang_speed::EXPERIMENT,
    &maddison_structured::EXPERIMENT,
    &kusner_grammar::EXPERIMENT,
    &tau_tradeoff::EXPERIMENT,
];

/// How much work to spend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Budget {
    /// Seconds on built-in data: shows that it runs, says nothing about the paper
    Smoke,
    /// Fewer steps and a part of the test set
    Short,
    /// As far as a small machine reasonably goes
    Full,
}

impl Budget {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        ["smoke", "short", "full"][self as usize]
    }

    /// Seeds, unless the user chooses.
    pub fn seeds(self) -> u64 {
        if self == Self::Smoke { 1 } else { 3 }
    }
}

/// An experiment by its name.
///
/// # Errors
/// An unknown name, with those it may have meant.
pub fn find(name: &str) -> Result<&'static Experiment> {
    let names = || ALL.iter().map(|experiment| experiment.name);
    ALL.iter().find(|experiment| experiment.name == name).copied().ok_or_else(|| {
        let near = nearest(name, names());
        let known = names().collect::<Vec<_>>().join(", ");
        anyhow!("no reproduction is called {name}{}; known are {known}", meant(&near))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use clap::{Parser, ValueEnum};
    use std::collections::BTreeSet;

    fn plans() -> impl Iterator<Item = (&'static str, Plan)> {
        let every = |experiment: &'static Experiment| {
            Budget::value_variants().iter().map(|&budget| (experiment.name, (experiment.plan)(budget)))
        };
        ALL.into_iter().flat_map(every)
    }

    #[test]
    fn every_command_is_one_that_a_user_could_type() {
        for (name, plan) in plans() {
            for run in &plan.runs {
                let words = std::iter::once("gumbel").chain(run.command.split(' '));
                let parsed = Cli::try_parse_from(words);
                assert!(parsed.is_ok(), "{name}, {}: {}", run.command, parsed.unwrap_err());
            }
        }
    }

    #[test]
    fn runs_have_names_of_their_own_and_cells_are_of_runs_that_there_are() {
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
    fn an_unknown_name_is_told_what_it_may_have_meant() {
        let message = find("jang-tabel-1").unwrap_err().to_string();
        assert!(
            message.contains("did you mean jang-table-1") && message.contains("tau-tradeoff"),
            "{message}"
        );
    }
}
