//! How many tokens an expert takes, and who is dropped.

use super::choice::Choice;
use super::options::{Capacity, Priority};
use super::scores::Prepared;
use crate::Error;
use crate::checked::positive;

pub(super) fn check(capacity: Capacity) -> Result<(), Error> {
    match capacity {
        Capacity::Tokens(0) => Err(Error::parameter("router", "capacity", "at least 1 token", 0)),
        Capacity::Factor(factor) => positive("router", "capacity factor", factor).map(drop),
        _ => Ok(()),
    }
}

/// The number of tokens that an expert takes, if it is limited.
pub(super) fn tokens(capacity: Capacity, scores: &Prepared, k: usize) -> Option<usize> {
    match capacity {
        Capacity::Unlimited => None,
        Capacity::Factor(factor) => Some(even(factor, scores, k)),
        Capacity::Tokens(tokens) => Some(tokens),
    }
}

/// A factor times the even load, rounded up.
pub(super) fn even(factor: f64, scores: &Prepared, k: usize) -> usize {
    (factor * (scores.count() * k) as f64 / scores.experts() as f64).ceil() as usize
}

/// Which pairs fit. `weights` are those of the pairs.
pub(super) fn kept(
    choice: &Choice,
    experts: usize,
    limit: usize,
    priority: Priority,
    weights: &[f64],
) -> Vec<bool> {
    let mut order: Vec<usize> = (0..choice.pairs.len()).collect();
    // Pairs are in the order of tokens, and both sorts are stable.
    match priority {
        Priority::TokenOrder => order.sort_by_key(|&at| choice.pairs[at].rank),
        Priority::Weight => order.sort_by(|&a, &b| weights[b].total_cmp(&weights[a])),
    }
    let (mut load, mut kept) = (vec![0; experts], vec![false; order.len()]);
    for at in order {
        let load = &mut load[choice.pairs[at].expert];
        kept[at] = *load < limit;
        *load += usize::from(kept[at]);
    }
    kept
}
