use super::contract::{Entry, Paper, Parameter, Pathwise, Properties, Sample, Venue, boxed};
use crate::tensor::{attach, of_centred, tracked_as, unmasked};
use crate::{Error, Noise, Schedule, sample_one_hot};
use burn::tensor::{Tensor, activation};

/// A hard sample with ReinMax's gradient; see [`ReinMax`].
///
/// # Shapes
/// `logits`, `hard` `[.., K]` to `[.., K]`.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let logits = Tensor::<1>::from_floats([0.0, 0.0], &Device::flex().autodiff()).require_grad();
/// let hard = Tensor::from_floats([1.0, 0.0], &Device::flex());
/// let b = gumbel::straight_through::reinmax(logits.clone(), hard, 1.0);
/// let slope = logits.grad(&b.slice([0..1]).sum().backward()).unwrap().slice([0..1]).into_scalar::<f32>();
/// assert!((slope - 0.25).abs() < 1e-6); // 2 · 3/4 · 1/4 − ½ · 1/4
/// ```
pub fn reinmax<const D: usize>(logits: Tensor<D>, hard: Tensor<D>, tau: f64) -> Tensor<D> {
    of_centred(logits, hard, |logits, hard| {
        let tempered = activation::softmax(logits.clone().detach() / tau, D - 1);
        let midpoint = tracked_as((tempered.inner() + hard.clone().inner()) * 0.5, &logits);
        // Zero, with the gradient of the logits: the softmax of log π₁ at the logits' place.
        let theta = unmasked(logits.clone());
        let here = midpoint.log() + (theta.clone() - theta.detach());
        let soft = activation::softmax(here, D - 1) * 2.0 - activation::softmax(logits, D - 1) * 0.5;
        attach(hard, soft)
    })
}

/// ReinMax: second-order straight-through, by Heun's method.
///
/// ```text
/// ĝ = 2 J(π₁) g − ½ J(p) g,   g = ∇f(b),   b ~ q,   π₁ = ½ (softmax(θ / τ) + b),   J(p) v = p∘v − p (pᵀv)
/// ```
///
/// - **Bias**: biased; at τ = 1 exact for every quadratic f, and the same as zgr sample by sample.
/// - **Cost**: S evaluations of f and of ∇f.
/// - **Uses**: logits, ∇f at hard samples.
/// - **Good for**: an f that is smooth at hard samples, with one evaluation per step.
/// - **Avoid when**: f is strongly curved, where the bias is that of the other straight-through estimators.
/// - **Choices**: τ ≥ 1 is enforced, as in the authors' code; τ above 1 lowers the variance and is biased for a linear f.
/// - **Source**: Liu, Dong, Liu, Yu and Gao 2023, section 3.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::Schedule;
/// use gumbel::estimator::{Estimator, Objective, ReinMax};
/// let logits = Tensor::<3>::zeros([1, 1, 2], &Device::flex().autodiff()).require_grad();
/// let bit = Objective::mean(|sample| sample.z.clone().narrow(3, 1, 1).squeeze_dims(&[2, 3]));
/// let estimator = ReinMax::new(1, Schedule::Constant(1.0))?;
/// let estimate = estimator.estimate(logits.clone(), &bit, &mut gumbel::Noise::from_seed(1), 0)?;
/// let gradient = logits.grad(&estimate.loss.backward()).expect("a gradient").slice([0..1, 0..1, 1..2]);
/// assert!((gradient.into_scalar::<f32>() - 0.25).abs() < 1e-6); // p (1 − p)
/// # Ok::<(), gumbel::Error>(())
/// ```
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
            let error = Error::parameter(ENTRY.name(), "tau", "at least 1", tau);
            return Err(error.with_remedy("below 1 use gumbel-rao"));
        }
        Ok(Self { samples: Self::PROPERTIES.at_least(1, samples)?, tau })
    }
}

impl Pathwise for ReinMax {
    const PROPERTIES: Properties = Properties::pathwise("reinmax");

    fn samples(&self) -> usize {
        self.samples
    }

    fn sample(&self, logits: Tensor<4>, noise: &mut Noise, step: u64) -> Result<Sample, Error> {
        let hard = sample_one_hot(logits.clone().detach(), noise)?;
        Ok(Sample::hard(reinmax(logits, hard, self.tau.at(step))))
    }
}

pub(super) static ENTRY: Entry = Entry {
    properties: ReinMax::PROPERTIES,
    title: "second-order straight-through",
    papers: &[LIU],
    place: "section 3",
    parameters: &[Parameter::SAMPLES, Parameter::TAU],
    source: include_str!("reinmax.rs"),
    make: |given| boxed(ReinMax::new(given.read("samples")?, given.read("tau")?)),
};

const LIU: Paper = Paper {
    key: "liu2023bridging",
    authors: "Liyuan Liu and Chengyu Dong and Xiaodong Liu and Bin Yu and Jianfeng Gao",
    title: "Bridging Discrete and Backpropagation: Straight-Through and Beyond",
    venue: Venue::Conference("Advances in Neural Information Processing Systems"),
    year: 2023,
};
