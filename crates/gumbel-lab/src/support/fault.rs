//! Points just before each change of a file, at which a test lets the disk be full or the process be killed.

use std::io;
use std::path::Path;
use tempfile::NamedTempFile;

/// A point before a change of a file or a folder.
///
/// # Errors
/// Only in tests, where one is planned for it.
#[cfg(not(test))]
#[inline]
pub(crate) fn point(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// A point while there is a temporary file, which a killed process leaves behind.
///
/// # Errors
/// As [`point`].
#[cfg(not(test))]
#[inline]
pub(crate) fn holding(file: NamedTempFile, _path: &Path) -> io::Result<NamedTempFile> {
    Ok(file)
}

/// Counts, in tests, that the name of a file is synced.
#[cfg(not(test))]
#[inline]
pub(crate) fn synced(_path: &Path) {}

#[cfg(test)]
pub(crate) use planned::{Fault, holding, plan, point, synced, synced_below};

#[cfg(test)]
mod planned {
    use super::{NamedTempFile, Path, io};
    use std::path::PathBuf;
    use std::sync::{Mutex, MutexGuard, PoisonError};

    /// What happens at a point.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) enum Fault {
        /// The disk is full there, once.
        Full,
        /// The process is killed there: nothing is changed from then on, not even to clean up.
        Killed,
    }

    /// A fault below a folder, after so many points.
    struct Planned {
        below: PathBuf,
        fault: Fault,
        left: usize,
    }

    static ALL: Mutex<Vec<Planned>> = Mutex::new(Vec::new());

    /// Files whose names were synced, and whether they stood.
    static SYNCED: Mutex<Vec<(PathBuf, bool)>> = Mutex::new(Vec::new());

    pub(crate) fn synced(path: &Path) {
        SYNCED.lock().unwrap_or_else(PoisonError::into_inner).push((path.into(), path.exists()));
    }

    pub(crate) fn synced_below(folder: &Path) -> Vec<(PathBuf, bool)> {
        let all = SYNCED.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().filter(|(path, _)| path.starts_with(folder)).cloned().collect()
    }

    fn all() -> MutexGuard<'static, Vec<Planned>> {
        ALL.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A plan, which ends when it is dropped.
    pub(crate) struct Plan(PathBuf);

    /// Plans a fault at the point with this number below a folder, from 0.
    pub(crate) fn plan(below: &Path, fault: Fault, place: usize) -> Plan {
        all().push(Planned { below: below.into(), fault, left: place + 1 });
        Plan(below.into())
    }

    impl Plan {
        /// Whether the fault has happened.
        pub(crate) fn happened(&self) -> bool {
            all().iter().any(|planned| planned.below == self.0 && planned.left == 0)
        }
    }

    impl Drop for Plan {
        fn drop(&mut self) {
            all().retain(|planned| planned.below != self.0);
        }
    }

    /// Whether the process that changes a file counts as killed.
    fn killed(path: &Path) -> bool {
        let dead = |planned: &Planned| planned.fault == Fault::Killed && planned.left == 0;
        all().iter().any(|planned| dead(planned) && path.starts_with(&planned.below))
    }

    pub(crate) fn holding(file: NamedTempFile, path: &Path) -> io::Result<NamedTempFile> {
        match point(path) {
            Ok(()) => Ok(file),
            Err(error) => {
                killed(path).then(|| file.keep());
                Err(error)
            }
        }
    }

    pub(crate) fn point(path: &Path) -> io::Result<()> {
        if killed(path) {
            return Err(io::Error::other("killed"));
        }
        let mut all = all();
        let Some(planned) = all.iter_mut().find(|planned| path.starts_with(&planned.below)) else {
            return Ok(());
        };
        let due = planned.left == 1;
        planned.left = planned.left.saturating_sub(1);
        match (due, planned.fault) {
            (false, _) => Ok(()),
            (true, Fault::Full) => Err(io::ErrorKind::StorageFull.into()),
            (true, Fault::Killed) => Err(io::Error::other("killed")),
        }
    }
}
