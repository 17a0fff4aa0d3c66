//! The game.

use super::{Line, Play, Start, draw, lines, start};
use crate::adam::FusedAdam;
use crate::checkpoint::{self, Progress};
use crate::config::GanConfig;
use crate::data::order;
use crate::data::text::{Corpus, Quality, measure};
use crate::model::{Gan, follow};
use crate::run::RunFolder;
use crate::support::interrupt::Watch;
use crate::train::{End, Use, noise};
use anyhow::{Context, Result, ensure};
use burn::module::Module;
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Tensor};
use std::path::Path;
use std::time::Instant;

/// Steps between lines of `metrics.csv`.
const LINE_EVERY: u64 = 10;
/// Of Adam's first moment: what a player saw of the other is soon out of date.
const BETA_1: f32 = 0.5;

/// Two players in training, and the generator of maximum likelihood beside them.
pub struct Trainer<'a> {
    config: &'a GanConfig,
    corpus: &'a Corpus,
    gan: Gan,
    optimizer: ModuleOptimizer,
    device: Device,
    digest: String,
    /// The epoch of the batches, and its order of the strings.
    epoch: Option<(u64, Vec<u32>)>,
    step: u64,
    seconds: f64,
    first_step: Option<Instant>,
    /// Of `metrics.csv`, so far.
    pub lines: Vec<Line>,
}

impl<'a> Trainer<'a> {
    /// A run from its start.
    ///
    /// # Errors
    /// A configuration that cannot be trained.
    pub fn new(config: &'a GanConfig, corpus: &'a Corpus) -> Result<Self> {
        config.check()?;
        config.check_sizes(corpus)?;
        let device = Device::flex().autodiff();
        let gan = Gan::new(&config.shape(corpus), &mut noise(config.seed, Use::Parameters), &device);
        Ok(Self {
            config,
            corpus,
            gan,
            optimizer: FusedAdam::with_beta_1(BETA_1).into(),
            device,
            digest: corpus.digest(),
            epoch: None,
            step: 0,
            seconds: 0.0,
            first_step: None,
            lines: Vec::new(),
        })
    }

    /// Goes back to the checkpoint of a run.
    ///
    /// # Errors
    /// A checkpoint that is missing, corrupt, or of another model or corpus.
    pub fn restore(mut self, run: &RunFolder) -> Result<Self> {
        let path = run.checkpoint();
        // Before the parameters: those of other strings may have another shape.
        self.check(&path, &checkpoint::progress(&path)?)?;
        let (gan, optimizer, progress) = checkpoint::load_training(&path, self.gan, self.optimizer)?;
        (self.gan, self.optimizer) = (gan, optimizer);
        (self.step, self.seconds) = (progress.step, progress.seconds);
        self.lines = lines::read_lines(run, self.step)?;
        Ok(self)
    }

    fn check(&self, path: &Path, progress: &Progress) -> Result<()> {
        ensure!(
            progress.data == self.digest,
            "{} was trained on other strings than {} holds now; put those back, or start a new run",
            path.display(),
            self.config.data
        );
        progress.allows(self.config.steps)
    }

    /// Steps done.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Seconds of training, evaluations left out.
    pub fn seconds(&self) -> f64 {
        self.seconds
    }

    /// When this process finished its first step.
    pub fn first_step(&self) -> Option<Instant> {
        self.first_step
    }

    /// The players without their gradients.
    pub fn gan(&self) -> Gan {
        self.gan.valid()
    }

    /// Trains to the last step, or until `observe` says stop; it is told of every line of metrics and is asked after
    /// every step. Evaluates after the first step and every `evaluate-every` steps; saves then, at the end and on
    /// stopping.
    ///
    /// # Errors
    /// A loss that is no longer finite; a full disk.
    pub fn run(
        &mut self,
        folder: &RunFolder,
        observe: &mut dyn FnMut(u64, Option<&Line>) -> bool,
    ) -> Result<End> {
        while self.step < self.config.steps {
            let started = Instant::now();
            let line = self.advance().with_context(|| self.breakdown())?;
            self.first_step.get_or_insert_with(Instant::now);
            self.seconds += started.elapsed().as_secs_f64();
            let milestone = self.step.is_multiple_of(self.config.evaluate_every);
            let line = self.line(line, milestone || self.step == 1)?;
            self.lines.extend(line);
            let go_on = observe(self.step, line.as_ref());
            if milestone || self.step == self.config.steps || !go_on {
                lines::write_lines(folder, &self.lines)?;
                self.save(folder)?;
            }
            if !go_on && self.step < self.config.steps {
                return Ok(End::Stopped);
            }
        }
        Ok(End::Finished)
    }

    /// The line of the step that was done, if it gets one.
    fn line(&self, line: Line, evaluate: bool) -> Result<Option<Line>> {
        let line = Line { seconds: self.seconds, ..line };
        if evaluate {
            let (generator, baseline) = self.judge(&Watch::nothing()).with_context(|| self.breakdown())?;
            return Ok(Some(line.judged(&generator, &baseline)));
        }
        Ok(self.step.is_multiple_of(LINE_EVERY).then_some(line))
    }

    fn breakdown(&self) -> String {
        format!(
            "training broke down at step {}, lower --lr, --discriminator-lr or --baseline-lr",
            self.step + 1
        )
    }

