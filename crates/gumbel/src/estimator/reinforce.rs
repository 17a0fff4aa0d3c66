//! REINFORCE, the score-function or likelihood-ratio estimator.
//!
//! Williams 1992, "Simple statistical gradient-following algorithms", eq. 4; baseline c as in its section 4.
//! ĝ = (f(z) − c) ∇ log q(z),   z ~ q,   c ← β c + (1 − β) mean f   after the step.
//! Unbiased. Cost: S evaluations of f, none of ∇f. Sees: θ, f values.
//! Good for: f that cannot be differentiated. Poor for: many latents, since all of f's noise reaches each.
//! Choice: c comes from earlier batches only (a mean that includes the current one is biased by O(1/B)),
//! and is corrected for its start at zero, as Adam's moments are. Under a log-mean-exp over S every sample's
//! score is weighted by the whole row's loss.

use super::objective::{log_mean_exp, plain_mean};
use super::parts::average::Average;
use super::{
    EITHER, Estimate, Estimator, Evaluations, Info, Latents, Objective, Paper, Parameter, Reduction, SAMPLES,
    Sample, Samples, Venue, at_least, check_state, repeat, score_cotangent,
};
use crate::{Error, Noise, sample_one_hot};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

pub(super) static INFO: Info = Info {
    name: "reinforce",
    title: "score function, with or without a moving-average baseline",
    papers: &[WILLIAMS],
    place: "eq. 4",
    source: include_str!("reinforce.rs"),
    serves: Latents::Categorical,
    reductions: EITHER,
    unbiased: true,
    samples: Samples::Hard,
    needs_gradient: false,
    differentiates_inside: false,
    parameters: &[
        SAMPLES,
        Parameter { name: "baseline", default: "moving-average", meaning: "none or moving-average" },
    ],
    evaluations: Evaluations::SAMPLES,
    make: |given| {
        Ok(Box::new(Reinforce::new(given.read(&INFO, "samples")?, given.read(&INFO, "baseline")?)?))
    },
};

const WILLIAMS: Paper = Paper {
    key: "williams1992simple",
    authors: "Ronald J. Williams",
    title: "Simple Statistical Gradient-Following Algorithms for Connectionist Reinforcement Learning",
    venue: Venue::Journal("Machine Learning"),
    year: 1992,
};

/// What is subtracted from the loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Baseline {
    /// Nothing.
    None,
    /// The mean loss of earlier batches, with a memory of about 100.
    #[default]
    MovingAverage,
}

impl Baseline {
    /// Both, in the order of the documentation.
    pub const ALL: [Self; 2] = [Self::None, Self::MovingAverage];
}

impl fmt::Display for Baseline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::None => "none",
            Self::MovingAverage => "moving-average",
        })
    }
}

impl FromStr for Baseline {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Error::named("baseline", name, &Self::ALL)
    }
}

/// See the head of its file for formula, cost and use.
#[derive(Clone, Debug, PartialEq)]
pub struct Reinforce {
    samples: usize,
    baseline: Baseline,
    average: Average,
}

impl Reinforce {
    /// With `samples` samples per row.
    ///
    /// # Errors
    /// No samples.
    pub fn new(samples: usize, baseline: Baseline) -> Result<Self, Error> {
        Ok(Self { samples: at_least(&INFO, 1, samples)?, baseline, average: Average::default() })
    }

    /// The baseline c of the next estimate: zero until it has adapted.
    pub fn baseline(&self) -> f64 {
        self.average.value()
    }

    /// The signal of each of a row's samples that make one loss `[B]` together, `[S, B]`.
    fn whole(&self, loss: Tensor<1>, samples: usize) -> Tensor<2> {
        (loss - self.baseline()).unsqueeze::<2>().repeat_dim(0, samples)
    }
}

impl Estimator for Reinforce {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn estimate(
        &self,
        logits: Tensor<3>,
        objective: &Objective,
        noise: &mut Noise,
        _step: u64,
    ) -> Result<Estimate, Error> {
        let sample = Sample::hard(sample_one_hot(repeat(logits.clone().detach(), self.samples), noise)?);
        let losses = objective.losses(&sample);
        let loss = objective.reduce(&sample, losses.clone());
        let signal = match objective.reduction() {
            Reduction::Mean => (losses - self.baseline()) / self.samples as f64,
            Reduction::LogMeanExp => self.whole(loss.clone(), self.samples),
        };
        let cotangent = score_cotangent(logits.clone(), sample.z, signal);
        Ok(Estimate::with_cotangent(loss, logits, cotangent))
    }

    fn bound_signal(&self, losses: Tensor<2>) -> Result<Tensor<2>, Error> {
        let samples = losses.dims()[0];
        Ok(self.whole(log_mean_exp(losses.detach(), plain_mean), samples))
    }

    fn adapt(&mut self, last: &Estimate) {
        if self.baseline == Baseline::MovingAverage {
            self.average.learn(last.value.clone().mean().into_scalar::<f64>());
        }
    }

    fn state(&self) -> Vec<f64> {
        self.average.state().to_vec()
    }

    fn restore(&mut self, state: &[f64]) -> Result<(), Error> {
        check_state(&INFO, Average::LEN, state)?;
        self.average = Average::from_state(state);
        Ok(())
    }
}
