//! Subsets of `k` of `K` categories, as k-hot rows: `k` ones among zeros.
//!
//! There are two distributions over subsets, and their inclusion probabilities differ:
//!
//! | distribution | hard, no gradient | hard, straight-through | soft |
//! | --- | --- | --- | --- |
//! | exponential family, `q(S) ∝ exp Σ_{i ∈ S} θᵢ` | [`k_hot`] | [`straight_through_k_hot`] | [`marginals`] |
//! | without replacement (Plackett-Luce) | [`top_k_hot`] | [`straight_through_top_k`] | [`relaxed_top_k`] |
//!
//! Only the first has [`log_prob`], [`entropy`] and [`kl`] in closed form, and a straight-through gradient without a
//! temperature. [`implicit_mle`] returns the best subset for perturbed logits, with a gradient from a second subset.
//! For `k = 1` all are categorical. [`lap_sum_top_k`] returns soft weights of the `k` largest logits, without noise, in a
//! time that does not depend on `k`.
//!
//! `-inf` masks a category, which is then in no subset and has gradient zero. [`gumbel_top_k`] and [`top_k_hot`] run on a
//! GPU; everything else runs on the host in double precision, on every backend, in time `K · k` per row (`K log K` for
//! [`lap_sum_top_k`]).

mod lap_sum;
mod top_k;

pub use lap_sum::lap_sum_top_k;
pub use top_k::{gumbel_top_k, implicit_mle, relaxed_top_k, straight_through_top_k, top_k_hot};

use crate::ops::HostArgument;
use crate::tensor::{
    Flags, at_least_single, centred, in_single, masked, not_negative, not_positive, restored, unmasked,
};
use crate::{Error, Noise, ops};
use burn::tensor::{Bool, DType, Device, Tensor};
use gumbel_kernels::subset as kernels;

/// Computes the inclusion probabilities of the exponential family. **Soft**, differentiable; no noise.
///
/// ```text
/// μ = E[z] = ∂A/∂θ,   ∂μ/∂θ = Cov(z)
/// ```
///
/// A is [`log_partition`]. Runs on the host in double precision, on every backend, in time `K · k` per row.
///
/// # Shapes
/// `logits` `[.., K]` to `[.., K]`; a row sums to `k`.
///
/// # Errors
/// `k` is zero, or larger than the number of unmasked categories of a row; NaN or `+inf` among the logits.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let logits = Tensor::<1>::from_floats([0.0, 2f32.ln(), 3f32.ln()], &Device::flex());
/// let means = gumbel::subset::marginals(logits, 2)?;
/// let first = means.slice([0..1]).into_scalar::<f32>();
/// assert!((first - 5.0 / 11.0).abs() < 1e-6); // the terms of 1·2 + 1·3 + 2·3 with the first category
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "conditional Poisson")]
#[doc(alias = "SIMPLE")]
#[doc(alias = "inclusion probabilities")]
pub fn marginals<const D: usize>(logits: Tensor<D>, k: usize) -> Result<Tensor<D>, Error> {
    let categories = logits.dims()[D - 1];
    let argument = HostArgument::new(logits);
    let theta = argument.numbers();
    let mut means = vec![0.0; theta.len()];
    kernels::marginals(&theta, categories, k, &mut means)?;
    Ok(with_covariance(argument, theta, means, k, categories))
}

/// Draws an exact sample from the exponential family over subsets. **Hard**, without a gradient.
///
/// ```text
/// q(S) = exp(Σ_{i ∈ S} θᵢ − A(θ)),   |S| = k
/// ```
///
/// # Shapes
/// `logits` `[.., K]` to `[.., K]`, with `k` ones in each row; uses one number of the noise per logit.
///
/// # Errors
/// Those of [`marginals`].
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::{Noise, subset};
/// let logits = Tensor::<1>::from_floats([0.0, -90.0, 0.0], &Device::flex());
/// let z = subset::k_hot(logits, 2, &mut Noise::from_seed(1))?;
/// assert_eq!(z.into_data().try_to_vec::<f32>().unwrap(), [1.0, 0.0, 1.0]);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "conditional Poisson")]
#[doc(alias = "SIMPLE")]
pub fn k_hot<const D: usize>(logits: Tensor<D>, k: usize, noise: &mut Noise) -> Result<Tensor<D>, Error> {
    let shape = logits.dims();
    let argument = HostArgument::new(logits);
    let picked = draw(&argument.numbers(), shape[D - 1], k, noise)?;
    Ok(argument.constant(picked, shape))
}

