//! A variational autoencoder of binary images with categorical latents.
//!
//! p(z) = Π_d Categorical(prior_d), p(x|z) = Π_i Bernoulli(decoder(z)_i), q(z|x) = Π_d Categorical(encoder(x)_d).

use super::mlp::{Mlp, trainable};
use super::{AT_ONCE, Batch, Estimated, Finished, Model, base_rate, grey};
use crate::checkpoint::ImageSize;
use crate::config::{Config, Prior, VaeOptions};
use crate::evaluate::{HeldOut, spread};
use crate::report::{Headline, Reconstructions, Report, Usage};
use anyhow::Result;
use burn::module::{Module, Param, ParamId};
use burn::tensor::{Device, Tensor, activation};
use gumbel::estimator::{Estimator, Objective, Sample, Samples};
use gumbel::kl::Kl;
use gumbel::{Error, Noise, bernoulli, categorical, kl};
use std::cell::Cell;

/// The shape of a [`Vae`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Pixels P of an image.
    pub pixels: usize,
    /// Latents D.
    pub latents: usize,
    /// Categories K of each.
    pub categories: usize,
    /// Widths of the encoder's hidden layers; the decoder has them in reverse.
    pub hidden: Vec<usize>,
    /// Whether the prior's logits are trained; otherwise it is uniform.
    pub learned_prior: bool,
}

impl Shape {
    /// Numbers trained, or `u64::MAX` where they cannot be counted.
    pub fn parameters(&self) -> u64 {
        let layer = |inputs: u64, outputs: u64| inputs.saturating_add(1).saturating_mul(outputs);
        let widths = self.widths();
        let both = |pair: &[u64]| layer(pair[0], pair[1]).saturating_add(layer(pair[1], pair[0]));
        let prior = if self.learned_prior { self.code() } else { 0 };
        widths.windows(2).map(both).fold(prior, u64::saturating_add)
    }

    /// The widest layer, inputs and outputs included.
    pub fn widest(&self) -> u64 {
        self.widths().into_iter().max().unwrap_or(0)
    }

    /// Widths of all layers of the encoder.
    fn widths(&self) -> Vec<u64> {
        let hidden = self.hidden.iter().map(|&width| width as u64);
        [self.pixels as u64].into_iter().chain(hidden).chain([self.code()]).collect()
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
        let prior = shape.learned_prior.then(|| {
            let id = ParamId::from(ids.next().expect("ids do not end"));
            trainable(id, Tensor::zeros([shape.latents, shape.categories], device))
        });
        Self { encoder, decoder, prior, latents: shape.latents, categories: shape.categories }
    }

    /// Images `[B, P]` to the logits of q(z|x), `[B, D, K]`.
    pub fn encode(&self, images: Tensor<2>) -> Tensor<3> {
        let rows = images.dims()[0];
        self.encoder.forward(images).reshape([rows, self.latents, self.categories])
    }

    /// Latents `[S, B, D, K]`, hard or relaxed, to the logits of the pixels, `[S, B, P]`.
    pub fn decode(&self, z: Tensor<4>) -> Tensor<3> {
        let [samples, rows, ..] = z.dims();
        self.decoder.forward(z.reshape([samples, rows, self.latents * self.categories]))
    }

    /// The prior's logits `[1, D, K]`; zeros if it is uniform.
    pub fn prior(&self, device: &Device) -> Tensor<3> {
        match &self.prior {
            Some(logits) => logits.val().unsqueeze(),
            None => Tensor::zeros([1, self.latents, self.categories], device),
        }
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
        let posterior = posterior.unsqueeze::<4>();
        let prior = self.prior(&posterior.device()).unsqueeze::<4>();
        let divergence = match (kl.kind, &sample.relaxed) {
            (Kl::Categorical, _) => None,
            (Kl::MassAtSample, _) => Some(kl::mass_at_sample(sample.z.clone(), posterior, prior)),
            (Kl::Density, Some(relaxed)) => {
                let (q, p) = ((posterior, relaxed.tau), (prior, kl.prior_tau.unwrap_or(relaxed.tau)));
                let ratio = kl::density_at_sample(relaxed.log_z.clone(), q, p);
                Some(ratio.expect("the configuration has checked the temperatures"))
            }
            (Kl::Density, None) => unreachable!("the configuration pairs density with relaxed samples only"),
        };
        Parts { reconstruction, divergence: divergence.map(over_latents) }
    }

    /// The part of the negative ELBO that no sample enters, `[B]`: the categorical divergence, or zero.
    pub fn sampleless_kl(&self, posterior: Tensor<3>, kl: Divergence) -> Tensor<1> {
        match kl.kind {
            Kl::Categorical => self.categorical_kl(posterior),
            Kl::MassAtSample | Kl::Density => Tensor::zeros([posterior.dims()[0]], &posterior.device()),
        }
    }

