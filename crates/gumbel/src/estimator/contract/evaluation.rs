//! The objective at samples of each row: what estimators that score hard samples start from.

use super::{Estimate, Objective, Sample, repeat, score_cotangent};
use crate::{Error, Noise, sample_one_hot};
use burn::tensor::Tensor;

/// Samples of each row, with the values of an objective there.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::estimator::{Evaluation, Objective};
/// let logits = Tensor::<3>::zeros([1, 1, 2], &Device::flex());
/// let bit = Objective::mean(|sample| sample.z.clone().narrow(3, 1, 1).squeeze_dims(&[2, 3]));
/// let drawn = Evaluation::draw(&logits, 1000, &bit, &mut gumbel::Noise::from_seed(1))?;
/// assert_eq!(drawn.losses.dims(), [1000, 1]);
/// assert!((drawn.loss.into_scalar::<f32>() - 0.5).abs() < 4.0 * 0.016); // standard error 0.016
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Evaluation {
    /// The samples.
    pub sample: Sample,
    /// `[S, B]`: the loss of each.
    pub losses: Tensor<2>,
    /// `[B]`: the losses of a row reduced to one.
    pub loss: Tensor<1>,
}

impl Evaluation {
    /// Draws `samples` one-hot samples for each row of logits `[B, D, K]`, without a gradient, and evaluates the
    /// objective at them.
    ///
    /// # Errors
    /// Those of [`sample_one_hot`].
    pub fn draw(
        logits: &Tensor<3>,
        samples: usize,
        objective: &Objective,
        noise: &mut Noise,
    ) -> Result<Self, Error> {
        let z = sample_one_hot(repeat(logits.clone().detach(), samples), noise)?;
        Ok(Self::at(Sample::hard(z), objective))
    }

    /// Evaluates the objective at given samples.
    pub fn at(sample: Sample, objective: &Objective) -> Self {
        let losses = objective.losses(&sample);
        let loss = objective.reduce(&sample, losses.clone());
        Self { sample, losses, loss }
    }

    /// The estimate that weighs the score of each sample by its signal `[S, B]`; see [`score_cotangent`].
    pub fn score(self, logits: Tensor<3>, signal: Tensor<2>) -> Estimate {
        let cotangent = score_cotangent(logits.clone(), self.sample.z, signal);
        Estimate::with_cotangent(self.loss, logits, cotangent)
    }

    /// The estimate whose gradient for the logits `[B, D, K]` has `cotangent` `[B, D, K]` added to that of the loss.
    pub fn estimate(self, logits: Tensor<3>, cotangent: Tensor<3>) -> Estimate {
        Estimate::with_cotangent(self.loss, logits, cotangent)
    }
}
