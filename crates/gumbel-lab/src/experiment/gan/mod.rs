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
mod step;

pub use config::Config;
pub use draw::{HELD_OUT, STARTS, Start, nats, strings};
pub use generator_gradient::{GeneratorGradient, Rollout, start};
pub use loss::Loss;
pub use metrics::Metrics;
pub use results::{Evaluated, Results, Setup};

use crate::data::permutation;
use crate::data::text::{self, Corpus, Quality, measure};
use crate::model::Gan;
use crate::parallel::Shards;
use crate::run::{Experiment, FusedAdam, Identity, Learner, Use, noise};
use crate::support::interrupt::{Stop, Watch};
use anyhow::Result;
use burn::module::Module;
use burn::tensor::Device;
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
    /// One, until it is prepared for training.
    shards: Arc<Shards>,
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
            shards: Arc::new(Shards::whole()),
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

    fn prepare(&mut self, shards: Arc<Shards>) -> Result<()> {
        self.shards = shards;
        Ok(())
    }

    fn step(&mut self, step: u64, read: bool) -> Result<Option<Metrics>> {
        self.play(step, read)
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

    /// The places of the strings of the step `[B]`, in an order that is new in each epoch.
    fn places(&mut self, step: u64) -> Vec<u32> {
        let (size, count) = (self.config.batch, self.corpus.count());
        let per_epoch = (count / size) as u64;
        let (epoch, place) = (step / per_epoch, (step % per_epoch) as usize);
        if self.epoch.as_ref().is_none_or(|(known, _)| *known != epoch) {
            let stream = noise(self.config.common.seed, Use::Batches).stream();
            self.epoch = Some((epoch, permutation(stream, epoch, count)));
        }
        let (_, order) = self.epoch.as_ref().expect("set above");
        order[place * size..][..size].to_vec()
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
