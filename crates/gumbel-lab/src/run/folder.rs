//! The folder of a run, and its files, each of which is written in full or not at all.

use crate::page::Rendered;
use crate::support::atomic_file;
use crate::support::shell::{option, quoted};
use anyhow::{Context, Result, anyhow, ensure};
use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A run's folder.
#[derive(Clone, Debug)]
pub struct RunFolder {
    path: PathBuf,
    /// Folders made for it, the innermost first.
    made: Vec<PathBuf>,
}

impl RunFolder {
    /// The record of its configuration.
    pub const CONFIG: &'static str = "config.toml";
    /// Its latest checkpoint.
    pub const CHECKPOINT: &'static str = "checkpoint/training.safetensors";
    /// The trained model.
    pub const MODEL: &'static str = "model.safetensors";
    /// The run in numbers.
    pub const SUMMARY: &'static str = "summary.json";
    /// Its page.
    pub const REPORT: &'static str = "report.html";

    /// A new folder: `out`, which must not hold anything yet, or else the next free `runs/NAME-N`.
    ///
    /// # Errors
    /// A folder in use, or one that cannot be made.
    pub fn create(out: Option<&Path>, name: &str) -> Result<Self> {
        let path = out.map_or_else(|| next_free(name), Path::to_path_buf);
        let in_use = path.is_file() || path.read_dir().is_ok_and(|mut entries| entries.next().is_some());
        let resumable = path.join(Self::CONFIG).is_file();
        let or_resume = match resumable {
            true => format!(", or resume it with --resume {}", path.display()),
            false => String::new(),
        };
        ensure!(!in_use, "{} exists already; choose another --out{or_resume}", path.display());
        let missing = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.exists();
        let made = path.ancestors().take_while(missing).map(Path::to_path_buf).collect();
        fs::create_dir_all(&path).map_err(|error| {
            anyhow!("cannot make the folder {}: {error}; choose another --out", path.display())
        })?;
        Ok(Self { path, made })
    }

    /// Removes a new run without a checkpoint: it can neither be resumed nor be started again there.
    pub fn discard(&self) {
        // What cannot be removed, or holds something of the user's, stays.
        for name in [Self::CONFIG, "metrics.csv"] {
            drop(fs::remove_file(self.file(name)));
        }
        drop(fs::remove_dir(self.file("checkpoint")));
        self.made.iter().for_each(|folder| drop(fs::remove_dir(folder)));
    }

    /// Removes the results of an earlier end of the run, which continues.
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub fn reopen(&self) -> Result<()> {
        for name in [Self::SUMMARY, Self::REPORT, Self::MODEL, "figures"] {
            let path = self.file(name);
            let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            match removed {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("cannot remove {}", path.display()));
                }
                _ => {}
            }
        }
        Ok(())
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

    /// An existing folder, with any contents.
    pub(crate) fn at(path: &Path) -> Self {
        Self { path: path.into(), made: Vec::new() }
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

    /// Whether the run has finished.
    pub fn finished(&self) -> bool {
        self.file(Self::SUMMARY).is_file()
    }

    /// The option that resumes the run in a folder, if there is one with a checkpoint. A run without one is discarded.
    pub fn resume_option(path: &Path) -> Option<OsString> {
        let run = Self::open(path).ok()?;
        if run.file(Self::CHECKPOINT).is_file() {
            return Some(option("--resume=", path));
        }
        run.discard();
        None
    }

    /// Writes a file, in full or not at all, making its folder.
    ///
    /// # Errors
    /// A disk that is full, or a folder that cannot be written.
    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> Result<()> {
        let path = self.file(name);
        let written = path
            .parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| atomic_file::write(&path, contents.as_ref()));
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

/// `runs/NAME-1`, or the first after it that does not exist.
fn next_free(name: &str) -> PathBuf {
    (1..)
        .map(|n| PathBuf::from(format!("runs/{name}-{n}")))
        .find(|path| !path.exists())
        .expect("numbers do not end")
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
        assert!(refused().contains("choose another --out, or resume it with --resume"), "{}", refused());
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
