//! The folder of a reproduction.

use crate::reproduce::{Budget, Plan, PlannedRun, Reproduction};
use crate::run::RunFolder;
use crate::support::holder::holder;
use crate::support::shell::option;
use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

/// `reproduce.toml`: the name, the budget and the commands.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    experiment: String,
    budget: String,
    /// The command of each run planned in this folder so far.
    commands: BTreeMap<String, String>,
}

const RECORD: &str = "reproduce.toml";

/// A run, by its index in the plan, with a seed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Task {
    pub(super) run: usize,
    pub(super) seed: u64,
}

/// The folder, with a folder for each run and seed.
pub(super) struct Folder {
    folder: RunFolder,
    pub(super) experiment: &'static Reproduction,
    pub(super) budget: Budget,
    pub(super) runs: Vec<PlannedRun>,
}

impl Folder {
    /// Creates the folder, or opens that of the same reproduction.
    ///
    /// # Errors
    /// A folder with other contents, or with runs made by other commands.
    pub(super) fn begin(
        path: &Path,
        experiment: &'static Reproduction,
        budget: Budget,
        plan: &Plan,
    ) -> Result<Self> {
        let known = path.join(RECORD).is_file();
        let folder = match known {
            true => RunFolder::at(path).locked()?,
            false => RunFolder::create(Some(path), "reproduce")?,
        };
        let mut commands = if known { earlier(path, experiment, budget)? } else { BTreeMap::new() };
        for PlannedRun { name, command } in &plan.runs {
            let before = commands.insert(name.clone(), command.clone());
            ensure!(
                before.as_ref().is_none_or(|before| before == command),
                "{} contains runs of {name} made by a different command, gumbel {}; choose another --out",
                path.display(),
                before.unwrap_or_default()
            );
        }
        let record = Record { experiment: experiment.name.into(), budget: budget.name().into(), commands };
        folder.write(RECORD, toml::to_string(&record)?)?;
        Ok(Self { folder, experiment, budget, runs: plan.runs.clone() })
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file, completely or not at all.
    pub(super) fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> Result<()> {
        self.folder.write(name, contents)
    }

    /// The name of a run with its seed.
    pub(super) fn name(&self, task: Task) -> String {
        format!("{}-seed-{}", self.runs[task.run].name, task.seed)
    }

    pub(super) fn place(&self, task: Task) -> PathBuf {
        self.folder.file(&self.name(task))
    }

    pub(super) fn log(&self, task: Task) -> PathBuf {
        self.folder.file(&format!("logs/{}.txt", self.name(task)))
    }

    /// Whether the run has finished.
    pub(super) fn finished(&self, task: Task) -> bool {
        self.place(task).join(self.runs[task.run].last_file()).is_file()
    }

    /// The reason of a failure: the last line of the log.
    pub(super) fn failure(&self, task: Task) -> Option<String> {
        let text = std::fs::read_to_string(self.log(task)).ok()?;
        let error = text.lines().next_back()?.strip_prefix("error: ")?;
        (!self.finished(task)).then(|| error.to_owned())
    }

    /// Opens the log of a new run, locked until its process ends.
    ///
    /// # Errors
    /// A run that another process is making.
    pub(super) fn open_log(&self, task: Task) -> Result<File> {
        let path = self.log(task);
        let opened = std::fs::create_dir_all(self.folder.file("logs"))
            .and_then(|()| OpenOptions::new().create(true).append(true).open(&path));
        let file = opened.with_context(|| format!("cannot write {}", path.display()))?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                bail!("{} is making this run; wait until it has finished", holder(&file))
            }
            // Some file systems cannot lock files: the log is then not guarded.
            Err(TryLockError::Error(_)) | Ok(()) => file.set_len(0)?,
        }
        Ok(file)
    }

    /// The arguments that start a run or resume it.
    pub(super) fn words(&self, task: Task, data_dir: Option<&Path>) -> Vec<OsString> {
        let path = self.place(task);
        let command = self.runs[task.run].command.split(' ').map(OsString::from);
        let mut words: Vec<OsString> = match RunFolder::resume_option(&path) {
            Some(resume) => command.take(2).chain([resume]).collect(),
            None => {
                command.chain([format!("--seed={}", task.seed).into(), option("--out=", &path)]).collect()
            }
        };
        words.push("--threads=1".into());
        words.extend(data_dir.map(|folder| option("--data-dir=", folder)));
        words
    }
}

