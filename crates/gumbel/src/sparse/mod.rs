//! Sparse relaxations: sparsemax and α-entmax, which replace softmax and can return probabilities of exactly zero, and
//! samples with Gumbel noise.
//!
//! | function | forward | gradient |
//! | --- | --- | --- |
//! | [`sparsemax`], [`entmax`] | soft and sparse, no noise | exact |
//! | [`adaptive_entmax`] | soft and sparse, no noise, α is a tensor | exact, also in α |
//! | [`gumbel_sparsemax`], [`gumbel_entmax`] | soft and sparse | of the soft sample |
//! | [`straight_through_sparsemax`], [`straight_through_entmax`] | hard: bitwise one-hot | of the soft sample |
//!
//! With Gumbel noise, the largest entry is that of [`gumbel_max`](crate::gumbel_max) for the same noise. A category
//! outside the support has a gradient of exactly zero; to return to the support, it needs noise or a higher
//! temperature.
//!
//! The projection runs on the host in double precision, on every backend. Its backward pass runs as a fused kernel on
//! Burn's Flex backend, and as Burn operations elsewhere.

use crate::tensor::{at_least_single, attach, in_single, one_hot_argmax, restored, with_slope, within_range};
use crate::{Error, Noise, Temperature, ops};
use burn::tensor::Tensor;
use gumbel_kernels::check_temperature;

/// Projects logits onto the simplex (sparsemax), over the last axis. **Soft**, sparse, differentiable; no noise.
///
/// ```text
/// y = argmin over the simplex of ‖p − θ / τ‖² = (θ / τ − λ)₊
/// ```
///
/// Martins and Astudillo 2016; λ makes the entries sum to one. It is [`entmax`] at α = 2, and runs as that does. On a
/// support of n categories, the gradient is `(dy − mean dy) / τ`, with the mean over the support. `-inf` masks a
/// category.
///
/// # Shapes
/// `logits` `[.., K]` to `[.., K]`.
///
/// # Errors
/// A temperature that is not positive and finite; NaN or `+inf` among the logits; a row with every category masked.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let logits = Tensor::<1>::from_floats([1.0, 0.5, -1.0], &Device::flex());
/// let y = gumbel::sparse::sparsemax(logits, 1.0)?;
/// assert_eq!(y.into_data().try_to_vec::<f32>().unwrap(), [0.75, 0.25, 0.0]);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "projection onto the simplex")]
pub fn sparsemax<const D: usize>(logits: Tensor<D>, tau: f64) -> Result<Tensor<D>, Error> {
    entmax(logits, 2.0, tau)
}

/// Computes α-entmax over the last axis. **Soft**, sparse for α > 1, differentiable; no noise.
///
/// ```text
/// y = argmax over the simplex of  pᵀθ / τ + (1 − Σₖ pₖ^α) / (α(α − 1))
///   = (1 + (α − 1)(θ / τ − λ))₊^(1/(α − 1)),   λ such that the entries sum to 1
/// ```
///
/// Peters, Niculae and Martins 2019, section 3. α = 1 is softmax and α = 2 is [`sparsemax`]; for α in between, entries
/// leave zero smoothly. `-inf` masks a category.
///
/// The projection runs on the host in double precision; the backward pass is a fused kernel on Burn's Flex backend, and
/// Burn operations elsewhere. Cost: a few passes over the support per row up to α = 2, sixty above.
///
/// # Shapes
/// `logits` `[.., K]` to `[.., K]`.
///
/// # Errors
/// Those of [`sparsemax`]; an α below 1 or not finite.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::sparse::entmax;
/// let logits = Tensor::<1>::from_floats([1.0, 0.5, -0.5], &Device::flex());
/// let smallest = |alpha| Ok::<_, gumbel::Error>(entmax(logits.clone(), alpha, 1.0)?.min().into_scalar::<f32>());
/// assert!((smallest(1.0)? - 0.121952).abs() < 1e-5); // softmax
/// assert!((smallest(1.5)? - 0.004795).abs() < 1e-5);
/// assert_eq!(smallest(2.0)?, 0.0);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "alpha-entmax")]
#[doc(alias = "1.5-entmax")]
pub fn entmax<const D: usize>(logits: Tensor<D>, alpha: f64, tau: f64) -> Result<Tensor<D>, Error> {
    check_temperature(tau)?;
    in_single(logits, |logits| {
        let tau = within_range(tau, logits.dtype());
        ops::entmax(logits, alpha, tau)
    })
}

