//! The noise that perturbs the scores of a solver.

use crate::{Error, Noise};
use gumbel_kernels::{Stream, noise};

/// The noise added to the scores of a solver, `τ ε`: a distribution and a temperature.
///
/// ```
/// use gumbel::perturbed::{NoiseDistribution, Perturbation};
/// let half = Perturbation { distribution: NoiseDistribution::Normal, tau: 0.5 };
/// assert_eq!(half.tau, 0.5); // the standard deviation of the noise
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Perturbation {
    /// The distribution of ε.
    pub distribution: NoiseDistribution,
    /// The temperature τ that multiplies the noise, positive and finite.
    pub tau: f64,
}

/// The distribution of the noise ε in a [`Perturbation`].
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::Noise;
/// use gumbel::perturbed::{NoiseDistribution, Perturbation, hard_argmax};
/// // The ranks of the scores, from 0: the solution of a ranking problem.
/// let ranks = |theta: &[f64]| theta.iter().map(|a| theta.iter().filter(|b| *b < a).count() as f64).collect();
/// let noise = Perturbation { distribution: NoiseDistribution::SumOfGamma { parts: 2, terms: 10 }, tau: 0.1 };
/// let theta = Tensor::<1>::from_floats([9.0, -9.0, 0.0], &Device::flex());
/// let y = hard_argmax(theta, ranks, noise, 1.0, &mut Noise::from_seed(1))?;
/// assert_eq!(y.into_data().try_to_vec::<f32>().unwrap(), [2.0, 0.0, 1.0]);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoiseDistribution {
    /// Standard Gumbel noise, with the score `∇ν(ε) = 1 − exp(−ε)`.
    Gumbel,
    /// Standard normal noise, with the score `∇ν(ε) = ε`.
    Normal,
    /// Noise of which `parts` independent values sum to Gumbel noise, in the limit of many `terms`. The total noise of
    /// a subset of `parts` categories is then Gumbel noise, like that of a category of a categorical variable.
    ///
    /// ```text
    /// ε = (Σᵢ γᵢ − ln terms) / parts,   γᵢ ~ Gamma(1 / parts, scale parts / i),   i = 1, .., terms
    /// ```
    ///
    /// Niepert, Minervini and Franceschi 2021. The density has no closed form, and neither has the score.
    SumOfGamma {
        /// The number of values that sum to a Gumbel variable: the size of the subset.
        parts: usize,
        /// The number of terms of the series; usually ten.
        terms: usize,
    },
}

impl NoiseDistribution {
    /// Draws `count` numbers.
    pub(super) fn draw(self, count: usize, noise: &mut Noise) -> Result<Vec<f64>, Error> {
        let mut values = vec![0.0; count];
        match self {
            Self::Gumbel => noise::gumbel(noise.take(count), &mut values),
            Self::Normal => noise::normal(noise.take(count), &mut values),
            Self::SumOfGamma { parts, terms } if parts > 0 && terms > 0 => {
                let stream = noise.take(count);
                let numbers = values.iter_mut().zip(0..);
                numbers.for_each(|(value, i)| *value = sum_of_gamma(parts, terms, stream.skip(i).fork()));
            }
            Self::SumOfGamma { parts, terms } => {
                let (name, value) = if parts == 0 { ("parts", parts) } else { ("terms", terms) };
                return Err(Error::parameter("sum-of-gamma noise", name, "at least 1", value));
            }
        }
        Ok(values)
    }

    /// The score `∇ν`, or an error if it has no closed form.
    pub(super) fn score(self) -> Result<fn(f64) -> f64, Error> {
        match self {
            Self::Gumbel => Ok(|noise| 1.0 - (-noise).exp()),
            Self::Normal => Ok(|noise| noise),
            Self::SumOfGamma { .. } => Err(Error::NoScore),
        }
    }
}

