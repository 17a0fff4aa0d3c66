//! `gumbel train NAME` for any experiment: a new run or a resumed one, from its options to its report.

use super::config::FREE;
use super::events::Events;
use super::progress::TrainingBar;
use super::read_config;
use super::summary::peak_memory_bytes;
use super::{
    End, Experiment, Files, MetricsFile, Outcome, RunConfig, RunFolder, StoredRows, Summary, SummaryOf,
    Trainer,
};
use crate::parallel::{self, World, agreed, pool, same};
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
use std::sync::Arc;
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

/// Trains, evaluates, reports. Interrupted, it leaves a checkpoint and returns 130. Of several processes the first writes
/// everything, and reports the error of any.
///
/// # Errors
/// Options that are incompatible, data that are missing, a disk that is full; processes that differ.
pub fn train<E: Outcome>(arguments: &ArgMatches, started: Instant, stop: &Stop) -> Result<ExitCode> {
    let world = parallel::join()?;
    match together::<E>(arguments, started, stop, &world) {
        Err(_) if world.rank() > 0 => Ok(ExitCode::FAILURE),
        outcome => outcome,
    }
}

fn together<E: Outcome>(
    arguments: &ArgMatches,
    started: Instant,
    stop: &Stop,
    world: &World,
) -> Result<ExitCode> {
    parallel::alike(world.as_ref())?;
    let files = RunFiles::from_arg_matches(arguments)?;
    let (config, resumed) = shared_configuration::<E::Config>(arguments, world)?;
    let begin = || {
        let trainer = E::load(&config).and_then(|data| Trainer::<E>::new(&config, &data, Arc::clone(world)));
        let trainer = agreed(world.as_ref(), trainer)?;
        same(world.as_ref(), "data", &trainer.experiment().identity().data)?;
        match world.rank() {
            0 => begin(&config, files.out.as_deref(), resumed, trainer, started, stop, world),
            _ => follow(trainer, files.resume.is_some(), stop, world),
        }
    };
    pool(config.common().threads)?.install(begin)
}

/// The configuration of process 0, which has read the files that it is in, and the folder of a run to resume.
fn shared_configuration<C: RunConfig>(
    arguments: &ArgMatches,
    world: &World,
) -> Result<(C, Option<RunFolder>)> {
    let mine = match world.rank() {
        0 => configuration::<C>(arguments).and_then(|(config, folder)| {
            config.check()?;
            Ok(Some((toml::to_string(&config)?, config, folder)))
        }),
        _ => Ok(None),
    };
    match agreed(world.as_ref(), mine)? {
        Some((text, config, folder)) => {
            world.broadcast(text.into_bytes());
            Ok((config, folder))
        }
        None => Ok((toml::from_str(&String::from_utf8(world.broadcast(Vec::new()))?)?, None)),
    }
}

/// Trains in a new folder or in that of a run to resume.
fn begin<E: Outcome>(
    config: &E::Config,
    out: Option<&Path>,
    resumed: Option<RunFolder>,
    trainer: Trainer<E>,
    started: Instant,
    stop: &Stop,
    world: &World,
) -> Result<ExitCode> {
    if let Some(folder) = resumed {
        let cannot = || format!("cannot resume {}", folder.path().display());
        let read = trainer.resume(&folder).and_then(|resumed| Ok((resumed, folder.newest_checkpoint()?)));
        let ((trainer, rows), checkpoint) = agreed(world.as_ref(), read.with_context(cannot))?;
        world.broadcast(checkpoint);
        return Run::<E> { config, folder: &folder, stop, started, world }.complete(trainer, Some(rows));
    }
    let folder = config.record().and_then(|record| RunFolder::begin(out, E::Config::NAME, &record));
    let folder = agreed(world.as_ref(), folder)?;
    let outcome = Run::<E> { config, folder: &folder, stop, started, world }.complete(trainer, None);
    if outcome.is_err() && !folder.file(RunFolder::CHECKPOINT).exists() {
        folder.discard();
    }
    outcome
}

/// Trains with process 0, which has the folder: the same steps, and the same points at which all must have succeeded.
fn follow<E: Outcome>(trainer: Trainer<E>, resumed: bool, stop: &Stop, world: &World) -> Result<ExitCode> {
    let succeeded = || agreed(world.as_ref(), Ok(()));
    succeeded()?; // the folder
    let mut trainer = if resumed { trainer.follow(world.broadcast(Vec::new()))? } else { trainer };
    succeeded()?; // its files
    let end = trainer.run(None, stop, &mut |_, _, _| Ok(!stop.requested()))?;
    if end == End::Stopped {
        return Ok(ExitCode::from(INTERRUPTED));
    }
    succeeded()?; // the trained model
    match trainer.experiment().test(stop) {
        Err(error) if error.is::<Interrupted>() => Ok(ExitCode::from(INTERRUPTED)),
        tested => tested.map(|_| ExitCode::SUCCESS),
    }
}

/// What training writes to.
type Opened<E> = (MetricsFile<<E as Experiment>::Metrics>, TrainingBar<<E as Experiment>::Metrics>, Events);

/// A run and its folder.
struct Run<'a, E: Outcome> {
    config: &'a E::Config,
    folder: &'a RunFolder,
    stop: &'a Stop,
    started: Instant,
    world: &'a World,
}

impl<E: Outcome> Run<'_, E> {
    /// Trains, evaluates and reports, after these rows of metrics.
    fn complete(&self, mut trainer: Trainer<E>, rows: Option<StoredRows<E::Metrics>>) -> Result<ExitCode> {
        let first = trainer.step;
        let opened = self.opened(&trainer, rows.as_ref());
        let (mut metrics, mut bar, mut events) = agreed(self.world.as_ref(), opened)?;
        let files = Files { folder: self.folder, metrics: &mut metrics };
        let end = trainer.run(Some(files), self.stop, &mut |experiment, step, row| {
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

    /// The files and the bar that training writes to.
    fn opened(&self, trainer: &Trainer<E>, rows: Option<&StoredRows<E::Metrics>>) -> Result<Opened<E>> {
        let (first, steps) = (trainer.step, self.config.common().steps);
        // First: without it, the rest of a killed run would not be recognised.
        self.folder.write(RunFolder::CONFIG, self.config.record()?)?;
        let metrics = MetricsFile::begin(self.folder, rows)?;
        if first < steps {
            self.folder.reopen()?;
        }
        print(&format!("{}\n", trainer.experiment().describe()))?;
        let bar = TrainingBar::new(first, steps, self.stop.clone())?;
        Ok((metrics, bar, Events::open(self.config.common().tensorboard, self.folder, first)?))
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
        let experiment = trainer.experiment();
        let written = experiment.saved().and_then(|model| {
            self.folder.write(RunFolder::MODEL, &model)?;
            Ok(model)
        });
        let model = agreed(self.world.as_ref(), written)?;
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