/// The commands recorded earlier for the same reproduction.
fn earlier(path: &Path, experiment: &Reproduction, budget: Budget) -> Result<BTreeMap<String, String>> {
    let file = path.join(RECORD);
    let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let record: Record = toml::from_str(&text).with_context(|| format!("cannot read {}", file.display()))?;
    ensure!(
        record.experiment == experiment.name && record.budget == budget.name(),
        "{} contains {} with --budget {}; choose another --out",
        path.display(),
        record.experiment,
        record.budget
    );
    Ok(record.commands)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, dispatch};
    use crate::reproduce::find;
    use crate::support::fault::{Fault, plan};
    use clap::Parser;

    fn begin(path: &Path, name: &str, budget: Budget, change: fn(&mut Plan)) -> Result<Folder> {
        let experiment = find(name).unwrap();
        let mut plan = (experiment.plan)(budget);
        change(&mut plan);
        Folder::begin(path, experiment, budget, &plan)
    }

    fn typed(folder: &Folder, task: Task) -> String {
        let words = folder.words(task, Some(Path::new("data")));
        words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_folder_accepts_the_same_reproduction_only() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("here");
        let first = begin(&path, "tau-tradeoff", Budget::Smoke, |plan| plan.runs.truncate(1)).unwrap();
        let second = begin(&path, "tau-tradeoff", Budget::Smoke, |_| {}).err().unwrap().to_string();
        assert!(second.contains(" is writing to "), "{second}");
        drop(first);
        begin(&path, "tau-tradeoff", Budget::Smoke, |_| {}).unwrap();
        let refused = |name, budget, change| begin(&path, name, budget, change).err().unwrap().to_string();
        let message = refused("tau-tradeoff", Budget::Full, |_| {});
        assert!(
            message.ends_with("contains tau-tradeoff with --budget smoke; choose another --out"),
            "{message}"
        );
        assert!(refused("kusner-grammar", Budget::Smoke, |_| {}).contains("contains tau-tradeoff"));
        let message = refused("tau-tradeoff", Budget::Smoke, |plan| plan.runs[0].command += " --warm-up 1");
        assert!(
            message
                .contains("contains runs of gumbel-softmax-0.1 made by a different command, gumbel measure"),
            "{message}"
        );
        std::fs::remove_file(path.join(RECORD)).unwrap();
        std::fs::write(path.join("mine"), "").unwrap();
        assert!(refused("tau-tradeoff", Budget::Smoke, |_| {}).contains("exists already"));
    }

    #[test]
    fn a_run_is_started_once_and_resumed_from_its_checkpoint() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = begin(&scratch.path().join("here"), "jang-table-1", Budget::Smoke, |_| {}).unwrap();
        let task = Task { run: 3, seed: 2 };
        let start = typed(&folder, task);
        assert!(start.starts_with("train vae") && start.contains(" --seed=2 --out="), "{start}");
        assert!(start.ends_with("-seed-2 --threads=1 --data-dir=data"), "{start}");
        // A process that has ended, so without its lock.
        let run = RunFolder::at(RunFolder::create(Some(&folder.place(task)), "x").unwrap().path());
        run.write("config.toml", "").unwrap();
        assert_eq!(typed(&folder, task), start);
        assert!(!run.file("config.toml").exists());
        run.write("config.toml", "").unwrap();
        run.write("checkpoint/training.safetensors", "").unwrap();
        assert!(typed(&folder, task).starts_with("train vae --resume="), "{}", typed(&folder, task));
        assert!(!folder.finished(task));
        run.write("summary.json", "").unwrap();
        assert!(folder.finished(task));
    }

    /// A kill at changes of the command's own files and of those of a run, which is made in this process here.
    #[test]
    fn what_a_kill_leaves_recovers() {
        for (name, run, every) in
            [("tau-tradeoff", "gumbel-softmax-0.1", 1), ("jang-table-1", "sbn-bernoulli-gs", 7)]
        {
            let scratch = tempfile::tempdir().unwrap();
            let path = scratch.path().join("here");
            let begin = || begin(&path, name, Budget::Smoke, |_| {});
            for place in (0..).step_by(every) {
                drop(std::fs::remove_dir_all(&path));
                let planned = plan(&path, Fault::Killed, place);
                let outcome = begin().and_then(|folder| make(&folder, run));
                let happened = planned.happened();
                drop(planned);
                if !happened {
                    outcome.unwrap();
                    assert!(place > 5, "only {place} changes were seen");
                    break;
                }
                make(&begin().unwrap(), run).unwrap();
            }
        }
    }

    /// Makes a run, unless it has finished.
    fn make(folder: &Folder, run: &str) -> Result<()> {
        let run = folder.runs.iter().position(|planned| planned.name == run).unwrap();
        let task = Task { run, seed: 0 };
        if !folder.finished(task) {
            let words = [OsString::from("gumbel")].into_iter().chain(folder.words(task, None));
            dispatch(Cli::try_parse_from(words)?, std::time::Instant::now())?;
        }
        ensure!(folder.finished(task), "it has not finished");
        Ok(())
    }

    #[test]
    fn a_failure_is_the_last_line_of_a_log_until_the_run_succeeds() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = begin(&scratch.path().join("here"), "tau-tradeoff", Budget::Smoke, |_| {}).unwrap();
        let task = Task { run: 0, seed: 0 };
        assert_eq!(folder.failure(task), None);
        drop(folder.open_log(task).unwrap());
        std::fs::write(folder.log(task), "step 1\nerror: it has diverged\n").unwrap();
        assert_eq!(folder.failure(task).as_deref(), Some("it has diverged"));
        RunFolder::at(&folder.place(task)).write("measure.csv", "").unwrap();
        assert_eq!(folder.failure(task), None);
    }

    #[cfg(unix)]
    #[test]
    fn a_run_of_another_process_is_not_started() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = begin(&scratch.path().join("here"), "tau-tradeoff", Budget::Smoke, |_| {}).unwrap();
        let task = Task { run: 0, seed: 0 };
        let held = folder.open_log(task).unwrap();
        let message = folder.open_log(task).unwrap_err().to_string();
        assert!(message.contains(" is making this run; wait"), "{message}");
        drop(held);
        folder.open_log(task).unwrap();
    }
}
