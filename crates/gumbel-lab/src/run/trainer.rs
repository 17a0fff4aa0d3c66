//! The training loop of any experiment.

use super::{
    Cadence, Checkpoint, Damaged, Experiment, Identity, MetricsFile, Progress, Record, RunConfig, RunFolder,
    StoredRows,
};
use crate::parallel::{Shards, World};
use crate::support::csv_table::{header, last_row, line};
use crate::support::excerpt::excerpt;
use crate::support::interrupt::{Interrupted, Stop};
use crate::support::shell::quoted;
use anyhow::{Context, Result, anyhow, ensure};
use std::io::{Write, stderr};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// An experiment in training.
pub struct Trainer<E: Experiment> {
    config: E::Config,
    experiment: E,
    shards: Arc<Shards>,
    /// Steps done.
    pub(super) step: u64,
    /// Seconds of training, evaluations left out.
    pub(super) seconds: f64,
    /// When this process finished its first step.
    pub(super) first_step: Option<Instant>,
    /// The row of the present step, while it lacks its evaluation: not in `metrics.csv`, but in the checkpoint.
    unevaluated: Option<E::Metrics>,
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
    pub fn new(config: &E::Config, data: &E::Data, world: World) -> Result<Self> {
        config.check()?;
        let mut experiment = E::new(config, data, &config.common().device.for_training()?)?;
        let shards = Arc::new(Shards::new(config.common().shards, world)?);
        experiment.prepare(Arc::clone(&shards))?;
        Ok(Self {
            shards,
            config: config.clone(),
            experiment,
            step: 0,
            seconds: 0.0,
            first_step: None,
            unevaluated: None,
        })
    }

    /// Restores a run from its newest checkpoint, or from the one before if that is damaged; returns its rows of metrics too.
    ///
    /// # Errors
    /// Checkpoints that are missing or damaged, or of another model, configuration or data.
    pub fn resume(mut self, folder: &RunFolder) -> Result<(Self, StoredRows<E::Metrics>)> {
        let newest = folder.file(RunFolder::CHECKPOINT);
        let (Restored { checkpoint, rows, unevaluated }, damage) = match self.read(folder, &newest) {
            Err(damage) if damage.is::<Damaged>() => (self.read_previous(folder, &damage)?, Some(damage)),
            read => (read?, None),
        };
        self.restore(checkpoint, unevaluated)?;
        if let Some(damage) = damage {
            // Not before all else has succeeded. From here on it is the newest.
            folder.replace_newest()?;
            let from = format!("resuming from the checkpoint before it, of step {}", self.step);
            drop(writeln!(stderr(), "warning: {damage}; {from}"));
        }
        Ok((self, rows))
    }

    /// Goes on from the newest checkpoint of a run that another process has resumed, given its bytes.
    ///
    /// # Errors
    /// As [`resume`](Self::resume).
    pub fn follow(mut self, checkpoint: Vec<u8>) -> Result<Self> {
        let checkpoint = Checkpoint::of(Path::new(RunFolder::CHECKPOINT), checkpoint)?;
        let unevaluated = unevaluated(&checkpoint.progress)?;
        self.restore(checkpoint, unevaluated)?;
        Ok(self)
    }

    fn restore(&mut self, checkpoint: Checkpoint, unevaluated: Option<E::Metrics>) -> Result<()> {
        let path = checkpoint.path().to_path_buf();
        self.experiment.learner_mut().resume(&checkpoint)?;
        let progress = checkpoint.progress;
        self.experiment.restore(&progress.states).with_context(|| path.display().to_string())?;
        (self.step, self.seconds, self.unevaluated) = (progress.step, progress.seconds, unevaluated);
        Ok(())
    }

    /// A checkpoint of this run, with its rows of metrics.
    fn read(&self, folder: &RunFolder, path: &Path) -> Result<Restored<E::Metrics>> {
        ensure!(path.is_file(), Damaged::new(path, "it is missing"));
        let checkpoint = Checkpoint::read(path)?;
        let progress = &checkpoint.progress;
        self.check(path, progress)?;
        let unevaluated = unevaluated(progress)?;
        let last = progress.step - u64::from(unevaluated.is_some());
        let rows = StoredRows::of_run(folder, last, self.cadence(), progress.rows.as_ref())?;
        Ok(Restored { checkpoint, rows, unevaluated })
    }

