//! MuProp: REINFORCE on what a line through the mean-field point leaves over.
//!
//! Gu, Levine, Sutskever and Mnih 2016, section 3.
//! ĝ = (1/S) Σ_s (f(z_s) − f(p) − gᵀ(z_s − p)) ∇ log q(z_s) + J_p g,   g = ∇f(p),   J_p v = p∘v − p (pᵀv).
//! Unbiased. Cost: S + 1 evaluations of f, one of them with ∇f. Sees: θ, f values, ∇f at the mean-field point.
//! Good for: f close to a line. Poor for: f that means nothing inside the simplex.
//! Choice: categories as in Jang, Gu and Poole 2017: the mean-field point of a latent is its probabilities. The
//! parameters inside f get their gradient from the hard samples alone. A baseline besides, as the authors use, would
//! be state; take double-cv where it matters.

use super::parts::inner;
use super::{
    Estimate, Estimator, Evaluations, Info, Latents, Objective, Paper, Reduction, SAMPLES, Sample, Samples,
    Venue, at_least, repeat, score_cotangent,
};
use crate::{Error, Noise, sample_one_hot};
use burn::tensor::{Tensor, activation};

pub(super) static INFO: Info = Info {
    name: "muprop",
    title: "score function of what a line at the mean leaves over",
    papers: &[GU],
    place: "section 3",
    source: include_str!("muprop.rs"),
    serves: Latents::Categorical,
    reductions: &[Reduction::Mean],
    unbiased: true,
    samples: Samples::Hard,
    needs_gradient: true,
    differentiates_inside: true,
    parameters: &[SAMPLES],
    evaluations: Evaluations { formula: "S+1", count: |samples, _, _| samples.checked_add(1) },
    make: |given| Ok(Box::new(MuProp::new(given.read(&INFO, "samples")?)?)),
};

const GU: Paper = Paper {
    key: "gu2016muprop",
    authors: "Shixiang Gu and Sergey Levine and Ilya Sutskever and Andriy Mnih",
    title: "MuProp: Unbiased Backpropagation for Stochastic Neural Networks",
    venue: Venue::Conference("International Conference on Learning Representations"),
    year: 2016,
};

/// See the head of its file for formula, cost and use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MuProp {
    samples: usize,
}

impl MuProp {
    /// With `samples` samples per row.
    ///
    /// # Errors
    /// No samples.
    pub fn new(samples: usize) -> Result<Self, Error> {
        Ok(Self { samples: at_least(&INFO, 1, samples)? })
    }

    /// The estimate from given hard samples `[S, B, D, K]`: a pure function of them.
    ///
    /// # Errors
    /// Another reduction than a mean.
    pub fn with_samples(
        &self,
        logits: Tensor<3>,
        objective: &Objective,
        z: Tensor<4>,
    ) -> Result<Estimate, Error> {
        INFO.check_reduction(objective)?;
        let p = activation::softmax(logits.clone().detach(), 2).unsqueeze::<4>();
        let (value, slope) = inner::gradient(objective, Sample::hard(p.clone()));
        let sample = Sample::hard(z);
        let losses = objective.losses(&sample);
        let line = ((sample.z.clone() - p.clone()) * slope.clone()).sum_dim(3).sum_dim(2);
        let rest = losses.clone().detach() - value - line.squeeze_dims::<2>(&[2, 3]);
        let score = score_cotangent(logits.clone(), sample.z.clone(), rest / self.samples as f64);
        let mean = (p.clone() * slope.clone()).sum_dim(3);
        let cotangent = score + (p * (slope - mean)).squeeze_dim::<3>(0);
        let loss = objective.reduce(&sample, losses);
        Ok(Estimate::with_cotangent(loss, logits, cotangent))
    }
}

impl Estimator for MuProp {
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
        let z = sample_one_hot(repeat(logits.clone().detach(), self.samples), noise)?;
        self.with_samples(logits, objective, z)
    }
}
