use super::contract::{Entry, Paper, Parameter, Pathwise, Properties, Relaxed, Sample, Venue, boxed};
use crate::{Error, Noise, Schedule, log_gumbel_softmax};
use burn::tensor::Tensor;

/// Gumbel-Softmax, or Concrete: the gradient along the path of a relaxed sample.
///
/// ```text
/// ĝ = ∇ f(y),   y = softmax((θ + g) / τ),   g ~ Gumbel
/// ```
///
/// - **Bias**: biased for the discrete objective (unbiased for the relaxed one); the bias tends to 0 with τ while the
///   variance grows as 1/τ.
/// - **Cost**: S evaluations of f and of ∇f.
/// - **Uses**: logits, ∇f at relaxed points.
/// - **Good for**: a smooth f that has a meaning inside the simplex.
/// - **Avoid when**: f is defined on vertices only.
/// - **Choices**: the sample in log space is the primary one, so that a density can be evaluated in its tails. For K = 2
///   it is the Binary Concrete: a difference of two Gumbels is logistic.
/// - **Source**: Jang, Gu and Poole 2017, eq. 2; Maddison, Mnih and Teh 2017, eq. 10.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::estimator::{GumbelSoftmax, Objective};
/// use gumbel::{Noise, Schedule, measure::measure};
/// let bit = Objective::mean(|sample| sample.z.clone().narrow(3, 1, 1).squeeze_dims(&[2, 3]));
/// let mut estimator = GumbelSoftmax::new(1, Schedule::Constant(1.0))?;
/// let fair = Tensor::<2>::zeros([1, 2], &Device::flex());
/// let measured = measure(&mut estimator, fair, &bit, 10_000, &Noise::from_seed(1))?;
/// assert!((measured.mean[1] - 1.0 / 6.0).abs() < 0.004); // E y (1 − y), where p (1 − p) is 1/4
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "concrete")]
#[doc(alias = "reparameterization")]
#[doc(alias = "relaxed categorical")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GumbelSoftmax {
    samples: usize,
    tau: Schedule,
}

impl GumbelSoftmax {
    /// With `samples` samples per row at temperature `tau`.
    ///
    /// # Errors
    /// No samples.
    pub fn new(samples: usize, tau: Schedule) -> Result<Self, Error> {
        Ok(Self { samples: Self::PROPERTIES.at_least(1, samples)?, tau })
    }
}

impl Pathwise for GumbelSoftmax {
    const PROPERTIES: Properties = Properties::pathwise("gumbel-softmax").relaxed();

    fn samples(&self) -> usize {
        self.samples
    }

    fn sample(&self, logits: Tensor<4>, noise: &mut Noise, step: u64) -> Result<Sample, Error> {
        let tau = self.tau.at(step);
        let log_z = log_gumbel_softmax(logits, tau, noise)?;
        Ok(Sample { z: log_z.clone().exp(), relaxed: Some(Relaxed { log_z, tau }), weights: None })
    }
}

pub(super) static ENTRY: Entry = Entry {
    properties: GumbelSoftmax::PROPERTIES,
    title: "pathwise gradient of a relaxed sample",
    papers: &[JANG, MADDISON],
    place: "eq. 2",
    parameters: &[Parameter::SAMPLES, Parameter::ANNEALED],
    source: include_str!("gumbel_softmax.rs"),
    make: |given| boxed(GumbelSoftmax::new(given.read("samples")?, given.read("tau")?)),
};

pub(super) const JANG: Paper = Paper {
    key: "jang2017categorical",
    authors: "Eric Jang and Shixiang Gu and Ben Poole",
    title: "Categorical Reparameterization with Gumbel-Softmax",
    venue: Venue::Conference("International Conference on Learning Representations"),
    year: 2017,
};

const MADDISON: Paper = Paper {
    key: "maddison2017concrete",
    authors: "Chris J. Maddison and Andriy Mnih and Yee Whye Teh",
    title: "The Concrete Distribution: A Continuous Relaxation of Discrete Random Variables",
    venue: Venue::Conference("International Conference on Learning Representations"),
    year: 2017,
};
