//! The training loop of any experiment.

use super::checkpoint::{self, Progress};
use super::{Experiment, Identity, MetricsFile, Record, RunConfig, RunFolder};
use crate::support::interrupt::{Interrupted, Stop};
use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::time::Instant;

/// Steps between rows of `metrics.csv`. Not a share of all steps: a run that is made longer later has the same rows.
const ROW_EVERY: u64 = 10;

/// An experiment in training.
pub struct Trainer<E: Experiment> {
    config: E::Config,
    experiment: E,
    /// Steps done.
    pub(super) step: u64,
    /// Seconds of training, evaluations left out.
    pub(super) seconds: f64,
    /// When this process finished its first step.
    pub(super) first_step: Option<Instant>,
}

/// Called with the experiment after every step, and its row of metrics if it has one; returns whether to continue.
pub type Observer<'a, E> = dyn FnMut(&E, u64, Option<&<E as Experiment>::Metrics>) -> Result<bool> + 'a;

/// The reason why training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// All steps were done.
    Finished,
    /// The caller requested it; there is a checkpoint.
    Stopped,
}

impl<E: Experiment> Trainer<E> {
    /// A run from its start.
    ///
    /// # Errors
    /// A configuration that cannot be trained.
    pub fn new(config: &E::Config, data: &E::Data) -> Result<Self> {
        config.check()?;
        let mut experiment = E::new(config, data, &config.common().device.for_training())?;
        experiment.prepare()?;
        Ok(Self { config: config.clone(), experiment, step: 0, seconds: 0.0, first_step: None })
    }

    /// Restores the checkpoint of a run.
    ///
    /// # Errors
    /// A checkpoint that is missing, corrupt, or of another model, estimator or data.
    pub fn resume(mut self, path: &Path) -> Result<Self> {
        // Before the parameters: those of other data may have another shape.
        self.check(path, &checkpoint::progress(path)?)?;
        let progress = self.experiment.learner_mut().resume(path)?;
        self.experiment.restore(&progress.states).with_context(|| path.display().to_string())?;
        (self.step, self.seconds) = (progress.step, progress.seconds);
        Ok(self)
    }

    fn check(&self, path: &Path, progress: &Progress) -> Result<()> {
        let Identity { estimator, data, examples } = self.experiment.identity();
        ensure!(
            progress.estimator == estimator,
            "{} was trained by {}, but {estimator} is configured; restore config.toml, or start a new run",
            path.display(),
            progress.estimator
        );
        ensure!(
            progress.data == data,
            "{} was trained on different {examples} than {} contains now; restore them, or start a new run",
            path.display(),
            self.config.common().data
        );
        progress.allows(self.config.common().steps)
    }

    /// The experiment in training.
    pub fn experiment(&self) -> &E {
        &self.experiment
    }

    /// Trains to the last step, or until `observe` returns false; it sees every row of metrics and is called after every
    /// step. Evaluates after the first step, so that a short run has a held-out point too, and every `evaluate-every`
    /// steps; saves then, at the end and on stopping. An evaluation hears `stop` as well: its row is written without it, and
    /// gets it when the run is resumed. Rows and evaluations do not depend on the number of steps.
    ///
    /// # Errors
    /// A loss that is no longer finite; a full disk.
    pub fn run(
        &mut self,
        folder: &RunFolder,
        metrics: &mut MetricsFile<E::Metrics>,
        stop: &Stop,
        observe: &mut Observer<E>,
    ) -> Result<End> {
        let (steps, every) = (self.config.common().steps, self.config.common().evaluate_every);
        let mut unevaluated = metrics.take_last(|row| self.owes(row))?;
        while self.step < steps || unevaluated.is_some() {
            let row = match unevaluated.take() {
                None => self.advance()?,
                row => row,
            };
            let row = row.map(|row| self.evaluated(row, stop)).transpose()?;
            row.iter().try_for_each(|row| metrics.add(row.clone()))?;
            if row.as_ref().is_some_and(|row| self.owes(row)) {
                self.save(folder)?;
                return Ok(End::Stopped);
            }
            let stop = !observe(&self.experiment, self.step, row.as_ref())?;
            if self.step.is_multiple_of(every) || self.step == steps || stop {
                self.save(folder)?;
            }
            if stop && self.step < steps {
                return Ok(End::Stopped);
            }
        }
        Ok(End::Finished)
    }

    /// Whether a row is of the present step and lacks its evaluation: the run was stopped during it.
    fn owes(&self, row: &E::Metrics) -> bool {
        row.step() == self.step && self.evaluates() && !row.evaluated()
    }

