//! The problem of the conformance suite, and statistics of its gradients.

use crate::estimator::{Estimate, Estimator, Exact, Latents, Objective, Properties, Reduction, Sample};
use crate::tensor::numbers;
use crate::{Error, Noise};
use burn::tensor::{Device, Tensor};
use std::fmt::Display;

/// A constructor of the estimator under test: each call makes a new one, with the same parameters.
pub type Build<'a> = dyn Fn() -> Result<Box<dyn Estimator>, Error> + 'a;

pub(super) const REPLICATES: usize = 100_000;
pub(super) const LOGITS: [f32; 6] = [0.3, -0.5, 0.8, 0.0, 1.0, -1.2];
const WEIGHTS: [f32; 6] = [1.0, -0.5, 0.2, -1.0, 0.7, 0.4];

/// Why a check failed: a sentence that ends a report.
#[derive(Debug)]
pub(super) struct Fault(pub String);

impl<E: Display> From<E> for Fault {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// A check that needs no message of its own where something is an error.
pub(super) type Checked = Result<(), Fault>;

/// Fails with a message unless a claim holds.
pub(super) fn ensure(claim: bool, message: impl FnOnce() -> String) -> Checked {
    if claim { Ok(()) } else { Err(Fault(message())) }
}

/// Latents and categories.
pub(super) type Shape = [usize; 2];
pub(super) const CATEGORICAL: Shape = [2, 3];
const BINARY: Shape = [3, 2];

/// An estimator and the problem that suits it: both have six logits.
pub(super) struct Problem<'a> {
    build: &'a Build<'a>,
    pub properties: Properties,
    pub shape: Shape,
}

impl<'a> Problem<'a> {
    pub fn new(build: &'a Build<'a>, properties: Properties) -> Self {
        let shape = match properties.latents {
            Latents::Categorical => CATEGORICAL,
            Latents::Binary => BINARY,
        };
        Self { build, properties, shape }
    }

    pub fn untrained(&self) -> Result<Box<dyn Estimator>, Fault> {
        Ok((self.build)()?)
    }

    /// An estimator that has learned something, which must not show in any mean.
    pub fn trained(&self) -> Result<Box<dyn Estimator>, Fault> {
        let mut estimator = self.untrained()?;
        for seed in 100..105 {
            let last = self.run(estimator.as_ref(), &self.logits(100), &curved(&phi()), seed)?;
            estimator.adapt(&last);
        }
        Ok(estimator)
    }

    /// Leaves `[rows, D, K]`.
    pub fn logits(&self, rows: usize) -> Tensor<3> {
        tiled(self.shape, LOGITS, rows)
    }

    /// An estimate for a mean over samples, or for an estimator of bounds only, a log-mean-exp.
    pub fn run(
        &self,
        estimator: &dyn Estimator,
        logits: &Tensor<3>,
        f: &dyn Fn(&Sample) -> Tensor<2>,
        seed: u64,
    ) -> Result<Estimate, Fault> {
        let objective = self.objective(f);
        Ok(estimator.estimate(logits.clone(), &objective, &mut Noise::from_seed(seed), 0)?)
    }

    pub fn objective<'b>(&self, f: &'b dyn Fn(&Sample) -> Tensor<2>) -> Objective<'b> {
        match self.properties.supports(Reduction::Mean) {
            true => Objective::mean(f),
            false => Objective::log_mean_exp(f),
        }
    }

    /// The gradients of `rows` estimates by a trained estimator.
    pub fn gradients(
        &self,
        logits: [f32; 6],
        rows: usize,
        f: &dyn Fn(&Sample) -> Tensor<2>,
        seed: u64,
    ) -> Result<Vec<Vec<f64>>, Fault> {
        let logits = tiled(self.shape, logits, rows);
        gradients(self.run(self.trained()?.as_ref(), &logits, f, seed)?, &logits)
    }
}

/// One row of logits `rows` times, as leaves of a graph.
pub(super) fn tiled([latents, categories]: Shape, logits: [f32; 6], rows: usize) -> Tensor<3> {
    let row = Tensor::<1>::from_floats(logits, &Device::flex().autodiff());
    row.reshape([1, latents, categories]).repeat_dim(0, rows).require_grad()
}

/// `f(z; φ) = exp(φ Σ w·z)`.
pub(super) fn curved(phi: &Tensor<1>) -> impl Fn(&Sample) -> Tensor<2> {
    let phi = phi.clone();
    move |sample| {
        let weights = Tensor::<1>::from_floats(WEIGHTS, &sample.z.device());
        let [_, _, latents, categories] = sample.z.dims();
        let score = (sample.z.clone() * weights.reshape([1, 1, latents, categories])).sum_dim(3).sum_dim(2);
        (score.squeeze_dims::<2>(&[2, 3]) * phi.clone().unsqueeze()).exp()
    }
}

pub(super) fn phi() -> Tensor<1> {
    Tensor::from_floats([1.3], &Device::flex().autodiff()).require_grad()
}

/// The exact estimate of a mean, for one row.
pub(super) fn exactly(logits: Tensor<3>, f: &dyn Fn(&Sample) -> Tensor<2>) -> Result<Estimate, Fault> {
    Ok(Exact::new(1)?.estimate(logits, &Objective::mean(f), &mut Noise::from_seed(0), 0)?)
}

/// The exact gradient `[D·K]` and the exact expectation.
pub(super) fn exact(shape: Shape) -> Result<(Vec<f64>, f64), Fault> {
    let (logits, phi) = (tiled(shape, LOGITS, 1), phi());
    let estimate = exactly(logits.clone(), &curved(&phi))?;
    let loss = estimate.mean_loss();
    Ok((gradients(estimate, &logits)?.remove(0), loss))
}

/// The gradient of each replicate, `[rows][D·K]`.
pub(super) fn gradients(estimate: Estimate, logits: &Tensor<3>) -> Result<Vec<Vec<f64>>, Fault> {
    let gradient = logits.grad(&estimate.loss.sum().backward());
    let gradient = gradient.ok_or(Fault("the loss does not depend on the logits".into()))?;
    Ok(numbers(gradient).chunks(LOGITS.len()).map(<[f64]>::to_vec).collect())
}

/// One number per row.
pub(super) fn losses(estimate: &Estimate) -> Vec<Vec<f64>> {
    numbers(estimate.loss.clone()).into_iter().map(|loss| vec![loss]).collect()
}

/// The means of the columns, with their standard errors.
pub(super) fn means(rows: &[Vec<f64>]) -> Vec<(f64, f64)> {
    let n = rows.len() as f64;
    let column = |i: usize| {
        let mean = rows.iter().map(|row| row[i]).sum::<f64>() / n;
        let variance = rows.iter().map(|row| (row[i] - mean).powi(2)).sum::<f64>() / (n - 1.0);
        (mean, (variance / n).sqrt())
    };
    (0..rows[0].len()).map(column).collect()
}

/// The largest |mean − expected| in standard errors; rounding counts as a standard error of an estimate without variance.
pub(super) fn largest_z(rows: &[Vec<f64>], expected: &[f64]) -> f64 {
    let means = means(rows).into_iter().zip(expected);
    let z = means.map(|((mean, error), exact)| (mean - exact).abs() / error.max(1e-6 * (1.0 + exact.abs())));
    z.fold(0.0, f64::max)
}
