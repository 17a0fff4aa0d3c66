use super::contract::{Entry, Paper, Parameter, Pathwise, Properties, Sample, Venue, boxed};
use crate::tensor::{attach, of_centred, over, tracked_as, unmasked};
use crate::{Error, Noise, Schedule, sample_one_hot};
use burn::tensor::{Tensor, activation};
use std::{fmt, str::FromStr};

/// A hard sample with the gradient of the softmax of the moved logits; see [`Gapped`].
///
/// # Shapes
/// `logits`, `hard` `[.., K]` to `[.., K]`.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::estimator::LogitGap;
/// let logits = Tensor::<1>::from_floats([5.0, 0.0], &Device::flex().autodiff()).require_grad();
/// let hard = Tensor::from_floats([0.0, 1.0], &Device::flex());
/// let b = gumbel::straight_through::gapped(logits.clone(), hard, 1.0, LogitGap::Fixed(1.0));
/// let slope = logits.grad(&b.slice([1..2]).sum().backward()).unwrap().slice([1..2]).into_scalar::<f32>();
/// assert!((slope - 0.19661).abs() < 1e-4); // σ(1) (1 − σ(1)): the two logits are a gap apart
/// ```
pub fn gapped<const D: usize>(logits: Tensor<D>, hard: Tensor<D>, tau: f64, gap: LogitGap) -> Tensor<D> {
    of_centred(logits, hard, |logits, hard| {
        let theta = logits.clone().detach();
        let one = tracked_as(hard.clone(), &theta);
        let top = theta.clone().max_dim(D - 1);
        let sampled = (unmasked(theta.clone()) * one.clone()).sum_dim(D - 1);
        let gap = match gap {
            LogitGap::Fixed(gap) => top.zeros_like() + gap,
            LogitGap::Probability => {
                let p = (activation::softmax(theta.clone(), D - 1) * one.clone()).sum_dim(D - 1);
                // Short of one by a rounding step, so that the gap stays finite; its limit at 0 is 1.
                let p = p.clamp(1e-30, 1.0 - 1e-5);
                p.clone().neg().log1p().neg() / p
            }
        };
        let excess = (theta.clone() - top.clone() + gap).clamp_min(0.0);
        let moved = (top - sampled) * one.clone() - excess * (one.neg() + 1.0);
        attach(hard, activation::softmax(over(logits + moved, tau), D - 1))
    })
}

/// Gapped straight-through: the logits are moved, only as far as necessary, to agree with the sample.
///
/// ```text
/// ĝ = (∂y/∂θ)ᵀ ∇f(b),   b ~ q,   y = softmax((θ + m₁ − m₂) / τ),   m₁ and m₂ constants,
/// m₁ = (max θ − θ_b) b lifts the sampled logit to the top, and m₂ᵢ = max(0, θᵢ − max θ + gap) off b keeps the others
/// at least `gap` below it
/// ```
///
/// - **Bias**: biased, and exact for no order of f.
/// - **Cost**: S evaluations of f and of ∇f.
/// - **Uses**: logits, ∇f at hard samples.
/// - **Good for**: less variance than straight-through-gumbel at the same cost, as given b there is no further noise.
/// - **Avoid when**: exactness for a linear or quadratic f matters (use zgr).
/// - **Choices**: `gap=p` is −ln(1 − p_b) / p_b, the mean gap between the largest perturbed logit and the others.
/// - **Source**: Fan, Chi, Rudnicky and Ramadge 2022, section 4.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::Schedule;
/// use gumbel::estimator::{Estimator, Gapped, LogitGap, Objective};
/// let logits = Tensor::<3>::zeros([1, 1, 2], &Device::flex().autodiff()).require_grad();
/// let bit = Objective::mean(|sample| sample.z.clone().narrow(3, 1, 1).squeeze_dims(&[2, 3]));
/// let estimator = Gapped::new(1, Schedule::Constant(1.0), LogitGap::Fixed(1.0))?;
/// let estimate = estimator.estimate(logits.clone(), &bit, &mut gumbel::Noise::from_seed(1), 0)?;
/// let gradient = logits.grad(&estimate.loss.backward()).expect("a gradient").slice([0..1, 0..1, 1..2]);
/// assert!((gradient.into_scalar::<f32>() - 0.19661).abs() < 1e-4); // σ(1) (1 − σ(1)), where p (1 − p) is 1/4
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "GST")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gapped {
    samples: usize,
    tau: Schedule,
    gap: LogitGap,
}

/// How far below the sampled logit [`Gapped`] keeps the others.
///
/// ```
/// use gumbel::estimator::LogitGap;
/// assert_eq!("0.5".parse::<LogitGap>()?, LogitGap::Fixed(0.5));
/// assert_eq!("p".parse::<LogitGap>()?, LogitGap::Probability);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum LogitGap {
    /// By this much.
    Fixed(f64),
    /// By −ln(1 − p_b) / p_b.
    Probability,
}

impl fmt::Display for LogitGap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(gap) => write!(f, "{gap}"),
            Self::Probability => f.pad("p"),
        }
    }
}

impl FromStr for LogitGap {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text.parse::<f64>() {
            _ if text == "p" => Ok(Self::Probability),
            Ok(gap) if gap >= 0.0 && gap.is_finite() => Ok(Self::Fixed(gap)),
            _ => Err(Error::parameter(ENTRY.name(), "gap", "a number that is not negative, or p", text)),
        }
    }
}

impl Gapped {
    /// With `samples` samples per row and the backward pass at `tau`.
    ///
    /// # Errors
    /// No samples.
    pub fn new(samples: usize, tau: Schedule, gap: LogitGap) -> Result<Self, Error> {
        Ok(Self { samples: Self::PROPERTIES.at_least(1, samples)?, tau, gap })
    }
}

impl Pathwise for Gapped {
    const PROPERTIES: Properties = Properties::pathwise("gapped");

    fn samples(&self) -> usize {
        self.samples
    }

    fn sample(&self, logits: Tensor<4>, noise: &mut Noise, step: u64) -> Result<Sample, Error> {
        let hard = sample_one_hot(logits.clone().detach(), noise)?;
        Ok(Sample::hard(gapped(logits, hard, self.tau.at(step), self.gap)))
    }
}

pub(super) static ENTRY: Entry = Entry {
    properties: Gapped::PROPERTIES,
    title: "straight-through with logits moved to agree with the sample",
    papers: &[FAN],
    place: "section 4",
    parameters: &[
        Parameter::SAMPLES,
        Parameter::TAU,
        Parameter { name: "gap", default: "1", range: "a number that is not negative, or p" },
    ],
    source: include_str!("gapped.rs"),
    make: |given| boxed(Gapped::new(given.read("samples")?, given.read("tau")?, given.read("gap")?)),
};

const FAN: Paper = Paper {
    key: "fan2022training",
    authors: "Ting-Han Fan and Ta-Chung Chi and Alexander I. Rudnicky and Peter J. Ramadge",
    title: "Training Discrete Deep Generative Models via Gapped Straight-Through Estimator",
    venue: Venue::Conference("International Conference on Machine Learning"),
    year: 2022,
};
