//! The training loop.

use crate::adam::FusedAdam;
use crate::checkpoint::{self, Progress};
use crate::config::{Config, Options};
use crate::data::batches::Batches;
use crate::data::labelled::LabelledBatches;
use crate::data::{Dataset, ImageSize};
use crate::evaluate::{HeldOut, spread};
use crate::metrics::{Metrics, MetricsFile};
use crate::model::{Batch, Estimated, Model};
use crate::run::RunFolder;
use anyhow::{Context, Result, ensure};
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Tensor};
use gumbel::estimator::Estimator;
use gumbel::{Noise, Schedule};
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
    /// Draws of the gradient whose variance is measured.
    GradientVariance = 5,
}

/// The noise of a run for one use.
pub fn noise(seed: u64, purpose: Use) -> Noise {
    Noise::from_seed(seed).split(purpose as u64)
}

/// Held-out images evaluated while training.
const HELD_OUT: usize = 1000;
/// Steps between lines of `metrics.csv`. Not a share of all steps: a run made longer later has the same lines.
const LINE_EVERY: u64 = 10;

/// A model being trained.
pub struct Trainer<'a, M: Model> {
    config: &'a Config<M::Options>,
    batches: Batches<'a>,
    /// Of a model that takes labels.
    labelled: Option<LabelledBatches<'a>>,
    held_out: HeldOut<'a>,
    model: M,
    optimizer: ModuleOptimizer,
    /// One for each layer of latents.
    estimators: Vec<Box<dyn Estimator>>,
    tau: Option<Schedule>,
    device: Device,
    digest: String,
    step: u64,
    seconds: f64,
    first_step: Option<Instant>,
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

impl<'a, M: Model> Trainer<'a, M> {
    /// A run from its start.
    ///
    /// # Errors
    /// A configuration that cannot be trained.
    pub fn new(config: &'a Config<M::Options>, data: &'a Dataset) -> Result<Self> {
        config.check()?;
        ensure!(
            data.train.count > 0 && data.test.count > 0,
            "{} has no {}s to train or test on",
            data.name,
            M::Options::EXAMPLE
        );
        ensure!(
            config.batch <= data.train.count,
            "--batch must be at most the {} training {}s of {}, got {}",
            data.train.count,
            M::Options::EXAMPLE,
            data.name,
            config.batch
        );
        let size = ImageSize::of(&data.train);
        config.check_sizes(size)?;
        let device = Device::flex().autodiff();
        let order = noise(config.seed, Use::Batches).stream();
        let labelled = config.model.labelling().map(|labelling| {
            // A stream of its own: the other batches do not depend on the labels.
            LabelledBatches::new(data, &labelling, config.binarise, order.split(2))
        });
        let labelled = labelled.transpose()?;
        let start = &mut noise(config.seed, Use::Parameters);
        let model = M::new(&config.model, size, &data.train.mean(), start, &device);
        let trainer = Self {
            config,
            batches: Batches::new(&data.train, config.binarise, order, config.batch),
            digest: labelled.as_ref().map_or(data.digest(), |labelled| labelled.digest(data)),
            labelled,
            held_out: HeldOut::new(data.valid.as_ref().unwrap_or(&data.test), config.binarise),
            model,
            optimizer: FusedAdam::default().into(),
            estimators: (0..config.model.layers()).map(|_| config.estimator()).collect::<Result<_>>()?,
            tau: config.choice()?.schedule()?,
            device,
            step: 0,
            seconds: 0.0,
            first_step: None,
        };
        trainer.try_out()?;
        Ok(trainer)
    }

    /// Refuses estimators that cannot serve the model: one image tells, before a folder is made.
    fn try_out(&self) -> Result<()> {
        let images = self.held_out.batch(&[0]).autodiff();
        let logits = self.model.first_logits(images.clone());
        self.estimate(images, logits, &mut Noise::from_seed(0)).map(drop)
    }

    /// Goes back to a checkpoint.
    ///
    /// # Errors
    /// A checkpoint that is missing, corrupt, or of another model, estimator or data.
    pub fn restore(mut self, path: &Path) -> Result<Self> {
        let name = self.estimator_name();
        let (model, optimizer, progress) = checkpoint::load_training(path, self.model, self.optimizer)?;
        ensure!(
            progress.estimator == name,
            "{} was trained by {}, not {name}",
            path.display(),
            progress.estimator
        );
        let labels = if self.labelled.is_some() { " or labels" } else { "" };
        ensure!(
            progress.data == self.digest,
            "{} was trained on other {}s{labels} than {} holds now; put those back, or start a new run",
            path.display(),
            M::Options::EXAMPLE,
            self.config.data
        );
        progress.allows(self.config.steps)?;
        restore(&mut self.estimators, &progress).with_context(|| path.display().to_string())?;
        (self.model, self.optimizer) = (model, optimizer);
        (self.step, self.seconds) = (progress.step, progress.seconds);
        Ok(self)
    }

