//! Who goes where, on the host: pairs of a token and an expert. Of equal keys the lowest index comes first.

use super::options::Weighting;
use super::scores::Prepared;
use crate::tensor::tracked_as;
use burn::tensor::{Bool, Int, Tensor, TensorData};
use std::cmp::Ordering;

/// A token that an expert takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pair {
    pub token: usize,
    pub expert: usize,
    /// Its place among the choices of its token or, under expert choice, of its expert.
    pub rank: usize,
}

/// The pairs, in the order of who chooses and then by rank.
#[derive(Clone, Debug)]
pub(super) struct Choice {
    pub pairs: Vec<Pair>,
    /// The choosers, T or E, by the choices of each: the shape of the indices.
    pub shape: [usize; 2],
    pub by_experts: bool,
}

/// The k experts of each token with the largest logits, or scores plus the bias.
pub(super) fn by_tokens(scores: &Prepared, logits: &[f64], k: usize, weighting: Weighting) -> Choice {
    let Some(bias) = &scores.bias else { return by_logits(scores, logits, k) };
    let experts = scores.experts();
    let order = |row: usize| {
        let logits = &logits[row * experts..][..experts];
        let keys = biased(logits, bias, weighting);
        // Scores can be equal where logits are not.
        largest(experts, k, |a, b| descending(keys[a], keys[b]).then(descending(logits[a], logits[b])))
    };
    Choice::of_tokens(scores, k, order)
}

/// The k experts of each token with the largest logits.
pub(super) fn by_logits(scores: &Prepared, logits: &[f64], k: usize) -> Choice {
    let experts = scores.experts();
    let order = |row: usize| {
        let logits = &logits[row * experts..][..experts];
        largest(experts, k, |a, b| descending(logits[a], logits[b]))
    };
    Choice::of_tokens(scores, k, order)
}

/// The `count` tokens of each expert with the largest shares; fewer where fewer are unmasked.
pub(super) fn by_experts(scores: &Prepared, shares: &[f64], count: usize) -> Choice {
    let experts = scores.experts();
    let open: Vec<Vec<usize>> = (0..experts).map(|expert| scores.open_tokens(expert).collect()).collect();
    let count = count.min(open.iter().map(Vec::len).max().unwrap_or(0));
    let mut pairs = Vec::with_capacity(experts * count);
    for (expert, open) in open.iter().enumerate() {
        let share = |place: usize| shares[open[place] * experts + expert];
        let order = largest(open.len(), count.min(open.len()), |a, b| descending(share(a), share(b)));
        pairs.extend(order.iter().enumerate().map(|(rank, &at)| Pair { token: open[at], expert, rank }));
    }
    Choice { pairs, shape: [experts, count], by_experts: true }
}

/// All places of a row, the largest key first.
pub(super) fn order_of(keys: &[f64]) -> Vec<usize> {
    largest(keys.len(), keys.len(), |a, b| descending(keys[a], keys[b]))
}

impl Choice {
    /// From indices `[T, k]` of experts.
    pub fn from_order(scores: &Prepared, order: &[f64], k: usize) -> Self {
        Self::of_tokens(scores, k, |row| {
            order[row * k..][..k].iter().map(|&expert| expert as usize).collect()
        })
    }

    /// From k-hot rows; the largest logit ranks first.
    pub fn from_hot(scores: &Prepared, hot: &[f64], k: usize) -> Self {
        let experts = scores.experts();
        let order = |row: usize| {
            let at = row * experts..(row + 1) * experts;
            let (hot, logits) = (&hot[at.clone()], &scores.values[at]);
            largest(experts, k, |a, b| descending(hot[a], hot[b]).then(descending(logits[a], logits[b])))
        };
        Self::of_tokens(scores, k, order)
    }

    fn of_tokens(scores: &Prepared, k: usize, order: impl Fn(usize) -> Vec<usize>) -> Self {
        let real = (0..scores.tokens()).filter(|&token| scores.real[token]);
        let row = |token: usize| {
            order(token).into_iter().enumerate().map(move |(rank, expert)| Pair { token, expert, rank })
        };
        Self { pairs: real.flat_map(row).collect(), shape: [scores.tokens(), k], by_experts: false }
    }

