//! The variance of the estimated gradient along training.

use super::{BoundExperiment, numbers, spread};
use crate::model::{Batch, Model};
use crate::run::{Use, noise};
use crate::support::interrupt::Stop;
use anyhow::Result;
use burn::tensor::{Tensor, TensorData};
use gumbel::Noise;

/// Draws that are computed before the moments take them up.
const AT_ONCE: usize = 16;

impl<M: Model> BoundExperiment<M> {
    /// The variance of the gradient after `step` steps, from the configured number of draws.
    pub(super) fn gradient_variance(&self, step: u64, stop: &Stop) -> Result<f64> {
        let noise = noise(self.config.common.seed, Use::GradientVariance).split(step);
        self.variance_of(self.config.gradient_variance, step, &noise, stop)
    }

    /// The total variance of the estimated gradient at the current parameters: that of the mean objective of one fixed
    /// batch of held-out images with respect to the logits of the first layer; the unbiased variance of each of its
    /// coordinates over `draws` independent estimates, summed.
    ///
    /// With respect to the logits and not to the parameters behind them, because that is what an estimator determines:
    /// the rest of the gradient is the same for all of them, and its variance depends on the layers' widths.
    fn variance_of(&self, draws: usize, step: u64, noise: &Noise, stop: &Stop) -> Result<f64> {
        let images = self.held_out.batch(&spread(self.config.batch, self.held_out.count()));
        let logits = self.model().first_logits(images.clone());
        let draw = |draw: usize| {
            stop.check()?;
            // A graph of its own: a thread that waits within one may take up the next draw.
            let model = self.learner.model().clone().fork(&self.device);
            let leaf = logits.clone().autodiff().require_grad();
            let batch = Batch { images: images.clone().autodiff(), logits: leaf.clone(), step };
            let noise = &mut noise.split(draw as u64);
            let estimated = model.estimate(&self.config.model, batch, &self.estimators, noise)?;
            let gradients = estimated.layers[0].loss.clone().mean().backward();
            Ok(numbers(leaf.grad(&gradients).expect("an estimate has a gradient in the logits")))
        };
        // Running moments of some draws at a time: memory does not grow with the draws.
        let (mut mean, mut squares) = (logits.zeros_like(), logits.zeros_like());
        for first in (0..draws).step_by(AT_ONCE) {
            let drawn = self.shards.numbers(AT_ONCE.min(draws - first), |place| draw(first + place))?;
            let gradients = drawn.chunks(drawn.len() / AT_ONCE.min(draws - first));
            for (number, gradient) in (first + 1..).zip(gradients) {
                let gradient = TensorData::new(gradient.to_vec(), mean.shape());
                let away = Tensor::from_data(gradient, (&mean.device(), mean.dtype())) - mean.clone();
                mean = mean + away.clone() / number as f64;
                squares = squares + away.square() * ((number - 1) as f64 / number as f64);
            }
        }
        Ok(squares.sum().into_scalar::<f64>() / (draws - 1) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::digits;
    use crate::experiment::bound::Config;
    use crate::model::{Vae, VaeConfig};
    use crate::parallel::Alone;
    use crate::run::Trainer;
    use crate::support::stats::Mean;
    use std::sync::Arc;

    /// Variances of thirty groups of draws.
    fn variances(estimator: &str) -> Vec<f64> {
        let hidden = [4].into_iter().collect();
        let config = Config {
            estimator: estimator.into(),
            batch: 5,
            model: VaeConfig { latents: 2, categories: 3, hidden, ..VaeConfig::default() },
            ..Config::default()
        };
        let data = digits::dataset(0, 20, 10);
        let trainer = Trainer::<BoundExperiment<Vae>>::new(&config, &data, Arc::new(Alone)).unwrap();
        let noise = Noise::from_seed(3);
        let group =
            |group| trainer.experiment().variance_of(20, 0, &noise.split(group), &Stop::default()).unwrap();
        (0..30).map(group).collect()
    }

    #[test]
    fn four_samples_have_a_quarter_of_the_variance_of_one_and_enumeration_has_none() {
        let one = variances("reinforce:baseline=none");
        let four = variances("reinforce:baseline=none:samples=4");
        let rest = Mean::of(one.iter().zip(&four).map(|(one, four)| one - 4.0 * four));
        assert!(rest.value.abs() < 4.0 * rest.standard_error, "{rest:?}");
        let (one, four, none) = (Mean::of(one), Mean::of(four), Mean::of(variances("exact")));
        assert!(one.value - four.value > 8.0 * one.standard_error, "{one:?} and {four:?}");
        assert!(none.value < 1e-9 * one.value);
    }
}
