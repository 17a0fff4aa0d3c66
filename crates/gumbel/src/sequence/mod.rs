//! Sequences: sampling with and without replacement from a model of the next token, and gradients of expected losses.
//!
//! A [`Sampler`] takes a closure from [`Prefix`]es and the model's [`States`] to logits. What it returns are hard
//! samples, with exact log-probabilities; [`token_log_probs`] computes these again with the model's gradient.
//!
//! | to estimate | with | from |
//! | --- | --- | --- |
//! | E f | [`DistinctSequences::expectation`] | sequences without replacement: unbiased |
//! | | [`DistinctSequences::normalized_expectation`] | the same: biased, usually less variance |
//! | ∇E f | [`GroupScore::RLOO`] | independent sequences: unbiased |
//! | | [`DistinctSequences::unordered_set_loss`] | up to ten without replacement: unbiased |
//! | | [`DistinctSequences::reinforce_loss`] | any number without replacement: unbiased |
//! | a direction that raises rewards | [`GroupScore::GRPO`], [`GroupScore::dr_grpo`] and others | independent sequences: biased |
//!
//! # A training step
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use gumbel::{Noise, sequence::{GroupScore, Prefix, Sampler, token_log_probs}};
//!
//! // Which of two tokens? Four of them, and the reward is how often it is 1. The policy is one logit per token.
//! let sampler = Sampler::new(4)?;
//! let mut logits = Tensor::<2>::zeros([1, 2], &Device::flex());
//! for step in 0..50 {
//!     let leaf = logits.clone().autodiff().require_grad();
//!     let policy = |(), prefixes: &[Prefix<'_>]| (leaf.clone().repeat_dim(0, prefixes.len()), ());
//!     let drawn = sampler.independent(0..1, 8, (), policy, &mut Noise::from_seed(1).split(step))?;
//!     let rewards = drawn.map(&Device::flex(), |sequence| sequence.tokens.iter().sum::<usize>() as f64);
//!     let log_probs = token_log_probs(&drawn, 0..1, (), policy)?;
//!     let loss = GroupScore::RLOO.loss(log_probs, drawn.mask(&Device::flex()), rewards)?;
//!     logits = logits - leaf.grad(&loss.sum().backward()).expect("a gradient") * 0.5;
//! }
//! let [no, yes] = logits.into_data().try_to_vec::<f32>().unwrap()[..] else { panic!("two logits") };
//! assert!(yes - no > 3.0, "{no} and {yes}");
//! # Ok::<(), gumbel::Error>(())
//! ```
//!
//! The example program `grammar` trains a recurrent policy and compares these estimates with Gumbel-Softmax.

mod ancestral;
mod distinct;
mod estimates;
mod frontier;
mod group;
mod next;
mod sampler;
mod sequences;
mod states;
mod token_log_probs;

pub use distinct::DistinctSequences;
pub use group::{Advantage, GroupScore, LengthNormalization};
pub use sampler::Sampler;
pub use sequences::{Sequence, Sequences};
pub use states::{Prefix, States};
pub use token_log_probs::token_log_probs;
