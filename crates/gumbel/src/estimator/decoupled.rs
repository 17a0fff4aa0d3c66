use super::contract::{Entry, Paper, Parameter, Pathwise, Properties, Sample, Venue, boxed};
use crate::tensor::attach;
use crate::{Error, Noise, Schedule, gumbel_softmax, sample_one_hot};
use burn::tensor::Tensor;

/// Decoupled straight-through Gumbel-Softmax: one temperature forward, another backward.
///
/// ```text
/// ĝ = (∂y/∂θ)ᵀ ∇f(b),   b = one-hot(argmax(θ / τ_f + g)),   y = softmax((θ + g) / τ)
/// ```
///
/// - **Bias**: biased.
/// - **Cost**: S evaluations of f and of ∇f.
/// - **Uses**: logits, ∇f at hard samples.
/// - **Good for**: a forward distribution sharper than the model's own, while the backward pass stays smooth.
/// - **Avoid when**: the objective is that of q itself: at τ_f ≠ 1 the samples, and the loss, are those of
///   softmax(θ / τ_f).
/// - **Choices**: τ_f acts before the noise. Dividing θ + g by it, as some code does, changes no argmax and so nothing at
///   all. At τ_f = 1 this is straight-through-gumbel.
/// - **Source**: Shah, Yan, Mozer and Liu 2024, section 3.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::estimator::{Decoupled, Objective};
/// use gumbel::{Noise, Schedule, measure::measure};
/// let bit = Objective::mean(|sample| sample.z.clone().narrow(3, 1, 1).squeeze_dims(&[2, 3]));
/// let mut estimator = Decoupled::new(1, Schedule::Constant(1.0), Schedule::Constant(0.5))?;
/// let fair = Tensor::<2>::zeros([1, 2], &Device::flex());
/// let measured = measure(&mut estimator, fair, &bit, 10_000, &Noise::from_seed(1))?;
/// assert!((measured.mean[1] - 1.0 / 6.0).abs() < 0.004); // E y (1 − y), where p (1 − p) is 1/4
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decoupled {
    samples: usize,
    tau: Schedule,
    forward_tau: Schedule,
}

impl Decoupled {
    /// With `samples` samples per row drawn at `forward_tau`, and the backward pass at `tau`.
    ///
    /// # Errors
    /// No samples.
    pub fn new(samples: usize, tau: Schedule, forward_tau: Schedule) -> Result<Self, Error> {
        Ok(Self { samples: Self::PROPERTIES.at_least(1, samples)?, tau, forward_tau })
    }
}

impl Pathwise for Decoupled {
    const PROPERTIES: Properties = Properties::pathwise("decoupled");

    fn samples(&self) -> usize {
        self.samples
    }

    fn sample(&self, logits: Tensor<4>, noise: &mut Noise, step: u64) -> Result<Sample, Error> {
        // The same numbers twice: number i of the noise is used for logit i in both.
        let hard = sample_one_hot(logits.clone().detach() / self.forward_tau.at(step), &mut noise.clone())?;
        let soft = gumbel_softmax(logits, self.tau.at(step), noise)?;
        Ok(Sample::hard(attach(hard, soft)))
    }
}

pub(super) static ENTRY: Entry = Entry {
    properties: Decoupled::PROPERTIES,
    title: "straight-through Gumbel with a separate forward temperature",
    papers: &[SHAH],
    place: "section 3",
    parameters: &[
        Parameter::SAMPLES,
        Parameter::TAU,
        Parameter {
            name: "forward-tau",
            default: "1",
            range: "the temperature of the hard sample, positive: a number or a schedule",
        },
    ],
    source: include_str!("decoupled.rs"),
    make: |given| {
        boxed(Decoupled::new(given.read("samples")?, given.read("tau")?, given.read("forward-tau")?))
    },
};

const SHAH: Paper = Paper {
    key: "shah2024improving",
    authors: "Rushi Shah and Mingyuan Yan and Michael Curtis Mozer and Dianbo Liu",
    title: "Improving Discrete Optimisation Via Decoupled Straight-Through Gumbel-Softmax",
    venue: Venue::Arxiv("2410.13331"),
    year: 2024,
};