    /// `KL(q(z|x) ‖ p(z))` of the discrete distributions in nats, `[B, D, K]` to `[B]`.
    pub fn categorical_kl(&self, posterior: Tensor<3>) -> Tensor<1> {
        let prior = self.prior(&posterior.device());
        kl::categorical(posterior, prior).squeeze_dim::<2>(2).sum_dim(1).squeeze_dim(1)
    }

    /// `ln p(x, z) − ln q(z|x)` at hard samples, `[S, B]`: the log-weights of the importance bound.
    pub fn log_weights(&self, images: Tensor<2>, posterior: Tensor<3>, z: Tensor<4>) -> Tensor<2> {
        let prior = self.prior(&posterior.device()).unsqueeze::<4>();
        let log_p = over_latents(categorical::log_prob(prior, z.clone()));
        let log_q = over_latents(categorical::log_prob(posterior.unsqueeze::<4>(), z.clone()));
        self.log_likelihood(images, z) + log_p - log_q
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

/// `[S, B, D, 1]` to `[S, B]`.
fn over_latents(per_latent: Tensor<4>) -> Tensor<2> {
    per_latent.sum_dim(2).squeeze_dims(&[2, 3])
}

/// Pictures of each kind in the report: whole rows of twelve.
const RECONSTRUCTIONS: usize = 24;
const PRIOR_SAMPLES: usize = 96;

impl Model for Vae {
    type Options = VaeOptions;

    const LAYERS: usize = 1;
    const ONE_SAMPLE: &'static str = "hard negative ELBO, one sample";
    const BOUND: &'static str = "importance-weighted bound";

    fn new(options: &VaeOptions, size: ImageSize, mean: &[f32], noise: &mut Noise, device: &Device) -> Self {
        Self::new(&options.shape(size.pixels()), mean, noise, device)
    }

    fn describe(options: &VaeOptions) -> String {
        format!("{} latents of {} categories", options.latents, options.categories)
    }

    fn first_logits(&self, images: Tensor<2>) -> Tensor<3> {
        self.encode(images)
    }

    fn estimate(
        &self,
        options: &VaeOptions,
        Batch { images, logits, step }: Batch,
        estimators: &[Box<dyn Estimator>],
        noise: &mut Noise,
    ) -> Result<Estimated, Error> {
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
        let z = gumbel::one_hot(posterior.clone(), noise)?;
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
        let z = gumbel::one_hot(logits.clone().unsqueeze::<4>().repeat_dim(0, samples), noise)?;
        Ok(self.log_weights(images, logits, z))
    }

    fn tell(&self, run: &Finished<VaeOptions>, noise: &mut Noise, report: Report) -> Result<Report> {
        let (options, held_out, info) = (&run.config.model, run.held_out(), run.config.info()?);
        let (originals, means) = self.reconstructions(&held_out, &mut noise.fork())?;
        Ok(Report {
            title: format!("Categorical VAE on {}", run.data.name),
            summary: format!(
                "{}, trained for {} steps by {}.",
                Self::describe(options),
                run.config.steps,
                info.title
            ),
            training_is_bound: info.samples == Samples::Hard || options.kl.bounds_relaxed_model(),
            training_bound: options.train_samples,
            kl: Some(describe_kl(options)),
            headline: vec![Headline::hard_elbo(run.test), Headline::importance_bound(run.test)],
            reconstructions: Some(Reconstructions {
                originals: run.pictures(originals),
                means: run.pictures(means),
            }),
            samples: Some(run.pictures(self.prior_samples(PRIOR_SAMPLES, &mut noise.fork())?)),
            usage: Some(Usage {
                latents: options.latents,
                categories: options.categories,
                probabilities: held_out.usage(self),
            }),
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
        let z = gumbel::one_hot(self.encode(images.clone()), noise)?;
        Ok((grey(images), grey(activation::sigmoid(self.decode(z.unsqueeze())))))
    }

    /// The decoder's means for codes drawn from the prior, as grey pixels.
    fn prior_samples(&self, count: usize, noise: &mut Noise) -> Result<Vec<u8>, Error> {
        let mut pixels = Vec::new();
        for first in (0..count).step_by(AT_ONCE) {
            let prior = self.prior(&Device::flex()).repeat_dim(0, AT_ONCE.min(count - first));
            let z = gumbel::one_hot(prior, noise)?;
            pixels.extend(grey(activation::sigmoid(self.decode(z.unsqueeze()))));
        }
        Ok(pixels)
    }
}

fn describe_kl(options: &VaeOptions) -> String {
    let prior = if options.prior == Prior::Learned { "the learned prior" } else { "the uniform prior" };
    match options.kl {
        Kl::Categorical => format!("the KL of the categorical posterior from {prior}, in closed form"),
        Kl::MassAtSample => format!("the discrete log-ratio to {prior}, weighted by the sample"),
        Kl::Density => {
            format!("the log-ratio of the Concrete densities of posterior and {prior} at the sample")
        }
    }
}
