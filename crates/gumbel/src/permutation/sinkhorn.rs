//! Matchings: Sinkhorn's iteration, and the exact assignment that it relaxes.

use crate::tensor::{attach, centred, in_single, within_range};
use crate::{Error, Noise, Temperature, ops};
use burn::tensor::Tensor;

/// Normalises the rows and columns of `exp(θ / τ)` in turn (Sinkhorn's iteration), to a nearly doubly stochastic matrix
/// with the same cross-ratios. **Soft**, differentiable.
///
/// ```text
/// P = exp(θ / τ), then `iterations` times: divide each row by its sum, then each column by its sum
/// ```
///
/// Sinkhorn and Knopp 1967; Mena, Belanger, Linderman and Snoek 2018. Columns sum to one; the sums of the rows approach
/// one with more iterations. A matrix is finished when none of its row sums differs from one by more than `tolerance`
/// (0 runs every iteration). As τ tends to 0 the result tends to [`matching`], and takes more iterations. The gradient
/// is that of the iterations that were run. `-inf` forbids a pair: its entry and its gradient are exactly 0.
///
/// Computed in log space: as a fused kernel in double precision on Burn's Flex backend, and as Burn operations
/// elsewhere. Cost: about `2 · iterations · n²` exponentials per matrix, and twice that in the backward pass. Other
/// backends than Flex run every iteration, whatever the tolerance, because each check would cost a synchronisation.
///
/// # Shapes
/// `logits` `[.., n, n]` to `[.., n, n]`; a tensor `tau` has one for each matrix, `[.., 1, 1]`.
///
/// # Errors
/// A temperature that is not positive and finite; zero iterations; a tolerance that is negative or not finite; NaN or
/// `+inf` among the logits; a matrix whose forbidden pairs leave no permutation.
///
/// # Panics
/// If the matrices are not square, or a matrix has several temperatures.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::permutation::sinkhorn;
/// let logits = Tensor::<2>::from_floats([[0.0, 2.0], [0.0, 0.0]], &Device::flex());
/// let p = sinkhorn(logits, 1.0, 100, 1e-6)?;
/// // The odds of one permutation against the other, exp(2), are the square of the odds of an entry.
/// assert!((p.clone().slice([0..1, 1..2]).into_scalar::<f32>() - 0.731059).abs() < 1e-5);
/// assert!((p.sum_dim(1) - 1.0).abs().max().into_scalar::<f32>() < 2e-6);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "optimal transport")]
#[doc(alias = "doubly stochastic")]
#[doc(alias = "soft assignment")]
pub fn sinkhorn<const D: usize>(
    logits: Tensor<D>,
    tau: impl Into<Temperature<D>>,
    iterations: usize,
    tolerance: f64,
) -> Result<Tensor<D>, Error> {
    in_single(logits, |logits| Ok(log_sinkhorn(logits, tau, iterations, tolerance)?.exp()))
}

/// Computes the logarithm of [`sinkhorn`], accurate where an entry rounds to 0; `-inf` at forbidden pairs and only
/// there.
///
/// Runs as [`sinkhorn`] does.
///
/// # Shapes
/// `logits` `[.., n, n]` to `[.., n, n]`.
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
#[doc(alias = "optimal transport")]
pub fn log_sinkhorn<const D: usize>(
    logits: Tensor<D>,
    tau: impl Into<Temperature<D>>,
    iterations: usize,
    tolerance: f64,
) -> Result<Tensor<D>, Error> {
    check_square(&logits);
    let tau = tau.into().checked()?;
    in_single(logits, |logits| match &tau {
        Temperature::Number(tau) => {
            let tau = within_range(*tau, logits.dtype());
            ops::log_sinkhorn(logits, tau, iterations, tolerance)
        }
        Temperature::Tensor(of) => {
            check_one_for_a_matrix(of);
            // Rows may be shifted; what is divided is then not too large at a low temperature.
            let logits = tau.temper_masked(centred(tau.marked(logits)));
            ops::log_sinkhorn(logits, 1.0, iterations, tolerance)
        }
    })
}

