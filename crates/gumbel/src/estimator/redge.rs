use super::contract::{Entry, Paper, Parameter, Pathwise, Properties, Sample, Venue, boxed};
use crate::checked::at_least_one;
use crate::named::named;
use crate::tensor::{attach, centred, restored, tracked_as};
use crate::{Error, Noise, sample_one_hot};
use burn::tensor::{Tensor, activation};

/// The largest level of noise: 1, of noise alone, less the authors' α.
const LARGEST: f64 = 1.0 - 1e-4;

/// ReDGE: straight-through by a denoised sample, which a diffusion makes of normal noise and the logits.
///
/// ```text
/// ĝ = (∂x̂(x₁)/∂θ)ᵀ ∇f(b),   x̂(x_i) = softmax(θ + x_i α_i / σ_i²),   α_i = 1 − σ_i,
/// x_{i−1} = α_{i−1} x̂ + (σ_{i−1} / σ_i) (x_i − α_i x̂)   for x̂ = x̂(x_i), from x_N ~ N(0, I) down to x₁
/// ```
///
/// The levels σ of the noise rise evenly from σ₁, a parameter, to σ_N ≈ 1. x̂(x) is the mean of one-hot b ~ q given
/// x = α b + σ ε with normal ε, so no network is trained.
///
/// - **Bias**: biased; at σ₁ = 1 this is straight-through, exact for a linear f. As σ₁ falls the bias does, and the variance
///   grows.
/// - **Cost**: S evaluations of f and of ∇f, and N S softmaxes; to sample exactly, twice as many.
/// - **Uses**: logits, ∇f at hard samples.
/// - **Good for**: the range between straight-through and straight-through-gumbel: less bias than the first, less variance than
///   the second.
/// - **Avoid when**: f is cheap, since the path of each sample is differentiated too; or zgr, without a parameter, will do.
/// - **Choices**: `forward=diffusion` is the paper's hard sample, b ~ x̂(x₁). With few steps its distribution is not quite q
///   (with four, probabilities differ by up to 0.003), and nor is the loss that of q. So the default, `forward=exact`,
///   draws b ~ q and x₁ given b, and runs the diffusion backwards from there to find x_N, a constant: sample and path belong
///   together as in the limit of many steps. That is accurate for σ₁ from 0.5 up; below, use the paper's. N is one less
///   than the authors' number of steps, which counts the hard sample. Their variant with covariances is not included.
/// - **Source**: Gourevitch, Durmus, Moulines, Olsson and Janati 2026, section 3, and the authors' code.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::estimator::{Estimator, Objective, ReDge, ReDgeForward};
/// let logits = Tensor::<3>::zeros([1, 1, 2], &Device::flex().autodiff()).require_grad();
/// let bit = Objective::mean(|sample| sample.z.clone().narrow(3, 1, 1).squeeze_dims(&[2, 3]));
/// let estimator = ReDge::new(1, 4, 1.0, ReDgeForward::Exact)?;
/// let estimate = estimator.estimate(logits.clone(), &bit, &mut gumbel::Noise::from_seed(1), 0)?;
/// let gradient = logits.grad(&estimate.loss.backward()).expect("a gradient").slice([0..1, 0..1, 1..2]);
/// assert!((gradient.into_scalar::<f32>() - 0.25).abs() < 1e-6); // p (1 − p): straight-through
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "diffusion")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReDge {
    samples: usize,
    steps: usize,
    level: f64,
    forward: ReDgeForward,
}

/// How [`ReDge`] draws its hard sample.
///
/// ```
/// use gumbel::estimator::ReDgeForward;
/// assert_eq!("diffusion".parse::<ReDgeForward>()?, ReDgeForward::Diffusion);
/// assert_eq!(ReDgeForward::ALL.len(), 2);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReDgeForward {
    /// From q, with the noise that belongs to the sample.
    #[default]
    Exact,
    /// From the denoised sample, as published.
    Diffusion,
}

impl ReDgeForward {
    /// Both, in the order of the documentation.
    pub const ALL: [Self; 2] = [Self::Exact, Self::Diffusion];
}

named!(ReDgeForward, "forward pass", Exact => "exact", Diffusion => "diffusion");

