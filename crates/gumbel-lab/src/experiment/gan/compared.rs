//! Comparing the gradients of a generator.

use super::{GanExperiment, GeneratorGradient, Results};
use crate::page::number::grouped;
use crate::run::{Compared, Curve, Measure, SummaryOf, ValueOf};
use crate::support::suggest::unknown;
use anyhow::{Result, anyhow};
use clap::ValueEnum;

impl Compared for GanExperiment {
    const OPTION: &'static str = "generator";
    const OF_ONE: &'static [&'static str] = &[];

    fn in_full(value: &str) -> Result<String> {
        let known = GeneratorGradient::value_variants().iter().map(|one| one.name()).collect::<Vec<_>>();
        let found = GeneratorGradient::from_str(value, false);
        let found = found.map_err(|_| anyhow!(unknown("generator gradient", value, &known)))?;
        Ok(found.name().into())
    }

    fn curves() -> Vec<(Curve, ValueOf<Self>)> {
        let curve = |column, label, caption| Curve {
            column,
            heading: "Training curves",
            label,
            caption,
            log_y: false,
            over_seconds: false,
        };
        let lower = "Hard samples of each generator. Lower is better.";
        let valid = "Share of hard samples that the grammar accepts. Higher is better.";
        let distinct = "Number of different strings. Far below the others the generator has collapsed.";
        vec![
            (curve("valid", "share of valid strings", valid), |row| row.valid),
            (curve("distinct", "distinct strings", distinct), |row| row.distinct.map(|n| n as f64)),
            (curve("length_distance", "distance of the lengths", lower), |row| row.length_distance),
            (curve("symbol_distance", "distance of the symbols", lower), |row| row.symbol_distance),
            (curve("missed", "share of held-out trigrams never generated", lower), |row| row.missed),
        ]
    }

    fn measures(results: &Results) -> Vec<Measure> {
        let (generator, quality) = (&results.generator, &results.generator.quality);
        let valid = quality.valid.map(|share| Measure::new("valid", share, "valid, %").in_per_cent());
        let others = [
            Measure::new("distinct", quality.distinct as f64, "distinct").with_decimals(0),
            Measure::new("length_distance", quality.length_distance, "distance of lengths"),
            Measure::new("symbol_distance", quality.symbol_distance, "distance of symbols"),
            Measure::new("nats", generator.nats, "held-out strings, nats ≤")
                .with_error(generator.nats_standard_error),
        ];
        valid.into_iter().chain(others).collect()
    }

    fn caution(summary: &SummaryOf<Self>) -> String {
        let (test, seed) = (&summary.test, summary.seed);
        format!(
            "Hard samples of each generator: {} strings. Validity alone is meaningless: a generator that only ever writes \
             one valid string has it. Distances are total variation, 0 to 1, lower is better. The last measure is an upper \
             bound on −ln p(x) of {} held-out strings; ± is its standard error over strings. Maximum likelihood, trained on \
             the same data, has {:.2} nats. Each run has seed {seed}; results vary between seeds too.",
            grouped(test.generator.quality.strings as f64),
            grouped(test.held_out as f64),
            test.maximum_likelihood.nats
        )
    }
}
