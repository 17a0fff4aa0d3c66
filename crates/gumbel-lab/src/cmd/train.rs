//! `gumbel train`.

use crate::experiment::{ALL, Row, find};
use crate::support::interrupt::Stop;
use anyhow::Result;
use clap::{ArgMatches, Command, FromArgMatches, Subcommand};
use std::process::ExitCode;
use std::time::Instant;

/// An experiment with its options.
pub struct Train {
    /// The experiment.
    pub row: &'static Row,
    /// Its options on the command line.
    pub matches: ArgMatches,
}

impl FromArgMatches for Train {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let (name, matches) = matches.subcommand().expect("clap requires one");
        Ok(Self { row: find(name).expect("clap knows those of the table"), matches: matches.clone() })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Subcommand for Train {
    fn augment_subcommands(command: Command) -> Command {
        command
            .subcommands(ALL.iter().map(Row::command))
            .subcommand_required(true)
            .arg_required_else_help(true)
    }

    fn augment_subcommands_for_update(command: Command) -> Command {
        Self::augment_subcommands(command)
    }

    fn has_subcommand(name: &str) -> bool {
        ALL.iter().any(|row| row.name == name)
    }
}

impl std::fmt::Debug for Train {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Train").field("model", &self.row.name).finish_non_exhaustive()
    }
}

/// Trains a model; 130 if it was stopped.
pub fn run(options: &Train, started: Instant) -> Result<ExitCode> {
    (options.row.train)(&options.matches, started, &Stop::at_a_signal())
}
