//! Latents in host memory and double precision, for estimators whose arithmetic is more than tensors can say.

use crate::tensor::numbers;
use crate::{Error, ops};
use burn::tensor::{Tensor, TensorData};

/// `log softmax(θ)` of logits `[B, D, K]`.
pub(in super::super) struct LogProbs {
    values: Vec<f64>,
    latents: usize,
    categories: usize,
}

impl LogProbs {
    /// # Errors
    /// Those of [`ops::check_logits`].
    pub fn of(logits: &Tensor<3>) -> Result<Self, Error> {
        ops::check_logits(logits)?;
        let [_, latents, categories] = logits.dims();
        let mut values = numbers(logits.clone());
        for latent in values.chunks_mut(categories) {
            // In two steps: the sum of a large maximum and a logarithm would lose the latter's digits.
            let largest = latent.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            latent.iter_mut().for_each(|value| *value -= largest);
            let total = log_sum_exp(latent.iter().copied());
            latent.iter_mut().for_each(|value| *value -= total);
        }
        Ok(Self { values, latents, categories })
    }

    /// Row by row, `[D, K]` each.
    pub fn rows(&self) -> impl Iterator<Item = &[f64]> {
        self.values.chunks(self.latents * self.categories)
    }

    /// Latent by latent, `[K]` each.
    pub fn latents(&self) -> impl Iterator<Item = &[f64]> {
        self.values.chunks(self.categories)
    }
}

/// `ln Σ exp`; `-inf` if there is nothing to add.
pub(crate) fn log_sum_exp(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let largest = values.clone().fold(f64::NEG_INFINITY, f64::max);
    if largest == f64::NEG_INFINITY {
        return largest;
    }
    largest + values.map(|value| (value - largest).exp()).sum::<f64>().ln()
}

/// The place of the largest value, the first of several.
pub(crate) fn argmax(values: impl Iterator<Item = f64>) -> usize {
    let largest = |best: (usize, f64), one: (usize, f64)| if one.1 > best.1 { one } else { best };
    values.enumerate().fold((0, f64::NEG_INFINITY), largest).0
}

/// Numbers as a tensor like the logits: their type, their device.
pub(in super::super) fn tensor<const D: usize>(
    values: Vec<f64>,
    shape: [usize; D],
    logits: &Tensor<3>,
) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values, shape), (&logits.device(), logits.dtype()))
}

/// Categories as one-hot rows, `[.., K]`.
pub(in super::super) fn one_hot(picks: &[usize], shape: [usize; 3], logits: &Tensor<3>) -> Tensor<4> {
    let ([m, n, o], categories) = (shape, logits.dims()[2]);
    let mut z = vec![0.0; picks.len() * categories];
    for (z, &pick) in z.chunks_mut(categories).zip(picks) {
        z[pick] = 1.0;
    }
    tensor(z, [m, n, o, categories], logits)
}

/// The categories of one-hot rows.
pub(in super::super) fn picks(z: Tensor<4>) -> Vec<usize> {
    let categories = z.dims()[3];
    numbers(z).chunks(categories).map(|row| argmax(row.iter().copied())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_exponentials_keep_their_scale() {
        assert_eq!(log_sum_exp([1000.0, 1000.0].into_iter()), 1000.0 + 2f64.ln());
        assert_eq!(log_sum_exp([f64::NEG_INFINITY; 2].into_iter()), f64::NEG_INFINITY);
        assert_eq!(log_sum_exp(std::iter::empty()), f64::NEG_INFINITY);
    }
}
