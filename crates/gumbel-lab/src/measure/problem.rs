//! Small problems with a known exact gradient, on which estimators are measured.
//!
//! ```text
//! linear      f(z) = Σ_d w_d·z_d / √D
//! quadratic   f(z) = (Σ_d w_d·z_d / √D)²
//! mlp         f(z) = v·tanh(c + 2 Σ_d W_d z_d / √D) / √16,   16 hidden units
//! tucker      f(b) = (1/D) Σ_d (b_d − 0.499)²,   b_d in {0, 1}
//! ```
//!
//! `tucker` is the toy problem of Tucker et al. 2017 (section 5.1) with the target of Grathwohl et al. 2018. Weights and
//! logits are uniform with mean 0 and variance 1, from a fixed seed; those of the first latents do not depend on the
//! number of latents. The logits of `tucker` are zero instead. The scale of the loss does not depend on D, so variances
//! for different D can be compared. All problems are defined inside the simplex too, so that every estimator can be
//! measured.

use crate::support::suggest::unknown;
use anyhow::{Context, Error, Result, ensure};
use burn::tensor::{DType, Device, Tensor, TensorData};
use gumbel::estimator::{Objective, Sample};
use gumbel::measure;
use gumbel_kernels::{Stream, noise};
use std::{fmt, str::FromStr};

/// The kind of a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// A linear function: straight-through gradients have neither bias nor variance.
    Linear,
    /// The square of a linear function, with interactions of latents: second-order estimators have no bias.
    Quadratic,
    /// A small network, curved everywhere.
    Mlp,
    /// Two nearly equal values, for binary latents.
    Tucker,
}

impl ProblemKind {
    /// All kinds, in the order of the documentation.
    pub const ALL: [Self; 4] = [Self::Linear, Self::Quadratic, Self::Mlp, Self::Tucker];

    /// Name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Quadratic => "quadratic",
            Self::Mlp => "mlp",
            Self::Tucker => "tucker",
        }
    }
}

impl fmt::Display for ProblemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for ProblemKind {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let kind = Self::ALL.into_iter().find(|kind| kind.name() == name);
        kind.with_context(|| unknown("problem", name, &Self::ALL.map(Self::name)))
    }
}

/// Hidden units of the network.
const HIDDEN: usize = 16;
/// The target of a bit in `tucker`.
const TARGET: f64 = 0.499;

/// A problem with D latents of K categories.
///
/// ```
/// use burn::tensor::Device;
/// use gumbel_lab::measure::problem::{ProblemKind, Problem};
/// let toy = Problem::new(ProblemKind::Tucker, 1, 2)?;
/// assert_eq!(toy.logits(&Device::flex()).dims(), [1, 2]);
/// let gradient = toy.exact()?; // (1 − 2 · 0.499) p (1 − p) at even odds
/// assert!((gradient[1] - 0.0005).abs() < 1e-15 && (gradient[0] + 0.0005).abs() < 1e-15);
/// assert!(Problem::new(ProblemKind::Tucker, 1, 3).unwrap_err().to_string().contains("must be 2, got 3"));
/// # Ok::<(), anyhow::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    kind: ProblemKind,
    latents: usize,
    categories: usize,
    logits: Vec<f64>,
    /// `[D, K]`, or `[D, K, 16]` of the network; none of `tucker`.
    weights: Vec<f64>,
    /// The network's biases and output weights.
    hidden: [Vec<f64>; 2],
}

impl Problem {
    /// A problem with `latents` latents of `categories` categories.
    ///
    /// # Errors
    /// No latents; fewer than two categories, or for `tucker` not exactly two.
    pub fn new(kind: ProblemKind, latents: usize, categories: usize) -> Result<Self> {
        ensure!(latents > 0, "{kind}: the number of latents must be at least 1, got 0");
        let (range, fits) = match kind {
            ProblemKind::Tucker => ("2", categories == 2),
            _ => ("at least 2", categories >= 2),
        };
        ensure!(fits, "{kind}: the number of categories must be {range}, got {categories}");
        let size = latents * categories;
        let weights = match kind {
            ProblemKind::Linear | ProblemKind::Quadratic => size,
            ProblemKind::Mlp => size * HIDDEN,
            ProblemKind::Tucker => 0,
        };
        let logits = if kind == ProblemKind::Tucker { vec![0.0; size] } else { numbers(0, size) };
        let hidden = [numbers(2, HIDDEN), numbers(3, HIDDEN)];
        Ok(Self { kind, latents, categories, logits, weights: numbers(1, weights), hidden })
    }

