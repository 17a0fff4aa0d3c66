//! Spanning trees of an undirected graph, hard and relaxed, as rows with an entry for each edge.
//!
//! A row of a hard tree has ones at the edges of the tree and zeros elsewhere.
//!
//! | function | forward | gradient |
//! | --- | --- | --- |
//! | [`marginals`] | soft, without noise | exact |
//! | [`relaxed_tree`] | soft | of the soft tree |
//! | [`straight_through_tree`] | hard | of the soft tree for the same noise |
//! | [`gumbel_tree`], [`max_spanning_tree`] | hard, with and without noise | none |
//!
//! Paulus, Choi, Tarlow, Krause and Maddison, "Gradient estimation with stochastic softmax tricks" (2020). The hard
//! tree is the maximum spanning tree of the perturbed logits. The soft tree has the edge marginals of the exponential
//! family over trees at the perturbed logits, which maximise the same objective with an entropy added. The hard tree is
//! not distributed according to that family.
//!
//! A logit of `-inf` removes an edge; its entry and gradient are zero. Everything runs on the host in double precision,
//! on every backend, in time `nodes³` per row.

pub use gumbel_kernels::tree::Graph;

use crate::ops::HostArgument;
use crate::tensor::{at_least_single, centred, not_positive, restored, rows_where};
use crate::{Error, Noise, ops};
use burn::tensor::Tensor;
use gumbel_kernels::{check_temperature, noise::gumbel, tree as kernels};

/// Computes the edge probabilities of the exponential family over trees. **Soft**, differentiable; no noise.
///
/// ```text
/// q(T) = exp(Σ_{e ∈ T} θₑ − A(θ)),   μ = ∂A/∂θ,   ∂μ/∂θ = Cov(z)
/// ```
///
/// A is [`log_partition`]. Runs on the host in double precision, on every backend, in time `nodes³` per row.
///
/// # Shapes
/// `logits` `[.., E]`, one for each of the E edges of the graph, to `[.., E]`; a row sums to the number of nodes minus
/// one.
///
/// # Errors
/// NaN or `+inf` among the logits; a row whose unmasked edges do not connect the graph.
///
/// # Panics
/// If the length of the last axis is not the number of edges of the graph.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::tree::{Graph, marginals};
/// let means = marginals(&Graph::complete(4)?, Tensor::<1>::zeros([6], &Device::flex()))?;
/// assert!((means.slice([0..1]).into_scalar::<f32>() - 0.5).abs() < 1e-6); // three of six edges, equally probable
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "matrix-tree theorem")]
#[doc(alias = "kirchhoff")]
pub fn marginals<const D: usize>(graph: &Graph, logits: Tensor<D>) -> Result<Tensor<D>, Error> {
    check_edges(graph, &logits);
    let argument = HostArgument::new(logits);
    let theta = argument.numbers();
    let mut means = vec![0.0; theta.len()];
    kernels::marginals(&theta, graph, &mut means)?;
    Ok(with_covariance(graph, argument, theta, means, 1.0))
}

/// Computes the log-partition function of the exponential family over spanning trees, in nats, by the matrix-tree
/// theorem.
///
/// ```text
/// A(θ) = ln Σ_T exp Σ_{e ∈ T} θₑ = ln det L,   L the Laplacian of the weights exp θ without one node
/// ```
///
/// Kirchhoff 1847. Its gradient is the [`marginals`].
///
/// # Shapes
/// `logits` `[.., E]` to `[.., 1]`.
///
/// # Errors
/// Those of [`marginals`].
///
/// # Panics
/// Those of [`marginals`].
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::tree::{Graph, log_partition};
/// let total = log_partition(&Graph::complete(4)?, Tensor::<1>::zeros([6], &Device::flex()))?;
/// assert!((total.into_scalar::<f32>() - 16f32.ln()).abs() < 1e-6); // Cayley: 4² trees
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "matrix-tree theorem")]
#[doc(alias = "kirchhoff")]
#[doc(alias = "laplacian")]
pub fn log_partition<const D: usize>(graph: &Graph, logits: Tensor<D>) -> Result<Tensor<D>, Error> {
    check_edges(graph, &logits);
    let argument = HostArgument::new(logits);
    let theta = argument.numbers();
    let (mut totals, mut means) = (vec![0.0; theta.len() / graph.edges().len()], vec![0.0; theta.len()]);
    kernels::log_partition(&theta, graph, &mut totals)?;
    kernels::marginals(&theta, graph, &mut means)?;
    Ok(argument.row_numbers(totals, means))
}

