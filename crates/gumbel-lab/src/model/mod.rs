//! Models of images and of strings: a configuration that initializes a network, the objective of a batch, bounds at hard
//! samples, and what there is to show. A model knows no estimator, no run and no report: it hands its objective to the
//! estimators that it is given.

mod average;
mod config;
mod convolutions;
mod exhibit;
pub mod gan;
mod gaussian;
mod laws;
mod mlp;
mod prior;
pub mod sbn;
pub mod semi;
pub mod text;
pub mod vae;
pub mod vqvae;
mod widths;

pub use average::follow;
pub use config::{ModelConfig, Quantity, Size};
pub use exhibit::Exhibit;
pub(crate) use exhibit::grey;
pub use gan::{Gan, GanConfig};
pub use mlp::Mlp;
pub use prior::Prior;
pub use sbn::{Sbn, SbnConfig};
pub use semi::{Semi, SemiConfig};
pub use text::{Text, TextConfig};
pub use vae::{Vae, VaeConfig};
pub use vqvae::{QuantizerName, Vqvae, VqvaeConfig};
pub use widths::Widths;

use crate::data::ImageSize;
use crate::data::labelled::Labelled;
use burn::module::Module;
use burn::tensor::{Device, Tensor};
use gumbel::estimator::{Estimate, Estimator};
use gumbel::{Error, Noise};

/// A model of binary images, `[B, P]` of zeros and ones, with one or several layers of discrete latents. A string is such
/// an image too, with a row for each of its symbols and a single one in it.
///
/// Its default has no parameters: it takes the place of a model whose parameters are being updated.
pub trait Model: Module + Default + Send + Sync {
    /// Its hyperparameters.
    type Config: ModelConfig;

    /// A new model of images of this size; the output bias starts at the logits of the mean image, `mean` `[P]`.
    fn init(config: &Self::Config, size: ImageSize, mean: &[f32], noise: &mut Noise, device: &Device)
    -> Self;

    /// The logits of the first layer, `[B, D, K]`.
    fn first_logits(&self, images: Tensor<2>) -> Tensor<3>;

    /// The objective of a batch, estimated by one estimator for each layer.
    ///
    /// # Errors
    /// Those of the estimators.
    fn estimate(
        &self,
        config: &Self::Config,
        batch: Batch,
        estimators: &[Box<dyn Estimator>],
        noise: &mut Noise,
    ) -> Result<Estimated, Error>;

    /// The part of the objective that does not depend on a sample, `[B]`, from the logits of the first layer.
    fn sampleless(&self, _config: &Self::Config, logits: Tensor<3>) -> Tensor<1> {
        Tensor::zeros([logits.dims()[0]], &logits.device())
    }

    /// The weight of that part of the objective at a step of training.
    fn sampleless_weight(_config: &Self::Config, _step: u64) -> f64 {
        1.0
    }

    /// The contribution of images of a known class to the objective, `[B]`; zero for a model that takes no labels.
    fn supervised(&self, _config: &Self::Config, labelled: Labelled, _noise: &mut Noise) -> Tensor<1> {
        Tensor::zeros([labelled.labels.len()], &labelled.images.device())
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

    /// The likeliest symbols of strings given one hard sample of their latents, as codes; none for a model of images.
    ///
    /// # Errors
    /// NaN among the parameters.
    fn reconstructed_codes(&self, _strings: Tensor<2>, _noise: &mut Noise) -> Result<Vec<u8>, Error> {
        Ok(Vec::new())
    }

    /// Images or strings that show the model in a report. `test` gives a number of test images, spread over the set.
    ///
    /// # Errors
    /// NaN among the parameters.
    fn exhibits(&self, test: &dyn Fn(usize) -> Tensor<2>, noise: &mut Noise) -> Result<Vec<Exhibit>, Error>;

    /// New images as grey pixels, or new strings as codes. `test` gives test images, for a model that completes them.
    ///
    /// # Errors
    /// NaN among the parameters; those of `test`.
    fn generate(
        &self,
        count: usize,
        test: &dyn Fn(usize) -> anyhow::Result<Tensor<2>>,
        noise: &mut Noise,
    ) -> anyhow::Result<Vec<u8>>;
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

/// An estimated objective.
pub struct Estimated {
    /// One for each layer; the first has the gradient of all.
    pub layers: Vec<Estimate>,
    /// The mean of its part −ln p(x|z), `[1]`, without a gradient: a tensor, so that no step waits for it.
    pub reconstruction: Tensor<1>,
}

/// Logits of the mean image, kept finite where a pixel is always or never inked.
fn base_rate(mean: &[f32], device: &Device) -> Tensor<1> {
    let logits: Vec<f32> =
        mean.iter().map(|&p| p.clamp(1e-3, 1.0 - 1e-3)).map(|p| (p / (1.0 - p)).ln()).collect();
    Tensor::from_floats(logits.as_slice(), device)
}
