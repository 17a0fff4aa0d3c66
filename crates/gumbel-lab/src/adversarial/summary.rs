//! `summary.json` of an adversarial run.

use super::{Loss, Way};
use crate::data::text::Quality;
use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

/// A run in numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// `gan`.
    pub model: String,
    /// The corpus.
    pub data: String,
    /// How the generator learned.
    pub generator: Way,
    /// What the two played for.
    pub loss: Loss,
    /// Weight of the gradient penalty.
    pub penalty: f64,
    /// Steps of the game.
    pub steps: u64,
    /// Steps of maximum likelihood.
    pub baseline_steps: u64,
    /// Seed of every random number.
    pub seed: u64,
    /// Numbers trained in the game, both players together.
    pub parameters: usize,
    /// Seconds of training, the baseline's included, evaluations left out.
    pub seconds: f64,
    /// Steps per second of training.
    pub steps_per_second: f64,
    /// From the program's start to its first finished step; absent in a resumed run.
    pub seconds_to_first_step: Option<f64>,
    /// The most memory the process held, where the system tells.
    pub peak_memory_bytes: Option<u64>,
    /// Results on hard samples.
    pub test: Test,
    /// Of this program.
    pub version: String,
}

/// What was reached, and beside it what true strings reach.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Test {
    /// The generator of the game.
    pub generator: Judged,
    /// That of maximum likelihood.
    pub maximum_likelihood: Judged,
    /// True strings: of the grammar, drawn anew; of other corpora, as many of the training strings.
    pub truth: Quality,
    /// −ln p(x) of the same held-out strings under the grammar's law, where there is one.
    pub truth_nats: Option<f64>,
    /// Held-out strings whose cost was averaged.
    pub held_out: usize,
}

/// A generator's strings, and what held-out strings cost under it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// Of its strings.
    #[serde(flatten)]
    pub quality: Quality,
    /// −ln p(x) of held-out strings in nats per string; an upper bound for the generator of the game.
    pub nats: f64,
    /// Its standard error over strings.
    pub nats_standard_error: f64,
}

impl Summary {
    /// Rounds times to milliseconds, and the pace with them: more would be noise.
    #[must_use]
    pub fn rounded(mut self) -> Self {
        let round = |number: &mut f64| *number = (*number * 1e3).round() / 1e3;
        round(&mut self.seconds);
        round(&mut self.steps_per_second);
        self.seconds_to_first_step.as_mut().map(round);
        self
    }

    /// Refuses numbers that JSON cannot hold and nobody can use.
    ///
    /// # Errors
    /// The first that is not finite, with the remedy.
    pub fn check(&self) -> Result<()> {
        let (game, likelihood) = (&self.test.generator, &self.test.maximum_likelihood);
        for (name, rate, nats) in
            [("generator", "--lr", game.nats), ("baseline", "--baseline-lr", likelihood.nats)]
        {
            ensure!(
                nats.is_finite(),
                "a held-out string costs {nats} nats under the {name}: it has diverged; start a new run with a lower \
                 {rate}"
            );
        }
        Ok(())
    }
}
