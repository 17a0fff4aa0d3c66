//! Where a command writes: a file, or standard output for `-`.

use crate::support::stdout::print;
use crate::support::{atomic_file, output_file};
use anyhow::{Context, Result, anyhow};
use std::io::{ErrorKind, Write, stdout};
use std::path::Path;

/// Writes to a file and announces it, or to standard output for `-`.
///
/// # Errors
/// A place that cannot be written.
pub(super) fn write(out: &Path, bytes: &[u8], announced: &str) -> Result<()> {
    if out.as_os_str() == "-" {
        return to_stdout(bytes);
    }
    output_file::write(out, bytes).map_err(|error| anyhow!(atomic_file::refused(out, &error)))?;
    print(announced)
}

/// A reader that has had enough is not an error.
fn to_stdout(bytes: &[u8]) -> Result<()> {
    let mut out = stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to standard output")
        }
        _ => Ok(()),
    }
}
