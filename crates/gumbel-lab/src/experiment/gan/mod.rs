//! An adversarial game: a generator of discrete sequences against a discriminator, with a baseline generator that is
//! trained by maximum likelihood.

mod compared;
mod config;
mod draw;
mod generator_gradient;
mod loss;
mod metrics;
mod outcome;
mod page;
mod results;

pub use config::Config;
pub use draw::{HELD_OUT, STARTS, Start, nats, strings};
pub use generator_gradient::{GeneratorGradient, Rollout, start};
pub use loss::Loss;
pub use metrics::Metrics;
pub use results::{Evaluated, Results, Setup};

use crate::data::permutation;
use crate::data::text::{self, Corpus, Quality, measure};
use crate::model::{Gan, follow};
use crate::run::{Experiment, FusedAdam, Identity, Learner, Use, noise};
use crate::support::interrupt::{Stop, Watch};
use crate::support::memory::in_host_memory;
use anyhow::{Result, ensure};
use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use gumbel::check_device;
use std::sync::Arc;

/// Decay of Adam's first moment: the gradient in one player is soon out of date, since the other moves.
const BETA_1: f32 = 0.5;

/// Generator and discriminator in training, with the baseline of maximum likelihood.
pub struct GanExperiment {
    config: Config,
    corpus: Arc<Corpus>,
    learner: Learner<Gan>,
    device: Device,
    digest: String,
    /// The epoch of the batches, and its order of the strings.
    epoch: Option<(u64, Vec<u32>)>,
}

impl Experiment for GanExperiment {
    type Config = Config;
    type Data = Arc<Corpus>;
    type Model = Gan;
    type Metrics = Metrics;

    fn load(config: &Config) -> Result<Arc<Corpus>> {
        let common = &config.common;
        Ok(Arc::new(text::load(&common.data, common.data_dir.as_deref(), config.length)?))
    }

    fn new(config: &Config, corpus: &Arc<Corpus>, device: &Device) -> Result<Self> {
        config.check_sizes(corpus)?;
        let start = &mut noise(config.common.seed, Use::Parameters);
        let gan = config.networks.init([corpus.length, corpus.alphabet.len()], start, device);
        Ok(Self {
            config: config.clone(),
            corpus: Arc::clone(corpus),
            learner: Learner::new(gan, FusedAdam::with_beta_1(BETA_1)),
            device: device.clone(),
            digest: corpus.digest(),
            epoch: None,
        })
    }

    fn learner(&self) -> &Learner<Gan> {
        &self.learner
    }

    fn learner_mut(&mut self) -> &mut Learner<Gan> {
        &mut self.learner
    }

    fn identity(&self) -> Identity {
        let (estimator, data) = (self.config.generator.name().into(), self.digest.clone());
        Identity { estimator, data, examples: "strings".into() }
    }

    /// One step of each player, and of the baseline.
    fn step(&mut self, step: u64, read: bool) -> Result<Option<Metrics>> {
        let (real, tau) = (self.batch(step), self.config.tau_at(step));
        // In host memory a loss that is not finite is found at its step; another device is waited for only where a row is read.
        let seen = Seen { read: read || in_host_memory(&self.device) };
        // Both players learn from the same sequences, the generator after the discriminator.
        let rollout = self.rollout(step, tau)?;
        let (discriminator_loss, squared_slope) =
            self.train_discriminator(&real, rollout.sequences.clone().detach(), seen)?;
        let generator_loss = self.train_generator(rollout, &real, seen)?;
        self.average(step);
        let baseline = step < self.config.baseline_steps;
        let baseline_loss = baseline.then(|| self.train_baseline(real, seen)).transpose()?;
        if read {
            check_device(&self.device)?;
        }
        let losses = Metrics { generator_loss, discriminator_loss, squared_slope, ..Metrics::default() };
        Ok(read.then_some(Metrics { tau, baseline_loss, ..losses }))
    }

    fn evaluate(&self, metrics: &mut Metrics, stop: &Stop) -> Result<()> {
        let watch = Watch { stop: stop.clone(), ..Watch::nothing() };
        let (generator, baseline) = self.evaluate_strings(&watch)?;
        *metrics = metrics.with_quality(&generator, &baseline);
        Ok(())
    }

    fn remedy(&self) -> &'static str {
        "lower --lr, --discriminator-lr or --baseline-lr"
    }
}

impl GanExperiment {
    /// The players without their gradients.
    fn gan(&self) -> Gan {
        self.learner.model().valid()
    }

    /// The generated sequences of the step.
    fn rollout(&self, step: u64, tau: Option<f64>) -> Result<Rollout> {
        let config = &self.config;
        let mut noise = noise(config.common.seed, Use::Training).split(step);
        let seed = start(config.batch, config.networks.start, &mut noise, &self.device);
        // Without a temperature the samples are hard, and none is used.
        let generator = &self.learner.model().generator;
        Ok(config.generator.rollout(generator, seed, tau.unwrap_or(1.0), &mut noise)?)
    }

