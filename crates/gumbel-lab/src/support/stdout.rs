//! Standard output. A reader that has had enough, as in `gumbel list | head -1`, is no error.

use anyhow::{Context, Result};
use std::io::{ErrorKind, Write};

/// Prints text as it is.
pub fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to standard output")
        }
        _ => Ok(()),
    }
}
