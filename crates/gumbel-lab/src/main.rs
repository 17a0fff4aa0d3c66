//! The program `gumbel`.

use clap::Parser;
use gumbel_lab::cli::{Cli, dispatch, print_error};
use gumbel_lab::support::interrupt::survive_file_size_limit;
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
            print_error(&error, &mut std::io::stderr());
            ExitCode::FAILURE
        }
    }
}
