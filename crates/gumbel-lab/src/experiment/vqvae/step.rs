//! A training step of a vector-quantised autoencoder.

use super::{Metrics, VqvaeExperiment};
use crate::model::vqvae::Encoded;
use crate::run::{Use, noise};
use anyhow::{Result, ensure};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use gumbel::check_device;
use gumbel::quantize::Quantized;

impl VqvaeExperiment {
    /// One step of all networks by Adam, and of the codebook by what it was assigned. The first step begins with placing the
    /// codebook among the vectors of its batch.
    pub(super) fn take_step(&mut self, step: u64, read: bool) -> Result<Option<Metrics>> {
        let images = self.batches.as_mut().expect("prepared for training").at(step, &self.device);
        let noise = noise(self.config.common.seed, Use::Training).split(step);
        if step == 0 {
            let vectors = self.learner.model().vectors(images.clone());
            self.learner.model_mut().bottleneck_mut().initialize(vectors, &mut noise.split(0))?;
        }
        let model = self.learner.model();
        let Encoded { quantized, distortion, rate } = model.encoded(images, step, &mut noise.split(1))?;
        let (distortion, rate) = (distortion.mean(), rate.mean());
        let loss = distortion.clone() + rate.clone() + self.penalty(&quantized);
        let gradients = GradientsParams::from_grads(loss.backward(), model);
        let row = self.row(step, [loss, distortion, rate], read)?;
        self.learner.update(self.config.lr.at(step), gradients);
        let bottleneck = self.learner.model_mut().bottleneck_mut();
        bottleneck.adapt(&quantized.assignments, &mut noise.split(2))?;
        Ok(row)
    }

    /// The losses of the quantiser for an image, in the scale of the likelihood: those that are means over coordinates are summed
    /// over the coordinates of an image, the others over its vectors.
    fn penalty(&self, quantized: &Quantized<3>) -> Tensor<1> {
        let [_, latents, width] = quantized.values.dims();
        let terms = quantized.terms.iter().map(|term| {
            let squares = matches!(term.name, "commitment" | "codebook");
            let numbers = if squares { latents * width } else { latents };
            term.value.clone() * (term.weight * numbers as f64)
        });
        let zero = Tensor::zeros([1], &self.device);
        terms.fold(zero, |sum, term| sum + term)
    }

    /// The row of a step. In host memory its numbers are at hand, and training breaks down at the step that is not finite;
    /// another device is waited for only where a row is to be `read`.
    fn row(&self, step: u64, numbers: [Tensor<1>; 3], read: bool) -> Result<Option<Metrics>> {
        if !read && !self.on_host {
            return Ok(None);
        }
        let [training_loss, distortion, rate] = numbers.map(|number| f64::from(number.into_scalar::<f32>()));
        check_device(&self.device)?;
        ensure!(training_loss.is_finite(), "the training objective is {training_loss}");
        let tau = self.config.temperature().map(|tau| tau.at(step));
        Ok(Some(Metrics { tau, training_loss, distortion, rate, ..Metrics::default() }))
    }
}
