//! The training loop.

use crate::batches::Batches;
use crate::checkpoint::{self, Progress};
use crate::config::VaeConfig;
use crate::data::Dataset;
use crate::evaluate::HeldOut;
use crate::model::Vae;
use crate::run::{Metrics, MetricsFile, RunFolder};
use anyhow::{Context, Result, ensure};
use burn::module::Module;
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Tensor};
use gumbel::Noise;
use gumbel::estimator::{Estimate, Estimator, Objective};
use std::cell::Cell;
use std::path::Path;
use std::time::{Duration, Instant};

/// What the noise of a run is split into; the order is part of the promise that a seed keeps its numbers.
#[derive(Clone, Copy)]
pub enum Use {
    /// Initial parameters.
    Parameters = 0,
    /// Order and binarisation of the training images.
    Batches = 1,
    /// Training samples, by step.
    Training = 2,
    /// Evaluation samples.
    Evaluation = 3,
    /// Pictures for the report, and generated images.
    Pictures = 4,
}

/// The noise of a run for one use.
pub fn noise(seed: u64, purpose: Use) -> Noise {
    Noise::from_seed(seed).split(purpose as u64)
}

/// Held-out images evaluated while training.
const HELD_OUT: usize = 1000;
/// About how many lines `metrics.csv` gets.
const LINES: u64 = 1000;

/// A model being trained.
pub struct Trainer<'a> {
    config: &'a VaeConfig,
    batches: Batches<'a>,
    held_out: HeldOut<'a>,
    model: Vae,
    optimizer: ModuleOptimizer,
    estimator: Box<dyn Estimator>,
    device: Device,
    step: u64,
    seconds: f64,
}

/// What a step saw, in nats per image.
struct Step {
    loss: f64,
    reconstruction: f64,
}

/// Why training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// All steps were done.
    Finished,
    /// The caller asked for it; there is a checkpoint.
    Stopped,
}

impl<'a> Trainer<'a> {
    /// A run from its start.
    ///
    /// # Errors
    /// A configuration that cannot be trained.
    pub fn new(config: &'a VaeConfig, data: &'a Dataset) -> Result<Self> {
        config.check()?;
        ensure!(
            data.train.count > 0 && data.test.count > 0,
            "{} has no images to train or test on",
            data.name
        );
        let device = Device::flex().autodiff();
        let shape = config.shape(data.train.pixels_per_image());
        let model = Vae::new(&shape, &data.train.mean(), &mut noise(config.seed, Use::Parameters), &device);
        Ok(Self {
            config,
            batches: Batches::new(
                &data.train,
                config.binarise,
                noise(config.seed, Use::Batches).stream(),
                config.batch,
            ),
            held_out: HeldOut::new(data.valid.as_ref().unwrap_or(&data.test), config.binarise),
            model,
            optimizer: AdamConfig::new().with_epsilon(1e-8).init(),
            estimator: config.estimator()?,
            device,
            step: 0,
            seconds: 0.0,
        })
    }

    /// Goes back to a checkpoint.
    ///
    /// # Errors
    /// A checkpoint that is missing, corrupt, or of another model or estimator.
    pub fn restore(mut self, path: &Path) -> Result<Self> {
        let (model, optimizer, progress) = checkpoint::load_training(path, self.model, self.optimizer)?;
        ensure!(
            progress.estimator == self.estimator.info().name,
            "{} was trained by {}, not {}",
            path.display(),
            progress.estimator,
            self.estimator.info().name
        );
        self.estimator.restore(&progress.estimator_state).with_context(|| path.display().to_string())?;
        (self.model, self.optimizer) = (model, optimizer);
        (self.step, self.seconds) = (progress.step, progress.seconds);
        Ok(self)
    }

    /// Steps done.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Seconds of training, evaluations left out.
    pub fn seconds(&self) -> f64 {
        self.seconds
    }

    /// The model without its gradients.
    pub fn model(&self) -> Vae {
        self.model.valid()
    }