/// Log-probability in nats of trees under the exponential family; `-inf` where `z` includes a masked edge, and at rows that
/// are not spanning trees.
///
/// ```text
/// ln q(z) = zᵀθ − A(θ)
/// ```
///
/// # Shapes
/// `logits` and `z` `[.., E]`, each row of `z` a spanning tree, to `[.., 1]`.
///
/// # Errors
/// Those of [`marginals`].
///
/// # Panics
/// Those of [`marginals`].
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::tree::{Graph, log_prob};
/// let device = Device::flex();
/// let logits = Tensor::<1>::from_floats([0.0, 0.0, 2f32.ln()], &device);
/// let path = Tensor::from_floats([1.0, 0.0, 1.0], &device);
/// let log_prob = log_prob(&Graph::complete(3)?, logits, path)?.into_scalar::<f32>();
/// assert!((log_prob - 0.4f32.ln()).abs() < 1e-6); // 2 / (1 + 2 + 2)
/// # Ok::<(), gumbel::Error>(())
/// ```
pub fn log_prob<const D: usize>(graph: &Graph, logits: Tensor<D>, z: Tensor<D>) -> Result<Tensor<D>, Error> {
    ops::check_logits(&logits)?;
    let dtype = logits.dtype();
    let (logits, z) = (centred(logits), at_least_single(z));
    let total = log_partition(graph, logits.clone())?;
    // 0 · ln 0 is 0, in the gradient too.
    let picked = logits.mask_fill(z.clone().equal_elem(0.0), 0.0);
    let impossible = rows_where(&z, |row| !row.iter().any(|z| z.is_nan()) && !is_spanning_tree(graph, row));
    // A sum of all is not below one of its terms, but by a rounding.
    let log_prob = not_positive((z * picked).sum_dim(D - 1) - total);
    Ok(restored(log_prob.mask_fill(impossible, f32::NEG_INFINITY), dtype))
}

/// Whether a row has ones at the edges of a spanning tree and zeros elsewhere.
fn is_spanning_tree(graph: &Graph, row: &[f64]) -> bool {
    let binary = row.iter().all(|&z| z == 0.0 || z == 1.0);
    let chosen = row.iter().filter(|&&z| z == 1.0).count();
    // As many edges as a tree has, none of which closes a circle, connect all nodes.
    let mut parts: Vec<usize> = (0..graph.nodes()).collect();
    let mut joins = |&[a, b]: &[usize; 2]| {
        let (from, to) = (parts[a], parts[b]);
        parts.iter_mut().filter(|part| **part == from).for_each(|part| *part = to);
        from != to
    };
    let mut edges = graph.edges().iter().zip(row).filter(|&(_, &z)| z == 1.0);
    binary && chosen + 1 == graph.nodes() && edges.all(|(edge, _)| joins(edge))
}

