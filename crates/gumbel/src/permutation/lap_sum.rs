//! Sorts, ranks and quantiles by sums of Laplace distributions.

use crate::Error;
use crate::ops::{ScoreKernel, on_host};
use burn::tensor::Tensor;
use gumbel_kernels::{self as kernels, Direction};

/// Sorts scores softly by LapSum. **Soft**, differentiable everywhere; values, not a matrix.
///
/// ```text
/// Σⱼ F((θⱼ − xᵢ) / τ) = i − 1/2,   F the Laplace distribution function,   i = 1 .. n
/// ```
///
/// for descending order: xᵢ is the point above which i − 1/2 scores are expected, if each has Laplace noise of scale τ.
/// Struski, Bednarczyk, Podolak and Tabor 2025, with their α as τ. Monotone. As τ tends to 0 it tends to the sorted
/// scores. As τ grows, its numbers spread beyond those of the scores. The gradient of xᵢ is `softmax(−|xᵢ − θ| / τ)`, as
/// in [`soft_sort`](super::soft_sort), without its matrix.
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
/// use gumbel::permutation::{Direction, lap_sum_sort};
/// let scores = Tensor::<1>::from_floats([1.0, 9.0, 3.0], &Device::flex());
/// let soft = lap_sum_sort(scores, 0.1, Direction::Descending)?.into_data().try_to_vec::<f32>().unwrap();
/// assert!((soft[0] - 9.0).abs() < 1e-6 && (soft[1] - 3.0).abs() < 1e-6 && (soft[2] - 1.0).abs() < 1e-6);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "differentiable sorting")]
#[doc(alias = "LapSum")]
pub fn lap_sum_sort<const D: usize>(
    scores: Tensor<D>,
    tau: f64,
    direction: Direction,
) -> Result<Tensor<D>, Error> {
    on_host(scores, Sort { tau, direction })
}

/// Ranks scores softly by LapSum. **Soft**, differentiable everywhere.
///
/// ```text
/// 1/2 + Σⱼ F((θⱼ − θᵢ) / τ)   descending: rank 1 is that of the largest
/// 1/2 + Σⱼ F((θᵢ − θⱼ) / τ)   ascending: rank 1 is that of the smallest
/// ```
///
/// with F the Laplace distribution function. Struski, Bednarczyk, Podolak and Tabor 2025, without the 1/2, and with their
/// α as τ. The ranks sum to n(n + 1)/2; equal scores have equal ranks. As τ tends to 0 they tend to the ranks 1 to n, and
/// as it grows, to (n + 1)/2. Every pair of scores has a gradient, in proportion to `exp(−|θᵢ − θⱼ| / τ)`.
///
/// Runs on the host in double precision, on every backend, in time O(n log n) and memory O(n) per row.
///
/// # Shapes
/// `scores` `[.., n]` to `[.., n]`.
///
/// # Errors
/// Those of [`lap_sum_sort`].
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::permutation::{Direction, lap_sum_rank};
/// let scores = Tensor::<1>::from_floats([0.0, 2f32.ln()], &Device::flex());
/// let rank = lap_sum_rank(scores, 1.0, Direction::Ascending)?.into_data().try_to_vec::<f32>().unwrap();
/// assert!((rank[0] - 1.25).abs() < 1e-6 && (rank[1] - 1.75).abs() < 1e-6); // F(−ln 2) = 1/4
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "differentiable ranking")]
#[doc(alias = "soft rank")]
#[doc(alias = "Spearman")]
#[doc(alias = "LapSum")]
pub fn lap_sum_rank<const D: usize>(
    scores: Tensor<D>,
    tau: f64,
    direction: Direction,
) -> Result<Tensor<D>, Error> {
    on_host(scores, Rank { tau, direction })
}

