//! The traits of an experiment: its training, and the results of a finished run.

use super::{Course, DeviceName, Learner, Record, RunConfig, RunFolder, Summary};
use crate::page::{Images, Rendered};
use crate::parallel::Shards;
use crate::support::interrupt::Stop;
use anyhow::Result;
use burn::module::Module;
use burn::tensor::Device;
use gumbel::Noise;
use gumbel::estimator::State;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// An experiment of `gumbel train NAME`: data, parameters, a step and an evaluation. The [`Trainer`](super::Trainer) does
/// the rest: cadence, seconds, metrics, checkpoints, stopping and resuming.
pub trait Experiment: Sized {
    /// Its options; NAME is theirs.
    type Config: RunConfig;
    /// The data for training and testing, cheap to clone.
    type Data: Clone;
    /// Its networks.
    type Model: Module + Default;
    /// A row of `metrics.csv`.
    type Metrics: Record;

    /// The data that a configuration names.
    ///
    /// # Errors
    /// Data that are missing or damaged.
    fn load(config: &Self::Config) -> Result<Self::Data>;

    /// New networks, for training if the device has gradients.
    ///
    /// # Errors
    /// Data that do not fit the configuration, networks that do not fit in memory.
    fn new(config: &Self::Config, data: &Self::Data, device: &Device) -> Result<Self>;

    /// Prepares for training in these shards, and rejects what would fail at the first step.
    ///
    /// # Errors
    /// Labels that are missing, an estimator that cannot be used.
    fn prepare(&mut self, shards: Arc<Shards>) -> Result<()>;

    /// Its networks and their optimiser.
    fn learner(&self) -> &Learner<Self::Model>;

    /// The same, to be changed.
    fn learner_mut(&mut self) -> &mut Learner<Self::Model>;

    /// The properties that must be the same when a run is resumed.
    fn identity(&self) -> Identity;

    /// The states of the estimators, by layer of latents.
    fn states(&self) -> Vec<State> {
        Vec::new()
    }

    /// Restores the states of the estimators.
    ///
    /// # Errors
    /// States of another number, or of other estimators.
    fn restore(&mut self, _states: &[State]) -> Result<()> {
        Ok(())
    }

    /// One gradient step, after `step` of them; its row, to which the trainer adds step and seconds, if it is to be `read`.
    /// Only then does it wait for a device other than the processor.
    ///
    /// # Errors
    /// A loss that is not finite, where it is read.
    fn step(&mut self, step: u64, read: bool) -> Result<Option<Self::Metrics>>;

    /// Adds the evaluation on hard samples to the row of the last step.
    ///
    /// # Errors
    /// NaN among the parameters; [`Interrupted`](crate::support::interrupt::Interrupted).
    fn evaluate(&self, metrics: &mut Self::Metrics, stop: &Stop) -> Result<()>;

    /// The options to change where training breaks down.
    fn remedy(&self) -> &'static str;
}

/// The properties that must be the same when a run is resumed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The estimator, or the gradient of a generator.
    pub estimator: String,
    /// A digest of the data.
    pub data: String,
    /// The word for the data, in the plural: images, strings.
    pub examples: String,
}

/// The results of a finished run of an experiment: files, announcement, page, later evaluations and draws.
pub trait Outcome: Experiment {
    /// The experiment in a line, for `gumbel train --help`.
    const ABOUT: &'static str;
    /// Commands to start from, for `gumbel train NAME --help`.
    const EXAMPLES: &'static str;
    /// The properties that distinguish runs, such as the estimator.
    type Setup: Serialize + DeserializeOwned;
    /// Results on the test set.
    type Results: Serialize + DeserializeOwned;

    /// The name of the data.
    fn data_name(&self) -> &str;

    /// Model, data and estimator in a line.
    fn describe(&self) -> String;

    /// Trainable parameters.
    fn parameters(&self) -> usize;

    /// The properties that distinguish the run, after `steps` steps.
    fn setup(&self, steps: u64) -> Self::Setup;

    /// The trained networks as `model.safetensors`.
    ///
    /// # Errors
    /// Only if the format refuses its own names.
    fn saved(&self) -> Result<Vec<u8>>;

    /// Loads the parameters of a finished run, for its own data or for other data of the same form.
    ///
    /// # Errors
    /// A file that is missing or damaged; data of another form, such as images of another size.
    fn load_saved(&mut self, run: &RunFolder) -> Result<()>;

    /// Evaluates on the test set.
    ///
    /// # Errors
    /// NaN among the parameters; [`Interrupted`](crate::support::interrupt::Interrupted).
    fn test(&self, stop: &Stop) -> Result<Self::Results>;

    /// Rejects results that JSON cannot hold and nobody can use.
    ///
    /// # Errors
    /// The first number that is not finite, with the remedy.
    fn check(results: &Self::Results) -> Result<()>;

    /// The results in a few lines.
    fn announce(results: &Self::Results) -> String;

    /// Images that show the model, by name; none for a model of strings.
    ///
    /// # Errors
    /// NaN among the parameters.
    fn pictures(&self) -> Result<Vec<(&'static str, Images)>> {
        Ok(Vec::new())
    }

    /// The page of a run; a run in progress has no summary.
    ///
    /// # Errors
    /// NaN among the parameters.
    fn report(&self, course: &Course<Self::Metrics>, summary: Option<&SummaryOf<Self>>) -> Result<Rendered>;

    /// New images or strings from the saved networks of a run, on its device or on another.
    ///
    /// # Errors
    /// Files that are missing or damaged; data that are missing; a device that cannot be used.
    fn generate(
        run: &RunFolder,
        device: Option<DeviceName>,
        count: usize,
        noise: &mut Noise,
    ) -> Result<Generated>;
}

/// `summary.json` of an experiment.
pub type SummaryOf<E> = Summary<<E as Outcome>::Setup, <E as Outcome>::Results>;

/// Draws from a trained model.
#[derive(Clone, Debug, PartialEq)]
pub enum Generated {
    /// Images.
    Images(Images),
    /// Strings.
    Strings(Vec<String>),
}