/// Draws an exact sample of a subset, with the gradient of the [`marginals`] (SIMPLE). **Hard**.
///
/// ```text
/// z ~ q,   ∂z/∂θ := ∂μ/∂θ = Cov(z)
/// ```
///
/// Ahmed, Zeng, Niepert and Van den Broeck 2023. There is no temperature. The gradient is exact for an objective that
/// is linear in `z`, and biased for others. For `k = 1` it is
/// [`straight_through::softmax`](crate::straight_through::softmax).
///
/// # Shapes
/// `logits` `[.., K]` to `[.., K]`, with `k` ones in each row; uses one number of the noise per logit.
///
/// # Errors
/// Those of [`marginals`].
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::{Noise, subset};
/// let logits = Tensor::<1>::zeros([3], &Device::flex().autodiff()).require_grad();
/// let z = subset::straight_through_k_hot(logits.clone(), 2, &mut Noise::from_seed(1))?;
/// let first = z.slice([0..1]).sum();
/// let gradient = logits.grad(&first.backward()).unwrap().into_data().try_to_vec::<f32>().unwrap();
/// assert!((gradient[0] - 2.0 / 9.0).abs() < 1e-6); // the variance of the first, 2/3 · 1/3
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "SIMPLE")]
#[doc(alias = "conditional Poisson")]
pub fn straight_through_k_hot<const D: usize>(
    logits: Tensor<D>,
    k: usize,
    noise: &mut Noise,
) -> Result<Tensor<D>, Error> {
    let categories = logits.dims()[D - 1];
    let argument = HostArgument::new(logits);
    let theta = argument.numbers();
    let picked = draw(&theta, categories, k, noise)?;
    Ok(with_covariance(argument, theta, picked, k, categories))
}

/// Computes the log-partition function of the exponential family over subsets, in nats.
///
/// ```text
/// A(θ) = ln Σ_{|S| = k} exp Σ_{i ∈ S} θᵢ
/// ```
///
/// Its gradient is the [`marginals`].
///
/// # Shapes
/// `logits` `[.., K]` to `[.., 1]`.
///
/// # Errors
/// Those of [`marginals`].
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let total = gumbel::subset::log_partition(Tensor::<1>::zeros([5], &Device::flex()), 2)?;
/// assert!((total.into_scalar::<f32>() - 10f32.ln()).abs() < 1e-6); // ten pairs
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "elementary symmetric polynomial")]
pub fn log_partition<const D: usize>(logits: Tensor<D>, k: usize) -> Result<Tensor<D>, Error> {
    let categories = logits.dims()[D - 1];
    let argument = HostArgument::new(logits);
    let theta = argument.numbers();
    let (mut totals, mut means) = (vec![0.0; theta.len() / categories.max(1)], vec![0.0; theta.len()]);
    kernels::log_partition(&theta, categories, k, &mut totals)?;
    kernels::marginals(&theta, categories, k, &mut means)?;
    Ok(argument.row_numbers(totals, means))
}

/// Log-probability in nats of k-hot rows under the exponential family; `-inf` where `z` includes a masked category, and at
/// rows that are not k-hot.
///
/// ```text
/// ln q(z) = zᵀθ − A(θ)
/// ```
///
/// # Shapes
/// `logits` and `z` `[.., K]`, with `k` ones in each row of `z`, to `[.., 1]`.
///
/// # Errors
/// Those of [`marginals`].
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let device = Device::flex();
/// let logits = Tensor::<1>::from_floats([0.0, 2f32.ln(), 3f32.ln()], &device);
/// let z = Tensor::from_floats([0.0, 1.0, 1.0], &device);
/// let log_mass = gumbel::subset::log_prob(logits, 2, z)?.into_scalar::<f32>();
/// assert!((log_mass - (6f32 / 11.0).ln()).abs() < 1e-6);
/// # Ok::<(), gumbel::Error>(())
/// ```
pub fn log_prob<const D: usize>(logits: Tensor<D>, k: usize, z: Tensor<D>) -> Result<Tensor<D>, Error> {
    ops::check_logits(&logits)?;
    let dtype = logits.dtype();
    let (logits, z) = (centred(logits), at_least_single(z));
    let total = log_partition(logits.clone(), k)?;
    // 0 · ln 0 is 0, in the gradient too.
    let picked = logits.mask_fill(z.clone().equal_elem(0.0), 0.0);
    // A sum of all is not below one of its terms, but by a rounding.
    let log_prob = not_positive((z.clone() * picked).sum_dim(D - 1) - total);
    Ok(restored(log_prob.mask_fill(is_k_hot(&z, k).bool_not(), f32::NEG_INFINITY), dtype))
}

