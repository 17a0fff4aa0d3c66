//! A variational autoencoder of binary images with categorical latents.
//!
//! p(z) = Π_d Categorical(prior_d), p(x|z) = Π_i Bernoulli(decoder(z)_i), q(z|x) = Π_d Categorical(encoder(x)_d).
//! Further layers of latents stand above z, between it and the prior: see [`level`](super::level).

use super::level::Level;
use super::mlp::Mlp;
use super::{AT_ONCE, Batch, Estimated, Finished, Model, base_rate, grey, prior};
use crate::config::{Config, VaeOptions};
use crate::data::ImageSize;
use crate::evaluate::{HeldOut, spread};
use crate::report::{Headline, Reconstructions, Report};
use anyhow::Result;
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, activation};
use gumbel::estimator::{Estimator, Objective, Relaxed, Sample, SampleKind};
use gumbel::kl::Kl;
use gumbel::{Error, Noise, bernoulli, categorical, kl};
use std::cell::Cell;

/// The shape of a [`Vae`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Pixels P of an image.
    pub pixels: usize,
    /// Layers of latents L.
    pub layers: usize,
    /// Latents D of a layer.
    pub latents: usize,
    /// Categories K of each.
    pub categories: usize,
    /// Widths of the encoder's hidden layers; the decoder has them in reverse. The same stand between two layers of
    /// latents.
    pub hidden: Vec<usize>,
    /// Whether the prior's logits are trained; otherwise it is uniform.
    pub learned_prior: bool,
}

impl Shape {
    /// Numbers trained, or `u64::MAX` where they cannot be counted.
    pub fn parameters(&self) -> u64 {
        let layer = |inputs: u64, outputs: u64| inputs.saturating_add(1).saturating_mul(outputs);
        let both = |pair: &[u64]| layer(pair[0], pair[1]).saturating_add(layer(pair[1], pair[0]));
        let between = |widths: Vec<u64>| widths.windows(2).map(both).fold(0, u64::saturating_add);
        let prior = if self.learned_prior { self.code() } else { 0 };
        let levels =
            between(self.widths_from(self.code())).saturating_mul((self.layers as u64).saturating_sub(1));
        between(self.widths()).saturating_add(levels).saturating_add(prior)
    }

    /// The widest layer, inputs and outputs included.
    pub fn widest(&self) -> u64 {
        self.widths().into_iter().max().unwrap_or(0)
    }

    /// Widths of all layers of the encoder.
    fn widths(&self) -> Vec<u64> {
        self.widths_from(self.pixels as u64)
    }

    /// Widths from that of an input to that of the latents.
    fn widths_from(&self, input: u64) -> Vec<u64> {
        let hidden = self.hidden.iter().map(|&width| width as u64);
        [input].into_iter().chain(hidden).chain([self.code()]).collect()
    }

    fn code(&self) -> u64 {
        (self.latents as u64).saturating_mul(self.categories as u64)
    }
}

