//! What a model of images adds to the options of all.

use crate::checkpoint::ImageSize;
use anyhow::{Result, ensure};
use clap::Args;
use gumbel::estimator::Choice;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;

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

    /// Refuses what cannot be trained by such an estimator, with the remedy.
    ///
    /// # Errors
    /// The first option out of its range, or two that do not go together.
    fn check(&self, choice: &Choice) -> Result<()>;

    /// How large the model is, for images of this size.
    ///
    /// # Errors
    /// Images that it cannot model.
    fn extent(&self, size: ImageSize) -> Result<Extent>;
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
