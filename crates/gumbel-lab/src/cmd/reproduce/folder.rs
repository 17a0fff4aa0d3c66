//! The folder of a reproduction.

use crate::reproduce::{Budget, Plan, PlannedRun, Reproduction};
use crate::run::{RunFolder, RunLog, begun_once, read_checked};
use crate::support::jobs::Lack;
use crate::support::shell::option;
use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
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

impl Task {
    /// The name of the run with its seed.
    pub(super) fn name(self, runs: &[PlannedRun]) -> String {
        format!("{}-seed-{}", runs[self.run].name, self.seed)
    }
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
        let commands = if known { earlier(path, experiment, budget)? } else { BTreeMap::new() };
        let commands = with(path, commands, plan)?;
        let record = Record { experiment: experiment.name.into(), budget: budget.name().into(), commands };
        folder.write(RECORD, toml::to_string(&record)?)?;
        Ok(Self { folder, experiment, budget, runs: plan.runs.clone() })
    }

    /// The same folder for one run of a job list: others are made in it at the same time, so it is locked at its beginning only.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    pub(super) fn join(
        path: &Path,
        experiment: &'static Reproduction,
        budget: Budget,
        plan: &Plan,
    ) -> Result<Self> {
        let folder = |folder| Self { folder, experiment, budget, runs: plan.runs.clone() };
        let known = || match path.join(RECORD).is_file() {
            true => {
                recorded(path, experiment, budget, plan).map(|all| all.then(|| folder(RunFolder::at(path))))
            }
            false => Ok(None),
        };
        let begin =
            || Self::begin(path, experiment, budget, plan).map(|begun| folder(begun.folder.unlocked()));
        begun_once(known, begin)
    }

    /// The folder of the runs of a job list, locked.
    ///
    /// # Errors
    /// A folder without such runs, or with those of other commands; one that another process writes to.
    pub(super) fn open(
        path: &Path,
        experiment: &'static Reproduction,
        budget: Budget,
        plan: &Plan,
    ) -> Result<Self> {
        ensure!(
            path.join(RECORD).is_file(),
            "{} is not the folder of a reproduction: it has no {RECORD}; expected the --out of a list of --jobs",
            path.display()
        );
        recorded(path, experiment, budget, plan)?;
        let folder = RunFolder::at(path).locked()?;
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
        task.name(&self.runs)
    }

    pub(super) fn place(&self, task: Task) -> PathBuf {
        self.folder.file(&self.name(task))
    }

    pub(super) fn log(&self, task: Task) -> RunLog {
        RunLog::new(self.path(), &self.name(task))
    }

    /// Whether the run has finished.
    pub(super) fn finished(&self, task: Task) -> bool {
        self.place(task).join(self.runs[task.run].last_file()).is_file()
    }

    /// The reason of a failure, unless the run has finished since.
    pub(super) fn failure(&self, task: Task) -> Option<String> {
        let error = self.log(task).failure()?;
        (!self.finished(task)).then_some(error)
    }

    /// Why the run cannot be collected, if so.
    pub(super) fn lack(&self, task: Task) -> Option<Lack> {
        if self.finished(task) {
            let last = read_checked(&self.place(task), self.runs[task.run].last_file());
            return last.err().map(|error| Lack::Damaged(format!("{error:#}")));
        }
        let begun = if self.place(task).exists() { Lack::Unfinished } else { Lack::Missing };
        Some(self.failure(task).map_or(begun, Lack::Failed))
    }

    /// Opens the log of a new run, locked until its process ends.
    ///
    /// # Errors
    /// A run that another process is making.
    pub(super) fn open_log(&self, task: Task) -> Result<File> {
        self.log(task).open()
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

/// The commands with those of a plan.
fn with(
    path: &Path,
    mut commands: BTreeMap<String, String>,
    plan: &Plan,
) -> Result<BTreeMap<String, String>> {
    for PlannedRun { name, command } in &plan.runs {
        let before = commands.insert(name.clone(), command.clone());
        ensure!(
            before.as_ref().is_none_or(|before| before == command),
            "{} contains runs of {name} made by a different command, gumbel {}; choose another --out",
            path.display(),
            before.unwrap_or_default()
        );
    }
    Ok(commands)
}

/// Whether all commands of a plan are recorded.
fn recorded(path: &Path, experiment: &Reproduction, budget: Budget, plan: &Plan) -> Result<bool> {
    let before = earlier(path, experiment, budget)?;
    Ok(with(path, before.clone(), plan)? == before)
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
        std::fs::write(folder.log(task).path(), "step 1\nerror: it has diverged\n").unwrap();
        assert_eq!(folder.failure(task).as_deref(), Some("it has diverged"));
        RunFolder::at(&folder.place(task)).write("measure.csv", "").unwrap();
        assert_eq!(folder.failure(task), None);
    }

    #[test]
    fn runs_of_a_list_that_begin_at_once_share_the_folder_and_a_plain_command_continues_it() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("here");
        let (experiment, budget) = (find("tau-tradeoff").unwrap(), Budget::Smoke);
        let plan = (experiment.plan)(budget);
        let join = || Folder::join(&path, experiment, budget, &plan);
        std::thread::scope(|scope| {
            let joined: Vec<_> = (0..16).map(|_| scope.spawn(|| join().unwrap())).collect();
            joined.into_iter().for_each(|thread| drop(thread.join().unwrap()));
        });
        let first = join().unwrap();
        let plain = Folder::begin(&path, experiment, budget, &plan).unwrap();
        assert_eq!(first.path(), plain.path());
        // Nor does one that runs keep others of a list out.
        join().unwrap();
        let open = || Folder::open(&path, experiment, budget, &plan).err().map(|error| error.to_string());
        assert!(open().unwrap().contains(" is writing to "));
        drop(plain);
        assert_eq!(open(), None);
        std::fs::write(scratch.path().join("mine"), "").unwrap();
        let other = Folder::join(scratch.path(), experiment, budget, &plan).err().unwrap().to_string();
        assert!(other.contains("exists already; choose another --out"), "{other}");
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
