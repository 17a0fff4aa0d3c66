//! `gumbel train NAME` for any experiment: a new run or a resumed one, from its options to its report.

use super::config::FREE;
use super::events::Events;
use super::progress::TrainingBar;
use super::summary::peak_memory_bytes;
use super::{End, MetricsFile, Outcome, RunConfig, RunFolder, StoredRows, Summary, SummaryOf, Trainer};
use super::{pool, read_config};
use crate::support::hex::hex;
use crate::support::interrupt::{INTERRUPTED, Interrupted, Stop};
use crate::support::shell::quoted;
use crate::support::stdout::print;
use anyhow::{Context, Result, ensure};
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, FromArgMatches};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

/// The folders and files of a run, which are not part of its configuration.
#[derive(Clone, Debug, Args)]
struct RunFiles {
    /// Folder of the run [default: the first free runs/MODEL-N]
    #[arg(long, value_name = "DIR", help_heading = "Files")]
    out: Option<PathBuf>,
    /// TOML file with options, such as the config.toml of a run; the command line takes precedence
    #[arg(long, value_name = "FILE", help_heading = "Files")]
    config: Option<PathBuf>,
    /// Folder of a stopped run to resume, exactly as if it had not stopped; accepts --steps, --threads,
    /// --device, --tensorboard and --data-dir only
    #[arg(long, value_name = "DIR", help_heading = "Files", conflicts_with_all = ["out", "config"])]
    resume: Option<PathBuf>,
}

/// Adds the options of `gumbel train NAME` to a command.
pub fn add_options<C: RunConfig>(command: clap::Command) -> clap::Command {
    RunFiles::augment_args(C::add_options(command)).args_override_self(true)
}

/// The configuration that was typed, over that of a file or of a run to resume, and the folder of that run.
///
/// # Errors
/// A file that cannot be read or is malformed; a folder that is not a run; an option that cannot change.
pub fn configuration<C: RunConfig>(matches: &ArgMatches) -> Result<(C, Option<RunFolder>)> {
    let files = RunFiles::from_arg_matches(matches)?;
    let folder = files.resume.as_deref().map(RunFolder::resume).transpose()?;
    if let Some(folder) = &folder {
        check_resumable(matches, folder)?;
    }
    let file = folder.as_ref().map(|folder| folder.file(RunFolder::CONFIG)).or(files.config);
    let mut config = read_config::<C>(matches, file.as_deref())?;
    config.common_mut().make_absolute(C::knows)?;
    Ok((config, folder))
}

/// Rejects options that would make it another run.
fn check_resumable(matches: &ArgMatches, folder: &RunFolder) -> Result<()> {
    for id in matches.ids() {
        let given = matches.value_source(id.as_str()) == Some(ValueSource::CommandLine);
        // The groups that clap makes of structs.
        let group = id.as_str().starts_with(char::is_uppercase);
        let name = id.as_str().replace('_', "-");
        ensure!(
            !given || FREE.contains(&name.as_str()) || name == "resume" || group,
            "--{name} cannot change in a resumed run: it would not be the same run; start a new one with --config {}",
            folder.file(RunFolder::CONFIG).display()
        );
    }
    Ok(())
}

/// Trains, evaluates, reports. Interrupted, it leaves a checkpoint and returns 130.
///
/// # Errors
/// Options that are incompatible, data that are missing, a disk that is full.
pub fn train<E: Outcome>(arguments: &ArgMatches, started: Instant, stop: &Stop) -> Result<ExitCode> {
    let (config, resumed): (E::Config, _) = configuration(arguments)?;
    config.check()?;
    let out = RunFiles::from_arg_matches(arguments)?.out;
    pool(config.common().threads)?.install(|| begin::<E>(&config, out.as_deref(), resumed, started, stop))
}

/// Trains in a new folder or in that of a run to resume.
fn begin<E: Outcome>(
    config: &E::Config,
    out: Option<&Path>,
    resumed: Option<RunFolder>,
    started: Instant,
    stop: &Stop,
) -> Result<ExitCode> {
    let trainer = Trainer::<E>::new(config, &E::load(config)?)?;
    if let Some(folder) = resumed {
        let cannot = || format!("cannot resume {}", folder.path().display());
        let (trainer, rows) = trainer.resume(&folder).with_context(cannot)?;
        return Run::<E> { config, folder: &folder, stop, started }.complete(trainer, Some(rows));
    }
    let folder = RunFolder::begin(out, E::Config::NAME, &config.record()?)?;
    let outcome = Run::<E> { config, folder: &folder, stop, started }.complete(trainer, None);
    if outcome.is_err() && !folder.file(RunFolder::CHECKPOINT).exists() {
        folder.discard();
    }
    outcome
}

