//! The folder of a comparison.

use crate::run::{RunFolder, begun_once};
use crate::support::atomic_file;
use crate::support::hex::hex;
use crate::support::shell::{option, quoted};
use anyhow::{Context, Result, anyhow, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// `compare.toml`: the record of a comparison.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The experiment, as `gumbel train` calls it.
    pub model: String,
    /// The command of its options: `train vae --steps 2000`.
    pub train: String,
    /// The values of the option that is compared, in the order of the report.
    #[serde(alias = "estimators")]
    pub values: Vec<String>,
    /// SHA-256 of the above and of the options that results depend on; not in records of version 0.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
}

impl Record {
    /// A new record.
    pub fn new(model: &str, train: String, values: Vec<String>) -> Self {
        Self { model: model.into(), train, values, sha256: None }
    }

    /// The same with the checksum of itself and of these options. Of those alone that cannot change: a record and options
    /// that were written before and after a kill fit together.
    fn summed(self, options: &toml::Table) -> Result<Self> {
        let record = Self { sha256: None, ..self };
        let options: BTreeMap<String, toml::Value> = decisive(options.clone(), "").into_iter().collect();
        let text = toml::to_string(&record)? + &toml::to_string(&options)?;
        Ok(Self { sha256: Some(hex(&Sha256::digest(text))), ..record })
    }

    /// The command that makes the comparison; `option` is the compared option.
    pub fn command(&self, option: &str) -> String {
        format!("gumbel compare --{option}s {} {}", quoted(&self.values.join(",")), self.train)
    }
}

/// A comparison's folder: its record, the options that all runs share, and a folder for each run.
pub struct Comparison {
    folder: RunFolder,
    /// The values that are compared, and the model.
    pub record: Record,
}

const RECORD: &str = "compare.toml";
const OPTIONS: &str = "options.toml";
/// Options that may differ when a comparison is resumed: no result depends on them.
const FREE: [&str; 4] = ["threads", "data-dir", "device", "tensorboard"];

impl Comparison {
    /// The folder of a comparison, locked until the process ends.
    ///
    /// # Errors
    /// A path that is not one; a comparison that another process continues.
    pub fn open(path: &Path) -> Result<Self> {
        let folder = RunFolder::at(path);
        let known = folder.file(RECORD).is_file();
        ensure!(known, "{} is not the folder of a comparison: it has no {RECORD}", path.display());
        let folder = folder.locked()?;
        Ok(Self { record: checked(&folder)?, folder })
    }

    /// A new comparison, or one with the same options and other values of `option`; `recorded` reads the options that an
    /// earlier one has recorded.
    ///
    /// # Errors
    /// A folder with something else in it, or that cannot be written.
    pub fn begin(
        out: Option<&Path>,
        record: Record,
        option: &str,
        options: &toml::Table,
        recorded: fn(&Path) -> Result<toml::Table>,
    ) -> Result<Self> {
        let known = out.filter(|path| path.join(RECORD).is_file());
        let folder = match known {
            Some(path) => {
                let earlier = Self::open(path)?;
                let before = recorded(&earlier.folder.file(OPTIONS))?;
                let same = decisive(before, option) == decisive(options.clone(), option);
                ensure!(
                    same && earlier.record.model == record.model,
                    "{} holds a comparison with other options: gumbel {}; choose another --out",
                    path.display(),
                    earlier.record.train
                );
                earlier.folder
            }
            None => {
                out.into_iter().for_each(|path| drop(clear_unrecorded(path, recorded)));
                RunFolder::create(out, "compare")?
            }
        };
        folder.write(OPTIONS, toml::to_string(options)?)?;
        let record = record.summed(options)?;
        folder.write(RECORD, toml::to_string(&record)?)?;
        Ok(Self { folder, record })
    }

    /// The same comparison for one of its runs: others are made at the same time, so the folder is locked at its beginning only.
    ///
    /// # Errors
    /// A folder with something else in it, or with a comparison of other values or options.
    pub fn join(
        path: &Path,
        record: &Record,
        option: &str,
        options: &toml::Table,
        recorded: fn(&Path) -> Result<toml::Table>,
    ) -> Result<Self> {
        let expected = record.clone().summed(options)?;
        let known = || Self::known(path, &expected);
        begun_once(known, || {
            let begun = Self::begin(Some(path), record.clone(), option, options, recorded)?;
            Ok(Self { folder: begun.folder.unlocked(), ..begun })
        })
    }

