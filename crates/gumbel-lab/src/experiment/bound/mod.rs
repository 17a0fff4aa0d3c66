//! A model of images or strings that is trained on a bound of its likelihood, by any estimator.

mod compared;
mod config;
mod held_out;
mod metrics;
mod outcome;
mod report;
mod results;
mod saved;
mod sizes;
mod step;
mod strings;
mod variance;

pub use config::Config;
#[cfg(test)]
pub(crate) use held_out::striped;
pub use held_out::{HeldOut, numbers, spread};
pub use metrics::Metrics;
pub(in crate::experiment) use report::TEMPERATURE;
pub use results::{Accuracy, ImportanceBound, Results, Setup, TextResults};

use crate::data::batches::Batches;
use crate::data::labelled::LabelledBatches;
use crate::data::{Dataset, ImageSize, Images};
use crate::model::{Batch, Model, ModelConfig};
use crate::parallel::Shards;
use crate::run::{Experiment, FusedAdam, Identity, Learner, Use, check_batch, noise};
use crate::support::interrupt::Stop;
use crate::support::memory::in_host_memory;
use anyhow::{Result, ensure};
use burn::tensor::Device;
use gumbel::estimator::{Estimator, State};
use gumbel::{Noise, Schedule};
use std::sync::Arc;

/// Held-out images evaluated while training.
const HELD_OUT: usize = 1000;

/// A model, its data and its estimators.
pub struct BoundExperiment<M: Model> {
    config: Config<M::Config>,
    data: Dataset,
    /// In training.
    batches: Option<Batches>,
    /// In training, for a model that takes labels.
    labelled: Option<LabelledBatches>,
    held_out: HeldOut,
    learner: Learner<M>,
    /// One for each layer of latents.
    estimators: Vec<Box<dyn Estimator>>,
    tau: Option<Schedule>,
    device: Device,
    on_host: bool,
    /// One, until it is prepared for training.
    shards: Arc<Shards>,
}

impl<M: Model> Experiment for BoundExperiment<M> {
    type Config = Config<M::Config>;
    type Data = Dataset;
    type Model = M;
    type Metrics = Metrics;

    fn load(config: &Self::Config) -> Result<Dataset> {
        config.model.load(&config.common.data, config.common.data_dir.as_deref())
    }

    fn new(config: &Self::Config, data: &Dataset, device: &Device) -> Result<Self> {
        let example = M::Config::EXAMPLE;
        ensure!(
            data.train.count > 0 && data.test.count > 0,
            "{} has no {example}s to train or test on",
            data.name
        );
        let size = ImageSize::of(&data.train);
        config.check_sizes(size)?;
        let start = &mut noise(config.common.seed, Use::Parameters);
        let model = M::init(&config.model, size, &data.train.mean(), start, device);
        Ok(Self {
            config: config.clone(),
            data: data.clone(),
            batches: None,
            labelled: None,
            held_out: config.held_out(evaluated(data), device),
            learner: Learner::new(model, FusedAdam::default()),
            estimators: (0..config.model.layers()).map(|_| config.estimator()).collect::<Result<_>>()?,
            tau: config.choice()?.schedule()?,
            device: device.clone(),
            on_host: in_host_memory(device),
            shards: Arc::new(Shards::whole()),
        })
    }

    fn prepare(&mut self, shards: Arc<Shards>) -> Result<()> {
        let (batch, binarize, train) = (self.config.batch, self.config.binarize, &self.data.train);
        check_batch(batch, train.count, &format!("{}s", M::Config::EXAMPLE), &self.data.name)?;
        self.held_out = self.config.held_out(evaluated(&self.data), &self.device).shared(&shards);
        self.shards = shards;
        let order = noise(self.config.common.seed, Use::Batches).stream();
        if let Some(labelling) = self.config.model.labelling() {
            // A separate stream: the other batches do not depend on the labels.
            self.labelled = Some(LabelledBatches::new(&self.data, &labelling, binarize, order.split(2))?);
        }
        self.batches = Some(Batches::new(train, binarize, order, batch));
        self.try_out()
    }

    fn learner(&self) -> &Learner<M> {
        &self.learner
    }

    fn learner_mut(&mut self) -> &mut Learner<M> {
        &mut self.learner
    }

    fn identity(&self) -> Identity {
        let labels = if self.labelled.is_some() { " or labels" } else { "" };
        let digest = self.labelled.as_ref().map(|labelled| labelled.digest(&self.data));
        Identity {
            estimator: self.estimators[0].properties().name.into(),
            data: digest.unwrap_or_else(|| self.data.digest()),
            examples: format!("{}s{labels}", M::Config::EXAMPLE),
        }
    }

    fn states(&self) -> Vec<State> {
        self.estimators.iter().map(|estimator| estimator.state()).collect()
    }

    fn restore(&mut self, states: &[State]) -> Result<()> {
        let (found, expected) = (states.len(), self.estimators.len());
        ensure!(found == expected, "expected a model with {expected} layers of latents, got {found}");
        let mut all = self.estimators.iter_mut().zip(states);
        all.try_for_each(|(estimator, state)| Ok(estimator.restore(state)?))
    }

    fn step(&mut self, step: u64, read: bool) -> Result<Option<Metrics>> {
        self.take_step(step, read)
    }

    fn evaluate(&self, metrics: &mut Metrics, stop: &Stop) -> Result<()> {
        let noise = noise(self.config.common.seed, Use::Evaluation);
        self.shards.agreed(stop.check().map_err(Into::into))?;
        let hard = self.held_out.negative_elbo(&self.model(), HELD_OUT, &noise)?;
        metrics.hard_negative_elbo = Some(hard.value);
        if self.config.gradient_variance > 0 {
            metrics.gradient_variance = Some(self.gradient_variance(metrics.step, stop)?);
        }
        Ok(())
    }

    fn remedy(&self) -> &'static str {
        if self.tau.is_some() { "lower --lr or raise --tau" } else { "lower --lr" }
    }
}

impl<M: Model> BoundExperiment<M> {
    /// The model without its gradients.
    fn model(&self) -> M {
        self.learner.model().valid()
    }

    /// The test images.
    fn test_set(&self) -> HeldOut {
        self.config.held_out(&self.data.test, &self.device).shared(&self.shards)
    }

    /// Rejects estimators that cannot be used with the model: one image shows it, before a folder is made.
    fn try_out(&self) -> Result<()> {
        let images = self.held_out.batch(&[0]).autodiff();
        let (model, mut noise) = (self.learner.model(), Noise::from_seed(0));
        let batch = Batch { logits: model.first_logits(images.clone()), images, step: 0 };
        let estimated = model.estimate(&self.config.model, batch, &self.estimators, &mut noise)?;
        let mut layers = self.estimators.iter().zip(estimated.layers);
        layers.try_for_each(|(estimator, estimate)| Ok(estimator.join(&[estimate]).map(drop)?))
    }
}

/// The images that are evaluated while training.
fn evaluated(data: &Dataset) -> &Images {
    data.valid.as_ref().unwrap_or(&data.test)
}
