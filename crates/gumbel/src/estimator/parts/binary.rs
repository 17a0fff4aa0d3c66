//! Binary latents: two categories, of which the second is "one". Everything is a function of the log-odds
//! ℓ = θ₁ − θ₀.

use super::super::contract::Properties;
use crate::tensor::tracked_as;
use crate::{Error, Noise, Unsupported, ops};
use burn::tensor::Tensor;

/// The log-odds `[B, D]` of logits `[B, D, 2]`, detached; ±∞ where one of the two is masked.
///
/// # Errors
/// Another number of categories; those of [`ops::check_logits`].
pub(in super::super) fn log_odds(properties: &Properties, logits: &Tensor<3>) -> Result<Tensor<2>, Error> {
    check(properties, logits)?;
    ops::check_logits(logits)?;
    let logits = logits.clone().detach();
    Ok((logits.clone().narrow(2, 1, 1) - logits.narrow(2, 0, 1)).squeeze_dim(2))
}

/// Returns an error for another number of categories than two.
pub(in super::super) fn check<const D: usize>(
    properties: &Properties,
    logits: &Tensor<D>,
) -> Result<(), Error> {
    match logits.dims()[D - 1] {
        2 => Ok(()),
        categories => {
            let problem = Unsupported::Categories(categories);
            Err(properties.unsupported(problem, "use rloo, arsm or gumbel-softmax"))
        }
    }
}

/// Bits `[S, B, D]` of zeros and ones as one-hot rows `[S, B, D, 2]`.
pub(in super::super) fn one_hot(bits: Tensor<3>) -> Tensor<4> {
    Tensor::stack(vec![bits.clone().neg() + 1.0, bits], 3)
}

/// A cotangent of the log-odds `[B, D]` as one of the logits `[B, D, 2]`.
pub(in super::super) fn cotangent(log_odds: Tensor<2>) -> Tensor<3> {
    Tensor::stack(vec![log_odds.clone().neg(), log_odds], 2)
}

/// Uniform numbers `[P, B, D]` in the precision of the logits.
pub(in super::super) fn uniform(noise: &mut Noise, logits: &Tensor<3>, shape: [usize; 3]) -> Tensor<3> {
    like(noise.uniform(shape, &logits.device().inner()), logits)
}

/// A tensor in the precision of the logits, and tracked if they are.
pub(in super::super) fn like<const D: usize>(tensor: Tensor<D>, logits: &Tensor<3>) -> Tensor<D> {
    tracked_as(tensor.cast(logits.dtype()), logits)
}
