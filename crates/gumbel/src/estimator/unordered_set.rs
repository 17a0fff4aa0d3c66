//! Unordered set: samples without replacement, their order averaged out, each the baseline of the others.
//!
//! Kool, van Hoof and Welling 2020, section 3, with the built-in baseline.
//! ĝ = Σ_{s<t} w_st (f_s − f_t)(z_s − z_t),   w_st = p_s p_t P(rest of S, without s and t) / P(S),
//! P(S) the probability that S comes first in some order; of one sample ĝ = f(z) ∇ log q(z).
//! Unbiased, exactly zero for a constant f, and exact once S holds every state. Cost: S evaluations of f, none of
//! ∇f, and 2^S steps in double precision. Sees: θ, f values.
//! Good for: few states, or a q so concentrated that independent samples repeat. Poor for: many latents of middling
//! entropy: no state would come twice there, and it has the variance of rloo at more work of its own.
//! Choice: a state is a category for each of the D latents, and states are drawn from their product by a stochastic
//! beam search (Kool, van Hoof and Welling 2019). The paper's ratios are collected by pairs, which makes its baseline a
//! difference of two f. P is summed over subsets and not integrated, so S is at most 10. Logarithms, and the mass
//! outside S as a sum of its own, need no special case where S holds nearly everything. If a row has fewer states
//! than S, one is evaluated again and counts nothing.

use super::parts::host::{self, LogMasses, log_sum_exp};
use super::parts::joint::{Rest, distinct};
use super::parts::pairwise;
use super::{
    Estimate, Estimator, Evaluations, Info, Latents, Objective, Paper, Parameter, Reduction, Sample, Samples,
    Venue, at_least, score_cotangent,
};
use crate::{Error, Noise};
use burn::tensor::Tensor;

pub(super) static INFO: Info = Info {
    name: "unordered-set",
    title: "samples without replacement, their order averaged out",
    papers: &[KOOL, BEAMS],
    place: "section 3",
    source: include_str!("unordered_set.rs"),
    serves: Latents::Categorical,
    reductions: &[Reduction::Mean],
    unbiased: true,
    samples: Samples::Hard,
    needs_gradient: false,
    differentiates_inside: false,
    parameters: &[Parameter {
        name: "samples",
        default: "4",
        meaning: "a number of samples S, from 1 to 10",
    }],
    evaluations: Evaluations::SAMPLES,
    make: |given| Ok(Box::new(UnorderedSet::new(given.read(&INFO, "samples")?)?)),
};

const KOOL: Paper = Paper {
    key: "kool2020estimating",
    authors: "Wouter Kool and Herke van Hoof and Max Welling",
    title: "Estimating Gradients for Discrete Random Variables by Sampling without Replacement",
    venue: Venue::Conference("International Conference on Learning Representations"),
    year: 2020,
};

const BEAMS: Paper = Paper {
    key: "kool2019stochastic",
    authors: "Wouter Kool and Herke van Hoof and Max Welling",
    title: "Stochastic Beams and Where To Find Them: The Gumbel-Top-k Trick for Sampling Sequences Without Replacement",
    venue: Venue::Conference("International Conference on Machine Learning"),
    year: 2019,
};

/// A row takes time 2^S.
const MOST: usize = 10;

/// See the head of its file for formula, cost and use.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::estimator::{Estimator, Objective, UnorderedSet};
/// // As many samples as categories: E f is exact, whatever the noise.
/// let logits = Tensor::<3>::from_floats([[[0.0, 1f32.ln(), 2f32.ln()]]], &Device::flex());
/// let last = Objective::mean(|sample| sample.z.clone().narrow(3, 2, 1).squeeze_dims::<2>(&[2, 3]));
/// let estimate = UnorderedSet::new(3)?.estimate(logits, &last, &mut gumbel::Noise::from_seed(1), 0)?;
/// assert!((estimate.value.into_scalar::<f32>() - 0.5).abs() < 1e-6);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnorderedSet {
    samples: usize,
}

impl UnorderedSet {
    /// With `samples` distinct samples per row.
    ///
    /// # Errors
    /// No samples, or more than ten.
    pub fn new(samples: usize) -> Result<Self, Error> {
        if samples > MOST {
            let reason = format!(
                "the number of samples must be at most {MOST}, got {samples}; use sum-and-sample or rloo for more"
            );
            return Err(Error::Parameter { estimator: INFO.name, reason });
        }
        Ok(Self { samples: at_least(&INFO, 1, samples)? })
    }

    /// The estimate from given one-hot samples `[S, B, D, K]`, the states of a row in any order: a pure function of
    /// them. A state that a row has twice counts once.
    ///
    /// # Errors
    /// Those of [`estimate`](Estimator::estimate), but for the noise.
    pub fn with_samples(
        &self,
        logits: Tensor<3>,
        objective: &Objective,
        z: Tensor<4>,
    ) -> Result<Estimate, Error> {
        INFO.check_reduction(objective)?;
        let log_masses = LogMasses::of(&logits)?;
        Ok(self.at(logits, objective, &log_masses, &host::picks(z.swap_dims(0, 1))))
    }

