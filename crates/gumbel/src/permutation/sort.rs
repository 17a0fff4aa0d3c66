//! Sorting, hard and relaxed: the relaxed permutation matrix has rows in the simplex.

use crate::Error;
use crate::tensor::{at_least_single, attach, masked, numbers, over, restored, within_range};
use burn::tensor::{Bool, DType, Int, Shape, Tensor, activation};
use gumbel_kernels as kernels;

/// Computes a relaxed permutation that sorts scores in descending order (NeuralSort). **Soft**, differentiable.
///
/// ```text
/// P[i, :] = softmax(((n + 1 − 2i) s − A 1) / τ),   A[j, k] = |sⱼ − sₖ|,   i = 1 .. n
/// ```
///
/// Grover, Wang, Zweig and Ermon 2019. Rows sum to one. The largest entry of row i is at the i-th largest score, so P
/// tends to [`hard_sort`] as τ tends to 0, if no two scores are equal. O(n²) time and memory. Runs as Burn operations
/// on every backend.
///
/// # Shapes
/// `scores` `[.., n]` to `[.., n, n]`; annotate the type of the result, which has one rank more.
///
/// # Padding
/// A score of `-inf` pads its row: it has no gradient, and the others are sorted as they are without it. The last places
/// are those of the padding, in equal parts; this is the limit for scores that are equal and far below the others.
///
/// # Errors
/// A temperature that is not positive and finite; a score that is NaN or `+inf`; a row of only `-inf`; n = 0.
///
/// # Panics
/// If the result's rank is not one more than that of the scores.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let scores = Tensor::<1>::from_floats([1.0, 3.0, 2.0], &Device::flex());
/// let p: Tensor<2> = gumbel::permutation::neural_sort(scores, 1.0)?;
/// let first = p.into_data().try_to_vec::<f32>().unwrap();
/// // The first row is softmax(2s − (3, 3, 2)) = softmax(−1, 3, 2).
/// assert!((first[1] - 0.72139).abs() < 1e-5 && (first[2] - 0.26539).abs() < 1e-5);
/// let padded = Tensor::<1>::from_floats([f32::NEG_INFINITY, 7.0], &Device::flex());
/// let p: Tensor<2> = gumbel::permutation::neural_sort(padded, 1.0)?;
/// assert_eq!(p.into_data().try_to_vec::<f32>().unwrap(), [0.0, 1.0, 1.0, 0.0]);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "differentiable sorting")]
#[doc(alias = "NeuralSort")]
#[doc(alias = "ranking")]
pub fn neural_sort<const D: usize, const E: usize>(scores: Tensor<D>, tau: f64) -> Result<Tensor<E>, Error> {
    kernels::check_temperature(tau)?;
    let Scores { finite: scores, padding, dtype, .. } = Scores::new(scores)?;
    let n = scores.dims()[D - 1];
    // Shifting the scores does not change the result. With t = s − max s, the keys less that of the largest score are
    //     (n + 1 − 2i − n) tₖ − 2 Σⱼ max(tⱼ − tₖ, 0):
    // no score enters the key of a larger one, so a score far below the others does not round them away.
    let centred = scores.clone() - scores.detach().max_dim(D - 1);
    let (row, column) = (row::<D, E>(centred.clone()), column::<D, E>(centred));
    let above = activation::relu(row.clone() - column).sum_dim(E - 1).swap_dims(E - 2, E - 1) * 2.0;
    let weights = places::<E>(n, E - 2, &row).mul_scalar(-2).sub_scalar(1);
    let keys = weights.float().cast(row.dtype()) * row - above;
    Ok(restored(softmax(keys, padding, tau), dtype))
}

/// Computes a relaxed permutation that sorts scores in descending order (SoftSort). **Soft**, differentiable.
///
/// ```text
/// P[i, :] = softmax(−|s₍ᵢ₎ − s| / τ),   s₍ᵢ₎ the i-th largest score
/// ```
///
/// Prillo and Eisenschlos 2020, with the absolute difference. Rows sum to one. The largest entry of row i is at the
/// i-th largest score, so P tends to [`hard_sort`] as τ tends to 0, if no two scores are equal. O(n²) time and memory.
/// Runs as Burn operations on every backend.
///
/// # Shapes
/// `scores` `[.., n]` to `[.., n, n]`; annotate the type of the result, which has one rank more.
///
/// # Padding
/// That of [`neural_sort`].
///
/// # Errors
/// Those of [`neural_sort`].
///
/// # Panics
/// If the result's rank is not one more than that of the scores.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let scores = Tensor::<1>::from_floats([1.0, 3.0, 2.0], &Device::flex());
/// let p: Tensor<2> = gumbel::permutation::soft_sort(scores, 1.0)?;
/// let first = p.into_data().try_to_vec::<f32>().unwrap();
/// // The first row is softmax(−(2, 0, 1)).
/// assert!((first[1] - 0.66524).abs() < 1e-5 && (first[2] - 0.24473).abs() < 1e-5);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "differentiable sorting")]
#[doc(alias = "SoftSort")]
#[doc(alias = "ranking")]
pub fn soft_sort<const D: usize, const E: usize>(scores: Tensor<D>, tau: f64) -> Result<Tensor<E>, Error> {
    kernels::check_temperature(tau)?;
    let Scores { scores, finite, padding, dtype } = Scores::new(scores)?;
    let sorted = placed(finite.clone(), &order::<D, E>(scores));
    let gaps = (sorted - row::<D, E>(finite)).abs().neg();
    Ok(restored(softmax(gaps, padding, tau), dtype))
}

