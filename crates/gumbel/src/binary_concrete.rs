//! The Binary Concrete distribution (relaxed Bernoulli, Gumbel-sigmoid) in logit space.

use crate::tensor::{at_least_single, finite_log_odds, restored};
use crate::{Error, Temperature};
use burn::tensor::{Tensor, activation};

/// Log-density in nats of a Binary Concrete sample in logit space, `y = (ℓ + L) / τ` with `L` logistic.
///
/// ```text
/// ln g(y) = ln τ + ℓ − τ y − 2 softplus(ℓ − τ y)
/// ```
///
/// Maddison, Mnih and Teh 2017, appendix B. `log_odds` ℓ = ln(p / (1 − p)); the sample in (0, 1) is `σ(y)`.
///
/// # Shapes
/// Elementwise; `tau` a number, or a [tensor](Temperature) of any shape that is broadcast against the log-odds.
///
/// # Errors
/// A temperature that is not positive and finite; log-odds that are not finite.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let device = Device::flex();
/// let (log_odds, y) = (Tensor::<1>::from_floats([3f32.ln()], &device), Tensor::from_floats([0.7], &device));
/// let log_prob = gumbel::binary_concrete::log_prob(log_odds, 0.5, y)?.into_scalar::<f32>();
/// assert!((log_prob + 2.216392).abs() < 1e-5);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "gumbel-sigmoid")]
#[doc(alias = "log_density")]
#[doc(alias = "relaxed bernoulli")]
pub fn log_prob<const D: usize>(
    log_odds: Tensor<D>,
    tau: impl Into<Temperature<D>>,
    y: Tensor<D>,
) -> Result<Tensor<D>, Error> {
    let (tau, dtype) = (tau.into().checked()?, log_odds.dtype());
    let tilted = finite_log_odds(log_odds)? - tau.scale(at_least_single(y));
    // Not by Burn's softplus, which drops what is beyond its threshold of 20.
    let [above, below] = [tilted.clone(), tilted.neg()].map(activation::log_sigmoid);
    Ok(restored(tau.plus_log(above + below), dtype))
}
