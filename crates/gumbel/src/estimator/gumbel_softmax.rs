//! Gumbel-Softmax, or Concrete: the gradient along the path of a relaxed sample.
//!
//! Jang, Gu and Poole 2017, eq. 2; Maddison, Mnih and Teh 2017, eq. 10.
//! ĝ = ∇ f(y),   y = softmax((θ + g) / τ),   g ~ Gumbel.
//! Biased for the discrete objective (unbiased for the relaxed one); the bias goes to 0 with τ while the
//! variance grows as 1/τ. For K = 2 it is the Binary Concrete: a difference of two Gumbels is logistic.
//! Cost: S evaluations of f and of ∇f. Sees: θ, ∇f at relaxed points.
//! Good for: smooth f that means something inside the simplex. Poor for: f defined on vertices only.

use super::{
    EITHER, Estimate, Estimator, Evaluations, Info, Latents, Objective, Paper, Parameter, Relaxed, SAMPLES,
    Sample, Samples, TAU, Venue, at_least, repeat,
};
use crate::{Error, Noise, Schedule, log_gumbel_softmax};
use burn::tensor::Tensor;

pub(super) static INFO: Info = Info {
    name: "gumbel-softmax",
    title: "pathwise gradient of a relaxed sample",
    papers: &[JANG, MADDISON],
    place: "eq. 2",
    source: include_str!("gumbel_softmax.rs"),
    serves: Latents::Categorical,
    reductions: EITHER,
    unbiased: false,
    samples: Samples::Relaxed,
    needs_gradient: true,
    differentiates_inside: false,
    parameters: &[SAMPLES, ANNEALED],
    evaluations: Evaluations::SAMPLES,
    make: |given| Ok(Box::new(GumbelSoftmax::new(given.read(&INFO, "samples")?, given.read(&INFO, "tau")?)?)),
};

/// From 1 to 0.5, as the paper anneals it.
pub(super) const ANNEALED: Parameter = Parameter { default: "exp:1:0.0002:0.5:100", ..TAU };

pub(super) const JANG: Paper = Paper {
    key: "jang2017categorical",
    authors: "Eric Jang and Shixiang Gu and Ben Poole",
    title: "Categorical Reparameterization with Gumbel-Softmax",
    venue: Venue::Conference("International Conference on Learning Representations"),
    year: 2017,
};

const MADDISON: Paper = Paper {
    key: "maddison2017concrete",
    authors: "Chris J. Maddison and Andriy Mnih and Yee Whye Teh",
    title: "The Concrete Distribution: A Continuous Relaxation of Discrete Random Variables",
    venue: Venue::Conference("International Conference on Learning Representations"),
    year: 2017,
};

/// See the head of its file for formula, bias, cost and use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GumbelSoftmax {
    samples: usize,
    tau: Schedule,
}

impl GumbelSoftmax {
    /// With `samples` samples per row at temperature `tau`.
    ///
    /// # Errors
    /// No samples.
    pub fn new(samples: usize, tau: Schedule) -> Result<Self, Error> {
        Ok(Self { samples: at_least(&INFO, 1, samples)?, tau })
    }
}

impl Estimator for GumbelSoftmax {
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
        let tau = self.tau.at(step);
        // The log-space sample is the primary one, so that a density can be taken at its tails.
        let log_z = log_gumbel_softmax(repeat(logits, self.samples), tau, noise)?;
        let z = log_z.clone().exp();
        let sample = Sample { z, relaxed: Some(Relaxed { log_z, tau }), weights: None };
        let loss = objective.reduce(&sample, objective.losses(&sample));
        Ok(Estimate::of(loss))
    }
}
