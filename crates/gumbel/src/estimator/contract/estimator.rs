//! The one trait of all estimators.

use super::{Estimate, Objective, Properties, State};
use crate::{Error, Noise, Unsupported};
use burn::tensor::Tensor;
use std::fmt;

/// A gradient estimator of `E[f(z)]`, `z ~ q(z; θ)`.
///
/// An implementation says what it supports ([`properties`](Self::properties)) and returns an [`Estimate`]. One that
/// learns from its estimates, such as a baseline, also implements [`adapt`](Self::adapt), [`state`](Self::state) and
/// [`restore`](Self::restore). One that differentiates f along its sample implements [`Pathwise`](super::Pathwise)
/// instead, which is shorter. [`conformance`](crate::conformance) tests any of them.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::estimator::{Estimate, Estimator, Evaluation, Objective, Properties};
/// use gumbel::{Error, Noise, conformance};
///
/// /// REINFORCE without a baseline.
/// #[derive(Debug)]
/// struct Plain;
///
/// impl Estimator for Plain {
///     fn properties(&self) -> Properties {
///         Properties::score_function("plain")
///     }
///
///     fn estimate(
///         &self,
///         logits: Tensor<3>,
///         objective: &Objective,
///         noise: &mut Noise,
///         _step: u64,
///     ) -> Result<Estimate, Error> {
///         self.properties().check(objective)?;
///         let drawn = Evaluation::draw(&logits, 1, objective, noise)?;
///         let signal = drawn.losses.clone(); // what weighs ∇ log q(z)
///         Ok(drawn.score(logits, signal))
///     }
/// }
///
/// conformance::check(&|| Ok(Box::new(Plain)))?;
/// let logits = Tensor::<3>::zeros([1, 1, 2], &Device::flex());
/// let bit = Objective::mean(|sample| sample.z.clone().narrow(3, 1, 1).squeeze_dims(&[2, 3]));
/// let loss = Plain.estimate(logits, &bit, &mut Noise::from_seed(1), 0)?.loss.into_scalar::<f32>();
/// assert!(loss == 0.0 || loss == 1.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Estimator: fmt::Debug + Send + Sync {
    /// What it supports and what it costs: for callers to ask before they call.
    fn properties(&self) -> Properties;

    /// Estimates the expected loss and its gradient for `logits` `[B, D, K]`; `step` is the training step that its
    /// schedules are evaluated at.
    ///
    /// Pure: equal arguments give equal results. The noise advances. Where the objective is evaluated elsewhere too, the
    /// evaluation at the samples comes last, so that a closure can record parts of its loss.
    ///
    /// # Errors
    /// Those of the sampler (NaN or `+inf` among the logits, a row with every category masked), and problems that the
    /// estimator does not support.
    fn estimate(
        &self,
        logits: Tensor<3>,
        objective: &Objective,
        noise: &mut Noise,
        step: u64,
    ) -> Result<Estimate, Error>;

    /// The weight of each sample's score in the gradient of a log-mean-exp over chains of layers, `[S, B]`, given the
    /// losses of all samples, `[S, B]`. A chain is one sample: the scores of all its layers get this weight
    /// ([`Layers::estimate_bound`](crate::layers::Layers::estimate_bound)).
    ///
    /// # Errors
    /// [`Error::Unsupported`] from an estimator without a score, or whose weights depend on more than the losses; too
    /// few samples.
    fn bound_signal(&self, _losses: Tensor<2>) -> Result<Tensor<2>, Error> {
        Err(self.properties().unsupported(Unsupported::LogMeanExpOfChains, Properties::FOR_BOUNDS))
    }

    /// The estimate of a batch from those of its parts, which [`adapt`](Self::adapt) then learns from: for a batch whose
    /// parts are estimated by several threads or machines, each with noise of its own. The losses `[B]` are those of the
    /// parts, one after the other.
    ///
    /// # Errors
    /// [`Error::Unsupported`] by default for estimates with statistics, whose layout only the estimator knows: one that
    /// learns from them calls [`Estimate::joined`] with it.
    ///
    /// # Panics
    /// If there are no parts.
    ///
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use gumbel::Noise;
    /// use gumbel::estimator::{Estimator, Objective, Reinforce, ReinforceBaseline};
    /// let bit = Objective::mean(|sample| sample.z.clone().narrow(3, 1, 1).squeeze_dims(&[2, 3]));
    /// let (noise, logits) = (Noise::from_seed(1), Tensor::<3>::zeros([4, 1, 2], &Device::flex()));
    /// let mut estimator = Reinforce::new(1, ReinforceBaseline::MovingAverage)?;
    /// let part = |i| estimator.estimate(logits.clone(), &bit, &mut noise.split(i), 0);
    /// let whole = estimator.join(&[part(0)?, part(1)?])?;
    /// estimator.adapt(&whole);
    /// assert_eq!(whole.loss.dims(), [8]);
    /// assert!((estimator.baseline() - whole.mean_loss()).abs() < 1e-6); // of all eight rows
    /// # Ok::<(), gumbel::Error>(())
    /// ```
    fn join(&self, parts: &[Estimate]) -> Result<Estimate, Error> {
        if parts.iter().any(|part| part.statistics.is_some()) {
            return Err(self.properties().unsupported(Unsupported::Parts, "use --shards 1, or rloo"));
        }
        Ok(Estimate::joined(parts, 0))
    }

    /// Learns from the last estimate, such as a baseline from its loss. The only method that changes the estimator;
    /// measuring never calls it.
    fn adapt(&mut self, _last: &Estimate) {}

    /// What [`adapt`](Self::adapt) has learned, to be saved with a run.
    fn state(&self) -> State {
        State::new()
    }

    /// Restores a saved [`state`](Self::state). After an error the estimator is unchanged.
    ///
    /// # Errors
    /// [`Error::State`] if the state belongs to another estimator.
    fn restore(&mut self, state: &State) -> Result<(), Error> {
        state.expect_names(&[])
    }
}
