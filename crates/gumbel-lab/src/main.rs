//! The program `gumbel`.

use clap::Parser;
use gumbel_lab::cli::{Cli, dispatch, in_a_line};
use gumbel_lab::support::interrupt::survive_file_size_limit;
use std::io::Write;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let started = std::time::Instant::now();
    survive_file_size_limit();
    let cli = Cli::parse();
    match dispatch(cli, started) {
        Ok(code) => code,
        Err(error) => {
            // Where nobody can read it, the exit code remains.
            drop(writeln!(std::io::stderr(), "error: {}", in_a_line(&error)));
            ExitCode::FAILURE
        }
    }
}