    /// Kind of the problem.
    pub fn kind(&self) -> ProblemKind {
        self.kind
    }

    /// Numbers of latents D and of categories K.
    pub fn shape(&self) -> [usize; 2] {
        [self.latents, self.categories]
    }

    /// Logits at which the gradient is estimated, `[D, K]` in single precision.
    pub fn logits(&self, device: &Device) -> Tensor<2> {
        self.logits_as(device, DType::F32)
    }

    fn logits_as(&self, device: &Device, dtype: DType) -> Tensor<2> {
        Tensor::from_data(TensorData::new(self.logits.clone(), self.shape()), (device, dtype))
    }

    /// Values of the loss, `[S, B]`, in the precision of the sample.
    pub fn losses(&self, sample: &Sample) -> Tensor<2> {
        let z = sample.z.clone();
        let [samples, rows, latents, categories] = z.dims();
        assert_eq!([latents, categories], self.shape(), "z must have the shape of the problem");
        let mean = (self.latents as f64).sqrt();
        let losses = match self.kind {
            ProblemKind::Linear => self.score(z, 1) / mean,
            ProblemKind::Quadratic => (self.score(z, 1) / mean).square(),
            ProblemKind::Mlp => {
                let [biases, outputs] = self.hidden.each_ref().map(|numbers| constant(numbers, &z));
                let hidden = self.score(z, HIDDEN) * (2.0 / mean) + biases.reshape([1, HIDDEN]);
                hidden.tanh().matmul(outputs.reshape([HIDDEN, 1])) / (HIDDEN as f64).sqrt()
            }
            ProblemKind::Tucker => {
                (z.narrow(3, 1, 1) - TARGET).square().mean_dim(2).reshape([samples * rows, 1])
            }
        };
        losses.reshape([samples, rows])
    }

    /// The weighted sums of z, `[S·B, width]`.
    fn score(&self, z: Tensor<4>, width: usize) -> Tensor<2> {
        let [samples, rows, latents, categories] = z.dims();
        let weights = constant(&self.weights, &z).reshape([latents * categories, width]);
        z.reshape([samples * rows, latents * categories]).matmul(weights)
    }

    /// The loss as an objective.
    ///
    /// ```
    /// use gumbel_lab::measure::problem::{ProblemKind, Problem};
    /// use gumbel::{Noise, estimator::{Estimator, Exact}};
    /// let toy = Problem::new(ProblemKind::Tucker, 3, 2)?;
    /// let logits = toy.logits(&burn::tensor::Device::flex()).unsqueeze::<3>();
    /// let estimate = Exact::new(1)?.estimate(logits, &toy.objective(), &mut Noise::from_seed(0), 0)?;
    /// assert!((estimate.loss.into_scalar::<f32>() - 0.250001).abs() < 1e-6); // (0.501² + 0.499²) / 2
    /// # Ok::<(), anyhow::Error>(())
    /// ```
    pub fn objective(&self) -> Objective<'_> {
        Objective::mean(|sample| self.losses(sample))
    }

    /// The exact gradient of `E f`, `[D·K]`: in closed form, or for `mlp` by enumeration in double precision.
    ///
    /// # Errors
    /// An `mlp` of more than 2^16 states.
    pub fn exact(&self) -> Result<Vec<f64>> {
        let latents = self.logits.chunks(self.categories).map(softmax).collect::<Vec<_>>();
        match self.kind {
            ProblemKind::Linear => Ok(separable(&latents, &self.scaled())),
            ProblemKind::Quadratic => Ok(square(&latents, &self.scaled())),
            ProblemKind::Tucker => {
                let values = [TARGET * TARGET, (1.0 - TARGET) * (1.0 - TARGET)];
                let values = values.map(|value| value / self.latents as f64).repeat(self.latents);
                Ok(separable(&latents, &values))
            }
            ProblemKind::Mlp => Ok(self.enumerated()?),
        }
    }

    fn enumerated(&self) -> Result<Vec<f64>, gumbel::Error> {
        measure::exact(self.logits_as(&Device::flex(), DType::F64), &self.objective())
    }

    /// w / √D.
    fn scaled(&self) -> Vec<f64> {
        self.weights.iter().map(|w| w / (self.latents as f64).sqrt()).collect()
    }
}

