//! The command line: the list of commands, and their functions.

use crate::cmd::{compare, data, evaluate, generate, list, measure, reproduce, sample, show, train, watch};
use crate::support::stdout::print;
use anyhow::{Error, Result};
use clap::{CommandFactory, Parser, Subcommand};
use gumbel_kernels::Level;
use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

/// Discrete latent variables, trained by gradient descent: Gumbel-Softmax and related estimators.
#[derive(Debug, Parser)]
#[command(name = "gumbel", version, propagate_version = true, max_term_width = 110)]
#[command(after_help = "Examples:
  gumbel train vae
  gumbel train vae --data mnist --hidden none --steps 15000 --out runs/mnist
  gumbel compare --estimators gumbel-softmax,reinforce train vae
  gumbel generate runs/mnist --count 100 --out digits.png
  gumbel measure --problem quadratic --latents 2 --categories 4
  gumbel show")]
pub struct Cli {
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Train a model and write a report
    #[command(subcommand)]
    Train(train::Train),
    /// Train a model with several estimators, or generator gradients, and report them side by side
    Compare(compare::Compare),
    /// Follow a running run on a page that reloads itself
    Watch(watch::Watch),
    /// Evaluate a trained model, on its own or other data, without training
    Evaluate(evaluate::Evaluate),
    /// Draw images or strings from a trained model
    Generate(generate::Generate),
    /// Measure bias, variance and time of gradient estimators against exact enumeration
    Measure(Box<crate::measure::MeasureOptions>),
    /// Reproduce a published result and compare it with the paper's
    Reproduce(crate::reproduce::ReproduceOptions),
    /// Verify sixteen published claims about Gumbel-Softmax numerically
    Show(crate::claims::ShowOptions),
    /// Sample every row of logits in a file
    Sample(sample::Sample),
    /// List or download data sets
    #[command(subcommand)]
    Data(data::Data),
    /// List the gradient estimators, or describe one
    List {
        /// Estimator to describe: its formula, bias, cost, uses and parameters
        #[arg(value_name = "NAME")]
        name: Option<String>,
    },
    /// Print the papers of estimators as BibTeX
    Cite {
        /// Estimators [default: all]
        #[arg(value_name = "NAME")]
        names: Vec<String>,
    },
    /// Print a completion script for a shell, to be sourced
    Completions {
        /// Shell
        shell: clap_complete::Shell,
    },
}

/// Runs a command of a program that started at `started`.
///
/// # Errors
/// The failure of the command, as one line.
pub fn dispatch(cli: Cli, started: Instant) -> Result<ExitCode> {
    Level::check()?;
    match cli.command {
        Command::Train(options) => return train::run(&options, started),
        Command::Compare(options) => return compare::run(&options, started),
        Command::Watch(options) => return watch::run(&options),
        Command::Evaluate(options) => return evaluate::run(&options),
        Command::Measure(options) => return measure::run(&options),
        Command::Reproduce(options) => return reproduce::run(&options),
        Command::Show(options) => return show::run(&options),
        Command::Data(options) => return data::run(&options),
        Command::Generate(options) => generate::run(&options)?,
        Command::Sample(options) => sample::run(&options)?,
        Command::List { name: None } => list::table()?,
        Command::List { name: Some(name) } => list::one(&name)?,
        Command::Cite { names } => list::cite(&names)?,
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "gumbel", &mut script);
            print(&String::from_utf8_lossy(&script))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints an error in one piece: what a launcher of several processes prints at the same time then comes before or after it. Where
/// nobody can read it, the exit code remains.
pub fn print_error(error: &Error, to: &mut impl Write) {
    let line = format!("error: {}\n", in_a_line(error));
    drop(to.write_all(line.as_bytes()));
}

/// An error with its causes in one line, without those that an earlier one already tells.
fn in_a_line(error: &Error) -> String {
    let mut line = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !line.contains(&cause) {
            line += &format!(": {cause}");
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data;
    use std::io::ErrorKind;

    /// Counts what it is given.
    #[derive(Default)]
    struct Pieces(Vec<Vec<u8>>);

    impl Write for Pieces {
        fn write(&mut self, piece: &[u8]) -> std::io::Result<usize> {
            self.0.push(piece.to_vec());
            Ok(piece.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_error_is_printed_in_one_piece() {
        let mut pieces = Pieces::default();
        print_error(&Error::msg("one").context("two"), &mut pieces);
        assert_eq!(pieces.0, [b"error: two: one\n"]);
    }

    #[test]
    fn a_reason_is_told_once() {
        let write = || data::Error::Write { path: "x".into(), source: ErrorKind::PermissionDenied.into() };
        for error in [Error::from(write()), Error::from(write()).context("cannot train")] {
            let line = in_a_line(&error);
            assert_eq!(line.matches("permission denied").count(), 1, "{line}");
        }
        let cause = in_a_line(&Error::msg("inner").context("outer"));
        assert_eq!(cause, "outer: inner");
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
