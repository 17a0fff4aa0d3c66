use super::contract::{Entry, Paper, Parameter, Pathwise, Properties, Sample, Venue, boxed};
use super::gumbel_rao::{DRAWS, mean_given_argmax};
use crate::checked::at_least_one;
use crate::tensor::{attach, of_centred, tracked_as, unmasked};
use crate::{Error, Noise, Schedule, sample_one_hot};
use burn::tensor::{Tensor, activation};

/// A hard sample with ReinMax-Rao's gradient; see [`ReinMaxRao`].
///
/// # Shapes
/// `logits`, `hard` `[.., K]` to `[.., K]`; uses `draws` numbers of the noise per logit.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::Noise;
/// let logits = Tensor::<1>::from_floats([0.0, 0.0], &Device::flex().autodiff()).require_grad();
/// let hard = Tensor::from_floats([1.0, 0.0], &Device::flex());
/// let b = gumbel::straight_through::reinmax_rao(logits.clone(), hard, 1.0, 10_000, &mut Noise::from_seed(1));
/// let slope = logits.grad(&b.slice([0..1]).sum().backward()).unwrap().slice([0..1]).into_scalar::<f32>();
/// assert!((slope - 0.1476).abs() < 0.01); // 2 E y (1 − y) − 1/8 of noise given b, by quadrature
/// ```
pub fn reinmax_rao<const D: usize>(
    logits: Tensor<D>,
    hard: Tensor<D>,
    tau: f64,
    draws: usize,
    noise: &mut Noise,
) -> Tensor<D> {
    of_centred(logits, hard, |logits, hard| {
        let here = log_midpoint(logits.clone(), hard.clone());
        let soft = mean_given_argmax(here, hard.clone(), tau, draws, noise);
        attach(hard, soft * 2.0 - activation::softmax(logits, D - 1) * 0.5)
    })
}

/// `log π₁` at the place of the logits: its value, accurate however improbable a category is, with their gradient.
pub(super) fn log_midpoint<const D: usize>(logits: Tensor<D>, hard: Tensor<D>) -> Tensor<D> {
    let log_p = activation::log_softmax(logits.clone().inner(), D - 1);
    let picked = hard.inner().equal_elem(1.0);
    let doubled = log_p.clone().mask_where(picked, (log_p.exp() + 1.0).log());
    let theta = unmasked(logits);
    // Zero, with the gradient of the logits.
    tracked_as(doubled - std::f64::consts::LN_2, &theta) + (theta.clone() - theta.detach())
}

/// ReinMax-Rao: ReinMax with Gumbel-Rao's Jacobian at the midpoint in place of the softmax's.
///
/// ```text
/// ĝ = (2/M) Σ_m (∂y_m/∂θ₁)ᵀ g − ½ J(p) g,   g = ∇f(b),   b ~ q,   θ₁ = log π₁,   π₁ = ½ (softmax θ + b),
/// y_m = softmax((θ₁ + g_m) / τ),   g_m ~ Gumbel given argmax(θ₁ + g) = b,   J(p) v = p∘v − p (pᵀv)
/// ```
///
/// - **Bias**: biased, for a linear f too; as τ → 0 it is zgr less half of straight-through.
/// - **Cost**: S evaluations of f and of ∇f, and M S softmaxes.
/// - **Uses**: logits, ∇f at hard samples.
/// - **Good for**: what reinmax is good for, with less variance.
/// - **Avoid when**: bias counts. Given b, reinmax has no noise that could be averaged over: this is another function of
///   b, whose smaller variance is paid for by bias.
/// - **Choices**: the second term is at p. As printed, the formula (eq. 17) has it at π₁; the authors' code and the
///   derivation have it at p, and so has this. The authors draw M = 100 and τ from 0.5 to 2.
/// - **Source**: Wang and Bui 2026, eq. 17, and the authors' code.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::estimator::{Objective, ReinMaxRao};
/// use gumbel::{Noise, Schedule, measure::measure};
/// let bit = Objective::mean(|sample| sample.z.clone().narrow(3, 1, 1).squeeze_dims(&[2, 3]));
/// let mut estimator = ReinMaxRao::new(1, Schedule::Constant(1.0), 10)?;
/// let fair = Tensor::<2>::zeros([1, 2], &Device::flex());
/// let measured = measure(&mut estimator, fair, &bit, 10_000, &Noise::from_seed(1))?;
/// assert!((measured.mean[1] - 0.1476).abs() < 0.003); // by quadrature, where p (1 − p) is 1/4
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "Rao-Blackwell")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReinMaxRao {
    samples: usize,
    tau: Schedule,
    draws: usize,
}

impl ReinMaxRao {
    /// With `samples` samples per row, each with `draws` conditional draws at temperature `tau`.
    ///
    /// # Errors
    /// No samples, or no draws.
    pub fn new(samples: usize, tau: Schedule, draws: usize) -> Result<Self, Error> {
        let draws = at_least_one(ENTRY.name(), "draws", draws)?;
        Ok(Self { samples: Self::PROPERTIES.at_least(1, samples)?, tau, draws })
    }
}

impl Pathwise for ReinMaxRao {
    const PROPERTIES: Properties = Properties::pathwise("reinmax-rao");

    fn samples(&self) -> usize {
        self.samples
    }

    fn sample(&self, logits: Tensor<4>, noise: &mut Noise, step: u64) -> Result<Sample, Error> {
        let hard = sample_one_hot(logits.clone().detach(), noise)?;
        Ok(Sample::hard(reinmax_rao(logits, hard, self.tau.at(step), self.draws, noise)))
    }
}

pub(super) static ENTRY: Entry = Entry {
    properties: ReinMaxRao::PROPERTIES,
    title: "reinmax averaged over noise at its midpoint",
    papers: &[WANG],
    place: "eq. 17",
    parameters: &[Parameter::SAMPLES, Parameter::TAU, DRAWS],
    source: include_str!("reinmax_rao.rs"),
    make: |given| boxed(ReinMaxRao::new(given.read("samples")?, given.read("tau")?, given.read("draws")?)),
};

pub(super) const WANG: Paper = Paper {
    key: "wang2026beyond",
    authors: "Daniel Wang and Thang D. Bui",
    title: "Beyond ReinMax: Low-Variance Gradient Estimators for Discrete Latent Variables",
    venue: Venue::Arxiv("2603.08257"),
    year: 2026,
};
