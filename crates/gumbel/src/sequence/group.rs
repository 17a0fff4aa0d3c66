//! Score functions of groups of sequences, each judged by the rewards of its group.

use super::estimates::{finite, score};
use crate::Error;
use crate::checked::not_negative;
use crate::tensor::{at_least_single, numbers, tracked_as};
use burn::tensor::{Bool, Tensor, TensorData};

/// What the reward of a sequence is compared with: the other samples of its group.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::sequence::{Advantage, GroupScore};
/// let rewards = Tensor::<2>::from_floats([[0.0, 0.0, 3.0]], &Device::flex());
/// let first = |advantage| {
///     let advantages = GroupScore { advantage, ..GroupScore::RLOO }.advantages(rewards.clone()).unwrap();
///     advantages.narrow(1, 0, 1).into_scalar::<f32>()
/// };
/// assert_eq!(first(Advantage::LeaveOneOut), -1.5);
/// assert_eq!(first(Advantage::Centred), -1.0);
/// assert!((first(Advantage::Standardized { epsilon: 0.0 }) + 1.0 / 3f32.sqrt()).abs() < 1e-6);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Advantage {
    /// The reward minus the mean of the group's other rewards. Unbiased.
    LeaveOneOut,
    /// The reward minus the mean of the group's rewards, its own included: (S − 1)/S times the above. A bias that a
    /// learning rate undoes.
    Centred,
    /// The centred reward divided by the standard deviation of the group's rewards (with S − 1) plus ε; 0 in a group of equal
    /// rewards. **Biased**: it weighs groups with nearly equal rewards more, those that are nearly always right or wrong.
    Standardized {
        /// ε, in units of the reward, at least 0.
        epsilon: f64,
    },
}

/// How the tokens of a sequence are weighed in a group of S sequences with lengths `|o|`.
///
/// ```
/// use gumbel::sequence::{GroupScore, LengthNormalization};
/// assert_eq!(GroupScore::GRPO.length, LengthNormalization::SequenceMean);
/// assert_eq!(GroupScore::dr_grpo(512).length, LengthNormalization::Constant(512));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LengthNormalization {
    /// 1/S each: the score of the sequence. Unbiased.
    Sum,
    /// 1/(S |o|), a mean over the tokens of each sequence (GRPO). **Biased**: a long sequence with a low reward loses less
    /// probability for it than a short one.
    SequenceMean,
    /// 1/Σ |o|, a mean over the tokens of the group (DAPO). **Biased**, in the same direction but less: only the group's
    /// mean length matters.
    TokenMean,
    /// 1/(S n), n a constant such as the maximum length (Dr. GRPO): the sum at another scale.
    Constant(usize),
}

/// A policy gradient whose baseline is the group's own rewards: RLOO, GRPO and the forms between them.
///
/// ```text
/// ∇ = −Σ_s A_s Σ_t c_st ∇ln p(token t of s),   A by `advantage`, c by `length`
/// ```
///
/// Only [`RLOO`](Self::RLOO) estimates the gradient of the expected reward without a bias. There is no clipped ratio: the
/// sequences are those of the current policy, as in the first step on each batch.
///
/// Kool, van Hoof and Welling 2019 (RLOO); Shao et al. 2024, "DeepSeekMath" (GRPO); Yu et al. 2025 (DAPO); Liu et al.
/// 2025, "Understanding R1-Zero-Like Training" (Dr. GRPO).
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::sequence::GroupScore;
/// let device = Device::flex();
/// let log_probs = Tensor::<3>::full([1, 2, 2], -0.5, &device.clone().autodiff()).require_grad();
/// // The second sequence has one token.
/// let mask = Tensor::<3>::from_floats([[[1.0, 1.0], [1.0, 0.0]]], &device).greater_elem(0.5);
/// let rewards = Tensor::from_floats([[1.0, 0.0]], &device);
/// let loss = GroupScore::RLOO.loss(log_probs.clone(), mask, rewards)?;
/// assert_eq!(loss.clone().inner().into_scalar::<f32>(), -0.5); // minus the mean reward
/// let gradient = log_probs.grad(&loss.sum().backward()).expect("a gradient");
/// assert_eq!(gradient.into_data().try_to_vec::<f32>().unwrap(), [-0.5, -0.5, 0.5, 0.0]);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "policy gradient")]
#[doc(alias = "group relative policy optimization")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GroupScore {
    /// What a reward is compared with.
    pub advantage: Advantage,
    /// How tokens are weighed.
    pub length: LengthNormalization,
}

impl GroupScore {
    /// The leave-one-out score function: unbiased.
    pub const RLOO: Self = Self { advantage: Advantage::LeaveOneOut, length: LengthNormalization::Sum };

    /// Standardised rewards and the mean over each sequence's tokens. ε is 1e-4.
    pub const GRPO: Self = Self {
        advantage: Advantage::Standardized { epsilon: 1e-4 },
        length: LengthNormalization::SequenceMean,
    };

    /// Standardised rewards and the mean over the group's tokens. ε is 1e-4.
    pub const DAPO: Self =
        Self { advantage: Advantage::Standardized { epsilon: 1e-4 }, length: LengthNormalization::TokenMean };

    /// Centred rewards, divided by a constant in place of the length: (S − 1)/(S n) times RLOO.
    pub const fn dr_grpo(max_length: usize) -> Self {
        Self { advantage: Advantage::Centred, length: LengthNormalization::Constant(max_length) }
    }

