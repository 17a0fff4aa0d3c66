//! A vector-quantised autoencoder of images, by any quantiser of `gumbel::quantize`.

mod compared;
mod config;
mod held_out;
mod metrics;
mod outcome;
mod page;
mod results;
mod step;

pub use config::Config;
pub use metrics::Metrics;
pub use results::{Book, Part, Results, Setup};

use crate::data::batches::Batches;
use crate::data::{self, Dataset, ImageSize};
use crate::experiment::bound::HeldOut;
use crate::model::Vqvae;
use crate::parallel::Shards;
use crate::run::{Experiment, FusedAdam, Identity, Learner, Use, check_batch, noise};
use crate::support::interrupt::Stop;
use crate::support::memory::in_host_memory;
use anyhow::{Result, ensure};
use burn::module::Module;
use burn::tensor::Device;
use std::sync::Arc;

/// Held-out images evaluated while training.
const HELD_OUT: usize = 1000;

/// The autoencoder in training, with its prior.
pub struct VqvaeExperiment {
    config: Config,
    data: Dataset,
    /// In training.
    batches: Option<Batches>,
    learner: Learner<Vqvae>,
    device: Device,
    on_host: bool,
}

impl Experiment for VqvaeExperiment {
    type Config = Config;
    type Data = Dataset;
    type Model = Vqvae;
    type Metrics = Metrics;

    fn load(config: &Config) -> Result<Dataset> {
        Ok(data::load(&config.common.data, config.common.data_dir.as_deref(), 0)?)
    }

    fn new(config: &Config, data: &Dataset, device: &Device) -> Result<Self> {
        ensure!(
            data.train.count > 0 && data.test.count > 0,
            "{} has no images to train or test on",
            data.name
        );
        let size = ImageSize::of(&data.train);
        config.check_sizes(size)?;
        let start = &mut noise(config.common.seed, Use::Parameters);
        let tau = config.temperature();
        let model = Vqvae::init(&config.model, tau, size, &data.train.mean(), start, device)?;
        Ok(Self {
            config: config.clone(),
            data: data.clone(),
            batches: None,
            learner: Learner::new(model, FusedAdam::default()),
            device: device.clone(),
            on_host: in_host_memory(device),
        })
    }

    fn prepare(&mut self, _shards: Arc<Shards>) -> Result<()> {
        let (batch, train, model) = (self.config.batch, &self.data.train, &self.config.model);
        check_batch(batch, train.count, "images", &self.data.name)?;
        let (vectors, codes) = (batch * model.latents, model.codes());
        ensure!(
            !model.quantizer.starts_from_data() || vectors >= codes,
            "a batch has {vectors} vectors, fewer than the {codes} codes that start from them; raise --batch or --latents, or \
             lower --bits"
        );
        let order = noise(self.config.common.seed, Use::Batches).stream();
        self.batches = Some(Batches::new(train, self.config.binarize, order, batch));
        Ok(())
    }

    fn learner(&self) -> &Learner<Vqvae> {
        &self.learner
    }

    fn learner_mut(&mut self) -> &mut Learner<Vqvae> {
        &mut self.learner
    }

    fn identity(&self) -> Identity {
        let estimator = self.config.model.quantizer.name().into();
        Identity { estimator, data: self.data.digest(), examples: "images".into() }
    }

    fn step(&mut self, step: u64, read: bool) -> Result<Option<Metrics>> {
        self.take_step(step, read)
    }

    fn evaluate(&self, metrics: &mut Metrics, stop: &Stop) -> Result<()> {
        let data = self.data.valid.as_ref().unwrap_or(&self.data.test);
        let found = self.measured(&self.held_out(data), HELD_OUT, stop)?;
        metrics.held_out_distortion = Some(found.distortion.nats);
        metrics.held_out_rate = Some(found.rate.nats);
        metrics.perplexity = Some(found.perplexity());
        Ok(())
    }

    fn remedy(&self) -> &'static str {
        "lower --lr or --commitment"
    }
}

impl VqvaeExperiment {
    /// The model without its gradients.
    fn model(&self) -> Vqvae {
        self.learner.model().valid()
    }

    /// Images to evaluate on, binarized once.
    fn held_out(&self, images: &data::Images) -> HeldOut {
        HeldOut::new(images, self.config.binarize, &self.device.clone().inner())
    }
}