/// Draws a relaxed matching: [`sinkhorn`] of logits perturbed by Gumbel noise. **Soft**, differentiable.
///
/// ```text
/// P = sinkhorn((θ + g) / τ),   g ~ Gumbel, one for each pair
/// ```
///
/// Mena et al. 2018, who run 20 iterations at τ = 1 or less. As τ tends to 0 and the number of iterations grows, it
/// tends to [`gumbel_matching`] for the same noise. Its density has no closed form; divergences are computed in the
/// space of the noise instead.
///
/// # Shapes
/// `logits` `[.., n, n]` to `[.., n, n]`; uses one number of the noise per logit.
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
    tau: impl Into<Temperature<D>>,
    iterations: usize,
    tolerance: f64,
    noise: &mut Noise,
) -> Result<Tensor<D>, Error> {
    in_single(logits, |logits| sinkhorn(noise.perturb(logits)?, tau, iterations, tolerance))
}

/// Computes the permutation with the largest sum of logits (linear assignment). **Hard**, without a gradient.
///
/// ```text
/// P = argmax over permutation matrices of  Σᵢⱼ θᵢⱼ Pᵢⱼ
/// ```
///
/// Exact, by the Hungarian method in O(n³). `-inf` forbids a pair. Runs on the host, on every backend.
///
/// # Shapes
/// `logits` `[.., n, n]` to `[.., n, n]`.
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
#[doc(alias = "hungarian")]
#[doc(alias = "assignment")]
pub fn matching<const D: usize>(logits: Tensor<D>) -> Result<Tensor<D>, Error> {
    check_square(&logits);
    in_single(logits.detach(), |logits| ops::assignment(&logits))
}

/// Draws a random permutation: the [`matching`] of logits perturbed by Gumbel noise. **Hard**, without a gradient.
///
/// ```text
/// P = argmax over permutation matrices of  Σᵢⱼ (θᵢⱼ + gᵢⱼ) Pᵢⱼ,   g ~ Gumbel
/// ```
///
/// Gumbel-Matching in Mena et al. 2018. It is perturb-and-MAP: its distribution is not proportional to `exp(Σ θ P)`,
/// which would require independent noise for each permutation. Runs on the host, on every backend.
///
/// # Shapes
/// `logits` `[.., n, n]` to `[.., n, n]`; uses one number of the noise per logit.
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
/// assert!((stays - 2000.0).abs() < 4.0 * 36.5); // 1/3 of 6000, standard error 36.5
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "perturb-and-MAP")]
pub fn gumbel_matching<const D: usize>(logits: Tensor<D>, noise: &mut Noise) -> Result<Tensor<D>, Error> {
    in_single(logits.detach(), |logits| matching(noise.perturb(logits)?))
}

/// Computes the [`matching`] of logits, bit for bit, with the gradient of [`sinkhorn`]. **Hard**.
///
/// # Shapes
/// `logits` `[.., n, n]` to `[.., n, n]`.
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
    tau: impl Into<Temperature<D>>,
    iterations: usize,
    tolerance: f64,
) -> Result<Tensor<D>, Error> {
    let soft = sinkhorn(logits.clone(), tau, iterations, tolerance)?;
    Ok(attach(matching(logits)?, soft))
}

/// Draws a [`gumbel_matching`], bit for bit, with the gradient of [`gumbel_sinkhorn`] for the same noise. **Hard**,
/// biased.
///
/// # Shapes
/// `logits` `[.., n, n]` to `[.., n, n]`; uses one number of the noise per logit.
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
    tau: impl Into<Temperature<D>>,
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

fn check_one_for_a_matrix<const D: usize>(tau: &Tensor<D>) {
    let dims = tau.dims();
    assert!(
        dims[D - 2] == 1,
        "a permutation requires one temperature for each matrix, [.., 1, 1], got {dims:?}"
    );
}