/// Computes the permutation that sorts scores in descending order. **Hard**, without a gradient; equal scores keep
/// their order.
///
/// O(n²) time and memory. Runs as Burn operations on every backend.
///
/// # Shapes
/// `scores` `[.., n]` to `[.., n, n]`; row i has its one at the i-th largest score.
///
/// # Padding
/// Scores of `-inf` have the last places, in their order.
///
/// # Errors
/// A score that is NaN or `+inf`; a row of only `-inf`; n = 0.
///
/// # Panics
/// If the result's rank is not one more than that of the scores.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let scores = Tensor::<1>::from_floats([1.0, 3.0], &Device::flex());
/// let p: Tensor<2> = gumbel::permutation::hard_sort(scores)?;
/// assert_eq!(p.into_data().try_to_vec::<f32>().unwrap(), [0.0, 1.0, 1.0, 0.0]);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "argsort")]
#[doc(alias = "ranking")]
pub fn hard_sort<const D: usize, const E: usize>(scores: Tensor<D>) -> Result<Tensor<E>, Error> {
    let dtype = scores.dtype();
    let scores = at_least_single(scores);
    check(&scores, Padding::Allowed)?;
    Ok(restored(order(scores), dtype))
}

/// Computes the [`hard_sort`] of scores, bit for bit, with the gradient of [`neural_sort`]. **Hard**.
///
/// # Shapes
/// `scores` `[.., n]` to `[.., n, n]`.
///
/// # Errors
/// Those of [`neural_sort`].
///
/// # Panics
/// If the result's rank is not one more than that of the scores.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let scores = Tensor::<1>::from_floats([1.0, 3.0], &Device::flex());
/// let p: Tensor<2> = gumbel::permutation::straight_through_neural_sort(scores, 1.0)?;
/// assert_eq!(p.into_data().try_to_vec::<f32>().unwrap(), [0.0, 1.0, 1.0, 0.0]);
/// # Ok::<(), gumbel::Error>(())
/// ```
pub fn straight_through_neural_sort<const D: usize, const E: usize>(
    scores: Tensor<D>,
    tau: f64,
) -> Result<Tensor<E>, Error> {
    Ok(attach(hard_sort(scores.clone())?, neural_sort(scores, tau)?))
}

/// Computes the [`hard_sort`] of scores, bit for bit, with the gradient of [`soft_sort`]. **Hard**.
///
/// # Shapes
/// `scores` `[.., n]` to `[.., n, n]`.
///
/// # Errors
/// Those of [`neural_sort`].
///
/// # Panics
/// If the result's rank is not one more than that of the scores.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let scores = Tensor::<1>::from_floats([1.0, 3.0], &Device::flex());
/// let p: Tensor<2> = gumbel::permutation::straight_through_soft_sort(scores, 1.0)?;
/// assert_eq!(p.into_data().try_to_vec::<f32>().unwrap(), [0.0, 1.0, 1.0, 0.0]);
/// # Ok::<(), gumbel::Error>(())
/// ```
pub fn straight_through_soft_sort<const D: usize, const E: usize>(
    scores: Tensor<D>,
    tau: f64,
) -> Result<Tensor<E>, Error> {
    Ok(attach(hard_sort(scores.clone())?, soft_sort(scores, tau)?))
}

/// The scores in the order of a permutation, as a column `[.., n, 1]`; differentiable in the scores.
pub(super) fn placed<const D: usize, const E: usize>(
    scores: Tensor<D>,
    permutation: &Tensor<E>,
) -> Tensor<E> {
    (permutation.clone() * row::<D, E>(scores)).sum_dim(E - 1)
}

/// Checked scores in single precision or better, and the type to return.
struct Scores<const D: usize> {
    scores: Tensor<D>,
    /// Where there is padding, the least score of the row that is not, without a gradient.
    finite: Tensor<D>,
    /// Where `-inf` was; none if it was nowhere.
    padding: Option<Tensor<D, Bool>>,
    dtype: DType,
}

