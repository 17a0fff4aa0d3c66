//! What `gumbel train vae` takes besides the options of all models.

use super::options::check_latents;
use super::{Extent, Options, Widths, whole};
use crate::data::ImageSize;
use crate::model::vae::{Divergence, Shape};
use anyhow::{Result, bail, ensure};
use clap::Args;
use gumbel::estimator::{EstimatorSpec, SampleKind};
use gumbel::kl::Kl;
use serde::{Deserialize, Serialize};

/// The options of a variational autoencoder.
#[derive(Clone, Debug, PartialEq, Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct VaeOptions {
    /// Layers of latents, L, each drawn given the one below
    #[arg(long, default_value_t = 1, value_parser = whole::<usize>, value_name = "L", help_heading = "Model")]
    pub layers: usize,
    /// Number of latents of a layer, D
    #[arg(long, default_value_t = 20, value_parser = whole::<usize>, value_name = "D", help_heading = "Model")]
    pub latents: usize,
    /// Categories of each latent, K, at least 2
    #[arg(long, default_value_t = 10, value_parser = whole::<usize>, value_name = "K", help_heading = "Model")]
    pub categories: usize,
    /// Widths of the encoder's hidden layers (the decoder has them in reverse), or none; the same between two layers
    /// of latents
    #[arg(long, default_value_t, value_name = "WIDTHS", help_heading = "Model")]
    pub hidden: Widths,
    /// uniform, or learned with the rest
    #[arg(long, default_value_t = Prior::Learned, value_enum, value_name = "PRIOR", help_heading = "Model")]
    pub prior: Prior,
    /// Divergence in the training objective: categorical (closed form of the discrete distributions),
    /// mass-at-sample (their log-ratio at the sample), or density (log-ratio of the Concrete densities; the
    /// only bound with relaxed samples)
    #[arg(long, default_value_t = Kl::Categorical, value_name = "KL", help_heading = "Model")]
    pub kl: Kl,
    /// Temperature of the prior's density, with --kl density [default: the posterior's]
    #[arg(long, value_name = "VALUE", help_heading = "Model")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prior_tau: Option<f64>,
    /// Train on the importance-weighted bound of M samples instead of the mean over --samples
    #[arg(long, value_parser = whole::<usize>, value_name = "M", help_heading = "Model")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub train_samples: Option<usize>,
}

/// The most layers: the estimate of each holds those above it.
const LAYERS: usize = 10;

/// The prior of the latents, of the topmost layer if there are several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Prior {
    /// Every category equally likely
    Uniform,
    /// Its logits are trained
    Learned,
}

impl Prior {
    /// As a sentence has it.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Uniform => "the uniform prior",
            Self::Learned => "the learned prior",
        }
    }
}

impl Options for VaeOptions {
    const MODEL: &'static str = "vae";
    const TAU: Option<f64> = None;
    const WIDTHS: &'static str = "--latents, --categories or --hidden";

    fn latents(&self) -> (usize, usize) {
        (self.latents, self.categories)
    }

    fn layers(&self) -> usize {
        self.layers
    }

    fn bound(&self) -> Option<usize> {
        self.train_samples
    }

    fn check(&self, choice: &EstimatorSpec) -> Result<()> {
        check_latents(self)?;
        ensure!(
            (1..=LAYERS).contains(&self.layers),
            "--layers must be from 1 to {LAYERS}, got {}",
            self.layers
        );
        ensure!(
            self.train_samples.is_none() || self.kl != Kl::Categorical,
            "--train-samples needs a divergence at each sample: use --kl mass-at-sample, or density with relaxed samples"
        );
        let density = self.kl == Kl::Density;
        if let Some(tau) = self.prior_tau {
            ensure!(density, "--prior-tau needs --kl density: no other divergence has a prior temperature");
            ensure!(tau.is_finite() && tau > 0.0, "--prior-tau must be positive and finite, got {tau}");
        }
        ensure!(
            self.kl != Kl::MassAtSample || !choice.entry.properties.differentiates_inside,
            "--kl mass-at-sample has the posterior inside the objective, which --estimator {choice} differentiates on \
             its own, and Burn differentiates a graph once; use --kl categorical"
        );
        if density && choice.entry.properties.sample_kind == SampleKind::Hard {
            bail!(
                "--kl density needs relaxed samples, which --estimator {choice} does not draw; \
                 use --estimator gumbel-softmax or --kl categorical"
            );
        }
        Ok(())
    }

    fn extent(&self, size: ImageSize) -> Result<Extent> {
        let shape = self.shape(size.pixels());
        Ok(Extent { parameters: shape.parameters(), widest: shape.widest() })
    }
}

impl VaeOptions {
    /// The divergence of the training objective.
    pub fn divergence(&self) -> Divergence {
        Divergence { kind: self.kl, prior_tau: self.prior_tau }
    }

    /// The model for images of `pixels` pixels.
    pub fn shape(&self, pixels: usize) -> Shape {
        Shape {
            pixels,
            layers: self.layers,
            latents: self.latents,
            categories: self.categories,
            hidden: self.hidden.as_slice().to_vec(),
            learned_prior: self.prior == Prior::Learned,
        }
    }
}

impl Default for VaeOptions {
    fn default() -> Self {
        super::defaults()
    }
}
