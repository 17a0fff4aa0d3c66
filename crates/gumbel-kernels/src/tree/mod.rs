//! Spanning trees of a graph: the exponential family over them, with one logit per edge.
//!
//! ```text
//! q(T) = exp(Σ_{e ∈ T} θₑ − A(θ)),   A(θ) = ln det of the Laplacian of the weights exp θ, without one node
//! ```
//!
//! The determinant is the matrix-tree theorem (Kirchhoff 1847). Everything is computed in double precision, in time
//! `nodes³` per row. The marginals and their VJP also take memory for `nodes³` numbers.

mod elimination;
mod graph;

pub use graph::Graph;

use crate::Real;
use crate::error::{Error, logit_error};
use crate::number::dual::{Dual, Number};
use crate::parallel::gaps::gap;
use crate::parallel::lanes::max;
use crate::parallel::rows::same_length;
use elimination::{Elimination, LogWeight};
use rayon::prelude::*;

/// Log-partition function `A(θ)`: the logarithm of the sum of weights over all spanning trees. Its gradient is
/// [`marginals`].
///
/// ```text
/// out[r] = ln Σ_T exp(Σ_{e ∈ T} θₑ),   θ = logits[r]
/// ```
///
/// The matrix-tree theorem (Kirchhoff 1847).
///
/// # Shapes
/// `logits` `[rows, edges]`, `out` `[rows]`.
///
/// # Errors
/// [`Error::Logit`], [`Error::AllMasked`]; [`Error::NoSpanningTree`] if the unmasked edges of a row do not connect
/// the nodes.
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// use gumbel_kernels::tree::{Graph, log_partition};
/// let mut total = [0.0f64];
/// log_partition(&[0.0; 6], &Graph::complete(4)?, &mut total)?;
/// assert!((total[0] - 16f64.ln()).abs() < 1e-15); // Cayley: 4² trees
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
#[doc(alias = "matrix-tree")]
#[doc(alias = "kirchhoff")]
pub fn log_partition<T: Real>(logits: &[T], graph: &Graph, out: &mut [T]) -> Result<(), Error> {
    same_length("logits", logits.len(), out.len() * graph.edges().len());
    run(logits, graph, out, 1, |_, logits, out| {
        let (gaps, max) = centred(&logits);
        let of_gaps = eliminate(&gaps, graph)?.log_partition;
        out[0] = T::from_f64(of_gaps + (graph.nodes() - 1) as f64 * max);
        Some(())
    })
}

/// Marginals `μ = ∂A/∂θ`: the probability that each edge is in the tree. A row sums to the number of nodes minus one.
///
/// # Shapes
/// `logits`, `out` `[rows, edges]`.
///
/// # Errors
/// Those of [`log_partition`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// use gumbel_kernels::tree::{Graph, marginals};
/// let mut means = [0.0f64; 3];
/// marginals(&[0.0, 0.0, 2f64.ln()], &Graph::complete(3)?, &mut means)?;
/// assert!((means[0] - 3.0 / 5.0).abs() < 1e-15); // 1·1 + 1·2 with the edge, 1·2 without
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
#[doc(alias = "edge probabilities")]
pub fn marginals<T: Real>(logits: &[T], graph: &Graph, out: &mut [T]) -> Result<(), Error> {
    same_length("out", out.len(), logits.len());
    run(logits, graph, out, graph.edges().len(), |_, logits, out| {
        let means = means(&centred(&logits).0, graph)?;
        // Differences of probabilities can leave their range by a rounding.
        out.iter_mut().zip(means).for_each(|(out, mean)| *out = T::from_f64(mean.clamp(0.0, 1.0)));
        Some(())
    })
}

/// Vector-Jacobian product of [`marginals`] in the logits: the covariance of the edges times the cotangent `d`.
///
/// Exactly 0 at masked edges.
///
/// # Shapes
/// `logits`, `d`, `out` `[rows, edges]`.
///
/// # Errors
/// Those of [`log_partition`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// use gumbel_kernels::tree::{Graph, marginals_vjp};
/// let mut out = [0.0f64; 3];
/// marginals_vjp(&[0.0; 3], &[1.0, 0.0, 0.0], &Graph::complete(3)?, &mut out)?;
/// assert!((out[0] - 2.0 / 9.0).abs() < 1e-15); // 2/3 · 1/3
/// assert!((out[1] + 1.0 / 9.0).abs() < 1e-15); // 1/3 − 4/9
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
pub fn marginals_vjp<T: Real>(logits: &[T], d: &[T], graph: &Graph, out: &mut [T]) -> Result<(), Error> {
    same_length("d", d.len(), logits.len());
    same_length("out", out.len(), logits.len());
    let edges = graph.edges().len();
    run(logits, graph, out, edges, |row, logits, out| {
        let (gaps, _) = centred(&logits);
        let moving = gaps.iter().zip(&d[row * edges..]).map(|(&value, &d)| Dual { value, slope: d.into() });
        let means = means(&moving.collect::<Vec<_>>(), graph)?;
        out.iter_mut().zip(means).for_each(|(out, mean)| *out = T::from_f64(mean.slope));
        Some(())
    })
}

