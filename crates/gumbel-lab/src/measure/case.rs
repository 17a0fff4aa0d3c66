//! One problem that estimators are measured on.

use super::Row;
use crate::measure::problem::Problem;
use crate::support::interrupt::Watch;
use anyhow::Result;
use burn::tensor::Device;
use gumbel::estimator::{Estimator, EstimatorSpec};
use gumbel::measure::{Measurement, warm_up};
use gumbel::{Error, Noise};

/// A problem with its exact gradient, where that is known.
#[derive(Clone, Debug)]
pub struct Case {
    /// The problem.
    pub problem: Problem,
    reference: Option<Vec<f64>>,
}

/// How to measure.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Independent estimates.
    pub replicates: usize,
    /// Steps of learning before.
    pub warm_up: u64,
    /// Evaluations that errors are compared at.
    pub budget: u64,
    /// Of the noise: the same for every estimator, so that no row depends on which others are asked for.
    pub seed: u64,
}

impl Case {
    /// Finds the exact gradient, if there are not too many states.
    pub fn new(problem: Problem) -> Self {
        Self { reference: problem.exact().ok(), problem }
    }

    /// Such as `mlp-4x2`.
    pub fn name(&self) -> String {
        let [latents, categories] = self.problem.shape();
        format!("{}-{latents}x{categories}", self.problem.kind())
    }

    /// Whether a bias can be told.
    pub fn has_reference(&self) -> bool {
        self.reference.is_some()
    }

    /// Tries an estimator once.
    ///
    /// # Errors
    /// Why it does not support the problem.
    pub fn check(&self, choice: &EstimatorSpec) -> Result<(), Error> {
        let (estimator, objective) = (choice.build()?, self.problem.objective());
        self.measurement(estimator.as_ref(), &objective).draw(1, &mut Noise::from_seed(0))
    }

    fn measurement<'a>(
        &self,
        estimator: &'a dyn Estimator,
        objective: &'a gumbel::estimator::Objective<'a>,
    ) -> Measurement<'a> {
        let measurement = Measurement::new(estimator, self.problem.logits(&Device::flex()), objective);
        match &self.reference {
            Some(reference) => measurement.against(reference.clone()),
            None => measurement,
        }
    }

    /// Measures an estimator; counts replicates on the bar.
    ///
    /// # Errors
    /// What the estimator cannot serve; [`Interrupted`](crate::support::interrupt::Interrupted).
    pub fn measure(&self, choice: &EstimatorSpec, settings: &Settings, watch: &Watch) -> Result<Row> {
        let (mut estimator, objective) = (choice.build()?, self.problem.objective());
        let (learning, draws) =
            (Noise::from_seed(settings.seed).split(0), Noise::from_seed(settings.seed).split(1));
        let logits = self.problem.logits(&Device::flex());
        warm_up(estimator.as_mut(), logits, &objective, settings.warm_up, &learning)?;
        let mut measurement = self.measurement(estimator.as_ref(), &objective);
        for (draw, rows) in measurement.draws(settings.replicates)?.into_iter().enumerate() {
            measurement.draw(rows, &mut draws.split(draw as u64))?;
            watch.done(rows)?;
        }
        let [latents, categories] = self.problem.shape().map(|size| size as u64);
        let evaluations = choice.evaluations(latents, categories).unwrap_or(u64::MAX);
        Ok(Row::new(choice.to_string(), self.name(), &measurement.measured(), evaluations, settings.budget))
    }
}
