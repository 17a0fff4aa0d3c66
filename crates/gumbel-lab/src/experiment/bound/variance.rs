//! The variance of the estimated gradient along training.

use super::{BoundExperiment, spread};
use crate::model::Model;
use crate::run::{Use, noise};
use crate::support::interrupt::Stop;
use anyhow::Result;
use gumbel::Noise;

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
        let images = self.held_out.batch(&spread(self.config.batch, self.held_out.count())).autodiff();
        let logits = self.learner.model().first_logits(images.clone()).detach();
        let draw = |draw: u64| {
            let leaf = logits.clone().require_grad();
            let estimated = self.estimate(step, images.clone(), leaf.clone(), &mut noise.split(draw))?;
            let gradients = estimated.layers[0].loss.clone().mean().backward();
            anyhow::Ok(leaf.grad(&gradients).expect("an estimate has a gradient in the logits"))
        };
        // Running moments: memory does not grow with the draws.
        let (mut mean, mut squares) =
            (logits.clone().inner().zeros_like(), logits.clone().inner().zeros_like());
        for number in 0..draws as u64 {
            stop.check()?;
            let away = draw(number)? - mean.clone();
            mean = mean + away.clone() / (number + 1) as f64;
            squares = squares + away.square() * (number as f64 / (number + 1) as f64);
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
    use crate::run::Trainer;
    use crate::support::stats::Mean;

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
        let trainer = Trainer::<BoundExperiment<Vae>>::new(&config, &data).unwrap();
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
