//! RLOO, REINFORCE with the other samples of the row as its baseline.
//!
//! Kool, van Hoof and Welling 2019, "Buy 4 REINFORCE samples, get a baseline for free!"; the same as the
//! VarGrad of Richter et al. 2020 for an ELBO.
//! ĝ = (1/S) Σ_s (f_s − mean_{j≠s} f_j) ∇ log q(z_s) = 1/(S−1) Σ_s (f_s − f̄) ∇ log q(z_s).
//! Unbiased, and exactly zero for a constant f. Cost: S ≥ 2 evaluations of f, none of ∇f. Sees: θ, f values.
//! Good for: the default where f is a black box; nothing to tune. Poor for: f so dear that S must be 1.

use super::{
    Estimate, Estimator, Evaluations, Info, Objective, Reduction, Sample, Samples, at_least, repeat,
    score_cotangent,
};
use crate::{Error, Noise, sample};
use burn::tensor::Tensor;

pub(super) static INFO: Info = Info {
    name: "rloo",
    title: "score function with a leave-one-out baseline",
    paper: "Kool, van Hoof and Welling 2019, Buy 4 REINFORCE samples, get a baseline for free!, section 2",
    unbiased: true,
    samples: Samples::Hard,
    needs_gradient: false,
    tempered: false,
    evaluations: Evaluations::Samples,
    build: |parameters| Ok(Box::new(Rloo::new(parameters.samples)?)),
};

/// See the head of its file for formula, cost and use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rloo {
    samples: usize,
}

impl Rloo {
    /// With `samples` samples per row.
    ///
    /// # Errors
    /// Fewer than two samples: there is no other to compare with.
    pub fn new(samples: usize) -> Result<Self, Error> {
        Ok(Self { samples: at_least(&INFO, 2, samples)? })
    }
}

impl Estimator for Rloo {
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
        if objective.reduction() == Reduction::LogMeanExp {
            return Err(INFO.unserved("a log-mean-exp over samples", "use reinforce or gumbel-softmax"));
        }
        let sample = Sample::hard(sample::one_hot(repeat(logits.clone().detach(), self.samples), noise)?);
        let losses = objective.losses(&sample);
        let loss = objective.reduce(&sample, losses.clone());
        let signal = (losses.clone() - losses.mean_dim(0)) / (self.samples - 1) as f64;
        let cotangent = score_cotangent(logits.clone(), sample.z, signal);
        Ok(Estimate::with_cotangent(loss, logits, cotangent))
    }
}
