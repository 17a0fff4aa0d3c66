//! The toy problem of Tucker et al. 2017 and Grathwohl et al. 2018: learning the value of a bit with the lower cost.
//!
//! Many runs are trained at once, each a row of logits with its own noise. Baselines and coefficients of an estimator are
//! learned from all runs together.

use super::Case;
use crate::run::FusedAdam;
use crate::support::interrupt::Watch;
use anyhow::Result;
use burn::optim::Optimizer;
use burn::tensor::{Device, Tensor};
use gumbel::Noise;
use gumbel::estimator::{Estimator, EstimatorSpec, Exact, Objective};
use serde::{Deserialize, Serialize};

/// Number of records of a run after the first.
const RECORDS: u64 = 50;
/// Pairs of estimates per run for the variance.
const PAIRS: usize = 10;

/// Settings of the training runs.
#[derive(Clone, Copy, Debug)]
pub struct Toy {
    /// Steps of Adam.
    pub steps: u64,
    /// Learning rate of Adam.
    pub lr: f64,
    /// Number of runs.
    pub runs: usize,
    /// Random seed.
    pub seed: u64,
}

/// A line of `train.csv`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingPoint {
    /// The estimator.
    pub estimator: String,
    /// Steps before the record.
    pub step: u64,
    /// Exact `E f(b)`, averaged over runs.
    pub expected_loss: f64,
    /// Standard error of the expected loss over runs.
    pub expected_loss_standard_error: f64,
    /// Summed variances of one gradient estimate, averaged over runs.
    pub gradient_variance: f64,
}

impl Toy {
    /// Trains, starting from the problem's logits.
    ///
    /// # Errors
    /// A problem that the estimator does not support; [`Interrupted`](crate::support::interrupt::Interrupted).
    pub fn train(&self, case: &Case, choice: &EstimatorSpec, watch: &Watch) -> Result<Vec<TrainingPoint>> {
        let (mut estimator, objective) = (choice.build()?, case.problem.objective());
        let noise = Noise::from_seed(self.seed);
        let logits = case.problem.logits(&Device::flex()).unsqueeze::<3>();
        let mut logits = logits.repeat_dim(0, self.runs);
        let (adam, mut moments) = (FusedAdam::default(), None);
        let every = self.steps.div_ceil(RECORDS);
        let mut points = Vec::new();
        for step in 0..=self.steps {
            if step.is_multiple_of(every) || step == self.steps {
                let point = Record { estimator: estimator.as_ref(), objective: &objective, step };
                points.push(point.point(choice, &logits, &mut noise.split(1).split(step))?);
            }
            let leaf = logits.clone().autodiff().require_grad();
            let estimate =
                estimator.estimate(leaf.clone(), &objective, &mut noise.split(0).split(step), step)?;
            let gradient = leaf.grad(&estimate.loss.clone().sum().backward()).expect("it is a leaf");
            estimator.adapt(&estimate);
            (logits, moments) = adam.step(self.lr, logits, gradient, moments);
            watch.done(1)?;
        }
        Ok(points)
    }
}

/// The state from which a record is computed.
struct Record<'a> {
    estimator: &'a dyn Estimator,
    objective: &'a Objective<'a>,
    step: u64,
}

impl Record<'_> {
    fn point(&self, choice: &EstimatorSpec, logits: &Tensor<3>, noise: &mut Noise) -> Result<TrainingPoint> {
        let losses = Exact::new(1)?.estimate(logits.clone(), self.objective, noise, 0)?.loss;
        let losses: Vec<f64> = losses.into_data().iter::<f64>().collect();
        let (expected_loss, variance) = moments(&losses);
        Ok(TrainingPoint {
            estimator: choice.to_string(),
            step: self.step,
            expected_loss,
            expected_loss_standard_error: (variance / losses.len() as f64).sqrt(),
            gradient_variance: self.variance(logits, noise)?,
        })
    }

    /// Half the mean squared distance of two estimates for the same logits.
    fn variance(&self, logits: &Tensor<3>, noise: &mut Noise) -> Result<f64> {
        let pairs = PAIRS * logits.dims()[0];
        let leaf = logits.clone().repeat_dim(0, 2 * PAIRS).autodiff().require_grad();
        let estimate = self.estimator.estimate(leaf.clone(), self.objective, noise, self.step)?;
        let gradient = leaf.grad(&estimate.loss.sum().backward()).expect("it is a leaf");
        let apart = gradient.clone().narrow(0, 0, pairs) - gradient.narrow(0, pairs, pairs);
        let squares = apart.square().sum_dim(2).sum_dim(1).mean();
        Ok(f64::from(squares.into_scalar::<f32>()) / 2.0)
    }
}

/// Mean and variance.
fn moments(numbers: &[f64]) -> (f64, f64) {
    let n = numbers.len() as f64;
    let mean = numbers.iter().sum::<f64>() / n;
    (mean, numbers.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::problem::{Problem, ProblemKind};

    #[test]
    fn the_exact_gradient_learns_the_better_bit_and_has_no_variance() {
        let case = Case::new(Problem::new(ProblemKind::Tucker, 1, 2).unwrap());
        let toy = Toy { steps: 300, lr: 0.05, runs: 3, seed: 0 };
        let train = |name: &str| toy.train(&case, &name.parse().unwrap(), &Watch::nothing()).unwrap();
        let exact = train("exact");
        assert_eq!((exact[0].step, exact.last().unwrap().step, exact.len()), (0, 300, 51));
        assert!((exact[0].expected_loss - 0.250_001).abs() < 1e-7);
        // Less than a hundredth of the distance from 0.250001 to 0.249001 is left.
        assert!((exact[50].expected_loss - 0.499f64.powi(2)).abs() < 1e-5, "{:?}", exact[50]);
        assert!(exact.iter().all(|point| point.gradient_variance < 1e-12));
        let noisy = train("reinforce:baseline=none");
        let (f, p) = ([0.499f64.powi(2), 0.501f64.powi(2)], 0.5);
        let variance = 2.0 * 0.25 * (f[1] * (1.0 - p) + f[0] * p).powi(2);
        // Thirty pairs: half the squared distance is 0 or twice the variance.
        let error = variance / 30f64.sqrt();
        let measured = noisy[0].gradient_variance;
        assert!((measured - variance).abs() < 4.0 * error, "{measured}");
    }
}
