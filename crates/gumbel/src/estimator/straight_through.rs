//! Straight-through: a hard sample forward, the gradient of something soft without noise backward.
//!
//! Bengio, Léonard and Courville 2013, section 4; the idea is Hinton's (lectures, 2012).
//! ĝ = J g,   g = ∇f(b),   b ~ q,   J = I (identity) or J = (∂/∂θ) softmax(θ / τ) (probabilities).
//! Biased; with probabilities at τ = 1 exact for linear f. Cost: S evaluations of f and of ∇f. Sees: θ, ∇f at hard
//! samples.
//! Good for: a first try: no noise in the backward pass, nothing to tune. Poor for: curved f (zgr is exact for
//! quadratic ones at the same cost).
//! Choice: people call three things by this name. The default is the softmax's Jacobian; `backward=identity` hands
//! the gradient to the logits as it is, which is not invariant to a shift of them; `tau` tempers the softmax.

use super::{
    EITHER, Estimate, Estimator, Evaluations, Info, Latents, Objective, Paper, Parameter, SAMPLES, Sample,
    Samples, TAU, Venue, at_least, repeat,
};
use crate::{Error, Noise, Schedule, sample_one_hot};
use burn::tensor::{Tensor, activation};
use std::{fmt, str::FromStr};

pub(super) static INFO: Info = Info {
    name: "straight-through",
    title: "hard sample forward, softmax or identity backward",
    papers: &[BENGIO],
    place: "section 4",
    source: include_str!("straight_through.rs"),
    serves: Latents::Categorical,
    reductions: EITHER,
    unbiased: false,
    samples: Samples::Hard,
    needs_gradient: true,
    differentiates_inside: false,
    parameters: &[
        SAMPLES,
        TAU,
        Parameter { name: "backward", default: "probabilities", meaning: "probabilities or identity" },
    ],
    evaluations: Evaluations::SAMPLES,
    make: |given| {
        Ok(Box::new(StraightThrough::new(
            given.read(&INFO, "samples")?,
            given.read(&INFO, "tau")?,
            given.read(&INFO, "backward")?,
        )?))
    },
};

const BENGIO: Paper = Paper {
    key: "bengio2013estimating",
    authors: "Yoshua Bengio and Nicholas Léonard and Aaron Courville",
    title: "Estimating or Propagating Gradients Through Stochastic Neurons for Conditional Computation",
    venue: Venue::Arxiv("1308.3432"),
    year: 2013,
};

/// What the gradient passes through on its way back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backward {
    /// The tempered softmax of the logits.
    #[default]
    Probabilities,
    /// Nothing: the logits get the gradient of the sample.
    Identity,
}

impl Backward {
    /// Both, in the order of the documentation.
    pub const ALL: [Self; 2] = [Self::Probabilities, Self::Identity];
}

impl fmt::Display for Backward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Probabilities => "probabilities",
            Self::Identity => "identity",
        })
    }
}

impl FromStr for Backward {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Error::named("backward pass", name, &Self::ALL)
    }
}

/// The hard sample with the gradient of `softmax(logits / tau)`.
///
/// # Shapes
/// `logits`, `hard` `[.., K]` to `[.., K]`.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let logits = Tensor::<1>::from_floats([0.0, 0.0], &Device::flex().autodiff()).require_grad();
/// let b = gumbel::path::probabilities(logits.clone(), Tensor::from_floats([1.0, 0.0], &Device::flex()), 1.0);
/// let gradients = (b.clone() * Tensor::from_floats([1.0, 0.0], &Device::flex()).autodiff()).sum().backward();
/// assert_eq!(b.into_data().try_to_vec::<f32>().unwrap(), [1.0, 0.0]);
/// let gradient = logits.grad(&gradients).unwrap().into_data().try_to_vec::<f32>().unwrap();
/// assert_eq!(gradient, [0.25, -0.25]); // p (1 − p)
/// ```
pub fn probabilities<const D: usize>(logits: Tensor<D>, hard: Tensor<D>, tau: f64) -> Tensor<D> {
    attach(hard, activation::softmax(logits / tau, D - 1))
}

/// The hard sample with the gradient of the logits themselves; zero at masks.
///
/// # Shapes
/// `logits`, `hard` `[.., K]` to `[.., K]`.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let logits = Tensor::<1>::from_floats([0.0, f32::NEG_INFINITY], &Device::flex().autodiff()).require_grad();
/// let b = gumbel::path::identity(logits.clone(), Tensor::from_floats([1.0, 0.0], &Device::flex()));
/// let gradient = logits.grad(&(b * 3.0).sum().backward()).unwrap();
/// assert_eq!(gradient.into_data().try_to_vec::<f32>().unwrap(), [3.0, 0.0]);
/// ```
pub fn identity<const D: usize>(logits: Tensor<D>, hard: Tensor<D>) -> Tensor<D> {
    attach(hard, finite(logits))
}

/// The value of `hard` with the gradient of `soft`. The bracket is exactly zero, so the sum is bitwise `hard`.
pub(super) fn attach<const D: usize>(hard: Tensor<D>, soft: Tensor<D>) -> Tensor<D> {
    let hard = if soft.is_autodiff() && !hard.is_autodiff() { hard.autodiff() } else { hard };
    hard + (soft.clone() - soft.detach())
}

/// The logits with zeros for masks.
pub(super) fn finite<const D: usize>(logits: Tensor<D>) -> Tensor<D> {
    let masked = logits.clone().equal_elem(f32::NEG_INFINITY);
    logits.mask_fill(masked, 0.0)
}

/// See the head of its file for formula, bias, cost and use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StraightThrough {
    samples: usize,
    tau: Schedule,
    backward: Backward,
}

impl StraightThrough {
    /// With `samples` samples per row; `tau` tempers the backward pass through probabilities.
    ///
    /// # Errors
    /// No samples.
    pub fn new(samples: usize, tau: Schedule, backward: Backward) -> Result<Self, Error> {
        Ok(Self { samples: at_least(&INFO, 1, samples)?, tau, backward })
    }
}

impl Estimator for StraightThrough {
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
        let z = match self.backward {
            Backward::Probabilities => probabilities(logits, hard, self.tau.at(step)),
            Backward::Identity => identity(logits, hard),
        };
        let sample = Sample::hard(z);
        Ok(Estimate::of(objective.reduce(&sample, objective.losses(&sample))))
    }
}
