//! Permutations, hard and relaxed: matchings by Sinkhorn's iteration, orders by relaxed sorting and ranking.
//!
//! A permutation of n items is a matrix `[n, n]` with a single one in each row and column. Row i has its one in the
//! column of the item at place i.
//!
//! | function | forward | gradient |
//! | --- | --- | --- |
//! | [`sinkhorn`], [`log_sinkhorn`] | soft: nearly doubly stochastic | of the iterations that were run |
//! | [`gumbel_sinkhorn`] | soft, from perturbed logits | of the iterations that were run |
//! | [`matching`], [`gumbel_matching`] | hard: the best permutation | none |
//! | [`straight_through_sinkhorn`], [`straight_through_gumbel_sinkhorn`] | hard | of the soft matrix |
//! | [`neural_sort`], [`soft_sort`] | soft: rows sum to one | exact |
//! | [`hard_sort`] | hard: the descending order | none |
//! | [`straight_through_neural_sort`], [`straight_through_soft_sort`] | hard | of the soft matrix |
//! | [`plackett_luce_log_prob`] | the log-probability of an order | exact |
//! | [`isotonic_sort`], [`lap_sum_sort`] | soft: sorted values, no matrix | exact |
//! | [`isotonic_rank`], [`lap_sum_rank`] | soft: ranks from 1 to n | exact |
//! | [`soft_quantile`], [`soft_median`] | soft: a quantile of the values | exact |
//!
//! A matching has a logit for each pair, a sort a score for each item. Sorting *perturbed* scores draws orders from
//! Plackett and Luce's distribution, so every sorting function becomes stochastic with [`perturb`]ed scores.
//!
//! [`sinkhorn`] runs as a fused kernel on Burn's Flex backend, and as Burn operations elsewhere; [`matching`] and what
//! has no matrix, in time O(n log n), run on the host on every backend; sorting to a matrix, in time O(n²), runs as Burn
//! operations on every backend. The guide compares the sorts ([`guide::blocks`](crate::guide::blocks)).

mod isotonic;
mod lap_sum;
mod plackett_luce;
mod sinkhorn;
mod sort;

pub use gumbel_kernels::{Direction, Regularization};
pub use isotonic::{isotonic_rank, isotonic_sort};
pub use lap_sum::{lap_sum_rank, lap_sum_sort, soft_median, soft_quantile};
pub use plackett_luce::plackett_luce_log_prob;
pub use sinkhorn::{
    gumbel_matching, gumbel_sinkhorn, log_sinkhorn, matching, sinkhorn, straight_through_gumbel_sinkhorn,
    straight_through_sinkhorn,
};
pub use sort::{hard_sort, neural_sort, soft_sort, straight_through_neural_sort, straight_through_soft_sort};

use crate::{Error, Noise};
use burn::tensor::Tensor;

/// Adds Gumbel noise to scores, differentiable in the scores.
///
/// ```text
/// θ + g,   g ~ Gumbel
/// ```
///
/// The descending order of perturbed scores is a sample from Plackett and Luce's distribution (Yellott 1977), with the
/// log-probability [`plackett_luce_log_prob`]. Half-precision scores are returned in single precision. Runs as Burn
/// operations, with noise from the host.
///
/// # Shapes
/// `scores` `[.., n]` to `[.., n]`; uses one number of the noise per score.
///
/// # Errors
/// NaN or `+inf` among the scores; a row of scores that are all `-inf`.
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
#[doc(alias = "perturb-and-MAP")]
#[doc(alias = "plackett-luce")]
pub fn perturb<const D: usize>(scores: Tensor<D>, noise: &mut Noise) -> Result<Tensor<D>, Error> {
    noise.perturb(scores)
}
