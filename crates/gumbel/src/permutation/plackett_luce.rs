//! Plackett and Luce's distribution over orders (Plackett 1975; Luce 1959).

use super::sort::{Padding, check, placed, places};
use crate::Error;
use crate::tensor::{at_least_single, restored, with_last};
use burn::tensor::{Bool, Tensor, activation};

/// Log-probability in nats of an order under Plackett and Luce's distribution.
///
/// ```text
/// ln P(π) = Σᵢ θ_{π(i)} − ln Σ_{j ≥ i} exp θ_{π(j)}
/// ```
///
/// Items are drawn without replacement, each with a probability in proportion to the exponential of its score among the
/// items that are left. It is the distribution of [`hard_sort`](super::hard_sort) on [`perturb`](super::perturb)ed
/// scores. `-inf` at matrices that are not permutations. Requires finite scores; differentiable in them. Runs as Burn operations on
/// every backend.
///
/// # Shapes
/// `scores` `[.., n]` and `permutation` `[.., n, n]` to `[.., 1]`.
///
/// # Errors
/// A score that is not finite, and rows of none.
///
/// # Panics
/// If the shapes do not match.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let scores = Tensor::<1>::from_floats([3f32.ln(), 2f32.ln(), 0.0], &Device::flex());
/// let order: Tensor<2> = gumbel::permutation::hard_sort(scores.clone())?; // the most probable
/// let log_prob = gumbel::permutation::plackett_luce_log_prob(scores, order)?.into_scalar::<f32>();
/// assert!((log_prob.exp() - 3.0 / 6.0 * 2.0 / 3.0).abs() < 1e-6);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "plackett-luce")]
#[doc(alias = "ranking")]
#[doc(alias = "without replacement")]
pub fn plackett_luce_log_prob<const D: usize, const E: usize>(
    scores: Tensor<D>,
    permutation: Tensor<E>,
) -> Result<Tensor<D>, Error> {
    let dtype = scores.dtype();
    let (scores, permutation) = (at_least_single(scores), at_least_single(permutation));
    check(&scores, Padding::Refused)?;
    if scores.dims()[0] == 0 {
        return Ok(restored(scores.sum_dim(D - 1), dtype));
    }
    let (shape, n) = (with_last(scores.dims(), 1), scores.dims()[D - 1]);
    let remaining = placed(scores, &permutation).swap_dims(E - 2, E - 1);
    let (row, column) = (places::<E>(n, E - 1, &permutation), places::<E>(n, E - 2, &permutation));
    let dims = permutation.shape();
    let gone = row.clone().lower(column.clone()).expand(dims.clone());
    let next = row.equal(column).expand(dims.clone());
    let log_shares = remaining.expand(dims).mask_fill(gone, f32::NEG_INFINITY);
    let log_shares = activation::log_softmax(log_shares, E - 1);
    let log_prob = log_shares.mask_fill(next.bool_not(), 0.0).sum_dim(E - 1).sum_dim(E - 2);
    let log_prob = log_prob.mask_fill(is_permutation(&permutation).bool_not(), f32::NEG_INFINITY);
    Ok(restored(log_prob.reshape(shape), dtype))
}

/// Whether matrices have a single one in each row and column and zeros elsewhere, `[.., 1, 1]`; true where an entry is NaN,
/// which the result then is.
fn is_permutation<const E: usize>(matrix: &Tensor<E>) -> Tensor<E, Bool> {
    let ones = matrix.clone().equal_elem(1.0);
    let single = |axis: usize| ones.clone().int().sum_dim(axis).equal_elem(1);
    let [rows, columns] = [E - 1, E - 2].map(|axis| single(axis).all_dim(2 * E - 3 - axis));
    let binary = ones.clone().bool_or(matrix.clone().equal_elem(0.0)).all_dim(E - 1).all_dim(E - 2);
    let unknown = matrix.clone().is_nan().any_dim(E - 1).any_dim(E - 2);
    rows.bool_and(columns).bool_and(binary).bool_or(unknown)
}