fn sum_of_gamma(parts: usize, terms: usize, stream: Stream) -> f64 {
    let (shape, mut uniforms) = (1.0 / parts as f64, Uniforms { stream });
    let sum: f64 = (1..=terms).map(|i| uniforms.gamma(shape) * parts as f64 / i as f64).sum();
    (sum - (terms as f64).ln()) / parts as f64
}

/// A sequence of uniform numbers.
struct Uniforms {
    stream: Stream,
}

impl Uniforms {
    fn next(&mut self) -> f64 {
        let mut u = [0.0];
        noise::uniform(self.stream, &mut u);
        self.stream = self.stream.skip(1);
        u[0]
    }

    /// Draws a Gamma variable of shape at most 1 and scale 1 by rejection (algorithm GS of Ahrens and Dieter 1974).
    fn gamma(&mut self, shape: f64) -> f64 {
        let both = 1.0 + shape / std::f64::consts::E;
        loop {
            let (place, u) = (both * self.next(), self.next());
            // Proposes a power of a uniform number below 1, and a shifted exponential above.
            let (x, accepted) = if place <= 1.0 {
                let x = place.powf(1.0 / shape);
                (x, (-x).exp())
            } else {
                let x = -((both - place) / shape).ln();
                (x, x.powf(shape - 1.0))
            };
            if u <= accepted {
                return x;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares the mean and the variance of numbers with expected ones, in standard errors.
    fn assert_moments(numbers: &[f64], mean: f64, variance: f64, name: &str) {
        let n = numbers.len() as f64;
        let average = numbers.iter().sum::<f64>() / n;
        let squares: Vec<f64> = numbers.iter().map(|x| (x - average).powi(2)).collect();
        let spread = squares.iter().sum::<f64>() / n;
        let fourth = squares.iter().map(|square| (square - spread).powi(2)).sum::<f64>() / n;
        let z = [(average - mean) / (spread / n).sqrt(), (spread - variance) / (fourth / n).sqrt()];
        assert!(z.iter().all(|z| z.abs() < 4.0), "{name}: mean {average}, variance {spread}: z = {z:?}");
    }

    #[test]
    fn gamma_variables_have_the_exact_mean_and_variance() {
        for shape in [0.1, 0.5, 1.0] {
            let mut uniforms = Uniforms { stream: Stream::new(5) };
            let numbers: Vec<f64> = (0..50_000).map(|_| uniforms.gamma(shape)).collect();
            assert_moments(&numbers, shape, shape, &format!("shape {shape}"));
        }
    }

    #[test]
    fn sums_of_parts_have_the_mean_and_variance_of_the_series() {
        let (parts, terms, draws) = (5, 10, 20_000);
        let distribution = NoiseDistribution::SumOfGamma { parts, terms };
        let numbers = distribution.draw(parts * draws, &mut Noise::from_seed(2)).unwrap();
        let sums: Vec<f64> = numbers.chunks(parts).map(|parts| parts.iter().sum()).collect();
        // The series is Σᵢ Eᵢ / i − ln terms, with mean and variance that tend to Euler's constant and π²/6.
        let mean = (1..=terms).map(|i| 1.0 / i as f64).sum::<f64>() - (terms as f64).ln();
        let variance = (1..=terms).map(|i| 1.0 / (i * i) as f64).sum();
        assert_moments(&sums, mean, variance, "ten terms");
        let limit = |terms: usize| (1..=terms).map(|i| 1.0 / i as f64).sum::<f64>() - (terms as f64).ln();
        assert!((limit(100_000) - 0.577_215_66).abs() < 1e-5);
    }

    #[test]
    fn zero_parts_or_terms_are_errors() {
        for (parts, terms, name) in [(0, 10, "parts"), (2, 0, "terms")] {
            let distribution = NoiseDistribution::SumOfGamma { parts, terms };
            let message = distribution.draw(3, &mut Noise::from_seed(1)).unwrap_err().to_string();
            assert!(message.contains(&format!("{name} must be at least 1, got 0")), "{message}");
        }
        assert!(NoiseDistribution::SumOfGamma { parts: 1, terms: 1 }.score().is_err());
    }
}
