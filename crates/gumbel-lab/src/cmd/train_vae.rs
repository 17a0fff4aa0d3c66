//! `gumbel train vae`.

use crate::cli::TrainVae;
use crate::config::VaeConfig;
use crate::data::{self, Dataset};
use crate::evaluate::{HeldOut, Mean};
use crate::run::{ImportanceBound, Metrics, MetricsFile, RunFolder, Summary, Test, peak_memory_bytes};
use crate::train::{End, Trainer, Use, noise, remaining};
use crate::{checkpoint, checkpoint::ImageSize, story};
use anyhow::{Context, Result, ensure};
use burn::module::Module;
use clap::parser::ValueSource;
use indicatif::{HumanDuration, ProgressBar, ProgressStyle};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Trains, evaluates, reports. Interrupted, it leaves a checkpoint and returns 130.
///
/// # Errors
/// Options that do not go together, data that is missing, a disk that is full.
pub fn run(options: &TrainVae, started: Instant) -> Result<ExitCode> {
    let (config, resumed) = configuration(options)?;
    config.check()?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(config.threads).build();
    // From inside the pool the matrix products start without waking a thread for each.
    pool.context("cannot start threads")?.install(|| train(options, &config, resumed, started))
}

fn train(
    options: &TrainVae,
    config: &VaeConfig,
    resumed: Option<RunFolder>,
    started: Instant,
) -> Result<ExitCode> {
    let data = data::load(&config.data, config.data_dir.as_deref(), 0)?;
    let mut trainer = Trainer::new(config, &data)?;
    let folder = match resumed {
        Some(folder) => {
            trainer = trainer.restore(&folder.checkpoint()).context("nothing to resume")?;
            folder
        }
        None => RunFolder::create(options.files.out.as_deref(), "vae")?,
    };
    folder.write("config.toml", toml::to_string(config)?)?;
    let first = trainer.step();
    println!("{}", describe(config, &data, &trainer));
    let mut metrics = MetricsFile::open(&folder, first)?;
    let mut progress = Progress::new(config, &trainer, started)?;
    let end = trainer.run(&folder, &mut metrics, &mut |step, line| progress.observe(step, line))?;
    progress.bar.finish_and_clear();
    if end == End::Stopped {
        println!(
            "stopped at step {} of {}; go on with: gumbel train vae --resume {}",
            trainer.step(),
            config.steps,
            folder.path().display()
        );
        return Ok(ExitCode::from(130));
    }
    let first_step = progress.first_step.filter(|_| first == 0);
    finish(config, &data, &trainer, &metrics.lines, &folder, first_step)?;
    Ok(ExitCode::SUCCESS)
}

/// The configuration, and the folder of a run to go on with.
fn configuration(options: &TrainVae) -> Result<(VaeConfig, Option<RunFolder>)> {
    let Some(path) = &options.files.resume else {
        return Ok((VaeConfig::read(&options.matches, options.files.config.as_deref())?, None));
    };
    let folder = RunFolder::open(path)?;
    for id in options.matches.ids() {
        let given = options.matches.value_source(id.as_str()) == Some(ValueSource::CommandLine);
        let allowed = ["steps", "threads", "resume", "VaeConfig", "RunFiles"].contains(&id.as_str());
        ensure!(
            !given || allowed,
            "--{} cannot change in a resumed run: it would not be the same run; start a new one with --config {}",
            id.as_str().replace('_', "-"),
            folder.file("config.toml").display()
        );
    }
    let config = VaeConfig::read(&options.matches, Some(&folder.file("config.toml")))?;
    Ok((config, Some(folder)))
}

fn describe(config: &VaeConfig, data: &Dataset, trainer: &Trainer) -> String {
    format!(
        "{} latents of {} categories on {} ({} training images), {} parameters, {} at tau {}",
        config.latents,
        config.categories,
        data.name,
        data.train.count,
        trainer.model().num_params(),
        config.estimator,
        config.tau
    )
}

/// The progress bar, and the wish to stop.
struct Progress {
    bar: ProgressBar,
    interrupted: Arc<AtomicBool>,
    started: Instant,
    pace: Instant,
    first: u64,
    steps: u64,
    hard: Option<f64>,
    first_step: Option<f64>,
}

