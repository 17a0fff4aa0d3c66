//! Relaxed permutations: matchings by Sinkhorn's iteration, orders by relaxed sorting.
//!
//! A permutation of n things is a matrix `[n, n]` with a single one in each row and column: row i has it at the
//! thing in place i.
//!
//! | function | forward | gradient |
//! | --- | --- | --- |
//! | [`sinkhorn`], [`log_sinkhorn`] | soft: nearly doubly stochastic | of the iterations that were run |
//! | [`gumbel_sinkhorn`] | soft, of perturbed logits | the same |
//! | [`matching`], [`gumbel_matching`] | hard: the best permutation | none |
//! | [`straight_through_sinkhorn`], [`straight_through_gumbel_sinkhorn`] | hard | of the soft one |
//! | [`neural_sort`], [`soft_sort`] | soft: rows sum to one | exact |
//! | [`hard_sort`] | hard: the descending order | none |
//! | [`straight_through_neural_sort`], [`straight_through_soft_sort`] | hard | of the soft one |
//! | [`plackett_luce_log_prob`] | the logarithm of the probability of an order | exact |
//!
//! Logits of a matching say what each pair is worth, scores of a sort what each thing is. Sorting *perturbed* scores
//! draws orders with the probabilities of Plackett and Luce: each function of a sort becomes stochastic by giving it
//! [`perturb`]ed scores.

mod plackett_luce;
mod sinkhorn;
mod sort;

pub use plackett_luce::plackett_luce_log_prob;
pub use sinkhorn::{
    gumbel_matching, gumbel_sinkhorn, log_sinkhorn, matching, sinkhorn, straight_through_gumbel_sinkhorn,
    straight_through_sinkhorn,
};
pub use sort::{hard_sort, neural_sort, soft_sort, straight_through_neural_sort, straight_through_soft_sort};

use crate::{Error, Noise};
use burn::tensor::Tensor;

/// Scores and Gumbel noise: `θ + g`, differentiable in θ. Half precision comes back as single.
///
/// The order of perturbed scores is a draw from Plackett and Luce's distribution (Yellott 1977), whose
/// log-probability is [`plackett_luce_log_prob`].
///
/// # Shapes
/// `scores` `[.., n]` to the same; uses one number of the noise for each.
///
/// # Errors
/// NaN or `+inf` among the scores; a row that is all `-inf`.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::{Noise, permutation};
/// let scores = Tensor::<2>::from_floats([[2f32.ln(), 0.0]], &Device::flex()).repeat_dim(0, 9000);
/// let drawn: Tensor<3> = permutation::hard_sort(permutation::perturb(scores, &mut Noise::from_seed(1))?)?;
/// let firsts = drawn.slice([0..9000, 0..1, 0..1]).sum().into_scalar::<f32>();
/// assert!((firsts - 6000.0).abs() < 4.0 * 45.0); // 2/3 of 9000, standard error 45
/// # Ok::<(), gumbel::Error>(())
/// ```
pub fn perturb<const D: usize>(scores: Tensor<D>, noise: &mut Noise) -> Result<Tensor<D>, Error> {
    noise.perturb(scores)
}
