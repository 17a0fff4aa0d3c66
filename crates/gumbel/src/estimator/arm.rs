//! ARM: augment, REINFORCE, merge. The score function in uniform noise, merged with its mirror image.
//!
//! Yin and Zhou 2019, theorem 1.
//! ĝ = (f(b) − f(b̃)) (u − ½),   u ~ U(0, 1)^D,   b = 1[u > 1 − p],   b̃ = 1[u < p],   p = σ(ℓ).
//! Unbiased. Cost: S evaluations of f (S / 2 pairs), none of ∇f. Sees: ℓ, f values.
//! Good for: binary latents and a black box. Poor for: anything that disarm serves: it is the mean of this one given
//! the pair, so it never has more variance.

use super::parts::antithetic::{Pairs, halves};
use super::parts::binary;
use super::{
    Estimate, Estimator, Evaluations, Info, Latents, Objective, Paper, Parameter, Reduction, Sample, Samples,
    Venue,
};
use crate::{Error, Noise};
use burn::tensor::Tensor;

pub(super) static INFO: Info = Info {
    name: "arm",
    title: "antithetic pairs of uniform noise",
    papers: &[YIN],
    place: "theorem 1",
    source: include_str!("arm.rs"),
    serves: Latents::Binary,
    reductions: &[Reduction::Mean],
    unbiased: true,
    samples: Samples::Hard,
    needs_gradient: false,
    differentiates_inside: false,
    parameters: &[PAIRED],
    evaluations: Evaluations::SAMPLES,
    make: |given| Ok(Box::new(Arm::new(given.read(&INFO, "samples")?)?)),
};

/// Samples that come in pairs.
pub(super) const PAIRED: Parameter =
    Parameter { name: "samples", default: "2", meaning: "a number of samples S, even and at least 2" };

const YIN: Paper = Paper {
    key: "yin2019arm",
    authors: "Mingzhang Yin and Mingyuan Zhou",
    title: "ARM: Augment-REINFORCE-Merge Gradient for Stochastic Binary Networks",
    venue: Venue::Conference("International Conference on Learning Representations"),
    year: 2019,
};

/// Half of an even number of samples, at least one.
pub(super) fn pairs(info: &Info, samples: usize) -> Result<usize, Error> {
    match samples >= 2 && samples.is_multiple_of(2) {
        true => Ok(samples / 2),
        false => Err(Error::Parameter {
            estimator: info.name,
            reason: format!("the number of samples must be even and at least 2, got {samples}"),
        }),
    }
}

/// See the head of its file for formula, cost and use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arm {
    pairs: usize,
}

impl Arm {
    /// With `samples` samples per row, in pairs.
    ///
    /// # Errors
    /// An odd number of samples, or none.
    pub fn new(samples: usize) -> Result<Self, Error> {
        Ok(Self { pairs: pairs(&INFO, samples)? })
    }

    /// The estimate for logits `[B, D, 2]` from given uniform numbers `[P, B, D]`: a pure function of them.
    ///
    /// # Errors
    /// Those of [`estimate`](Estimator::estimate).
    pub fn with_uniform(
        &self,
        logits: Tensor<3>,
        objective: &Objective,
        uniform: Tensor<3>,
    ) -> Result<Estimate, Error> {
        INFO.check_reduction(objective)?;
        let log_odds = binary::log_odds(&INFO, &logits)?;
        let certain = log_odds.clone().is_inf();
        let sample = Sample::hard(Pairs::new(log_odds, uniform.clone()).one_hot());
        let losses = objective.losses(&sample);
        let [left, right] = halves(losses.clone().detach());
        let slopes = (left - right).unsqueeze_dim::<3>(2) * (uniform - 0.5);
        let slope = slopes.mean_dim(0).squeeze_dim::<2>(0).mask_fill(certain, 0.0);
        let loss = objective.reduce(&sample, losses);
        Ok(Estimate::with_cotangent(loss, logits, binary::cotangent(slope)))
    }
}

impl Estimator for Arm {
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
        let [rows, latents, _] = logits.dims();
        let uniform = binary::uniform(noise, &logits, [self.pairs, rows, latents]);
        self.with_uniform(logits, objective, uniform)
    }
}
