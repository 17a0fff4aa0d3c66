//! `test` in `summary.json` of an adversarial game.

use super::{GeneratorGradient, Loss};
use crate::data::text::Quality;
use serde::{Deserialize, Serialize};

/// The properties that distinguish games.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Setup {
    /// The generator's gradient through its samples.
    pub generator: GeneratorGradient,
    /// The adversarial loss.
    pub loss: Loss,
    /// Weight of the gradient penalty.
    pub penalty: f64,
    /// Steps of maximum likelihood.
    pub baseline_steps: u64,
}

/// Results on hard samples, and those of true strings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// The generator of the game.
    pub generator: Evaluated,
    /// The baseline generator of maximum likelihood.
    pub maximum_likelihood: Evaluated,
    /// True strings: drawn from the grammar; for other corpora, the same number of training strings.
    pub truth: Quality,
    /// −ln p(x) of the same held-out strings under the grammar's distribution, where there is one.
    pub truth_nats: Option<f64>,
    /// Number of held-out strings whose cost is averaged.
    pub held_out: usize,
}

/// The quality of a generator's strings, and the cost of held-out strings under it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluated {
    /// Quality of its strings.
    #[serde(flatten)]
    pub quality: Quality,
    /// −ln p(x) of held-out strings in nats per string; an upper bound for the generator of the game.
    pub nats: f64,
    /// Standard error of `nats` over strings.
    pub nats_standard_error: f64,
}