/// Encoder, decoder and prior; the default has no layers and stands where a model was taken from.
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
    /// A new model; the output bias starts at the logits of the mean image, `mean` `[P]` in [0, 1].
    pub fn new(shape: &Shape, mean: &[f32], noise: &mut Noise, device: &Device) -> Self {
        let code = shape.latents * shape.categories;
        let ends = |first, last| [&[first], shape.hidden.as_slice(), &[last]].concat();
        let mut backwards = ends(code, shape.pixels);
        backwards[1..=shape.hidden.len()].reverse();
        let mut ids = 1..;
        let encoder = Mlp::new(&ends(shape.pixels, code), &mut ids, noise, device);
        let decoder = Mlp::new(&backwards, &mut ids, noise, device).with_output_bias(base_rate(mean, device));
        let code_shape = [shape.latents, shape.categories];
        let prior = shape.learned_prior.then(|| prior::uniform(code_shape, &mut ids, device));
        let mut level = || Level::new(&shape.hidden, code, &mut ids, noise, device);
        let above = (1..shape.layers).map(|_| level()).collect();
        Self { encoder, decoder, prior, above, latents: shape.latents, categories: shape.categories }
    }

    /// Images `[B, P]` to the logits of q(z|x), `[B, D, K]`.
    pub fn encode(&self, images: Tensor<2>) -> Tensor<3> {
        let rows = images.dims()[0];
        self.encoder.forward(images).reshape([rows, self.latents, self.categories])
    }

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

    /// The part of the negative ELBO that depends on the sample, given the posterior's logits `[B, D, K]`.
    pub fn objective(
        &self,
        images: Tensor<2>,
        posterior: Tensor<3>,
        sample: &Sample,
        kl: Divergence,
    ) -> Parts {
        let reconstruction = self.log_likelihood(images, sample.z.clone()).neg();
        Parts { reconstruction, divergence: self.divergence(posterior.unsqueeze(), sample, kl) }
    }

    /// The divergence from the prior at a sample, `[S, B]`, given the posterior's logits `[S, B, D, K]`; `None` where it
    /// is in closed form.
    pub(super) fn divergence(
        &self,
        posterior: Tensor<4>,
        sample: &Sample,
        kl: Divergence,
    ) -> Option<Tensor<2>> {
        let prior = self.prior(&posterior.device()).unsqueeze::<4>();
        let per_latent = match kl.kind {
            Kl::Categorical => return None,
            Kl::MassAtSample => kl::mass_at_sample(posterior, prior, sample.z.clone()),
            Kl::Density => {
                let Relaxed { log_z, tau } = relaxed(sample).clone();
                let (q, p) = ((posterior, tau), (prior, kl.prior_tau.unwrap_or(tau)));
                kl::density_at_sample(q, p, log_z).expect(TEMPERATURES)
            }
        };
        Some(over_latents(per_latent))
    }

    /// The part of the negative ELBO that no sample enters, `[B]`: of a categorical divergence with one layer the whole,
    /// with several minus the entropy of the first posterior; or zero.
    pub fn sampleless_kl(&self, posterior: Tensor<3>, kl: Divergence) -> Tensor<1> {
        match (kl.kind, self.above.is_empty()) {
            (Kl::Categorical, true) => self.categorical_kl(posterior),
            (Kl::Categorical, false) => {
                over_latents(categorical::entropy(posterior).unsqueeze()).neg().squeeze_dim(0)
            }
            _ => Tensor::zeros([posterior.dims()[0]], &posterior.device()),
        }
    }

    /// `KL(q ‖ p)` from the prior, of the discrete distributions in nats, `[B, D, K]` to `[B]`.
    pub fn categorical_kl(&self, posterior: Tensor<3>) -> Tensor<1> {
        let prior = self.prior(&posterior.device());
        prior::divergence(posterior, prior)
    }
}

/// The terms of the objective, `[S, B]` each.
pub struct Parts {
    /// −ln p(x|z).
    pub reconstruction: Tensor<2>,
    /// The divergence, where it is taken at the sample.
    pub divergence: Option<Tensor<2>>,
}

impl Parts {
    /// Their sum.
    pub fn total(self) -> Tensor<2> {
        match self.divergence {
            Some(divergence) => self.reconstruction + divergence,
            None => self.reconstruction,
        }
    }
}

/// Which divergence stands in the objective.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Divergence {
    /// Its name.
    pub kind: Kl,
    /// The prior's own temperature, for the density; the posterior's if `None`.
    pub prior_tau: Option<f64>,
}

/// The log-space side of a sample.
pub(super) fn relaxed(sample: &Sample) -> &Relaxed {
    sample.relaxed.as_ref().expect("the configuration pairs density with relaxed samples only")
}

/// Why a density cannot fail.
pub(super) const TEMPERATURES: &str = "the configuration has checked the temperatures";

/// `[S, B, D, 1]` to `[S, B]`.
pub(super) fn over_latents(per_latent: Tensor<4>) -> Tensor<2> {
    per_latent.sum_dim(2).squeeze_dims(&[2, 3])
}

/// Pictures of each kind in the report: whole rows of twelve.
const RECONSTRUCTIONS: usize = 24;
const PRIOR_SAMPLES: usize = 96;

impl Model for Vae {
    type Options = VaeOptions;

    const ONE_SAMPLE: &'static str = "hard negative ELBO, one sample";
    const BOUND: &'static str = "importance-weighted bound";

    fn new(options: &VaeOptions, size: ImageSize, mean: &[f32], noise: &mut Noise, device: &Device) -> Self {
        Self::new(&options.shape(size.pixels()), mean, noise, device)
    }

    fn describe(options: &VaeOptions) -> String {
        let latents = format!("{} latents of {} categories", options.latents, options.categories);
        if options.layers == 1 { latents } else { format!("{} layers of {latents}", options.layers) }
    }

    fn first_logits(&self, images: Tensor<2>) -> Tensor<3> {
        self.encode(images)
    }