    fn estimator_name(&self) -> &'static str {
        self.estimators[0].properties().name
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

    /// The model without its gradients.
    pub fn model(&self) -> M {
        self.model.valid()
    }

    /// Trains to the last step, or until `observe` says stop; it is told of every line of metrics and is
    /// asked after every step. Evaluates after the first step, so that a short run has a held-out point too,
    /// and every `evaluate-every` steps; saves then, at the end and on stopping. Lines and evaluations do not
    /// depend on the number of steps.
    ///
    /// # Errors
    /// A loss that is no longer finite; a full disk.
    pub fn run(
        &mut self,
        folder: &RunFolder,
        metrics: &mut MetricsFile,
        observe: &mut dyn FnMut(u64, Option<&Metrics>) -> bool,
    ) -> Result<End> {
        while self.step < self.config.steps {
            let started = Instant::now();
            let step = self.advance().with_context(|| self.breakdown(self.step + 1))?;
            self.first_step.get_or_insert_with(Instant::now);
            self.seconds += started.elapsed().as_secs_f64();
            let milestone = self.step.is_multiple_of(self.config.evaluate_every);
            let evaluate = milestone || self.step == 1;
            let mut line = None;
            if evaluate || self.step.is_multiple_of(LINE_EVERY) {
                let measured = self.measure(&step, evaluate);
                line = Some(measured.with_context(|| self.breakdown(self.step))?);
                line.map_or(Ok(()), |line| metrics.add(line))?;
            }
            let go_on = observe(self.step, line.as_ref());
            if milestone || self.step == self.config.steps || !go_on {
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
        let logits = self.model.first_logits(images.clone());
        let mut noise = noise(self.config.seed, Use::Training).split(self.step);
        let Estimated { layers, reconstruction } = self.estimate(images, logits.clone(), &mut noise)?;
        let (estimate, kl) = (&layers[0], self.model.sampleless(&self.config.model, logits));
        let weight = M::sampleless_weight(&self.config.model, self.step);
        let kl = if weight == 1.0 { kl } else { kl * weight };
        let objective = (estimate.loss.clone() + kl).mean();
        let loss = f64::from(objective.clone().into_scalar::<f32>());
        ensure!(loss.is_finite(), "the training objective is {loss}");
        let gradients = match self.supervised(&mut noise) {
            Some(supervised) => (objective + supervised).backward(),
            None => objective.backward(),
        };
        let gradients = GradientsParams::from_grads(gradients, &self.model);
        // Taken, not cloned: parameters that nobody else holds are updated in place.
        let model = std::mem::take(&mut self.model);
        self.model = self.optimizer.step(self.config.lr.at(self.step), model, gradients);
        self.estimators.iter_mut().zip(&layers).for_each(|(estimator, estimate)| estimator.adapt(estimate));
        self.step += 1;
        Ok(Step { loss, reconstruction })
    }

    /// What labelled images add to the objective of a step, where there are any.
    fn supervised(&mut self, noise: &mut Noise) -> Option<Tensor<1>> {
        let labelled = self.labelled.as_mut()?.at(self.step, &self.device);
        Some(self.model.supervised(&self.config.model, labelled, noise).mean())
    }

    /// What to do about a step that has no finite result.
    fn breakdown(&self, step: u64) -> String {
        let remedy = if self.tau.is_some() { "lower --lr or raise --tau" } else { "lower --lr" };
        format!("training broke down at step {step}, {remedy}")
    }

    /// The estimated objective of images, given the logits of the first layer, `[B, D, K]`.
    fn estimate(&self, images: Tensor<2>, logits: Tensor<3>, noise: &mut Noise) -> Result<Estimated> {
        let batch = Batch { images, logits, step: self.step };
        Ok(self.model.estimate(&self.config.model, batch, &self.estimators, noise)?)
    }

    /// How much the estimator's gradient varies at the present parameters: the gradient of the mean objective of one
    /// batch of held-out images, always the same, with respect to the logits of the first layer; the unbiased variance
    /// of each of its coordinates over `draws` estimates with noise of their own, summed.
    ///
    /// With respect to the logits and not to the parameters behind them, because that is what an estimator decides:
    /// the rest of the way is the same for all of them, and the variance along it a matter of the layers' widths.
    fn gradient_variance(&self, draws: usize, noise: &Noise) -> Result<f64> {
        let images = self.held_out.batch(&spread(self.config.batch, self.held_out.count())).autodiff();
        let logits = self.model.first_logits(images.clone()).detach();
        let draw = |draw: u64| {
            let leaf = logits.clone().require_grad();
            let estimated = self.estimate(images.clone(), leaf.clone(), &mut noise.split(draw))?;
            let gradients = estimated.layers[0].loss.clone().mean().backward();
            anyhow::Ok(leaf.grad(&gradients).expect("an estimate has a gradient in the logits"))
        };
        // Running moments: memory does not grow with the draws.
        let (mut mean, mut squares) =
            (logits.clone().inner().zeros_like(), logits.clone().inner().zeros_like());
        for number in 0..draws as u64 {
            let away = draw(number)? - mean.clone();
            mean = mean + away.clone() / (number + 1) as f64;
            squares = squares + away.square() * (number as f64 / (number + 1) as f64);
        }
        Ok(squares.sum().into_scalar::<f64>() / (draws - 1) as f64)
    }

    fn measure(&self, step: &Step, evaluate: bool) -> Result<Metrics> {
        let noise = noise(self.config.seed, Use::Evaluation);
        let hard =
            evaluate.then(|| self.held_out.negative_elbo(&self.model(), HELD_OUT, &noise)).transpose()?;
        let variance = (evaluate && self.config.gradient_variance > 0).then(|| self.variance_now());
        Ok(Metrics {
            step: self.step,
            tau: self.tau.map(|tau| tau.at(self.step - 1)),
            training_loss: step.loss,
            reconstruction: step.reconstruction,
            kl: step.loss - step.reconstruction,
            hard_negative_elbo: hard.map(|mean| mean.nats),
            gradient_variance: variance.transpose()?,
            seconds: self.seconds,
        })
    }

    fn variance_now(&self) -> Result<f64> {
        let noise = noise(self.config.seed, Use::GradientVariance).split(self.step);
        self.gradient_variance(self.config.gradient_variance, &noise)
    }

    fn save(&self, folder: &RunFolder) -> Result<()> {
        let states = self.estimators.iter().map(|estimator| estimator.state()).collect();
        let progress =
            Progress::new(self.step, self.estimator_name(), states, self.digest.clone(), self.seconds);
        let bytes = checkpoint::training_bytes(&self.model(), &self.optimizer, &progress)?;
        folder.write("checkpoint/training.safetensors", bytes)
    }
}

fn restore(estimators: &mut [Box<dyn Estimator>], progress: &Progress) -> Result<()> {
    let (found, wanted) = (progress.states.len(), estimators.len());
    ensure!(found == wanted, "it is of another model, with {found} layers of latents, not {wanted}");
    let mut all = estimators.iter_mut().zip(&progress.states);
    all.try_for_each(|(estimator, state)| Ok(estimator.restore(state)?))
}

/// Time left at the pace so far.
pub fn remaining(done: u64, total: u64, seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds / done.max(1) as f64 * total.saturating_sub(done) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{VaeConfig, VaeOptions};
    use crate::data::digits;
    use crate::model::Vae;
    use crate::support::stats::Mean;

    /// Variances of thirty groups of draws.
    fn variances(estimator: &str) -> Vec<f64> {
        let config = VaeConfig {
            estimator: estimator.into(),
            batch: 5,
            model: VaeOptions {
                latents: 2,
                categories: 3,
                hidden: [4].into_iter().collect(),
                ..VaeOptions::default()
            },
            ..VaeConfig::default()
        };
        let data = digits::dataset(0, 20, 10);
        let trainer = Trainer::<Vae>::new(&config, &data).unwrap();
        let noise = Noise::from_seed(3);
        (0..30).map(|group| trainer.gradient_variance(20, &noise.split(group)).unwrap()).collect()
    }

    #[test]
    fn four_samples_have_a_quarter_of_the_variance_of_one_and_enumeration_has_none() {
        let one = variances("reinforce:baseline=none");
        let four = variances("reinforce:baseline=none:samples=4");
        let rest = Mean::of(one.iter().zip(&four).map(|(one, four)| one - 4.0 * four));
        assert!(rest.value.abs() < 4.0 * rest.standard_error, "{rest:?}");
        let (one, four, none) = (Mean::of(one), Mean::of(four), Mean::of(variances("exact")));
        assert!(one.value - four.value > 8.0 * one.standard_error, "{one:?} and {four:?}");
        assert!(none.value < 1e-9 * one.value);
    }
}
