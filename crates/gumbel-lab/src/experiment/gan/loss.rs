//! The adversarial losses.

use burn::tensor::{Tensor, activation};
use serde::{Deserialize, Serialize};

/// The losses of the game, from the discriminator's scores of true and of generated sequences, in nats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// Goodfellow et al. 2014, with the generator's loss −ln σ(D(x̃)) that does not saturate
    Original,
    /// Jolicoeur-Martineau 2018: a true sequence against a generated one, −ln σ(D(x) − D(x̃))
    Relativistic,
}

impl Loss {
    /// The discriminator's, `[B]` and `[B]` to `[B]`.
    ///
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use gumbel_lab::experiment::gan::Loss;
    /// let score = |score: f32| Tensor::<1>::from_floats([score], &Device::flex());
    /// let undecided = Loss::Original.discriminator(score(0.0), score(0.0)).into_scalar::<f32>();
    /// assert!((undecided - 4f32.ln()).abs() < 1e-6);
    /// let sure = Loss::Relativistic.discriminator(score(500.0), score(499.0)).into_scalar::<f32>();
    /// assert!((sure - (1.0 + (-1f32).exp()).ln()).abs() < 1e-6); // only the difference counts
    /// ```
    pub fn discriminator(self, real: Tensor<1>, generated: Tensor<1>) -> Tensor<1> {
        match self {
            Self::Original => {
                (activation::log_sigmoid(real) + activation::log_sigmoid(generated.neg())).neg()
            }
            Self::Relativistic => activation::log_sigmoid(real - generated).neg(),
        }
    }

    /// The generator's, `[B]` and `[B]` to `[B]`.
    ///
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use gumbel_lab::experiment::gan::Loss;
    /// let score = |score: f32| Tensor::<1>::from_floats([score], &Device::flex());
    /// let original = Loss::Original.generator(score(9.0), score(0.0)).into_scalar::<f32>();
    /// assert!((original - 2f32.ln()).abs() < 1e-6); // true sequences do not matter
    /// let relativistic = Loss::Relativistic.generator(score(9.0), score(0.0)).into_scalar::<f32>();
    /// assert!((relativistic - 9.000123).abs() < 1e-5);
    /// ```
    pub fn generator(self, real: Tensor<1>, generated: Tensor<1>) -> Tensor<1> {
        match self {
            Self::Original => activation::log_sigmoid(generated).neg(),
            Self::Relativistic => activation::log_sigmoid(generated - real).neg(),
        }
    }
}
