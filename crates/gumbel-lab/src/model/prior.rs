//! The prior of a code of D latents with K categories: trained logits `[D, K]`, or none where it is uniform.

use super::laws;
use super::mlp::{next_id, trainable};
use burn::module::Param;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

/// The prior of the latents, of the topmost layer if there are several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Prior {
    /// Every category equally likely
    Uniform,
    /// Its logits are trained
    Learned,
}

impl Prior {
    /// As part of a sentence.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Uniform => "the uniform prior",
            Self::Learned => "the learned prior",
        }
    }

    /// Trainable parameters of the prior of a code of `code` numbers, D · K.
    pub(super) fn parameters(self, code: usize) -> u64 {
        if self == Self::Learned { code as u64 } else { 0 }
    }
}

/// Logits to be trained, `[D, K]`, zero at first; none for a uniform prior.
pub(super) fn initial(
    prior: Prior,
    shape: [usize; 2],
    ids: &mut impl Iterator<Item = u64>,
    device: &Device,
) -> Option<Param<Tensor<2>>> {
    (prior == Prior::Learned).then(|| trainable(next_id(ids), Tensor::zeros(shape, device)))
}

/// As `[1, D, K]`; zeros if it is uniform.
pub(super) fn logits(
    trained: &Option<Param<Tensor<2>>>,
    [latents, categories]: [usize; 2],
    device: &Device,
) -> Tensor<3> {
    match trained {
        Some(logits) => logits.val().unsqueeze(),
        None => Tensor::zeros([1, latents, categories], device),
    }
}

/// `KL(q(z|x) ‖ p(z))` of the discrete distributions in nats, logits `[B, D, K]` and `[1, D, K]` to `[B]`.
pub(super) fn divergence(posterior: Tensor<3>, prior: Tensor<3>) -> Tensor<1> {
    laws::divergence(posterior, prior).squeeze_dim::<2>(2).sum_dim(1).squeeze_dim(1)
}