impl Progress {
    fn new(config: &VaeConfig, trainer: &Trainer, started: Instant) -> Result<Self> {
        let interrupted = Arc::new(AtomicBool::new(false));
        let flag = interrupted.clone();
        // A second handler in one process (as in tests) keeps the first.
        let _ = ctrlc::set_handler(move || flag.store(true, Ordering::SeqCst));
        let bar = ProgressBar::new(config.steps).with_position(trainer.step());
        bar.set_style(ProgressStyle::with_template("{bar:30} {pos}/{len}  {msg}")?);
        let (pace, first, steps) = (Instant::now(), trainer.step(), config.steps);
        Ok(Self { bar, interrupted, started, pace, first, steps, hard: None, first_step: None })
    }

    /// Shows a step; says whether to go on.
    fn observe(&mut self, step: u64, line: Option<&Metrics>) -> bool {
        self.first_step.get_or_insert_with(|| self.started.elapsed().as_secs_f64());
        self.bar.set_position(step);
        if let Some(line) = line {
            self.hard = line.hard_negative_elbo.or(self.hard);
            self.bar.set_message(self.message(step, line));
        }
        !self.interrupted.load(Ordering::SeqCst)
    }

    fn message(&self, step: u64, line: &Metrics) -> String {
        let seconds = self.pace.elapsed().as_secs_f64();
        let done = step - self.first;
        let hard = self.hard.map_or(String::new(), |nats| format!("  hard -ELBO {nats:.2}"));
        format!(
            "train {:.2}{hard} nats  tau {:.3}  {:.0} steps/s  {} left",
            line.training_loss,
            line.tau,
            done as f64 / seconds,
            HumanDuration(remaining(done, self.steps - self.first, seconds))
        )
    }
}

/// Evaluates on the whole test set and writes everything a finished run has.
fn finish(
    config: &VaeConfig,
    data: &Dataset,
    trainer: &Trainer,
    metrics: &[Metrics],
    folder: &RunFolder,
    seconds_to_first_step: Option<f64>,
) -> Result<()> {
    let model = trainer.model();
    let size = ImageSize { height: data.train.height, width: data.train.width };
    folder.write("model.safetensors", checkpoint::model_bytes(&model, size)?)?;
    let spinner = ProgressBar::new_spinner().with_message(format!(
        "importance-weighted bound, m = {}, on {} test images",
        config.importance_samples, data.test.count
    ));
    spinner.enable_steady_tick(std::time::Duration::from_millis(200));
    let held_out = HeldOut::new(&data.test, config.binarise);
    let draws = noise(config.seed, Use::Evaluation);
    let elbo = held_out.negative_elbo(&model, held_out.count(), &draws.split(1))?;
    let count = if config.importance_images == 0 { held_out.count() } else { config.importance_images };
    let bound = held_out.importance_bound(&model, config.importance_samples, count, &draws.split(2))?;
    spinner.finish_and_clear();
    let summary = Summary {
        model: "vae".into(),
        data: data.name.clone(),
        estimator: config.estimator.clone(),
        steps: trainer.step(),
        seed: config.seed,
        parameters: model.num_params(),
        seconds: trainer.seconds(),
        steps_per_second: trainer.step() as f64 / trainer.seconds(),
        seconds_to_first_step,
        peak_memory_bytes: peak_memory_bytes(),
        test: test(elbo, bound, config.importance_samples),
        version: env!("CARGO_PKG_VERSION").into(),
    };
    folder.write("summary.json", serde_json::to_string_pretty(&summary)? + "\n")?;
    story::write(folder, config, data, &model, metrics, &summary)?;
    announce(&summary, folder);
    Ok(())
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
    }
}

fn announce(summary: &Summary, folder: &RunFolder) {
    let (test, bound) = (&summary.test, &summary.test.importance_bound);
    println!("{} steps in {:.1} s", summary.steps, summary.seconds);
    println!(
        "hard negative ELBO, one sample     {:8.2} nats ({} test images)",
        test.hard_negative_elbo, test.images
    );
    println!(
        "importance-weighted bound, m = {:<4} {:7.2} nats ({} test images)",
        bound.samples, bound.nats, bound.images
    );
    println!("report: {}", folder.file("report.html").display());
}
