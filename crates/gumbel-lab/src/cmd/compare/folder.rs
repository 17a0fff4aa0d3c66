//! The folder of a comparison.

use crate::run::RunFolder;
use crate::support::shell::quoted;
use anyhow::{Context, Result, anyhow, ensure};
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// `compare.toml`: what is compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    /// The model, as `gumbel train` calls it.
    pub(super) model: String,
    /// How its options were chosen: `train vae --steps 2000`.
    pub(super) train: String,
    /// The estimators with their parameters, in the order of the report.
    pub(super) estimators: Vec<String>,
}

impl Record {
    /// The command that makes the comparison.
    pub(super) fn command(&self) -> String {
        format!("gumbel compare --estimators {} {}", quoted(&self.estimators.join(",")), self.train)
    }
}

/// A comparison's folder: its record, the options that all runs share, and a folder for each run.
pub(super) struct Folder {
    folder: RunFolder,
    pub(super) record: Record,
}

const RECORD: &str = "compare.toml";
const OPTIONS: &str = "options.toml";
/// Options that may differ when a comparison goes on: no result depends on them.
const FREE: [&str; 2] = ["threads", "data-dir"];

impl Folder {
    /// A comparison that has begun.
    ///
    /// # Errors
    /// A path that is none.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let folder = RunFolder::at(path);
        let record = folder.file(RECORD);
        ensure!(record.is_file(), "{} is not the folder of a comparison: it has no {RECORD}", path.display());
        Ok(Self { record: read(&record)?, folder })
    }

    /// A new comparison, or one with the same options that goes on with these estimators.
    ///
    /// # Errors
    /// A folder with something else in it, or that cannot be written.
    pub(super) fn begin(out: Option<&Path>, record: Record, options: &toml::Table) -> Result<Self> {
        let known = out.filter(|path| path.join(RECORD).is_file());
        let folder = match known {
            Some(path) => {
                let earlier = Self::open(path)?;
                let same = decisive(&read(&earlier.folder.file(OPTIONS))?) == decisive(options);
                ensure!(
                    same && earlier.record.model == record.model,
                    "{} holds a comparison with other options: gumbel {}; choose another --out",
                    path.display(),
                    earlier.record.train
                );
                earlier.folder
            }
            None => RunFolder::create(out, "compare")?,
        };
        folder.write(OPTIONS, toml::to_string(options)?)?;
        folder.write(RECORD, toml::to_string(&record)?)?;
        Ok(Self { folder, record })
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file of the comparison, in full or not at all.
    pub(super) fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> Result<()> {
        self.folder.write(name, contents)
    }

    /// The run of an estimator. A comma cannot be part of the name, and a colon is no letter of a file everywhere.
    pub(super) fn run(&self, estimator: &str) -> PathBuf {
        self.folder.file(&estimator.replace(':', ","))
    }

    /// Whether that run has come to its end.
    pub(super) fn finished(&self, estimator: &str) -> bool {
        self.run(estimator).join("summary.json").is_file()
    }

    /// Clears the place of a run that ended before its first checkpoint: nothing of it can be used.
    pub(super) fn clear(&self, estimator: &str) {
        let begun = RunFolder::open(&self.run(estimator)).ok();
        begun.filter(|run| !run.checkpoint().is_file()).iter().for_each(RunFolder::discard);
    }

    /// The command that starts a run or goes on with it.
    pub(super) fn words(&self, estimator: &str) -> Vec<OsString> {
        let option = |name: &str, value: &Path| {
            let mut word = OsString::from(name);
            word.push(value);
            word
        };
        let (path, begin) =
            (self.run(estimator), ["gumbel", "train", &self.record.model].map(OsString::from));
        let rest = match RunFolder::open(&path) {
            Ok(run) if run.checkpoint().is_file() => vec![option("--resume=", &path)],
            _ => {
                let options = option("--config=", &self.folder.file(OPTIONS));
                vec![options, format!("--estimator={estimator}").into(), option("--out=", &path)]
            }
        };
        begin.into_iter().chain(rest).collect()
    }
}

/// The options that results depend on.
fn decisive(options: &toml::Table) -> toml::Table {
    options.clone().into_iter().filter(|(name, _)| !FREE.contains(&name.as_str())).collect()
}

fn read<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<T> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let told =
        |error: toml::de::Error| anyhow!("{}: {}", path.display(), error.message().replace('\n', ", "));
    toml::from_str(&text).map_err(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(path: &Path, estimators: &[&str], options: &str) -> Result<Folder> {
        let estimators = estimators.iter().map(|name| name.to_string()).collect();
        let record = Record { model: "vae".into(), train: "train vae".into(), estimators };
        Folder::begin(Some(path), record, &toml::from_str(options).unwrap())
    }

    #[test]
    fn a_comparison_goes_on_with_other_estimators_but_not_with_other_options() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("here");
        begin(&path, &["zgr", "rloo:samples=3"], "lr = 0.1\nthreads = 1").unwrap();
        assert_eq!(Folder::open(&path).unwrap().record.estimators, ["zgr", "rloo:samples=3"]);
        begin(&path, &["zgr", "reinforce"], "lr = 0.1\nthreads = 2").unwrap();
        assert_eq!(Folder::open(&path).unwrap().record.estimators, ["zgr", "reinforce"]);
        let error = begin(&path, &["zgr"], "lr = 0.2").err().unwrap().to_string();
        assert!(error.contains("other options: gumbel train vae; choose another --out"), "{error}");
    }

    #[test]
    fn a_run_is_started_once_and_resumed_from_its_checkpoint() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = begin(&scratch.path().join("here"), &["zgr"], "").unwrap();
        let name = "rloo:samples=3";
        let words = |folder: &Folder| {
            let words = folder.words(name).into_iter().map(|word| word.to_string_lossy().into_owned());
            words.collect::<Vec<_>>().join(" ")
        };
        assert!(folder.run(name).ends_with("rloo,samples=3"));
        assert!(words(&folder).contains(" --estimator=rloo:samples=3 --out="), "{}", words(&folder));
        let run = RunFolder::create(Some(&folder.run(name)), "x").unwrap();
        run.write("config.toml", "").unwrap();
        assert!(words(&folder).contains("--out="));
        folder.clear(name);
        assert!(!run.file("config.toml").exists());
        run.write("config.toml", "").unwrap();
        run.write("checkpoint/training.safetensors", "").unwrap();
        folder.clear(name);
        assert!(words(&folder).starts_with("gumbel train vae --resume="), "{}", words(&folder));
        assert!(!folder.finished(name));
        run.write("summary.json", "").unwrap();
        assert!(folder.finished(name));
    }

    #[test]
    fn a_record_that_cannot_be_read_is_told_in_one_line() {
        let scratch = tempfile::tempdir().unwrap();
        let missing = Folder::open(scratch.path()).err().unwrap().to_string();
        assert!(missing.contains("is not the folder of a comparison: it has no compare.toml"), "{missing}");
        std::fs::write(scratch.path().join(RECORD), "model = 3").unwrap();
        let broken = Folder::open(scratch.path()).err().unwrap().to_string();
        assert!(broken.contains("compare.toml: invalid type") && !broken.contains('\n'), "{broken}");
    }
}
