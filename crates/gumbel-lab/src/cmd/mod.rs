//! The commands, one file each, with their arguments.

pub mod compare;
pub mod data;
pub mod evaluate;
pub mod generate;
pub mod list;
pub mod measure;
mod output;
pub mod reproduce;
pub mod sample;
pub mod show;
pub mod train;
pub mod watch;

use crate::support::interrupt::{INTERRUPTED, Interrupted};
use crate::support::stdout::print;
use anyhow::Result;
use std::process::ExitCode;

/// The outcome of a command that writes nothing before its end; 130 if it was interrupted.
fn or_stopped(outcome: Result<ExitCode>) -> Result<ExitCode> {
    match outcome {
        Err(error) if error.is::<Interrupted>() => {
            print("stopped; nothing was written\n")?;
            Ok(ExitCode::from(INTERRUPTED))
        }
        outcome => outcome,
    }
}