    /// The comparison in a folder, which must be this one, if there is one.
    fn known(path: &Path, expected: &Record) -> Result<Option<Self>> {
        let folder = RunFolder::at(path);
        if !folder.file(RECORD).is_file() {
            return Ok(None);
        }
        let record = checked(&folder)?;
        ensure!(
            record == *expected,
            "{} holds another comparison, of {} by gumbel {}; expected {} by gumbel {}; choose another --out",
            path.display(),
            record.values.join(","),
            record.train,
            expected.values.join(","),
            expected.train
        );
        Ok(Some(Self { folder, record }))
    }

    /// The path of the folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file of the comparison, in full or not at all.
    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> Result<()> {
        self.folder.write(name, contents)
    }

    /// The folder of the run of a value. Values have no commas, and not every file system allows colons.
    pub fn run(&self, value: &str) -> PathBuf {
        self.folder.file(&Self::folder_name(value))
    }

    /// The name of that folder.
    pub fn folder_name(value: &str) -> String {
        value.replace(':', ",")
    }

    /// Whether that run has finished.
    pub fn finished(&self, value: &str) -> bool {
        RunFolder::at(&self.run(value)).finished()
    }

    /// The options that start the run of a value, or that resume it; `compared` is the option whose values are compared.
    pub fn words(&self, compared: &str, value: &str) -> Vec<OsString> {
        let path = self.run(value);
        if let Some(resume) = RunFolder::resume_option(&path) {
            return vec![resume];
        }
        let options = option("--config=", &self.folder.file(OPTIONS));
        vec![options, format!("--{compared}={value}").into(), option("--out=", &path)]
    }
}

/// The record of a folder, which has the checksum of itself and of the options.
fn checked(folder: &RunFolder) -> Result<Record> {
    let record: Record = read(&folder.file(RECORD))?;
    let summed = record.clone().summed(&read(&folder.file(OPTIONS))?)?;
    ensure!(
        record.sha256.is_none() || record == summed,
        "{RECORD} or {OPTIONS} in {} is damaged: they do not have the checksum that was recorded; restore them, or \
         choose another --out",
        folder.path().display()
    );
    Ok(record)
}

/// The options that results depend on, without the one that is compared.
fn decisive(mut options: toml::Table, compared: &str) -> toml::Table {
    for name in FREE.into_iter().chain([compared]) {
        options.remove(name);
    }
    options
}

fn read<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<T> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    toml::from_str(&text)
        .map_err(|error| anyhow!("{}: {}", path.display(), error.message().replace('\n', ", ")))
}

