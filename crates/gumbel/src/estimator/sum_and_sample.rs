//! Sum and sample: the likeliest states summed, the rest sampled.
//!
//! Liu, Regier, Tripuraneni, Jordan and McAuliffe 2019, section 3.
//! ĝ = Σ_{z∈C} q(z) (f(z) − b) ∇ log q(z) + r (f(z') − b) ∇ log q(z'),   z' ~ q outside C,
//! C the S − 1 likeliest states, r = 1 − q(C), b the mean of f over C.
//! Unbiased, exactly zero for a constant f, and exact once C and z' are every state. Cost: S evaluations of f, none of
//! ∇f. Sees: θ, f values.
//! Good for: a q that is sure of most of its choice, as at the end of training. Poor for: an even q over many states,
//! where r is nearly 1 (rloo).
//! Choice: the baseline b. It costs nothing, and since C is not random it leaves no bias; with S = 1 it is 0. A state is
//! a category for each of the D latents, and C is exact for their product. If a row has fewer states than S, the
//! likeliest is evaluated again and counts nothing.

use super::parts::host::{self, LogMasses, log_sum_exp};
use super::parts::joint::{Rest, likeliest};
use super::{
    Estimate, Estimator, Evaluations, Info, Latents, Objective, Paper, Parameter, Reduction, Sample, Samples,
    Venue, at_least, score_cotangent,
};
use crate::{Error, Noise};
use burn::tensor::Tensor;

pub(super) static INFO: Info = Info {
    name: "sum-and-sample",
    title: "the likeliest states summed, the rest sampled",
    papers: &[LIU],
    place: "section 3",
    source: include_str!("sum_and_sample.rs"),
    serves: Latents::Categorical,
    reductions: &[Reduction::Mean],
    unbiased: true,
    samples: Samples::Hard,
    needs_gradient: false,
    differentiates_inside: false,
    parameters: &[Parameter {
        name: "samples",
        default: "4",
        meaning: "a number of states S, at least 1: all but one are the likeliest",
    }],
    evaluations: Evaluations::SAMPLES,
    make: |given| Ok(Box::new(SumAndSample::new(given.read(&INFO, "samples")?)?)),
};

const LIU: Paper = Paper {
    key: "liu2019rao",
    authors: "Runjing Liu and Jeffrey Regier and Nilesh Tripuraneni and Michael I. Jordan and Jon McAuliffe",
    title: "Rao-Blackwellized Stochastic Gradients for Discrete Distributions",
    venue: Venue::Conference("International Conference on Machine Learning"),
    year: 2019,
};

/// See the head of its file for formula, cost and use.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::estimator::{Estimator, Objective, SumAndSample};
/// // Two of three categories summed, and the last has nothing to compete with: E f is exact.
/// let logits = Tensor::<3>::from_floats([[[0.0, 1f32.ln(), 2f32.ln()]]], &Device::flex());
/// let last = Objective::mean(|sample| sample.z.clone().narrow(3, 2, 1).squeeze_dims::<2>(&[2, 3]));
/// let estimate = SumAndSample::new(3)?.estimate(logits, &last, &mut gumbel::Noise::from_seed(1), 0)?;
/// assert!((estimate.value.into_scalar::<f32>() - 0.5).abs() < 1e-6);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SumAndSample {
    summed: usize,
}

impl SumAndSample {
    /// With `samples` evaluations per row: the `samples − 1` likeliest states, and one of the others.
    ///
    /// # Errors
    /// No samples.
    pub fn new(samples: usize) -> Result<Self, Error> {
        Ok(Self { summed: at_least(&INFO, 1, samples)? - 1 })
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
        INFO.check_reduction(objective)?;
        let log_masses = LogMasses::of(&logits)?;
        let ([rows, latents, categories], samples) = (logits.dims(), self.summed + 1);
        let (mut picks, mut weights, mut shares) = (Vec::new(), Vec::new(), Vec::new());
        let gumbel = host::numbers(gumbel);
        for (log_p, gumbel) in log_masses.rows().zip(gumbel.chunks(latents * categories)) {
            let states = self.states(log_p, categories, gumbel);
            let total = log_sum_exp(states[..self.summed].iter().map(|state| state.1));
            picks.extend(states.iter().flat_map(|state| &state.0));
            weights.extend(states.iter().map(|state| state.1.exp()));
            shares.extend(states[..self.summed].iter().map(|state| (state.1 - total).exp()));
        }
        let z = host::one_hot(&picks, [rows, samples, latents], &logits).swap_dims(0, 1);
        let weights = host::tensor::<2>(weights, [rows, samples], &logits).swap_dims(0, 1);
        let shares = host::tensor::<2>(shares, [rows, self.summed], &logits).swap_dims(0, 1);
        let sample = Sample { z: z.clone(), relaxed: None, weights: Some(weights.clone()) };
        let losses = objective.losses(&sample);
        let signal = centred(losses.clone().detach(), shares) * weights;
        let cotangent = score_cotangent(logits.clone(), z, signal);
        Ok(Estimate::with_cotangent(objective.reduce(&sample, losses), logits, cotangent))
    }

    /// S states, with the log-mass that each stands for: those summed, and last the one drawn.
    fn states(&self, log_p: &[f64], categories: usize, gumbel: &[f64]) -> Vec<(Vec<usize>, f64)> {
        let summed = likeliest(log_p, categories, self.summed);
        let mut states: Vec<_> = summed.into_iter().map(|state| (state.categories, state.log_mass)).collect();
        let taken: Vec<&[usize]> = states.iter().map(|state| state.0.as_slice()).collect();
        let rest = Rest::without(log_p, categories, &taken);
        if rest.log_mass > f64::NEG_INFINITY {
            states.push((rest.draw(log_p, categories, gumbel), rest.log_mass));
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
    // From the first, so that a constant leaves exactly nothing.
    let gaps = losses.clone() - losses.narrow(0, 0, 1);
    gaps.clone() - (gaps.narrow(0, 0, summed) * shares).sum_dim(0)
}

impl Estimator for SumAndSample {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn estimate(
        &self,
        logits: Tensor<3>,
        objective: &Objective,
        noise: &mut Noise,
        _step: u64,
    ) -> Result<Estimate, Error> {
        let gumbel = noise.gumbel(logits.dims(), &logits.device().inner());
        self.with_gumbel(logits, objective, gumbel)
    }
}
