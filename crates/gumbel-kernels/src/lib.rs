#![doc = include_str!("../README.md")]
//!
//! # Kernels
//!
//! | | | VJP |
//! |---|---|---|
//! | [`noise`] | uniform, exponential, Gumbel, logistic and normal noise | |
//! | [`gumbel_max`] | an exact categorical sample | |
//! | [`gumbel_top_k`] | a sample without replacement, in order (Plackett-Luce) | |
//! | [`mask_top_k`], [`mask_top_p`], [`mask_min_p`] | the logits of a truncated distribution | |
//! | [`gumbel_softmax`], [`log_gumbel_softmax`] | a relaxed (Concrete) sample, and its logarithm | yes |
//! | [`gumbel_softmax_in_place`], [`log_gumbel_softmax_in_place`] | the same, over the logits | yes |
//! | [`gumbel_softmax_with_index`] | the relaxed and the exact sample at once | |
//! | [`perturbed_softmax`], [`log_perturbed_softmax`] | a relaxed sample with the caller's noise | yes |
//! | [`softmax`], [`log_softmax`], [`log_sum_exp`] | probabilities of a row, and its normaliser | yes |
//! | [`softmax_in_place`], [`log_softmax_in_place`] | the same, over the logits | |
//! | [`entmax`] | sparse probabilities of a row; [`entmax_alpha_derivative`] is its derivative in α | yes |
//! | [`categorical`] | log-probability, entropy, Kullback-Leibler divergence | |
//! | [`bernoulli_log_prob`] | log-likelihood of binary data | yes |
//! | [`exp_concrete_log_prob`] | log-density of a relaxed sample in log space | yes |
//! | [`concrete_log_prob`] | the same on the simplex | yes |
//! | [`binary_concrete_log_prob`] | log-density of a relaxed Bernoulli in logit space | yes |
//! | [`binary_concrete_unit_log_prob`] | the same on the unit interval | yes |
//! | [`subset`] | subsets of a fixed size: partition function, marginals, exact and relaxed samples | yes |
//! | [`assignment`] | the best permutation of a square matrix | |
//! | [`log_sinkhorn`] | its relaxation, a nearly doubly stochastic matrix | yes |
//! | [`nearest`] | the nearest of K codes to each point, and its squared distance | |
//! | [`tree`] | spanning trees: partition function, marginals, the maximum spanning tree | yes |
//! | [`adam_step`] | one step of the optimiser Adam | |
//!
//! The VJP of a relaxed sample ([`gumbel_softmax_vjp`], [`log_gumbel_softmax_vjp`]) applies however the sample was drawn.
#![deny(unsafe_code)]

mod activation;
mod adam;
mod distribution;
mod error;
mod nearest;
mod number;
mod parallel;
mod permutation;
mod random;
mod sampling;
mod softmax;
pub mod subset;
#[cfg(test)]
mod tests;
pub mod tree;

pub use activation::{sigmoid, sigmoid_vjp_in_place, tanh, tanh_vjp_in_place};
pub use adam::{AdamStep, adam_step};
pub use distribution::{
    bernoulli_log_prob, bernoulli_log_prob_vjp, binary_concrete_log_prob, binary_concrete_log_prob_vjp,
    binary_concrete_unit_log_prob, binary_concrete_unit_log_prob_vjp, categorical, concrete_log_prob,
    concrete_log_prob_vjp, exp_concrete_log_prob, exp_concrete_log_prob_vjp,
};
pub use error::{Error, check_temperature};
pub use nearest::nearest;
pub use number::logit::Logit;
pub use number::real::Real;
pub use parallel::level::{Level, UnknownLevel};
pub use permutation::{assignment, log_sinkhorn, log_sinkhorn_vjp};
pub use random::noise;
pub use random::stream::Stream;
pub use random::stream_rng::StreamRng;
pub use sampling::{
    gumbel_max, gumbel_softmax, gumbel_softmax_in_place, gumbel_softmax_vjp, gumbel_softmax_vjp_in_place,
    gumbel_softmax_with_index, gumbel_top_k, log_gumbel_softmax, log_gumbel_softmax_in_place,
    log_gumbel_softmax_vjp, log_gumbel_softmax_vjp_in_place, log_perturbed_softmax, mask_min_p, mask_top_k,
    mask_top_p, perturbed_softmax,
};
pub use softmax::{
    entmax, entmax_alpha_derivative, entmax_vjp, log_softmax, log_softmax_in_place, log_softmax_vjp,
    log_sum_exp, log_sum_exp_vjp, softmax, softmax_in_place, softmax_vjp,
};
