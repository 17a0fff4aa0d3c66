//! The matrix-tree theorem, by elimination of one node after the other.
//!
//! A tree determines, for every node but the last, the next node on the path to the last. Eliminating node `v` factors
//! `W_v = Σⱼ w_vj` out of the sum over trees, and adds the weight `w_iv w_vj / W_v` of the paths through `v` to that
//! between `i` and `j`. This is Gaussian elimination of the Laplacian without its diagonal. Nothing is subtracted, and
//! in logarithms of two parts weights of any size keep their precision. Reverse differentiation gives the derivative in
//! every weight.

use crate::number::dual::Number;

/// The result of eliminating every node but the last.
pub(super) struct Elimination<N> {
    pub log_partition: N,
    /// The probability that `j` is the next node after `i` on the path to the last node, row-major.
    pub next: Vec<N>,
}

/// The elimination of one node, as the reverse pass needs it.
struct Stage<N> {
    /// The shares `w_vj / W_v`.
    out: Vec<N>,
    /// The shares of each new weight that pass by the node, and through it.
    past: Vec<N>,
    through: Vec<N>,
}

impl<N: Number> Elimination<N> {
    /// Eliminates the nodes of a graph, from the logarithms of the weights between `nodes`, row-major, −∞ where there is
    /// no edge. `None` if the nodes are not connected.
    pub fn of(mut weights: Vec<LogWeight<N>>, nodes: usize) -> Option<Self> {
        let (mut stages, mut log_partition) = (Vec::new(), LogWeight::one());
        for v in 0..nodes - 1 {
            let total = (v + 1..nodes).map(|j| weights[v * nodes + j]).reduce(LogWeight::plus)?;
            if total.is_none() {
                return None;
            }
            log_partition = log_partition.times(total);
            stages.push(Stage::of(&mut weights, nodes, v, total));
        }
        let mut next = vec![N::constant(0.0); nodes * nodes];
        for (v, stage) in stages.iter().enumerate().rev() {
            stage.pull_back(&mut next, nodes, v);
        }
        Some(Self { log_partition: log_partition.sum(), next })
    }
}

impl<N: Number> Stage<N> {
    fn of(weights: &mut [LogWeight<N>], nodes: usize, v: usize, total: LogWeight<N>) -> Self {
        let zero = || vec![N::constant(0.0); nodes * nodes];
        let mut stage = Self { out: vec![N::constant(0.0); nodes], past: zero(), through: zero() };
        for j in v + 1..nodes {
            stage.out[j] = weights[v * nodes + j].share_of(total);
        }
        for (i, j) in pairs(v, nodes) {
            let (at, [into, from]) = (i * nodes + j, [weights[i * nodes + v], weights[v * nodes + j]]);
            let path = into.times(from.over(total));
            let sum = weights[at].plus(path);
            (stage.past[at], stage.through[at]) = (weights[at].share_of(sum), path.share_of(sum));
            weights[at] = sum;
        }
        stage
    }

    /// Extends the probabilities among the nodes after `v` to those that include `v`.
    fn pull_back(&self, next: &mut [N], nodes: usize, v: usize) {
        let mut left = N::constant(1.0);
        for (i, j) in pairs(v, nodes) {
            let at = i * nodes + j;
            let flow = next[at] * self.through[at];
            next[at] = next[at] * self.past[at];
            next[i * nodes + v] = next[i * nodes + v] + flow;
            next[v * nodes + j] = next[v * nodes + j] + flow;
            left = left - flow;
        }
        for j in v + 1..nodes {
            next[v * nodes + j] = next[v * nodes + j] + self.out[j] * left;
        }
    }
}

/// The ordered pairs of different nodes after `v`.
fn pairs(v: usize, nodes: usize) -> impl Iterator<Item = (usize, usize)> {
    (v + 1..nodes).flat_map(move |i| (v + 1..nodes).filter(move |&j| j != i).map(move |j| (i, j)))
}

/// The logarithm of a weight, as the sum of two parts: a sum of logits, which may be large, and what is added to it by sums
/// of weights, with the slope. In one number the second would be lost in the rounding of the first.
#[derive(Clone, Copy)]
pub(super) struct LogWeight<N> {
    large: f64,
    small: N,
}

impl<N: Number> LogWeight<N> {
    /// Of the logit of an edge.
    pub fn of(logit: N) -> Self {
        let large = logit.value();
        let present = large > f64::NEG_INFINITY;
        Self { large, small: if present { logit - N::constant(large) } else { N::constant(0.0) } }
    }

    /// Of the weight 0.
    pub fn none() -> Self {
        Self::of(N::constant(f64::NEG_INFINITY))
    }

    fn one() -> Self {
        Self::of(N::constant(0.0))
    }

    fn is_none(self) -> bool {
        self.large == f64::NEG_INFINITY
    }

    fn sum(self) -> N {
        N::constant(self.large) + self.small
    }

    /// Of the product of two weights. A sum of logits beyond the range is the least number, and never that of weight 0.
    fn times(self, other: Self) -> Self {
        if self.is_none() || other.is_none() {
            return Self::none();
        }
        let (large, rest) = exact_sum(self.large, other.large);
        Self { large: large.max(f64::MIN), small: self.small + other.small + N::constant(rest) }
    }

    fn over(self, total: Self) -> Self {
        self.times(Self { large: -total.large, small: N::constant(0.0) - total.small })
    }

    /// `ln(exp self + exp other)`.
    pub fn plus(self, other: Self) -> Self {
        let below = (self.large - other.large) + (self.small - other.small).value() < 0.0;
        let (low, high) = if below || self.is_none() { (self, other) } else { (other, self) };
        if low.is_none() {
            return high;
        }
        let ratio = low.share_of(high);
        Self { large: high.large, small: high.small + (N::constant(1.0) + ratio).ln() }
    }

    /// `exp(self − total)`; zero for weight 0.
    pub fn share_of(self, total: Self) -> N {
        if self.is_none() {
            return N::constant(0.0);
        }
        (N::constant(self.large - total.large) + (self.small - total.small)).exp()
    }
}

/// The rounded sum, and what its rounding has left out (Knuth); that is 0 for a sum beyond the range.
fn exact_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let of_b = sum - a;
    let rest = (a - (sum - of_b)) + (b - of_b);
    (sum, if rest.is_finite() { rest } else { 0.0 })
}
