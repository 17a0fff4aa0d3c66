//! Monte Carlo estimates of quantities without a closed form, with standard errors.

use super::Reparameterized;
use crate::tensor::over;
use crate::{Error, Noise};
use burn::tensor::Tensor;

/// A Monte Carlo estimate with its standard error.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::{Noise, distribution::{BinaryConcrete, monte_carlo_entropy}};
/// let q = BinaryConcrete::new(Tensor::<1>::zeros([1], &Device::flex()), 0.5)?;
/// let entropy = monte_carlo_entropy(&q, 10_000, &mut Noise::from_seed(1))?;
/// let error = (entropy.mean - q.entropy()).abs() / entropy.standard_error;
/// assert!(error.into_scalar::<f32>() < 4.0); // within four standard errors
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct MonteCarlo<const D: usize> {
    /// The mean over the samples, with the pathwise gradient in the parameters.
    pub mean: Tensor<D>,
    /// The standard error of that mean, without a gradient.
    pub standard_error: Tensor<D>,
}

/// Estimates the entropy of a distribution in nats, relative to the measure of its log-density.
///
/// ```text
/// H(q) = E[−ln q(x)],   x ~ q
/// ```
///
/// # Shapes
/// Both fields have the shape of the log-density.
///
/// # Errors
/// Fewer than two samples, which have no standard error.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::{Noise, distribution::{Concrete, monte_carlo_entropy}};
/// let logits = Tensor::<1>::from_floats([2f32.ln(), 0.0, 0.5f32.ln()], &Device::flex());
/// let entropy = monte_carlo_entropy(&Concrete::new(logits, 0.7)?, 20_000, &mut Noise::from_seed(1))?;
/// let z = (entropy.mean + 1.791312) / entropy.standard_error; // by quadrature
/// assert!(z.into_scalar::<f32>().abs() < 4.0);
/// # Ok::<(), gumbel::Error>(())
/// ```
pub fn monte_carlo_entropy<const D: usize>(
    q: &impl Reparameterized<D>,
    samples: usize,
    noise: &mut Noise,
) -> Result<MonteCarlo<D>, Error> {
    estimate(samples, || q.log_prob(q.reparameterized(noise)).neg())
}

/// Estimates the Kullback-Leibler divergence in nats between two distributions with log-densities relative to the same
/// measure.
///
/// ```text
/// KL(q ‖ p) = E[ln q(x) − ln p(x)],   x ~ q
/// ```
///
/// # Shapes
/// Both fields have the shape of the log-density.
///
/// # Errors
/// Fewer than two samples, which have no standard error.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::{Noise, distribution::{ExpConcrete, monte_carlo_kl}};
/// let logits = Tensor::<1>::from_floats([2f32.ln(), 0.0, 0.5f32.ln()], &Device::flex());
/// let (q, p) = (ExpConcrete::new(logits.clone(), 0.7)?, ExpConcrete::new(logits.zeros_like(), 0.7)?);
/// let kl = monte_carlo_kl(&q, &p, 20_000, &mut Noise::from_seed(2))?;
/// let z = (kl.mean - 0.352030) / kl.standard_error; // by quadrature
/// assert!(z.into_scalar::<f32>().abs() < 4.0);
/// # Ok::<(), gumbel::Error>(())
/// ```
pub fn monte_carlo_kl<const D: usize>(
    q: &impl Reparameterized<D>,
    p: &impl Reparameterized<D>,
    samples: usize,
    noise: &mut Noise,
) -> Result<MonteCarlo<D>, Error> {
    estimate(samples, || {
        let x = q.reparameterized(noise);
        q.log_prob(x.clone()) - p.log_prob(x)
    })
}

fn estimate<const D: usize>(
    samples: usize,
    mut draw: impl FnMut() -> Tensor<D>,
) -> Result<MonteCarlo<D>, Error> {
    if samples < 2 {
        let expected = "at least 2 (for a standard error)";
        return Err(Error::parameter("Monte Carlo", "samples", expected, samples));
    }
    let n = samples as f64;
    let draws: Vec<Tensor<D>> = (0..samples).map(|_| draw()).collect();
    let sum =
        |values: Vec<Tensor<D>>| values.into_iter().reduce(|sum, value| sum + value).expect("two or more");
    let mean = over(sum(draws.clone()), n);
    let centre = mean.clone().detach();
    let squares = draws.into_iter().map(|value| (value.detach() - centre.clone()).square()).collect();
    Ok(MonteCarlo { mean, standard_error: (sum(squares) / (n * (n - 1.0))).sqrt() })
}