    fn estimate(
        &self,
        options: &VaeOptions,
        batch: Batch,
        estimators: &[Box<dyn Estimator>],
        noise: &mut Noise,
    ) -> Result<Estimated, Error> {
        if !self.above.is_empty() {
            return self.estimate_levels(options, batch, estimators, noise);
        }
        let Batch { images, logits, step } = batch;
        let reconstruction = Cell::new(f64::NAN);
        let loss = |sample: &Sample| {
            let parts = self.objective(images.clone(), logits.clone(), sample, options.divergence());
            let mean = sample.mean(parts.reconstruction.clone()).mean();
            reconstruction.set(mean.into_scalar::<f64>());
            parts.total()
        };
        let objective = match options.train_samples {
            Some(_) => Objective::log_mean_exp(loss),
            None => Objective::mean(loss),
        };
        let estimate = estimators[0].estimate(logits.clone(), &objective, noise, step)?;
        Ok(Estimated { layers: vec![estimate], reconstruction: reconstruction.get() })
    }

    fn sampleless(&self, options: &VaeOptions, logits: Tensor<3>) -> Tensor<1> {
        self.sampleless_kl(logits, options.divergence())
    }

    fn hard_objective(&self, images: Tensor<2>, noise: &mut Noise) -> Result<Tensor<1>, Error> {
        let posterior = self.encode(images.clone());
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
        let log_mass = |logits, z: &Tensor<4>| over_latents(categorical::log_prob(logits, z.clone()));
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

    fn tell(&self, run: &Finished<VaeOptions>, noise: &mut Noise, report: Report) -> Result<Report> {
        let (options, held_out, info) = (&run.config.model, run.held_out(), run.config.info()?);
        let (originals, means) = self.reconstructions(&held_out, &mut noise.fork())?;
        Ok(Report {
            title: format!("Categorical VAE on {}", run.data.name),
            summary: format!("{}, {}", Self::describe(options), run.trained()?),
            training_is_bound: info.properties.sample_kind == SampleKind::Hard
                || options.kl.bounds_relaxed_model(),
            training_bound: options.train_samples,
            kl: Some(describe_kl(options)),
            headline: vec![Headline::hard_elbo(run.test), Headline::importance_bound(run.test)],
            reconstructions: Some(Reconstructions {
                originals: run.pictures(originals),
                means: run.pictures(means),
            }),
            samples: Some(run.pictures(self.prior_samples(PRIOR_SAMPLES, &mut noise.fork())?)),
            usage: Some(run.usage(self)),
            ..report
        })
    }

    fn generate(
        &self,
        _config: &Config<VaeOptions>,
        _size: ImageSize,
        count: usize,
        noise: &mut Noise,
    ) -> Result<Vec<u8>> {
        Ok(self.prior_samples(count, noise)?)
    }
}

impl Vae {
    /// Test images and the decoder's means for one hard code each, as grey pixels.
    fn reconstructions(&self, held_out: &HeldOut, noise: &mut Noise) -> Result<(Vec<u8>, Vec<u8>), Error> {
        let images = held_out.batch(&spread(RECONSTRUCTIONS, held_out.count()));
        let z = gumbel::sample_one_hot(self.encode(images.clone()), noise)?;
        Ok((grey(images), grey(activation::sigmoid(self.decode(z.unsqueeze())))))
    }

    /// The decoder's means for codes drawn from the prior, as grey pixels.
    fn prior_samples(&self, count: usize, noise: &mut Noise) -> Result<Vec<u8>, Error> {
        let mut pixels = Vec::new();
        for first in (0..count).step_by(AT_ONCE) {
            let prior = self.prior(&Device::flex()).repeat_dim(0, AT_ONCE.min(count - first));
            let z = self.descend(gumbel::sample_one_hot(prior, noise)?.unsqueeze(), noise)?;
            pixels.extend(grey(activation::sigmoid(self.decode(z))));
        }
        Ok(pixels)
    }
}

fn describe_kl(options: &VaeOptions) -> String {
    let prior = options.prior.in_words();
    if options.layers > 1 {
        return describe_levels(options.kl, prior);
    }
    match options.kl {
        Kl::Categorical => format!("the KL of the categorical posterior from {prior}, in closed form"),
        Kl::MassAtSample => format!("the discrete log-ratio to {prior}, weighted by the sample"),
        Kl::Density => {
            format!("the log-ratio of the Concrete densities of posterior and {prior} at the sample")
        }
    }
}

fn describe_levels(kl: Kl, prior: &str) -> String {
    let terms = match kl {
        Kl::Categorical => {
            "discrete log-ratios along the layers up to PRIOR, in closed form where they have one"
        }
        Kl::MassAtSample => "the discrete log-ratios along the layers up to PRIOR, weighted by the samples",
        Kl::Density => {
            "the log-ratios of the Concrete densities along the layers up to PRIOR, at the samples"
        }
    };
    terms.replace("PRIOR", prior)
}
