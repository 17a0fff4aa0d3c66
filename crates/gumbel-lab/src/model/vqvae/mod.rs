//! A vector-quantised autoencoder of binary images (van den Oord, Vinyals and Kavukcuoglu 2017): an image is encoded as D
//! vectors, each of which a quantiser replaces by a code; the decoder sees the codes alone. An LSTM learns their distribution
//! beside it, the prior that new images are drawn from.
//!
//! An image has one code, so the bound of its likelihood has no expectation:
//!
//! ```text
//! −ln p(x) ≤ −ln p(x | c(x)) − ln p(c(x))
//! ```
//!
//! the distortion and the rate, in nats.

mod bottleneck;
mod config;
mod quantizer_name;

pub use bottleneck::Bottleneck;
pub use config::VqvaeConfig;
pub use quantizer_name::QuantizerName;

use super::exhibit::grey;
use super::gan::{Generator, Shape};
use super::mlp::{Mlp, next_id};
use super::{AT_ONCE, base_rate};
use crate::data::ImageSize;
use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, activation};
use gumbel::quantize::Quantized;
use gumbel::{Error, Noise, Schedule, bernoulli, sample_one_hot};

/// Encoder, quantiser, decoder, and the prior of the codes.
#[derive(Module, Debug, Default)]
pub struct Vqvae {
    encoder: Mlp,
    /// Missing only in the default, which takes the place of a model whose parameters are being updated.
    bottleneck: Option<Bottleneck>,
    decoder: Mlp,
    prior: Generator,
    latents: usize,
    parts: usize,
    codes: usize,
}

/// A batch in training.
pub struct Encoded {
    /// Codes, losses of the quantiser, and what its codebook learns from.
    pub quantized: Quantized<3>,
    /// −ln p(x | c) of each image `[B]`.
    pub distortion: Tensor<1>,
    /// −ln p(c) of each image `[B]`; its gradient is that of the prior alone.
    pub rate: Tensor<1>,
}

impl Vqvae {
    /// A new model of images of this size; samples of codes have the temperature `tau`, where there are any. The output bias
    /// starts at the logits of the mean image, `mean` `[P]`.
    ///
    /// # Errors
    /// Those of the quantiser, for numbers that the configuration does not check.
    pub fn init(
        config: &VqvaeConfig,
        tau: Option<Schedule>,
        size: ImageSize,
        mean: &[f32],
        noise: &mut Noise,
        device: &Device,
    ) -> Result<Self, Error> {
        let mut ids = 1..;
        let forwards = config.widths(size.pixels());
        let seen = config.latents * config.width_seen();
        let backwards: Vec<usize> =
            [seen].into_iter().chain(forwards.iter().rev().skip(1).copied()).collect();
        let (parts, codes) = (config.parts(), config.codes());
        let shape =
            Shape { length: config.latents * parts, symbols: codes, start: 1, hidden: config.prior_hidden };
        Ok(Self {
            encoder: Mlp::new(&forwards, &mut ids, noise, device),
            decoder: Mlp::new(&backwards, &mut ids, noise, device).with_output_bias(base_rate(mean, device)),
            prior: Generator::new(shape, &mut ids, noise, device),
            bottleneck: Some(Bottleneck::new(config, tau, &mut ids, noise, device)?),
            latents: config.latents,
            parts,
            codes,
        })
    }

    /// The quantiser.
    pub fn bottleneck(&self) -> &Bottleneck {
        self.bottleneck.as_ref().expect("initialised models have a quantiser")
    }

    /// The quantiser, to learn otherwise than by a gradient.
    pub fn bottleneck_mut(&mut self) -> &mut Bottleneck {
        self.bottleneck.as_mut().expect("initialised models have a quantiser")
    }

    /// The number of codes of each codebook, and that of codebooks.
    pub fn books(&self) -> (usize, usize) {
        (self.codes, self.parts)
    }

    /// Images `[B, P]` to vectors `[B, D, W]`.
    pub fn vectors(&self, images: Tensor<2>) -> Tensor<3> {
        let rows = images.dims()[0] as isize;
        self.encoder.forward(images).reshape([rows, self.latents as isize, -1])
    }

    /// The objective of a batch at a step of training.
    ///
    /// # Errors
    /// Vectors that are not finite.
    pub fn encoded(&self, images: Tensor<2>, step: u64, noise: &mut Noise) -> Result<Encoded, Error> {
        let quantized = self.bottleneck().quantize(self.vectors(images.clone()), step, noise)?;
        let distortion = self.distortion(images, quantized.values.clone());
        let rate = self.rate(quantized.indices.clone());
        Ok(Encoded { quantized, distortion, rate })
    }

    /// The indices `[B, D, G]` of the codes of images `[B, P]`.
    ///
    /// # Errors
    /// Vectors that are not finite.
    pub fn indices(&self, images: Tensor<2>) -> Result<Tensor<3, Int>, Error> {
        self.bottleneck().encode(self.vectors(images))
    }

    /// Both parts of the bound for each image, `[B]` each: distortion and rate, in nats, of the codes that evaluation has.
    ///
    /// # Errors
    /// An index out of range.
    pub fn bound(&self, images: Tensor<2>, indices: Tensor<3, Int>) -> Result<[Tensor<1>; 2], Error> {
        let values = self.bottleneck().decode(indices.clone())?;
        Ok([self.distortion(images, values), self.rate(indices)])
    }

    /// The means of images from the indices of their codes, as grey pixels.
    ///
    /// # Errors
    /// An index out of range.
    pub fn means(&self, indices: Tensor<3, Int>) -> Result<Vec<u8>, Error> {
        let logits = self.decoder.forward(self.bottleneck().decode(indices)?.flatten::<2>(1, 2));
        Ok(grey(activation::sigmoid(logits)))
    }

    /// New images from codes of the prior, as grey pixels.
    ///
    /// # Errors
    /// Parameters that are not finite.
    pub fn generate(&self, count: usize, noise: &mut Noise) -> Result<Vec<u8>, Error> {
        let mut pixels = Vec::new();
        for first in (0..count).step_by(AT_ONCE) {
            let rows = AT_ONCE.min(count - first);
            let start = Tensor::zeros([rows, 1], &self.decoder.device());
            let codes = self.prior.generate(start, |logits| sample_one_hot(logits, noise))?;
            let indices = codes.argmax(2).reshape([rows, self.latents, self.parts]);
            pixels.extend(self.means(indices)?);
        }
        Ok(pixels)
    }

    fn distortion(&self, images: Tensor<2>, values: Tensor<3>) -> Tensor<1> {
        let logits = self.decoder.forward(values.flatten::<2>(1, 2));
        bernoulli::log_prob(logits, images).neg().squeeze_dim(1)
    }

    fn rate(&self, indices: Tensor<3, Int>) -> Tensor<1> {
        let [rows, latents, parts] = indices.dims();
        let device = self.decoder.device();
        let codes = indices.reshape([rows, latents * parts]).one_hot::<3>(self.codes).float();
        let codes = if device.is_autodiff() { codes.autodiff() } else { codes };
        self.prior.log_prob(Tensor::zeros([rows, 1], &device), codes).neg()
    }
}
