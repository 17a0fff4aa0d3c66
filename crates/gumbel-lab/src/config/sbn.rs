//! What `gumbel train sbn` takes besides the options of all models.

use super::options::check_latents;
use super::{Extent, Options, whole};
use crate::data::ImageSize;
use crate::model::sbn::Shape;
use anyhow::{Result, ensure};
use clap::Args;
use gumbel::estimator::EstimatorSpec;
use serde::{Deserialize, Serialize};

/// The options of a sigmoid belief network.
#[derive(Clone, Debug, PartialEq, Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct SbnOptions {
    /// Number of latents in each of the two layers, D
    #[arg(long, default_value_t = 200, value_parser = whole::<usize>, value_name = "D", help_heading = "Model")]
    pub latents: usize,
    /// Categories of each latent, K, at least 2
    #[arg(long, default_value_t = 2, value_parser = whole::<usize>, value_name = "K", help_heading = "Model")]
    pub categories: usize,
    /// Train on the bound of M samples, a log-mean-exp of their likelihoods, instead of the mean over --samples
    #[arg(long, value_parser = whole::<usize>, value_name = "M", help_heading = "Model")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub train_samples: Option<usize>,
}

impl Options for SbnOptions {
    const MODEL: &'static str = "sbn";
    // Jang, Gu and Poole 2017, section 4.1: fixed, not annealed.
    const TAU: Option<f64> = Some(1.0);
    const WIDTHS: &'static str = "--latents or --categories";

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

    fn extent(&self, size: ImageSize) -> Result<Extent> {
        let shape = self.shape(size);
        ensure!(
            size.height >= 2,
            "images of {} row have no upper half to start from; use others",
            size.height
        );
        Ok(Extent { parameters: shape.parameters(), widest: shape.widest() })
    }
}

impl SbnOptions {
    /// The model for images of this size.
    pub fn shape(&self, size: ImageSize) -> Shape {
        let upper = size.height / 2 * size.width;
        Shape { upper, lower: size.pixels() - upper, latents: self.latents, categories: self.categories }
    }
}

impl Default for SbnOptions {
    fn default() -> Self {
        super::defaults()
    }
}