/// A run and its folder.
struct Run<'a, E: Outcome> {
    config: &'a E::Config,
    folder: &'a RunFolder,
    stop: &'a Stop,
    started: Instant,
}

impl<E: Outcome> Run<'_, E> {
    /// Trains, evaluates and reports, after these rows of metrics.
    fn complete(&self, mut trainer: Trainer<E>, rows: Option<StoredRows<E::Metrics>>) -> Result<ExitCode> {
        let (first, steps) = (trainer.step, self.config.common().steps);
        // First: without it, the rest of a killed run would not be recognised.
        self.folder.write(RunFolder::CONFIG, self.config.record()?)?;
        let mut metrics = MetricsFile::begin(self.folder, rows.as_ref())?;
        if first < steps {
            self.folder.reopen()?;
        }
        print(&format!("{}\n", trainer.experiment().describe()))?;
        let mut bar = TrainingBar::new(first, steps, self.stop.clone())?;
        let mut events = Events::open(self.config.common().tensorboard, self.folder, first)?;
        let end = trainer.run(self.folder, &mut metrics, self.stop, &mut |experiment, step, row| {
            row.map_or(Ok(()), |row| events.add(experiment, row))?;
            Ok(bar.observe(step, row))
        })?;
        bar.end();
        if end == End::Stopped {
            return self.stopped(&trainer);
        }
        let from_start = trainer.first_step.filter(|_| first == 0);
        let seconds_to_first_step = from_start.map(|done| (done - self.started).as_secs_f64());
        match self.finish(&trainer, &metrics, seconds_to_first_step) {
            Err(error) if error.is::<Interrupted>() => self.stopped(&trainer),
            finished => finished.map(|()| ExitCode::SUCCESS),
        }
    }

    fn stopped(&self, trainer: &Trainer<E>) -> Result<ExitCode> {
        let (step, steps, name) = (trainer.step, self.config.common().steps, E::Config::NAME);
        let run = quoted(&self.folder.path().to_string_lossy());
        print(&format!(
            "stopped at step {step} of {steps}; resume with: gumbel train {name} --resume {run}\n"
        ))?;
        Ok(ExitCode::from(INTERRUPTED))
    }

    /// Evaluates on the test set and writes everything that a finished run has.
    fn finish(
        &self,
        trainer: &Trainer<E>,
        metrics: &MetricsFile<E::Metrics>,
        seconds_to_first_step: Option<f64>,
    ) -> Result<()> {
        let (experiment, model) = (trainer.experiment(), trainer.experiment().saved()?);
        self.folder.write(RunFolder::MODEL, &model)?;
        let test = experiment.test(self.stop)?;
        E::check(&test)?;
        let summary = self.summary(trainer, test, seconds_to_first_step);
        let text = serde_json::to_string_pretty(&summary)? + "\n";
        let sums = [(RunFolder::METRICS, metrics.sha256()), (RunFolder::MODEL, hex(&Sha256::digest(model)))];
        let rows = StoredRows::read(&self.folder.file(RunFolder::METRICS), u64::MAX)?;
        self.folder.write_page(&experiment.report(&rows.course()?, Some(&summary))?)?;
        self.folder.write_last(RunFolder::SUMMARY, text.as_bytes(), &sums)?;
        let ending = format!("{} steps in {:.1} s", summary.steps, summary.seconds);
        let report = self.folder.file(RunFolder::REPORT);
        print(&format!("{ending}\n{}report: {}\n", E::announce(&summary.test), report.display()))
    }

    fn summary(
        &self,
        trainer: &Trainer<E>,
        test: E::Results,
        seconds_to_first_step: Option<f64>,
    ) -> SummaryOf<E> {
        let experiment = trainer.experiment();
        let summary = Summary {
            model: E::Config::NAME.into(),
            data: experiment.data_name().into(),
            setup: experiment.setup(trainer.step),
            steps: trainer.step,
            seed: self.config.common().seed,
            device: self.config.common().device,
            parameters: experiment.parameters(),
            seconds: trainer.seconds,
            steps_per_second: trainer.step as f64 / trainer.seconds,
            seconds_to_first_step,
            test,
            peak_memory_bytes: peak_memory_bytes(),
            version: env!("CARGO_PKG_VERSION").into(),
        };
        summary.rounded()
    }
}