impl ReDge {
    /// With `samples` samples per row, `steps` levels of noise, N, of which the lowest is `level`, σ₁.
    ///
    /// # Errors
    /// No samples; no steps; a level that is not above 0 and at most 1.
    pub fn new(samples: usize, steps: usize, level: f64, forward: ReDgeForward) -> Result<Self, Error> {
        let steps = at_least_one(ENTRY.name(), "steps", steps)?;
        if !(level > 0.0 && level <= 1.0) {
            return Err(Error::parameter(ENTRY.name(), "level", "above 0 and at most 1", level));
        }
        Ok(Self { samples: Self::PROPERTIES.at_least(1, samples)?, steps, level, forward })
    }

    /// The levels of noise, rising.
    fn levels(&self) -> Vec<f64> {
        let (rise, last) = (LARGEST.max(self.level) - self.level, (self.steps - 1).max(1) as f64);
        (0..self.steps).map(|i| self.level + rise * i as f64 / last).collect()
    }

    /// The end of the path: x̂ at the lowest level, differentiable in the logits, from x at the highest.
    fn denoised(&self, logits: &Tensor<4>, highest: Tensor<4>) -> Tensor<4> {
        let levels = self.levels();
        let lowest = levels.windows(2).rev().fold(highest, |x, pair| moved(logits, x, pair[1], pair[0]));
        denoised(logits, lowest, levels[0])
    }

    /// x at the highest level whose path passes near a point at the lowest, without a gradient.
    fn noised(&self, logits: &Tensor<4>, lowest: Tensor<4>) -> Tensor<4> {
        let logits = logits.clone().detach();
        self.levels().windows(2).fold(lowest, |x, pair| moved(&logits, x, pair[0], pair[1])).detach()
    }
}

/// The mean of the sample given x at this level of noise.
fn denoised(logits: &Tensor<4>, x: Tensor<4>, level: f64) -> Tensor<4> {
    activation::softmax(logits.clone() + x * ((1.0 - level) / level.powi(2)), 3)
}

/// One step along the path of x to another level of noise.
fn moved(logits: &Tensor<4>, x: Tensor<4>, from: f64, to: f64) -> Tensor<4> {
    let ratio = to / from;
    let denoised = denoised(logits, x.clone(), from);
    x * ratio + denoised * ((1.0 - to) - ratio * (1.0 - from))
}

impl Pathwise for ReDge {
    const PROPERTIES: Properties = Properties::pathwise("redge");

    fn samples(&self) -> usize {
        self.samples
    }

    fn sample(&self, logits: Tensor<4>, noise: &mut Noise, _step: u64) -> Result<Sample, Error> {
        let (dtype, theta) = (logits.dtype(), centred(logits));
        let normal = |noise: &mut Noise| {
            let normal = noise.normal::<4>(theta.shape(), &theta.device().inner());
            tracked_as(normal.cast(theta.dtype()), &theta)
        };
        let (hard, soft) = match self.forward {
            ReDgeForward::Exact => {
                let hard = sample_one_hot(theta.clone().detach(), noise)?;
                let lowest = hard.clone() * (1.0 - self.level) + normal(noise) * self.level;
                (hard, self.denoised(&theta, self.noised(&theta, lowest)))
            }
            ReDgeForward::Diffusion => {
                let soft = self.denoised(&theta, normal(noise));
                (sample_one_hot(soft.clone().detach().log(), noise)?, soft)
            }
        };
        Ok(Sample::hard(restored(attach(hard, soft), dtype)))
    }
}

pub(super) static ENTRY: Entry = Entry {
    properties: ReDge::PROPERTIES,
    title: "straight-through by a sample denoised from normal noise",
    papers: &[GOUREVITCH],
    place: "section 3",
    parameters: &[
        Parameter::SAMPLES,
        Parameter { name: "steps", default: "4", range: "a number of levels of noise N, at least 1" },
        Parameter {
            name: "level",
            default: "0.5",
            range: "the lowest level of noise, above 0 and at most 1",
        },
        Parameter { name: "forward", default: "exact", range: "exact or diffusion" },
    ],
    source: include_str!("redge.rs"),
    make: |given| {
        let (steps, level) = (given.read("steps")?, given.read("level")?);
        boxed(ReDge::new(given.read("samples")?, steps, level, given.read("forward")?))
    },
};

const GOUREVITCH: Paper = Paper {
    key: "gourevitch2026categorical",
    authors: "Samson Gourevitch and Alain Durmus and Eric Moulines and Jimmy Olsson and Yazid Janati",
    title: "Categorical Reparameterization with Denoising Diffusion Models",
    venue: Venue::Arxiv("2601.00781"),
    year: 2026,
};
