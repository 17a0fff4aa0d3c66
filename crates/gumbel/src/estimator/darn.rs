//! DARN: the difference that a bit makes, by the trapezoid rule.
//!
//! Gregor, Danihelka, Mnih, Blundell and Wierstra 2014; as the gradient of a sample, Shekhovtsov 2023.
//! ĝᵢ = gᵢ (bᵢ − ½) (bᵢ − pᵢ),   g = ∇f(b),   b ~ q,   p = σ(ℓ): in the mean p (1 − p) times the average slope at 0 and 1.
//! Biased; exact for every quadratic f. With two categories zgr, and reinmax at τ = 1, are the same sample by sample.
//! Cost: S evaluations of f and of ∇f. Sees: ℓ, ∇f at hard samples.
//! Good for: binary latents and smooth f: nothing to tune. Poor for: strongly curved f.
//! Choice: the line that stands for f goes through the sample, a bit at a time. A line through b = ½ for all of them,
//! as the method is sometimes described, is biased for quadratics with cross terms.

use super::parts::binary;
use super::straight_through::attach;
use super::zgr::SHEKHOVTSOV;
use super::{
    EITHER, Estimate, Estimator, Evaluations, Info, Latents, Objective, Paper, SAMPLES, Sample, Samples,
    Venue, at_least, repeat,
};
use crate::{Error, Noise, categorical, sample_one_hot};
use burn::tensor::Tensor;

pub(super) static INFO: Info = Info {
    name: "darn",
    title: "the difference that a bit makes, by the trapezoid rule",
    papers: &[GREGOR, SHEKHOVTSOV],
    place: "its gradient of stochastic bits",
    source: include_str!("darn.rs"),
    serves: Latents::Binary,
    reductions: EITHER,
    unbiased: false,
    samples: Samples::Hard,
    needs_gradient: true,
    differentiates_inside: false,
    parameters: &[SAMPLES],
    evaluations: Evaluations::SAMPLES,
    make: |given| Ok(Box::new(Darn::new(given.read(&INFO, "samples")?)?)),
};

const GREGOR: Paper = Paper {
    key: "gregor2014deep",
    authors: "Karol Gregor and Ivo Danihelka and Andriy Mnih and Charles Blundell and Daan Wierstra",
    title: "Deep AutoRegressive Networks",
    venue: Venue::Conference("International Conference on Machine Learning"),
    year: 2014,
};

/// The hard sample of bits with DARN's gradient.
///
/// # Shapes
/// `logits`, `hard` `[.., 2]` to `[.., 2]`.
///
/// # Panics
/// If the last axis is not of two categories.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let logits = Tensor::<1>::from_floats([0.0, 0.0], &Device::flex().autodiff()).require_grad();
/// let b = gumbel::path::darn(logits.clone(), Tensor::from_floats([0.0, 1.0], &Device::flex()));
/// let slope = logits.grad(&b.slice([1..2]).sum().backward()).unwrap().slice([1..2]).into_scalar::<f32>();
/// assert!((slope - 0.25).abs() < 1e-6); // (1 − ½) (1 − ½)
/// ```
pub fn darn<const D: usize>(logits: Tensor<D>, hard: Tensor<D>) -> Tensor<D> {
    let shape = logits.dims();
    assert_eq!(shape[D - 1], 2, "bits are two categories, logits of shape {shape:?} have more or fewer");
    // Its derivative is b − p.
    let log_mass = categorical::log_prob(logits, hard.clone());
    attach(hard.clone(), log_mass * (hard - 0.5))
}

/// See the head of its file for formula, bias, cost and use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Darn {
    samples: usize,
}

impl Darn {
    /// With `samples` samples per row.
    ///
    /// # Errors
    /// No samples.
    pub fn new(samples: usize) -> Result<Self, Error> {
        Ok(Self { samples: at_least(&INFO, 1, samples)? })
    }
}

impl Estimator for Darn {
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
        binary::log_odds(&INFO, &logits)?;
        let logits = repeat(logits, self.samples);
        let hard = sample_one_hot(logits.clone().detach(), noise)?;
        let sample = Sample::hard(darn(logits, hard));
        Ok(Estimate::of(objective.reduce(&sample, objective.losses(&sample))))
    }
}
