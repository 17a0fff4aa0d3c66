//! The program `gumbel`.

use clap::Parser;
use gumbel_lab::cli::{Cli, dispatch, in_a_line};
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let started = std::time::Instant::now();
    let cli = Cli::parse();
    match dispatch(cli, started) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {}", in_a_line(&error));
            ExitCode::FAILURE
        }
    }
}