/// Uniform numbers with mean 0 and variance 1, from the stream `label` of a fixed seed.
fn numbers(label: u64, count: usize) -> Vec<f64> {
    let mut numbers = vec![0f64; count];
    noise::uniform(Stream::new(2017).split(label), &mut numbers);
    numbers.iter().map(|u| (u - 0.5) * 12f64.sqrt()).collect()
}

/// Constants on the device and in the precision of z.
fn constant(numbers: &[f64], z: &Tensor<4>) -> Tensor<1> {
    Tensor::from_data(TensorData::new(numbers.to_vec(), [numbers.len()]), (&z.device(), z.dtype()))
}

fn softmax(logits: &[f64]) -> Vec<f64> {
    let total: f64 = logits.iter().map(|l| l.exp()).sum();
    logits.iter().map(|l| l.exp() / total).collect()
}

/// Mean of a latent's values.
fn mean(p: &[f64], values: &[f64]) -> f64 {
    p.iter().zip(values).map(|(p, value)| p * value).sum()
}

/// The gradient of `E Σ_d h_d(z_d)`: `p_dk (h_dk − E h_d)`.
fn separable(latents: &[Vec<f64>], values: &[f64]) -> Vec<f64> {
    let latents = latents.iter().zip(values.chunks(latents[0].len()));
    let gradient = |(p, h): (&Vec<f64>, &[f64])| {
        let centre = mean(p, h);
        p.iter().zip(h).map(|(p, h)| p * (h - centre)).collect::<Vec<_>>()
    };
    latents.flat_map(gradient).collect()
}

/// The gradient of `E (Σ_d w_d·z_d)² = Σ_d Var(w_d·z_d) + (Σ_d E w_d·z_d)²`. That of latent d is the one of `E h_d` for
/// `h_d = (w_d·z_d)² + 2 r_d w_d·z_d`, with r_d the mean of the other latents' sum.
fn square(latents: &[Vec<f64>], w: &[f64]) -> Vec<f64> {
    let categories = latents[0].len();
    let means: Vec<f64> = latents.iter().zip(w.chunks(categories)).map(|(p, w)| mean(p, w)).collect();
    let total: f64 = means.iter().sum();
    let value = |(i, w): (usize, &f64)| w * w + 2.0 * (total - means[i / categories]) * w;
    separable(latents, &w.iter().enumerate().map(value).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_forms_agree_with_enumeration() {
        let cases =
            [(ProblemKind::Linear, 3, 4), (ProblemKind::Quadratic, 3, 4), (ProblemKind::Tucker, 5, 2)];
        for (kind, latents, categories) in cases {
            let problem = Problem::new(kind, latents, categories).unwrap();
            for (closed, enumerated) in problem.exact().unwrap().iter().zip(problem.enumerated().unwrap()) {
                assert!((closed - enumerated).abs() < 1e-14, "{kind}: {closed} and {enumerated}");
            }
        }
    }

    #[test]
    fn the_first_latents_do_not_depend_on_the_number_of_latents() {
        for kind in ProblemKind::ALL {
            let [few, many] = [2, 9].map(|latents| Problem::new(kind, latents, 2).unwrap());
            assert_eq!(few.logits, many.logits[..few.logits.len()], "{kind}");
            assert_eq!(few.weights, many.weights[..few.weights.len()], "{kind}");
        }
    }

    #[test]
    fn mistakes_name_the_value() {
        let refuse =
            |kind, latents, categories| Problem::new(kind, latents, categories).unwrap_err().to_string();
        assert!(refuse(ProblemKind::Linear, 0, 2).contains("latents must be at least 1, got 0"));
        assert!(refuse(ProblemKind::Mlp, 1, 1).contains("categories must be at least 2, got 1"));
        assert!(refuse(ProblemKind::Tucker, 1, 3).contains("categories must be 2, got 3"));
        assert!("tuker".parse::<ProblemKind>().unwrap_err().to_string().contains("did you mean 'tucker'?"));
        let wide = Problem::new(ProblemKind::Mlp, 20, 10).unwrap();
        assert!(wide.exact().unwrap_err().to_string().contains("10^20 states"));
        assert_eq!(Problem::new(ProblemKind::Linear, 200, 10).unwrap().exact().unwrap().len(), 2000);
    }
}
