//! `gumbel train gan`.

use super::generate_strings::{KEY, Written, on_one_line};
use crate::adversarial::{HELD_OUT, Judged, Line, Start, Summary, Test, Trainer, nats, strings};
use crate::checkpoint;
use crate::cli::TrainGan;
use crate::config::{GanConfig, Typed};
use crate::data::text::{Corpus, Quality, grammar, law_nats, load, measure};
use crate::report::Adversarial;
use crate::run::{RunFolder, peak_memory_bytes};
use crate::support::interrupt::{INTERRUPTED, Interrupted, Stop, Watch};
use crate::support::shell::quoted;
use crate::support::stdout::print;
use crate::train::{End, Use, noise, remaining};
use anyhow::{Context, Result, ensure};
use burn::module::Module;
use indicatif::{HumanDuration, ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Instant;

/// Trains, judges, reports. Interrupted, it leaves a checkpoint and returns 130.
pub(super) fn run(options: &TrainGan, started: Instant, stop: &Stop) -> Result<ExitCode> {
    let (config, resumed) = configuration(options)?;
    config.check()?;
    super::pool(config.threads)?.install(|| begin(options, &config, resumed, started, stop.clone()))
}

/// The configuration, and the folder of a run to go on with.
fn configuration(options: &TrainGan) -> Result<(GanConfig, Option<RunFolder>)> {
    let folder = options.files.resume.as_deref().map(RunFolder::open).transpose()?;
    if let Some(folder) = &folder {
        let file = folder.file("config.toml");
        ensure!(GanConfig::wrote(&file), "{} is not a run of gumbel train gan", folder.path().display());
        super::check_resumable(&options.matches, folder)?;
    }
    let file = folder.as_ref().map(|folder| folder.file("config.toml")).or(options.files.config.clone());
    let mut config = GanConfig::read(&options.matches, file.as_deref())?;
    config.make_absolute()?;
    Ok((config, folder))
}

/// Trains in a new folder or in that of a run to go on with.
fn begin(
    options: &TrainGan,
    config: &GanConfig,
    resumed: Option<RunFolder>,
    started: Instant,
    stop: Stop,
) -> Result<ExitCode> {
    let corpus = load(&config.data, config.data_dir.as_deref(), config.length)?;
    let trainer = Trainer::new(config, &corpus)?;
    let run = |trainer, folder: &RunFolder| {
        Run { config, corpus: &corpus, folder, stop, started }.complete(trainer)
    };
    if let Some(folder) = resumed {
        let cannot = || format!("cannot resume {}", folder.path().display());
        return run(trainer.restore(&folder).with_context(cannot)?, &folder);
    }
    let folder = RunFolder::create(options.files.out.as_deref(), "gan")?;
    let outcome = run(trainer, &folder);
    if outcome.is_err() && !folder.checkpoint().exists() {
        folder.discard();
    }
    outcome
}

/// A run and where it goes.
struct Run<'a> {
    config: &'a GanConfig,
    corpus: &'a Corpus,
    folder: &'a RunFolder,
    stop: Stop,
    started: Instant,
}

/// Strings of each kind in the report.
const SHOWN: usize = 30;

impl Run<'_> {
    /// Trains, judges and reports.
    fn complete(&self, mut trainer: Trainer) -> Result<ExitCode> {
        let first = trainer.step();
        self.folder.write("config.toml", toml::to_string(self.config)?)?;
        if first < self.config.steps {
            self.folder.reopen()?;
        }
        print(&(self.describe(&trainer) + "\n"))?;
        let mut progress = Progress::new(self.config, first, self.stop.clone())?;
        let end = trainer.run(self.folder, &mut |step, line| progress.observe(step, line))?;
        progress.bar.finish_and_clear();
        if end == End::Stopped {
            return self.stopped(&trainer);
        }
        let from_start = trainer.first_step().filter(|_| first == 0);
        let seconds_to_first_step = from_start.map(|done| (done - self.started).as_secs_f64());
        match self.finish(&trainer, seconds_to_first_step) {
            Err(error) if error.is::<Interrupted>() => self.stopped(&trainer),
            finished => finished.map(|()| ExitCode::SUCCESS),
        }
    }

    fn describe(&self, trainer: &Trainer) -> String {
        let (corpus, gan) = (self.corpus, trainer.gan());
        format!(
            "strings of {} symbols of {} kinds, {} of them, {} parameters against {}",
            corpus.length,
            corpus.alphabet.len(),
            corpus.count(),
            gan.generator.num_params(),
            gan.discriminator.num_params()
        )
    }

    fn stopped(&self, trainer: &Trainer) -> Result<ExitCode> {
        print(&format!(
            "stopped at step {} of {}; go on with: gumbel train gan --resume {}\n",
            trainer.step(),
            self.config.steps,
            quoted(&self.folder.path().to_string_lossy())
        ))?;
        Ok(ExitCode::from(INTERRUPTED))
    }

    /// Judges both generators and writes everything a finished run has.
    fn finish(&self, trainer: &Trainer, seconds_to_first_step: Option<f64>) -> Result<()> {
        let (gan, config, corpus) = (trainer.gan(), self.config, self.corpus);
        let written = Written { alphabet: corpus.alphabet.clone(), length: corpus.length };
        self.folder.write("model.safetensors", checkpoint::described(&gan, KEY, &written)?)?;
        let summary = Summary {
            model: "gan".into(),
            data: corpus.name.clone(),
            generator: config.generator,
            loss: config.loss,
            penalty: config.penalty_weight(),
            steps: trainer.step(),
            baseline_steps: config.baseline_steps.min(trainer.step()),
            seed: config.seed,
            parameters: gan.generator.num_params() + gan.discriminator.num_params(),
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
        print(&announcement(&summary, self.folder))?;
        self.report(trainer, summary)
    }

    /// Writes `report.html` and `figures/`.
    fn report(&self, trainer: &Trainer, summary: Summary) -> Result<()> {
        let (config, corpus, gan) = (self.config, self.corpus, trainer.gan());
        let noise = noise(config.seed, Use::Pictures);
        let shown = |generator, start, label| {
            let (alphabet, watch) = (&corpus.alphabet, Watch::nothing());
            let made = strings(generator, start, alphabet, SHOWN, &mut noise.split(label), &watch)?;
            anyhow::Ok(made.iter().map(|string| on_one_line(string)).collect())
        };
        let rendered = Adversarial {
            command: config.command(),
            source: corpus.source.clone(),
            configuration: config.typed(),
            lines: trainer.lines.clone(),
            summary,
            strings: [
                shown(&gan.average, Start::Noise(config.start), 1)?,
                shown(&gan.baseline, Start::Zeros(config.start), 2)?,
                corpus.test.iter().take(SHOWN).map(|string| on_one_line(string)).collect(),
            ],
        }
        .render();
        for (name, svg) in &rendered.figures {
            self.folder.write(&format!("figures/{name}"), svg)?;
        }
        self.folder.write("report.html", rendered.html)
    }

    /// Both generators and true strings, judged.
    fn test(&self, trainer: &Trainer) -> Result<Test> {
        let (config, corpus, gan) = (self.config, self.corpus, trainer.gan());
        let watch = Watch { bar: ProgressBar::hidden(), stop: self.stop.clone() };
        let (generator, baseline) = trainer.judge(&watch)?;
        let draws = noise(config.seed, Use::Evaluation);
        let judged = |quality, generator, start| {
            let (nats, nats_standard_error) = nats(generator, start, corpus, &mut draws.split(3), &watch)?;
            anyhow::Ok(Judged { quality, nats, nats_standard_error })
        };
        Ok(Test {
            generator: judged(generator, &gan.average, Start::Noise(config.start))?,
            maximum_likelihood: judged(baseline, &gan.baseline, Start::Zeros(config.start))?,
            truth: truth(corpus, config),
            truth_nats: law_nats(&corpus.test.iter().take(HELD_OUT).collect::<Vec<_>>())
                .filter(|_| corpus.arithmetic()),
            held_out: corpus.test.len().min(HELD_OUT),
        })
    }
}

