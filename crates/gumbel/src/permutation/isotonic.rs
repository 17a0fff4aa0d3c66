//! Sorts and ranks by projection onto a permutahedron.

use crate::Error;
use crate::ops::{ScoreKernel, on_host};
use burn::tensor::Tensor;
use gumbel_kernels::{self as kernels, Direction, Regularization};

/// Sorts scores softly by isotonic regression. **Soft**, differentiable; values, not a matrix.
///
/// ```text
/// P(ρ / τ, θ),   P(z, w) = the projection of z onto the convex hull of the permutations of w,   ρ = (n, n − 1, .., 1)
/// ```
///
/// Blondel, Teboul, Berthet and Djolonga 2020, with their ε as τ. [`Regularization::Entropic`] is the logarithm of the
/// Kullback-Leibler projection of exp z onto the permutations of exp w. Monotone. As τ tends to 0 it tends to the
/// sorted scores; with quadratic regularisation it is equal to them if no two neighbours are 1/τ or more apart. As τ
/// grows, it tends to the mean of the scores. Ascending, it is minus the descending sort of −θ. The gradient is exact; where
/// the sort has a kink, as at equal scores, it is that of one of the adjacent pieces.
///
/// Runs on the host in double precision, on every backend, in time O(n log n) and memory O(n) per row.
///
/// # Shapes
/// `scores` `[.., n]` to `[.., n]`.
///
/// # Errors
/// A temperature that is not positive and finite; a score that is not finite; n = 0.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::permutation::{Direction, Regularization, isotonic_sort};
/// let scores = Tensor::<1>::from_floats([1.0, 9.0, 3.0], &Device::flex());
/// let soft = isotonic_sort(scores, 0.25, Regularization::Quadratic, Direction::Descending)?;
/// // 9 and 3 are more than 1/τ apart: their mean, 6, plus and minus 2.
/// assert_eq!(soft.into_data().try_to_vec::<f32>().unwrap(), [8.0, 4.0, 1.0]);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "differentiable sorting")]
#[doc(alias = "permutahedron")]
#[doc(alias = "torchsort")]
pub fn isotonic_sort<const D: usize>(
    scores: Tensor<D>,
    tau: f64,
    regularization: Regularization,
    direction: Direction,
) -> Result<Tensor<D>, Error> {
    on_host(scores, Sort { tau, regularization, direction })
}

/// Ranks scores softly by isotonic regression. **Soft**, differentiable.
///
/// ```text
/// P(−θ / τ, ρ)   descending: rank 1 is that of the largest
/// P( θ / τ, ρ)   ascending: rank 1 is that of the smallest
/// ```
///
/// with P and ρ as in [`isotonic_sort`]; [`Regularization::Entropic`] is the Kullback-Leibler projection of exp(±θ / τ)
/// onto the permutations of ρ. Blondel, Teboul, Berthet and Djolonga 2020, with their ε as τ. The ranks sum to
/// n(n + 1)/2; equal scores have equal ranks. As τ tends to 0 they tend to the ranks 1 to n, and with quadratic
/// regularisation are equal to them if all scores are τ or more apart, where the gradient is then 0. As τ grows, they
/// tend to (n + 1)/2. The gradient is exact, at equal scores too.
///
/// Runs on the host in double precision, on every backend, in time O(n log n) and memory O(n) per row.
///
/// # Shapes
/// `scores` `[.., n]` to `[.., n]`.
///
/// # Errors
/// Those of [`isotonic_sort`].
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::permutation::{Direction, Regularization, isotonic_rank};
/// let scores = Tensor::<1>::from_floats([0.0, 0.5, 7.0], &Device::flex().autodiff()).require_grad();
/// let rank = isotonic_rank(scores.clone(), 1.0, Regularization::Quadratic, Direction::Ascending)?;
/// let second = rank.clone().slice([1..2]);
/// assert_eq!(rank.into_data().try_to_vec::<f32>().unwrap(), [1.25, 1.75, 3.0]);
/// let gradient = scores.grad(&second.backward()).unwrap();
/// assert_eq!(gradient.into_data().try_to_vec::<f32>().unwrap(), [-0.5, 0.5, 0.0]);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "differentiable ranking")]
#[doc(alias = "soft rank")]
#[doc(alias = "Spearman")]
#[doc(alias = "permutahedron")]
#[doc(alias = "torchsort")]
pub fn isotonic_rank<const D: usize>(
    scores: Tensor<D>,
    tau: f64,
    regularization: Regularization,
    direction: Direction,
) -> Result<Tensor<D>, Error> {
    on_host(scores, Rank { tau, regularization, direction })
}

struct Sort {
    tau: f64,
    regularization: Regularization,
    direction: Direction,
}

impl ScoreKernel for Sort {
    fn run(&self, scores: &[f64], n: usize, out: &mut [f64]) -> Result<(), kernels::Error> {
        kernels::isotonic_sort(scores, n, self.tau, self.regularization, self.direction, out)
    }

    fn vjp(&self, scores: &[f64], d: &[f64], n: usize, out: &mut [f64]) -> Result<(), kernels::Error> {
        kernels::isotonic_sort_vjp(scores, d, n, self.tau, self.regularization, self.direction, out)
    }
}

struct Rank {
    tau: f64,
    regularization: Regularization,
    direction: Direction,
}

impl ScoreKernel for Rank {
    fn run(&self, scores: &[f64], n: usize, out: &mut [f64]) -> Result<(), kernels::Error> {
        kernels::isotonic_rank(scores, n, self.tau, self.regularization, self.direction, out)
    }

    fn vjp(&self, scores: &[f64], d: &[f64], n: usize, out: &mut [f64]) -> Result<(), kernels::Error> {
        kernels::isotonic_rank_vjp(scores, d, n, self.tau, self.regularization, self.direction, out)
    }
}
