//! What is estimated: a loss of samples, and how it combines over them.

use burn::tensor::Tensor;
use std::fmt;

/// What an objective is evaluated at: `S` samples for each of `B` rows of `D` latents with `K` categories.
#[derive(Clone, Debug)]
pub struct Sample {
    /// `[S, B, D, K]`: one-hot rows, or points of the simplex if `relaxed` says so.
    pub z: Tensor<4>,
    /// Set if `z` is a relaxed sample; what its density needs.
    pub relaxed: Option<Relaxed>,
    /// `[S, B]`, adding up to one over S: how much each sample counts. Equally, if `None`.
    pub weights: Option<Tensor<2>>,
}

/// The log-space side of a relaxed sample.
#[derive(Clone, Debug)]
pub struct Relaxed {
    /// `ln z`, `[S, B, D, K]`, exact where `z` has rounded to 0 or 1.
    pub log_z: Tensor<4>,
    /// The temperature it was drawn at.
    pub tau: f64,
}

impl Sample {
    /// Equally weighted one-hot samples.
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

/// How the losses of a row's `S` samples make one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduction {
    /// `(1/S) Σ f_s`. More samples lower the variance and estimate the same thing.
    Mean,
    /// `−ln (1/S) Σ exp(−f_s)`. With `f = −ln p(x, z)/q(z)` this is the importance-weighted bound (Burda,
    /// Grosse and Salakhutdinov 2016, eq. 8); more samples estimate another, tighter, thing.
    LogMeanExp,
}

/// A loss `f` from samples to one number for each, `[S, B]`, and its [`Reduction`]. Lower is better.
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

    /// How it combines samples.
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

    /// The losses of a sample, `[S, B]`, as one for each row, `[B]`.
    pub fn reduce(&self, sample: &Sample, losses: Tensor<2>) -> Tensor<1> {
        match self.reduction {
            Reduction::Mean => sample.mean(losses),
            Reduction::LogMeanExp => log_mean_exp(losses, |terms| sample.mean(terms)),
        }
    }
}

/// `−ln mean exp(−f)` of losses `[S, B]`, by the mean over samples that is given.
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
