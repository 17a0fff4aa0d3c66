//! `gumbel train`, for models of images and of strings.

use super::compare::Shared;
use super::progress::{self, Progress};
use crate::cli::TrainImages;
use crate::config::{Config, LabelSource, Options, Typed};
use crate::data::Dataset;
use crate::data::ImageSize;
use crate::evaluate::{HeldOut, Mean};
use crate::metrics::{Metrics, MetricsFile};
use crate::model::{Finished, Model};
use crate::run::{ImportanceBound, RunFolder, Summary, Test, TextResults, peak_memory_bytes};
use crate::support::interrupt::{INTERRUPTED, Interrupted, Stop};
use crate::support::shell::quoted;
use crate::support::stdout::print;
use crate::train::{End, Trainer, Use, noise};
use crate::{checkpoint, story};
use anyhow::{Context, Result};
use std::process::ExitCode;
use std::time::Instant;

/// Trains, evaluates, reports. Interrupted, it leaves a checkpoint and returns 130.
///
/// # Errors
/// Options that do not go together, data that is missing, a disk that is full.
pub(super) fn run<M: Model>(
    options: &TrainImages<M::Options>,
    started: Instant,
    stop: &Stop,
) -> Result<ExitCode> {
    let (config, resumed) = configuration(options)?;
    config.check()?;
    super::pool(config.threads)?.install(|| begin::<M>(options, &config, resumed, started, stop.clone()))
}

/// The options that runs by several estimators share.
pub(super) fn shared<O: Options>(options: &TrainImages<O>) -> Result<Shared> {
    let (mut config, _) = configuration(options)?;
    config.estimator = Config::<O>::defaults().estimator;
    let command = config.command().replacen("gumbel ", "", 1);
    Ok(Shared { options: toml::Table::try_from(&config)?, command })
}

/// Refuses what could not be trained by each of the estimators, before any is.
pub(super) fn check<M: Model>(options: &TrainImages<M::Options>, estimators: &[String]) -> Result<()> {
    let (config, _) = configuration(options)?;
    let with = |estimator: &String| Config { estimator: estimator.clone(), ..config.clone() };
    estimators.iter().try_for_each(|estimator| with(estimator).check())?;
    let data = config.load()?;
    estimators.iter().try_for_each(|estimator| Trainer::<M>::new(&with(estimator), &data).map(drop))
}

/// Trains in a new folder or in that of a run to go on with.
fn begin<M: Model>(
    options: &TrainImages<M::Options>,
    config: &Config<M::Options>,
    resumed: Option<RunFolder>,
    started: Instant,
    stop: Stop,
) -> Result<ExitCode> {
    let data = config.load()?;
    let trainer = Trainer::<M>::new(config, &data)?;
    let run = |trainer: Trainer<M>, folder: &RunFolder| {
        Run::<M> { config, data: &data, folder, stop, started }.complete(trainer)
    };
    if let Some(folder) = resumed {
        let cannot = || format!("cannot resume {}", folder.path().display());
        return run(trainer.restore(&folder.checkpoint()).with_context(cannot)?, &folder);
    }
    let folder = RunFolder::create(options.files.out.as_deref(), M::Options::MODEL)?;
    let outcome = run(trainer, &folder);
    if outcome.is_err() && !folder.checkpoint().exists() {
        folder.discard();
    }
    outcome
}

/// The configuration, and the folder of a run to go on with.
fn configuration<O: Options>(options: &TrainImages<O>) -> Result<(Config<O>, Option<RunFolder>)> {
    let folder = options.files.resume.as_deref().map(RunFolder::open).transpose()?;
    if let Some(folder) = &folder {
        super::check_resumable(&options.matches, folder)?;
    }
    let file = folder.as_ref().map(|folder| folder.file("config.toml")).or(options.files.config.clone());
    let mut config = Config::read(&options.matches, file.as_deref())?;
    config.make_absolute()?;
    Ok((config, folder))
}

/// A run and where it goes.
struct Run<'a, M: Model> {
    config: &'a Config<M::Options>,
    data: &'a Dataset,
    folder: &'a RunFolder,
    stop: Stop,
    started: Instant,
}

