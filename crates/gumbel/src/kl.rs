//! Three divergences between a relaxed posterior `q` and a prior `p`, named for what they are.
//!
//! Maddison, Mnih and Teh 2017, appendix C, eqs. 20 to 22. Each can appear in a relaxed ELBO; only
//! [`density_at_sample`] makes that ELBO a bound on the log-likelihood of the relaxed model. The other two are exact
//! for the discrete model, that is on hard samples: with relaxed samples they bound nothing, and
//! the training objective can exceed the log-likelihood. Report the hard objective beside any of them.

use crate::named::named;
use crate::tensor::{at_least_single, broadcast, restored, tracked_as, unmasked};
use crate::{Error, Temperature, exp_concrete, ops};
use burn::tensor::{Bool, Tensor, activation};
use serde::{Deserialize, Serialize};

/// One of the three divergences, by name.
///
/// ```
/// use gumbel::kl::Kl;
/// assert_eq!("density".parse::<Kl>()?, Kl::Density);
/// assert_eq!(Kl::ALL.into_iter().filter(|kl| kl.bounds_relaxed_model()).count(), 1);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kl {
    /// [`categorical`]: the closed form for the discrete distributions (Jang, Gu and Poole 2017).
    Categorical,
    /// [`mass_at_sample`]: the discrete log-ratio, weighted by the sample.
    MassAtSample,
    /// [`density_at_sample`]: the log-ratio of the Concrete densities at the sample. The bound.
    Density,
}

impl Kl {
    /// All three, in the order of the documentation.
    pub const ALL: [Self; 3] = [Self::Categorical, Self::MassAtSample, Self::Density];

    /// Whether the relaxed ELBO with this divergence is a lower bound on the relaxed log-likelihood.
    pub fn bounds_relaxed_model(self) -> bool {
        self == Self::Density
    }
}

named!(Kl, "divergence", Categorical => "categorical", MassAtSample => "mass-at-sample", Density => "density");

/// Kullback-Leibler divergence in nats between the **discrete** distributions. Exact for hard samples; no bound with
/// relaxed ones. `+inf` where `p` gives probability zero to a category and `q` does not; half precision is computed in
/// single.
///
/// ```text
/// KL(q ‖ p) = Σₖ qₖ (ln qₖ − ln pₖ)
/// ```
///
/// Maddison, Mnih and Teh 2017, eq. 22.
///
/// # Shapes
/// `q` and `p`: logits `[.., K]`, broadcast against each other, to `[.., 1]`.
///
/// # Errors
/// A logit that is NaN or `+inf`, a row masked throughout.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let q = Tensor::<1>::from_floats([2f32.ln(), 0.0, 0.5f32.ln()], &Device::flex());
/// let kl = gumbel::kl::categorical(q.clone(), q.zeros_like())?.into_scalar::<f32>();
/// assert!((kl - 0.142912).abs() < 1e-6);
/// # Ok::<(), gumbel::Error>(())
/// ```
pub fn categorical<const D: usize>(q: Tensor<D>, p: Tensor<D>) -> Result<Tensor<D>, Error> {
    let dtype = q.dtype();
    if q.dims()[D - 1] == 0 {
        ops::check_logits(&q)?;
    }
    let shape = broadcast(&q, &p);
    let (q, p) = (at_least_single(q).expand(shape.clone()), at_least_single(p).expand(shape.clone()));
    let (log_q, log_p) = (log_probabilities(q.clone().inner()), log_probabilities(p.clone().inner()));
    // By the log-probabilities and not by the logits: a finite logit far below the others has probability zero too.
    let possible = |logits: &Tensor<D>, log: &Tensor<D>| {
        logits.clone().inner().mask_fill(impossible(log), f32::NEG_INFINITY)
    };
    let (possible_q, possible_p) = (possible(&q, &log_q), possible(&p, &log_p));
    let value = ops::categorical_kl([&possible_q, &possible_p], [log_q.clone(), log_p.clone()])?;
    let infinite = value.clone().is_inf();
    if !q.is_autodiff() && !p.is_autodiff() {
        return Ok(restored(value, dtype));
    }
    let [of_q, of_p] = slopes([log_q, log_p], value.clone(), infinite.expand(shape));
    let zero = along(q.clone(), of_q) + along(p, of_p);
    Ok(restored(tracked_as(value, &q) + zero, dtype))
}

/// The gradient of a divergence in the logits of each side; zero where it is infinite.
fn slopes<const D: usize>(
    [log_q, log_p]: [Tensor<D>; 2],
    value: Tensor<D>,
    infinite: Tensor<D, Bool>,
) -> [Tensor<D>; 2] {
    let (q, p) = (log_q.clone().exp(), log_p.clone().exp());
    let absent = q.clone().equal_elem(0.0).bool_or(infinite.clone());
    let ratio = (log_q - log_p - value).mask_fill(absent, 0.0);
    [q.clone() * ratio, (p - q).mask_fill(infinite, 0.0)]
}

