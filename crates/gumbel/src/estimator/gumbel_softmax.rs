//! Gumbel-Softmax, or Concrete: the gradient along the path of a relaxed sample.
//!
//! Jang, Gu and Poole 2017, eq. 2; Maddison, Mnih and Teh 2017, eq. 10.
//! ĝ = ∇ f(y),   y = softmax((θ + g) / τ),   g ~ Gumbel.
//! Biased for the discrete objective (unbiased for the relaxed one); the bias goes to 0 with τ while the
//! variance grows as 1/τ. Cost: S evaluations of f and of ∇f. Sees: θ, ∇f at relaxed points.
//! Good for: smooth f that means something inside the simplex. Poor for: f defined on vertices only.

use super::{
    Estimate, Estimator, Info, Objective, Parameters, Relaxed, Sample, Samples, over_samples, repeat,
};
use crate::{Error, Noise, Schedule, relax};
use burn::tensor::Tensor;

pub(super) static INFO: Info = Info {
    name: "gumbel-softmax",
    title: "pathwise gradient of a relaxed sample",
    paper: "Jang, Gu and Poole 2017, Categorical reparameterization with Gumbel-Softmax, eq. 2; Maddison, Mnih \
            and Teh 2017, The Concrete distribution, eq. 10",
    unbiased: false,
    samples: Samples::Relaxed,
    needs_gradient: true,
    evaluations: "S",
    build: |parameters: &Parameters| {
        Ok(Box::new(GumbelSoftmax { samples: parameters.checked_samples(&INFO)?, tau: parameters.tau }))
    },
};

/// See the head of its file for formula, bias, cost and use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GumbelSoftmax {
    /// Samples S per row, at least 1.
    pub samples: usize,
    /// Temperature.
    pub tau: Schedule,
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
        let log_z = relax::log_gumbel_softmax(repeat(logits, self.samples), tau, noise)?;
        let z = log_z.clone().exp();
        let surrogate = over_samples(objective(&Sample { z, relaxed: Some(Relaxed { log_z, tau }) }));
        Ok(Estimate { value: surrogate.clone().detach(), surrogate })
    }
}