    /// A step of the generator; its loss.
    fn train_generator(&mut self, rollout: Rollout, real: &Tensor<3>, seen: Seen) -> Result<f64> {
        let gan = self.learner.model();
        let critic = gan.discriminator.clone().no_grad();
        let (real, generated) = (critic.score(real.clone()), critic.score(rollout.sequences.clone()));
        let losses = self.config.loss.generator(real, generated);
        let loss = seen.number("the generator's loss", losses.clone().mean())?;
        let gradients = rollout.surrogate(&gan.generator, losses).backward();
        let gradients = GradientsParams::from_grads(gradients, &gan.generator);
        drop((rollout, critic));
        self.learner.update(self.config.lr, gradients);
        Ok(loss)
    }

    /// Lets the average follow the generator, faster at the beginning: its first parameters mean nothing.
    fn average(&mut self, step: u64) {
        let decay = self.config.average.min((1.0 + step as f64) / (10.0 + step as f64));
        let gan = self.learner.model_mut();
        let average = std::mem::take(&mut gan.average);
        gan.average = follow(average, &gan.generator, decay);
    }

    /// A step of the discriminator; its loss, and the mean squared slope at true sequences.
    fn train_discriminator(
        &mut self,
        real: &Tensor<3>,
        generated: Tensor<3>,
        seen: Seen,
    ) -> Result<(f64, f64)> {
        let discriminator = &self.learner.model().discriminator;
        let (score, penalty) = discriminator.score_and_penalty(real.clone());
        let loss = self.config.loss.discriminator(score, discriminator.score(generated)).mean();
        let penalty = penalty.mean();
        let numbers = (
            seen.number("the discriminator's loss", loss.clone())?,
            seen.number("the gradient penalty", penalty.clone())?,
        );
        let gradients = (loss + penalty * (self.config.penalty_weight() / 2.0)).backward();
        let gradients = GradientsParams::from_grads(gradients, discriminator);
        self.learner.update(self.config.discriminator_lr, gradients);
        Ok(numbers)
    }

    /// A step of maximum likelihood.
    fn train_baseline(&mut self, real: Tensor<3>, seen: Seen) -> Result<f64> {
        let seed = Tensor::zeros([self.config.batch, self.config.networks.start], &self.device);
        let baseline = &self.learner.model().baseline;
        let loss = baseline.log_prob(seed, real).mean().neg();
        let number = seen.number("the baseline's loss", loss.clone())?;
        let gradients = GradientsParams::from_grads(loss.backward(), baseline);
        self.learner.update(self.config.baseline_lr, gradients);
        Ok(number)
    }

    /// The true sequences of the step, `[B, T, K]`: the strings in an order that is new in each epoch.
    fn batch(&mut self, step: u64) -> Tensor<3> {
        let (size, count) = (self.config.batch, self.corpus.count());
        let per_epoch = (count / size) as u64;
        let (epoch, place) = (step / per_epoch, (step % per_epoch) as usize);
        if self.epoch.as_ref().is_none_or(|(known, _)| *known != epoch) {
            let stream = noise(self.config.common.seed, Use::Batches).stream();
            self.epoch = Some((epoch, permutation(stream, epoch, count)));
        }
        let (_, order) = self.epoch.as_ref().expect("set above");
        self.corpus.batch(&order[place * size..][..size], &self.device)
    }

    /// The quality of the strings of the generator and of the baseline.
    fn evaluate_strings(&self, watch: &Watch) -> Result<(Quality, Quality)> {
        let (gan, config, alphabet) = (self.gan(), &self.config, &self.corpus.alphabet);
        let noise = noise(config.common.seed, Use::Evaluation);
        let quality = |generator, start, label| {
            let strings =
                strings(generator, start, alphabet, config.strings, &mut noise.split(label), watch)?;
            anyhow::Ok(measure(&self.corpus, &strings))
        };
        let start = config.networks.start;
        Ok((quality(&gan.average, Start::Noise(start), 1)?, quality(&gan.baseline, Start::Zeros(start), 2)?))
    }
}

/// Whether the losses of a step are read.
#[derive(Clone, Copy)]
struct Seen {
    read: bool,
}

impl Seen {
    /// A loss, which must be finite; NaN where none is read.
    fn number(self, name: &str, loss: Tensor<1>) -> Result<f64> {
        if !self.read {
            return Ok(f64::NAN);
        }
        let number = loss.into_scalar::<f64>();
        ensure!(number.is_finite(), "{name} is {number}");
        Ok(number)
    }
}
