//! The gradient of a generator through its discrete samples.

use crate::model::gan::Generator;
use burn::module::Module;
use burn::tensor::{Device, Tensor};
use gumbel::{Error, Noise, gumbel_softmax, sample_one_hot, straight_through_gumbel_softmax};
use serde::{Deserialize, Serialize};

/// The samples that the discriminator sees in training, and the generator's gradient through them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GeneratorGradient {
    /// Gumbel-Softmax samples inside the simplex; the next symbol sees them too
    Relaxed,
    /// One-hot samples with the gradient of the relaxed ones
    StraightThrough,
    /// One-hot samples and (loss − mean of the others) ∇ ln p(x̃), as SeqGAN, without its rollouts
    ScoreFunction,
}

/// Generated sequences, and their noise where the generator's loss needs it.
pub struct Rollout {
    /// `[B, T, K]`, with a path to the generator's parameters unless `seed` is kept.
    pub sequences: Tensor<3>,
    /// The noise that they started from, for a score function.
    seed: Option<Tensor<2>>,
}

/// Uniform noise on (−1, 1) to start `rows` sequences from, `[B, start]`.
pub fn start(rows: usize, start: usize, noise: &mut Noise, device: &Device) -> Tensor<2> {
    noise.uniform([rows, start], device) * 2.0 - 1.0
}

impl GeneratorGradient {
    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Relaxed => "relaxed",
            Self::StraightThrough => "straight-through",
            Self::ScoreFunction => "score-function",
        }
    }

    /// Sequences from the noise `seed` `[B, start]`.
    ///
    /// # Errors
    /// Logits that are not finite.
    pub fn rollout(
        self,
        generator: &Generator,
        seed: Tensor<2>,
        tau: f64,
        noise: &mut Noise,
    ) -> Result<Rollout, Error> {
        let path = |sequences| Rollout { sequences, seed: None };
        match self {
            Self::Relaxed => generator.generate(seed, |logits| gumbel_softmax(logits, tau, noise)).map(path),
            Self::StraightThrough => generator
                .generate(seed, |logits| straight_through_gumbel_softmax(logits, tau, noise))
                .map(path),
            Self::ScoreFunction => {
                let hard = generator
                    .valid()
                    .generate(seed.clone().inner(), |logits| sample_one_hot(logits, noise))?;
                Ok(Rollout { sequences: Tensor::from_inner(hard), seed: Some(seed) })
            }
        }
    }
}

impl Rollout {
    /// A number whose gradient in the generator's parameters is that of the mean of `losses` `[B]`, or an estimate of it.
    ///
    /// For a score function the mean of a batch's other losses is the baseline, which keeps it unbiased:
    ///
    /// ```text
    /// 1/B Σᵦ (lᵦ − 1/(B−1) Σ_{c≠b} l_c) ln p(x̃ᵦ | sᵦ)
    /// ```
    pub fn surrogate(&self, generator: &Generator, losses: Tensor<1>) -> Tensor<1> {
        let Some(seed) = &self.seed else { return losses.mean() };
        let rows = losses.dims()[0] as f64;
        let losses = losses.detach();
        let advantage = (losses.clone() - losses.mean()) * (rows / (rows - 1.0));
        (advantage * generator.log_prob(seed.clone(), self.sequences.clone())).mean()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Gan, GanConfig};
    use crate::support::stats::Mean;

    fn gan() -> Gan {
        let config = GanConfig { start: 2, hidden: 4, discriminator: [5].into_iter().collect() };
        config.init([2, 3], &mut Noise::from_seed(4), &Device::flex().autodiff())
    }

    /// The gradient of a weighted sum of the sequences' entries in the output bias of the generator, `draws` times.
    fn gradients(gradient: GeneratorGradient, draws: u64) -> Vec<[f64; 3]> {
        let (gan, device) = (gan(), Device::flex().autodiff());
        let weights = Noise::from_seed(9).logistic::<3>([1, 2, 3], &device);
        let draw = |draw| {
            let mut noise = Noise::from_seed(1).split(draw);
            let seed = start(8, 2, &mut noise, &device);
            let rollout = gradient.rollout(&gan.generator, seed, 1.0, &mut noise).unwrap();
            let losses =
                (rollout.sequences.clone() * weights.clone()).sum_dim(2).sum_dim(1).squeeze_dims(&[1, 2]);
            in_the_bias(&gan, rollout.surrogate(&gan.generator, losses))
        };
        (0..draws).map(draw).collect()
    }

    /// The exact gradient: the masses of all nine sequences, averaged over many starts.
    fn exact() -> [f64; 3] {
        let (gan, device) = (gan(), Device::flex().autodiff());
        let weights = Noise::from_seed(9).logistic::<3>([1, 2, 3], &device);
        let starts = 4000;
        let seed = start(starts, 2, &mut Noise::from_seed(77), &device);
        let value = (0..9).map(|i| {
            let hot = |k: usize| -> Vec<f32> { (0..3).map(|j| f32::from(u8::from(j == k))).collect() };
            let x = Tensor::<1>::from_floats([hot(i / 3), hot(i % 3)].concat().as_slice(), &device);
            let x = x.reshape([1, 2, 3]);
            let loss = (x.clone() * weights.clone()).sum().into_scalar::<f32>();
            gan.generator.log_prob(seed.clone(), x.expand([starts, 2, 3])).exp().mean() * loss
        });
        in_the_bias(&gan, value.reduce(|sum, more| sum + more).unwrap())
    }

    fn in_the_bias(gan: &Gan, loss: Tensor<1>) -> [f64; 3] {
        let gradient = gan.generator.output_bias().grad(&loss.backward()).unwrap();
        gradient.into_data().iter::<f64>().collect::<Vec<_>>().try_into().unwrap()
    }

    /// The largest distance from the exact gradient, in standard errors.
    fn away(gradients: &[[f64; 3]]) -> f64 {
        let z = |(i, exact): (usize, f64)| {
            let mean = Mean::of(gradients.iter().map(|gradient| gradient[i]));
            ((mean.value - exact) / mean.standard_error).abs()
        };
        exact().into_iter().enumerate().map(z).fold(0.0, f64::max)
    }

    #[test]
    fn the_score_function_is_unbiased_and_the_others_are_seen_to_be_biased() {
        let z = away(&gradients(GeneratorGradient::ScoreFunction, 3000));
        assert!(z < 4.0, "the score function is {z:.1} standard errors from the exact gradient");
        for gradient in [GeneratorGradient::Relaxed, GeneratorGradient::StraightThrough] {
            let z = away(&gradients(gradient, 3000));
            assert!(z > 4.0, "the bias of {gradient:?} is not seen: {z:.1} standard errors");
        }
    }
}
