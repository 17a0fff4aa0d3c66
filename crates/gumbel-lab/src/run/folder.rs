//! The folder of a run, and its files, each of which is written in full or not at all.

use super::in_use::InUse;
use crate::page::Rendered;
use crate::support::atomic_file::{self, is_partial};
use crate::support::fault;
use crate::support::holder::holder;
use crate::support::shell::{option, quoted};
use crate::tensorboard::is_event_file;
use anyhow::{Context, Error, Result, anyhow, ensure};
use std::ffi::OsString;
use std::fs::{self, DirEntry, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A run's folder.
#[derive(Clone, Debug)]
pub struct RunFolder {
    path: PathBuf,
    /// Folders made for it, the innermost first.
    made: Vec<PathBuf>,
    /// The open folder, locked.
    lock: Option<Arc<File>>,
}

impl RunFolder {
    /// The record of its configuration.
    pub const CONFIG: &'static str = "config.toml";
    /// Its latest checkpoint.
    pub const CHECKPOINT: &'static str = "checkpoint/training.safetensors";
    /// The checkpoint before it, for the day on which it is damaged.
    pub const PREVIOUS: &'static str = "checkpoint/previous.safetensors";
    /// The records of training.
    pub const METRICS: &'static str = "metrics.csv";
    /// The trained model.
    pub const MODEL: &'static str = "model.safetensors";
    /// The run in numbers.
    pub const SUMMARY: &'static str = "summary.json";
    /// The checksums of its tables, as `sha256sum -c` takes them.
    pub const SUMS: &'static str = "SHA256SUMS";
    /// Its page.
    pub const REPORT: &'static str = "report.html";

    /// A new folder: `out`, which must not hold anything yet, or else the next free `runs/NAME-N`. No other process can write
    /// to it while this one lives.
    ///
    /// # Errors
    /// A folder in use, or one that cannot be made.
    pub fn create(out: Option<&Path>, name: &str) -> Result<Self> {
        Self::new(out, name, None)
    }

    /// The same for a run with this configuration. `out` may hold what the same run left that was killed before its first
    /// checkpoint.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn begin(out: Option<&Path>, name: &str, config: &str) -> Result<Self> {
        Self::new(out, name, Some(config))
    }

    fn new(out: Option<&Path>, name: &str, config: Option<&str>) -> Result<Self> {
        let Some(path) = out else { return next_free(Path::new("runs"), name) };
        free(path, config)?;
        let run = Self { made: missing(path), ..Self::at(path) };
        let made = fault::point(path).and_then(|()| fs::create_dir_all(path));
        made.map_err(|error| unmade(path, &error))?;
        let run = run.locked()?;
        // Another process may have begun, and ended, in between.
        free(path, config)?;
        if run.made.is_empty() {
            run.discard();
        }
        Ok(run)
    }

    /// The same folder, locked until the process ends, and without what a killed process has left unfinished.
    pub(crate) fn locked(mut self) -> Result<Self> {
        // Not every system can lock a folder: there, it is not guarded.
        let Ok(folder) = File::open(&self.path) else { return Ok(self) };
        match folder.try_lock() {
            Ok(()) => {
                self.lock = Some(Arc::new(folder));
                self.clear();
            }
            Err(TryLockError::WouldBlock) => {
                return Err(InUse { holder: holder(&folder), path: self.path }.into());
            }
            Err(TryLockError::Error(_)) => {}
        }
        Ok(self)
    }

    /// Removes temporary files.
    fn clear(&self) {
        let folders = [self.path.clone(), self.file("checkpoint"), self.file("figures")];
        let entries = folders.iter().filter_map(|folder| folder.read_dir().ok()).flatten().flatten();
        entries.filter(is_partial).for_each(|entry| drop(atomic_file::remove(&entry.path())));
    }

    /// Removes a new run without a checkpoint: it can neither be resumed nor be started again there. The configuration goes
    /// last, since the rest is recognised by it.
    pub fn discard(&self) {
        self.clear();
        let events = self.path.read_dir().into_iter().flatten().flatten().filter(is_event);
        // What cannot be removed, or holds something of the user's, stays.
        events.for_each(|entry| drop(atomic_file::remove(&entry.path())));
        drop(remove_empty(&self.file("checkpoint")));
        for name in [Self::METRICS, Self::CONFIG] {
            drop(self.remove(name));
        }
        self.made.iter().for_each(|folder| drop(remove_empty(folder)));
    }

    /// Removes the results of an earlier end of the run, which continues.
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub fn reopen(&self) -> Result<()> {
        [Self::SUMMARY, Self::SUMS, Self::REPORT, Self::MODEL, "figures"]
            .into_iter()
            .try_for_each(|name| self.remove(name))
    }

    /// Removes a file, or a folder with all that is in it, if it exists.
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub(super) fn remove(&self, name: &str) -> Result<()> {
        let path = self.file(name);
        atomic_file::remove(&path).with_context(|| format!("cannot remove {}", path.display()))
    }

    /// The folder of an earlier run.
    ///
    /// # Errors
    /// A folder that is not that of a run.
    pub fn open(path: &Path) -> Result<Self> {
        let run = Self::at(path);
        let known = run.file(Self::CONFIG).is_file();
        ensure!(path.exists(), "{} does not exist; expected the folder of a run", path.display());
        ensure!(known, "{} is not the folder of a run: it has no {}", path.display(), Self::CONFIG);
        Ok(run)
    }

    /// The folder of an earlier run that continues, locked until the process ends.
    ///
    /// # Errors
    /// A folder that is not that of a run; a run without a checkpoint; a run that another process continues.
    pub fn resume(path: &Path) -> Result<Self> {
        let run = Self::open(path)?;
        let none = "has no checkpoint to resume from; start the run again in another folder";
        ensure!(run.resumable(), "{} {none}", path.display());
        run.locked()
    }

    /// The same folder, which other processes may write to from now on.
    pub(crate) fn unlocked(self) -> Self {
        Self { lock: None, ..self }
    }

    /// An existing folder, with any contents.
    pub(crate) fn at(path: &Path) -> Self {
        Self { path: path.into(), made: Vec::new(), lock: None }
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file in it, by its name with `/`.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The path of its trained model.
    ///
    /// # Errors
    /// A run that has not finished, with the command that finishes it; `name` is its experiment.
    pub fn trained(&self, name: &str) -> Result<PathBuf> {
        let weights = self.file(Self::MODEL);
        ensure!(
            weights.is_file(),
            "{} has no trained model yet; finish it with: gumbel train {name} --resume {}",
            self.path.display(),
            quoted(&self.path.to_string_lossy())
        );
        Ok(weights)
    }

    /// The bytes of its newest checkpoint.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn newest_checkpoint(&self) -> Result<Vec<u8>> {
        let path = self.file(Self::CHECKPOINT);
        fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
    }

    /// Whether the run has finished.
    pub fn finished(&self) -> bool {
        self.file(Self::SUMMARY).is_file()
    }

    /// Whether the run has a checkpoint.
    pub(super) fn resumable(&self) -> bool {
        [Self::CHECKPOINT, Self::PREVIOUS].iter().any(|name| self.file(name).is_file())
    }

    /// The option that resumes the run in a folder, if there is one with a checkpoint. A run without one is discarded, unless a
    /// process still writes to it.
    pub fn resume_option(path: &Path) -> Option<OsString> {
        let run = Self::open(path).ok()?;
        if run.resumable() {
            return Some(option("--resume=", path));
        }
        run.locked().ok()?.discard();
        None
    }

    /// Writes a file, in full or not at all, making its folder.
    ///
    /// # Errors
    /// A disk that is full, or a folder that cannot be written.
    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> Result<()> {
        self.writing(name, |path| atomic_file::write(path, contents.as_ref()))
    }

    /// Writes the newest checkpoint and keeps the one before it. At every moment there is a newest one, in full.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn write_checkpoint(&self, contents: impl AsRef<[u8]>) -> Result<()> {
        self.writing(Self::CHECKPOINT, |newest| {
            let file = atomic_file::unfinished(newest, contents.as_ref())?;
            if newest.is_file() {
                keep(newest, &self.file(Self::PREVIOUS))?;
            }
            atomic_file::place(file, newest)
        })
    }

    /// Puts the previous checkpoint in the place of the newest, which is damaged.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub(super) fn replace_newest(&self) -> Result<()> {
        self.writing(Self::CHECKPOINT, |newest| {
            fault::point(newest)?;
            fs::rename(self.file(Self::PREVIOUS), newest)?;
            atomic_file::sync_name(newest)
        })
    }

    /// Writes a file by a function, making its folder.
    pub(super) fn writing(&self, name: &str, write: impl FnOnce(&Path) -> io::Result<()>) -> Result<()> {
        let path = self.file(name);
        let written = path.parent().map_or(Ok(()), make_folder).and_then(|()| write(&path));
        written.map_err(|error| anyhow!(atomic_file::refused(&path, &error)))
    }

    /// Writes `report.html` and its figures.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn write_page(&self, page: &Rendered) -> Result<()> {
        page.files().try_for_each(|(path, text)| self.write(&path, text))
    }
}