    /// The checkpoint before the newest one, which is damaged.
    fn read_previous(&self, folder: &RunFolder, damage: &anyhow::Error) -> Result<Restored<E::Metrics>> {
        let config = folder.file(RunFolder::CONFIG);
        let remedy = format!("start a new run with --config {}", quoted(&config.to_string_lossy()));
        let previous = folder.file(RunFolder::PREVIOUS);
        ensure!(previous.is_file(), "{damage}, and there is no {}; {remedy}", RunFolder::PREVIOUS);
        self.read(folder, &previous).map_err(|error| match error.is::<Damaged>() {
            true => anyhow!("{damage}, and {error}; {remedy}"),
            false => error,
        })
    }

    fn check(&self, path: &Path, progress: &Progress) -> Result<()> {
        self.check_options(path, progress)?;
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

    /// Rejects the checkpoint of another run: of one with another value of an option that training depends on. An option
    /// that one side does not know, being of another version, has its default there.
    fn check_options(&self, path: &Path, progress: &Progress) -> Result<()> {
        // Version 0.1 recorded neither.
        if progress.model.is_empty() {
            return Ok(());
        }
        let (path, here) = (path.display(), RunFolder::CONFIG);
        let (model, name) = (excerpt(&progress.model), E::Config::NAME);
        ensure!(
            model == name,
            "{path} is of a run of train {model}, but {here} is of train {name}; restore it"
        );
        let (now, defaults) = (self.config.decisive(), E::Config::defaults().decisive());
        for name in now.keys().chain(progress.options.keys()) {
            let [then, now] = [&progress.options, &now]
                .map(|options| options.get(name).or(defaults.get(name)).map_or("not set", String::as_str));
            ensure!(
                then == now,
                "--{name} is {} in {here}, but {} in {path}; restore {here}, or start a new run",
                excerpt(now),
                excerpt(then)
            );
        }
        Ok(())
    }

    fn cadence(&self) -> Cadence {
        Cadence { evaluate_every: self.config.common().evaluate_every }
    }

    /// The experiment in training.
    pub fn experiment(&self) -> &E {
        &self.experiment
    }

    /// Trains to the last step, or until `observe` returns false; it sees every row of metrics and is called after every
    /// step. Evaluates after the first step, so that a short run has a held-out point too, and every `evaluate-every`
    /// steps; saves then, at the end and on stopping. An evaluation hears `stop` as well: its row is kept in the checkpoint,
    /// and written when the run is resumed. Rows and evaluations do not depend on the number of steps.
    ///
    /// # Errors
    /// A loss that is no longer finite; a full disk.
    pub fn run(
        &mut self,
        mut files: Option<Files<E::Metrics>>,
        stop: &Stop,
        observe: &mut Observer<E>,
    ) -> Result<End> {
        let (steps, every) = (self.config.common().steps, self.config.common().evaluate_every);
        while self.step < steps || self.unevaluated.is_some() {
            let row = match self.unevaluated.take() {
                None => self.advance()?,
                row => row,
            };
            let row = row.map(|row| self.evaluated(row, stop)).transpose()?;
            if row.as_ref().is_some_and(|row| self.evaluates() && !row.evaluated()) {
                self.unevaluated = row;
                self.save(files.as_mut())?;
                return Ok(End::Stopped);
            }
            let kept = match (&mut files, &row) {
                (Some(files), Some(row)) => files.metrics.add(row),
                _ => Ok(()),
            };
            let goes_on = kept.and_then(|()| observe(&self.experiment, self.step, row.as_ref()));
            let stop = !self.shards.all(goes_on)?;
            if self.step.is_multiple_of(every) || self.step == steps || stop {
                self.save(files.as_mut())?;
            }
            if stop && self.step < steps {
                return Ok(End::Stopped);
            }
        }
        Ok(End::Finished)
    }

    /// Whether the model is evaluated after the present step.
    fn evaluates(&self) -> bool {
        self.cadence().evaluates(self.step)
    }

    /// The row with the evaluation of its step, if it has one. Interrupted, the row without it.
    fn evaluated(&self, row: E::Metrics, stop: &Stop) -> Result<E::Metrics> {
        if !self.evaluates() {
            return Ok(row);
        }
        let mut evaluated = row.clone();
        match self.shards.agreed(self.experiment.evaluate(&mut evaluated, stop)) {
            Err(error) if error.is::<Interrupted>() => Ok(row),
            outcome => outcome.with_context(|| self.breakdown(self.step)).map(|()| evaluated),
        }
    }

    /// One step, and its row if it has one.
    fn advance(&mut self) -> Result<Option<E::Metrics>> {
        let started = Instant::now();
        let read = self.cadence().has_row(self.step + 1);
        let row = self.experiment.step(self.step, read).with_context(|| self.breakdown(self.step + 1))?;
        self.step += 1;
        self.first_step.get_or_insert_with(Instant::now);
        self.seconds += started.elapsed().as_secs_f64();
        Ok(row.filter(|_| read).map(|mut row| {
            row.stamp(self.step, self.seconds);
            row
        }))
    }

    /// The message for a step without a finite result, with the remedy.
    fn breakdown(&self, step: u64) -> String {
        format!("training broke down at step {step}, {}", self.experiment.remedy())
    }

    /// Writes a checkpoint, where there are files; every process waits for it.
    fn save(&self, files: Option<&mut Files<E::Metrics>>) -> Result<()> {
        self.shards.agreed(files.map_or(Ok(()), |files| self.write(files)))
    }

    fn write(&self, files: &mut Files<E::Metrics>) -> Result<()> {
        let Identity { estimator, data, .. } = self.experiment.identity();
        let table = |row| Ok::<_, anyhow::Error>(format!("{}\n{}", header::<E::Metrics>()?, line(row)?));
        let unevaluated = self.unevaluated.as_ref().map(table).transpose()?;
        let progress = Progress {
            step: self.step,
            model: E::Config::NAME.into(),
            options: self.config.decisive(),
            estimator,
            states: self.experiment.states(),
            data,
            seconds: self.seconds,
            rows: Some(files.metrics.synced()?),
            unevaluated,
            ..Progress::default()
        };
        let checkpoint = self.experiment.learner().checkpoint(&progress);
        files.folder.write_checkpoint(&checkpoint.with_context(|| self.breakdown(self.step))?)
    }
}

/// The row of the step of a checkpoint whose evaluation was interrupted.
fn unevaluated<R: Record>(progress: &Progress) -> Result<Option<R>> {
    progress.unevaluated.as_ref().map_or(Ok(None), |table| last_row(table))
}

/// The files that training writes: those of the first process of a run.
pub struct Files<'a, R> {
    /// Of the checkpoints.
    pub folder: &'a RunFolder,
    /// The rows.
    pub metrics: &'a mut MetricsFile<R>,
}

