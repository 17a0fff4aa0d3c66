//! A variational autoencoder of binary images with categorical latents.
//!
//! p(z) = Π_d Categorical(prior_d), p(x|z) = Π_i Bernoulli(decoder(z)_i), q(z|x) = Π_d Categorical(encoder(x)_d).
//! Further layers of latents lie between z and the prior: see [`hierarchy`].

mod config;
pub mod hierarchy;
mod level;

pub use config::VaeConfig;

use super::exhibit::grey;
use super::mlp::Mlp;
use super::{AT_ONCE, Batch, Estimated, Exhibit, Model, base_rate, laws, prior};
use crate::data::ImageSize;
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, activation};
use gumbel::estimator::{Estimator, Objective, Relaxed, Sample};
use gumbel::kl::Kl;
use gumbel::{Error, Noise, bernoulli};
use level::Level;
use std::cell::RefCell;

/// Encoder, decoder and prior of a variational autoencoder.
#[derive(Module, Debug, Default)]
pub struct Vae {
    encoder: Mlp,
    decoder: Mlp,
    /// `[D, K]`.
    prior: Option<Param<Tensor<2>>>,
    /// From the first layer of latents up.
    pub(super) above: Vec<Level>,
    latents: usize,
    categories: usize,
}

impl Vae {
    /// Latents of the first layer `[S, B, D, K]`, hard or relaxed, to the logits of the pixels, `[S, B, P]`.
    pub fn decode(&self, z: Tensor<4>) -> Tensor<3> {
        let [samples, rows, ..] = z.dims();
        self.decoder.forward(z.reshape([samples, rows, self.latents * self.categories]))
    }

    /// The prior's logits `[1, D, K]`; zeros if it is uniform.
    pub fn prior(&self, device: &Device) -> Tensor<3> {
        prior::logits(&self.prior, [self.latents, self.categories], device)
    }

    /// `ln p(x|z)` in nats: images `[B, P]` of zeros and ones, latents `[S, B, D, K]`, to `[S, B]`.
    pub fn log_likelihood(&self, images: Tensor<2>, z: Tensor<4>) -> Tensor<2> {
        bernoulli::log_prob(self.decode(z), images.unsqueeze()).squeeze_dim(2)
    }

    /// The divergence from the prior at a sample, `[S, B]`, given the posterior's logits `[S, B, D, K]`; `None` where it
    /// is in closed form.
    pub(super) fn divergence(
        &self,
        posterior: Tensor<4>,
        sample: &Sample,
        config: &VaeConfig,
    ) -> Option<Tensor<2>> {
        let prior = self.prior(&posterior.device()).unsqueeze::<4>();
        let per_latent = match config.kl {
            Kl::Categorical => return None,
            Kl::MassAtSample => laws::mass_at_sample(posterior, prior, sample.z.clone()),
            Kl::Density => {
                let Relaxed { log_z, tau } = relaxed(sample).clone();
                let (q, p) = ((posterior, tau), (prior, config.prior_tau.unwrap_or(tau)));
                laws::density_at_sample(q, p, log_z)
            }
        };
        Some(over_latents(per_latent))
    }

    /// `KL(q ‖ p)` from the prior, of the discrete distributions in nats, `[B, D, K]` to `[B]`.
    pub fn categorical_kl(&self, posterior: Tensor<3>) -> Tensor<1> {
        let prior = self.prior(&posterior.device());
        prior::divergence(posterior, prior)
    }
}

/// The logarithms and the temperature of a relaxed sample.
pub(super) fn relaxed(sample: &Sample) -> &Relaxed {
    sample.relaxed.as_ref().expect("the configuration pairs density with relaxed samples only")
}

/// `[S, B, D, 1]` to `[S, B]`.
pub(super) fn over_latents(per_latent: Tensor<4>) -> Tensor<2> {
    per_latent.sum_dim(2).squeeze_dims(&[2, 3])
}

/// Pictures of each kind in the report: whole rows of twelve.
const RECONSTRUCTIONS: usize = 24;
const PRIOR_SAMPLES: usize = 96;

impl Model for Vae {
    type Config = VaeConfig;

    fn init(config: &VaeConfig, size: ImageSize, mean: &[f32], noise: &mut Noise, device: &Device) -> Self {
        let VaeConfig { latents, categories, .. } = *config;
        let (code, hidden) = (config.code(), config.hidden.as_slice());
        let forwards = [&[size.pixels()], hidden, &[code]].concat();
        let backwards: Vec<usize> = forwards.iter().rev().copied().collect();
        let mut ids = 1..;
        let encoder = Mlp::new(&forwards, &mut ids, noise, device);
        let decoder = Mlp::new(&backwards, &mut ids, noise, device).with_output_bias(base_rate(mean, device));
        let prior = prior::initial(config.prior, [latents, categories], &mut ids, device);
        let mut level = || Level::new(hidden, code, &mut ids, noise, device);
        let above = (1..config.layers).map(|_| level()).collect();
        Self { encoder, decoder, prior, above, latents, categories }
    }