    /// Trains to the last step, or until `observe` says stop; it is told of every line of metrics and is
    /// asked after every step. Evaluates and saves every `evaluate-every` steps, and on stopping.
    ///
    /// # Errors
    /// A loss that is no longer finite; a full disk.
    pub fn run(
        &mut self,
        folder: &RunFolder,
        metrics: &mut MetricsFile,
        observe: &mut dyn FnMut(u64, Option<&Metrics>) -> bool,
    ) -> Result<End> {
        let every = (self.config.steps / LINES).max(1);
        while self.step < self.config.steps {
            let started = Instant::now();
            let step = self.advance()?;
            self.seconds += started.elapsed().as_secs_f64();
            let evaluate =
                self.step.is_multiple_of(self.config.evaluate_every) || self.step == self.config.steps;
            let mut line = None;
            if evaluate || self.step.is_multiple_of(every) {
                line = Some(self.measure(&step, evaluate)?);
                line.map_or(Ok(()), |line| metrics.add(line))?;
            }
            let go_on = observe(self.step, line.as_ref());
            if evaluate || !go_on {
                metrics.flush()?;
                self.save(folder)?;
            }
            if !go_on {
                return Ok(if self.step == self.config.steps { End::Finished } else { End::Stopped });
            }
        }
        Ok(End::Finished)
    }

    /// One gradient step.
    fn advance(&mut self) -> Result<Step> {
        let images = self.batches.at(self.step, &self.device);
        let (estimate, reconstruction, kl) = self.estimate(images)?;
        let loss = f64::from((estimate.value.clone() + kl.clone().detach()).mean().into_scalar::<f32>());
        ensure!(
            loss.is_finite(),
            "the training objective is {loss} at step {}: lower --lr or raise --tau",
            self.step + 1
        );
        let gradients = (estimate.surrogate.clone() + kl).mean().backward();
        let gradients = GradientsParams::from_grads(gradients, &self.model);
        self.model = self.optimizer.step(self.config.lr, self.model.clone(), gradients);
        self.estimator.adapt(&estimate);
        self.step += 1;
        Ok(Step { loss, reconstruction })
    }

    /// The estimate, its mean −ln p(x|z), and the part of the KL that no sample enters, `[B]`.
    fn estimate(&self, images: Tensor<2>) -> Result<(Estimate, f64, Tensor<1>)> {
        let posterior = self.model.encode(images.clone());
        let divergence = self.config.divergence();
        let reconstruction = Cell::new(f64::NAN);
        let objective = Objective::mean(|sample| {
            let parts = self.model.objective(images.clone(), posterior.clone(), sample, divergence);
            let mean = sample.mean(parts.reconstruction.clone()).mean();
            reconstruction.set(mean.into_scalar::<f64>());
            parts.total()
        });
        let mut noise = noise(self.config.seed, Use::Training).split(self.step);
        let estimate = self.estimator.estimate(posterior.clone(), &objective, &mut noise, self.step)?;
        Ok((estimate, reconstruction.get(), self.model.sampleless_kl(posterior.clone(), divergence)))
    }

    fn measure(&self, step: &Step, evaluate: bool) -> Result<Metrics> {
        let noise = noise(self.config.seed, Use::Evaluation);
        let hard =
            evaluate.then(|| self.held_out.negative_elbo(&self.model(), HELD_OUT, &noise)).transpose()?;
        Ok(Metrics {
            step: self.step,
            tau: self.config.tau.at(self.step - 1),
            training_loss: step.loss,
            reconstruction: step.reconstruction,
            kl: step.loss - step.reconstruction,
            hard_negative_elbo: hard.map(|mean| mean.nats),
            seconds: self.seconds,
        })
    }

    fn save(&self, folder: &RunFolder) -> Result<()> {
        let progress = Progress {
            step: self.step,
            estimator: self.estimator.info().name.into(),
            estimator_state: self.estimator.state(),
            seconds: self.seconds,
        };
        let bytes = checkpoint::training_bytes(&self.model(), &self.optimizer, &progress)?;
        folder.write("checkpoint/training.safetensors", bytes)
    }
}

/// Time left at the pace so far.
pub fn remaining(done: u64, total: u64, seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds / done.max(1) as f64 * total.saturating_sub(done) as f64)
}
