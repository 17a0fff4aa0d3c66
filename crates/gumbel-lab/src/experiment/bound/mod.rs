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
use crate::data::{Dataset, ImageSize};
use crate::model::{Batch, Estimated, Model, ModelConfig};
use crate::run::{Experiment, FusedAdam, Identity, Learner, Use, noise};
use crate::support::interrupt::Stop;
use crate::support::memory::in_host_memory;
use anyhow::{Result, ensure};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use gumbel::estimator::{Estimator, State};
use gumbel::{Noise, Schedule, check_device};

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
        let evaluated = data.valid.as_ref().unwrap_or(&data.test);
        Ok(Self {
            config: config.clone(),
            data: data.clone(),
            batches: None,
            labelled: None,
            held_out: config.held_out(evaluated, device),
            learner: Learner::new(model, FusedAdam::default()),
            estimators: (0..config.model.layers()).map(|_| config.estimator()).collect::<Result<_>>()?,
            tau: config.choice()?.schedule()?,
            device: device.clone(),
            on_host: in_host_memory(device),
        })
    }

    fn prepare(&mut self) -> Result<()> {
        let (batch, binarize, train) = (self.config.batch, self.config.binarize, &self.data.train);
        ensure!(
            batch <= train.count,
            "--batch must be at most the {} training {}s of {}, got {batch}",
            train.count,
            M::Config::EXAMPLE,
            self.data.name
        );
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
        let images = self.batches.as_mut().expect("prepared for training").at(step, &self.device);
        let logits = self.learner.model().first_logits(images.clone());
        let mut noise = noise(self.config.common.seed, Use::Training).split(step);
        let Estimated { layers, reconstruction } = self.estimate(step, images, logits.clone(), &mut noise)?;
        let objective = (layers[0].loss.clone() + self.sampleless(step, logits)).mean();
        let row = self.row(step, &objective, reconstruction, read)?;
        let gradients = match self.supervised(step, &mut noise) {
            Some(supervised) => (objective + supervised).backward(),
            None => objective.backward(),
        };
        let gradients = GradientsParams::from_grads(gradients, self.learner.model());
        self.learner.update(self.config.lr_at(step), gradients);
        self.estimators.iter_mut().zip(&layers).for_each(|(estimator, estimate)| estimator.adapt(estimate));
        Ok(row)
    }

    fn evaluate(&self, metrics: &mut Metrics, stop: &Stop) -> Result<()> {
        let noise = noise(self.config.common.seed, Use::Evaluation);
        stop.check()?;
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
        self.config.held_out(&self.data.test, &self.device)
    }

    /// Rejects estimators that cannot be used with the model: one image shows it, before a folder is made.
    fn try_out(&self) -> Result<()> {
        let images = self.held_out.batch(&[0]).autodiff();
        let logits = self.learner.model().first_logits(images.clone());
        self.estimate(0, images, logits, &mut Noise::from_seed(0)).map(drop)
    }

    /// The estimated objective of images, given the logits of the first layer, `[B, D, K]`.
    fn estimate(
        &self,
        step: u64,
        images: Tensor<2>,
        logits: Tensor<3>,
        noise: &mut Noise,
    ) -> Result<Estimated> {
        let batch = Batch { images, logits, step };
        Ok(self.learner.model().estimate(&self.config.model, batch, &self.estimators, noise)?)
    }

    /// The row of a step. In host memory its numbers are at hand, and training breaks down at the step that is not finite;
    /// another device is waited for only where a row is to be `read`.
    fn row(
        &self,
        step: u64,
        objective: &Tensor<1>,
        reconstruction: Tensor<1>,
        read: bool,
    ) -> Result<Option<Metrics>> {
        if !read && !self.on_host {
            return Ok(None);
        }
        let loss = f64::from(objective.clone().into_scalar::<f32>());
        check_device(&self.device)?;
        ensure!(loss.is_finite(), "the training objective is {loss}");
        let (tau, reconstruction) = (self.tau.map(|tau| tau.at(step)), reconstruction.into_scalar::<f64>());
        let kl = loss - reconstruction;
        Ok(Some(Metrics { tau, training_loss: loss, reconstruction, kl, ..Metrics::default() }))
    }

    /// The part of the objective that does not depend on a sample, with its weight.
    fn sampleless(&self, step: u64, logits: Tensor<3>) -> Tensor<1> {
        let part = self.learner.model().sampleless(&self.config.model, logits);
        let weight = M::sampleless_weight(&self.config.model, step);
        if weight == 1.0 { part } else { part * weight }
    }

    /// The contribution of labelled images to the objective of a step, if there are any.
    fn supervised(&mut self, step: u64, noise: &mut Noise) -> Option<Tensor<1>> {
        let labelled = self.labelled.as_mut()?.at(step, &self.device);
        Some(self.learner.model().supervised(&self.config.model, labelled, noise).mean())
    }
}