/// Computes the spanning tree with the largest sum of logits. **Hard**, without noise and without a gradient.
///
/// ```text
/// z = argmax over spanning trees T of  Σ_{e ∈ T} θₑ
/// ```
///
/// By Kruskal's algorithm (1956); of edges with equal logits, the first comes first.
///
/// # Shapes
/// `logits` `[.., E]` to `[.., E]`; the number of ones in a row is the number of nodes minus one.
///
/// # Errors
/// Those of [`marginals`].
///
/// # Panics
/// Those of [`marginals`].
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::tree::{Graph, max_spanning_tree};
/// let logits = Tensor::<1>::from_floats([0.5, -1.0, 2.0], &Device::flex());
/// let tree = max_spanning_tree(&Graph::complete(3)?, logits)?;
/// assert_eq!(tree.into_data().try_to_vec::<f32>().unwrap(), [1.0, 0.0, 1.0]);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "kruskal")]
#[doc(alias = "minimum spanning tree")]
pub fn max_spanning_tree<const D: usize>(graph: &Graph, logits: Tensor<D>) -> Result<Tensor<D>, Error> {
    check_edges(graph, &logits);
    let shape = logits.dims();
    let argument = HostArgument::new(logits);
    let tree = max_tree(graph, &argument.numbers())?;
    Ok(argument.constant(tree, shape))
}

/// Draws a random tree: the [`max_spanning_tree`] of logits perturbed by Gumbel noise. **Hard**, without a gradient.
///
/// ```text
/// z = argmax over spanning trees T of  Σ_{e ∈ T} (θₑ + gₑ),   g ~ Gumbel
/// ```
///
/// # Shapes
/// `logits` `[.., E]` to `[.., E]`; uses one number of the noise per logit.
///
/// # Errors
/// Those of [`marginals`].
///
/// # Panics
/// Those of [`marginals`].
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::{Noise, tree::{Graph, gumbel_tree}};
/// let logits = Tensor::<2>::zeros([9, 6], &Device::flex());
/// let trees = gumbel_tree(&Graph::complete(4)?, logits, &mut Noise::from_seed(1))?;
/// assert_eq!(trees.sum().into_scalar::<f32>(), 27.0); // nine trees of three edges
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "perturb-and-MAP")]
pub fn gumbel_tree<const D: usize>(
    graph: &Graph,
    logits: Tensor<D>,
    noise: &mut Noise,
) -> Result<Tensor<D>, Error> {
    check_edges(graph, &logits);
    let shape = logits.dims();
    let argument = HostArgument::new(logits);
    let tree = max_tree(graph, &keys(&argument, noise))?;
    Ok(argument.constant(tree, shape))
}

/// Draws a relaxed tree: the [`marginals`] at perturbed logits over a temperature. **Soft**, differentiable.
///
/// ```text
/// y = μ((θ + g) / τ),   g ~ Gumbel,   μ the marginals of the exponential family over spanning trees
/// ```
///
/// Paulus and others 2020. As τ tends to 0 it tends to the [`gumbel_tree`] for the same noise.
///
/// # Shapes
/// `logits` `[.., E]` to `[.., E]`; uses one number of the noise per logit.
///
/// # Errors
/// A temperature that is not positive and finite; those of [`marginals`].
///
/// # Panics
/// Those of [`marginals`].
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::{Noise, tree::{Graph, relaxed_tree}};
/// let logits = Tensor::<1>::zeros([6], &Device::flex());
/// let y = relaxed_tree(&Graph::complete(4)?, logits, 0.5, &mut Noise::from_seed(1))?;
/// assert!((y.sum().into_scalar::<f32>() - 3.0).abs() < 1e-5);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "stochastic softmax trick")]
pub fn relaxed_tree<const D: usize>(
    graph: &Graph,
    logits: Tensor<D>,
    tau: f64,
    noise: &mut Noise,
) -> Result<Tensor<D>, Error> {
    check_temperature(tau)?;
    check_edges(graph, &logits);
    let argument = HostArgument::new(logits);
    let keys = keys(&argument, noise);
    // Returns the errors of the logits, before a quotient changes the number that they report.
    max_tree(graph, &keys)?;
    let keys = tempered(keys, graph, tau);
    let mut soft = vec![0.0; keys.len()];
    kernels::marginals(&keys, graph, &mut soft)?;
    Ok(with_covariance(graph, argument, keys, soft, tau))
}

