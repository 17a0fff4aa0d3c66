//! What an estimator returns.

use crate::tensor::{at_least_single, numbers, restored, unmasked};
use burn::tensor::{Tensor, TensorData, activation};

/// An estimate of an expected loss and of its gradient.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::estimator::Estimate;
/// let logits = Tensor::<3>::zeros([1, 1, 2], &Device::flex().autodiff()).require_grad();
/// let (loss, cotangent) = (Tensor::from_floats([3.0], &Device::flex()), Tensor::<3>::full([1, 1, 2], 0.5, &Device::flex()));
/// let estimate = Estimate::with_cotangent(loss, logits.clone(), cotangent);
/// assert_eq!(estimate.loss.clone().into_scalar::<f32>(), 3.0);
/// let gradient = logits.grad(&estimate.loss.sum().backward()).expect("a gradient");
/// assert_eq!(gradient.into_data().try_to_vec::<f32>().unwrap(), [0.5, 0.5]);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Estimate {
    /// `[B]`: its value is the estimate of the expected loss, its gradient the estimate of that loss's gradient.
    ///
    /// The loss is the relaxed one if the samples are relaxed. The gradient is with respect to **everything** that the
    /// loss was computed from: the logits, and the parameters inside the objective. As part of another objective it
    /// makes estimators of several stochastic layers compose.
    pub loss: Tensor<1>,
    /// What [`Estimator::adapt`](super::Estimator::adapt) learns from, detached; the layout is the estimator's own.
    pub statistics: Option<Tensor<1>>,
}

impl Estimate {
    /// A loss `[B]` whose own gradient is the estimate.
    pub fn new(loss: Tensor<1>) -> Self {
        Self { loss, statistics: None }
    }

    /// A loss `[B]` to whose gradient `cotangent` `[B, D, K]` is added, for the logits `[B, D, K]`.
    pub fn with_cotangent(loss: Tensor<1>, logits: Tensor<3>, cotangent: Tensor<3>) -> Self {
        Self::new(loss + zero_with_cotangent(logits, cotangent))
    }

    /// Of no rows.
    pub(crate) fn empty(logits: &Tensor<3>) -> Self {
        Self::new(unmasked(logits.clone()).sum_dim(2).sum_dim(1).squeeze_dims::<1>(&[1, 2]))
    }

    /// The same estimate with statistics to learn from, of any length `[N]`.
    #[must_use]
    pub fn with_statistics(self, statistics: Tensor<1>) -> Self {
        Self { statistics: Some(statistics.detach()), ..self }
    }

    /// The estimate of a batch from those of its parts, in order. The losses follow one another; of the first `sums`
    /// statistics each is the sum over the parts, of the others the mean over the rows of all.
    ///
    /// # Shapes
    /// Losses `[B₁]`, `[B₂]`, … to `[B₁ + B₂ + …]`; statistics `[N]` to `[N]`.
    ///
    /// # Panics
    /// If there are no parts, or their statistics differ in number.
    ///
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use gumbel::estimator::Estimate;
    /// let tensor = |numbers: &[f32]| Tensor::<1>::from_floats(numbers, &Device::flex());
    /// let one = Estimate::new(tensor(&[5.0])).with_statistics(tensor(&[1.0, 1.0]));
    /// let three = Estimate::new(tensor(&[6.0, 7.0, 8.0])).with_statistics(tensor(&[2.0, 2.0]));
    /// let whole = Estimate::joined(&[one, three], 1);
    /// assert_eq!(whole.statistics_vec(), [3.0, 1.75]);
    /// assert_eq!(whole.mean_loss(), 6.5);
    /// ```
    #[must_use]
    pub fn joined(parts: &[Self], sums: usize) -> Self {
        let losses: Vec<Tensor<1>> = parts.iter().map(|part| part.loss.clone()).collect();
        let rows: usize = losses.iter().map(|loss| loss.dims()[0]).sum();
        let weighted = parts.iter().filter_map(|part| {
            let statistics = part.statistics.clone()?;
            let (count, share) = (statistics.dims()[0], part.loss.dims()[0] as f64 / rows as f64);
            let weights: Vec<f64> = (0..count).map(|place| if place < sums { 1.0 } else { share }).collect();
            let weights = TensorData::new(weights, [count]);
            Some(statistics.clone() * Tensor::from_data(weights, (&statistics.device(), statistics.dtype())))
        });
        let statistics = weighted.reduce(|sum, part| sum + part);
        Self { loss: Tensor::cat(losses, 0), statistics }
    }

    /// The statistics in double precision, read back from their device; empty if there are none.
    pub fn statistics_vec(&self) -> Vec<f64> {
        self.statistics.clone().map_or(Vec::new(), numbers)
    }

    /// The mean of the loss over rows, read back from its device.
    pub fn mean_loss(&self) -> f64 {
        numbers(self.mean())[0]
    }

    /// The mean of the loss over rows `[1]`, detached: on its device, which nothing waits for.
    pub fn mean(&self) -> Tensor<1> {
        self.loss.clone().detach().mean()
    }
}

/// Zeros `[B]` whose gradient with respect to the logits is the cotangent.
fn zero_with_cotangent(logits: Tensor<3>, cotangent: Tensor<3>) -> Tensor<1> {
    // Masked logits are infinite; their cotangent is zero.
    let logits = unmasked(logits);
    let zero = (logits.clone() - logits.detach()) * cotangent.detach();
    zero.sum_dim(2).sum_dim(1).squeeze_dims::<1>(&[1, 2])
}

/// The score `∂ log q(z) / ∂θ = z − softmax(θ)` of every sample, weighted by its signal and summed: a cotangent of the
/// logits. Exactly zero at masked categories.
///
/// ```text
/// G = Σ_s signal_s (z_s − softmax θ)
/// ```
///
/// # Shapes
/// `logits` `[B, D, K]`, one-hot `z` `[S, B, D, K]` and `signal` `[S, B]` to `[B, D, K]`.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::estimator::score_cotangent;
/// let device = Device::flex();
/// let (logits, z) = (Tensor::zeros([1, 1, 2], &device), Tensor::from_floats([[[[0.0, 1.0]]]], &device));
/// let cotangent = score_cotangent(logits, z, Tensor::from_floats([[3.0]], &device));
/// assert_eq!(cotangent.into_data().try_to_vec::<f32>().unwrap(), [-1.5, 1.5]);
/// ```
pub fn score_cotangent(logits: Tensor<3>, z: Tensor<4>, signal: Tensor<2>) -> Tensor<3> {
    let dtype = logits.dtype();
    let p = activation::softmax(at_least_single(logits.detach()), 2).unsqueeze::<4>();
    let signal = signal.detach().cast(p.dtype()).unsqueeze_dims::<4>(&[2, 3]);
    restored(((z.cast(p.dtype()) - p) * signal).sum_dim(0).squeeze_dim(0), dtype)
}
