//! Matchings: Sinkhorn's iteration, and the exact assignment that it relaxes.

use crate::tensor::{attach, in_single, within_range};
use crate::{Error, Noise, ops};
use burn::tensor::Tensor;
use gumbel_kernels::check_temperature;

/// Sinkhorn's iteration: a nearly doubly stochastic matrix with the cross-ratios of `exp(θ / τ)`. **Soft**,
/// differentiable.
///
/// ```text
/// P = exp(θ / τ), then `iterations` times: divide rows by their sums, columns by theirs
/// ```
///
/// Sinkhorn and Knopp 1967; Mena, Belanger, Linderman and Snoek 2018. In log space and double precision. Columns sum to
/// one; rows more nearly the longer it runs, and a matrix is done when no row of its own is off by more than
/// `tolerance` (0 runs every iteration). As τ falls it tends to [`matching`], and takes more iterations. The gradient
/// is that of the iterations that were run. `-inf` forbids a pair: its entry and its gradient are exactly 0.
///
/// About `2 · iterations · n²` exponentials for each matrix, and twice that in the backward pass. On other
/// backends than Flex every iteration is run, whatever the tolerance: looking would cost a synchronisation each.
///
/// # Shapes
/// `logits` `[.., n, n]` to the same.
///
/// # Errors
/// A temperature that is not positive and finite; no iterations; a tolerance that is negative or not finite; NaN or
/// `+inf` among the logits; a matrix whose forbidden pairs leave no permutation.
///
/// # Panics
/// If the matrices are not square.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::permutation::sinkhorn;
/// let logits = Tensor::<2>::from_floats([[0.0, 2.0], [0.0, 0.0]], &Device::flex());
/// let p = sinkhorn(logits, 1.0, 100, 1e-6)?;
/// // One permutation against the other: exp(2) to 1, the square of the odds of an entry.
/// assert!((p.clone().slice([0..1, 1..2]).into_scalar::<f32>() - 0.731059).abs() < 1e-5);
/// assert!((p.sum_dim(1) - 1.0).abs().max().into_scalar::<f32>() < 2e-6);
/// # Ok::<(), gumbel::Error>(())
/// ```
pub fn sinkhorn<const D: usize>(
    logits: Tensor<D>,
    tau: f64,
    iterations: usize,
    tolerance: f64,
) -> Result<Tensor<D>, Error> {
    in_single(logits, |logits| Ok(log_sinkhorn(logits, tau, iterations, tolerance)?.exp()))
}

/// The logarithm of [`sinkhorn`], exact where an entry rounds to 0; `-inf` at forbidden pairs and only there.
///
/// # Shapes
/// `logits` `[.., n, n]` to the same.
///
/// # Errors
/// Those of [`sinkhorn`].
///
/// # Panics
/// If the matrices are not square.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let logits = Tensor::<2>::from_floats([[300.0, 0.0], [0.0, 300.0]], &Device::flex());
/// let log_p = gumbel::permutation::log_sinkhorn(logits, 1.0, 20, 0.0)?;
/// assert_eq!(log_p.into_data().try_to_vec::<f32>().unwrap(), [0.0, -300.0, -300.0, 0.0]);
/// # Ok::<(), gumbel::Error>(())
/// ```
pub fn log_sinkhorn<const D: usize>(
    logits: Tensor<D>,
    tau: f64,
    iterations: usize,
    tolerance: f64,
) -> Result<Tensor<D>, Error> {
    check_square(&logits);
    check_temperature(tau)?;
    in_single(logits, |logits| {
        let tau = within_range(tau, logits.dtype());
        ops::log_sinkhorn(logits, tau, iterations, tolerance)
    })
}

/// [`sinkhorn`] of perturbed logits: the Gumbel-Sinkhorn sample. **Soft**, differentiable.
///
/// ```text
/// P = sinkhorn((θ + g) / τ),   g ~ Gumbel, one for each pair
/// ```
///
/// Mena et al. 2018; they run 20 iterations at τ = 1 or less. It tends to [`gumbel_matching`] for the same noise as τ
/// falls and the iterations grow. Its density is not known in closed form: divergences are taken in the space of the
/// noise.
///
/// # Shapes
/// `logits` `[.., n, n]` to the same; uses one number of the noise for each logit.
///
/// # Errors
/// Those of [`sinkhorn`].
///
/// # Panics
/// If the matrices are not square.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::{Noise, permutation};
/// let logits = Tensor::<2>::zeros([4, 4], &Device::flex());
/// let soft = permutation::gumbel_sinkhorn(logits.clone(), 0.01, 2000, 1e-4, &mut Noise::from_seed(1))?;
/// let hard = permutation::gumbel_matching(logits, &mut Noise::from_seed(1))?;
/// assert!((soft - hard).abs().max().into_scalar::<f32>() < 0.01);
/// # Ok::<(), gumbel::Error>(())
/// ```
pub fn gumbel_sinkhorn<const D: usize>(
    logits: Tensor<D>,
    tau: f64,
    iterations: usize,
    tolerance: f64,
    noise: &mut Noise,
) -> Result<Tensor<D>, Error> {
    in_single(logits, |logits| sinkhorn(noise.perturb(logits)?, tau, iterations, tolerance))
}

