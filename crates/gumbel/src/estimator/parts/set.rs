//! A set of distinct states, drawn without replacement, whose order is averaged out.

use super::host::log_sum_exp;

/// The law of a set, given which states it contains: the weights of Kool, van Hoof and Welling 2020.
pub(crate) struct UnorderedLaw {
    log_prob: Vec<f64>,
    /// For each subset, as bits: the log-probability that sampling without replacement draws the others of the set next,
    /// once the subset is drawn.
    log_completion: Vec<f64>,
}

impl UnorderedLaw {
    /// From the log-probabilities of the distinct states of a set, and that of all states outside it. Takes time 2ᴺ for
    /// N states.
    pub fn new(log_prob: Vec<f64>, rest: f64) -> Self {
        Self { log_completion: completions(&log_prob, rest), log_prob }
    }

    /// The weight of some states of the set: the product of their probabilities and P(the others come next, without
    /// these) / P(S). Zero if one of them is `None`; arbitrary but finite if one occurs twice.
    pub fn share<const N: usize>(&self, places: [Option<usize>; N]) -> f64 {
        let taken = places.iter().flatten().fold(0, |taken, place| taken | 1 << place);
        let log_p: f64 = places.iter().flatten().map(|&place| self.log_prob[place]).sum();
        let absent = places.contains(&None);
        if absent { 0.0 } else { (log_p + self.log_completion[taken] - self.log_completion[0]).exp() }
    }
}

/// From the complete set down to the empty one.
fn completions(log_prob: &[f64], rest: f64) -> Vec<f64> {
    let all = (1 << log_prob.len()) - 1;
    let mut log_completion = vec![0.0; all + 1];
    for taken in (0..all).rev() {
        let left = (0..log_prob.len()).filter(|i| taken >> i & 1 == 0);
        let next = left.clone().map(|i| log_prob[i] + log_completion[taken | 1 << i]);
        let remaining = left.map(|i| log_prob[i]).chain([rest]);
        log_completion[taken] = log_sum_exp(next) - log_sum_exp(remaining);
    }
    log_completion
}
