//! The loss whose expectation is estimated, and how it is combined over samples.

use burn::tensor::Tensor;
use std::fmt;

/// What an objective is evaluated at: `S` samples for each of `B` rows of `D` latents with `K` categories.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::estimator::Sample;
/// let sample = Sample::hard(Tensor::zeros([2, 1, 3, 4], &Device::flex()));
/// let mean = sample.mean(Tensor::from_floats([[1.0], [4.0]], &Device::flex()));
/// assert_eq!(mean.into_scalar::<f32>(), 2.5);
/// ```
#[derive(Clone, Debug)]
pub struct Sample {
    /// `[S, B, D, K]`: one-hot rows, or points of the simplex if `relaxed` says so.
    pub z: Tensor<4>,
    /// Set if `z` is a relaxed sample: what its density requires.
    pub relaxed: Option<Relaxed>,
    /// `[S, B]`, summing to one over S: the weight of each sample. Equal weights if `None`.
    pub weights: Option<Tensor<2>>,
}

/// A relaxed sample in log space.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::estimator::{Objective, Pathwise, GumbelSoftmax, Relaxed};
/// use gumbel::{Noise, Schedule};
/// let logits = Tensor::zeros([1, 1, 1, 3], &Device::flex());
/// let sample = GumbelSoftmax::new(1, Schedule::Constant(0.5))?.sample(logits, &mut Noise::from_seed(1), 0)?;
/// let Relaxed { log_z, tau } = sample.relaxed.expect("a relaxed sample");
/// assert_eq!(tau, 0.5);
/// assert!((log_z.exp().sum().into_scalar::<f32>() - 1.0).abs() < 1e-6);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Relaxed {
    /// `ln z`, `[S, B, D, K]`, exact where `z` has rounded to 0 or 1.
    pub log_z: Tensor<4>,
    /// The temperature at which it was drawn.
    pub tau: f64,
}

impl Sample {
    /// Equally weighted one-hot samples `[S, B, D, K]`.
    pub fn hard(z: Tensor<4>) -> Self {
        Self { z, relaxed: None, weights: None }
    }

    /// The mean over samples by their weights, `[S, B]` to `[B]`.
    pub fn mean(&self, values: Tensor<2>) -> Tensor<1> {
        match &self.weights {
            Some(weights) => (values * weights.clone()).sum_dim(0).squeeze_dim(0),
            None => plain_mean(values),
        }
    }
}

/// How the losses of a row's `S` samples are reduced to one.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::estimator::{Objective, Sample};
/// let sample = Sample::hard(Tensor::zeros([2, 1, 1, 2], &Device::flex()));
/// let losses = Tensor::<2>::from_floats([[0.0], [2.0]], &Device::flex());
/// let reduce = |objective: Objective| objective.reduce(&sample, losses.clone()).into_scalar::<f32>();
/// assert_eq!(reduce(Objective::mean(|_| unreachable!())), 1.0);
/// let bound = reduce(Objective::log_mean_exp(|_| unreachable!()));
/// assert!((bound - 0.566219).abs() < 1e-6); // −ln ½ (1 + e⁻²)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduction {
    /// `(1/S) Σ f_s`. More samples lower the variance of the same expectation.
    Mean,
    /// `−ln (1/S) Σ exp(−f_s)`. With `f = −ln p(x, z)/q(z)` this is the importance-weighted bound (Burda,
    /// Grosse and Salakhutdinov 2016, eq. 8); more samples estimate a different, tighter bound.
    LogMeanExp,
}

impl Reduction {
    /// Both.
    pub const ALL: &[Self] = &[Self::Mean, Self::LogMeanExp];
}