    /// The estimate from the categories of the samples, `[B, S, D]`.
    fn at(
        &self,
        logits: Tensor<3>,
        objective: &Objective,
        log_masses: &LogMasses,
        picks: &[usize],
    ) -> Estimate {
        let ([rows, latents, categories], n) = (logits.dims(), self.samples);
        let (mut weights, mut pairs) = (Vec::new(), Vec::new());
        for (log_p, picks) in log_masses.rows().zip(picks.chunks(n * latents)) {
            let set = Set::of(log_p, categories, &picks.chunks(latents).collect::<Vec<_>>());
            weights.extend((0..n).map(|s| set.share([s])));
            pairs.extend((0..n * n).map(|pair| set.share([pair / n, pair % n])));
        }
        let z = host::one_hot(picks, [rows, n, latents], &logits).swap_dims(0, 1);
        let weights = host::tensor::<2>(weights, [rows, n], &logits).swap_dims(0, 1);
        let sample = Sample { z: z.clone(), relaxed: None, weights: Some(weights) };
        let losses = objective.losses(&sample);
        let cotangent = match n {
            1 => score_cotangent(logits.clone(), z, losses.clone()),
            _ => {
                let pairs = host::tensor(pairs, [rows, n, n, 1], &logits).permute([1, 2, 0, 3]);
                pairwise::cotangent(z, losses.clone(), pairs)
            }
        };
        Estimate::with_cotangent(objective.reduce(&sample, losses), logits, cotangent)
    }
}

/// A sampled set of states.
struct Set {
    /// Which of the states each sample is; a repeat is none.
    places: Vec<Option<usize>>,
    log_mass: Vec<f64>,
    /// For each subset, as bits: the log-probability that sampling without replacement goes on with the others of the
    /// set when the subset is taken.
    log_completion: Vec<f64>,
}

impl Set {
    fn of(log_p: &[f64], categories: usize, states: &[&[usize]]) -> Self {
        let mass = |state: &[usize]| log_p.chunks(categories).zip(state).map(|(log_p, &c)| log_p[c]).sum();
        let mut log_mass = Vec::new();
        let admit = |(s, state): (usize, &&[usize])| {
            let new = !states[..s].contains(state);
            new.then(|| {
                log_mass.push(mass(state));
                log_mass.len() - 1
            })
        };
        let places = states.iter().enumerate().map(admit).collect();
        let rest = Rest::without(log_p, categories, states).log_mass;
        Self { places, log_completion: completions(&log_mass, rest), log_mass }
    }

    /// What these samples stand for: the product of their masses and P(the others come next, without these) / P(S).
    fn share<const N: usize>(&self, samples: [usize; N]) -> f64 {
        let places = samples.map(|s| self.places[s]);
        let taken = places.iter().flatten().fold(0, |taken, place| taken | 1 << place);
        let mass: f64 = places.iter().flatten().map(|&place| self.log_mass[place]).sum();
        let repeated = places.contains(&None);
        if repeated { 0.0 } else { (mass + self.log_completion[taken] - self.log_completion[0]).exp() }
    }
}

/// From the whole set, which is complete, down to nothing taken.
fn completions(log_mass: &[f64], rest: f64) -> Vec<f64> {
    let whole = (1 << log_mass.len()) - 1;
    let mut log_completion = vec![0.0; whole + 1];
    for taken in (0..whole).rev() {
        let left = (0..log_mass.len()).filter(|i| taken >> i & 1 == 0);
        let next = left.clone().map(|i| log_mass[i] + log_completion[taken | 1 << i]);
        let all = left.map(|i| log_mass[i]).chain([rest]);
        log_completion[taken] = log_sum_exp(next) - log_sum_exp(all);
    }
    log_completion
}

impl Estimator for UnorderedSet {
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
        INFO.check_reduction(objective)?;
        let log_masses = LogMasses::of(&logits)?;
        let ([rows, latents, categories], n) = (logits.dims(), self.samples);
        let gumbel: Tensor<4> = noise.gumbel([rows, n, latents, categories], &logits.device().inner());
        let gumbel = host::numbers(gumbel);
        let mut picks = Vec::new();
        let noises = gumbel.chunks(n * latents * categories);
        for (log_p, gumbel) in log_masses.rows().zip(noises) {
            let states = distinct(log_p, categories, n, gumbel);
            let repeats = std::iter::repeat_n(&states[0], n - states.len());
            picks.extend(states.iter().chain(repeats).flat_map(|state| &state.categories));
        }
        Ok(self.at(logits, objective, &log_masses, &picks))
    }
}
