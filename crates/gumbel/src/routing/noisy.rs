//! Noisy top-k gating (Shazeer et al. 2017): normal noise of a learned scale, and the load that it smooths.

use super::choice;
use super::scores::Prepared;
use crate::tensor::{first_where, masked, numbers, tracked_as};
use crate::{Error, Noise};
use burn::tensor::{Bool, Int, Tensor, TensorData};

/// `θ + σ ε`, differentiable in θ and σ.
pub(super) fn perturbed(scores: &Prepared, noise: &mut Noise) -> Result<Tensor<2>, Error> {
    let scale = scale(scores)?;
    let (logits, device) = (&scores.logits, scores.logits.device().inner());
    let kind = crate::ops::NoiseKind::Normal;
    let epsilon: Tensor<2> = noise.draw_as(kind, logits.shape(), &device, logits.dtype());
    // A masked logit stays -inf, and its noise has no gradient.
    let moved = scale.clone() * tracked_as(epsilon, &scale);
    Ok(tracked_as(logits.clone(), &moved) + moved.mask_fill(masked(logits), 0.0))
}

fn scale(scores: &Prepared) -> Result<Tensor<2>, Error> {
    let (owner, parameter, expected) = ("router", "noise scale", "positive and finite");
    let Some(scale) = &scores.noise_scale else {
        return Err(Error::parameter(owner, parameter, "given for noisy top-k", "none"));
    };
    let dims = scores.logits.dims();
    assert!(scale.dims() == dims, "the noise scale has the shape {:?}, expected {dims:?}", scale.dims());
    // Padding may hold anything.
    let scale = scores.fill_padding(scale.clone().cast(scores.logits.dtype()), 1.0);
    match first_where(&scale, |value| !(value > 0.0 && value.is_finite())) {
        None => Ok(tracked_as(scale, &scores.logits)),
        Some((index, value)) => Err(Error::Element { owner, parameter, expected, index, value }),
    }
}

/// The probability `[T, E]` that an expert stays or comes among the k largest if its noise alone were drawn anew.
///
/// ```text
/// P = Φ((θ − kth_excluding(θ + σ ε, k)) / σ)
/// ```
///
/// Appendix A, equations 8 and 9. It is 1 where no more than k experts are unmasked, 0 for a masked one and for padding.
pub(super) fn load_probabilities(scores: &Prepared, noisy: &Tensor<2>, k: usize) -> Result<Tensor<2>, Error> {
    let hidden = masked(&scores.logits);
    let scale = scale(scores)?;
    let (rivals, certain) = rivals(scores, noisy, k);
    // A masked logit is infinite, and so is its difference from itself NaN.
    let finite = |tensor: Tensor<2>| tensor.mask_fill(hidden.clone(), 0.0);
    let rivals = finite(noisy.clone()).gather(1, rivals);
    let gaps = (tracked_as(finite(scores.logits.clone()), &rivals) - rivals) / scale;
    let probabilities = ((gaps * std::f64::consts::FRAC_1_SQRT_2).erf() + 1.0) * 0.5;
    Ok(scores.fill_padding(probabilities.mask_fill(certain, 1.0).mask_fill(hidden, 0.0), 0.0))
}

/// For each expert, the k-th largest of the others, and where there is none because all are chosen.
fn rivals(scores: &Prepared, noisy: &Tensor<2>, k: usize) -> (Tensor<2, Int>, Tensor<2, Bool>) {
    let (shape, noisy) = (scores.logits.dims(), numbers(noisy.clone()));
    let (mut rivals, mut certain) = (vec![0; noisy.len()], vec![false; noisy.len()]);
    for (at, row) in noisy.chunks(shape[1]).enumerate().map(|(row, keys)| (row * shape[1], keys)) {
        let order = choice::order_of(row);
        let open = order.iter().filter(|&&expert| row[expert] > f64::NEG_INFINITY).count();
        for (rank, &expert) in order.iter().enumerate() {
            certain[at + expert] = open <= k;
            rivals[at + expert] = order[if open <= k || rank >= k { k - 1 } else { k }] as i64;
        }
    }
    let device = scores.logits.device();
    let rivals = Tensor::from_data(TensorData::new(rivals, shape), &device);
    (rivals, Tensor::from_data(TensorData::new(certain, shape), &device))
}
