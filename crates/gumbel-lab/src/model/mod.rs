//! Models of images and of strings: parameters, an objective of a batch, evaluation on hard samples, and what there is
//! to show. None of them names an estimator, and no estimator sees a model: they meet where a model hands its objective
//! to those it is given.

mod average;
mod convolutions;
pub mod gan;
mod gaussian;
pub mod level;
mod mlp;
mod prior;
pub mod sbn;
pub mod semi;
pub mod text;
pub mod vae;

pub use average::follow;
pub use gan::Gan;
pub use mlp::Mlp;
pub use sbn::Sbn;
pub use semi::Semi;
pub use text::Text;
pub use vae::Vae;

use crate::config::{Config, Options};
use crate::data::Dataset;
use crate::data::ImageSize;
use crate::evaluate::HeldOut;
use crate::report::{self, Report};
use crate::run::Test;
use anyhow::Result;
use burn::module::Module;
use burn::tensor::{Device, Tensor};
use gumbel::estimator::{Estimate, Estimator};
use gumbel::{Error, Noise};

/// A model of binary images, `[B, P]` of zeros and ones, with one or several layers of discrete latents. A string is such
/// an image too, with a row for each of its symbols and a single one in it.
///
/// Its default has no parameters and stands where a model was taken from.
pub trait Model: Module + Default + Send + Sync {
    /// What a user can choose.
    type Options: Options;

    /// What the objective at one hard sample is called.
    const ONE_SAMPLE: &'static str;
    /// What the bound of many samples is called.
    const BOUND: &'static str;

    /// A new model of images of this size; the output bias starts at the logits of the mean image, `mean` `[P]`.
    fn new(
        options: &Self::Options,
        size: ImageSize,
        mean: &[f32],
        noise: &mut Noise,
        device: &Device,
    ) -> Self;

    /// The model in a few words.
    fn describe(options: &Self::Options) -> String;

    /// The logits of the first layer, `[B, D, K]`.
    fn first_logits(&self, images: Tensor<2>) -> Tensor<3>;

    /// The objective of a batch, estimated by one estimator for each layer.
    ///
    /// # Errors
    /// Those of the estimators.
    fn estimate(
        &self,
        options: &Self::Options,
        batch: Batch,
        estimators: &[Box<dyn Estimator>],
        noise: &mut Noise,
    ) -> Result<Estimated, Error>;

    /// The part of the objective that no sample enters, `[B]`, from the logits of the first layer.
    fn sampleless(&self, _options: &Self::Options, logits: Tensor<3>) -> Tensor<1> {
        Tensor::zeros([logits.dims()[0]], &logits.device())
    }

    /// What images of a known class add to the objective, `[B]`; of a model that takes no labels, nothing.
    fn supervised(&self, _options: &Self::Options, labelled: Labelled, _noise: &mut Noise) -> Tensor<1> {
        Tensor::zeros([labelled.labels.len()], &labelled.images.device())
    }

    /// The weight of that part at a step of training.
    fn sampleless_weight(_options: &Self::Options, _step: u64) -> f64 {
        1.0
    }

    /// The objective at one hard sample of each image, `[B]`: in the mean an upper bound on −ln p.
    ///
    /// # Errors
    /// NaN among the logits.
    fn hard_objective(&self, images: Tensor<2>, noise: &mut Noise) -> Result<Tensor<1>, Error>;

    /// Log-weights of hard samples, `[S, B]`: the mean of their exponentials estimates p. `logits` are those of the
    /// first layer.
    ///
    /// # Errors
    /// NaN among the logits.
    fn sampled_log_weights(
        &self,
        images: Tensor<2>,
        logits: Tensor<3>,
        samples: usize,
        noise: &mut Noise,
    ) -> Result<Tensor<2>, Error>;

    /// Adds to the results on the test set what only this model has.
    ///
    /// # Errors
    /// A model with NaN among its parameters.
    fn judge(&self, _run: &Finished<Self::Options>, _noise: &mut Noise, test: Test) -> Result<Test> {
        Ok(test)
    }

    /// Adds to a report what only this model has to show.
    ///
    /// # Errors
    /// A model with NaN among its parameters.
    fn tell(&self, run: &Finished<Self::Options>, noise: &mut Noise, report: Report) -> Result<Report>;

    /// New images as grey pixels, or new strings as codes.
    ///
    /// # Errors
    /// A model with NaN among its parameters; data that is missing.
    fn generate(
        &self,
        config: &Config<Self::Options>,
        size: ImageSize,
        count: usize,
        noise: &mut Noise,
    ) -> Result<Vec<u8>>;
}

/// Images drawn at once, which bounds the memory.
const AT_ONCE: usize = 500;

/// A batch at a step of training.
pub struct Batch {
    /// `[B, P]`.
    pub images: Tensor<2>,
    /// `[B, D, K]`, those of the first layer.
    pub logits: Tensor<3>,
    /// Places the estimators' schedules in time.
    pub step: u64,
}

/// A batch of images whose class is known.
pub struct Labelled {
    /// `[B, P]`.
    pub images: Tensor<2>,
    /// `[B]`.
    pub labels: Vec<u8>,
}

/// An estimated objective.
pub struct Estimated {
    /// One for each layer; the first has the gradient of all.
    pub layers: Vec<Estimate>,
    /// The mean of its part −ln p(x|z).
    pub reconstruction: f64,
}

/// A run that has been trained and tested.
pub struct Finished<'a, O: Options> {
    /// How it was trained.
    pub config: &'a Config<O>,
    /// On what.
    pub data: &'a Dataset,
    /// What it reached.
    pub test: &'a Test,
}

impl<O: Options> Finished<'_, O> {
    /// The test images.
    fn held_out(&self) -> HeldOut<'_> {
        HeldOut::new(&self.data.test, self.config.binarise)
    }

    /// How it was trained, as the end of a sentence.
    fn trained(&self) -> Result<String> {
        Ok(format!("trained for {} steps by {}.", self.config.steps, self.config.info()?.title))
    }

    /// How much the model uses the categories of its first layer.
    fn usage<M: Model>(&self, model: &M) -> report::Usage {
        let (latents, categories) = self.config.model.latents();
        report::Usage { latents, categories, probabilities: self.held_out().usage(model) }
    }

    /// Pixels as images of the test set's size.
    fn pictures(&self, pixels: Vec<u8>) -> report::Images {
        report::Images { pixels, height: self.data.test.height, width: self.data.test.width }
    }
}

/// Probabilities as grey pixels.
fn grey<const D: usize>(means: Tensor<D>) -> Vec<u8> {
    means.into_data().iter::<f32>().map(|mean| (mean * 255.0).round() as u8).collect()
}

/// Logits of the mean image, kept finite where a pixel is always or never inked.
fn base_rate(mean: &[f32], device: &Device) -> Tensor<1> {
    let logits: Vec<f32> =
        mean.iter().map(|&p| p.clamp(1e-3, 1.0 - 1e-3)).map(|p| (p / (1.0 - p)).ln()).collect();
    Tensor::from_floats(logits.as_slice(), device)
}
