//! The hyperparameters of a variational autoencoder.

use crate::data::ImageSize;
use crate::model::config::{check_latents, mirrored_parameters};
use crate::model::{ModelConfig, Prior, Size, Widths};
use crate::support::options::{count, defaults};
use anyhow::{Result, bail, ensure};
use clap::Args;
use gumbel::estimator::{EstimatorSpec, SampleKind};
use gumbel::kl::Kl;
use serde::{Deserialize, Serialize};

/// The hyperparameters of a variational autoencoder.
#[derive(Clone, Debug, PartialEq, Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct VaeConfig {
    /// Number of layers of latents (L), from 1 to 10, each drawn given the one below
    #[arg(long, default_value_t = 1, value_parser = count::<usize>, value_name = "L", help_heading = "Model")]
    pub layers: usize,
    /// Number of latents per layer (D)
    #[arg(long, default_value_t = 20, value_parser = count::<usize>, value_name = "D", help_heading = "Model")]
    pub latents: usize,
    /// Number of categories per latent (K), at least 2
    #[arg(long, default_value_t = 10, value_parser = count::<usize>, value_name = "K", help_heading = "Model")]
    pub categories: usize,
    /// Widths of the encoder's hidden layers (the decoder has them in reverse), or none; also used between two layers
    /// of latents
    #[arg(long, default_value_t, value_name = "WIDTHS", help_heading = "Model")]
    pub hidden: Widths,
    /// Prior of the latents
    #[arg(long, default_value_t = Prior::Learned, value_enum, value_name = "PRIOR", help_heading = "Model")]
    pub prior: Prior,
    /// Divergence in the training objective: categorical (of the discrete distributions, in closed form),
    /// mass-at-sample (their log-ratio at the sample), or density (log-ratio of the Concrete densities; the only
    /// valid bound with relaxed samples)
    #[arg(long, default_value_t = Kl::Categorical, value_name = "KL", help_heading = "Model")]
    pub kl: Kl,
    /// Temperature of the prior's density, with --kl density [default: that of the posterior]
    #[arg(long, value_name = "VALUE", help_heading = "Model")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prior_tau: Option<f64>,
    /// Number of samples of an importance-weighted training objective (M), instead of the mean over --samples
    #[arg(long, value_parser = count::<usize>, value_name = "M", help_heading = "Model")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub train_samples: Option<usize>,
}

/// The most layers: the estimate of each holds those above it.
const LAYERS: usize = 10;

impl ModelConfig for VaeConfig {
    const NAME: &'static str = "vae";
    const ABOUT: &'static str =
        "A variational autoencoder of binary images with layers of D categorical latents of K categories";
    const EXAMPLES: &'static str = "Examples:
  gumbel train vae                                          the built-in digits, half a minute
  gumbel train vae --latents 200 --categories 2             Bernoulli latents
  gumbel train vae --estimator reinforce                    the score function instead
  gumbel train vae --tau linear:1:0.3:4000                  a temperature schedule
  gumbel train vae --kl density --tau 0.67 --prior-tau 0.5  Concrete posterior and prior
  gumbel train vae --train-samples 5 --kl density           the bound of five samples
  gumbel train vae --layers 2 --latents 200 --categories 2  two layers of Bernoulli latents
  gumbel train vae --config run.toml --seed 3               options from a file, one overridden
  gumbel train vae --resume runs/vae-1                      resume a stopped run";
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

    fn size(&self, image: ImageSize) -> Result<Size> {
        let pixels = image.pixels() as u64;
        let widest = self.widths(pixels).into_iter().max().unwrap_or(0);
        Ok(Size { parameters: self.parameters(pixels), widest })
    }

    fn describe(&self) -> String {
        let latents = format!("{} latents of {} categories", self.latents, self.categories);
        if self.layers == 1 { latents } else { format!("{} layers of {latents}", self.layers) }
    }

    fn title(data: &str) -> String {
        format!("Categorical VAE on {data}")
    }

    fn divergence(&self) -> Option<String> {
        let prior = self.prior.in_words();
        Some(match (self.kl, self.layers > 1) {
            (Kl::Categorical, false) => {
                format!("the KL divergence of the categorical posterior from {prior}, in closed form")
            }
            (Kl::MassAtSample, false) => {
                format!("the log-ratio of the discrete posterior to {prior}, weighted by the sample")
            }
            (Kl::Density, false) => {
                format!("the log-ratio of the Concrete densities of posterior and {prior} at the sample")
            }
            (Kl::Categorical, true) => {
                format!(
                    "discrete log-ratios along the layers up to {prior}, in closed form where they have one"
                )
            }
            (Kl::MassAtSample, true) => {
                format!("the discrete log-ratios along the layers up to {prior}, weighted by the samples")
            }
            (Kl::Density, true) => {
                format!(
                    "the log-ratios of the Concrete densities along the layers up to {prior}, at the samples"
                )
            }
        })
    }

    fn training_is_bound(&self, samples: SampleKind) -> bool {
        samples == SampleKind::Hard || self.kl.bounds_relaxed_model()
    }
}

impl VaeConfig {
    /// Numbers of a layer of latents, D · K, or `usize::MAX` where they cannot be counted.
    pub(super) fn code(&self) -> usize {
        self.latents.saturating_mul(self.categories)
    }

    /// Trainable parameters for images of `pixels` pixels, or `u64::MAX` where they cannot be counted.
    fn parameters(&self, pixels: u64) -> u64 {
        let between = mirrored_parameters(&self.widths(self.code() as u64));
        let levels = between.saturating_mul((self.layers as u64).saturating_sub(1));
        let prior = self.prior.parameters(self.code());
        mirrored_parameters(&self.widths(pixels)).saturating_add(levels).saturating_add(prior)
    }

    /// Widths from that of an input to that of the latents.
    fn widths(&self, input: u64) -> Vec<u64> {
        let hidden = self.hidden.as_slice().iter().map(|&width| width as u64);
        [input].into_iter().chain(hidden).chain([self.code() as u64]).collect()
    }
}

impl Default for VaeConfig {
    fn default() -> Self {
        defaults()
    }
}
