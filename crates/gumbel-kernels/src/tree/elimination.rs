//! The matrix-tree theorem, by elimination of one node after the other.
//!
//! A tree determines, for every node but the last, the next node on the path to the last. Eliminating node `v` factors
//! `W_v = Σⱼ w_vj` out of the sum over trees, and adds the weight `w_iv w_vj / W_v` of the paths through `v` to that
//! between `i` and `j`. This is Gaussian elimination of the Laplacian without its diagonal. Nothing is subtracted, and
//! in logarithms weights of any size keep their precision. Reverse differentiation gives the derivative in every weight.

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
    pub fn of(mut weights: Vec<N>, nodes: usize) -> Option<Self> {
        let (mut stages, mut log_partition) = (Vec::new(), N::constant(0.0));
        for v in 0..nodes - 1 {
            let total = (v + 1..nodes).map(|j| weights[v * nodes + j]).reduce(log_add)?;
            if total.value() == f64::NEG_INFINITY {
                return None;
            }
            log_partition = log_partition + total;
            stages.push(Stage::of(&mut weights, nodes, v, total));
        }
        let mut next = vec![N::constant(0.0); nodes * nodes];
        for (v, stage) in stages.iter().enumerate().rev() {
            stage.pull_back(&mut next, nodes, v);
        }
        Some(Self { log_partition, next })
    }
}

impl<N: Number> Stage<N> {
    fn of(weights: &mut [N], nodes: usize, v: usize, total: N) -> Self {
        let zero = || vec![N::constant(0.0); nodes * nodes];
        let mut stage = Self { out: vec![N::constant(0.0); nodes], past: zero(), through: zero() };
        for j in v + 1..nodes {
            stage.out[j] = ratio(weights[v * nodes + j], total);
        }
        for (i, j) in pairs(v, nodes) {
            let (at, [into, from]) = (i * nodes + j, [weights[i * nodes + v], weights[v * nodes + j]]);
            let present = into.value() > f64::NEG_INFINITY && from.value() > f64::NEG_INFINITY;
            let path = if present { into + from - total } else { N::constant(f64::NEG_INFINITY) };
            let sum = log_add(weights[at], path);
            (stage.past[at], stage.through[at]) = (ratio(weights[at], sum), ratio(path, sum));
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

/// `ln(exp a + exp b)`.
pub(super) fn log_add<N: Number>(a: N, b: N) -> N {
    let (low, high) = if a.value() < b.value() { (a, b) } else { (b, a) };
    if low.value() == f64::NEG_INFINITY {
        return high;
    }
    high + (N::constant(1.0) + (low - high).exp()).ln()
}

/// `exp(part − total)`; zero if `part` is −∞.
pub(super) fn ratio<N: Number>(part: N, total: N) -> N {
    if part.value() == f64::NEG_INFINITY { N::constant(0.0) } else { (part - total).exp() }
}
