use super::contract::{Entry, Paper, Parameter, Pathwise, Properties, Sample, Venue, boxed};
use super::parts::binary;
use super::zgr::SHEKHOVTSOV;
use crate::tensor::{attach, of_centred};
use crate::{Error, Noise, categorical, sample_one_hot};
use burn::tensor::Tensor;

/// A hard sample of bits with DARN's gradient; see [`Darn`].
///
/// # Shapes
/// `logits`, `hard` `[.., 2]` to `[.., 2]`.
///
/// # Panics
/// If the last axis does not have two categories.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let logits = Tensor::<1>::from_floats([0.0, 0.0], &Device::flex().autodiff()).require_grad();
/// let b = gumbel::straight_through::darn(logits.clone(), Tensor::from_floats([0.0, 1.0], &Device::flex()));
/// let slope = logits.grad(&b.slice([1..2]).sum().backward()).unwrap().slice([1..2]).into_scalar::<f32>();
/// assert!((slope - 0.25).abs() < 1e-6); // (1 − ½) (1 − ½)
/// ```
pub fn darn<const D: usize>(logits: Tensor<D>, hard: Tensor<D>) -> Tensor<D> {
    of_centred(logits, hard, |logits, hard| {
        let shape = logits.dims();
        assert_eq!(shape[D - 1], 2, "bits have two categories, got logits of shape {shape:?}");
        // Its derivative is b − p.
        let log_prob = categorical::log_mass(logits, hard.clone());
        attach(hard.clone(), log_prob * (hard - 0.5))
    })
}

/// DARN: a trapezoidal estimate of each bit's effect.
///
/// ```text
/// ĝᵢ = gᵢ (bᵢ − ½) (bᵢ − pᵢ),   g = ∇f(b),   b ~ q,   p = σ(ℓ):
/// in the mean p (1 − p) times the average slope at 0 and 1
/// ```
///
/// - **Bias**: biased; exact for every quadratic f. With two categories zgr, and reinmax at τ = 1, are the same sample by
///   sample.
/// - **Cost**: S evaluations of f and of ∇f.
/// - **Uses**: log-odds, ∇f at hard samples.
/// - **Good for**: binary latents and a smooth f: nothing to tune.
/// - **Avoid when**: f is strongly curved.
/// - **Choices**: the linear approximation of f passes through the sample, one bit at a time. One through b = ½ for all
///   of them, as the method is sometimes described, is biased for quadratics with cross terms.
/// - **Source**: Gregor, Danihelka, Mnih, Blundell and Wierstra 2014; as the gradient of a sample, Shekhovtsov 2023.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::estimator::{Darn, Estimator, Objective};
/// let logits = Tensor::<3>::zeros([1, 1, 2], &Device::flex().autodiff()).require_grad();
/// let bit = Objective::mean(|sample| sample.z.clone().narrow(3, 1, 1).squeeze_dims(&[2, 3]));
/// let estimate = Darn::new(1)?.estimate(logits.clone(), &bit, &mut gumbel::Noise::from_seed(1), 0)?;
/// let gradient = logits.grad(&estimate.loss.backward()).expect("a gradient");
/// assert_eq!(gradient.into_data().try_to_vec::<f32>().unwrap()[1].abs(), 0.25); // p (1 − p)
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Darn {
    samples: usize,
}

impl Darn {
    /// With `samples` samples per row.
    ///
    /// # Errors
    /// No samples.
    pub fn new(samples: usize) -> Result<Self, Error> {
        Ok(Self { samples: Self::PROPERTIES.at_least(1, samples)? })
    }
}

impl Pathwise for Darn {
    const PROPERTIES: Properties = Properties::pathwise("darn").binary();

    fn samples(&self) -> usize {
        self.samples
    }

    fn sample(&self, logits: Tensor<4>, noise: &mut Noise, _step: u64) -> Result<Sample, Error> {
        binary::check(&Self::PROPERTIES, &logits)?;
        let hard = sample_one_hot(logits.clone().detach(), noise)?;
        Ok(Sample::hard(darn(logits, hard)))
    }
}

pub(super) static ENTRY: Entry = Entry {
    properties: Darn::PROPERTIES,
    title: "trapezoidal estimate of each bit's effect",
    papers: &[GREGOR, SHEKHOVTSOV],
    place: "its gradient of stochastic bits",
    parameters: &[Parameter::SAMPLES],
    source: include_str!("darn.rs"),
    make: |given| boxed(Darn::new(given.read("samples")?)),
};

const GREGOR: Paper = Paper {
    key: "gregor2014deep",
    authors: "Karol Gregor and Ivo Danihelka and Andriy Mnih and Charles Blundell and Daan Wierstra",
    title: "Deep AutoRegressive Networks",
    venue: Venue::Conference("International Conference on Machine Learning"),
    year: 2014,
};
