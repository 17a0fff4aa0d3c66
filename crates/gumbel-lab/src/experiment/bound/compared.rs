//! Comparing estimators on one model.

use super::report::VARIANCE;
use super::{BoundExperiment, Results};
use crate::model::Model;
use crate::page::number::grouped;
use crate::run::{Compared, Curve, Measure, SummaryOf, ValueOf};
use anyhow::Result;
use gumbel::estimator::EstimatorSpec;

impl<M: Model> Compared for BoundExperiment<M> {
    const OPTION: &'static str = "estimator";
    const OF_ONE: &'static [&'static str] = &["tau", "samples"];

    fn in_full(value: &str) -> Result<String> {
        Ok(value.parse::<EstimatorSpec>()?.complete().to_string())
    }

    fn curves() -> Vec<(Curve, ValueOf<Self>)> {
        let hard = Curve {
            column: "hard_negative_elbo",
            heading: "Training curves",
            label: "held out, hard samples (nats)",
            caption: "Hard samples on held-out data, the same measure for every run. Lower is better.",
            log_y: false,
            over_seconds: true,
        };
        let variance = Curve {
            column: "gradient_variance",
            heading: "Gradient variance",
            label: "total variance of the gradient (nats²)",
            caption: VARIANCE,
            log_y: true,
            over_seconds: false,
        };
        vec![(hard, |row| row.hard_negative_elbo), (variance, |row| row.gradient_variance)]
    }

    fn measures(results: &Results) -> Vec<Measure> {
        let bound = &results.importance_bound;
        let mut samples = Measure::new("importance_samples", bound.samples as f64, "");
        samples.head = None;
        let hard = Measure::new("hard_negative_elbo", results.hard_negative_elbo, "one hard sample");
        let name = format!("bound, m\u{a0}=\u{a0}{}", grouped(bound.samples as f64));
        let accuracy = results.accuracy.map(|accuracy| {
            let share = Measure::new("accuracy", accuracy.share, "accuracy, %").in_per_cent();
            share.with_error(accuracy.standard_error)
        });
        let nats = [
            hard.with_error(results.hard_negative_elbo_standard_error),
            samples,
            Measure::new("importance_bound", bound.nats, name).with_error(bound.standard_error),
        ];
        nats.into_iter().chain(accuracy).collect()
    }

    fn caution(summary: &SummaryOf<Self>) -> String {
        let (test, bound) = (&summary.test, &summary.test.importance_bound);
        let one = test.example();
        format!(
            "Nats per {one} on the test set, both upper bounds on −log p, lower is better: with one hard sample for each \
             of {} {one}s, and the bound of m\u{a0}=\u{a0}{} samples on {}. ± is the standard error over {one}s. All runs \
             are evaluated on the same {one}s, so differences between runs have smaller errors; but each run has one \
             seed, and results vary between seeds too.",
            grouped(test.images as f64),
            grouped(bound.samples as f64),
            grouped(bound.images as f64)
        )
    }
}
