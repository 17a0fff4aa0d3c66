use super::contract::{
    Entry, Estimate, Estimator, Evaluation, Objective, Paper, Parameter, Properties, Sample, Venue, boxed,
    prepared,
};
use super::parts::antithetic::{halves, pairs};
use super::parts::host::{self, LogProbs, log_sum_exp};
use crate::named::named;
use crate::tensor::numbers;
use crate::{Error, Noise};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Coupled: antithetic pairs of categories, each drawn by a sequence of binary choices.
///
/// ```text
/// ĝ = ½ (f(z) − f(z̃)) v, latent by latent; z and z̃ make every choice by opposite noise, L and −L, logistic
/// Ascending: from the rarest category on, is it this one? v = ρ (z − z̃),
///   ρ = q(z) q(z̃) / P(z, z̃) = (1 − h_a) Π_{k<a} (1 − h_k)² / (1 − 2 h_k), h_k the probability of a yes at choice k,
///   a the choice at which the two part
/// Tree: which half of the categories? v = z − z̃ − t (p_A − p_B), A and B the halves at which the two part, z in A,
///   p_A and p_B the distribution inside each, t the smaller of P(A) and P(B) over their sum
/// ```
///
/// - **Bias**: none; exactly zero for a constant f.
/// - **Cost**: S evaluations of f (S / 2 pairs); no gradient of f.
/// - **Uses**: logits, values of f.
/// - **Good for**: two evaluations of f. For K = 2 it is disarm in either order.
/// - **Avoid when**: more are affordable: the pairs are independent, while rloo compares each sample with all others.
/// - **Choices**: ascending, h is at most 1/3 before the last choice, so every pair of categories has a positive
///   probability and ρ is finite. That is not so in a tree, where no pair lies within the rarer half: its v is that of
///   disarm, choice by choice, averaged over the choices that z and z̃ do not show.
/// - **Source**: Dong, Mnih and Tucker 2021, section 3.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::estimator::{Coupled, CouplingOrder, Objective};
/// // Two equal categories: opposite noise gives opposite categories, and E f exactly.
/// let (logits, logistic) =
///     (Tensor::<3>::zeros([1, 1, 2], &Device::flex()), Tensor::<4>::from_floats([[[[0.3]]]], &Device::flex()));
/// let bit = Objective::mean(|sample| sample.z.clone().narrow(3, 1, 1).squeeze_dims(&[2, 3]));
/// let estimate = Coupled::new(2, CouplingOrder::Ascending)?.with_logistic(logits, &bit, logistic)?;
/// assert_eq!(estimate.loss.into_scalar::<f32>(), 0.5);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coupled {
    pairs: usize,
    order: CouplingOrder,
}

/// The binary choices by which [`Coupled`] draws a category.
///
/// ```
/// use gumbel::estimator::CouplingOrder;
/// assert_eq!("tree".parse::<CouplingOrder>()?, CouplingOrder::Tree);
/// assert_eq!(CouplingOrder::ALL.len(), 2);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CouplingOrder {
    /// One category after another, from the rarest on.
    #[default]
    Ascending,
    /// A half of the categories, in their given order, then a half of that.
    Tree,
}

impl CouplingOrder {
    /// Both, in the order of the documentation.
    pub const ALL: [Self; 2] = [Self::Ascending, Self::Tree];
}

named!(CouplingOrder, "order", Ascending => "ascending", Tree => "tree");

impl Coupled {
    /// With `samples` samples per row, in pairs.
    ///
    /// # Errors
    /// An odd number of samples, or none.
    pub fn new(samples: usize, order: CouplingOrder) -> Result<Self, Error> {
        Ok(Self { pairs: pairs(&ENTRY.properties, samples)?, order })
    }

    /// The estimate for logits `[B, D, K]` from given logistic noise `[S / 2, B, D, K]`, a number for each binary
    /// choice and an unused one: a pure function of it.
    ///
    /// # Errors
    /// Those of [`estimate`](Estimator::estimate).
    pub fn with_logistic(
        &self,
        logits: Tensor<3>,
        objective: &Objective,
        logistic: Tensor<4>,
    ) -> Result<Estimate, Error> {
        ENTRY.properties.check(objective)?;
        let log_probs = LogProbs::of(&logits)?;
        let ([rows, latents, categories], noise) = (logits.dims(), numbers(logistic));
        let (mut picks, mut twins, mut directions) = (Vec::new(), Vec::new(), Vec::new());
        let repeated = (0..self.pairs).flat_map(|_| log_probs.latents());
        for (log_p, noise) in repeated.zip(noise.chunks(categories)) {
            let pair = self.order.pair(log_p, noise);
            picks.push(pair.z);
            twins.push(pair.twin);
            directions.extend(pair.direction);
        }
        picks.extend(twins);
        let z = host::one_hot(&picks, [2 * self.pairs, rows, latents], &logits);
        let directions = host::tensor::<4>(directions, [self.pairs, rows, latents, categories], &logits);
        let evaluation = Evaluation::at(Sample::hard(z), objective);
        let [left, right] = halves(evaluation.losses.clone().detach());
        let signal = (left - right) * (0.5 / self.pairs as f64);
        let cotangent = (signal.unsqueeze_dims::<4>(&[2, 3]) * directions).sum_dim(0).squeeze_dim(0);
        Ok(evaluation.estimate(logits, cotangent))
    }
}

