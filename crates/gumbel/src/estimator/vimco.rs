//! VIMCO: the score function for a log-mean-exp over samples, each with the others as its baseline.
//!
//! Mnih and Rezende 2016, eq. 8 to 10.
//! ĝ = Σ_s (L − L₋ₛ) ∇ log q(z_s) + ∇ L along f,   L = −ln (1/S) Σ_s exp(−f_s),
//! L₋ₛ the same with the mean of the other losses in the place of f_s.
//! Unbiased for the bound of S samples. Cost: S ≥ 2 evaluations of f, none of ∇f in z. Sees: θ, f values.
//! Good for: importance-weighted bounds with a black box. Poor for: a mean over samples (rloo is made for it).
//! Choice: the mean of the others' f is the paper's geometric mean of their weights. All in log space.

use super::double_cv::SEVERAL;
use super::objective::{log_mean_exp, plain_mean};
use super::{
    Estimate, Estimator, Evaluations, Info, Latents, Objective, Paper, Reduction, Sample, Samples, Venue,
    at_least, repeat, score_cotangent,
};
use crate::{Error, Noise, sample_one_hot};
use burn::tensor::Tensor;

pub(super) static INFO: Info = Info {
    name: "vimco",
    title: "score function of a log-mean-exp with leave-one-out baselines",
    papers: &[MNIH],
    place: "eq. 8 to 10",
    source: include_str!("vimco.rs"),
    serves: Latents::Categorical,
    reductions: &[Reduction::LogMeanExp],
    unbiased: true,
    samples: Samples::Hard,
    needs_gradient: false,
    differentiates_inside: false,
    parameters: &[SEVERAL],
    evaluations: Evaluations::SAMPLES,
    make: |given| Ok(Box::new(Vimco::new(given.read(&INFO, "samples")?)?)),
};

const MNIH: Paper = Paper {
    key: "mnih2016variational",
    authors: "Andriy Mnih and Danilo J. Rezende",
    title: "Variational Inference for Monte Carlo Objectives",
    venue: Venue::Conference("International Conference on Machine Learning"),
    year: 2016,
};

/// See the head of its file for formula, cost and use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vimco {
    samples: usize,
}

impl Vimco {
    /// For the bound of `samples` samples.
    ///
    /// # Errors
    /// Fewer than two samples: there is no other to compare with.
    pub fn new(samples: usize) -> Result<Self, Error> {
        Ok(Self { samples: at_least(&INFO, 2, samples)? })
    }

    /// The estimate from given hard samples `[S, B, D, K]`: a pure function of them.
    ///
    /// # Errors
    /// A mean over samples.
    pub fn with_samples(
        &self,
        logits: Tensor<3>,
        objective: &Objective,
        z: Tensor<4>,
    ) -> Result<Estimate, Error> {
        INFO.check_reduction(objective)?;
        let sample = Sample::hard(z);
        let losses = objective.losses(&sample);
        let loss = objective.reduce(&sample, losses.clone());
        let cotangent = score_cotangent(logits.clone(), sample.z, signal(losses.detach()));
        Ok(Estimate::with_cotangent(loss, logits, cotangent))
    }
}

/// `L − L₋ₛ` of losses `[S, B]`, for each sample.
fn signal(losses: Tensor<2>) -> Tensor<2> {
    let [samples, rows] = losses.dims();
    let others = (losses.clone().sum_dim(0) - losses.clone()) / (samples - 1) as f64;
    let without = |s: usize| {
        let replaced = losses.clone().slice_assign([s..s + 1, 0..rows], others.clone().narrow(0, s, 1));
        log_mean_exp(replaced, plain_mean)
    };
    let baseline = Tensor::stack::<2>((0..samples).map(without).collect(), 0);
    log_mean_exp(losses, plain_mean).unsqueeze::<2>() - baseline
}

impl Estimator for Vimco {
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

    fn bound_signal(&self, losses: Tensor<2>) -> Result<Tensor<2>, Error> {
        at_least(&INFO, 2, losses.dims()[0])?;
        Ok(signal(losses.detach()))
    }
}