/// A checkpoint with its rows of metrics.
struct Restored<R> {
    checkpoint: Checkpoint,
    rows: StoredRows<R>,
    /// The row of its step, where its evaluation was interrupted.
    unevaluated: Option<R>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::digits;
    use crate::experiment::bound::{BoundExperiment, Config, Metrics};
    use crate::model::{Vae, VaeConfig};
    use crate::parallel::Alone;
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
        let mut trainer =
            Trainer::<BoundExperiment<Vae>>::new(&config(), &images(), Arc::new(Alone)).unwrap();
        let mut rows = None;
        if checkpoint.exists() {
            let resumed = trainer.resume(folder).unwrap();
            (trainer, rows) = (resumed.0, Some(resumed.1));
        }
        let mut metrics = MetricsFile::begin(folder, rows.as_ref()).unwrap();
        let mut observe = |_: &BoundExperiment<Vae>, step, _: Option<&Metrics>| {
            if step + 1 == stops {
                stop.request();
            }
            Ok(true)
        };
        let end = trainer.run(Some(Files { folder, metrics: &mut metrics }), stop, &mut observe).unwrap();
        let mut rows = Vec::new();
        let written = StoredRows::read(&folder.file(RunFolder::METRICS), u64::MAX).unwrap();
        let untimed = |row| {
            rows.push(Metrics { seconds: 0.0, ..row });
            Ok(())
        };
        written.each(untimed).unwrap();
        (end, rows)
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
            [(&stopped, 0, vec![]), (&stopped, 0, vec![]), (&Stop::default(), 10, vec![1])]
        {
            let (end, rows) = train(&parts, stop, stops);
            assert_eq!((end, rows.iter().map(|row| row.step).collect::<Vec<_>>()), (End::Stopped, steps));
            assert!(rows.iter().all(Record::evaluated));
        }
        assert_eq!(train(&parts, &Stop::default(), 0), (End::Finished, whole));
    }
}
