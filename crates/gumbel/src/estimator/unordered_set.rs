use super::contract::{
    Entry, Estimate, Estimator, Evaluation, Objective, Paper, Parameter, Properties, Sample, Venue, boxed,
    prepared,
};
use super::parts::host::{self, LogProbs};
use super::parts::joint::{Rest, distinct};
use super::parts::pairwise;
use super::parts::set::UnorderedLaw;
use crate::tensor::numbers;
use crate::{Error, Noise};
use burn::tensor::Tensor;

/// A row takes time 2^S.
const LIMIT: usize = 10;

/// Unordered set: samples without replacement, averaged over their order, each the baseline of the others.
///
/// ```text
/// ĝ = Σ_{s<t} w_st (f_s − f_t)(z_s − z_t),   w_st = p_s p_t P(rest of S, without s and t) / P(S),
/// P(S) the probability that S comes first in some order; of one sample ĝ = f(z) ∇ log q(z)
/// ```
///
/// - **Bias**: none; exactly zero for a constant f, and exact once S holds every state.
/// - **Cost**: S evaluations of f, and 2^S steps in double precision; no gradient of f.
/// - **Uses**: logits, values of f.
/// - **Good for**: few states, or a q so concentrated that independent samples repeat.
/// - **Avoid when**: there are many latents of medium entropy: no state would be drawn twice there, so the variance is
///   that of rloo, at a higher cost outside f.
/// - **Choices**: a state is a category for each of the D latents, and states are drawn from their product by a
///   stochastic beam search (Kool, van Hoof and Welling 2019). The paper's ratios are collected by pairs, which turns its
///   baseline into differences of two f. P is summed over subsets and not integrated, so S is at most 10. Logarithms, and
///   the probability outside S as a sum of its own, need no special case where S holds nearly everything. If a row has
///   fewer states than S, one is evaluated again with weight 0.
/// - **Source**: Kool, van Hoof and Welling 2020, section 3, with the built-in baseline.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::estimator::{Estimator, Objective, UnorderedSet};
/// // As many samples as categories: E f is exact, whatever the noise.
/// let logits = Tensor::<3>::from_floats([[[0.0, 1f32.ln(), 2f32.ln()]]], &Device::flex());
/// let last = Objective::mean(|sample| sample.z.clone().narrow(3, 2, 1).squeeze_dims(&[2, 3]));
/// let estimate = UnorderedSet::new(3)?.estimate(logits, &last, &mut gumbel::Noise::from_seed(1), 0)?;
/// assert!((estimate.loss.into_scalar::<f32>() - 0.5).abs() < 1e-6);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "without replacement")]
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
        if samples > LIMIT {
            let error = Error::parameter(ENTRY.name(), "samples", format!("at most {LIMIT}"), samples);
            return Err(error.with_remedy("use sum-and-sample or rloo for more"));
        }
        Ok(Self { samples: ENTRY.properties.at_least(1, samples)? })
    }

    /// The estimate from given one-hot samples `[S, B, D, K]`, the states of a row in any order: a pure function of
    /// them. A state that occurs twice in a row counts once.
    ///
    /// # Errors
    /// Those of [`estimate`](Estimator::estimate).
    pub fn with_samples(
        &self,
        logits: Tensor<3>,
        objective: &Objective,
        z: Tensor<4>,
    ) -> Result<Estimate, Error> {
        ENTRY.properties.check(objective)?;
        let log_probs = LogProbs::of(&logits)?;
        Ok(self.at(logits, objective, &log_probs, &host::picks(z.swap_dims(0, 1))))
    }

    /// The estimate from the categories of the samples, `[B, S, D]`.
    fn at(
        &self,
        logits: Tensor<3>,
        objective: &Objective,
        log_probs: &LogProbs,
        picks: &[usize],
    ) -> Estimate {
        let ([rows, latents, categories], n) = (logits.dims(), self.samples);
        let (mut weights, mut pairs) = (Vec::new(), Vec::new());
        for (log_p, picks) in log_probs.rows().zip(picks.chunks(n * latents)) {
            let set = Set::of(log_p, categories, &picks.chunks(latents).collect::<Vec<_>>());
            weights.extend((0..n).map(|s| set.share([s])));
            pairs.extend((0..n * n).map(|pair| set.share([pair / n, pair % n])));
        }
        let z = host::one_hot(picks, [rows, n, latents], &logits).swap_dims(0, 1);
        let weights = host::tensor::<2>(weights, [rows, n], &logits).swap_dims(0, 1);
        let sample = Sample { z: z.clone(), relaxed: None, weights: Some(weights) };
        let evaluation = Evaluation::at(sample, objective);
        let losses = evaluation.losses.clone();
        if n == 1 {
            return evaluation.score(logits, losses);
        }
        let pairs = host::tensor(pairs, [rows, n, n, 1], &logits).permute([1, 2, 0, 3]);
        evaluation.estimate(logits, pairwise::cotangent(z, losses, pairs))
    }
}

/// A sampled set of states.
struct Set {
    /// The state of each sample; `None` for a repeat.
    places: Vec<Option<usize>>,
    law: UnorderedLaw,
}

impl Set {
    fn of(log_p: &[f64], categories: usize, states: &[&[usize]]) -> Self {
        let log_prob_of =
            |state: &[usize]| log_p.chunks(categories).zip(state).map(|(log_p, &c)| log_p[c]).sum();
        let mut log_prob = Vec::new();
        let admit = |(s, state): (usize, &&[usize])| {
            let new = !states[..s].contains(state);
            new.then(|| {
                log_prob.push(log_prob_of(state));
                log_prob.len() - 1
            })
        };
        let places = states.iter().enumerate().map(admit).collect();
        let rest = Rest::without(log_p, categories, states).log_prob;
        Self { places, law: UnorderedLaw::new(log_prob, rest) }
    }

    /// The weight of these samples: see [`UnorderedLaw::share`].
    fn share<const N: usize>(&self, samples: [usize; N]) -> f64 {
        self.law.share(samples.map(|s| self.places[s]))
    }
}

impl Estimator for UnorderedSet {
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
            let log_probs = LogProbs::of(&logits)?;
            let ([rows, latents, categories], n) = (logits.dims(), self.samples);
            let gumbel: Tensor<4> = noise.gumbel([rows, n, latents, categories], &logits.device().inner());
            let gumbel = numbers(gumbel);
            let mut picks = Vec::new();
            let noises = gumbel.chunks(n * latents * categories);
            for (log_p, gumbel) in log_probs.rows().zip(noises) {
                let states = distinct(log_p, categories, n, gumbel);
                let repeats = std::iter::repeat_n(&states[0], n - states.len());
                picks.extend(states.iter().chain(repeats).flat_map(|state| &state.categories));
            }
            Ok(self.at(logits, objective, &log_probs, &picks))
        })
    }
}

pub(super) static ENTRY: Entry = Entry {
    properties: Properties::score_function("unordered-set").weighting().on_host(),
    title: "samples without replacement, averaged over their order",
    papers: &[KOOL, BEAMS],
    place: "section 3",
    parameters: &[Parameter { name: "samples", default: "4", range: "a number of samples S, from 1 to 10" }],
    source: include_str!("unordered_set.rs"),
    make: |given| boxed(UnorderedSet::new(given.read("samples")?)),
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
