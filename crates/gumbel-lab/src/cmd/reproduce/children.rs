//! The runs, each in its own process.

use super::folder::{Folder, Task};
use crate::support::interrupt::Stop;
use crate::support::stdout::print;
use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Outcome of the runs.
#[derive(Default)]
pub(super) struct Ended {
    /// Number of runs started or resumed.
    pub(super) made: usize,
    /// For each failed run, its reason and its log.
    pub(super) failures: Vec<String>,
}

/// A run in progress.
struct Running {
    task: Task,
    child: Child,
    started: Instant,
}

/// The state of making the runs.
struct Maker<'a> {
    folder: &'a Folder,
    program: PathBuf,
    data_dir: Option<&'a Path>,
    bar: ProgressBar,
    running: Vec<Running>,
    ended: Ended,
}

const GLANCE: Duration = Duration::from_millis(20);

/// Makes the runs that have not finished, `jobs` at a time, and calls `report` after each. Interrupted, it stops the runs
/// and waits for their checkpoints.
///
/// # Errors
/// A report that cannot be written, after the processes have ended.
pub(super) fn make(
    folder: &Folder,
    tasks: &[Task],
    jobs: usize,
    data_dir: Option<&Path>,
    stop: &Stop,
    report: &dyn Fn() -> Result<()>,
) -> Result<Ended> {
    let mut waiting: VecDeque<Task> = tasks.iter().copied().filter(|&task| !folder.finished(task)).collect();
    let program = std::env::current_exe().context("cannot find the executable file of this program")?;
    let bar = progress(tasks.len(), tasks.len() - waiting.len())?;
    let mut maker = Maker { folder, program, data_dir, bar, running: Vec::new(), ended: Ended::default() };
    let (mut stopping, mut reported) = (false, Ok(()));
    loop {
        if stop.requested() && !stopping {
            waiting.clear();
            maker.running.iter_mut().for_each(Running::ask_to_stop);
            stopping = true;
        }
        while maker.running.len() < jobs
            && let Some(task) = waiting.pop_front()
        {
            maker.begin(task);
        }
        if maker.running.is_empty() {
            break;
        }
        if maker.glance(stopping) && reported.is_ok() {
            reported = report();
            // If the report cannot be written, the runs will fail as well.
            reported.is_err().then(|| stop.request());
        }
        std::thread::sleep(GLANCE);
    }
    maker.bar.finish_and_clear();
    reported.map(|()| maker.ended)
}

/// A progress bar over all runs, of which some may have finished.
fn progress(all: usize, finished: usize) -> Result<ProgressBar> {
    if finished > 0 {
        print(&format!("{finished} of {all} runs had finished before\n"))?;
    }
    let bar = ProgressBar::new(all as u64).with_position(finished as u64);
    bar.set_style(ProgressStyle::with_template("{bar:30} {pos}/{len}  {msg}  {elapsed}")?);
    Ok(bar)
}

impl Maker<'_> {
    fn begin(&mut self, task: Task) {
        self.ended.made += 1;
        match self.start(task) {
            Ok(child) => self.running.push(Running { task, child, started: Instant::now() }),
            Err(error) => self.failed(task, &format!("{error:#}")),
        }
        let names: Vec<String> = self.running.iter().map(|running| self.folder.name(running.task)).collect();
        self.bar.set_message(names.join(", "));
    }

    fn start(&self, task: Task) -> Result<Child> {
        let log = self.folder.open_log(task)?;
        let mut command = Command::new(&self.program);
        command.args(self.folder.words(task, self.data_dir)).stdin(Stdio::null());
        command.stdout(log.try_clone()?).stderr(log);
        // Ctrl-C signals the whole process group of a terminal: a child would get it twice and end without a checkpoint.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command.spawn().with_context(|| format!("cannot start {}", self.program.display()))
    }

    /// Collects the runs that have ended; returns whether there were any.
    fn glance(&mut self, stopping: bool) -> bool {
        let before = self.running.len();
        for mut running in std::mem::take(&mut self.running) {
            match running.child.try_wait() {
                Ok(None) => self.running.push(running),
                Ok(Some(status)) => self.end(&running, status, stopping),
                Err(error) => self.failed(running.task, &error.to_string()),
            }
        }
        self.running.len() < before
    }

    fn end(&mut self, Running { task, started, .. }: &Running, status: ExitStatus, stopping: bool) {
        if status.success() && self.folder.finished(*task) {
            self.bar.inc(1);
            let (done, all) = (self.bar.position(), self.bar.length().unwrap_or(0));
            let seconds = started.elapsed().as_secs();
            self.log_line(&format!("[{done} of {all}] {} in {seconds} s\n", self.folder.name(*task)));
        } else if !stopping {
            let reason = self.folder.failure(*task).unwrap_or_else(|| status.to_string());
            self.failed(*task, &reason);
        }
    }

    fn failed(&mut self, task: Task, reason: &str) {
        let (name, log) = (self.folder.name(task), self.folder.log(task));
        self.log_line(&format!("{name} failed: {reason}\n"));
        self.ended.failures.push(format!("{name}: {reason} (see {})", log.path().display()));
    }

    fn log_line(&self, line: &str) {
        // If the terminal cannot be written to, the runs continue.
        drop(self.bar.suspend(|| print(line)));
    }
}

impl Running {
    /// Signals the process, which then writes a checkpoint.
    fn ask_to_stop(&mut self) {
        #[cfg(unix)]
        {
            use nix::sys::signal::{Signal, kill};
            use nix::unistd::Pid;
            // A process that has just ended needs no signal.
            let id = i32::try_from(self.child.id()).expect("process numbers are small");
            let _ = kill(Pid::from_raw(id), Signal::SIGTERM);
        }
        #[cfg(not(unix))]
        drop(self.child.kill());
    }
}