/// Two categories of a latent, and v, `[K]`.
struct Pair {
    z: usize,
    twin: usize,
    direction: Vec<f64>,
}

impl Pair {
    /// With `weight (z − z̃)`.
    fn new(z: usize, twin: usize, weight: f64, categories: usize) -> Self {
        let mut direction = vec![0.0; categories];
        direction[z] += weight;
        direction[twin] -= weight;
        Self { z, twin, direction }
    }
}

impl CouplingOrder {
    fn pair(self, log_p: &[f64], noise: &[f64]) -> Pair {
        match self {
            Self::Ascending => ascending(log_p, noise),
            Self::Tree => tree(log_p, noise),
        }
    }
}

fn ascending(log_p: &[f64], noise: &[f64]) -> Pair {
    let mut order: Vec<usize> = (0..log_p.len()).collect();
    order.sort_by(|&a, &b| log_p[a].total_cmp(&log_p[b]));
    let log_odds = log_odds_of_stopping(&order.iter().map(|&category| log_p[category]).collect::<Vec<_>>());
    let stop = |sign: f64| {
        let taken = log_odds.iter().zip(noise).position(|(log_odds, noise)| sign * noise > -log_odds);
        taken.unwrap_or(log_odds.len())
    };
    let (stop, twin) = (stop(1.0), stop(-1.0));
    let chance = |k: usize| 1.0 / (1.0 + (-log_odds[k]).exp());
    let parted = stop.min(twin);
    let together: f64 = (0..parted).map(chance).map(|h| (1.0 - h).powi(2) / (1.0 - 2.0 * h)).product();
    let ratio = if stop == twin { 0.0 } else { together * (1.0 - chance(parted)) };
    Pair::new(order[stop], order[twin], ratio, log_p.len())
}

/// The log-odds of each category against all later ones: one fewer than there are categories.
fn log_odds_of_stopping(log_p: &[f64]) -> Vec<f64> {
    let mut later = f64::NEG_INFINITY;
    let mut log_odds = vec![0.0; log_p.len()];
    for (odds, &here) in log_odds.iter_mut().zip(log_p).rev() {
        *odds = here - later;
        later = log_sum_exp([here, later].into_iter());
    }
    log_odds.truncate(log_p.len() - 1);
    log_odds
}

fn tree(log_p: &[f64], noise: &[f64]) -> Pair {
    let log_prob = |half: Range<usize>| log_sum_exp(log_p[half].iter().copied());
    let leaf = |sign: f64| {
        let mut range = 0..log_p.len();
        while range.len() > 1 {
            let [low, high] = split(range);
            let log_odds = log_prob(high.clone()) - log_prob(low.clone());
            range = if sign * noise[low.end - 1] > -log_odds { high } else { low };
        }
        range.start
    };
    let (z, twin) = (leaf(1.0), leaf(-1.0));
    let mut pair = Pair::new(z, twin, 1.0, log_p.len());
    if z != twin {
        let [ours, theirs] = parting(0..log_p.len(), z, twin);
        let gap = log_prob(ours.clone()) - log_prob(theirs.clone());
        let smaller = 1.0 / (1.0 + gap.abs().exp());
        for (half, sign) in [(ours, 1.0), (theirs, -1.0)] {
            let total = log_prob(half.clone());
            half.for_each(|c| pair.direction[c] -= sign * smaller * (log_p[c] - total).exp());
        }
    }
    pair
}

fn split(range: Range<usize>) -> [Range<usize>; 2] {
    let middle = range.start.midpoint(range.end);
    [range.start..middle, middle..range.end]
}

/// The halves that two different categories lie in where they part, that of `z` first.
fn parting(range: Range<usize>, z: usize, twin: usize) -> [Range<usize>; 2] {
    let [low, high] = split(range);
    match (low.contains(&z), low.contains(&twin)) {
        (true, true) => parting(low, z, twin),
        (false, false) => parting(high, z, twin),
        (true, false) => [low, high],
        (false, true) => [high, low],
    }
}

impl Estimator for Coupled {
    fn properties(&self) -> Properties {
        ENTRY.properties.with_samples(2 * self.pairs)
    }

    fn estimate(
        &self,
        logits: Tensor<3>,
        objective: &Objective,
        noise: &mut Noise,
        _step: u64,
    ) -> Result<Estimate, Error> {
        prepared(logits, objective, |logits, objective| {
            let [rows, latents, categories] = logits.dims();
            let logistic = noise.logistic([self.pairs, rows, latents, categories], &logits.device().inner());
            self.with_logistic(logits, objective, logistic)
        })
    }
}

pub(super) static ENTRY: Entry = Entry {
    properties: Properties::score_function("coupled").on_host(),
    title: "antithetic pairs of categories",
    papers: &[DONG],
    place: "section 3",
    parameters: &[
        Parameter::PAIRED,
        Parameter { name: "order", default: "ascending", range: "ascending or tree" },
    ],
    source: include_str!("coupled.rs"),
    make: |given| boxed(Coupled::new(given.read("samples")?, given.read("order")?)),
};

const DONG: Paper = Paper {
    key: "dong2021coupled",
    authors: "Zhe Dong and Andriy Mnih and George Tucker",
    title: "Coupled Gradient Estimators for Discrete Latent Variables",
    venue: Venue::Conference("Advances in Neural Information Processing Systems"),
    year: 2021,
};