    /// Whether the model is evaluated after the present step.
    fn evaluates(&self) -> bool {
        self.step.is_multiple_of(self.config.common().evaluate_every) || self.step == 1
    }

    /// The row with the evaluation of its step, if it has one. Interrupted, the row without it.
    fn evaluated(&self, row: E::Metrics, stop: &Stop) -> Result<E::Metrics> {
        if !self.evaluates() {
            return Ok(row);
        }
        let mut evaluated = row.clone();
        match self.experiment.evaluate(&mut evaluated, stop) {
            Err(error) if error.is::<Interrupted>() => Ok(row),
            outcome => outcome.with_context(|| self.breakdown(self.step)).map(|()| evaluated),
        }
    }

    /// One step, and its row if it has one.
    fn advance(&mut self) -> Result<Option<E::Metrics>> {
        let started = Instant::now();
        let mut row = self.experiment.step(self.step).with_context(|| self.breakdown(self.step + 1))?;
        self.step += 1;
        self.first_step.get_or_insert_with(Instant::now);
        self.seconds += started.elapsed().as_secs_f64();
        row.stamp(self.step, self.seconds);
        Ok((self.evaluates() || self.step.is_multiple_of(ROW_EVERY)).then_some(row))
    }

    /// The message for a step without a finite result, with the remedy.
    fn breakdown(&self, step: u64) -> String {
        format!("training broke down at step {step}, {}", self.experiment.remedy())
    }

    fn save(&self, folder: &RunFolder) -> Result<()> {
        let Identity { estimator, data, .. } = self.experiment.identity();
        let progress = Progress::new(self.step, &estimator, self.experiment.states(), data, self.seconds);
        folder.write(RunFolder::CHECKPOINT, self.experiment.learner().checkpoint(&progress)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::digits;
    use crate::experiment::bound::{BoundExperiment, Config, Metrics};
    use crate::model::{Vae, VaeConfig};
    use crate::run::Common;

    fn config() -> Config<VaeConfig> {
        let hidden = [4].into_iter().collect();
        Config {
            common: Common { steps: 20, evaluate_every: 10, ..Common::default() },
            batch: 5,
            gradient_variance: 3,
            model: VaeConfig { latents: 2, categories: 3, hidden, ..VaeConfig::default() },
            ..Config::default()
        }
    }

    /// Trains in a folder, from its checkpoint if it has one; `stops` at a step, in its evaluation if it has one.
    fn train(folder: &RunFolder, stop: &Stop, stops: u64) -> (End, Vec<Metrics>) {
        let checkpoint = folder.file(RunFolder::CHECKPOINT);
        let mut trainer = Trainer::<BoundExperiment<Vae>>::new(&config(), &images()).unwrap();
        if checkpoint.exists() {
            trainer = trainer.resume(&checkpoint).unwrap();
        }
        let mut metrics = MetricsFile::open(folder, trainer.step).unwrap();
        let mut observe = |_: &BoundExperiment<Vae>, step, _: Option<&Metrics>| {
            if step + 1 == stops {
                stop.request();
            }
            Ok(true)
        };
        let end = trainer.run(folder, &mut metrics, stop, &mut observe).unwrap();
        (end, metrics.rows.into_iter().map(|row| Metrics { seconds: 0.0, ..row }).collect())
    }

    fn images() -> crate::data::Dataset {
        digits::dataset(0, 20, 10)
    }

    #[test]
    fn an_evaluation_that_was_stopped_is_made_up_for() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = |name: &str| RunFolder::create(Some(&scratch.path().join(name)), "vae").unwrap();
        let (end, whole) = train(&folder("whole"), &Stop::default(), 0);
        assert_eq!((end, whole.len()), (End::Finished, 3));
        assert!(whole.iter().all(|row| row.evaluated() && row.gradient_variance.is_some()));
        let parts = folder("parts");
        let stopped = Stop::default();
        stopped.request();
        for (stop, stops, steps) in
            [(&stopped, 0, vec![1]), (&stopped, 0, vec![1]), (&Stop::default(), 10, vec![1, 10])]
        {
            let (end, rows) = train(&parts, stop, stops);
            assert_eq!((end, rows.iter().map(|row| row.step).collect::<Vec<_>>()), (End::Stopped, steps));
            assert!(!rows.last().unwrap().evaluated());
        }
        assert_eq!(train(&parts, &Stop::default(), 0), (End::Finished, whole));
    }
}
