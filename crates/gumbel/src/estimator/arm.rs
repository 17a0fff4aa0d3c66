use super::contract::{
    Entry, Estimate, Estimator, Evaluation, Objective, Paper, Parameter, Properties, Sample, Venue, boxed,
    prepared,
};
use super::parts::antithetic::{Pairs, halves, pairs};
use super::parts::binary;
use crate::{Error, Noise};
use burn::tensor::Tensor;

/// ARM (augment, REINFORCE, merge): the score function in uniform noise, merged with its mirror image.
///
/// ```text
/// ĝ = (f(b) − f(b̃)) (u − ½),   u ~ U(0, 1)^D,   b = 1[u > 1 − p],   b̃ = 1[u < p],   p = σ(ℓ)
/// ```
///
/// - **Bias**: none.
/// - **Cost**: S evaluations of f (S / 2 pairs); no gradient of f.
/// - **Uses**: log-odds, values of f.
/// - **Good for**: comparison with the literature, for binary latents and a black-box f.
/// - **Avoid when**: disarm can be used: it is the mean of this one given the pair, so its variance is never larger.
/// - **Source**: Yin and Zhou 2019, theorem 1.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::estimator::{Arm, Objective};
/// let device = Device::flex().autodiff();
/// let logits = Tensor::<3>::zeros([1, 1, 2], &device).require_grad();
/// let bit = Objective::mean(|sample| sample.z.clone().narrow(3, 1, 1).squeeze_dims(&[2, 3]));
/// let uniform = Tensor::<3>::from_floats([[[0.9]]], &device);
/// let estimate = Arm::new(2)?.with_uniform(logits.clone(), &bit, uniform)?;
/// let gradient = logits.grad(&estimate.loss.backward()).expect("a gradient").slice([0..1, 0..1, 1..2]);
/// assert!((gradient.into_scalar::<f32>() - 0.4).abs() < 1e-6); // (1 − 0) (0.9 − ½)
/// # Ok::<(), gumbel::Error>(())
/// ```
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
        Ok(Self { pairs: pairs(&ENTRY.properties, samples)? })
    }

    /// The estimate for logits `[B, D, 2]` from given uniform numbers `[S / 2, B, D]`: a pure function of them.
    ///
    /// # Errors
    /// Those of [`estimate`](Estimator::estimate).
    pub fn with_uniform(
        &self,
        logits: Tensor<3>,
        objective: &Objective,
        uniform: Tensor<3>,
    ) -> Result<Estimate, Error> {
        ENTRY.properties.check(objective)?;
        let log_odds = binary::log_odds(&ENTRY.properties, &logits)?;
        let certain = log_odds.clone().is_inf();
        let sample = Sample::hard(Pairs::new(log_odds, uniform.clone()).one_hot());
        let evaluation = Evaluation::at(sample, objective);
        let [left, right] = halves(evaluation.losses.clone().detach());
        let slopes = (left - right).unsqueeze_dim::<3>(2) * (uniform - 0.5);
        let slope = slopes.mean_dim(0).squeeze_dim::<2>(0).mask_fill(certain, 0.0);
        Ok(evaluation.estimate(logits, binary::cotangent(slope)))
    }
}

impl Estimator for Arm {
    fn properties(&self) -> Properties {
        ENTRY.properties.with_samples(2 * self.pairs)
    }

    fn estimate(
        &self,
        logits: Tensor<3>,
        objective: &Objective,
        noise: &mut Noise,
        _step: u64,
    ) -> Result<Estimate, Error> {
        prepared(logits, objective, |logits, objective| {
            let [rows, latents, _] = logits.dims();
            let uniform = binary::uniform(noise, &logits, [self.pairs, rows, latents]);
            self.with_uniform(logits, objective, uniform)
        })
    }
}

pub(super) static ENTRY: Entry = Entry {
    properties: Properties::score_function("arm").binary(),
    title: "antithetic pairs of uniform noise",
    papers: &[YIN],
    place: "theorem 1",
    parameters: &[Parameter::PAIRED],
    source: include_str!("arm.rs"),
    make: |given| boxed(Arm::new(given.read("samples")?)),
};

const YIN: Paper = Paper {
    key: "yin2019arm",
    authors: "Mingzhang Yin and Mingyuan Zhou",
    title: "ARM: Augment-REINFORCE-Merge Gradient for Stochastic Binary Networks",
    venue: Venue::Conference("International Conference on Learning Representations"),
    year: 2019,
};
