//! Estimators that differentiate the objective along their sample.

use super::{Estimate, Estimator, Objective, Properties, Sample, prepared};
use crate::{Error, Noise};
use burn::tensor::Tensor;
use std::fmt;

/// An estimator that differentiates the objective along its sample: a sample whose gradient with respect to the logits
/// is defined, exactly or by substitution. It is an [`Estimator`].
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::estimator::{Estimator, Objective, Pathwise, Properties, Sample};
/// use gumbel::{Error, Noise, sample_one_hot, straight_through};
///
/// /// A hard sample with the gradient of the softmax at temperature 2.
/// #[derive(Debug)]
/// struct Tempered;
///
/// impl Pathwise for Tempered {
///     const PROPERTIES: Properties = Properties::pathwise("tempered");
///
///     fn samples(&self) -> usize {
///         1
///     }
///
///     fn sample(&self, logits: Tensor<4>, noise: &mut Noise, _step: u64) -> Result<Sample, Error> {
///         let hard = sample_one_hot(logits.clone(), noise)?;
///         Ok(Sample::hard(straight_through::softmax(logits, hard, 2.0)))
///     }
/// }
///
/// let logits = Tensor::<3>::zeros([1, 1, 2], &Device::flex().autodiff()).require_grad();
/// let bit = Objective::mean(|sample| sample.z.clone().narrow(3, 1, 1).squeeze_dims(&[2, 3]));
/// let estimate = Tempered.estimate(logits.clone(), &bit, &mut Noise::from_seed(1), 0)?;
/// let gradient = logits.grad(&estimate.loss.backward()).expect("a gradient");
/// assert_eq!(gradient.into_data().try_to_vec::<f32>().unwrap(), [-0.125, 0.125]); // p (1 − p) / 2
/// # Ok::<(), Error>(())
/// ```
pub trait Pathwise: fmt::Debug + Send + Sync {
    /// Its properties, for one sample per row.
    const PROPERTIES: Properties;

    /// S, the number of samples per row.
    fn samples(&self) -> usize;

    /// Draws a sample from each of the logits `[S, B, D, K]`, differentiable in them.
    ///
    /// # Errors
    /// Those of the sampler.
    fn sample(&self, logits: Tensor<4>, noise: &mut Noise, step: u64) -> Result<Sample, Error>;
}

impl<P: Pathwise> Estimator for P {
    fn properties(&self) -> Properties {
        P::PROPERTIES.with_samples(self.samples())
    }

    fn estimate(
        &self,
        logits: Tensor<3>,
        objective: &Objective,
        noise: &mut Noise,
        step: u64,
    ) -> Result<Estimate, Error> {
        prepared(logits, objective, |logits, objective| {
            let sample = self.sample(repeat(logits, self.samples()), noise, step)?;
            Ok(Estimate::new(objective.reduce(&sample, objective.losses(&sample))))
        })
    }
}

/// `S` copies of the logits: `[B, D, K]` to `[S, B, D, K]`.
pub(crate) fn repeat(logits: Tensor<3>, samples: usize) -> Tensor<4> {
    let logits = logits.unsqueeze::<4>();
    if samples == 1 { logits } else { logits.repeat_dim(0, samples) }
}
