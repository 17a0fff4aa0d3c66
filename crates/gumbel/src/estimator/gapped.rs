//! Gapped straight-through: the logits are moved, just as far as needed, to agree with the sample.
//!
//! Fan, Chi, Rudnicky and Ramadge 2022, section 4.
//! ĝ = (∂y/∂θ)ᵀ ∇f(b),   b ~ q,   y = softmax((θ + m₁ − m₂) / τ),   m₁ and m₂ constants,
//! m₁ = (max θ − θ_b) b lifts the sampled logit to the top, and m₂ᵢ = max(0, θᵢ − max θ + gap) off b keeps the others
//! at least `gap` below it.
//! Biased. Cost: S evaluations of f and of ∇f. Sees: θ, ∇f at hard samples.
//! Good for: less variance than straight-through-gumbel at the same cost, as given b there is no further noise.
//! Poor for: exactness of any order, of which there is none.
//! Choice: `gap=p` takes −ln(1 − p_b) / p_b, the mean gap between the largest perturbed logit and the rest.

use super::straight_through::{attach, finite};
use super::{
    EITHER, Estimate, Estimator, Evaluations, Info, Latents, Objective, Paper, Parameter, SAMPLES, Sample,
    Samples, TAU, Venue, at_least, repeat,
};
use crate::{Error, Noise, Schedule, sample_one_hot};
use burn::tensor::{Tensor, activation};
use std::{fmt, str::FromStr};

pub(super) static INFO: Info = Info {
    name: "gapped",
    title: "straight-through with logits moved to agree with the sample",
    papers: &[FAN],
    place: "section 4",
    source: include_str!("gapped.rs"),
    serves: Latents::Categorical,
    reductions: EITHER,
    unbiased: false,
    samples: Samples::Hard,
    needs_gradient: true,
    differentiates_inside: false,
    parameters: &[
        SAMPLES,
        TAU,
        Parameter { name: "gap", default: "1", meaning: "a number that is not negative, or p" },
    ],
    evaluations: Evaluations::SAMPLES,
    make: |given| {
        Ok(Box::new(Gapped::new(
            given.read(&INFO, "samples")?,
            given.read(&INFO, "tau")?,
            given.read(&INFO, "gap")?,
        )?))
    },
};

const FAN: Paper = Paper {
    key: "fan2022training",
    authors: "Ting-Han Fan and Ta-Chung Chi and Alexander I. Rudnicky and Peter J. Ramadge",
    title: "Training Discrete Deep Generative Models via Gapped Straight-Through Estimator",
    venue: Venue::Conference("International Conference on Machine Learning"),
    year: 2022,
};

/// How far below the sampled logit the others are kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Gap {
    /// So far.
    Fixed(f64),
    /// −ln(1 − p_b) / p_b.
    Probability,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(gap) => write!(f, "{gap}"),
            Self::Probability => f.pad("p"),
        }
    }
}

impl FromStr for Gap {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let refused = || Error::Parameter {
            estimator: INFO.name,
            reason: format!("gap must be a number that is not negative, or p, got {text}"),
        };
        match text.parse::<f64>() {
            _ if text == "p" => Ok(Self::Probability),
            Ok(gap) if gap >= 0.0 && gap.is_finite() => Ok(Self::Fixed(gap)),
            _ => Err(refused()),
        }
    }
}

/// The hard sample with the gradient of the softmax of the moved logits.
///
/// # Shapes
/// `logits`, `hard` `[.., K]` to `[.., K]`.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::estimator::Gap;
/// let logits = Tensor::<1>::from_floats([5.0, 0.0], &Device::flex().autodiff()).require_grad();
/// let hard = Tensor::from_floats([0.0, 1.0], &Device::flex());
/// let b = gumbel::path::gapped(logits.clone(), hard, 1.0, Gap::Fixed(1.0));
/// let slope = logits.grad(&b.slice([1..2]).sum().backward()).unwrap().slice([1..2]).into_scalar::<f32>();
/// assert!((slope - 0.19661).abs() < 1e-4); // σ(1) (1 − σ(1)): the two stand a gap apart
/// ```
pub fn gapped<const D: usize>(logits: Tensor<D>, hard: Tensor<D>, tau: f64, gap: Gap) -> Tensor<D> {
    let theta = logits.clone().detach();
    let one = if theta.is_autodiff() && !hard.is_autodiff() { hard.clone().autodiff() } else { hard.clone() };
    let top = theta.clone().max_dim(D - 1);
    let sampled = (finite(theta.clone()) * one.clone()).sum_dim(D - 1);
    let gap = match gap {
        Gap::Fixed(gap) => top.zeros_like() + gap,
        Gap::Probability => {
            let p = (activation::softmax(theta.clone(), D - 1) * one.clone()).sum_dim(D - 1);
            // Short of one by a rounding step, so that the gap stays finite; its limit at 0 is 1.
            let p = p.clamp(1e-30, 1.0 - 1e-5);
            p.clone().neg().log1p().neg() / p
        }
    };
    let excess = (theta.clone() - top.clone() + gap).clamp_min(0.0);
    let moved = (top - sampled) * one.clone() - excess * (one.neg() + 1.0);
    attach(hard, activation::softmax((logits + moved) / tau, D - 1))
}

/// See the head of its file for formula, bias, cost and use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gapped {
    samples: usize,
    tau: Schedule,
    gap: Gap,
}

impl Gapped {
    /// With `samples` samples per row and the backward pass at `tau`.
    ///
    /// # Errors
    /// No samples.
    pub fn new(samples: usize, tau: Schedule, gap: Gap) -> Result<Self, Error> {
        Ok(Self { samples: at_least(&INFO, 1, samples)?, tau, gap })
    }
}

impl Estimator for Gapped {
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
        let sample = Sample::hard(gapped(logits, hard, self.tau.at(step), self.gap));
        Ok(Estimate::of(objective.reduce(&sample, objective.losses(&sample))))
    }
}
