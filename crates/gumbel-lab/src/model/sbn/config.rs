//! The hyperparameters of a sigmoid belief network.

use crate::data::ImageSize;
use crate::model::config::{check_latents, linear_parameters};
use crate::model::{ModelConfig, Quantity, Size};
use crate::support::options::{count, defaults};
use anyhow::{Result, ensure};
use clap::Args;
use gumbel::estimator::{EstimatorSpec, SampleKind};
use serde::{Deserialize, Serialize};

/// The hyperparameters of a sigmoid belief network.
#[derive(Clone, Debug, PartialEq, Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct SbnConfig {
    /// Number of latents in each of the two layers (D)
    #[arg(long, default_value_t = 200, value_parser = count::<usize>, value_name = "D", help_heading = "Model")]
    pub latents: usize,
    /// Number of categories per latent (K), at least 2
    #[arg(long, default_value_t = 2, value_parser = count::<usize>, value_name = "K", help_heading = "Model")]
    pub categories: usize,
    /// Number of samples of a log-mean-exp training objective (M), instead of the mean over --samples
    #[arg(long, value_parser = count::<usize>, value_name = "M", help_heading = "Model")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub train_samples: Option<usize>,
}

impl ModelConfig for SbnConfig {
    const NAME: &'static str = "sbn";
    const ABOUT: &'static str = "A sigmoid belief network that draws the lower half of a binary image from its upper half, \
                                 through two layers of D latents of K categories";
    const EXAMPLES: &'static str = "Examples:
  gumbel train sbn                                          the built-in digits, by binary latents
  gumbel train sbn --latents 20 --categories 10             categorical latents
  gumbel train sbn --estimator rloo:samples=4               the score function, four samples
  gumbel train sbn --train-samples 5                        the bound of five samples
  gumbel train sbn --resume runs/sbn-1                      resume a stopped run
  gumbel generate runs/sbn-1                                test images, completed

Results are in nats on the lower half: upper bounds on -ln p(lower|upper), with one hard sample and
with m of them. Training is by Adam at a fixed temperature of 1 (Jang, Gu and Poole 2017 use SGD
with momentum).";
    // Jang, Gu and Poole 2017, section 4.1: fixed, not annealed.
    const TAU: Option<f64> = Some(1.0);
    const WIDTHS: &'static str = "--latents or --categories";
    const QUANTITY: Quantity = Quantity::Conditional;

    fn latents(&self) -> (usize, usize) {
        (self.latents, self.categories)
    }

    fn layers(&self) -> usize {
        2
    }

    fn bound(&self) -> Option<usize> {
        self.train_samples
    }

    fn check(&self, _choice: &EstimatorSpec) -> Result<()> {
        check_latents(self)
    }

    fn size(&self, image: ImageSize) -> Result<Size> {
        ensure!(
            image.height >= 2,
            "--data has images of {} row; a sigmoid belief network needs an upper and a lower half: choose other data",
            image.height
        );
        let [upper, lower] = halves(image).map(|pixels| pixels as u64);
        let (code, latents) = (self.code() as u64, self.latents.saturating_mul(self.categories) as u64);
        let widths = [upper, code, code, lower];
        Ok(Size { parameters: linear_parameters(&widths), widest: latents.max(lower.max(upper)) })
    }

    fn describe(&self) -> String {
        format!("two layers of {} latents of {} categories", self.latents, self.categories)
    }

    fn title(data: &str) -> String {
        format!("Sigmoid belief network on {data}")
    }

    fn summarize(&self, trained: &str) -> String {
        format!("The lower half of an image from its upper half, through {}, {trained}", self.describe())
    }

    fn divergence(&self) -> Option<String> {
        None
    }

    /// Of the relaxed model where samples are relaxed: no divergence of another distribution enters.
    fn training_is_bound(&self, _samples: SampleKind) -> bool {
        true
    }
}

/// Pixels of the upper and of the lower half; the middle row of an odd number belongs to the lower.
pub(super) fn halves(image: ImageSize) -> [usize; 2] {
    let upper = image.height / 2 * image.width;
    [upper, image.pixels() - upper]
}

impl SbnConfig {
    /// Units of a layer of latents: one log-odds for a binary latent, K logits for others.
    pub(super) fn code(&self) -> usize {
        let units = if self.categories == 2 { 1 } else { self.categories };
        self.latents.saturating_mul(units)
    }
}

impl Default for SbnConfig {
    fn default() -> Self {
        defaults()
    }
}
