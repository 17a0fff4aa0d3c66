//! ZGR, the zero-temperature limit of Gumbel-Rao: half straight-through, half DARN.
//!
//! Shekhovtsov 2023, section 4.
//! ĝ = ½ [p∘g + b (bᵀg) − p (bᵀg) − b (pᵀg)],   g = ∇f(b),   b ~ q.
//! Biased; exact for every quadratic f. Cost: S evaluations of f and of ∇f. Sees: θ, ∇f at hard samples.
//! Good for: the default straight-through estimator: nothing to tune. Poor for: strongly curved f.
//! Choice: computed as the gradient of ½ [p + (b − p) ln p_b], where the bracket is a constant.

use super::straight_through::attach;
use super::{
    EITHER, Estimate, Estimator, Evaluations, Info, Latents, Objective, Paper, SAMPLES, Sample, Samples,
    Venue, at_least, repeat,
};
use crate::{Error, Noise, categorical, sample_one_hot};
use burn::tensor::{Tensor, activation};

pub(super) static INFO: Info = Info {
    name: "zgr",
    title: "the limit of Gumbel-Rao at temperature zero",
    papers: &[SHEKHOVTSOV],
    place: "section 4",
    source: include_str!("zgr.rs"),
    serves: Latents::Categorical,
    reductions: EITHER,
    unbiased: false,
    samples: Samples::Hard,
    needs_gradient: true,
    differentiates_inside: false,
    parameters: &[SAMPLES],
    evaluations: Evaluations::SAMPLES,
    make: |given| Ok(Box::new(Zgr::new(given.read(&INFO, "samples")?)?)),
};

pub(super) const SHEKHOVTSOV: Paper = Paper {
    key: "shekhovtsov2023cold",
    authors: "Alexander Shekhovtsov",
    title: "Cold Analysis of Rao-Blackwellized Straight-Through Gumbel-Softmax Gradient Estimator",
    venue: Venue::Conference("International Conference on Machine Learning"),
    year: 2023,
};

/// The hard sample with ZGR's gradient.
///
/// # Shapes
/// `logits`, `hard` `[.., K]` to `[.., K]`.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let logits = Tensor::<1>::from_floats([0.0, 0.0], &Device::flex().autodiff()).require_grad();
/// let b = gumbel::path::zgr(logits.clone(), Tensor::from_floats([1.0, 0.0], &Device::flex()));
/// let slope = logits.grad(&b.slice([0..1]).sum().backward()).unwrap().slice([0..1]).into_scalar::<f32>();
/// assert!((slope - 0.25).abs() < 1e-6); // ½ (½ + 1 − ½ − ½)
/// ```
pub fn zgr<const D: usize>(logits: Tensor<D>, hard: Tensor<D>) -> Tensor<D> {
    let p = activation::softmax(logits.clone(), D - 1);
    let one = if logits.is_autodiff() && !hard.is_autodiff() { hard.autodiff() } else { hard };
    let log_p = categorical::log_prob(logits, one.clone());
    let soft = (p.clone() + (one.clone() - p.detach()) * log_p) * 0.5;
    attach(one, soft)
}

/// See the head of its file for formula, bias, cost and use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zgr {
    samples: usize,
}

impl Zgr {
    /// With `samples` samples per row.
    ///
    /// # Errors
    /// No samples.
    pub fn new(samples: usize) -> Result<Self, Error> {
        Ok(Self { samples: at_least(&INFO, 1, samples)? })
    }
}

impl Estimator for Zgr {
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
        let logits = repeat(logits, self.samples);
        let hard = sample_one_hot(logits.clone().detach(), noise)?;
        let sample = Sample::hard(zgr(logits, hard));
        Ok(Estimate::of(objective.reduce(&sample, objective.losses(&sample))))
    }
}
