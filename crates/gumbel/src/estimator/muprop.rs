use super::contract::{
    Entry, Estimate, Estimator, Evaluation, Evaluations, Objective, Paper, Parameter, Properties, Sample,
    Venue, boxed, prepared, repeat, score_cotangent,
};
use super::parts::inner;
use crate::{Error, Noise, sample_one_hot};
use burn::tensor::{Tensor, activation};

/// MuProp: REINFORCE with the first-order expansion of f at the mean-field point as its control variate.
///
/// ```text
/// ĝ = (1/S) Σ_s (f(z_s) − f(p) − gᵀ(z_s − p)) ∇ log q(z_s) + J_p g,   g = ∇f(p),   J_p v = p∘v − p (pᵀv)
/// ```
///
/// - **Bias**: none.
/// - **Cost**: S + 1 evaluations of f, one of them with ∇f.
/// - **Uses**: logits, values of f, ∇f at the mean-field point.
/// - **Good for**: an f that is nearly linear.
/// - **Avoid when**: f has no meaning inside the simplex.
/// - **Choices**: for categories as in Jang, Gu and Poole 2017: the mean-field point of a latent is its probabilities.
///   The parameters inside f get their gradient from the hard samples alone. The authors' additional baseline would be
///   state; use double-cv where it matters.
/// - **Source**: Gu, Levine, Sutskever and Mnih 2016, section 3.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::estimator::{Estimator, MuProp, Objective};
/// let logits = Tensor::<3>::zeros([1, 1, 2], &Device::flex().autodiff()).require_grad();
/// let bit = Objective::mean(|sample| sample.z.clone().narrow(3, 1, 1).squeeze_dims(&[2, 3]));
/// let estimate = MuProp::new(1)?.estimate(logits.clone(), &bit, &mut gumbel::Noise::from_seed(1), 0)?;
/// let gradient = logits.grad(&estimate.loss.backward()).expect("a gradient");
/// // Exact for a linear f: p (1 − p).
/// assert_eq!(gradient.into_data().try_to_vec::<f32>().unwrap(), [-0.25, 0.25]);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MuProp {
    samples: usize,
}

impl MuProp {
    /// With `samples` samples per row.
    ///
    /// # Errors
    /// No samples.
    pub fn new(samples: usize) -> Result<Self, Error> {
        Ok(Self { samples: ENTRY.properties.at_least(1, samples)? })
    }

    /// The estimate from given hard samples `[S, B, D, K]`: a pure function of them.
    ///
    /// # Errors
    /// A reduction other than a mean.
    pub fn with_samples(
        &self,
        logits: Tensor<3>,
        objective: &Objective,
        z: Tensor<4>,
    ) -> Result<Estimate, Error> {
        ENTRY.properties.check(objective)?;
        let p = activation::softmax(logits.clone().detach(), 2).unsqueeze::<4>();
        let (value, slope) = inner::gradient(objective, Sample::hard(p.clone()));
        let evaluation = Evaluation::at(Sample::hard(z.clone()), objective);
        let linear = ((z.clone() - p.clone()) * slope.clone()).sum_dim(3).sum_dim(2);
        let rest = evaluation.losses.clone().detach() - value - linear.squeeze_dims::<2>(&[2, 3]);
        let score = score_cotangent(logits.clone(), z, rest / self.samples as f64);
        let mean = (p.clone() * slope.clone()).sum_dim(3);
        Ok(evaluation.estimate(logits, score + (p * (slope - mean)).squeeze_dim::<3>(0)))
    }
}

impl Estimator for MuProp {
    fn properties(&self) -> Properties {
        ENTRY.properties.with_samples(self.samples)
    }

    fn estimate(
        &self,
        logits: Tensor<3>,
        objective: &Objective,
        noise: &mut Noise,
        _step: u64,
    ) -> Result<Estimate, Error> {
        prepared(logits, objective, |logits, objective| {
            ENTRY.properties.check(objective)?;
            let z = sample_one_hot(repeat(logits.clone().detach(), self.samples), noise)?;
            self.with_samples(logits, objective, z)
        })
    }
}

pub(super) static ENTRY: Entry = Entry {
    properties: Properties::score_function("muprop")
        .differentiating_inside()
        .evaluating(Evaluations::ONE_MORE),
    title: "score function with a first-order control variate at the mean",
    papers: &[GU],
    place: "section 3",
    parameters: &[Parameter::SAMPLES],
    source: include_str!("muprop.rs"),
    make: |given| boxed(MuProp::new(given.read("samples")?)),
};

const GU: Paper = Paper {
    key: "gu2016muprop",
    authors: "Shixiang Gu and Sergey Levine and Ilya Sutskever and Andriy Mnih",
    title: "MuProp: Unbiased Backpropagation for Stochastic Neural Networks",
    venue: Venue::Conference("International Conference on Learning Representations"),
    year: 2016,
};
