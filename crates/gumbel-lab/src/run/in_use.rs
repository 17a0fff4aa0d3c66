//! A folder that another process writes to.

use anyhow::Result;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// A folder that another process has locked.
#[derive(Debug, thiserror::Error)]
#[error("{holder} is writing to {}; wait until it has ended", path.display())]
pub struct InUse {
    pub(super) holder: String,
    pub(super) path: PathBuf,
}

/// The time for which a folder that another process begins is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(20);

/// A folder that many processes share, such as the runs of a job list: `known` if one of them has begun it, else begun by this
/// one. `begin` locks the folder, so one that loses waits until the other has begun.
///
/// # Errors
/// Those of either; a folder that stays locked.
pub fn begun_once<T>(known: impl Fn() -> Result<Option<T>>, begin: impl Fn() -> Result<T>) -> Result<T> {
    let start = Instant::now();
    loop {
        if let Some(known) = known()? {
            return Ok(known);
        }
        match begin() {
            Err(error) if !error.is::<InUse>() || start.elapsed() > PATIENCE => {
                // Another process may have begun it after it was looked for.
                return known()?.ok_or(error);
            }
            Err(_) => std::thread::sleep(PAUSE),
            begun => return begun,
        }
    }
}
