//! Straight-through Gumbel-Softmax: forward the hard sample, backward the relaxed one.
//!
//! Jang, Gu and Poole 2017, section 2.2.
//! ĝ = (∂y/∂θ)ᵀ ∇f(b),   b = one-hot(argmax(θ + g)),   y = softmax((θ + g) / τ).
//! Biased, and τ → 0 does not remove the bias unless f is quadratic at most. Cost: S evaluations of f and
//! of ∇f. Sees: θ, ∇f at hard samples.
//! Good for: models that must see one-hot inputs in training. Poor for: strongly curved f.

use super::gumbel_softmax::{ANNEALED, JANG};
use super::{
    EITHER, Estimate, Estimator, Evaluations, Info, Latents, Objective, SAMPLES, Sample, Samples, at_least,
    repeat,
};
use crate::{Error, Noise, Schedule, straight_through_gumbel_softmax};
use burn::tensor::Tensor;

pub(super) static INFO: Info = Info {
    name: "straight-through-gumbel",
    title: "hard sample forward, relaxed sample backward",
    papers: &[JANG],
    place: "section 2.2",
    source: include_str!("straight_through_gumbel.rs"),
    serves: Latents::Categorical,
    reductions: EITHER,
    unbiased: false,
    samples: Samples::Hard,
    needs_gradient: true,
    differentiates_inside: false,
    parameters: &[SAMPLES, ANNEALED],
    evaluations: Evaluations::SAMPLES,
    make: |given| {
        Ok(Box::new(StraightThroughGumbel::new(given.read(&INFO, "samples")?, given.read(&INFO, "tau")?)?))
    },
};

/// See the head of its file for formula, bias, cost and use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StraightThroughGumbel {
    samples: usize,
    tau: Schedule,
}

impl StraightThroughGumbel {
    /// With `samples` samples per row and the backward pass at temperature `tau`.
    ///
    /// # Errors
    /// No samples; a temperature above 1 at any step.
    pub fn new(samples: usize, tau: Schedule) -> Result<Self, Error> {
        let (_, largest) = tau.range();
        if largest > 1.0 {
            let reason = format!("tau must be at most 1, got {tau}; above 1 use reinmax");
            return Err(Error::Parameter { estimator: INFO.name, reason });
        }
        Ok(Self { samples: at_least(&INFO, 1, samples)?, tau })
    }
}

impl Estimator for StraightThroughGumbel {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn estimate(
        &self,
        logits: Tensor<3>,
        objective: &Objective,
        noise: &mut Noise,
        step: u64,
    ) -> Result<Estimate, Error> {
        let z = straight_through_gumbel_softmax(repeat(logits, self.samples), self.tau.at(step), noise)?;
        let sample = Sample::hard(z);
        let loss = objective.reduce(&sample, objective.losses(&sample));
        Ok(Estimate::of(loss))
    }
}
