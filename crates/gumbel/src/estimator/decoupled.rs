//! Decoupled straight-through Gumbel-Softmax: one temperature forward, another backward.
//!
//! Shah, Yan, Mozer and Liu 2024, section 3.
//! ĝ = (∂y/∂θ)ᵀ ∇f(b),   b = one-hot(argmax(θ / τ_f + g)),   y = softmax((θ + g) / τ).
//! Biased. Cost: S evaluations of f and of ∇f. Sees: θ, ∇f at hard samples.
//! Good for: a forward distribution sharper than the model's own while the backward pass stays smooth. Poor for: an
//! objective of q itself: at τ_f ≠ 1 the samples, and `value`, are those of softmax(θ / τ_f).
//! Choice: τ_f acts before the noise. Dividing θ + g by it, as some code does, changes no argmax and so nothing at
//! all. At τ_f = 1 this is straight-through-gumbel.

use super::straight_through::attach;
use super::{
    EITHER, Estimate, Estimator, Evaluations, Info, Latents, Objective, Paper, Parameter, SAMPLES, Sample,
    Samples, TAU, Venue, at_least, repeat,
};
use crate::{Error, Noise, Schedule, gumbel_softmax, sample_one_hot};
use burn::tensor::Tensor;

pub(super) static INFO: Info = Info {
    name: "decoupled",
    title: "straight-through Gumbel with a forward temperature of its own",
    papers: &[SHAH],
    place: "section 3",
    source: include_str!("decoupled.rs"),
    serves: Latents::Categorical,
    reductions: EITHER,
    unbiased: false,
    samples: Samples::Hard,
    needs_gradient: true,
    differentiates_inside: false,
    parameters: &[
        SAMPLES,
        TAU,
        Parameter {
            name: "forward-tau",
            default: "1",
            meaning: "the temperature of the hard sample, positive: a number or a schedule",
        },
    ],
    evaluations: Evaluations::SAMPLES,
    make: |given| {
        Ok(Box::new(Decoupled::new(
            given.read(&INFO, "samples")?,
            given.read(&INFO, "tau")?,
            given.read(&INFO, "forward-tau")?,
        )?))
    },
};

const SHAH: Paper = Paper {
    key: "shah2024improving",
    authors: "Rushi Shah and Mingyuan Yan and Michael Curtis Mozer and Dianbo Liu",
    title: "Improving Discrete Optimisation Via Decoupled Straight-Through Gumbel-Softmax",
    venue: Venue::Arxiv("2410.13331"),
    year: 2024,
};

/// See the head of its file for formula, bias, cost and use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decoupled {
    samples: usize,
    tau: Schedule,
    forward_tau: Schedule,
}

impl Decoupled {
    /// With `samples` samples per row drawn at `forward_tau`, and the backward pass at `tau`.
    ///
    /// # Errors
    /// No samples.
    pub fn new(samples: usize, tau: Schedule, forward_tau: Schedule) -> Result<Self, Error> {
        Ok(Self { samples: at_least(&INFO, 1, samples)?, tau, forward_tau })
    }
}

impl Estimator for Decoupled {
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
        let logits = repeat(logits, self.samples);
        // The same numbers twice: number i of the noise goes to logit i in both.
        let hard = sample_one_hot(logits.clone().detach() / self.forward_tau.at(step), &mut noise.clone())?;
        let soft = gumbel_softmax(logits, self.tau.at(step), noise)?;
        let sample = Sample::hard(attach(hard, soft));
        Ok(Estimate::of(objective.reduce(&sample, objective.losses(&sample))))
    }
}
