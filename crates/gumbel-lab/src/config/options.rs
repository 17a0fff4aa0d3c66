//! What a model of images adds to the options of all.

use crate::data::ImageSize;
use crate::data::{self, Dataset, registry};
use anyhow::{Result, ensure};
use clap::Args;
use gumbel::estimator::EstimatorSpec;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt::Debug;
use std::path::Path;

/// What a model of images adds to the options.
pub trait Options:
    Args + Serialize + DeserializeOwned + Clone + Debug + Default + PartialEq + Send + Sync + 'static
{
    /// The model, as `gumbel train` calls it.
    const MODEL: &'static str;
    /// The temperature where none is given, if it is not to be the estimator's own.
    const TAU: Option<f64>;
    /// The options that decide how large the model is, in words.
    const WIDTHS: &'static str;
    /// The option for the categories K.
    const CATEGORIES: &'static str = "--categories";
    /// What one of the examples is.
    const EXAMPLE: &'static str = "image";

    /// The options of all models, with the defaults and the words of this one.
    fn suit(command: clap::Command) -> clap::Command {
        command
    }

    /// Whether data are known by that name, and need no path.
    fn knows(name: &str) -> bool {
        registry::find(name).is_ok()
    }

    /// The data of that name or path.
    ///
    /// # Errors
    /// Data that are missing or damaged.
    fn load(&self, name: &str, data_dir: Option<&Path>) -> Result<Dataset> {
        Ok(data::load(name, data_dir, 0)?)
    }

    /// The latents D of a layer, and the categories K of each.
    fn latents(&self) -> (usize, usize);

    /// Layers of latents: each gets an estimator of its own.
    fn layers(&self) -> usize {
        1
    }

    /// The samples m that the training objective is a log-mean-exp of, if it is one.
    fn bound(&self) -> Option<usize> {
        None
    }

    /// The labels a run may see, if the model takes any.
    fn labelling(&self) -> Option<Labelling> {
        None
    }

    /// Refuses what cannot be trained by such an estimator, with the remedy.
    ///
    /// # Errors
    /// The first option out of its range, or two that do not go together.
    fn check(&self, choice: &EstimatorSpec) -> Result<()>;

    /// How large the model is, for images of this size.
    ///
    /// # Errors
    /// Images that it cannot model.
    fn extent(&self, size: ImageSize) -> Result<Extent>;
}

/// Which images a run may see the labels of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Labelling {
    /// How many, a multiple of the classes.
    pub count: usize,
    /// Classes K.
    pub classes: usize,
    /// How many of them in a step.
    pub batch: usize,
    /// Where labels come from.
    pub source: LabelSource,
}

/// Where labels come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LabelSource {
    /// The data set has them
    Data,
    /// Drawn at random, for timing with any number of classes
    Random,
}

/// How large a model is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Numbers trained, or `u64::MAX` where they cannot be counted.
    pub parameters: u64,
    /// The widest layer, inputs and outputs included.
    pub widest: u64,
}

/// Refuses latents that say nothing.
pub(super) fn check_latents(options: &impl Options) -> Result<()> {
    let (latents, categories) = options.latents();
    ensure!(latents >= 1, "--latents must be at least 1, got 0");
    ensure!(
        categories >= 2,
        "--categories must be at least 2, got {categories}: a latent with one category says nothing"
    );
    Ok(())
}
