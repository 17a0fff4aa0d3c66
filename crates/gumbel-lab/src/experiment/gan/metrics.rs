//! A row of `metrics.csv` of an adversarial game.

use crate::data::text::Quality;
use crate::run::{Column, Record, milliseconds};
use serde::{Deserialize, Serialize};

/// One row of `metrics.csv`. Measures of hard samples exist at evaluations only; `baseline` is the generator
/// trained by maximum likelihood.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Steps done.
    pub step: u64,
    /// Temperature of the step, if its samples have one.
    pub tau: Option<f64>,
    /// The generator's loss on its batch, in nats.
    pub generator_loss: f64,
    /// The discriminator's loss on its batch, without its penalty, in nats.
    pub discriminator_loss: f64,
    /// The mean of ‖∇ₓ D(x)‖² over true sequences.
    pub squared_slope: f64,
    /// −ln p(x) of the baseline on its batch, in nats per sequence; none once it has all its steps.
    pub baseline_loss: Option<f64>,
    /// Share of valid strings.
    pub valid: Option<f64>,
    /// Different (valid) strings.
    pub distinct: Option<usize>,
    /// Distance of the lengths.
    pub length_distance: Option<f64>,
    /// Distance of the symbols.
    pub symbol_distance: Option<f64>,
    /// Share of generated trigrams that no held-out string has.
    pub made_up: Option<f64>,
    /// Share of held-out trigrams that no generated string has.
    pub missed: Option<f64>,
    /// Share valid, of the baseline.
    pub baseline_valid: Option<f64>,
    /// Different (valid) strings of the baseline.
    pub baseline_distinct: Option<usize>,
    /// Distance of the lengths, of the baseline.
    pub baseline_length_distance: Option<f64>,
    /// Distance of the symbols, of the baseline.
    pub baseline_symbol_distance: Option<f64>,
    /// Share of the baseline's trigrams that no held-out string has.
    pub baseline_made_up: Option<f64>,
    /// Share of held-out trigrams that no string of the baseline has.
    pub baseline_missed: Option<f64>,
    /// Seconds of training, the baseline's included, evaluations left out.
    #[serde(serialize_with = "milliseconds")]
    pub seconds: f64,
}

impl Metrics {
    /// The same with the quality of the strings of both generators.
    #[must_use]
    pub fn with_quality(self, generator: &Quality, baseline: &Quality) -> Self {
        Self {
            valid: generator.valid,
            distinct: Some(generator.distinct),
            length_distance: Some(generator.length_distance),
            symbol_distance: Some(generator.symbol_distance),
            made_up: Some(generator.runs[1].made_up),
            missed: Some(generator.runs[1].missed),
            baseline_valid: baseline.valid,
            baseline_distinct: Some(baseline.distinct),
            baseline_length_distance: Some(baseline.length_distance),
            baseline_symbol_distance: Some(baseline.symbol_distance),
            baseline_made_up: Some(baseline.runs[1].made_up),
            baseline_missed: Some(baseline.runs[1].missed),
            ..self
        }
    }
}

impl Record for Metrics {
    fn step(&self) -> u64 {
        self.step
    }

    fn seconds(&self) -> f64 {
        self.seconds
    }

    fn stamp(&mut self, step: u64, seconds: f64) {
        (self.step, self.seconds) = (step, seconds);
    }

    fn evaluated(&self) -> bool {
        self.distinct.is_some()
    }

    fn columns() -> Vec<Column<Self>> {
        vec![
            ("tau", |row| row.tau),
            ("generator_loss", |row| Some(row.generator_loss)),
            ("discriminator_loss", |row| Some(row.discriminator_loss)),
            ("valid", |row| row.valid),
            ("distinct", |row| row.distinct.map(|count| count as f64)),
            ("length_distance", |row| row.length_distance),
            ("made_up", |row| row.made_up),
            ("missed", |row| row.missed),
            ("baseline_valid", |row| row.baseline_valid),
            ("baseline_distinct", |row| row.baseline_distinct.map(|count| count as f64)),
            ("baseline_length_distance", |row| row.baseline_length_distance),
            ("baseline_made_up", |row| row.baseline_made_up),
            ("baseline_missed", |row| row.baseline_missed),
        ]
    }

    fn message(&self, evaluated: Option<&Self>) -> String {
        let Some((row, distinct)) = evaluated.and_then(|row| Some((row, row.distinct?))) else {
            return format!("generator loss {:.2} nats", self.generator_loss);
        };
        let valid = row.valid.map_or(String::new(), |share| format!("{:.1} % valid, ", 100.0 * share));
        format!("{valid}{distinct} distinct")
    }
}