/// The best permutation: the assignment with the largest sum of logits. **Hard**, without a gradient.
///
/// ```text
/// P = argmax over permutation matrices of  Σᵢⱼ θᵢⱼ Pᵢⱼ
/// ```
///
/// Exact, by the Hungarian method in O(n³), on the host. `-inf` forbids a pair.
///
/// # Shapes
/// `logits` `[.., n, n]` to the same.
///
/// # Errors
/// NaN or `+inf` among the logits; a matrix whose forbidden pairs leave no permutation.
///
/// # Panics
/// If the matrices are not square.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let logits = Tensor::<2>::from_floats([[3.0, 2.0], [2.0, 0.0]], &Device::flex());
/// let p = gumbel::permutation::matching(logits)?;
/// assert_eq!(p.into_data().try_to_vec::<f32>().unwrap(), [0.0, 1.0, 1.0, 0.0]); // 2 + 2 > 3 + 0
/// # Ok::<(), gumbel::Error>(())
/// ```
pub fn matching<const D: usize>(logits: Tensor<D>) -> Result<Tensor<D>, Error> {
    check_square(&logits);
    in_single(logits.detach(), |logits| ops::assignment(&logits))
}

/// [`matching`] of perturbed logits: a random permutation. **Hard**, without a gradient.
///
/// ```text
/// P = argmax over permutation matrices of  Σᵢⱼ (θᵢⱼ + gᵢⱼ) Pᵢⱼ,   g ~ Gumbel
/// ```
///
/// Mena et al. 2018 call it Gumbel-Matching. Perturb-and-MAP: it does not draw from `exp(Σ θ P)`, as one noise for
/// each permutation would.
///
/// # Shapes
/// `logits` `[.., n, n]` to the same; uses one number of the noise for each logit.
///
/// # Errors
/// Those of [`matching`].
///
/// # Panics
/// If the matrices are not square.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::{Noise, permutation::gumbel_matching};
/// let logits = Tensor::<3>::zeros([6000, 3, 3], &Device::flex());
/// let p = gumbel_matching(logits, &mut Noise::from_seed(1))?;
/// let stays = p.slice([0..6000, 0..1, 0..1]).sum().into_scalar::<f32>();
/// assert!((stays - 2000.0).abs() < 4.0 * 36.5); // a third, standard error 36.5
/// # Ok::<(), gumbel::Error>(())
/// ```
pub fn gumbel_matching<const D: usize>(logits: Tensor<D>, noise: &mut Noise) -> Result<Tensor<D>, Error> {
    in_single(logits.detach(), |logits| matching(noise.perturb(logits)?))
}

/// [`matching`] forward, bit for bit; [`sinkhorn`] backward. **Hard**.
///
/// # Shapes
/// `logits` `[.., n, n]` to the same.
///
/// # Errors
/// Those of [`sinkhorn`].
///
/// # Panics
/// If the matrices are not square.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let logits = Tensor::<2>::from_floats([[3.0, 2.0], [2.0, 0.0]], &Device::flex());
/// let p = gumbel::permutation::straight_through_sinkhorn(logits, 1.0, 20, 0.0)?;
/// assert_eq!(p.into_data().try_to_vec::<f32>().unwrap(), [0.0, 1.0, 1.0, 0.0]);
/// # Ok::<(), gumbel::Error>(())
/// ```
pub fn straight_through_sinkhorn<const D: usize>(
    logits: Tensor<D>,
    tau: f64,
    iterations: usize,
    tolerance: f64,
) -> Result<Tensor<D>, Error> {
    let soft = sinkhorn(logits.clone(), tau, iterations, tolerance)?;
    Ok(attach(matching(logits)?, soft))
}

/// [`gumbel_matching`] forward, bit for bit; backward [`gumbel_sinkhorn`] for the same noise. **Hard**, biased.
///
/// # Shapes
/// `logits` `[.., n, n]` to the same; uses one number of the noise for each logit.
///
/// # Errors
/// Those of [`sinkhorn`].
///
/// # Panics
/// If the matrices are not square.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::{Noise, permutation::straight_through_gumbel_sinkhorn};
/// let logits = Tensor::<2>::from_floats([[80.0, 0.0], [0.0, 0.0]], &Device::flex());
/// let p = straight_through_gumbel_sinkhorn(logits, 1.0, 20, 0.0, &mut Noise::from_seed(1))?;
/// assert_eq!(p.into_data().try_to_vec::<f32>().unwrap(), [1.0, 0.0, 0.0, 1.0]);
/// # Ok::<(), gumbel::Error>(())
/// ```
pub fn straight_through_gumbel_sinkhorn<const D: usize>(
    logits: Tensor<D>,
    tau: f64,
    iterations: usize,
    tolerance: f64,
    noise: &mut Noise,
) -> Result<Tensor<D>, Error> {
    in_single(logits, |logits| straight_through_sinkhorn(noise.perturb(logits)?, tau, iterations, tolerance))
}

fn check_square<const D: usize>(logits: &Tensor<D>) {
    let dims = logits.dims();
    let square = D >= 2 && dims[D - 1] == dims[D - 2];
    assert!(square, "a permutation requires square matrices, got the shape {dims:?}");
}