/// Draws a [`gumbel_tree`] with the gradient of [`relaxed_tree`] for the same noise. **Hard**, biased.
///
/// # Shapes
/// `logits` `[.., E]` to `[.., E]`; uses one number of the noise per logit.
///
/// # Errors
/// Those of [`relaxed_tree`].
///
/// # Panics
/// Those of [`marginals`].
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::{Noise, tree::{Graph, straight_through_tree}};
/// let logits = Tensor::<1>::zeros([3], &Device::flex().autodiff()).require_grad();
/// let z = straight_through_tree(&Graph::complete(3)?, logits.clone(), 1.0, &mut Noise::from_seed(1))?;
/// let gradient = logits.grad(&z.clone().slice([0..1]).sum().backward()).unwrap();
/// assert_eq!(z.sum().into_scalar::<f32>(), 2.0);
/// assert!(gradient.sum().into_scalar::<f32>().abs() < 1e-6); // adding a constant to all logits changes nothing
/// # Ok::<(), gumbel::Error>(())
/// ```
pub fn straight_through_tree<const D: usize>(
    graph: &Graph,
    logits: Tensor<D>,
    tau: f64,
    noise: &mut Noise,
) -> Result<Tensor<D>, Error> {
    check_temperature(tau)?;
    check_edges(graph, &logits);
    let argument = HostArgument::new(logits);
    let keys = keys(&argument, noise);
    let tree = max_tree(graph, &keys)?;
    Ok(with_covariance(graph, argument, tempered(keys, graph, tau), tree, tau))
}

fn check_edges<const D: usize>(graph: &Graph, logits: &Tensor<D>) {
    let (shape, edges) = (logits.dims(), graph.edges().len());
    assert!(shape[D - 1] == edges, "logits of shape {shape:?} for {edges} edges");
}

fn max_tree(graph: &Graph, logits: &[f64]) -> Result<Vec<f64>, Error> {
    let mut tree = vec![0.0; logits.len()];
    kernels::max_spanning_tree(logits, graph, &mut tree)?;
    Ok(tree)
}

/// The differences of logits from the largest of their row, plus Gumbel noise.
fn keys<const D: usize>(argument: &HostArgument<D>, noise: &mut Noise) -> Vec<f64> {
    let logits = argument.numbers();
    let mut keys = vec![0.0; logits.len()];
    gumbel(noise.take(keys.len()), &mut keys);
    let edges = argument.dims()[D - 1].max(1);
    for (keys, logits) in keys.chunks_mut(edges).zip(logits.chunks(edges)) {
        let largest = logits.iter().copied().fold(f64::MIN, f64::max);
        // +∞ is for the sampler to refuse by name.
        let largest = if largest.is_finite() { largest } else { 0.0 };
        keys.iter_mut().zip(logits).for_each(|(key, logit)| *key += logit - largest);
    }
    keys
}

/// The differences of keys from the largest of their row, over τ or over a larger number that keeps them finite.
fn tempered(mut keys: Vec<f64>, graph: &Graph, tau: f64) -> Vec<f64> {
    for row in keys.chunks_mut(graph.edges().len()) {
        let unmasked = || row.iter().copied().filter(|&key| key > f64::NEG_INFINITY);
        let (least, largest) =
            (unmasked().fold(f64::INFINITY, f64::min), unmasked().fold(f64::MIN, f64::max));
        let tau = tau.max((largest - least) * 1e-300);
        row.iter_mut().for_each(|key| *key = (*key - largest) / tau);
    }
    keys
}

/// Returns `values` with the gradient of the marginals at `keys`, which are logits over τ.
fn with_covariance<const D: usize>(
    graph: &Graph,
    argument: HostArgument<D>,
    keys: Vec<f64>,
    values: Vec<f64>,
    tau: f64,
) -> Tensor<D> {
    let (shape, graph) = (argument.dims(), graph.clone());
    argument.differentiable(values, shape, move |d| {
        let mut out = vec![0.0; d.len()];
        kernels::marginals_vjp(&keys, d, &graph, &mut out).expect("the forward pass accepted them");
        out.iter_mut().for_each(|slope| *slope /= tau);
        out
    })
}
