//! REINFORCE, the score-function or likelihood-ratio estimator, with a moving-average baseline.
//!
//! Williams 1992, "Simple statistical gradient-following algorithms", eq. 4; baseline c as in its section 4.
//! ĝ = (f(z) − c) ∇ log q(z),   z ~ q,   c ← β c + (1 − β) mean f   after the step.
//! Unbiased. Cost: S evaluations of f, none of ∇f. Sees: θ, f values.
//! Good for: f that cannot be differentiated. Poor for: many latents, since all of f's noise reaches each.
//! Choice: c comes from earlier batches only (a mean that includes the current one is biased by O(1/B)),
//! and is corrected for its start at zero, as Adam's moments are.

use super::{Estimate, Estimator, Info, Objective, Sample, Samples, check_state, over_samples, repeat};
use crate::{Error, Noise, categorical, sample};
use burn::tensor::Tensor;

pub(super) static INFO: Info = Info {
    name: "reinforce",
    title: "score function with a moving-average baseline",
    paper: "Williams 1992, Simple statistical gradient-following algorithms for connectionist reinforcement \
            learning, eq. 4",
    unbiased: true,
    samples: Samples::Hard,
    needs_gradient: false,
    evaluations: "S",
    build: |parameters| Ok(Box::new(Reinforce::new(parameters.checked_samples(&INFO)?))),
};

/// Memory of the baseline, in adaptations: about 1 / (1 − β).
const DECAY: f64 = 0.99;

/// See the head of its file for formula, cost and use.
#[derive(Clone, Debug, PartialEq)]
pub struct Reinforce {
    samples: usize,
    /// Decayed sum of the means seen, and of their weights.
    total: f64,
    weight: f64,
}

impl Reinforce {
    /// With `samples` samples per row, at least 1, and a baseline of zero until it has adapted.
    pub fn new(samples: usize) -> Self {
        Self { samples, total: 0.0, weight: 0.0 }
    }

    /// The baseline c of the next estimate.
    pub fn baseline(&self) -> f64 {
        if self.weight == 0.0 { 0.0 } else { self.total / self.weight }
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
        let logits = repeat(logits, self.samples);
        let z = sample::one_hot(logits.clone().detach(), noise)?;
        let f = objective(&Sample { z: z.clone(), relaxed: None });
        let log_q = categorical::log_prob(logits, z).sum_dim(2).squeeze_dims::<2>(&[2, 3]);
        let signal = f.clone().detach() - self.baseline();
        let value = over_samples(f.clone().detach());
        Ok(Estimate { value, surrogate: over_samples(f + signal * log_q) })
    }

    fn adapt(&mut self, last: &Estimate) {
        let mean = f64::from(last.value.clone().mean().into_scalar::<f32>());
        self.total = DECAY * self.total + (1.0 - DECAY) * mean;
        self.weight = DECAY * self.weight + (1.0 - DECAY);
    }

    fn state(&self) -> Vec<f64> {
        vec![self.total, self.weight]
    }

    fn restore(&mut self, state: &[f64]) -> Result<(), Error> {
        check_state(&INFO, 2, state)?;
        (self.total, self.weight) = (state[0], state[1]);
        Ok(())
    }
}
