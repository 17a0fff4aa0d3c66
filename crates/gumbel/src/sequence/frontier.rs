//! The search of one row: the prefixes that may still lead to one of its S sequences.

use super::next::perturbed;
use super::{Prefix, Sequence};
use crate::estimator::parts::host::log_sum_exp;
use crate::estimator::parts::truncated::drop_below;
use gumbel_kernels::{Stream, noise};
use std::cmp::Ordering;

/// A node of the tree of prefixes. Its key is the largest perturbed log-probability of the sequences that begin with it.
pub(super) struct Node {
    pub tokens: Vec<usize>,
    pub log_prob: f64,
    pub key: f64,
    /// Where its children's noise is.
    stream: Stream,
    /// The place of its model's state, or `None` if it is a complete sequence.
    pub state: Option<usize>,
}

impl Node {
    fn child(&self, token: usize, log_prob: f64, key: f64, state: Option<usize>) -> Self {
        let tokens = self.tokens.iter().copied().chain([token]).collect();
        Self { tokens, log_prob, key, stream: self.stream.split(token as u64), state }
    }
}

/// A node that may stay in the search: one that is there, or a child of an expanded one.
struct Candidate {
    key: f64,
    log_prob: f64,
    /// Its place among the nodes, or its parent's.
    node: usize,
    token: Option<usize>,
}

/// The nodes of a row with the largest keys, in decreasing order, and what is known of all others.
pub(super) struct Frontier {
    pub row: usize,
    pub nodes: Vec<Node>,
    /// The largest perturbed log-probability of the sequences that were given up.
    pub kappa: f64,
    /// The logarithm of their total probability.
    pub log_rest: f64,
    samples: usize,
}

impl Frontier {
    /// With the empty prefix alone, whose key is Gumbel noise: the largest of all perturbed log-probabilities.
    pub fn new(row: usize, state: usize, samples: usize, stream: Stream) -> Self {
        let mut key = [0.0];
        noise::gumbel(stream, &mut key);
        let root = Node {
            tokens: Vec::new(),
            log_prob: 0.0,
            key: key[0],
            stream: stream.split(0),
            state: Some(state),
        };
        Self { row, nodes: vec![root], kappa: f64::NEG_INFINITY, log_rest: f64::NEG_INFINITY, samples }
    }

    /// The places of the nodes that are expanded next: the first `width` that are not complete.
    pub fn open(&self, width: usize) -> Vec<usize> {
        let open = self.nodes.iter().enumerate().filter(|(_, node)| node.state.is_some());
        open.map(|(place, _)| place).take(width).collect()
    }

    pub fn prefix(&self, place: usize) -> Prefix<'_> {
        Prefix { row: self.row, tokens: &self.nodes[place].tokens }
    }

    /// Replaces the nodes at `expanded` by their children, by log-probabilities `[K]` of each one's next token. The child
    /// of the i-th has the state number `first + i`, unless `complete` says that it has none.
    pub fn expand<'a>(
        &mut self,
        expanded: &[usize],
        log_p: impl Iterator<Item = &'a [f64]>,
        first: usize,
        complete: impl Fn(usize, usize) -> bool,
    ) {
        let mut candidates = self.kept(expanded);
        expanded.iter().zip(log_p).for_each(|(&node, log_p)| self.add_children(node, log_p, &mut candidates));
        self.prune(&mut candidates);
        let node = |candidate: &Candidate| {
            let parent = &self.nodes[candidate.node];
            let Some(token) = candidate.token else {
                return Node { tokens: parent.tokens.clone(), ..*parent };
            };
            let place = expanded.iter().position(|&place| place == candidate.node).expect("it was expanded");
            let state = (!complete(parent.tokens.len() + 1, token)).then_some(first + place);
            parent.child(token, candidate.log_prob, candidate.key, state)
        };
        self.nodes = candidates.iter().map(node).collect();
    }

    fn kept(&self, expanded: &[usize]) -> Vec<Candidate> {
        let kept = self.nodes.iter().enumerate().filter(|(place, _)| !expanded.contains(place));
        kept.map(|(node, kept)| Candidate { key: kept.key, log_prob: kept.log_prob, node, token: None })
            .collect()
    }

    /// The children of a node that can be drawn: their keys are Gumbel numbers whose largest is the node's key.
    fn add_children(&self, node: usize, log_p: &[f64], candidates: &mut Vec<Candidate>) {
        let parent = &self.nodes[node];
        let free = perturbed(log_p, parent.stream);
        let largest = free.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        // The parent's log-probability is common to all: without it, the differences keep their digits.
        let bound = parent.key - parent.log_prob;
        let child = |(token, (&free, &log_p)): (usize, (&f64, &f64))| Candidate {
            key: parent.key - drop_below(free, largest, bound),
            log_prob: parent.log_prob + log_p,
            node,
            token: Some(token),
        };
        let children =
            free.iter().zip(log_p).enumerate().filter(|(_, (_, log_p))| **log_p > f64::NEG_INFINITY);
        candidates.extend(children.map(child));
    }

    /// Keeps the candidates with the S largest keys, in decreasing order.
    fn prune(&mut self, candidates: &mut Vec<Candidate>) {
        let order = |a: &Candidate, b: &Candidate| self.order(a, b);
        if candidates.len() > self.samples {
            candidates.select_nth_unstable_by(self.samples, order);
        }
        let given_up = candidates.split_off(self.samples.min(candidates.len()));
        candidates.sort_unstable_by(order);
        let probabilities = given_up.iter().map(|candidate| candidate.log_prob);
        self.log_rest = log_sum_exp(probabilities.chain([self.log_rest]));
        self.kappa = given_up.iter().map(|candidate| candidate.key).fold(self.kappa, f64::max);
    }

    /// By decreasing keys. Of equal ones the first in the order of tokens comes first, whenever it was reached.
    fn order(&self, a: &Candidate, b: &Candidate) -> Ordering {
        let tokens =
            |c: &'_ Candidate| self.nodes[c.node].tokens.iter().copied().chain(c.token).collect::<Vec<_>>();
        b.key.total_cmp(&a.key).then_with(|| tokens(a).cmp(&tokens(b)))
    }

    /// The sequences, once no node is open, and their perturbed log-probabilities.
    pub fn finished(self) -> (Vec<Sequence>, Vec<f64>) {
        let sequence = |node: Node| (Sequence { tokens: node.tokens, log_prob: node.log_prob }, node.key);
        self.nodes.into_iter().map(sequence).unzip()
    }
}