/// Spanning tree with the largest sum of logits: one for each of its edges, zero for the others.
///
/// Kruskal's algorithm (1956). Of edges with equal logits, the first is preferred.
///
/// # Shapes
/// `logits`, `out` `[rows, edges]`.
///
/// # Errors
/// Those of [`log_partition`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// use gumbel_kernels::tree::{Graph, max_spanning_tree};
/// let mut tree = [9.0f32; 3];
/// max_spanning_tree(&[0.5, -1.0, 2.0], &Graph::complete(3)?, &mut tree)?;
/// assert_eq!(tree, [1.0, 0.0, 1.0]);
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
#[doc(alias = "kruskal")]
#[doc(alias = "heaviest")]
pub fn max_spanning_tree<T: Real>(logits: &[T], graph: &Graph, out: &mut [T]) -> Result<(), Error> {
    same_length("out", out.len(), logits.len());
    run(logits, graph, out, graph.edges().len(), |_, logits, out| {
        out.fill(T::zero());
        graph.kruskal(&logits)?.for_each(|edge| out[edge] = T::one());
        Some(())
    })
}

/// Fills the rows of `out`, of length `width`, from their index and logits, on the threads of the current rayon pool.
fn run<T: Real>(
    logits: &[T],
    graph: &Graph,
    out: &mut [T],
    width: usize,
    task: impl Fn(usize, Vec<f64>, &mut [T]) -> Option<()> + Sync,
) -> Result<(), Error> {
    let edges = graph.edges().len();
    assert!(
        logits.len().is_multiple_of(edges),
        "{} logits are not a multiple of {edges} edges",
        logits.len()
    );
    let rows = logits.par_chunks_exact(edges).zip(out.par_chunks_exact_mut(width)).enumerate();
    let fill = |(row, (logits, out)): (usize, (&[T], &mut [T]))| match logit_error(row, logits) {
        Some(error) => Err(error),
        None => task(row, logits.iter().map(|&logit| logit.into()).collect(), out)
            .ok_or(Error::NoSpanningTree { row }),
    };
    let done: Vec<_> = rows.with_min_len(GRAIN / graph.nodes().pow(3) + 1).map(fill).collect();
    done.into_iter().collect()
}

/// A thread takes at least this many steps.
const GRAIN: usize = 1 << 10;

/// The logits minus their largest, and the largest: every tree has the same number of edges, so a common part of the
/// logits changes no probability, however large it is.
fn centred(logits: &[f64]) -> (Vec<f64>, f64) {
    let max = max(logits);
    (logits.iter().map(|&logit| gap(logit, max)).collect(), max)
}

fn eliminate<N: Number>(logits: &[N], graph: &Graph) -> Option<Elimination<N>> {
    Elimination::of(weights(logits, graph), graph.nodes())
}

/// The log-weights between the nodes, in both directions. Parallel edges are added.
fn weights<N: Number>(logits: &[N], graph: &Graph) -> Vec<LogWeight<N>> {
    let nodes = graph.nodes();
    let mut weights = vec![LogWeight::none(); nodes * nodes];
    for (&[a, b], &logit) in graph.edges().iter().zip(logits) {
        weights[a * nodes + b] = weights[a * nodes + b].plus(LogWeight::of(logit));
        weights[b * nodes + a] = weights[a * nodes + b];
    }
    weights
}

/// The probability of each edge: that it is the next on the path of one of its nodes.
fn means<N: Number>(logits: &[N], graph: &Graph) -> Option<Vec<N>> {
    let (nodes, next) = (graph.nodes(), eliminate(logits, graph)?.next);
    let weights = weights(logits, graph);
    let mean = |(&[a, b], &logit): (&[usize; 2], &N)| {
        let share = LogWeight::of(logit).share_of(weights[a * nodes + b]);
        (next[a * nodes + b] + next[b * nodes + a]) * share
    };
    Some(graph.edges().iter().zip(logits).map(mean).collect())
}