impl<M: Model> Run<'_, M> {
    /// Trains, evaluates and reports.
    fn complete(&self, mut trainer: Trainer<M>) -> Result<ExitCode> {
        let first = trainer.step();
        // Before the configuration, so that a run that cannot go on stays as it was.
        let mut metrics = MetricsFile::open(self.folder, first)?;
        self.folder.write("config.toml", toml::to_string(self.config)?)?;
        if first < self.config.steps {
            self.folder.reopen()?;
        }
        print(&(self.describe(&trainer) + "\n"))?;
        let mut progress = Progress::new(self.config, &trainer, self.stop.clone())?;
        let end = trainer.run(self.folder, &mut metrics, &mut |step, line| progress.observe(step, line))?;
        progress.end();
        if end == End::Stopped {
            return self.stopped(&trainer);
        }
        let from_start = trainer.first_step().filter(|_| first == 0);
        let seconds_to_first_step = from_start.map(|done| (done - self.started).as_secs_f64());
        match self.finish(&trainer, &metrics.lines, seconds_to_first_step) {
            Err(error) if error.is::<Interrupted>() => self.stopped(&trainer),
            finished => finished.map(|()| ExitCode::SUCCESS),
        }
    }

    fn describe(&self, trainer: &Trainer<M>) -> String {
        let Self { config, data, .. } = self;
        format!(
            "{} on {} ({} training {}s), {} parameters, {}",
            M::describe(&config.model),
            data.name,
            data.train.count,
            M::Options::EXAMPLE,
            trainer.model().num_params(),
            config.choice().expect("checked before training").complete()
        )
    }

    fn stopped(&self, trainer: &Trainer<M>) -> Result<ExitCode> {
        print(&format!(
            "stopped at step {} of {}; go on with: gumbel train {} --resume {}\n",
            trainer.step(),
            self.config.steps,
            M::Options::MODEL,
            quoted(&self.folder.path().to_string_lossy())
        ))?;
        Ok(ExitCode::from(INTERRUPTED))
    }

    /// Evaluates on the test set and writes everything a finished run has.
    fn finish(
        &self,
        trainer: &Trainer<M>,
        metrics: &[Metrics],
        seconds_to_first_step: Option<f64>,
    ) -> Result<()> {
        let (model, data) = (trainer.model(), self.data);
        let size = ImageSize::of(&data.train);
        let alphabet = data.text.as_ref().map(|text| text.alphabet.clone());
        self.folder.write("model.safetensors", checkpoint::model_bytes(&model, size, alphabet)?)?;
        let summary = Summary {
            model: M::Options::MODEL.into(),
            data: data.name.clone(),
            estimator: self.config.estimator.clone(),
            steps: trainer.step(),
            seed: self.config.seed,
            parameters: model.num_params(),
            seconds: trainer.seconds(),
            steps_per_second: trainer.step() as f64 / trainer.seconds(),
            seconds_to_first_step,
            test: self.test(trainer)?,
            peak_memory_bytes: peak_memory_bytes(),
            version: env!("CARGO_PKG_VERSION").into(),
        }
        .rounded();
        summary.check()?;
        self.folder.write("summary.json", serde_json::to_string_pretty(&summary)? + "\n")?;
        story::write(self.folder, self.config, data, &model, metrics, &summary)?;
        print(&announcement::<M>(&summary, self.folder))
    }

    /// The results on the test set.
    fn test(&self, trainer: &Trainer<M>) -> Result<Test> {
        let (config, model) = (self.config, trainer.model());
        let images = progress::importance_images(config, self.data.test.count);
        let watch = progress::evaluation::<M>(config, self.data.test.count, self.stop.clone())?;
        let held_out = HeldOut::new(&self.data.test, config.binarise).watched(watch.clone());
        let draws = noise(config.seed, Use::Evaluation);
        let elbo = held_out.negative_elbo(&model, held_out.count(), &draws.split(1))?;
        let bound = held_out.importance_bound(&model, config.importance_samples, images, &draws.split(2))?;
        watch.bar.finish_and_clear();
        let known = config.model.labelling().is_some_and(|labels| labels.source == LabelSource::Data);
        let accuracy = known.then(|| held_out.accuracy(&model));
        let found = Test { accuracy, ..test(elbo, bound, config.importance_samples) };
        let finished = Finished { config, data: self.data, test: &found };
        model.judge(&finished, &mut draws.split(3), found.clone())
    }
}

fn test(elbo: Mean, bound: Mean, samples: usize) -> Test {
    Test {
        hard_negative_elbo: elbo.nats,
        hard_negative_elbo_standard_error: elbo.standard_error,
        images: elbo.images,
        importance_bound: ImportanceBound {
            samples,
            nats: bound.nats,
            standard_error: bound.standard_error,
            images: bound.images,
        },
        accuracy: None,
        text: None,
    }
}

/// What strings cost, a line for each way to code them.
fn costs(text: &TextResults, test: &Test) -> String {
    let line = |(name, nats, bits): (String, f64, f64)| {
        format!("{name:<45} {nats:8.2} nats per string, {bits:.3} bits per character\n")
    };
    text.table(test).into_iter().map(line).collect::<String>() + &text.notes() + "\n"
}

fn announcement<M: Model>(summary: &Summary, folder: &RunFolder) -> String {
    let (test, bound) = (&summary.test, &summary.test.importance_bound);
    let line = |name: &str, nats: f64, error: f64, images: usize| {
        format!("{name:<45} {nats:8.2} ± {error:.2} nats ({images} test {}s)\n", M::Options::EXAMPLE)
    };
    let elbo =
        line(M::ONE_SAMPLE, test.hard_negative_elbo, test.hard_negative_elbo_standard_error, test.images);
    let name = format!("{}, m = {}", M::BOUND, bound.samples);
    let bound = line(&name, bound.nats, bound.standard_error, bound.images);
    let accuracy = test.accuracy.map_or(String::new(), |accuracy| {
        let [share, error] = accuracy.per_cent();
        format!("{:<45} {share:8.2} ± {error:.2} % ({} test images)\n", "accuracy", accuracy.images)
    });
    let report = folder.file("report.html");
    format!(
        "{} steps in {:.1} s\n{elbo}{bound}{accuracy}{}report: {}\n",
        summary.steps,
        summary.seconds,
        test.text.as_ref().map_or(String::new(), |text| costs(text, test)),
        report.display()
    )
}
