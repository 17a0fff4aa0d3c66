//! A row of `metrics.csv` of a model that is trained on a bound.

use crate::run::{Column, Record, milliseconds, plain, plain_if_any};
use serde::{Deserialize, Serialize};

/// One row of `metrics.csv`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Gradient steps done.
    pub step: u64,
    /// Temperature of the step, if the estimator has one.
    #[serde(serialize_with = "plain_if_any")]
    pub tau: Option<f64>,
    /// The training objective on its batch, in nats per image: relaxed if the estimator relaxes.
    #[serde(serialize_with = "plain")]
    pub training_loss: f64,
    /// Its part −ln p(x|z).
    #[serde(serialize_with = "plain")]
    pub reconstruction: f64,
    /// The rest of it.
    #[serde(serialize_with = "plain")]
    pub kl: f64,
    /// Negative ELBO with one hard sample per held-out image, in nats; at evaluations only.
    #[serde(serialize_with = "plain_if_any")]
    pub hard_negative_elbo: Option<f64>,
    /// Variance of the estimated gradient on fixed held-out images, summed over coordinates; at evaluations only, and on
    /// request.
    #[serde(default, serialize_with = "plain_if_any")]
    pub gradient_variance: Option<f64>,
    /// Seconds of training, evaluations left out.
    #[serde(serialize_with = "milliseconds")]
    pub seconds: f64,
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
        self.hard_negative_elbo.is_some()
    }

    fn columns() -> Vec<Column<Self>> {
        vec![
            ("tau", |row| row.tau),
            ("training_loss", |row| Some(row.training_loss)),
            ("reconstruction", |row| Some(row.reconstruction)),
            ("kl", |row| Some(row.kl)),
            ("hard_negative_elbo", |row| row.hard_negative_elbo),
            ("gradient_variance", |row| row.gradient_variance),
        ]
    }

    fn message(&self, evaluated: Option<&Self>) -> String {
        let hard = evaluated.and_then(|row| row.hard_negative_elbo);
        let hard = hard.map_or(String::new(), |nats| format!("  hard {nats:.2}"));
        let tau = self.tau.map_or(String::new(), |tau| format!("  tau {tau:.3}"));
        format!("train {:.2}{hard} nats{tau}", self.training_loss)
    }
}