/// Removes the options of a comparison that ended before its record was written, if there is nothing else.
fn clear_unrecorded(path: &Path, recorded: fn(&Path) -> Result<toml::Table>) -> Result<()> {
    // The one that writes the record next may still be alive.
    let folder = RunFolder::at(path).locked()?;
    let options = folder.file(OPTIONS);
    let only = path.read_dir()?.all(|entry| entry.is_ok_and(|entry| entry.path() == options));
    if only && recorded(&options).is_ok() {
        atomic_file::remove(&options)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(path: &Path, values: &[&str], options: &str) -> Result<Comparison> {
        let values = values.iter().map(|name| name.to_string()).collect();
        let record = Record::new("vae", "train vae".into(), values);
        Comparison::begin(Some(path), record, "estimator", &toml::from_str(options).unwrap(), |path| {
            read(path)
        })
    }

    #[test]
    fn a_comparison_is_resumed_with_other_estimators_but_not_with_other_options() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("here");
        begin(&path, &["zgr", "rloo:samples=3"], "lr = 0.1\nthreads = 1").unwrap();
        assert_eq!(Comparison::open(&path).unwrap().record.values, ["zgr", "rloo:samples=3"]);
        begin(&path, &["zgr", "reinforce"], "lr = 0.1\nthreads = 2").unwrap();
        assert_eq!(Comparison::open(&path).unwrap().record.values, ["zgr", "reinforce"]);
        let error = begin(&path, &["zgr"], "lr = 0.2").err().unwrap().to_string();
        assert!(error.contains("other options: gumbel train vae; choose another --out"), "{error}");
    }

    /// The states in which a killed process leaves the folder before its first run: each begins anew, and nothing of the user's
    /// is removed.
    #[test]
    fn every_state_that_a_kill_leaves_recovers() {
        for left in
            [&[".partial-1"][..], &[OPTIONS], &[OPTIONS, ".partial-1"], &[OPTIONS, RECORD, ".partial-1"]]
        {
            let scratch = tempfile::tempdir().unwrap();
            let path = scratch.path().join("here");
            drop(begin(&path, &["zgr"], "lr = 0.1").unwrap());
            let kept = |name: &str| left.contains(&name);
            let all = [OPTIONS, RECORD].into_iter();
            all.filter(|name| !kept(name)).for_each(|name| std::fs::remove_file(path.join(name)).unwrap());
            if kept(".partial-1") {
                std::fs::write(path.join(".partial-1"), "").unwrap();
            }
            let again = begin(&path, &["zgr"], "lr = 0.1").unwrap();
            assert!(!again.folder.file(".partial-1").exists(), "{left:?}");
        }
        let scratch = tempfile::tempdir().unwrap();
        std::fs::write(scratch.path().join(OPTIONS), "not = [").unwrap();
        assert!(begin(scratch.path(), &["zgr"], "").is_err());
        assert!(scratch.path().join(OPTIONS).exists());
    }

    #[test]
    fn every_flipped_bit_of_record_and_options_is_found() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("here");
        drop(begin(&path, &["zgr", "rloo:samples=3"], "lr = 0.1\nthreads = 1").unwrap());
        let known = Comparison::open(&path).unwrap().record;
        for name in [OPTIONS, RECORD] {
            let bytes = std::fs::read(path.join(name)).unwrap();
            for bit in 0..8 * bytes.len() {
                let mut flipped = bytes.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                std::fs::write(path.join(name), flipped).unwrap();
                let Ok(opened) = Comparison::open(&path) else { continue };
                // What no result depends on.
                assert_eq!(opened.record, known, "{name}, bit {bit}");
                let options: toml::Table = read(&path.join(OPTIONS)).unwrap();
                assert_eq!(options["lr"].as_float(), Some(0.1), "{name}, bit {bit}");
            }
            std::fs::write(path.join(name), bytes).unwrap();
        }
        // A record of version 0.1 has no checksum.
        let text = std::fs::read_to_string(path.join(RECORD)).unwrap();
        let lines = text.lines().filter(|line| !line.starts_with("sha256"));
        std::fs::write(path.join(RECORD), lines.map(|line| format!("{line}\n")).collect::<String>()).unwrap();
        assert_eq!(Comparison::open(&path).unwrap().record.values, known.values);
    }

    #[test]
    fn two_comparisons_do_not_share_a_folder() {
        let scratch = tempfile::tempdir().unwrap();
        let first = begin(scratch.path(), &["zgr"], "").unwrap();
        let second = begin(scratch.path(), &["zgr"], "").err().unwrap().to_string();
        assert!(second.contains(" is writing to"), "{second}");
        assert!(Comparison::open(scratch.path()).is_err());
        // Nor before the first has written its record.
        std::fs::remove_file(scratch.path().join(RECORD)).unwrap();
        assert!(begin(scratch.path(), &["zgr"], "").is_err());
        assert!(scratch.path().join(OPTIONS).exists());
        drop(first);
        begin(scratch.path(), &["zgr"], "").unwrap();
    }

    #[test]
    fn a_run_is_started_once_and_resumed_from_its_checkpoint() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = begin(&scratch.path().join("here"), &["zgr"], "").unwrap();
        let name = "rloo:samples=3";
        let words = |folder: &Comparison| {
            let words =
                folder.words("estimator", name).into_iter().map(|word| word.to_string_lossy().into_owned());
            words.collect::<Vec<_>>().join(" ")
        };
        assert!(folder.run(name).ends_with("rloo,samples=3"));
        assert!(words(&folder).contains(" --estimator=rloo:samples=3 --out="), "{}", words(&folder));
        // A process that has ended, so without its lock.
        let run = RunFolder::at(RunFolder::create(Some(&folder.run(name)), "x").unwrap().path());
        run.write("config.toml", "").unwrap();
        assert!(words(&folder).contains("--out="));
        assert!(!run.file("config.toml").exists());
        run.write("config.toml", "").unwrap();
        run.write("checkpoint/training.safetensors", "").unwrap();
        assert!(words(&folder).starts_with("--resume="), "{}", words(&folder));
        assert!(!folder.finished(name));
        run.write("summary.json", "").unwrap();
        assert!(folder.finished(name));
    }

    #[test]
    fn a_record_that_cannot_be_read_is_an_error_of_one_line() {
        let scratch = tempfile::tempdir().unwrap();
        let missing = Comparison::open(scratch.path()).err().unwrap().to_string();
        assert!(missing.contains("is not the folder of a comparison: it has no compare.toml"), "{missing}");
        std::fs::write(scratch.path().join(RECORD), "model = 3").unwrap();
        let broken = Comparison::open(scratch.path()).err().unwrap().to_string();
        assert!(broken.contains("compare.toml: invalid type") && !broken.contains('\n'), "{broken}");
    }
}