impl<const D: usize> Scores<D> {
    fn new(scores: Tensor<D>) -> Result<Self, Error> {
        let dtype = scores.dtype();
        let scores = at_least_single(scores);
        if !check(&scores, Padding::Allowed)? {
            return Ok(Self { finite: scores.clone(), scores, padding: None, dtype });
        }
        let padding = masked(&scores);
        let others = scores.clone().detach().mask_fill(padding.clone(), f32::INFINITY);
        let least = others.min_dim(D - 1).expand(scores.dims());
        let finite = scores.clone().mask_where(padding.clone(), least);
        Ok(Self { scores, finite, padding: Some(padding), dtype })
    }
}

/// The softmax over items of keys `[.., n, n]`. In a row for a place of the padding, `[.., n]`, the padding has all of it, in
/// equal parts, and elsewhere none.
fn softmax<const D: usize, const E: usize>(
    keys: Tensor<E>,
    padding: Option<Tensor<D, Bool>>,
    tau: f64,
) -> Tensor<E> {
    let tau = within_range(tau, keys.dtype());
    let keys = padding.map_or(keys.clone(), |padding| {
        let (n, shape) = (padding.dims()[D - 1], keys.shape());
        let count = padding.clone().bool_not().int().sum_dim(D - 1).unsqueeze_dim::<E>(D);
        let place = places::<E>(n, E - 2, &keys).expand(shape.clone());
        let last = place.greater_equal(count.expand(shape.clone()));
        let item = padding.unsqueeze_dim::<E>(D - 1).expand(shape);
        let none = last.clone().bool_xor(item.clone());
        keys.mask_fill(last.bool_and(item), 0.0).mask_fill(none, f32::NEG_INFINITY)
    });
    let gaps = keys.clone() - keys.detach().max_dim(E - 1);
    activation::softmax(over(gaps, tau), E - 1)
}

/// Whether scores may be `-inf`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Padding {
    Allowed,
    Refused,
}

/// Reads back one flag; the scores themselves only if one of them is not finite. Returns whether there is padding.
pub(super) fn check<const D: usize>(scores: &Tensor<D>, padding: Padding) -> Result<bool, Error> {
    let n = scores.dims()[D - 1];
    if n == 0 {
        return Err(kernels::Error::Categories(n).into());
    }
    let scores = scores.clone().inner();
    if scores.clone().is_finite().all().into_scalar::<bool>() {
        return Ok(false);
    }
    for (row, scores) in numbers(scores).chunks(n).enumerate() {
        let pads = |score: f64| padding == Padding::Allowed && score == f64::NEG_INFINITY;
        let unfit = scores.iter().position(|&score| !score.is_finite() && !pads(score));
        if let Some(column) = unfit {
            return Err(Error::Score { row, column, value: scores[column] });
        }
        if scores.iter().all(|&score| pads(score)) {
            return Err(Error::OnlyPadding { row });
        }
    }
    Ok(true)
}

/// The permutation that sorts. The number of scores that come before a score is the row of its one.
fn order<const D: usize, const E: usize>(scores: Tensor<D>) -> Tensor<E> {
    let (n, scores) = (scores.dims()[D - 1], scores.detach());
    let (other, one) = (row::<D, E>(scores.clone()), column::<D, E>(scores));
    let earlier = places::<E>(n, E - 1, &other).lower(places::<E>(n, E - 2, &other));
    let tied = other.clone().equal(one.clone());
    let earlier = earlier.expand(tied.shape()).bool_and(tied);
    let before = other.clone().greater(one).bool_or(earlier).int();
    let rank = before.sum_dim(E - 1).swap_dims(E - 2, E - 1);
    let place = places::<E>(n, E - 2, &other);
    let mut shape = rank.dims();
    shape[E - 2] = n;
    let shape = Shape::from(shape);
    rank.expand(shape.clone()).equal(place.expand(shape)).float().cast(other.dtype())
}

/// Scores as rows `[.., 1, n]`.
fn row<const D: usize, const E: usize>(scores: Tensor<D>) -> Tensor<E> {
    assert!(E == D + 1, "the permutations of scores of rank {D} have rank {}, got {E}", D + 1);
    scores.unsqueeze_dim(D - 1)
}

/// Scores as columns `[.., n, 1]`.
fn column<const D: usize, const E: usize>(scores: Tensor<D>) -> Tensor<E> {
    row::<D, E>(scores).swap_dims(E - 2, E - 1)
}

/// `0 .. n` along an axis.
pub(super) fn places<const E: usize>(n: usize, axis: usize, like: &Tensor<E>) -> Tensor<E, Int> {
    let mut shape = [1; E];
    shape[axis] = n;
    Tensor::<1, Int>::arange(0..n as i64, &like.device()).reshape(shape)
}
