use super::contract::{Entry, Paper, Parameter, Pathwise, Properties, Sample, Venue, boxed};
use crate::checked::at_least_one;
use crate::distribution::gumbel_given_argmax;
use crate::tensor::{attach, of_centred, over};
use crate::{Error, Noise, Schedule, sample_one_hot};
use burn::tensor::{Tensor, activation};

/// A hard sample with the gradient of the mean of `draws` relaxed samples that have it as their argmax; see
/// [`GumbelRao`].
///
/// # Shapes
/// `logits`, `hard` `[.., K]` to `[.., K]`; uses `draws` numbers of the noise per logit.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::Noise;
/// let logits = Tensor::<1>::from_floats([0.0, 0.0], &Device::flex().autodiff()).require_grad();
/// let hard = Tensor::from_floats([1.0, 0.0], &Device::flex());
/// let b = gumbel::straight_through::gumbel_rao(logits.clone(), hard, 1.0, 1000, &mut Noise::from_seed(1));
/// let slope = logits.grad(&b.slice([0..1]).sum().backward()).unwrap().slice([0..1]).into_scalar::<f32>();
/// assert!((slope - 1.0 / 6.0).abs() < 0.01); // E y (1 − y) of a uniform y: at tau = 1 so is σ(logistic)
/// ```
pub fn gumbel_rao<const D: usize>(
    logits: Tensor<D>,
    hard: Tensor<D>,
    tau: f64,
    draws: usize,
    noise: &mut Noise,
) -> Tensor<D> {
    of_centred(logits, hard, |logits, hard| {
        let soft = mean_given_argmax(logits, hard.clone(), tau, draws, noise);
        attach(hard, soft)
    })
}

/// The mean of `draws` relaxed samples of the logits whose noise has `hard` as the argmax, and is a constant.
pub(super) fn mean_given_argmax<const D: usize>(
    logits: Tensor<D>,
    hard: Tensor<D>,
    tau: f64,
    draws: usize,
    noise: &mut Noise,
) -> Tensor<D> {
    let soft = |noise: &mut Noise| {
        let shift = gumbel_given_argmax(logits.clone().detach(), hard.clone(), noise);
        activation::softmax(over(logits.clone() + shift, tau), D - 1)
    };
    let first = soft(noise);
    let total = (1..draws).fold(first, |total, _| total + soft(noise));
    over(total, draws as f64)
}

/// Gumbel-Rao: straight-through Gumbel-Softmax, averaged over the noise that gives the same sample.
///
/// ```text
/// ĝ = (1/M) Σ_m (∂y_m/∂θ)ᵀ ∇f(b),   b ~ q,   y_m = softmax((θ + g_m) / τ),   g_m ~ Gumbel given argmax(θ + g) = b
/// ```
///
/// - **Bias**: biased, exactly as straight-through-gumbel at the same τ; the variance falls with M.
/// - **Cost**: S evaluations of f and of ∇f, and M S softmaxes.
/// - **Uses**: logits, ∇f at hard samples.
/// - **Good for**: low temperatures, where the bias is small and the variance of straight-through-gumbel is not.
/// - **Avoid when**: f is cheaper than M softmaxes (average more samples instead).
/// - **Choices**: the conditional Gumbels are constants given b. Differentiating through them, as one may read the paper,
///   gives another estimator.
/// - **Source**: Paulus, Maddison and Krause 2021, section 4; eq. 9 for the conditional Gumbels.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::estimator::{GumbelRao, Objective};
/// use gumbel::{Noise, Schedule, measure::measure};
/// let bit = Objective::mean(|sample| sample.z.clone().narrow(3, 1, 1).squeeze_dims(&[2, 3]));
/// let mut estimator = GumbelRao::new(1, Schedule::Constant(1.0), 10)?;
/// let fair = Tensor::<2>::zeros([1, 2], &Device::flex());
/// let measured = measure(&mut estimator, fair, &bit, 10_000, &Noise::from_seed(1))?;
/// assert!((measured.mean[1] - 1.0 / 6.0).abs() < 0.002); // E y (1 − y), where p (1 − p) is 1/4
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "Rao-Blackwell")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GumbelRao {
    samples: usize,
    tau: Schedule,
    draws: usize,
}

impl GumbelRao {
    /// With `samples` samples per row, each with `draws` conditional draws at temperature `tau`.
    ///
    /// # Errors
    /// No samples, or no draws.
    pub fn new(samples: usize, tau: Schedule, draws: usize) -> Result<Self, Error> {
        let draws = at_least_one(ENTRY.name(), "draws", draws)?;
        Ok(Self { samples: Self::PROPERTIES.at_least(1, samples)?, tau, draws })
    }
}

impl Pathwise for GumbelRao {
    const PROPERTIES: Properties = Properties::pathwise("gumbel-rao");

    fn samples(&self) -> usize {
        self.samples
    }

    fn sample(&self, logits: Tensor<4>, noise: &mut Noise, step: u64) -> Result<Sample, Error> {
        let hard = sample_one_hot(logits.clone().detach(), noise)?;
        Ok(Sample::hard(gumbel_rao(logits, hard, self.tau.at(step), self.draws, noise)))
    }
}

pub(super) static ENTRY: Entry = Entry {
    properties: GumbelRao::PROPERTIES,
    title: "straight-through Gumbel averaged over the noise given the sample",
    papers: &[PAULUS],
    place: "section 4",
    parameters: &[Parameter::SAMPLES, Parameter { default: "0.5", ..Parameter::TAU }, DRAWS],
    source: include_str!("gumbel_rao.rs"),
    make: |given| boxed(GumbelRao::new(given.read("samples")?, given.read("tau")?, given.read("draws")?)),
};

pub(super) const DRAWS: Parameter =
    Parameter { name: "draws", default: "10", range: "a number of conditional draws M, at least 1" };

const PAULUS: Paper = Paper {
    key: "paulus2021rao",
    authors: "Max B. Paulus and Chris J. Maddison and Andreas Krause",
    title: "Rao-Blackwellizing the Straight-Through Gumbel-Softmax Gradient Estimator",
    venue: Venue::Conference("International Conference on Learning Representations"),
    year: 2021,
};