/// True strings: new ones of the grammar, or as many of the training strings.
fn truth(corpus: &Corpus, config: &GanConfig) -> Quality {
    let strings = if corpus.arithmetic() {
        grammar::draw(noise(config.seed, Use::Evaluation).split(4).stream(), config.strings)
    } else {
        corpus.strings().into_iter().take(config.strings).collect()
    };
    measure(corpus, &strings)
}

fn announcement(summary: &Summary, folder: &RunFolder) -> String {
    let test = &summary.test;
    let line = |name: &str, quality: &Quality, nats: Option<f64>| {
        let valid = quality.valid.map_or(String::new(), |share| format!("{:.1} % valid, ", 100.0 * share));
        let nats = nats.map_or(String::new(), |nats| format!(", held-out strings at {nats:.3} nats"));
        let Quality { distinct, strings, length_distance, .. } = quality;
        format!(
            "{name:<20} {valid}{distinct} distinct of {strings}, length distance {length_distance:.3}{nats}\n"
        )
    };
    format!(
        "{} steps in {:.1} s\n{}{}{}report: {}\n",
        summary.steps,
        summary.seconds,
        line("adversarial", &test.generator.quality, Some(test.generator.nats)),
        line("maximum likelihood", &test.maximum_likelihood.quality, Some(test.maximum_likelihood.nats)),
        line("true strings", &test.truth, test.truth_nats),
        folder.file("report.html").display()
    )
}

/// The progress bar, or lines where nobody watches, and the wish to stop.
struct Progress {
    bar: ProgressBar,
    stop: Stop,
    pace: Instant,
    first: u64,
    steps: u64,
    judged: String,
}

impl Progress {
    fn new(config: &GanConfig, first: u64, stop: Stop) -> Result<Self> {
        let bar = ProgressBar::new(config.steps).with_position(first);
        bar.set_style(ProgressStyle::with_template("{bar:30} {pos}/{len}  {msg}")?);
        Ok(Self { bar, stop, pace: Instant::now(), first, steps: config.steps, judged: String::new() })
    }

    /// Shows a step; says whether to go on.
    fn observe(&mut self, step: u64, line: Option<&Line>) -> bool {
        self.bar.set_position(step);
        if let Some(line) = line {
            self.show(line);
        }
        !self.stop.requested()
    }

    fn show(&mut self, line: &Line) {
        if let Some(distinct) = line.distinct {
            let valid = line.valid.map_or(String::new(), |share| format!("{:.1} % valid, ", 100.0 * share));
            self.judged = format!("{valid}{distinct} distinct  ");
        }
        let seconds = self.pace.elapsed().as_secs_f64();
        let (done, total) = (line.step - self.first, self.steps - self.first);
        let message = format!("{}{:.0} steps/s", self.judged, done as f64 / seconds);
        if line.distinct.is_some() && !std::io::stdout().is_terminal() {
            // A log that cannot be written is no reason to lose the run.
            drop(print(&format!("step {} of {}  {message}\n", line.step, self.steps)));
        }
        let left = HumanDuration(remaining(done, total, seconds));
        self.bar.set_message(format!("{message}  {left} left"));
    }
}
