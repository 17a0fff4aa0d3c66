use super::contract::{
    Entry, Estimate, Estimator, Evaluation, Objective, Paper, Parameter, Properties, Sample, Venue, boxed,
    prepared,
};
use super::parts::binary;
use crate::{Error, Noise};
use burn::tensor::{Tensor, activation};

/// ARMS: any number of samples, each pair of them antithetic, by a Dirichlet copula.
///
/// ```text
/// ĝ = ρ / (S − 1) Σ_s (f_s − f̄) (b_s − p),   ρ = t (1 − t) / (t − c),   t = min(p, 1 − p),
/// c = max(2 t^(1/(S−1)) − 1, 0)^(S−1), the probability that two samples have the rarer outcome,
/// bit s is the rarer outcome where (1 − d_s)^(S−1) < t,   d ~ Dirichlet(1, …, 1)
/// ```
///
/// - **Bias**: none; exactly zero for a constant f.
/// - **Cost**: S ≥ 2 evaluations of f; no gradient of f.
/// - **Uses**: log-odds, values of f.
/// - **Good for**: binary latents and more than two samples.
/// - **Avoid when**: S = 2, where it is disarm.
/// - **Source**: Dimitriev and Zhou 2021, section 3.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::estimator::{Arms, Estimator, Objective};
/// // Two samples of a fair bit are opposite: E f is exact, whatever the noise.
/// let logits = Tensor::<3>::zeros([1, 1, 2], &Device::flex());
/// let bit = Objective::mean(|sample| sample.z.clone().narrow(3, 1, 1).squeeze_dims(&[2, 3]));
/// let estimate = Arms::new(2)?.estimate(logits, &bit, &mut gumbel::Noise::from_seed(1), 0)?;
/// assert_eq!(estimate.loss.into_scalar::<f32>(), 0.5);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arms {
    samples: usize,
}

impl Arms {
    /// With `samples` samples per row.
    ///
    /// # Errors
    /// Fewer than two samples.
    pub fn new(samples: usize) -> Result<Self, Error> {
        Ok(Self { samples: ENTRY.properties.at_least(2, samples)? })
    }

    /// The estimate for logits `[B, D, 2]` from given exponential numbers `[S, B, D]`: a pure function of them.
    ///
    /// # Errors
    /// Those of [`estimate`](Estimator::estimate).
    pub fn with_exponential(
        &self,
        logits: Tensor<3>,
        objective: &Objective,
        exponential: Tensor<3>,
    ) -> Result<Estimate, Error> {
        ENTRY.properties.check(objective)?;
        let log_odds = binary::log_odds(&ENTRY.properties, &logits)?;
        let p: Tensor<3> = activation::sigmoid(log_odds.clone()).unsqueeze();
        let rarer: Tensor<3> = activation::sigmoid(log_odds.abs().neg()).unsqueeze();
        let bits = self.bits(p.clone(), rarer.clone(), exponential);
        let evaluation = Evaluation::at(Sample::hard(binary::one_hot(bits.clone())), objective);
        let losses = evaluation.losses.clone();
        let centred = (losses.clone() - losses.mean_dim(0)).detach().unsqueeze_dim::<3>(2);
        let scale = self.weight(rarer) / (self.samples - 1) as f64;
        let slope = ((bits - p) * centred * scale).sum_dim(0).squeeze_dim(0);
        Ok(evaluation.estimate(logits, binary::cotangent(slope)))
    }

    /// `[S, B, D]`.
    fn bits(&self, p: Tensor<3>, rarer: Tensor<3>, exponential: Tensor<3>) -> Tensor<3> {
        let (shape, dtype) = (exponential.shape(), exponential.dtype());
        let total = exponential.clone().sum_dim(0);
        // 1 − d as the sum of the others, not as a difference: small ones keep their digits.
        let others = (0..self.samples).map(|s| {
            let others = (0..self.samples).filter(|&other| other != s);
            let sum = others.map(|other| exponential.clone().narrow(0, other, 1)).reduce(|a, b| a + b);
            sum.expect("at least two samples")
        });
        let rest = Tensor::cat(others.collect(), 0) / total;
        let copula = rest.powi_scalar(self.samples as i64 - 1);
        let is_rarer = copula.lower(rarer.expand(shape.clone())).float().cast(dtype);
        let one_is_rarer = p.lower_equal_elem(0.5).float().cast(dtype).expand(shape);
        // The rarer outcome is a one, or a zero.
        is_rarer.clone() * one_is_rarer.clone() + (is_rarer.neg() + 1.0) * (one_is_rarer.neg() + 1.0)
    }

    /// ρ, as (1 − t) / (1 − c / t).
    fn weight(&self, rarer: Tensor<3>) -> Tensor<3> {
        let t = rarer.clamp_min(1e-30);
        let pairs = self.samples as f64 - 1.0;
        let meet = (t.clone().powf_scalar(1.0 / pairs) * 2.0 - 1.0).clamp_min(0.0).powf_scalar(pairs);
        (t.clone().neg() + 1.0) / ((meet / t).neg() + 1.0)
    }
}

impl Estimator for Arms {
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
            let [rows, latents, _] = logits.dims();
            let device = logits.device().inner();
            let exponential: Tensor<3> = noise.exponential([self.samples, rows, latents], &device);
            let exponential = binary::like(exponential, &logits);
            self.with_exponential(logits, objective, exponential)
        })
    }
}

pub(super) static ENTRY: Entry = Entry {
    properties: Properties::score_function("arms").binary(),
    title: "jointly antithetic samples of bits",
    papers: &[DIMITRIEV],
    place: "section 3",
    parameters: &[Parameter { default: "4", ..Parameter::SEVERAL }],
    source: include_str!("arms.rs"),
    make: |given| boxed(Arms::new(given.read("samples")?)),
};

const DIMITRIEV: Paper = Paper {
    key: "dimitriev2021arms",
    authors: "Aleksandar Dimitriev and Mingyuan Zhou",
    title: "ARMS: Antithetic-REINFORCE-Multi-Sample Gradient for Binary Variables",
    venue: Venue::Conference("International Conference on Machine Learning"),
    year: 2021,
};
