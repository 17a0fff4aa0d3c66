//! The log of one of several runs in a folder.

use crate::support::holder::holder;
use anyhow::{Context, Result, bail};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

/// `logs/NAME.txt`: what a run has said, locked while it is made.
#[derive(Clone, Debug)]
pub struct RunLog(PathBuf);

impl RunLog {
    /// The log of a run in a folder.
    pub fn new(folder: &Path, run: &str) -> Self {
        Self(folder.join(format!("logs/{run}.txt")))
    }

    /// Its file.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The reason of a failure: the last line.
    pub fn failure(&self) -> Option<String> {
        let text = fs::read_to_string(&self.0).ok()?;
        text.lines().next_back()?.strip_prefix("error: ").map(str::to_owned)
    }

    /// Empties it for a new attempt, and locks it until the file is closed.
    ///
    /// # Errors
    /// A run that another process is making.
    pub fn open(&self) -> Result<File> {
        let folder = self.0.parent().expect("it is in a folder");
        let opened = fs::create_dir_all(folder)
            .and_then(|()| OpenOptions::new().create(true).append(true).open(&self.0));
        let file = opened.with_context(|| format!("cannot write {}", self.0.display()))?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                bail!("{} is making this run; wait until it has finished", holder(&file))
            }
            // Some file systems cannot lock files: the log is then not guarded.
            Err(TryLockError::Error(_)) | Ok(()) => file.set_len(0)?,
        }
        Ok(file)
    }

    /// Makes the run in this process, which holds the log meanwhile, and records why it failed; nothing if it has finished.
    ///
    /// # Errors
    /// As [`open`](Self::open); those of the run.
    pub fn make_once<T>(
        &self,
        finished: impl Fn() -> bool,
        make: impl FnOnce() -> Result<T>,
    ) -> Result<Option<T>> {
        if finished() {
            return Ok(None);
        }
        let mut file = self.open()?;
        // Another process may have finished it in between.
        if finished() {
            return Ok(None);
        }
        let made = make();
        if let Err(error) = &made {
            // The disk may be full; the error itself is returned.
            drop(writeln!(file, "error: {error:#}"));
        }
        made.map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_recorded_until_the_next_attempt() {
        let folder = tempfile::tempdir().unwrap();
        let log = RunLog::new(folder.path(), "x");
        assert_eq!(log.failure(), None);
        let failed: Result<Option<()>> = log.make_once(|| false, || bail!("it has diverged"));
        assert_eq!(failed.unwrap_err().to_string(), "it has diverged");
        assert_eq!(log.failure().as_deref(), Some("it has diverged"));
        let seen = log.make_once(|| false, || Ok(log.failure())).unwrap();
        assert_eq!((seen, log.failure()), (Some(None), None));
    }

    #[cfg(unix)]
    #[test]
    fn a_run_is_made_by_one_process_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let log = RunLog::new(folder.path(), "x");
        let once = || log.make_once(|| false, || Ok(()));
        let inner = log.make_once(|| false, once).unwrap_err().to_string();
        assert!(inner.contains(" is making this run; wait"), "{inner}");
        assert_eq!(once().unwrap(), Some(()));
    }

    #[test]
    fn a_finished_run_keeps_its_log() {
        let folder = tempfile::tempdir().unwrap();
        let log = RunLog::new(folder.path(), "x");
        drop(log.open().unwrap());
        fs::write(log.path(), "step 1\n").unwrap();
        assert_eq!(log.make_once(|| true, || Ok(())).unwrap(), None);
        assert_eq!(fs::read_to_string(log.path()).unwrap(), "step 1\n");
    }
}