    /// Pairs that each expert is in.
    pub fn counts(&self, experts: usize) -> Vec<usize> {
        let mut counts = vec![0; experts];
        self.pairs.iter().for_each(|pair| counts[pair.expert] += 1);
        counts
    }

    /// Which of `[T, E]` are pairs.
    pub fn mask(&self, scores: &Prepared, kept: impl Fn(usize) -> bool) -> Tensor<2, Bool> {
        let shape = [scores.tokens(), scores.experts()];
        let mut mask = vec![false; shape[0] * shape[1]];
        let kept = self.pairs.iter().enumerate().filter(|&(at, _)| kept(at));
        kept.for_each(|(_, pair)| mask[pair.token * shape[1] + pair.expert] = true);
        Tensor::from_data(TensorData::new(mask, shape), &scores.logits.device())
    }

    /// Ones `[T, E]` at the pairs, in the type of the logits.
    pub fn hot(&self, scores: &Prepared) -> Tensor<2> {
        let hot = self.mask(scores, |_| true).float().cast(scores.logits.dtype());
        tracked_as(hot, &scores.logits)
    }

    /// The tensor `[T, E]` with zero where there is no pair.
    pub fn only_chosen(&self, scores: &Prepared, tensor: Tensor<2>) -> Tensor<2> {
        tensor.mask_fill(self.mask(scores, |_| true).bool_not(), 0.0)
    }

    /// The place of each pair in a flat tensor of [`Self::shape`].
    pub fn slot(&self, pair: &Pair) -> usize {
        (if self.by_experts { pair.expert } else { pair.token }) * self.shape[1] + pair.rank
    }

    /// What each chooser chose, in [`Self::shape`]; 0 where a slot is empty.
    pub fn indices(&self, scores: &Prepared) -> Tensor<2, Int> {
        let mut indices = vec![0; self.shape[0] * self.shape[1]];
        for pair in &self.pairs {
            indices[self.slot(pair)] = (if self.by_experts { pair.token } else { pair.expert }) as i64;
        }
        Tensor::from_data(TensorData::new(indices, self.shape), &scores.logits.device())
    }
}

/// The softmax or the logistic function of logits, plus the bias; `-inf` stays.
fn biased(logits: &[f64], bias: &[f64], weighting: Weighting) -> Vec<f64> {
    let top = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let total: f64 = logits.iter().map(|logit| (logit - top).exp()).sum();
    let score = |logit: f64| match weighting {
        Weighting::Sigmoid => 1.0 / (1.0 + (-logit).exp()),
        Weighting::Chosen | Weighting::All => (logit - top).exp() / total,
    };
    let key = |(&logit, bias)| if logit == f64::NEG_INFINITY { logit } else { score(logit) + bias };
    logits.iter().zip(bias).map(key).collect()
}

fn descending(a: f64, b: f64) -> Ordering {
    b.partial_cmp(&a).unwrap_or(Ordering::Equal)
}

/// The first `k` places in an order, in that order; of equal ones, the lowest place.
fn largest(count: usize, k: usize, compare: impl Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut places: Vec<usize> = (0..count).collect();
    let compare = |a: &usize, b: &usize| compare(*a, *b).then(a.cmp(b));
    if k < count {
        places.select_nth_unstable_by(k, compare);
        places.truncate(k);
    }
    places.sort_unstable_by(compare);
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_equal_keys_the_lowest_place_comes_first() {
        let keys = [1.0, 2.0, 2.0, f64::NEG_INFINITY, 2.0];
        let order = |k| largest(5, k, |a, b| descending(keys[a], keys[b]));
        assert_eq!(order(2), [1, 2]);
        assert_eq!(order(5), [1, 2, 4, 0, 3]);
    }

    #[test]
    fn a_bias_moves_scores_and_no_mask() {
        let keys = biased(&[0.0, f64::NEG_INFINITY, 0.0], &[0.0, 9.0, 0.25], Weighting::All);
        assert_eq!(keys, [0.5, f64::NEG_INFINITY, 0.75]);
        assert_eq!(biased(&[0.0], &[0.25], Weighting::Sigmoid), [0.75]);
    }
}
