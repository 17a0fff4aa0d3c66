use super::contract::{Entry, Paper, Parameter, Pathwise, Properties, Sample, Venue, boxed};
use crate::tensor::{attach, of_centred, tracked_as};
use crate::{Error, Noise, categorical, sample_one_hot};
use burn::tensor::{Tensor, activation};

/// A hard sample with ZGR's gradient; see [`Zgr`].
///
/// # Shapes
/// `logits`, `hard` `[.., K]` to `[.., K]`.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let logits = Tensor::<1>::from_floats([0.0, 0.0], &Device::flex().autodiff()).require_grad();
/// let b = gumbel::straight_through::zgr(logits.clone(), Tensor::from_floats([1.0, 0.0], &Device::flex()));
/// let slope = logits.grad(&b.slice([0..1]).sum().backward()).unwrap().slice([0..1]).into_scalar::<f32>();
/// assert!((slope - 0.25).abs() < 1e-6); // ½ (½ + 1 − ½ − ½)
/// ```
pub fn zgr<const D: usize>(logits: Tensor<D>, hard: Tensor<D>) -> Tensor<D> {
    of_centred(logits, hard, |logits, hard| {
        let p = activation::softmax(logits.clone(), D - 1);
        let one = tracked_as(hard, &logits);
        let log_p = categorical::log_mass(logits, one.clone());
        let soft = (p.clone() + (one.clone() - p.detach()) * log_p) * 0.5;
        attach(one, soft)
    })
}

/// ZGR: the zero-temperature limit of Gumbel-Rao, half straight-through and half DARN.
///
/// ```text
/// ĝ = ½ [p∘g + b (bᵀg) − p (bᵀg) − b (pᵀg)],   g = ∇f(b),   b ~ q
/// ```
///
/// - **Bias**: biased; exact for every quadratic f.
/// - **Cost**: S evaluations of f and of ∇f.
/// - **Uses**: logits, ∇f at hard samples.
/// - **Good for**: most differentiable f: the default straight-through estimator, with nothing to tune.
/// - **Avoid when**: f is strongly curved.
/// - **Choices**: computed as the gradient of ½ [p + (b − p) ln p_b], where the bracket is a constant.
/// - **Source**: Shekhovtsov 2023, section 4.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::estimator::{Estimator, Objective, Zgr};
/// let logits = Tensor::<3>::zeros([1, 1, 2], &Device::flex().autodiff()).require_grad();
/// let bit = Objective::mean(|sample| sample.z.clone().narrow(3, 1, 1).squeeze_dims(&[2, 3]));
/// let estimate = Zgr::new(1)?.estimate(logits.clone(), &bit, &mut gumbel::Noise::from_seed(1), 0)?;
/// let gradient = logits.grad(&estimate.loss.backward()).expect("a gradient").slice([0..1, 0..1, 1..2]);
/// assert!((gradient.into_scalar::<f32>() - 0.25).abs() < 1e-6); // p (1 − p)
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zgr {
    samples: usize,
}

impl Zgr {
    /// With `samples` samples per row.
    ///
    /// # Errors
    /// No samples.
    pub fn new(samples: usize) -> Result<Self, Error> {
        Ok(Self { samples: Self::PROPERTIES.at_least(1, samples)? })
    }
}

impl Pathwise for Zgr {
    const PROPERTIES: Properties = Properties::pathwise("zgr");

    fn samples(&self) -> usize {
        self.samples
    }

    fn sample(&self, logits: Tensor<4>, noise: &mut Noise, _step: u64) -> Result<Sample, Error> {
        let hard = sample_one_hot(logits.clone().detach(), noise)?;
        Ok(Sample::hard(zgr(logits, hard)))
    }
}

pub(super) static ENTRY: Entry = Entry {
    properties: Zgr::PROPERTIES,
    title: "zero-temperature limit of Gumbel-Rao",
    papers: &[SHEKHOVTSOV],
    place: "section 4",
    parameters: &[Parameter::SAMPLES],
    source: include_str!("zgr.rs"),
    make: |given| boxed(Zgr::new(given.read("samples")?)),
};

pub(super) const SHEKHOVTSOV: Paper = Paper {
    key: "shekhovtsov2023cold",
    authors: "Alexander Shekhovtsov",
    title: "Cold Analysis of Rao-Blackwellized Straight-Through Gumbel-Softmax Gradient Estimator",
    venue: Venue::Conference("International Conference on Machine Learning"),
    year: 2023,
};
