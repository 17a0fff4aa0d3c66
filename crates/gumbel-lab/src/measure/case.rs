//! The measurement of an estimator on one problem.

use super::MeasureRow;
use crate::measure::problem::Problem;
use crate::support::interrupt::Watch;
use anyhow::Result;
use burn::tensor::Device;
use gumbel::estimator::{Estimator, EstimatorSpec};
use gumbel::measure::{Measurement, warm_up};
use gumbel::{Error, Noise};

/// A problem with its exact gradient, if that is known.
#[derive(Clone, Debug)]
pub struct Case {
    /// The problem.
    pub problem: Problem,
    reference: Option<Vec<f64>>,
}

/// Settings of a measurement.
#[derive(Clone, Copy, Debug)]
pub struct MeasureSettings {
    /// Number of independent estimates.
    pub replicates: usize,
    /// Warm-up steps before the measurement.
    pub warm_up: u64,
    /// Evaluations of f at which errors are compared.
    pub budget: u64,
    /// Random seed, the same for every estimator: a row does not depend on the choice of other rows.
    pub seed: u64,
}

impl Case {
    /// Computes the exact gradient, unless there are too many states.
    pub fn new(problem: Problem) -> Self {
        Self { reference: problem.exact().ok(), problem }
    }

    /// Name of the problem with its shape, such as `mlp-4x2`.
    pub fn name(&self) -> String {
        let [latents, categories] = self.problem.shape();
        format!("{}-{latents}x{categories}", self.problem.kind())
    }

    /// Whether the exact gradient, and so a bias, is known.
    pub fn has_reference(&self) -> bool {
        self.reference.is_some()
    }

    /// Makes one estimate, to check that the estimator supports the problem.
    ///
    /// # Errors
    /// The property of the problem that the estimator does not support.
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

    /// Measures an estimator; counts the replicates on the progress bar.
    ///
    /// # Errors
    /// A problem that the estimator does not support; [`Interrupted`](crate::support::interrupt::Interrupted).
    pub fn measure(
        &self,
        choice: &EstimatorSpec,
        settings: &MeasureSettings,
        watch: &Watch,
    ) -> Result<MeasureRow> {
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
        let measured = measurement.measured();
        Ok(MeasureRow::new(choice.to_string(), self.name(), &measured, evaluations, settings.budget))
    }
}
