//! Soft selection of the k largest by a sum of Laplace distributions.

use crate::Error;
use crate::ops::{ScoreKernel, on_host};
use burn::tensor::Tensor;
use gumbel_kernels as kernels;

/// Computes soft weights of the `k` largest logits by LapSum. **Soft**, differentiable; no noise. A row sums to `k`.
///
/// ```text
/// y = F((θ − b) / τ),   b such that they sum to k,   F the Laplace distribution function
/// ```
///
/// Struski, Bednarczyk, Podolak and Tabor 2025, with their α as τ. The weights are in [0, 1] and have the order of the
/// logits. As τ tends to 0 they tend to one at the `k` largest and zero elsewhere; as τ grows, to k/K. With logits from
/// [`permutation::perturb`](crate::permutation::perturb) it is a relaxed sample without replacement, as
/// [`relaxed_top_k`](super::relaxed_top_k) is, in a time that does not depend on `k`. A logit of `-inf` has weight and
/// gradient 0.
///
/// Runs on the host in double precision, on every backend, in time O(K log K) and memory O(K) per row.
///
/// # Shapes
/// `logits` `[.., K]` to `[.., K]`.
///
/// # Errors
/// A temperature that is not positive and finite; `k` is zero, or larger than the number of unmasked categories of a row;
/// NaN or `+inf` among the logits.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let logits = Tensor::<1>::from_floats([0.0, 3.0, 1.0, 2.0], &Device::flex());
/// let y = gumbel::subset::lap_sum_top_k(logits, 2, 0.5)?.into_data().try_to_vec::<f32>().unwrap();
/// assert!((y.iter().sum::<f32>() - 2.0).abs() < 1e-6);
/// assert!((y[3] - (1.0 - 0.5 * (-1f32).exp())).abs() < 1e-6); // b is in the middle, 1.5
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "soft top-k")]
#[doc(alias = "differentiable top-k")]
#[doc(alias = "LapSum")]
pub fn lap_sum_top_k<const D: usize>(logits: Tensor<D>, k: usize, tau: f64) -> Result<Tensor<D>, Error> {
    on_host(logits, TopK { k, tau })
}

struct TopK {
    k: usize,
    tau: f64,
}

impl ScoreKernel for TopK {
    fn run(&self, logits: &[f64], n: usize, out: &mut [f64]) -> Result<(), kernels::Error> {
        kernels::lap_sum_top_k(logits, n, self.k, self.tau, out)
    }

    fn vjp(&self, logits: &[f64], d: &[f64], n: usize, out: &mut [f64]) -> Result<(), kernels::Error> {
        kernels::lap_sum_top_k_vjp(logits, d, n, self.k, self.tau, out)
    }
}
