//! A row of `metrics.csv` of a vector-quantised autoencoder.

use crate::run::{Column, Record, milliseconds};
use serde::{Deserialize, Serialize};

/// One row of `metrics.csv`. Bound and perplexity exist at evaluations only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Steps done.
    pub step: u64,
    /// Temperature of the step, if codes are sampled.
    pub tau: Option<f64>,
    /// The training objective of the batch: distortion, rate and the losses of the quantiser, in nats per image.
    pub training_loss: f64,
    /// −ln p(x|c) on the batch, in nats per image.
    pub distortion: f64,
    /// −ln p(c) on the batch, in nats per image.
    pub rate: f64,
    /// The distortion of held-out images.
    pub held_out_distortion: Option<f64>,
    /// The rate of held-out images.
    pub held_out_rate: Option<f64>,
    /// The perplexity of the codes of held-out images, a mean over codebooks.
    pub perplexity: Option<f64>,
    /// Seconds of training, evaluations left out.
    #[serde(serialize_with = "milliseconds")]
    pub seconds: f64,
}

impl Metrics {
    /// The bound of held-out images, in nats per image.
    pub fn held_out_bound(&self) -> Option<f64> {
        Some(self.held_out_distortion? + self.held_out_rate?)
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
        self.perplexity.is_some()
    }

    fn columns() -> Vec<Column<Self>> {
        vec![
            ("tau", |row| row.tau),
            ("training_loss", |row| Some(row.training_loss)),
            ("distortion", |row| Some(row.distortion)),
            ("rate", |row| Some(row.rate)),
            ("held_out_bound", Self::held_out_bound),
            ("held_out_distortion", |row| row.held_out_distortion),
            ("held_out_rate", |row| row.held_out_rate),
            ("perplexity", |row| row.perplexity),
        ]
    }

    fn message(&self, evaluated: Option<&Self>) -> String {
        let held_out = evaluated.and_then(|row| Some((row.held_out_bound()?, row.perplexity?)));
        let held_out = held_out.map_or(String::new(), |(bound, perplexity)| {
            format!(", held out {bound:.2} nats, perplexity {perplexity:.1}")
        });
        format!("{:.2} nats{held_out}", self.training_loss)
    }
}
