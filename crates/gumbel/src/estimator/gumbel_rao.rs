//! Gumbel-Rao: straight-through Gumbel-Softmax, averaged over the noise that gives the same sample.
//!
//! Paulus, Maddison and Krause 2021, eq. 9 (conditional Gumbels) and section 4.
//! ĝ = (1/M) Σ_m (∂y_m/∂θ)ᵀ ∇f(b),   b ~ q,   y_m = softmax((θ + g_m) / τ),   g_m ~ Gumbel given argmax(θ + g) = b.
//! Biased, exactly as straight-through-gumbel at the same τ; the variance falls with M. Cost: S evaluations of f and
//! of ∇f, and M S softmaxes. Sees: θ, ∇f at hard samples.
//! Good for: low temperatures, where the bias is small and straight-through-gumbel's variance is not. Poor for: f
//! cheaper than M softmaxes (average more samples instead).
//! Choice: the conditional Gumbels are constants given b. Differentiating through them, as one may read the paper,
//! gives another estimator.

use super::straight_through::attach;
use super::{
    EITHER, Estimate, Estimator, Evaluations, Info, Latents, Objective, Paper, Parameter, SAMPLES, Sample,
    Samples, TAU, Venue, at_least, repeat,
};
use crate::distribution::gumbel_given_argmax;
use crate::{Error, Noise, Schedule, sample_one_hot};
use burn::tensor::{Tensor, activation};

pub(super) static INFO: Info = Info {
    name: "gumbel-rao",
    title: "straight-through Gumbel averaged over the noise given the sample",
    papers: &[PAULUS],
    place: "section 4",
    source: include_str!("gumbel_rao.rs"),
    serves: Latents::Categorical,
    reductions: EITHER,
    unbiased: false,
    samples: Samples::Hard,
    needs_gradient: true,
    differentiates_inside: false,
    parameters: &[
        SAMPLES,
        Parameter { default: "0.5", ..TAU },
        Parameter { name: "draws", default: "10", meaning: "a number of conditional draws M, at least 1" },
    ],
    evaluations: Evaluations::SAMPLES,
    make: |given| {
        Ok(Box::new(GumbelRao::new(
            given.read(&INFO, "samples")?,
            given.read(&INFO, "tau")?,
            given.read(&INFO, "draws")?,
        )?))
    },
};

const PAULUS: Paper = Paper {
    key: "paulus2021rao",
    authors: "Max B. Paulus and Chris J. Maddison and Andreas Krause",
    title: "Rao-Blackwellizing the Straight-Through Gumbel-Softmax Gradient Estimator",
    venue: Venue::Conference("International Conference on Learning Representations"),
    year: 2021,
};

/// The hard sample with the gradient of `draws` averaged relaxed samples that have it as their argmax.
///
/// # Shapes
/// `logits`, `hard` `[.., K]` to `[.., K]`; uses `draws` numbers of the noise for each logit.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::Noise;
/// let logits = Tensor::<1>::from_floats([0.0, 0.0], &Device::flex().autodiff()).require_grad();
/// let hard = Tensor::from_floats([1.0, 0.0], &Device::flex());
/// let b = gumbel::path::gumbel_rao(logits.clone(), hard, 1.0, 1000, &mut Noise::from_seed(1));
/// let slope = logits.grad(&b.slice([0..1]).sum().backward()).unwrap().slice([0..1]).into_scalar::<f32>();
/// assert!((slope - 1.0 / 6.0).abs() < 0.01); // E y (1 − y) of a uniform y: at tau = 1 so is σ(logistic)
/// ```
pub fn gumbel_rao<const D: usize>(
    logits: Tensor<D>,
    hard: Tensor<D>,
    tau: f64,
    draws: usize,
    noise: &mut Noise,
) -> Tensor<D> {
    let soft = |noise: &mut Noise| {
        let shift = gumbel_given_argmax(logits.clone().detach(), hard.clone(), noise);
        activation::softmax((logits.clone() + shift) / tau, D - 1)
    };
    let first = soft(noise);
    let total = (1..draws).fold(first, |total, _| total + soft(noise));
    attach(hard, total / draws as f64)
}

/// See the head of its file for formula, bias, cost and use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GumbelRao {
    samples: usize,
    tau: Schedule,
    draws: usize,
}

impl GumbelRao {
    /// With `samples` samples per row, each with `draws` conditional draws at temperature `tau`.
    ///
    /// # Errors
    /// No samples, or no draws.
    pub fn new(samples: usize, tau: Schedule, draws: usize) -> Result<Self, Error> {
        if draws == 0 {
            let reason = "the number of draws must be at least 1, got 0".into();
            return Err(Error::Parameter { estimator: INFO.name, reason });
        }
        Ok(Self { samples: at_least(&INFO, 1, samples)?, tau, draws })
    }
}

impl Estimator for GumbelRao {
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
        let hard = sample_one_hot(logits.clone().detach(), noise)?;
        let z = gumbel_rao(logits, hard, self.tau.at(step), self.draws, noise);
        let sample = Sample::hard(z);
        Ok(Estimate::of(objective.reduce(&sample, objective.losses(&sample))))
    }
}