/// Computes [`entmax`] with a learned α: differentiable in `alpha` too.
///
/// Correia, Niculae and Martins 2019, section 3, who give each attention head an α = 1 + σ(a). The derivative in α is
/// computed on the host, on every backend.
///
/// # Shapes
/// `logits` `[.., K]` and `alpha` `[1]` to `[.., K]`.
///
/// # Errors
/// Those of [`entmax`].
///
/// # Panics
/// If `alpha` has more than one element.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let device = Device::flex().autodiff();
/// let logits = Tensor::<1>::from_floats([0.5, 0.0], &device); // entmax at α = 2: [0.75, 0.25]
/// let alpha = Tensor::<1>::from_floats([2.0], &device).require_grad();
/// let y = gumbel::sparse::adaptive_entmax(logits, alpha.clone(), 1.0)?;
/// let slope = alpha.grad(&y.slice([0..1]).sum().backward()).unwrap().into_scalar::<f32>();
/// assert!((slope - 0.184594).abs() < 1e-5); // a larger α is sharper
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "alpha-entmax")]
pub fn adaptive_entmax<const D: usize>(
    logits: Tensor<D>,
    alpha: Tensor<1>,
    tau: f64,
) -> Result<Tensor<D>, Error> {
    assert!(alpha.dims() == [1], "alpha has the shape {:?}, expected [1]", alpha.dims());
    let value = alpha.clone().into_data().iter::<f64>().sum();
    let dtype = logits.dtype();
    let y = entmax(at_least_single(logits), value, tau)?;
    let slope = ops::entmax_alpha_derivative(&y, value)?;
    Ok(restored(with_slope(y, slope, alpha.reshape([1; D])), dtype))
}

/// Draws a relaxed sample: [`sparsemax`] of logits perturbed by Gumbel noise. **Soft**, sparse, differentiable.
///
/// ```text
/// y = sparsemax((θ + g) / τ),   g ~ Gumbel
/// ```
///
/// # Shapes
/// `logits` `[.., K]` to `[.., K]`; uses one number of the noise per logit.
///
/// # Errors
/// Those of [`sparsemax`].
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::{Noise, sparse::gumbel_sparsemax};
/// let logits = Tensor::<1>::zeros([1000], &Device::flex());
/// let y = gumbel_sparsemax(logits, 1.0, &mut Noise::from_seed(3))?;
/// assert!((y.clone().sum().into_scalar::<f32>() - 1.0).abs() < 1e-5);
/// let support = y.greater_elem(0.0).int().sum().into_scalar::<i64>();
/// assert!(support <= 5); // of 1000
/// # Ok::<(), gumbel::Error>(())
/// ```
pub fn gumbel_sparsemax<const D: usize>(
    logits: Tensor<D>,
    tau: impl Into<Temperature<D>>,
    noise: &mut Noise,
) -> Result<Tensor<D>, Error> {
    gumbel_entmax(logits, 2.0, tau, noise)
}