/// A loss `f` from samples to one number for each, `[S, B]`, with its [`Reduction`]. Lower is better.
///
/// A black box is a closure like any other: it may move the sample to the host and compute there.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::estimator::{Objective, Sample};
/// // The number of latents in category 1.
/// let ones = Objective::mean(|sample| sample.z.clone().narrow(3, 1, 1).sum_dim(2).squeeze_dims(&[2, 3]));
/// let z = Tensor::<4>::from_floats([[[[0.0, 1.0], [0.0, 1.0], [1.0, 0.0]]]], &Device::flex());
/// assert_eq!(ones.losses(&Sample::hard(z)).into_scalar::<f32>(), 2.0);
/// ```
#[doc(alias = "loss")]
pub struct Objective<'a> {
    f: Box<dyn Fn(&Sample) -> Tensor<2> + 'a>,
    reduction: Reduction,
}

impl<'a> Objective<'a> {
    /// `E f`.
    pub fn mean(f: impl Fn(&Sample) -> Tensor<2> + 'a) -> Self {
        Self { f: Box::new(f), reduction: Reduction::Mean }
    }

    /// `E[−ln (1/S) Σ exp(−f_s)]`.
    pub fn log_mean_exp(f: impl Fn(&Sample) -> Tensor<2> + 'a) -> Self {
        Self { f: Box::new(f), reduction: Reduction::LogMeanExp }
    }

    /// With a given reduction.
    pub(crate) fn reducing(reduction: Reduction, f: impl Fn(&Sample) -> Tensor<2> + 'a) -> Self {
        Self { f: Box::new(f), reduction }
    }

    /// How it reduces the losses of a row's samples.
    pub fn reduction(&self) -> Reduction {
        self.reduction
    }

    /// `f` at every sample, `[S, B]`.
    ///
    /// # Panics
    /// If the closure returns another shape.
    pub fn losses(&self, sample: &Sample) -> Tensor<2> {
        let losses = (self.f)(sample);
        let [samples, rows, ..] = sample.z.dims();
        assert_eq!(
            losses.dims(),
            [samples, rows],
            "the objective must return [S, B] for z {:?}",
            sample.z.dims()
        );
        losses
    }

    /// Reduces the losses of a sample, `[S, B]`, to one per row, `[B]`.
    pub fn reduce(&self, sample: &Sample, losses: Tensor<2>) -> Tensor<1> {
        match self.reduction {
            Reduction::Mean => sample.mean(losses),
            Reduction::LogMeanExp => log_mean_exp(losses, |terms| sample.mean(terms)),
        }
    }
}

/// `−ln mean exp(−f)` of losses `[S, B]`, with a given mean over samples.
pub(crate) fn log_mean_exp(losses: Tensor<2>, mean: impl Fn(Tensor<2>) -> Tensor<1>) -> Tensor<1> {
    // The smallest loss is the largest term; taking it out keeps the exponentials finite.
    let least = losses.clone().detach().min_dim(0);
    let sum = mean((least.clone() - losses).exp());
    least.squeeze_dim::<1>(0) - sum.log()
}

/// The mean over equally weighted samples, `[S, B]` to `[B]`.
pub(crate) fn plain_mean(values: Tensor<2>) -> Tensor<1> {
    values.mean_dim(0).squeeze_dim(0)
}

impl fmt::Debug for Objective<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Objective").field("reduction", &self.reduction).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn reductions_agree_with_their_formulas_far_from_zero() {
        let losses = Tensor::<2>::from_floats([[1000.0, 3.0], [1001.0, 3.0]], &Device::flex());
        let sample = Sample::hard(Tensor::zeros([2, 2, 1, 2], &Device::flex()));
        let constant = |losses: &Tensor<2>| {
            let losses = losses.clone();
            move |_: &Sample| losses.clone()
        };
        let mean = Objective::mean(constant(&losses)).reduce(&sample, losses.clone());
        assert_eq!(mean.into_data().try_to_vec::<f32>().unwrap(), [1000.5, 3.0]);
        let bound = Objective::log_mean_exp(constant(&losses)).reduce(&sample, losses);
        let bound = bound.into_data().try_to_vec::<f32>().unwrap();
        let expected = 1000.0 - (0.5 * (1.0 + (-1f32).exp())).ln();
        assert!((bound[0] - expected).abs() < 1e-4 && (bound[1] - 3.0).abs() < 1e-6, "{bound:?}");
    }
}