    /// One step of each player, and of the baseline.
    fn advance(&mut self) -> Result<Line> {
        let (real, tau) = (self.batch(), self.config.tau_at(self.step));
        // Both players learn from the same sequences, the generator after the discriminator.
        let play = self.play(tau)?;
        let (discriminator_loss, squared_slope) =
            self.teach_discriminator(&real, play.sequences.clone().detach())?;
        let generator_loss = self.teach_generator(play, &real)?;
        self.average();
        let baseline = self.step < self.config.baseline_steps;
        let baseline_loss = baseline.then(|| self.teach_baseline(real)).transpose()?;
        self.step += 1;
        let step = self.step;
        Ok(Line {
            step,
            tau,
            generator_loss,
            discriminator_loss,
            squared_slope,
            baseline_loss,
            ..Line::default()
        })
    }

    /// The generated sequences of the step.
    fn play(&self, tau: Option<f64>) -> Result<Play> {
        let mut noise = noise(self.config.seed, Use::Training).split(self.step);
        let seed = start(self.config.batch, self.config.start, &mut noise, &self.device);
        // Without a temperature the samples are hard, and none is used.
        Ok(self.config.generator.play(&self.gan.generator, seed, tau.unwrap_or(1.0), &mut noise)?)
    }

    /// A step of the generator; its loss.
    fn teach_generator(&mut self, play: Play, real: &Tensor<3>) -> Result<f64> {
        let judge = self.gan.discriminator.clone().no_grad();
        let losses =
            self.config.loss.generator(judge.score(real.clone()), judge.score(play.sequences.clone()));
        let seen = finite("the generator's loss", losses.clone().mean())?;
        let gradients = play.surrogate(&self.gan.generator, losses).backward();
        let gradients = GradientsParams::from_grads(gradients, &self.gan.generator);
        drop((play, judge));
        self.update(self.config.lr, gradients);
        Ok(seen)
    }

    /// Lets the average follow the generator, faster at the beginning: its first parameters mean nothing.
    fn average(&mut self) {
        let decay = self.config.average.min((1.0 + self.step as f64) / (10.0 + self.step as f64));
        let average = std::mem::take(&mut self.gan.average);
        self.gan.average = follow(average, &self.gan.generator, decay);
    }

    /// A step of the discriminator; its loss, and the mean squared slope at true sequences.
    fn teach_discriminator(&mut self, real: &Tensor<3>, generated: Tensor<3>) -> Result<(f64, f64)> {
        let discriminator = &self.gan.discriminator;
        let (score, penalty) = discriminator.score_and_penalty(real.clone());
        let (loss, penalty) =
            (self.config.loss.discriminator(score, discriminator.score(generated)).mean(), penalty.mean());
        let seen = (
            finite("the discriminator's loss", loss.clone())?,
            finite("the gradient penalty", penalty.clone())?,
        );
        let gradients = (loss + penalty * (self.config.penalty_weight() / 2.0)).backward();
        let gradients = GradientsParams::from_grads(gradients, discriminator);
        self.update(self.config.discriminator_lr, gradients);
        Ok(seen)
    }

    /// A step of maximum likelihood.
    fn teach_baseline(&mut self, real: Tensor<3>) -> Result<f64> {
        let seed = Tensor::zeros([self.config.batch, self.config.start], &self.device);
        let loss = self.gan.baseline.log_prob(seed, real).mean().neg();
        let seen = finite("the baseline's loss", loss.clone())?;
        let gradients = GradientsParams::from_grads(loss.backward(), &self.gan.baseline);
        self.update(self.config.baseline_lr, gradients);
        Ok(seen)
    }

    /// Moves the parameters that have a gradient.
    fn update(&mut self, lr: f64, gradients: GradientsParams) {
        // Taken, not cloned: parameters that nobody else holds are updated in place.
        let gan = std::mem::take(&mut self.gan);
        self.gan = self.optimizer.step(lr, gan, gradients);
    }

    /// The true sequences of the step, `[B, T, K]`: the strings in an order that is new in each epoch.
    fn batch(&mut self) -> Tensor<3> {
        let (size, count) = (self.config.batch, self.corpus.count());
        let per_epoch = (count / size) as u64;
        let (epoch, place) = (self.step / per_epoch, (self.step % per_epoch) as usize);
        if self.epoch.as_ref().is_none_or(|(known, _)| *known != epoch) {
            let stream = noise(self.config.seed, Use::Batches).stream();
            self.epoch = Some((epoch, order(stream, epoch, count)));
        }
        let (_, order) = self.epoch.as_ref().expect("set above");
        self.corpus.batch(&order[place * size..][..size], &self.device)
    }

    /// The strings of both generators, judged.
    ///
    /// # Errors
    /// Parameters that are not finite; a wish to stop.
    pub fn judge(&self, watch: &Watch) -> Result<(Quality, Quality)> {
        let (gan, config, alphabet) = (self.gan(), self.config, &self.corpus.alphabet);
        let noise = noise(config.seed, Use::Evaluation);
        let judge = |generator, start, label| {
            let strings =
                draw::strings(generator, start, alphabet, config.strings, &mut noise.split(label), watch)?;
            anyhow::Ok(measure(self.corpus, &strings))
        };
        Ok((
            judge(&gan.average, Start::Noise(config.start), 1)?,
            judge(&gan.baseline, Start::Zeros(config.start), 2)?,
        ))
    }

    fn save(&self, folder: &RunFolder) -> Result<()> {
        let way = clap::ValueEnum::to_possible_value(&self.config.generator).expect("every way has a name");
        let progress =
            Progress::new(self.step, way.get_name(), Vec::new(), self.digest.clone(), self.seconds);
        folder.write(
            "checkpoint/training.safetensors",
            checkpoint::training_bytes(&self.gan(), &self.optimizer, &progress)?,
        )
    }
}

fn finite(name: &str, number: Tensor<1>) -> Result<f64> {
    let number = number.into_scalar::<f64>();
    ensure!(number.is_finite(), "{name} is {number}");
    Ok(number)
}
