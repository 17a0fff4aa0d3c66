use super::contract::{Entry, Paper, Parameter, Pathwise, Properties, Sample, Venue, boxed};
use crate::named::named;
use crate::tensor::{attach, of_centred, over, unmasked};
use crate::{Error, Noise, Schedule, sample_one_hot};
use burn::tensor::{Tensor, activation};

/// A hard sample with the gradient of `softmax(logits / tau)`; see [`StraightThrough`].
///
/// # Shapes
/// `logits`, `hard` `[.., K]` to `[.., K]`.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let logits = Tensor::<1>::from_floats([0.0, 0.0], &Device::flex().autodiff()).require_grad();
/// let hard = Tensor::from_floats([1.0, 0.0], &Device::flex());
/// let b = gumbel::straight_through::softmax(logits.clone(), hard, 1.0);
/// let gradients = (b.clone() * Tensor::from_floats([1.0, 0.0], &Device::flex()).autodiff()).sum().backward();
/// assert_eq!(b.into_data().try_to_vec::<f32>().unwrap(), [1.0, 0.0]);
/// let gradient = logits.grad(&gradients).unwrap().into_data().try_to_vec::<f32>().unwrap();
/// assert_eq!(gradient, [0.25, -0.25]); // p (1 − p)
/// ```
pub fn softmax<const D: usize>(logits: Tensor<D>, hard: Tensor<D>, tau: f64) -> Tensor<D> {
    of_centred(logits, hard, |logits, hard| attach(hard, activation::softmax(over(logits, tau), D - 1)))
}

/// A hard sample with the gradient of the logits themselves; zero at masks. See [`StraightThrough`].
///
/// # Shapes
/// `logits`, `hard` `[.., K]` to `[.., K]`.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let logits = Tensor::<1>::from_floats([0.0, f32::NEG_INFINITY], &Device::flex().autodiff()).require_grad();
/// let b = gumbel::straight_through::identity(logits.clone(), Tensor::from_floats([1.0, 0.0], &Device::flex()));
/// let gradient = logits.grad(&(b * 3.0).sum().backward()).unwrap();
/// assert_eq!(gradient.into_data().try_to_vec::<f32>().unwrap(), [3.0, 0.0]);
/// ```
pub fn identity<const D: usize>(logits: Tensor<D>, hard: Tensor<D>) -> Tensor<D> {
    attach(hard, unmasked(logits))
}

/// Straight-through: a hard sample forward, the gradient of a noise-free soft function backward.
///
/// ```text
/// ĝ = J g,   g = ∇f(b),   b ~ q,   J = (∂/∂θ) softmax(θ / τ) (softmax) or J = I (identity)
/// ```
///
/// - **Bias**: biased; with the softmax at τ = 1 exact for a linear f.
/// - **Cost**: S evaluations of f and of ∇f.
/// - **Uses**: logits, ∇f at hard samples.
/// - **Good for**: a first try: no noise in the backward pass, nothing to tune.
/// - **Avoid when**: f is curved (zgr is exact for a quadratic f at the same cost).
/// - **Choices**: three methods go by this name. The default is the softmax's Jacobian; `backward=identity` passes the
///   gradient to the logits unchanged, which is not invariant to a constant added to them; `tau` tempers the softmax.
/// - **Source**: Bengio, Léonard and Courville 2013, section 4; the idea is Hinton's (lectures, 2012).
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::Schedule;
/// use gumbel::estimator::{Estimator, Objective, StraightThrough, StraightThroughBackward};
/// let logits = Tensor::<3>::zeros([1, 1, 2], &Device::flex().autodiff()).require_grad();
/// let bit = Objective::mean(|sample| sample.z.clone().narrow(3, 1, 1).squeeze_dims(&[2, 3]));
/// let estimator = StraightThrough::new(1, Schedule::Constant(1.0), StraightThroughBackward::Softmax)?;
/// let estimate = estimator.estimate(logits.clone(), &bit, &mut gumbel::Noise::from_seed(1), 0)?;
/// let gradient = logits.grad(&estimate.loss.backward()).expect("a gradient");
/// assert_eq!(gradient.into_data().try_to_vec::<f32>().unwrap(), [-0.25, 0.25]); // p (1 − p)
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "STE")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StraightThrough {
    samples: usize,
    tau: Schedule,
    backward: StraightThroughBackward,
}

/// What the gradient of [`StraightThrough`] passes through on its way back.
///
/// ```
/// use gumbel::estimator::StraightThroughBackward;
/// assert_eq!("identity".parse::<StraightThroughBackward>()?, StraightThroughBackward::Identity);
/// assert_eq!(StraightThroughBackward::ALL.len(), 2);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum StraightThroughBackward {
    /// The tempered softmax of the logits.
    #[default]
    Softmax,
    /// Nothing: the logits get the gradient of the sample.
    Identity,
}

impl StraightThroughBackward {
    /// Both, in the order of the documentation.
    pub const ALL: [Self; 2] = [Self::Softmax, Self::Identity];
}

named!(StraightThroughBackward, "backward pass", Softmax => "softmax", Identity => "identity");

impl StraightThrough {
    /// With `samples` samples per row; `tau` tempers a backward pass through the softmax.
    ///
    /// # Errors
    /// No samples.
    pub fn new(samples: usize, tau: Schedule, backward: StraightThroughBackward) -> Result<Self, Error> {
        Ok(Self { samples: Self::PROPERTIES.at_least(1, samples)?, tau, backward })
    }
}

impl Pathwise for StraightThrough {
    const PROPERTIES: Properties = Properties::pathwise("straight-through");

    fn samples(&self) -> usize {
        self.samples
    }

    fn sample(&self, logits: Tensor<4>, noise: &mut Noise, step: u64) -> Result<Sample, Error> {
        let hard = sample_one_hot(logits.clone().detach(), noise)?;
        Ok(Sample::hard(match self.backward {
            StraightThroughBackward::Softmax => softmax(logits, hard, self.tau.at(step)),
            StraightThroughBackward::Identity => identity(logits, hard),
        }))
    }
}

pub(super) static ENTRY: Entry = Entry {
    properties: StraightThrough::PROPERTIES,
    title: "hard sample forward, softmax or identity backward",
    papers: &[BENGIO],
    place: "section 4",
    parameters: &[
        Parameter::SAMPLES,
        Parameter::TAU,
        Parameter { name: "backward", default: "softmax", range: "softmax or identity" },
    ],
    source: include_str!("straight_through.rs"),
    make: |given| {
        boxed(StraightThrough::new(given.read("samples")?, given.read("tau")?, given.read("backward")?))
    },
};

const BENGIO: Paper = Paper {
    key: "bengio2013estimating",
    authors: "Yoshua Bengio and Nicholas Léonard and Aaron Courville",
    title: "Estimating or Propagating Gradients Through Stochastic Neurons for Conditional Computation",
    venue: Venue::Arxiv("1308.3432"),
    year: 2013,
};
