//! RLOO, REINFORCE with the other samples of the row as its baseline.
//!
//! Kool, van Hoof and Welling 2019, "Buy 4 REINFORCE samples, get a baseline for free!"; the same as the
//! VarGrad of Richter et al. 2020 for an ELBO.
//! ĝ = (1/S) Σ_s (f_s − mean_{j≠s} f_j) ∇ log q(z_s) = 1/(S−1) Σ_s (f_s − f̄) ∇ log q(z_s).
//! Unbiased, and exactly zero for a constant f. Cost: S ≥ 2 evaluations of f, none of ∇f. Sees: θ, f values.
//! Good for: the default where f is a black box; nothing to tune. Poor for: f so dear that S must be 1.

use super::{
    Estimate, Estimator, Evaluations, Info, Latents, Objective, Paper, Parameter, Reduction, Sample, Samples,
    Venue, at_least, repeat, score_cotangent,
};
use crate::{Error, Noise, sample_one_hot};
use burn::tensor::Tensor;

pub(super) static INFO: Info = Info {
    name: "rloo",
    title: "score function with a leave-one-out baseline",
    papers: &[KOOL, RICHTER],
    place: "section 2",
    source: include_str!("rloo.rs"),
    serves: Latents::Categorical,
    reductions: &[Reduction::Mean],
    unbiased: true,
    samples: Samples::Hard,
    needs_gradient: false,
    differentiates_inside: false,
    parameters: &[Parameter { name: "samples", default: "2", meaning: "a number of samples S, at least 2" }],
    evaluations: Evaluations::SAMPLES,
    make: |given| Ok(Box::new(Rloo::new(given.read(&INFO, "samples")?)?)),
};

const KOOL: Paper = Paper {
    key: "kool2019buy",
    authors: "Wouter Kool and Herke van Hoof and Max Welling",
    title: "Buy 4 REINFORCE Samples, Get a Baseline for Free!",
    venue: Venue::Conference("ICLR Workshop on Deep Reinforcement Learning Meets Structured Prediction"),
    year: 2019,
};

const RICHTER: Paper = Paper {
    key: "richter2020vargrad",
    authors: "Lorenz Richter and Ayman Boustati and Nikolas Nüsken and Francisco J. R. Ruiz and Ömer Deniz Akyildiz",
    title: "VarGrad: A Low-Variance Gradient Estimator for Variational Inference",
    venue: Venue::Conference("Advances in Neural Information Processing Systems"),
    year: 2020,
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
        INFO.check_reduction(objective)?;
        let sample = Sample::hard(sample_one_hot(repeat(logits.clone().detach(), self.samples), noise)?);
        let losses = objective.losses(&sample);
        let loss = objective.reduce(&sample, losses.clone());
        let signal = (losses.clone() - losses.mean_dim(0)) / (self.samples - 1) as f64;
        let cotangent = score_cotangent(logits.clone(), sample.z, signal);
        Ok(Estimate::with_cotangent(loss, logits, cotangent))
    }
}
