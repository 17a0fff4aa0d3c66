//! The configurations of models in common: options of the command line, entries of a file, and words.

use crate::data::labelled::Labelling;
use crate::data::{self, Dataset, ImageSize, registry};
use anyhow::{Result, ensure};
use clap::Args;
use gumbel::estimator::{EstimatorSpec, SampleKind};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use std::path::Path;

/// The hyperparameters of a [`Model`](super::Model), each an option of `gumbel train NAME`.
pub trait ModelConfig:
    Args + Serialize + DeserializeOwned + Clone + Debug + Default + PartialEq + Send + Sync + 'static
{
    /// The name in `gumbel train NAME`.
    const NAME: &'static str;
    /// The model in a line, for `gumbel train --help`.
    const ABOUT: &'static str;
    /// Commands to start from, for `gumbel train NAME --help`.
    const EXAMPLES: &'static str;
    /// The default temperature, if it differs from that of the estimator.
    const TAU: Option<f64> = None;
    /// The options that determine the size of the model, in words.
    const WIDTHS: &'static str;
    /// The option for the number of categories K.
    const CATEGORIES: &'static str = "--categories";
    /// The word for an example of the data: image, string.
    const EXAMPLE: &'static str = "image";
    /// The quantity that its objective bounds.
    const QUANTITY: Quantity = Quantity::NegativeElbo;

    /// Adapts defaults and help of the options that all models have.
    fn adapt(command: clap::Command) -> clap::Command {
        command
    }

    /// Whether the name is that of known data, which need no path.
    fn knows(name: &str) -> bool {
        registry::find(name).is_ok()
    }

    /// The data with that name or path.
    ///
    /// # Errors
    /// Data that are missing or damaged.
    fn load(&self, name: &str, data_dir: Option<&Path>) -> Result<Dataset> {
        Ok(data::load(name, data_dir, 0)?)
    }

    /// Numbers of latents per layer (D) and of categories per latent (K).
    fn latents(&self) -> (usize, usize);

    /// Number of layers of latents, each with its own estimator.
    fn layers(&self) -> usize {
        1
    }

    /// The number of samples m if the training objective is a log-mean-exp.
    fn bound(&self) -> Option<usize> {
        None
    }

    /// The labels that training sees, if the model takes any.
    fn labelling(&self) -> Option<Labelling> {
        None
    }

    /// Rejects options that cannot be trained with the estimator, with the remedy.
    ///
    /// # Errors
    /// The first option out of its range, or two that are incompatible.
    fn check(&self, estimator: &EstimatorSpec) -> Result<()>;

    /// The size of the model for images of this size.
    ///
    /// # Errors
    /// Images that it cannot model.
    fn size(&self, image: ImageSize) -> Result<Size>;

    /// The model in a few words: `20 latents of 10 categories`.
    fn describe(&self) -> String;

    /// The title of its report.
    fn title(data: &str) -> String;

    /// The model and how it was `trained`, in a sentence or two.
    fn summarize(&self, trained: &str) -> String {
        format!("{}, {trained}", self.describe())
    }

    /// The divergence in the objective in words, if there is one.
    fn divergence(&self) -> Option<String>;

    /// Whether the training objective with such samples is a bound for the model that is trained.
    fn training_is_bound(&self, samples: SampleKind) -> bool {
        samples == SampleKind::Hard
    }
}

/// The quantity that the objective of a model bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// −ln p(x), by the negative ELBO.
    NegativeElbo,
    /// −ln p(x), by the negative ELBO with the sum over classes.
    NegativeElboSummed,
    /// −ln p(lower half | upper half).
    Conditional,
}

impl Quantity {
    /// The name of the objective at one hard sample.
    pub fn one_sample(self) -> &'static str {
        match self {
            Self::NegativeElbo => "hard negative ELBO, one sample",
            Self::NegativeElboSummed => "hard negative ELBO, classes summed, one style",
            Self::Conditional => "hard objective of the lower half, one sample",
        }
    }

    /// The name of the bound with many samples.
    pub fn bound(self) -> &'static str {
        match self {
            Self::Conditional => "bound on -ln p(lower|upper)",
            _ => "importance-weighted bound",
        }
    }
}

/// The size of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Trainable parameters, or `u64::MAX` where they cannot be counted.
    pub parameters: u64,
    /// The widest layer, inputs and outputs included.
    pub widest: u64,
}

/// Trainable parameters of linear layers with these widths, or `u64::MAX` where they cannot be counted.
pub(super) fn linear_parameters(widths: &[u64]) -> u64 {
    let layer = |pair: &[u64]| pair[0].saturating_add(1).saturating_mul(pair[1]);
    widths.windows(2).map(layer).fold(0, u64::saturating_add)
}

/// Trainable parameters of linear layers with these widths and of others with the same in reverse.
pub(super) fn mirrored_parameters(widths: &[u64]) -> u64 {
    let reversed: Vec<u64> = widths.iter().rev().copied().collect();
    linear_parameters(widths).saturating_add(linear_parameters(&reversed))
}

/// Rejects a layer without latents, and a latent with fewer than two categories.
pub(super) fn check_latents(config: &impl ModelConfig) -> Result<()> {
    let (latents, categories) = config.latents();
    ensure!(latents >= 1, "--latents must be at least 1, got 0");
    ensure!(
        categories >= 2,
        "--categories must be at least 2, got {categories}: a latent with one category carries no information"
    );
    Ok(())
}