/// Draws a relaxed sample: [`entmax`] of logits perturbed by Gumbel noise. **Soft**, sparse for α > 1, differentiable.
///
/// ```text
/// y = entmax_α((θ + g) / τ),   g ~ Gumbel
/// ```
///
/// At α = 1 it is [`gumbel_softmax`](crate::gumbel_softmax).
///
/// # Shapes
/// `logits` `[.., K]` to `[.., K]`; uses one number of the noise per logit.
///
/// # Errors
/// Those of [`entmax`].
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::{Noise, gumbel_softmax, sparse::gumbel_entmax};
/// let logits = Tensor::<1>::from_floats([0.0, 1.0, 2.0], &Device::flex());
/// let y = gumbel_entmax(logits.clone(), 1.0, 0.5, &mut Noise::from_seed(3))?;
/// let softmax = gumbel_softmax(logits, 0.5, &mut Noise::from_seed(3))?;
/// assert!((y - softmax).abs().max().into_scalar::<f32>() < 1e-6);
/// # Ok::<(), gumbel::Error>(())
/// ```
pub fn gumbel_entmax<const D: usize>(
    logits: Tensor<D>,
    alpha: f64,
    tau: impl Into<Temperature<D>>,
    noise: &mut Noise,
) -> Result<Tensor<D>, Error> {
    let tau = tau.into().checked()?;
    in_single(logits, |logits| entmax_at(noise.perturb(tau.marked(logits))?, alpha, &tau))
}

/// [`entmax`] of keys over a number or a tensor.
fn entmax_at<const D: usize>(keys: Tensor<D>, alpha: f64, tau: &Temperature<D>) -> Result<Tensor<D>, Error> {
    match tau {
        Temperature::Number(tau) => entmax(keys, alpha, *tau),
        tau => entmax(tau.temper_masked(keys), alpha, 1.0),
    }
}

/// Draws a hard sample with the gradient of [`gumbel_sparsemax`] for the same noise. **Hard**, bitwise one-hot; biased.
///
/// ```text
/// b = one-hot(argmax(θ + g)),   ∂b/∂θ := ∂y/∂θ,   y = sparsemax((θ + g) / τ)
/// ```
///
/// It is [`straight_through_entmax`] at α = 2.
///
/// # Shapes
/// `logits` `[.., K]` to `[.., K]`; uses one number of the noise per logit.
///
/// # Errors
/// Those of [`sparsemax`].
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::{Noise, sparse::straight_through_sparsemax};
/// let logits = Tensor::<1>::from_floats([0.0, 1.0, 90.0], &Device::flex());
/// let b = straight_through_sparsemax(logits, 1.0, &mut Noise::from_seed(7))?;
/// assert_eq!(b.into_data().try_to_vec::<f32>().unwrap(), [0.0, 0.0, 1.0]);
/// # Ok::<(), gumbel::Error>(())
/// ```
pub fn straight_through_sparsemax<const D: usize>(
    logits: Tensor<D>,
    tau: impl Into<Temperature<D>>,
    noise: &mut Noise,
) -> Result<Tensor<D>, Error> {
    straight_through_entmax(logits, 2.0, tau, noise)
}

/// Draws a hard sample with the gradient of [`gumbel_entmax`] for the same noise. **Hard**, bitwise one-hot; biased.
///
/// ```text
/// b = one-hot(argmax(θ + g)),   ∂b/∂θ := ∂y/∂θ,   y = entmax_α((θ + g) / τ)
/// ```
///
/// A category outside the support of `y` has gradient zero, so a low temperature can make the full gradient zero.
///
/// # Shapes
/// `logits` `[.., K]` to `[.., K]`; uses one number of the noise per logit.
///
/// # Errors
/// Those of [`entmax`].
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::{Noise, sparse::straight_through_entmax};
/// let logits = Tensor::<1>::from_floats([0.0, 1.0, 90.0], &Device::flex());
/// let b = straight_through_entmax(logits, 1.5, 1.0, &mut Noise::from_seed(7))?;
/// assert_eq!(b.into_data().try_to_vec::<f32>().unwrap(), [0.0, 0.0, 1.0]);
/// # Ok::<(), gumbel::Error>(())
/// ```
pub fn straight_through_entmax<const D: usize>(
    logits: Tensor<D>,
    alpha: f64,
    tau: impl Into<Temperature<D>>,
    noise: &mut Noise,
) -> Result<Tensor<D>, Error> {
    let tau = tau.into().checked()?;
    in_single(logits, |logits| {
        let keys = noise.perturb(tau.marked(logits))?;
        Ok(attach(one_hot_argmax(keys.clone()), entmax_at(keys, alpha, &tau)?))
    })
}
