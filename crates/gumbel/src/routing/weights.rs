//! The weights of chosen experts, by operations of Burn, whose gradients are theirs.

use super::choice::Choice;
use super::options::Weighting;
use super::scores::Prepared;
use crate::tensor::{centred, masked};
use burn::tensor::{Bool, Tensor, activation};

/// Weights `[T, E]`.
pub(super) struct Weights {
    /// Zero where an expert is not chosen; the gradient is that of the weights of the chosen.
    pub sparse: Tensor<2>,
    /// Those of the same gate for k = E, which the dense gradient is that of.
    pub shares: Tensor<2>,
}

/// The weights of a choice by tokens, for logits that may be perturbed.
pub(super) fn of(scores: &Prepared, logits: Tensor<2>, choice: &Choice, weighting: Weighting) -> Weights {
    let logits = match weighting {
        Weighting::Sigmoid => log_sigmoid(logits),
        Weighting::Chosen | Weighting::All => logits,
    };
    let shares = softmax(logits.clone());
    let others = choice.mask(scores, |_| true).bool_not();
    let sparse = match weighting {
        Weighting::All => shares.clone(),
        Weighting::Chosen | Weighting::Sigmoid => softmax(without(others.clone(), scores, logits)),
    };
    Weights { sparse: sparse.mask_fill(others, 0.0), shares }
}

/// The logits with `-inf` at the experts that are not chosen. Padding, which has no choice, stays.
fn without(others: Tensor<2, Bool>, scores: &Prepared, logits: Tensor<2>) -> Tensor<2> {
    let others = match scores.padding(logits.dims()) {
        Some(padding) => others.bool_and(padding.bool_not()),
        None => others,
    };
    logits.mask_fill(others, f32::NEG_INFINITY)
}

/// The softmax over experts, 0 with a gradient of 0 where a logit is `-inf`.
pub(super) fn softmax(logits: Tensor<2>) -> Tensor<2> {
    if logits.shape().num_elements() == 0 {
        return logits;
    }
    let weights = centred(logits).exp();
    weights.clone() / weights.sum_dim(1)
}

fn log_sigmoid(logits: Tensor<2>) -> Tensor<2> {
    let masked = masked(&logits);
    activation::log_sigmoid(logits.mask_fill(masked.clone(), 0.0)).mask_fill(masked, f32::NEG_INFINITY)
}
