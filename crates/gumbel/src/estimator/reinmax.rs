//! ReinMax: straight-through of second order, by Heun's rule.
//!
//! Liu, Dong, Liu, Yu and Gao 2023, section 3.
//! ĝ = 2 J(π₁) g − ½ J(p) g,   g = ∇f(b),   b ~ q,   π₁ = ½ (softmax(θ / τ) + b),   J(p) v = p∘v − p (pᵀv).
//! Biased; at τ = 1 exact for every quadratic f, and the same as zgr sample by sample. Cost: S evaluations of f and of
//! ∇f. Sees: θ, ∇f at hard samples.
//! Good for: f that is smooth at hard samples, one evaluation per step. Poor for: strongly curved f, where the bias is
//! that of the other straight-through estimators.
//! Choice: τ ≥ 1 is enforced, as in the authors' code; it lowers the variance and brings a bias for linear f back.

use super::straight_through::{attach, finite};
use super::{
    EITHER, Estimate, Estimator, Evaluations, Info, Latents, Objective, Paper, SAMPLES, Sample, Samples, TAU,
    Venue, at_least, repeat,
};
use crate::{Error, Noise, Schedule, sample_one_hot};
use burn::tensor::{Tensor, activation};

pub(super) static INFO: Info = Info {
    name: "reinmax",
    title: "straight-through of second order",
    papers: &[LIU],
    place: "section 3",
    source: include_str!("reinmax.rs"),
    serves: Latents::Categorical,
    reductions: EITHER,
    unbiased: false,
    samples: Samples::Hard,
    needs_gradient: true,
    differentiates_inside: false,
    parameters: &[SAMPLES, TAU],
    evaluations: Evaluations::SAMPLES,
    make: |given| Ok(Box::new(ReinMax::new(given.read(&INFO, "samples")?, given.read(&INFO, "tau")?)?)),
};

const LIU: Paper = Paper {
    key: "liu2023bridging",
    authors: "Liyuan Liu and Chengyu Dong and Xiaodong Liu and Bin Yu and Jianfeng Gao",
    title: "Bridging Discrete and Backpropagation: Straight-Through and Beyond",
    venue: Venue::Conference("Advances in Neural Information Processing Systems"),
    year: 2023,
};

/// The hard sample with ReinMax's gradient.
///
/// # Shapes
/// `logits`, `hard` `[.., K]` to `[.., K]`.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let logits = Tensor::<1>::from_floats([0.0, 0.0], &Device::flex().autodiff()).require_grad();
/// let b = gumbel::path::reinmax(logits.clone(), Tensor::from_floats([1.0, 0.0], &Device::flex()), 1.0);
/// let slope = logits.grad(&b.slice([0..1]).sum().backward()).unwrap().slice([0..1]).into_scalar::<f32>();
/// assert!((slope - 0.25).abs() < 1e-6); // 2 · 3/4 · 1/4 − ½ · 1/4
/// ```
pub fn reinmax<const D: usize>(logits: Tensor<D>, hard: Tensor<D>, tau: f64) -> Tensor<D> {
    let tempered = activation::softmax(logits.clone().detach() / tau, D - 1);
    let midpoint = (tempered.inner() + hard.clone().inner()) * 0.5;
    let midpoint = if logits.is_autodiff() { midpoint.autodiff() } else { midpoint };
    // Zero, with the gradient of the logits: the softmax of log π₁ at the logits' place.
    let theta = finite(logits.clone());
    let here = midpoint.log() + (theta.clone() - theta.detach());
    let soft = activation::softmax(here, D - 1) * 2.0 - activation::softmax(logits, D - 1) * 0.5;
    attach(hard, soft)
}

/// See the head of its file for formula, bias, cost and use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReinMax {
    samples: usize,
    tau: Schedule,
}

impl ReinMax {
    /// With `samples` samples per row.
    ///
    /// # Errors
    /// No samples; a temperature below 1 at any step.
    pub fn new(samples: usize, tau: Schedule) -> Result<Self, Error> {
        let (least, _) = tau.range();
        if least < 1.0 {
            let reason = format!("tau must be at least 1, got {tau}; below 1 use gumbel-rao");
            return Err(Error::Parameter { estimator: INFO.name, reason });
        }
        Ok(Self { samples: at_least(&INFO, 1, samples)?, tau })
    }
}

impl Estimator for ReinMax {
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
        let sample = Sample::hard(reinmax(logits, hard, self.tau.at(step)));
        Ok(Estimate::of(objective.reduce(&sample, objective.losses(&sample))))
    }
}
