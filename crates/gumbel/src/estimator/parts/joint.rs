//! Joint states of a row's latents: the most probable ones, distinct samples, and the distribution without some states.
//!
//! A state's probability is a product over latents, so states are found latent by latent, as a beam search finds
//! sequences. The beam never loses one of them: latents are independent, so later latents do not change the order of
//! prefixes.

use super::host::{argmax, log_sum_exp};
use super::truncated::below;

/// A category for each of a row's latents, or of the first of them.
#[derive(Clone, Debug)]
pub(in super::super) struct State {
    pub categories: Vec<usize>,
    pub log_prob: f64,
    /// What the beam is sorted by.
    key: f64,
}

impl State {
    fn extended(&self, category: usize, log_prob: f64, key: f64) -> Self {
        let categories = self.categories.iter().copied().chain([category]).collect();
        Self { categories, log_prob: self.log_prob + log_prob, key }
    }
}

/// The `count` most probable states, or all there are, by log-probabilities `[D, K]`.
pub(in super::super) fn likeliest(log_p: &[f64], categories: usize, count: usize) -> Vec<State> {
    let keys = |state: &State, _: usize, log_p: &[f64]| log_p.iter().map(|p| state.log_prob + p).collect();
    beam(log_p, categories, count, keys)
}

/// `count` states without replacement, or all there are, by Gumbel noise `[count, D, K]`.
///
/// Kool, van Hoof and Welling 2019, "Stochastic Beams and Where To Find Them", algorithm 1: each state has a
/// Gumbel of its own, and a beam of prefixes needs only the largest of those that share a prefix.
pub(in super::super) fn distinct(
    log_p: &[f64],
    categories: usize,
    count: usize,
    gumbel: &[f64],
) -> Vec<State> {
    beam(log_p, categories, count, |state, place, here| {
        let gumbel = &gumbel[place * log_p.len() + state.categories.len() * categories..];
        let free: Vec<f64> = here.iter().zip(gumbel).map(|(p, g)| state.log_prob + p + g).collect();
        let largest = free.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        free.into_iter().map(|key| below(key, largest, state.key)).collect()
    })
}

/// Extends states latent by latent, keeping those with the `count` largest keys.
fn beam(
    log_p: &[f64],
    categories: usize,
    count: usize,
    keys: impl Fn(&State, usize, &[f64]) -> Vec<f64>,
) -> Vec<State> {
    let mut states = vec![State { categories: Vec::new(), log_prob: 0.0, key: 0.0 }];
    for log_p in log_p.chunks(categories) {
        let children = states.iter().enumerate().flat_map(|(place, state)| {
            let keys = keys(state, place, log_p).into_iter().enumerate();
            keys.map(move |(category, key)| (place, category, key))
        });
        // A masked category has no key.
        let mut children: Vec<_> = children.filter(|child| child.2 > f64::NEG_INFINITY).collect();
        children.sort_by(|a, b| b.2.total_cmp(&a.2));
        children.truncate(count);
        let child = |(place, category, key): (usize, usize, f64)| {
            states[place].extended(category, log_p[category], key)
        };
        states = children.into_iter().map(child).collect();
    }
    states
}

/// The distribution of a row's states without some of them: a tree along the categories of those.
///
/// Its total probability is a sum of positive terms: a difference from one would lose every digit where little is left.
pub(in super::super) struct Rest {
    pub log_prob: f64,
    taken: Vec<(usize, Rest)>,
}

impl Rest {
    /// From log-probabilities `[D, K]`, without the states `[D]`.
    pub fn without(log_p: &[f64], categories: usize, states: &[&[usize]]) -> Self {
        if log_p.is_empty() {
            let log_prob = if states.is_empty() { 0.0 } else { f64::NEG_INFINITY };
            return Self { log_prob, taken: Vec::new() };
        }
        let (here, below) = log_p.split_at(categories);
        let child = |category: usize| {
            let inside = states.iter().filter(|state| state[0] == category);
            let inside: Vec<&[usize]> = inside.map(|state| &state[1..]).collect();
            (!inside.is_empty()).then(|| (category, Self::without(below, categories, &inside)))
        };
        let mut rest = Self { log_prob: 0.0, taken: (0..categories).filter_map(child).collect() };
        rest.log_prob = log_sum_exp(rest.left(here).into_iter());
        rest
    }

    /// The log-probability that is left in each category of the next latent.
    fn left(&self, log_p: &[f64]) -> Vec<f64> {
        let mut left = log_p.to_vec();
        self.taken.iter().for_each(|(category, rest)| left[*category] += rest.log_prob);
        left
    }

    fn inside(&self, category: usize) -> Option<&Self> {
        self.taken.iter().find(|(taken, _)| *taken == category).map(|(_, rest)| rest)
    }

    /// Draws one of the states that are left, if any are, in proportion to its probability, by Gumbel noise `[D, K]`.
    pub fn draw(&self, log_p: &[f64], categories: usize, gumbel: &[f64]) -> Vec<usize> {
        let mut rest = Some(self);
        let latents = log_p.chunks(categories).zip(gumbel.chunks(categories));
        let draw = latents.map(|(log_p, gumbel)| {
            let left = rest.map_or_else(|| log_p.to_vec(), |rest| rest.left(log_p));
            let category = argmax(left.iter().zip(gumbel).map(|(left, g)| left + g));
            rest = rest.and_then(|rest| rest.inside(category));
            category
        });
        draw.collect()
    }
}