fn is_event(entry: &DirEntry) -> bool {
    is_event_file(&entry.file_name().to_string_lossy())
}

fn make_folder(path: &Path) -> io::Result<()> {
    if !path.is_dir() {
        fault::point(path)?;
    }
    fs::create_dir_all(path)
}

fn remove_empty(folder: &Path) -> io::Result<()> {
    fault::point(folder)?;
    fs::remove_dir(folder)
}

/// Gives a file another name too, in place of what had that name; copies it where the file system has no such names.
fn keep(file: &Path, name: &Path) -> io::Result<()> {
    atomic_file::remove(name)?;
    fault::point(name)?;
    fs::hard_link(file, name).or_else(|_| fs::copy(file, name).map(drop))
}

/// A new `NAME-1` in a folder, or the first after it that does not exist, also if several processes ask at once.
fn next_free(runs: &Path, name: &str) -> Result<RunFolder> {
    for n in 1.. {
        let path = runs.join(format!("{name}-{n}"));
        let run = RunFolder { made: missing(&path), ..RunFolder::at(&path) };
        let made = fs::create_dir_all(runs).and_then(|()| fs::create_dir(&path));
        match made {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(unmade(&path, &error)),
            Ok(()) => return run.locked(),
        }
    }
    unreachable!("numbers do not end")
}