    /// The loss of each group: its value is minus the mean reward, its gradient the estimate.
    ///
    /// Log-probabilities and their gradients do not matter where the mask is `false`. A sequence without a token counts in
    /// the baseline of the others and has no gradient.
    ///
    /// # Shapes
    /// `log_probs` `[groups, samples, length]` of tokens, as from [`token_log_probs`](super::token_log_probs), `mask`
    /// alike, and `rewards` `[groups, samples]`, to `[groups]`.
    ///
    /// # Errors
    /// Fewer than two samples; a reward that is not finite, or a log-probability where the mask is `true`; a constant of
    /// 0; an ε that is negative or not finite.
    ///
    /// # Panics
    /// If the shapes do not match.
    pub fn loss(
        &self,
        log_probs: Tensor<3>,
        mask: Tensor<3, Bool>,
        rewards: Tensor<2>,
    ) -> Result<Tensor<1>, Error> {
        let shape @ [groups, samples, length] = log_probs.dims();
        assert_eq!(shape, mask.dims(), "log_probs of shape {shape:?} for a mask of shape {:?}", mask.dims());
        let of_rewards = rewards.dims();
        assert_eq!(
            [groups, samples],
            of_rewards,
            "log_probs of shape {shape:?} for rewards of shape {of_rewards:?}"
        );
        let rewards = at_least_single(rewards.detach());
        let advantages = self.advantages(rewards.clone().inner())?;
        let log_probs = at_least_single(log_probs).mask_fill(mask.clone().bool_not(), 0.0);
        finite("log-probabilities", &log_probs)?;
        let weights = self.token_weights(&mask)?;
        let on = (&advantages.device(), advantages.dtype());
        let weights = Tensor::from_data(TensorData::new(weights, [groups, samples]), on);
        let signal = advantages.neg() * weights;
        let value = rewards.mean_dim(1).squeeze_dim(1).neg();
        let log_probs = if length == 0 { signal.zeros_like() } else { log_probs.sum_dim(2).squeeze_dim(2) };
        Ok(tracked_as(value.cast(log_probs.dtype()), &log_probs) + score(log_probs, signal))
    }

    /// The advantages, exactly 0 in a group of equal rewards; without a gradient.
    ///
    /// # Shapes
    /// `rewards` `[groups, samples]` to `[groups, samples]`.
    ///
    /// # Errors
    /// Those of [`loss`](Self::loss).
    pub fn advantages(&self, rewards: Tensor<2>) -> Result<Tensor<2>, Error> {
        let [_, samples] = rewards.dims();
        if samples < 2 {
            return Err(Error::parameter("group score", "samples", "at least 2", samples));
        }
        let rewards = at_least_single(rewards.detach());
        finite("rewards", &rewards)?;
        // Relative to the first, so that equal rewards leave exactly nothing.
        let gaps = rewards.clone() - rewards.narrow(1, 0, 1);
        let centred = gaps.clone() - gaps.mean_dim(1);
        let others = samples as f64 - 1.0;
        match self.advantage {
            Advantage::LeaveOneOut => Ok(centred * (samples as f64 / others)),
            Advantage::Centred => Ok(centred),
            Advantage::Standardized { epsilon } => standardized(centred, others, epsilon),
        }
    }

    /// The weight of each token of a sequence, `[groups, samples]`.
    fn token_weights(&self, mask: &Tensor<3, Bool>) -> Result<Vec<f64>, Error> {
        let [groups, samples, length] = mask.dims();
        let flags = if length == 0 { Vec::new() } else { numbers(mask.clone().float()) };
        let mut lengths: Vec<f64> = flags.chunks(length.max(1)).map(|tokens| tokens.iter().sum()).collect();
        lengths.resize(groups * samples, 0.0);
        let samples_f = samples as f64;
        Ok(match self.length {
            LengthNormalization::Sum => vec![1.0 / samples_f; lengths.len()],
            LengthNormalization::Constant(0) => {
                return Err(Error::parameter("group score", "the constant length", "at least 1", 0));
            }
            LengthNormalization::Constant(n) => vec![1.0 / (samples_f * n as f64); lengths.len()],
            // A sequence without a token has no gradient, whatever its weight.
            LengthNormalization::SequenceMean => {
                lengths.iter().map(|length| 1.0 / (samples_f * length.max(1.0))).collect()
            }
            LengthNormalization::TokenMean => {
                let totals = lengths.chunks(samples).map(|group| group.iter().sum::<f64>().max(1.0));
                totals.flat_map(|total| std::iter::repeat_n(1.0 / total, samples)).collect()
            }
        })
    }
}

/// Centred rewards over their standard deviation plus ε.
fn standardized(centred: Tensor<2>, others: f64, epsilon: f64) -> Result<Tensor<2>, Error> {
    not_negative("group score", "epsilon", epsilon)?;
    // Squares of the rewards over their largest neither underflow nor overflow.
    let largest = centred.clone().abs().max_dim(1);
    let equal = largest.clone().equal_elem(0.0);
    let scale = largest.mask_fill(equal.clone(), 1.0);
    let scaled = centred.clone() / scale.clone();
    let deviation = (scaled.square().sum_dim(1) / others).sqrt() * scale;
    Ok(centred / (deviation.mask_fill(equal, 1.0) + epsilon))
}
