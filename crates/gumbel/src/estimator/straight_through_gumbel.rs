use super::contract::{Entry, Parameter, Pathwise, Properties, Sample, boxed};
use super::gumbel_softmax::JANG;
use crate::{Error, Noise, Schedule, straight_through_gumbel_softmax};
use burn::tensor::Tensor;

/// Straight-through Gumbel-Softmax: the hard sample forward, the relaxed sample of the same noise backward.
///
/// ```text
/// ĝ = (∂y/∂θ)ᵀ ∇f(b),   b = one-hot(argmax(θ + g)),   y = softmax((θ + g) / τ)
/// ```
///
/// - **Bias**: biased; τ → 0 does not remove the bias unless f is at most quadratic.
/// - **Cost**: S evaluations of f and of ∇f.
/// - **Uses**: logits, ∇f at hard samples.
/// - **Good for**: models that require one-hot inputs in training.
/// - **Avoid when**: f is strongly curved.
/// - **Choices**: τ ≤ 1 is enforced; above 1 use reinmax.
/// - **Source**: Jang, Gu and Poole 2017, section 2.2.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::estimator::{Objective, StraightThroughGumbel};
/// use gumbel::{Noise, Schedule, measure::measure};
/// let bit = Objective::mean(|sample| sample.z.clone().narrow(3, 1, 1).squeeze_dims(&[2, 3]));
/// let mut estimator = StraightThroughGumbel::new(1, Schedule::Constant(1.0))?;
/// let fair = Tensor::<2>::zeros([1, 2], &Device::flex());
/// let measured = measure(&mut estimator, fair, &bit, 10_000, &Noise::from_seed(1))?;
/// assert!((measured.mean[1] - 1.0 / 6.0).abs() < 0.004); // E y (1 − y), where p (1 − p) is 1/4
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "STE")]
#[doc(alias = "hard gumbel softmax")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StraightThroughGumbel {
    samples: usize,
    tau: Schedule,
}

impl StraightThroughGumbel {
    /// With `samples` samples per row and the backward pass at temperature `tau`.
    ///
    /// # Errors
    /// No samples; a temperature above 1 at any step.
    pub fn new(samples: usize, tau: Schedule) -> Result<Self, Error> {
        let (_, largest) = tau.range();
        if largest > 1.0 {
            let error = Error::parameter(ENTRY.name(), "tau", "at most 1", tau);
            return Err(error.with_remedy("above 1 use reinmax"));
        }
        Ok(Self { samples: Self::PROPERTIES.at_least(1, samples)?, tau })
    }
}

impl Pathwise for StraightThroughGumbel {
    const PROPERTIES: Properties = Properties::pathwise("straight-through-gumbel");

    fn samples(&self) -> usize {
        self.samples
    }

    fn sample(&self, logits: Tensor<4>, noise: &mut Noise, step: u64) -> Result<Sample, Error> {
        Ok(Sample::hard(straight_through_gumbel_softmax(logits, self.tau.at(step), noise)?))
    }
}

pub(super) static ENTRY: Entry = Entry {
    properties: StraightThroughGumbel::PROPERTIES,
    title: "hard sample forward, relaxed sample backward",
    papers: &[JANG],
    place: "section 2.2",
    parameters: &[Parameter::SAMPLES, Parameter::ANNEALED],
    source: include_str!("straight_through_gumbel.rs"),
    make: |given| boxed(StraightThroughGumbel::new(given.read("samples")?, given.read("tau")?)),
};
