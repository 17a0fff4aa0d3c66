//! How a training run shows that it is alive.

use crate::config::{Config, Options};
use crate::metrics::Metrics;
use crate::model::Model;
use crate::support::interrupt::{Stop, Watch};
use crate::support::stdout::print;
use crate::train::{Trainer, remaining};
use anyhow::Result;
use indicatif::{HumanDuration, ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::Instant;

/// The progress bar of training, or lines where nobody watches, and the wish to stop.
pub(super) struct Progress {
    bar: ProgressBar,
    stop: Stop,
    /// Whether standard output is a file or a pipe.
    logged: bool,
    pace: Instant,
    first: u64,
    steps: u64,
    hard: Option<f64>,
}

impl Progress {
    pub(super) fn new<M: Model>(
        config: &Config<M::Options>,
        trainer: &Trainer<M>,
        stop: Stop,
    ) -> Result<Self> {
        let bar = ProgressBar::new(config.steps).with_position(trainer.step());
        bar.set_style(ProgressStyle::with_template("{bar:30} {pos}/{len}  {msg}")?);
        let (pace, first, steps) = (Instant::now(), trainer.step(), config.steps);
        let logged = !std::io::stdout().is_terminal();
        Ok(Self { bar, stop, logged, pace, first, steps, hard: None })
    }

    /// Shows a step; says whether to go on.
    pub(super) fn observe(&mut self, step: u64, line: Option<&Metrics>) -> bool {
        self.bar.set_position(step);
        if let Some(line) = line {
            self.show(line);
        }
        !self.stop.requested()
    }

    fn show(&mut self, line: &Metrics) {
        self.hard = line.hard_negative_elbo.or(self.hard);
        let message = self.message(line);
        if self.logged && line.hard_negative_elbo.is_some() {
            // A log that cannot be written is no reason to lose the run.
            drop(print(&format!("step {} of {}  {message}\n", line.step, self.steps)));
        }
        let (done, total) = (line.step - self.first, self.steps - self.first);
        let left = HumanDuration(remaining(done, total, self.pace.elapsed().as_secs_f64()));
        self.bar.set_message(format!("{message}  {left} left"));
    }

    fn message(&self, line: &Metrics) -> String {
        let pace = (line.step - self.first) as f64 / self.pace.elapsed().as_secs_f64();
        let hard = self.hard.map_or(String::new(), |nats| format!("  hard {nats:.2}"));
        let tau = line.tau.map_or(String::new(), |tau| format!("  tau {tau:.3}"));
        format!("train {:.2}{hard} nats{tau}  {pace:.0} steps/s", line.training_loss)
    }

    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }
}

/// The bar of the final evaluation, which counts samples.
pub(super) fn evaluation<M: Model>(
    config: &Config<M::Options>,
    test_images: usize,
    stop: Stop,
) -> Result<Watch> {
    let images = importance_images(config, test_images);
    let samples = test_images as u64 + images as u64 * config.importance_samples as u64;
    let bar = ProgressBar::new(samples);
    bar.set_style(ProgressStyle::with_template("{bar:30} {percent}%  {msg}  {eta} left")?);
    bar.set_message(format!(
        "{}, m = {}, on {images} test {}s",
        M::BOUND,
        config.importance_samples,
        M::Options::EXAMPLE
    ));
    Ok(Watch { bar, stop })
}

/// The number of test images that the bound is taken over.
pub(super) fn importance_images<O: Options>(config: &Config<O>, test_images: usize) -> usize {
    match config.importance_images {
        0 => test_images,
        images => images.min(test_images),
    }
}