/// Entropy in nats of the exponential family over subsets.
///
/// ```text
/// H(q) = A(θ) − μᵀθ
/// ```
///
/// # Shapes
/// `logits` `[.., K]` to `[.., 1]`.
///
/// # Errors
/// Those of [`marginals`].
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let entropy = gumbel::subset::entropy(Tensor::<1>::zeros([5], &Device::flex()), 2)?;
/// assert!((entropy.into_scalar::<f32>() - 10f32.ln()).abs() < 1e-6); // ten equally probable pairs
/// # Ok::<(), gumbel::Error>(())
/// ```
pub fn entropy<const D: usize>(logits: Tensor<D>, k: usize) -> Result<Tensor<D>, Error> {
    ops::check_logits(&logits)?;
    in_single(logits, |logits| {
        let logits = centred(logits);
        let (total, means) = (log_partition(logits.clone(), k)?, marginals(logits.clone(), k)?);
        Ok(not_negative(total - (means * unmasked(logits)).sum_dim(D - 1)))
    })
}

/// Kullback-Leibler divergence in nats between two exponential families over `k`-subsets.
///
/// ```text
/// KL(q ‖ p) = μᵀ(θ − φ) − A(θ) + A(φ),   θ the logits of q, φ of p
/// ```
///
/// `+inf` if `p` masks a category that `q` does not.
///
/// # Shapes
/// `q` and `p`: logits `[.., K]` to `[.., 1]`.
///
/// # Errors
/// Those of [`marginals`], for either argument.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let device = Device::flex();
/// let q = Tensor::<1>::from_floats([90.0, 90.0, 0.0, 0.0, 0.0], &device);
/// let kl = gumbel::subset::kl(q, Tensor::zeros([5], &device), 2)?.into_scalar::<f32>();
/// assert!((kl - 10f32.ln()).abs() < 1e-4); // one certain pair, against ten
/// # Ok::<(), gumbel::Error>(())
/// ```
pub fn kl<const D: usize>(q: Tensor<D>, p: Tensor<D>, k: usize) -> Result<Tensor<D>, Error> {
    // In double precision: a small divergence is a difference of large numbers.
    let (dtype, home) = (q.dtype(), q.device());
    let double = |logits: Tensor<D>| logits.to_device(&Device::flex()).cast(DType::F64);
    ops::check_logits(&q)?;
    ops::check_logits(&p)?;
    let (q, p) = (centred(double(q)), centred(double(p)));
    let totals = log_partition(p.clone(), k)? - log_partition(q.clone(), k)?;
    let means = marginals(q.clone(), k)?;
    let infinite = masked(&p).bool_and(masked(&q).bool_not());
    let unused = masked(&q).bool_or(infinite.clone());
    let (q, p) = (q.mask_fill(unused.clone(), 0.0), p.mask_fill(unused, 0.0));
    let kl = (means * (q - p)).sum_dim(D - 1) + totals;
    let kl = not_negative(kl).mask_fill(infinite.any_of_row(), f32::INFINITY);
    Ok(restored(kl, dtype).to_device(&home))
}

/// Whether rows have `k` ones and zeros elsewhere, `[.., 1]`; true where an entry is NaN, which the result then is.
fn is_k_hot<const D: usize>(z: &Tensor<D>, k: usize) -> Tensor<D, Bool> {
    let ones = z.clone().equal_elem(1.0);
    let counted = ones.clone().int().sum_dim(D - 1).equal_elem(k as i64);
    let hot = ones.bool_or(z.clone().equal_elem(0.0)).all_of_row().bool_and(counted);
    hot.bool_or(z.clone().is_nan().any_of_row())
}

/// Returns `values` with the gradient of the marginals at `theta`.
fn with_covariance<const D: usize>(
    argument: HostArgument<D>,
    theta: Vec<f64>,
    values: Vec<f64>,
    k: usize,
    categories: usize,
) -> Tensor<D> {
    let shape = argument.dims();
    argument.differentiable(values, shape, move |d| {
        let mut out = vec![0.0; d.len()];
        kernels::marginals_vjp(&theta, d, categories, k, &mut out).expect("the forward pass accepted them");
        out
    })
}

/// Draws a subset for each row, as k-hot rows.
fn draw(theta: &[f64], categories: usize, k: usize, noise: &mut Noise) -> Result<Vec<f64>, Error> {
    let rows = theta.len() / categories.max(1);
    let mut members = vec![0; rows * k];
    kernels::sample(theta, categories, k, noise.take(theta.len()), &mut members)?;
    Ok(ones_at(&members, k, categories, theta.len()))
}

/// Rows of zeros with ones at the given places, `k` per row.
fn ones_at(places: &[u32], k: usize, categories: usize, length: usize) -> Vec<f64> {
    let mut picked = vec![0.0; length];
    for (row, places) in picked.chunks_mut(categories).zip(places.chunks(k)) {
        places.iter().for_each(|&place| row[place as usize] = 1.0);
    }
    picked
}
