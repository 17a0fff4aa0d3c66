//! The runs, each in a process of its own.

use super::folder::{Folder, Task};
use crate::support::interrupt::Stop;
use crate::support::stdout::print;
use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How the runs ended.
#[derive(Default)]
pub(super) struct Ended {
    /// Those that were begun or resumed.
    pub(super) made: usize,
    /// Each that failed with its reason and its log.
    pub(super) failures: Vec<String>,
}

/// A run that is being made.
struct Running {
    task: Task,
    child: Child,
    started: Instant,
}

/// Everything that making the runs needs.
struct Maker<'a> {
    folder: &'a Folder,
    program: PathBuf,
    data_dir: Option<&'a Path>,
    bar: ProgressBar,
    running: Vec<Running>,
    ended: Ended,
}

const GLANCE: Duration = Duration::from_millis(20);

/// Makes the runs that have not finished, `jobs` at a time, and calls `report` after each. Asked to stop, it passes that on
/// and waits for the checkpoints.
///
/// # Errors
/// A report that cannot be written, once the processes have ended.
pub(super) fn make(
    folder: &Folder,
    tasks: &[Task],
    jobs: usize,
    data_dir: Option<&Path>,
    stop: &Stop,
    report: &dyn Fn() -> Result<()>,
) -> Result<Ended> {
    let mut waiting: VecDeque<Task> = tasks.iter().copied().filter(|&task| !folder.finished(task)).collect();
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let bar = ProgressBar::new(tasks.len() as u64).with_position((tasks.len() - waiting.len()) as u64);
    bar.set_style(ProgressStyle::with_template("{bar:30} {pos}/{len}  {msg}  {elapsed}")?);
    let before = bar.position();
    if before > 0 {
        print(&format!("{before} of {} runs have been made before\n", tasks.len()))?;
    }
    let mut maker = Maker { folder, program, data_dir, bar, running: Vec::new(), ended: Ended::default() };
    let (mut told, mut reported) = (false, Ok(()));
    loop {
        if stop.requested() && !told {
            waiting.clear();
            maker.running.iter_mut().for_each(Running::ask_to_stop);
            told = true;
        }
        while maker.running.len() < jobs
            && let Some(task) = waiting.pop_front()
        {
            maker.begin(task);
        }
        if maker.running.is_empty() {
            break;
        }
        if maker.glance(told) && reported.is_ok() {
            reported = report();
            // Without a disk to write to, no run will end well either.
            reported.is_err().then(|| stop.request());
        }
        std::thread::sleep(GLANCE);
    }
    maker.bar.finish_and_clear();
    reported.map(|()| maker.ended)
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
        // Ctrl-C reaches all of a terminal's group: a child would hear it twice, and end without a checkpoint.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command.spawn().with_context(|| format!("cannot start {}", self.program.display()))
    }

    /// Takes up the runs that have ended; says whether there were any.
    fn glance(&mut self, told: bool) -> bool {
        let before = self.running.len();
        for mut running in std::mem::take(&mut self.running) {
            match running.child.try_wait() {
                Ok(None) => self.running.push(running),
                Ok(Some(status)) => self.end(&running, status, told),
                Err(error) => self.failed(running.task, &error.to_string()),
            }
        }
        self.running.len() < before
    }

    fn end(&mut self, Running { task, started, .. }: &Running, status: ExitStatus, told: bool) {
        if status.success() && self.folder.finished(*task) {
            self.bar.inc(1);
            let (done, all) = (self.bar.position(), self.bar.length().unwrap_or(0));
            let seconds = started.elapsed().as_secs();
            self.tell(&format!("[{done} of {all}] {} in {seconds} s\n", self.folder.name(*task)));
        } else if !told {
            let reason = self.folder.failure(*task).unwrap_or_else(|| status.to_string());
            self.failed(*task, &reason);
        }
    }

    fn failed(&mut self, task: Task, reason: &str) {
        let (name, log) = (self.folder.name(task), self.folder.log(task));
        self.tell(&format!("{name} failed: {reason}\n"));
        self.ended.failures.push(format!("{name}: {reason} (see {})", log.display()));
    }

    fn tell(&self, line: &str) {
        // A log that cannot be written is no reason to lose the runs.
        drop(self.bar.suspend(|| print(line)));
    }
}

impl Running {
    /// So that it leaves a checkpoint.
    fn ask_to_stop(&mut self) {
        #[cfg(unix)]
        {
            use nix::sys::signal::{Signal, kill};
            use nix::unistd::Pid;
            // One that has just ended needs no signal.
            let id = i32::try_from(self.child.id()).expect("process numbers are small");
            let _ = kill(Pid::from_raw(id), Signal::SIGTERM);
        }
        #[cfg(not(unix))]
        drop(self.child.kill());
    }
}
