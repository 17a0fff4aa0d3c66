//! The output of a command: a file, or standard output for `-`.

use crate::support::stdout::{print, print_bytes};
use crate::support::{atomic_file, output_file};
use anyhow::{Result, anyhow};
use std::path::Path;

/// Writes to a file and announces it, or to standard output for `-`.
///
/// # Errors
/// A place that cannot be written.
pub(super) fn write(out: &Path, bytes: &[u8], announced: &str) -> Result<()> {
    if out.as_os_str() == "-" {
        return print_bytes(bytes);
    }
    output_file::write(out, bytes).map_err(|error| anyhow!(atomic_file::refused(out, &error)))?;
    print(announced)
}