/// The folders of a path that do not exist, the innermost first.
fn missing(path: &Path) -> Vec<PathBuf> {
    let missing = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.exists();
    path.ancestors().take_while(missing).map(Path::to_path_buf).collect()
}

fn unmade(path: &Path, error: &std::io::Error) -> Error {
    anyhow!("cannot make the folder {}: {error}; choose another --out", path.display())
}

/// Refuses a folder that holds anything but what a killed process has left unfinished: temporary files, checksums of files
/// that do not exist, and all files of a run with this configuration that has no checkpoint.
fn free(path: &Path, config: Option<&str>) -> Result<()> {
    let run = RunFolder::at(path);
    let recorded = run.file(RunFolder::CONFIG);
    let same = config.is_some_and(|config| fs::read_to_string(&recorded).is_ok_and(|found| found == config));
    let left = |entry: &DirEntry| is_partial(entry) || orphaned(entry) || (same && remains(entry));
    let used = |mut entries: fs::ReadDir| entries.any(|entry| !entry.is_ok_and(|entry| left(&entry)));
    let in_use = path.is_file() || path.read_dir().is_ok_and(used);
    let remedy = match (recorded.is_file(), run.resumable()) {
        (true, true) => format!("choose another --out, or resume it with --resume {}", path.display()),
        (true, false) => "the run in it has no checkpoint; choose another --out, or delete it".into(),
        _ => "choose another --out".into(),
    };
    ensure!(!in_use, "{} exists already; {remedy}", path.display());
    Ok(())
}

/// Whether these are checksums of files that a killed process did not write any more.
fn orphaned(entry: &DirEntry) -> bool {
    let missing = |line: &str| {
        line.split_once("  ").is_some_and(|(_, name)| !entry.path().with_file_name(name).exists())
    };
    let text = || fs::read_to_string(entry.path()).unwrap_or_default();
    entry.file_name() == RunFolder::SUMS && text().lines().all(missing)
}

