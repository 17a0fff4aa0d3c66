use super::contract::{
    Entry, Estimate, Estimator, Evaluation, Objective, Paper, Parameter, Properties, Sample, Venue, boxed,
    prepared,
};
use super::parts::host::{self, LogProbs, log_sum_exp};
use super::parts::joint::{Rest, likeliest};
use crate::tensor::numbers;
use crate::{Error, Noise};
use burn::tensor::Tensor;

/// Sum and sample: sums over the most probable states, and samples one of the others.
///
/// ```text
/// ĝ = Σ_{z∈C} q(z) (f(z) − b) ∇ log q(z) + r (f(z') − b) ∇ log q(z'),   z' ~ q outside C,
/// C the S − 1 most probable states, r = 1 − q(C), b the mean of f over C
/// ```
///
/// - **Bias**: none; exactly zero for a constant f, and exact once C and z' are all states.
/// - **Cost**: S evaluations of f; no gradient of f.
/// - **Uses**: logits, values of f.
/// - **Good for**: a concentrated q, as at the end of training.
/// - **Avoid when**: q is even over many states, so that r is nearly 1 (use rloo).
/// - **Choices**: the baseline b. It costs nothing, and since C is not random it leaves no bias; with S = 1 it is 0. A
///   state is a category for each of the D latents, and C is exact for their product. If a row has fewer states than
///   S, the most probable is evaluated again with weight 0.
/// - **Source**: Liu, Regier, Tripuraneni, Jordan and McAuliffe 2019, section 3.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::estimator::{Estimator, Objective, SumAndSample};
/// // Two of three categories are summed, and the third is the only other: E f is exact.
/// let logits = Tensor::<3>::from_floats([[[0.0, 1f32.ln(), 2f32.ln()]]], &Device::flex());
/// let last = Objective::mean(|sample| sample.z.clone().narrow(3, 2, 1).squeeze_dims(&[2, 3]));
/// let estimate = SumAndSample::new(3)?.estimate(logits, &last, &mut gumbel::Noise::from_seed(1), 0)?;
/// assert!((estimate.loss.into_scalar::<f32>() - 0.5).abs() < 1e-6);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SumAndSample {
    summed: usize,
}

impl SumAndSample {
    /// With `samples` evaluations per row: the `samples − 1` most probable states, and one of the others.
    ///
    /// # Errors
    /// No samples.
    pub fn new(samples: usize) -> Result<Self, Error> {
        Ok(Self { summed: ENTRY.properties.at_least(1, samples)? - 1 })
    }

    /// The estimate from given Gumbel noise `[B, D, K]`: a pure function of it.
    ///
    /// # Errors
    /// Those of [`estimate`](Estimator::estimate).
    pub fn with_gumbel(
        &self,
        logits: Tensor<3>,
        objective: &Objective,
        gumbel: Tensor<3>,
    ) -> Result<Estimate, Error> {
        ENTRY.properties.check(objective)?;
        let log_probs = LogProbs::of(&logits)?;
        let ([rows, latents, categories], samples) = (logits.dims(), self.summed + 1);
        let (mut picks, mut weights, mut shares) = (Vec::new(), Vec::new(), Vec::new());
        let gumbel = numbers(gumbel);
        for (log_p, gumbel) in log_probs.rows().zip(gumbel.chunks(latents * categories)) {
            let states = self.states(log_p, categories, gumbel);
            let total = log_sum_exp(states[..self.summed].iter().map(|state| state.1));
            picks.extend(states.iter().flat_map(|state| &state.0));
            weights.extend(states.iter().map(|state| state.1.exp()));
            shares.extend(states[..self.summed].iter().map(|state| (state.1 - total).exp()));
        }
        let z = host::one_hot(&picks, [rows, samples, latents], &logits).swap_dims(0, 1);
        let weights = host::tensor::<2>(weights, [rows, samples], &logits).swap_dims(0, 1);
        let shares = host::tensor::<2>(shares, [rows, self.summed], &logits).swap_dims(0, 1);
        let sample = Sample { z, relaxed: None, weights: Some(weights.clone()) };
        let evaluation = Evaluation::at(sample, objective);
        let signal = centred(evaluation.losses.clone().detach(), shares) * weights;
        Ok(evaluation.score(logits, signal))
    }

    /// S states, each with the log-probability that it represents: those summed, and last the one sampled.
    fn states(&self, log_p: &[f64], categories: usize, gumbel: &[f64]) -> Vec<(Vec<usize>, f64)> {
        let summed = likeliest(log_p, categories, self.summed);
        let mut states: Vec<_> = summed.into_iter().map(|state| (state.categories, state.log_prob)).collect();
        let taken: Vec<&[usize]> = states.iter().map(|state| state.0.as_slice()).collect();
        let rest = Rest::without(log_p, categories, &taken);
        if rest.log_prob > f64::NEG_INFINITY {
            states.push((rest.draw(log_p, categories, gumbel), rest.log_prob));
        }
        let nothing = (states[0].0.clone(), f64::NEG_INFINITY);
        states.resize(self.summed + 1, nothing);
        states
    }
}

/// Losses `[S, B]` less their mean over the summed states, by `shares` `[S − 1, B]`.
fn centred(losses: Tensor<2>, shares: Tensor<2>) -> Tensor<2> {
    let summed = shares.dims()[0];
    if summed == 0 {
        return losses;
    }
    // Relative to the first, so that a constant leaves exactly nothing.
    let gaps = losses.clone() - losses.narrow(0, 0, 1);
    gaps.clone() - (gaps.narrow(0, 0, summed) * shares).sum_dim(0)
}

impl Estimator for SumAndSample {
    fn properties(&self) -> Properties {
        ENTRY.properties.with_samples(self.summed + 1)
    }

    fn estimate(
        &self,
        logits: Tensor<3>,
        objective: &Objective,
        noise: &mut Noise,
        _step: u64,
    ) -> Result<Estimate, Error> {
        prepared(logits, objective, |logits, objective| {
            let gumbel = noise.gumbel(logits.dims(), &logits.device().inner());
            self.with_gumbel(logits, objective, gumbel)
        })
    }
}

pub(super) static ENTRY: Entry = Entry {
    properties: Properties::score_function("sum-and-sample").weighting().on_host(),
    title: "sum over the most probable states, sample of the others",
    papers: &[LIU],
    place: "section 3",
    parameters: &[Parameter {
        name: "samples",
        default: "4",
        range: "a number of states S, at least 1: all but one are the most probable",
    }],
    source: include_str!("sum_and_sample.rs"),
    make: |given| boxed(SumAndSample::new(given.read("samples")?)),
};

const LIU: Paper = Paper {
    key: "liu2019rao",
    authors: "Runjing Liu and Jeffrey Regier and Nilesh Tripuraneni and Michael I. Jordan and Jon McAuliffe",
    title: "Rao-Blackwellized Stochastic Gradients for Discrete Distributions",
    venue: Venue::Conference("International Conference on Machine Learning"),
    year: 2019,
};