/// Zero, with a given gradient in the logits, which may be masks.
fn along<const D: usize>(logits: Tensor<D>, slope: Tensor<D>) -> Tensor<D> {
    let logits = unmasked(logits);
    ((logits.clone() - logits.clone().detach()) * tracked_as(slope, &logits)).sum_dim(D - 1)
}

/// In single precision or better.
fn log_probabilities<const D: usize>(logits: Tensor<D>) -> Tensor<D> {
    activation::log_softmax(at_least_single(logits), D - 1)
}

/// Where a category has probability zero.
fn impossible<const D: usize>(log_probabilities: &Tensor<D>) -> Tensor<D, Bool> {
    log_probabilities.clone().equal_elem(f32::NEG_INFINITY)
}

/// Log-ratio in nats of the discrete distributions at a sample `z`, hard or relaxed. Its mean over
/// hard samples is [`categorical`]; no bound with relaxed ones.
///
/// ```text
/// Σₖ zₖ (ln qₖ − ln pₖ)
/// ```
///
/// Maddison, Mnih and Teh 2017, eq. 21.
///
/// # Shapes
/// `q`, `p` (logits) and `z` `[.., K]`, broadcast, to `[.., 1]`.
///
/// # Errors
/// A logit that is NaN or `+inf`, a row masked throughout.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let q = Tensor::<1>::from_floats([2f32.ln(), 0.0, 0.5f32.ln()], &Device::flex());
/// let z = Tensor::from_floats([1.0, 0.0, 0.0], &Device::flex());
/// let ratio = gumbel::kl::mass_at_sample(q.clone(), q.zeros_like(), z)?.into_scalar::<f32>();
/// assert!((ratio - (6f32 / 3.5).ln()).abs() < 1e-6); // q of 4/7 against 1/3
/// # Ok::<(), gumbel::Error>(())
/// ```
pub fn mass_at_sample<const D: usize>(q: Tensor<D>, p: Tensor<D>, z: Tensor<D>) -> Result<Tensor<D>, Error> {
    ops::check_logits(&q)?;
    ops::check_logits(&p)?;
    let dtype = q.dtype();
    let (log_q, log_p) = (log_probabilities(q), log_probabilities(p));
    let absent = impossible(&log_q);
    let ratio = log_q - log_p;
    let z = at_least_single(z);
    let shape = broadcast(&z, &ratio);
    // 0 · ∞ is 0, in the gradient too.
    let unused = z.clone().equal_elem(0.0).expand(shape.clone()).bool_or(absent.expand(shape.clone()));
    Ok(restored((z.expand(shape.clone()) * ratio.expand(shape).mask_fill(unused, 0.0)).sum_dim(D - 1), dtype))
}

/// Log-ratio in nats of the ExpConcrete densities at a sample `y ~ q` in log space. **The only one that makes a relaxed
/// ELBO a bound**: on the log-likelihood of the relaxed model.
///
/// ```text
/// ln κ_q(y) − ln κ_p(y)
/// ```
///
/// Maddison, Mnih and Teh 2017, eq. 20.
///
/// # Shapes
/// `q`, `p` (logits, each with its temperature) and `y` `[.., K]` to `[.., 1]`.
///
/// # Errors
/// A temperature that is not positive and finite.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::{Noise, kl, log_gumbel_softmax};
/// let q = Tensor::<2>::from_floats([[2f32.ln(), 0.0, 0.5f32.ln()]], &Device::flex()).repeat_dim(0, 200_000);
/// let y = log_gumbel_softmax(q.clone(), 0.7, &mut Noise::from_seed(3))?;
/// let mean = kl::density_at_sample((q.clone(), 0.7), (q.zeros_like(), 0.7), y)?.mean().into_scalar::<f32>();
/// assert!((mean - 0.352030).abs() < 0.008); // by quadrature; not the categorical 0.142912
/// # Ok::<(), gumbel::Error>(())
/// ```
pub fn density_at_sample<const D: usize>(
    (q, tau_q): (Tensor<D>, impl Into<Temperature<D>>),
    (p, tau_p): (Tensor<D>, impl Into<Temperature<D>>),
    y: Tensor<D>,
) -> Result<Tensor<D>, Error> {
    let dtype = q.dtype();
    let (q, p) = (at_least_single(q), at_least_single(p));
    Ok(restored(exp_concrete::log_prob(q, tau_q, y.clone())? - exp_concrete::log_prob(p, tau_p, y)?, dtype))
}