    fn first_logits(&self, images: Tensor<2>) -> Tensor<3> {
        let rows = images.dims()[0];
        self.encoder.forward(images).reshape([rows, self.latents, self.categories])
    }

    fn estimate(
        &self,
        config: &VaeConfig,
        batch: Batch,
        estimators: &[Box<dyn Estimator>],
        noise: &mut Noise,
    ) -> Result<Estimated, Error> {
        if !self.above.is_empty() {
            return self.estimate_levels(config, batch, estimators, noise);
        }
        let Batch { images, logits, step } = batch;
        let reconstruction = RefCell::new(None);
        let loss = |sample: &Sample| {
            let loss = self.log_likelihood(images.clone(), sample.z.clone()).neg();
            reconstruction.replace(Some(sample.mean(loss.clone()).mean().detach()));
            match self.divergence(logits.clone().unsqueeze(), sample, config) {
                Some(divergence) => loss + divergence,
                None => loss,
            }
        };
        let objective = match config.train_samples {
            Some(_) => Objective::log_mean_exp(loss),
            None => Objective::mean(loss),
        };
        let estimate = estimators[0].estimate(logits.clone(), &objective, noise, step)?;
        let reconstruction = reconstruction.take().expect("an estimator evaluates its objective");
        Ok(Estimated { layers: vec![estimate], reconstruction })
    }

    /// Of a categorical divergence with one layer the whole, with several minus the entropy of the first posterior.
    fn sampleless(&self, config: &VaeConfig, logits: Tensor<3>) -> Tensor<1> {
        match (config.kl, self.above.is_empty()) {
            (Kl::Categorical, true) => self.categorical_kl(logits),
            (Kl::Categorical, false) => over_latents(laws::entropy(logits).unsqueeze()).neg().squeeze_dim(0),
            _ => Tensor::zeros([logits.dims()[0]], &logits.device()),
        }
    }

    fn hard_objective(&self, images: Tensor<2>, noise: &mut Noise) -> Result<Tensor<1>, Error> {
        let posterior = self.first_logits(images.clone());
        if !self.above.is_empty() {
            return Ok(self.sampled_log_weights(images, posterior, 1, noise)?.neg().squeeze_dim(0));
        }
        let z = gumbel::sample_one_hot(posterior.clone(), noise)?;
        let log_likelihood = self.log_likelihood(images, z.unsqueeze()).squeeze_dim::<1>(0);
        Ok(self.categorical_kl(posterior) - log_likelihood)
    }

    fn sampled_log_weights(
        &self,
        images: Tensor<2>,
        logits: Tensor<3>,
        samples: usize,
        noise: &mut Noise,
    ) -> Result<Tensor<2>, Error> {
        let mut posterior = logits.unsqueeze::<4>();
        let mut z = gumbel::sample_one_hot(posterior.clone().repeat_dim(0, samples), noise)?;
        let log_mass = |logits, z: &Tensor<4>| over_latents(laws::log_prob(logits, z.clone()));
        let mut weights = self.log_likelihood(images, z.clone());
        for level in &self.above {
            let logits = level.up(z.clone());
            let above = gumbel::sample_one_hot(logits.clone(), noise)?;
            weights = weights + log_mass(level.down(above.clone()), &z) - log_mass(posterior, &z);
            (z, posterior) = (above, logits);
        }
        let prior = self.prior(&posterior.device()).unsqueeze::<4>();
        Ok(weights + log_mass(prior, &z) - log_mass(posterior, &z))
    }

    fn exhibits(&self, test: &dyn Fn(usize) -> Tensor<2>, noise: &mut Noise) -> Result<Vec<Exhibit>, Error> {
        let images = test(RECONSTRUCTIONS);
        let z = gumbel::sample_one_hot(self.first_logits(images.clone()), &mut noise.fork())?;
        let means = grey(activation::sigmoid(self.decode(z.unsqueeze())));
        let reconstructions = Exhibit::Reconstructions { originals: grey(images), means };
        Ok(vec![reconstructions, Exhibit::Samples(self.prior_samples(PRIOR_SAMPLES, &mut noise.fork())?)])
    }

    fn generate(
        &self,
        count: usize,
        _test: &dyn Fn(usize) -> anyhow::Result<Tensor<2>>,
        noise: &mut Noise,
    ) -> anyhow::Result<Vec<u8>> {
        Ok(self.prior_samples(count, noise)?)
    }
}

impl Vae {
    /// The decoder's means for codes drawn from the prior, as grey pixels.
    fn prior_samples(&self, count: usize, noise: &mut Noise) -> Result<Vec<u8>, Error> {
        let mut pixels = Vec::new();
        for first in (0..count).step_by(AT_ONCE) {
            let prior = self.prior(&self.decoder.device()).repeat_dim(0, AT_ONCE.min(count - first));
            let z = self.descend(gumbel::sample_one_hot(prior, noise)?.unsqueeze(), noise)?;
            pixels.extend(grey(activation::sigmoid(self.decode(z))));
        }
        Ok(pixels)
    }
}
