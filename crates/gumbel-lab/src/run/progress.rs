//! The progress bar and the progress lines of a training run.

use super::Record;
use crate::support::interrupt::Stop;
use crate::support::stdout::print;
use anyhow::Result;
use indicatif::{HumanDuration, ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// The progress bar of training, or lines if standard output is not a terminal, and the request to stop.
pub(super) struct TrainingBar<R> {
    bar: ProgressBar,
    stop: Stop,
    /// Whether standard output is a file or a pipe.
    logged: bool,
    pace: Instant,
    first: u64,
    steps: u64,
    evaluated: Option<R>,
}

impl<R: Record> TrainingBar<R> {
    pub(super) fn new(first: u64, steps: u64, stop: Stop) -> Result<Self> {
        let bar = ProgressBar::new(steps).with_position(first);
        bar.set_style(ProgressStyle::with_template("{bar:30} {pos}/{len}  {msg}")?);
        let logged = !std::io::stdout().is_terminal();
        Ok(Self { bar, stop, logged, pace: Instant::now(), first, steps, evaluated: None })
    }

    /// Shows a step; returns whether to continue.
    pub(super) fn observe(&mut self, step: u64, row: Option<&R>) -> bool {
        self.bar.set_position(step);
        if let Some(row) = row {
            self.show(row);
        }
        !self.stop.requested()
    }

    fn show(&mut self, row: &R) {
        if row.evaluated() {
            self.evaluated = Some(row.clone());
        }
        let (done, total) = (row.step() - self.first, self.steps - self.first);
        let seconds = self.pace.elapsed().as_secs_f64();
        let message =
            format!("{}  {:.0} steps/s", row.message(self.evaluated.as_ref()), done as f64 / seconds);
        if self.logged && row.evaluated() {
            // A log that cannot be written is no reason to lose the run.
            drop(print(&format!("step {} of {}  {message}\n", row.step(), self.steps)));
        }
        let left = seconds / done.max(1) as f64 * (total - done) as f64;
        let left = HumanDuration(Duration::from_secs_f64(left));
        self.bar.set_message(format!("{message}  {left} left"));
    }

    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }
}