/// Whether a run leaves that before its first checkpoint.
fn remains(entry: &DirEntry) -> bool {
    let name = entry.file_name();
    let empty = |folder: PathBuf| {
        folder
            .read_dir()
            .is_ok_and(|mut entries| entries.all(|entry| entry.is_ok_and(|entry| is_partial(&entry))))
    };
    name == RunFolder::METRICS
        || name == RunFolder::CONFIG
        || is_event(entry)
        || (name == "checkpoint" && empty(entry.path()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_in_use_is_refused_with_both_remedies() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("something"), "x").unwrap();
        let refused = || RunFolder::create(Some(folder.path()), "x").unwrap_err().to_string();
        assert!(refused().ends_with("choose another --out"), "{}", refused());
        assert!(RunFolder::open(folder.path()).unwrap_err().to_string().contains("no config.toml"));
        fs::write(folder.path().join("config.toml"), "").unwrap();
        assert!(refused().contains("has no checkpoint; choose another --out, or delete it"), "{}", refused());
        let error = RunFolder::resume(folder.path()).unwrap_err().to_string();
        assert!(error.contains("has no checkpoint to resume from; start the run again"), "{error}");
        RunFolder::at(folder.path()).write(RunFolder::CHECKPOINT, "").unwrap();
        assert!(refused().contains("choose another --out, or resume it with --resume"), "{}", refused());
    }

    #[test]
    fn one_process_at_a_time_writes_to_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run");
        let first = RunFolder::create(Some(&path), "x").unwrap();
        let second = || RunFolder::create(Some(&path), "x").unwrap_err().to_string();
        assert!(second().contains(" is writing to"), "{}", second());
        first.write(RunFolder::CONFIG, "").unwrap();
        // Nor is a run discarded that has no checkpoint yet.
        assert_eq!(RunFolder::resume_option(&path), None);
        assert!(first.file(RunFolder::CONFIG).exists());
        first.write(RunFolder::CHECKPOINT, "").unwrap();
        let again = || RunFolder::resume(&path).map_err(|error| error.to_string());
        assert!(again().unwrap_err().contains(" is writing to"));
        drop(first);
        let resumed = again().unwrap();
        assert!(again().is_err());
        drop(resumed);
        assert!(again().is_ok());
    }

    #[test]
    fn runs_that_begin_at_once_have_a_folder_each() {
        let scratch = tempfile::tempdir().unwrap();
        let runs = scratch.path().join("runs");
        std::thread::scope(|scope| {
            let begun: Vec<_> = (0..24).map(|_| scope.spawn(|| next_free(&runs, "x").unwrap())).collect();
            let mut paths: Vec<_> = begun.into_iter().map(|run| run.join().unwrap().path).collect();
            paths.sort();
            paths.dedup();
            assert_eq!(paths.len(), 24);
        });
    }

    #[test]
    fn what_a_killed_process_left_unfinished_is_cleared() {
        let folder = tempfile::tempdir().unwrap();
        let left = |name: &str| RunFolder::at(folder.path()).write(name, "x").unwrap();
        left(".partial-1");
        let run = RunFolder::create(Some(folder.path()), "x").unwrap();
        assert!(!run.file(".partial-1").exists());
        [".partial-2", "checkpoint/.partial-3", RunFolder::CONFIG, RunFolder::CHECKPOINT]
            .into_iter()
            .for_each(left);
        drop(run);
        let run = RunFolder::resume(folder.path()).unwrap();
        assert!(!run.file(".partial-2").exists() && !run.file("checkpoint/.partial-3").exists());
    }

    #[test]
    fn a_discarded_run_leaves_nothing_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunFolder::create(Some(&folder.path().join("a/b")), "x").unwrap();
        run.write("config.toml", "").unwrap();
        fs::write(folder.path().join("a/mine"), "").unwrap();
        run.discard();
        assert!(!run.path().exists() && folder.path().join("a/mine").exists());
    }
}
