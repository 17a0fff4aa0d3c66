//! Binary latents: two categories, of which the second is "one". Everything is a function of the log-odds
//! ℓ = θ₁ − θ₀.

use super::super::Info;
use crate::{Error, Noise, ops};
use burn::tensor::Tensor;

/// The log-odds `[B, D]` of logits `[B, D, 2]`, detached; ±∞ where one of the two is masked.
///
/// # Errors
/// Another number of categories; what [`sample::check`] refuses.
pub(in super::super) fn log_odds(info: &Info, logits: &Tensor<3>) -> Result<Tensor<2>, Error> {
    let categories = logits.dims()[2];
    if categories != 2 {
        let what = format!("latents with {categories} categories, only binary ones");
        return Err(info.unserved(what, "use rloo, arsm or gumbel-softmax"));
    }
    ops::check_logits(logits)?;
    let logits = logits.clone().detach();
    Ok((logits.clone().narrow(2, 1, 1) - logits.narrow(2, 0, 1)).squeeze_dim(2))
}

/// Bits `[S, B, D]` of zeros and ones as one-hot rows `[S, B, D, 2]`.
pub(in super::super) fn one_hot(bits: Tensor<3>) -> Tensor<4> {
    Tensor::stack(vec![bits.clone().neg() + 1.0, bits], 3)
}

/// A cotangent of the log-odds `[B, D]` as one of the logits `[B, D, 2]`.
pub(in super::super) fn cotangent(log_odds: Tensor<2>) -> Tensor<3> {
    Tensor::stack(vec![log_odds.clone().neg(), log_odds], 2)
}

/// Uniform numbers `[P, B, D]` of the logits' kind.
pub(in super::super) fn uniform(noise: &mut Noise, logits: &Tensor<3>, shape: [usize; 3]) -> Tensor<3> {
    like(noise.uniform(shape, &logits.device().inner()), logits)
}

/// A tensor in the precision of the logits, and tracked if they are.
pub(in super::super) fn like<const D: usize>(tensor: Tensor<D>, logits: &Tensor<3>) -> Tensor<D> {
    let tensor = tensor.cast(logits.dtype());
    if logits.is_autodiff() { tensor.autodiff() } else { tensor }
}
