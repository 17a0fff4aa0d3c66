//! A line of `measure.csv`.

use crate::page::number::significant;
use gumbel::measure::Measured;
use serde::{Deserialize, Serialize};

/// The measurement of one estimator on one problem. Without the exact gradient there is no bias.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MeasureRow {
    /// The estimator with its parameters.
    pub estimator: String,
    /// The problem and its shape.
    pub problem: String,
    /// Bias, as defined by [`gumbel::measure::Bias`].
    pub bias: Option<f64>,
    /// Standard error of the bias.
    pub bias_standard_error: Option<f64>,
    /// Bias over its standard error: standard normal if there is no bias.
    pub bias_z: Option<f64>,
    /// Square root of the summed variances of one estimate.
    pub std: f64,
    /// Root-mean-square error at equal evaluations of f.
    pub rmse: Option<f64>,
    /// Evaluations of f per estimate.
    pub evaluations: u64,
    /// Time of one estimate in nanoseconds.
    pub nanoseconds: f64,
}

impl MeasureRow {
    /// The row of a measurement.
    pub fn new(
        estimator: String,
        problem: String,
        measured: &Measured,
        evaluations: u64,
        budget: u64,
    ) -> Self {
        let of = |number: fn(&gumbel::measure::Bias) -> f64| measured.bias.as_ref().map(number).map(rounded);
        Self {
            estimator,
            problem,
            bias: of(|bias| bias.value),
            bias_standard_error: of(|bias| bias.standard_error),
            bias_z: of(|bias| bias.z()),
            std: rounded(measured.std()),
            rmse: measured.rmse(evaluations, budget).map(rounded),
            evaluations,
            nanoseconds: measured.nanoseconds.round(),
        }
    }

    /// The summed variances of one estimate.
    pub fn variance(&self) -> f64 {
        self.std * self.std
    }

    /// The estimator's name, without its parameters.
    pub fn name(&self) -> &str {
        self.estimator.split(':').next().expect("text has a first part")
    }

    /// The line of the table on the terminal.
    pub fn line(&self) -> String {
        let Self { estimator, bias_z, std, evaluations, nanoseconds, .. } = self;
        let text = |number: Option<f64>| number.map_or("-".into(), short);
        let bias = match (self.bias, self.bias_standard_error) {
            (Some(bias), Some(se)) => format!("{} ± {}", short(bias), short(se)),
            _ => "unknown".into(),
        };
        let z = bias_z.map_or("-".into(), |z| format!("{z:.1}"));
        let (std, rmse) = (short(*std), text(self.rmse));
        format!("{estimator:<34} {bias:>21} {z:>7} {std:>9} {rmse:>9} {evaluations:>5} {nanoseconds:>7.0}\n")
    }
}

/// The heading of the table on the terminal.
pub fn head() -> String {
    format!(
        "{:<34} {:>21} {:>7} {:>9} {:>9} {:>5} {:>7}\n",
        "estimator", "bias ± std. error", "z", "std", "rmse", "evals", "ns"
    )
}

/// Four digits, with a hyphen as minus sign, so that the number can be copied.
fn short(number: f64) -> String {
    significant(number, 4).replace('−', "-")
}

/// Six digits; further ones would be noise.
fn rounded(number: f64) -> f64 {
    format!("{number:.5e}").parse().expect("a number as it was written")
}

#[cfg(test)]
mod tests {
    use super::*;
    use gumbel::measure::Bias;

    #[test]
    fn a_line_has_the_known_numbers() {
        let measured = Measured {
            replicates: 100,
            mean: vec![0.1, -0.1],
            variance: vec![0.08, 0.08],
            bias: Some(Bias { value: 0.123_456_789, standard_error: 0.01 }),
            nanoseconds: 51.3,
        };
        let row = MeasureRow::new("rloo:samples=4".into(), "mlp-1x2".into(), &measured, 4, 100);
        assert_eq!((row.bias, row.std, row.name()), (Some(0.123_457), 0.4, "rloo"));
        let line = row.line();
        assert!(["0.1235 ± 0.01000", "12.3", "0.4000"].iter().all(|part| line.contains(part)), "{line}");
        let measured = Measured { bias: None, ..measured };
        let unknown = MeasureRow::new("rloo".into(), "mlp-99x2".into(), &measured, 2, 100);
        assert!(unknown.line().contains("unknown") && unknown.rmse.is_none());
        assert_eq!(line.chars().count(), head().chars().count());
    }
}
