//! Self-critical: REINFORCE with the loss at the mode of q as its baseline.
//!
//! Rennie, Marcheret, Mroueh, Ross and Goel 2017, section 3.
//! ĝ = (1/S) Σ_s (f(z_s) − f(z*)) ∇ log q(z_s),   z*_d the largest logit of latent d (the first of several).
//! Unbiased, and exactly zero for a constant f. Cost: S + 1 evaluations of f, none of ∇f. Sees: θ, f values.
//! Good for: a model that is used at its mode, such as greedy decoding. Poor for: a mode that says little of the mean
//! (rloo with one sample more costs the same).
//! Choice: the parameters inside f get their gradient from the samples alone.

use super::{
    Estimate, Estimator, Evaluations, Info, Latents, Objective, Paper, Reduction, SAMPLES, Sample, Samples,
    Venue, at_least, repeat, score_cotangent,
};
use crate::tensor::scatter_one;
use crate::{Error, Noise, sample_one_hot};
use burn::tensor::Tensor;

pub(super) static INFO: Info = Info {
    name: "self-critical",
    title: "score function with the loss at the mode as its baseline",
    papers: &[RENNIE],
    place: "section 3",
    source: include_str!("self_critical.rs"),
    serves: Latents::Categorical,
    reductions: &[Reduction::Mean],
    unbiased: true,
    samples: Samples::Hard,
    needs_gradient: false,
    differentiates_inside: false,
    parameters: &[SAMPLES],
    evaluations: Evaluations { formula: "S+1", count: |samples, _, _| samples.checked_add(1) },
    make: |given| Ok(Box::new(SelfCritical::new(given.read(&INFO, "samples")?)?)),
};

const RENNIE: Paper = Paper {
    key: "rennie2017self",
    authors: "Steven J. Rennie and Etienne Marcheret and Youssef Mroueh and Jerret Ross and Vaibhava Goel",
    title: "Self-Critical Sequence Training for Image Captioning",
    venue: Venue::Conference("IEEE Conference on Computer Vision and Pattern Recognition"),
    year: 2017,
};

/// See the head of its file for formula, cost and use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SelfCritical {
    samples: usize,
}

impl SelfCritical {
    /// With `samples` samples per row.
    ///
    /// # Errors
    /// No samples.
    pub fn new(samples: usize) -> Result<Self, Error> {
        Ok(Self { samples: at_least(&INFO, 1, samples)? })
    }
}

impl Estimator for SelfCritical {
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
        let theta = logits.clone().detach();
        let sample = Sample::hard(sample_one_hot(repeat(theta.clone(), self.samples), noise)?);
        let mode = scatter_one(theta.zeros_like(), theta.argmax(2)).unsqueeze::<4>();
        let baseline = objective.losses(&Sample::hard(mode)).detach();
        let losses = objective.losses(&sample);
        let signal = (losses.clone().detach() - baseline) / self.samples as f64;
        let loss = objective.reduce(&sample, losses);
        let cotangent = score_cotangent(logits.clone(), sample.z, signal);
        Ok(Estimate::with_cotangent(loss, logits, cotangent))
    }
}