/// Computes the soft quantile of order q of each row. **Soft**, differentiable everywhere.
///
/// ```text
/// 1/n Σⱼ F((x − θⱼ) / τ) = q,   F the Laplace distribution function
/// ```
///
/// The quantile of a mixture of Laplace distributions of scale τ around the values; the inverse of LapSum (Struski,
/// Bednarczyk, Podolak and Tabor 2025). As τ tends to 0 it tends to the quantile of the values: the one at which their
/// empirical distribution passes q, or the middle of two if it is equal to q between them. Its gradient is
/// `softmax(−|x − θ| / τ)`: weights that sum to one, largest at the values nearest to the quantile.
///
/// Runs on the host in double precision, on every backend, in time O(n log n) and memory O(n) per row.
///
/// # Shapes
/// `values` `[.., n]` to `[.., 1]`.
///
/// # Errors
/// `q` outside (0, 1); a temperature that is not positive and finite; a value that is not finite; n = 0.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let values = Tensor::<1>::from_floats([4.0, 1.0, 3.0, 2.0, 900.0], &Device::flex());
/// let upper = gumbel::permutation::soft_quantile(values, 0.75, 0.01)?.into_scalar::<f32>();
/// assert!((upper - 4.0).abs() < 0.01);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "percentile")]
#[doc(alias = "LapSum")]
pub fn soft_quantile<const D: usize>(values: Tensor<D>, q: f64, tau: f64) -> Result<Tensor<D>, Error> {
    on_host(values, Quantile { q, tau })
}

/// Computes the soft median of each row: the [`soft_quantile`] of order 1/2. **Soft**, differentiable everywhere.
///
/// As τ tends to 0 it tends to the median, the middle of the two innermost values if n is even; a single value, however far
/// away, changes it by little, and has a small gradient.
///
/// # Shapes
/// `values` `[.., n]` to `[.., 1]`.
///
/// # Errors
/// Those of [`soft_quantile`].
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let values = Tensor::<1>::from_floats([1.0, 900.0, 3.0, 2.0], &Device::flex().autodiff()).require_grad();
/// let median = gumbel::permutation::soft_median(values.clone(), 0.01)?;
/// let gradient = values.grad(&median.clone().sum().backward()).unwrap();
/// assert!((median.into_scalar::<f32>() - 2.5).abs() < 1e-6);
/// let gradient = gradient.into_data().try_to_vec::<f32>().unwrap();
/// assert!(gradient[1] == 0.0 && (gradient[2] - 0.5).abs() < 1e-6);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "robust")]
pub fn soft_median<const D: usize>(values: Tensor<D>, tau: f64) -> Result<Tensor<D>, Error> {
    soft_quantile(values, 0.5, tau)
}

struct Sort {
    tau: f64,
    direction: Direction,
}

impl ScoreKernel for Sort {
    fn run(&self, scores: &[f64], n: usize, out: &mut [f64]) -> Result<(), kernels::Error> {
        kernels::lap_sum_sort(scores, n, self.tau, self.direction, out)
    }

    fn vjp(&self, scores: &[f64], d: &[f64], n: usize, out: &mut [f64]) -> Result<(), kernels::Error> {
        kernels::lap_sum_sort_vjp(scores, d, n, self.tau, self.direction, out)
    }
}

struct Rank {
    tau: f64,
    direction: Direction,
}

impl ScoreKernel for Rank {
    fn run(&self, scores: &[f64], n: usize, out: &mut [f64]) -> Result<(), kernels::Error> {
        kernels::lap_sum_rank(scores, n, self.tau, self.direction, out)
    }

    fn vjp(&self, scores: &[f64], d: &[f64], n: usize, out: &mut [f64]) -> Result<(), kernels::Error> {
        kernels::lap_sum_rank_vjp(scores, d, n, self.tau, self.direction, out)
    }
}

struct Quantile {
    q: f64,
    tau: f64,
}

impl ScoreKernel for Quantile {
    fn width(&self, _: usize) -> usize {
        1
    }

    fn run(&self, scores: &[f64], n: usize, out: &mut [f64]) -> Result<(), kernels::Error> {
        kernels::lap_sum_quantile(scores, n, self.q, self.tau, out)
    }

    fn vjp(&self, scores: &[f64], d: &[f64], n: usize, out: &mut [f64]) -> Result<(), kernels::Error> {
        kernels::lap_sum_quantile_vjp(scores, d, n, self.q, self.tau, out)
    }
}
