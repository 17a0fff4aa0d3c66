use super::contract::{Entry, Parameter, Pathwise, Properties, Sample, boxed};
use super::gumbel_rao::{DRAWS, mean_given_argmax};
use super::reinmax::reinmax;
use super::reinmax_rao::{WANG, log_midpoint};
use crate::checked::at_least_one;
use crate::tensor::{attach, centred, restored};
use crate::{Error, Noise, Schedule, gumbel_softmax, sample_one_hot};
use burn::tensor::Tensor;

/// ReinMax-CV: ReinMax with the difference of Gumbel-Rao and straight-through Gumbel at its midpoint added.
///
/// ```text
/// ĝ = 2 J(π₁) v − ½ J(p) v + η [(1/M) Σ_m (∂y_m/∂θ₁)ᵀ v − (∂y/∂θ₁)ᵀ v],   v = ∇f(b),   b = argmax(θ + g),
/// θ₁ = log π₁,   π₁ = ½ (softmax θ + b),   y = softmax((θ₁ + g) / τ),
/// y_m = softmax((θ₁ + g_m) / τ),   g_m ~ Gumbel given argmax(θ₁ + g) = b
/// ```
///
/// - **Bias**: biased, for a linear f too unless η = 0, where it is reinmax.
/// - **Cost**: S evaluations of f and of ∇f, and (M + 1) S softmaxes.
/// - **Uses**: logits, ∇f at hard samples.
/// - **Good for**: a comparison with the published results.
/// - **Avoid when**: bias counts. The bracket has mean zero only if g, too, is drawn given argmax(θ₁ + g) = b; then it is
///   uncorrelated with reinmax, which given b is a constant, and can only add variance. As published, g is the noise of
///   the sample: the mean of the bracket, times η, is a bias.
/// - **Choices**: those of the authors' code: the noise of the sample in y, reinmax at temperature 1, η > 0. They draw
///   M = 100, and set η between 0.5 and 1 in different versions. On the problems of `gumbel measure` such an η raises the
///   variance; a negative one lowers it.
/// - **Source**: Wang and Bui 2026, eq. 18, and the authors' code.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::estimator::{Estimator, Objective, ReinMaxCv};
/// use gumbel::{Noise, Schedule};
/// let logits = Tensor::<3>::zeros([1, 1, 2], &Device::flex().autodiff()).require_grad();
/// let bit = Objective::mean(|sample| sample.z.clone().narrow(3, 1, 1).squeeze_dims(&[2, 3]));
/// let estimator = ReinMaxCv::new(1, Schedule::Constant(1.0), 10, 0.0)?;
/// let estimate = estimator.estimate(logits.clone(), &bit, &mut Noise::from_seed(1), 0)?;
/// let gradient = logits.grad(&estimate.loss.backward()).expect("a gradient").slice([0..1, 0..1, 1..2]);
/// assert!((gradient.into_scalar::<f32>() - 0.25).abs() < 1e-6); // p (1 − p), as reinmax has it
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReinMaxCv {
    samples: usize,
    tau: Schedule,
    draws: usize,
    coefficient: f64,
}

impl ReinMaxCv {
    /// With `samples` samples per row, each with `draws` conditional draws at temperature `tau`; `coefficient` is η.
    ///
    /// # Errors
    /// No samples, or no draws; a coefficient that is not finite.
    pub fn new(samples: usize, tau: Schedule, draws: usize, coefficient: f64) -> Result<Self, Error> {
        if !coefficient.is_finite() {
            return Err(Error::parameter(ENTRY.name(), "coefficient", "a finite number", coefficient));
        }
        let draws = at_least_one(ENTRY.name(), "draws", draws)?;
        Ok(Self { samples: Self::PROPERTIES.at_least(1, samples)?, tau, draws, coefficient })
    }
}

impl Pathwise for ReinMaxCv {
    const PROPERTIES: Properties = Properties::pathwise("reinmax-cv");

    fn samples(&self) -> usize {
        self.samples
    }

    fn sample(&self, logits: Tensor<4>, noise: &mut Noise, step: u64) -> Result<Sample, Error> {
        // The same numbers twice: number i of the noise is used for logit i in both.
        let hard = sample_one_hot(logits.clone().detach(), &mut noise.clone())?;
        let (dtype, tau, theta) = (logits.dtype(), self.tau.at(step), centred(logits.clone()));
        let here = log_midpoint(theta.clone(), restored(hard.clone(), theta.dtype()));
        let one = gumbel_softmax(here.clone(), tau, noise)?;
        let many = mean_given_argmax(here, restored(hard.clone(), theta.dtype()), tau, self.draws, noise);
        let control = restored((many - one) * self.coefficient, dtype);
        Ok(Sample::hard(attach(reinmax(logits, hard, 1.0), control)))
    }
}

pub(super) static ENTRY: Entry = Entry {
    properties: ReinMaxCv::PROPERTIES,
    title: "reinmax with Gumbel-Rao less straight-through Gumbel at its midpoint",
    papers: &[WANG],
    place: "eq. 18",
    parameters: &[
        Parameter::SAMPLES,
        Parameter::TAU,
        DRAWS,
        Parameter { name: "coefficient", default: "0.7", range: "a finite number" },
    ],
    source: include_str!("reinmax_cv.rs"),
    make: |given| {
        let (tau, draws) = (given.read("tau")?, given.read("draws")?);
        boxed(ReinMaxCv::new(given.read("samples")?, tau, draws, given.read("coefficient")?))
    },
};
