//! Spanning trees of a graph, as a row with a one for each of their edges: a stochastic softmax trick.
//!
//! | function | forward | gradient |
//! | --- | --- | --- |
//! | [`marginals`] | soft, without noise | exact |
//! | [`relaxed_tree`] | soft | of the soft tree |
//! | [`straight_through_tree`] | hard | of the soft tree for the same noise |
//! | [`gumbel_tree`], [`max_spanning_tree`] | hard, with and without noise | none |
//!
//! Paulus, Choi, Tarlow, Krause and Maddison, "Gradient estimation with stochastic softmax tricks" (2020): the hard tree
//! is the heaviest under Gumbel noise, and the soft one the marginals of the exponential family over trees at the
//! noisy logits, which is the heaviest tree with an entropy added. The law of the hard tree is not that family.
//!
//! A logit of `-inf` takes an edge out; its entry and gradient are zero. Everything is computed on the host in double
//! precision, in time `nodes³` for a row.

pub use gumbel_kernels::tree::Graph;

use crate::ops::HostArgument;
use crate::tensor::with_last;
use crate::{Error, Noise};
use burn::tensor::Tensor;
use gumbel_kernels::{check_temperature, noise::gumbel, tree as kernels};

/// The probability of each edge to be in the tree: **soft**, differentiable, and without noise.
///
/// ```text
/// q(T) = exp(Σ_{e ∈ T} θₑ − A(θ)),   μ = ∂A/∂θ,   ∂μ/∂θ = Cov(z)
/// ```
///
/// # Shapes
/// `logits` `[.., E]` for the E edges of the graph, to `[.., E]`; a row sums to the number of nodes less one.
///
/// # Errors
/// NaN or `+inf` among the logits; a row whose unmasked edges do not connect the graph.
///
/// # Panics
/// If the last axis is not as long as the graph has edges.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::tree::{Graph, marginals};
/// let means = marginals(&Graph::complete(4)?, Tensor::<1>::zeros([6], &Device::flex()))?;
/// assert!((means.slice([0..1]).into_scalar::<f32>() - 0.5).abs() < 1e-6); // three of six edges, all alike
/// # Ok::<(), gumbel::Error>(())
/// ```
pub fn marginals<const D: usize>(graph: &Graph, logits: Tensor<D>) -> Result<Tensor<D>, Error> {
    check_edges(graph, &logits);
    let argument = HostArgument::new(logits);
    let theta = argument.numbers();
    let mut means = vec![0.0; theta.len()];
    kernels::marginals(&theta, graph, &mut means)?;
    Ok(with_covariance(graph, argument, theta, means, 1.0))
}

/// `A(θ)`, the logarithm of the sum over all spanning trees of the exponential of their logits' sum; its gradient is the
/// [`marginals`]. By the matrix-tree theorem.
///
/// # Shapes
/// `logits` `[.., E]` to `[.., 1]`.
///
/// # Errors
/// Those of [`marginals`].
///
/// # Panics
/// As [`marginals`].
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::tree::{Graph, log_partition};
/// let total = log_partition(&Graph::complete(4)?, Tensor::<1>::zeros([6], &Device::flex()))?;
/// assert!((total.into_scalar::<f32>() - 16f32.ln()).abs() < 1e-6); // Cayley: 4² trees
/// # Ok::<(), gumbel::Error>(())
/// ```
pub fn log_partition<const D: usize>(graph: &Graph, logits: Tensor<D>) -> Result<Tensor<D>, Error> {
    check_edges(graph, &logits);
    let (shape, edges) = (logits.dims(), graph.edges().len());
    let argument = HostArgument::new(logits);
    let theta = argument.numbers();
    let (mut totals, mut means) = (vec![0.0; theta.len() / edges], vec![0.0; theta.len()]);
    kernels::log_partition(&theta, graph, &mut totals)?;
    kernels::marginals(&theta, graph, &mut means)?;
    Ok(argument.differentiable(totals, with_last(shape, 1), move |d| {
        let rows = means.chunks(edges).zip(d);
        rows.flat_map(|(means, d)| means.iter().map(move |mean| mean * d)).collect()
    }))
}

/// `ln q(z)` of trees; `-inf` where `z` has a masked edge.
///
/// # Shapes
/// `logits` and `z` `[.., E]`, each row of `z` a spanning tree, to `[.., 1]`.
///
/// # Errors
/// Those of [`marginals`].
///
/// # Panics
/// As [`marginals`].
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::tree::{Graph, log_prob};
/// let device = Device::flex();
/// let logits = Tensor::<1>::from_floats([0.0, 0.0, 2f32.ln()], &device);
/// let path = Tensor::from_floats([1.0, 0.0, 1.0], &device);
/// let log_mass = log_prob(&Graph::complete(3)?, logits, path)?.into_scalar::<f32>();
/// assert!((log_mass - 0.4f32.ln()).abs() < 1e-6); // 2 of 1 + 2 + 2
/// # Ok::<(), gumbel::Error>(())
/// ```
pub fn log_prob<const D: usize>(graph: &Graph, logits: Tensor<D>, z: Tensor<D>) -> Result<Tensor<D>, Error> {
    let total = log_partition(graph, logits.clone())?;
    // 0 · ln 0 is 0, in the gradient too.
    let picked = logits.mask_fill(z.clone().equal_elem(0.0), 0.0);
    Ok((z * picked).sum_dim(D - 1) - total)
}

/// The heaviest spanning tree, **hard**, without noise or gradient.
///
/// # Shapes
/// `logits` `[.., E]` to `[.., E]`, with as many ones as nodes less one.
///
/// # Errors
/// Those of [`marginals`].
///
/// # Panics
/// As [`marginals`].
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::tree::{Graph, max_spanning_tree};
/// let logits = Tensor::<1>::from_floats([0.5, -1.0, 2.0], &Device::flex());
/// let tree = max_spanning_tree(&Graph::complete(3)?, logits)?;
/// assert_eq!(tree.into_data().try_to_vec::<f32>().unwrap(), [1.0, 0.0, 1.0]);
/// # Ok::<(), gumbel::Error>(())
/// ```
pub fn max_spanning_tree<const D: usize>(graph: &Graph, logits: Tensor<D>) -> Result<Tensor<D>, Error> {
    check_edges(graph, &logits);
    let shape = logits.dims();
    let argument = HostArgument::new(logits);
    let tree = heaviest(graph, &argument.numbers())?;
    Ok(argument.constant(tree, shape))
}

/// The heaviest spanning tree under Gumbel noise, **hard**, without a gradient.
///
/// # Shapes
/// `logits` `[.., E]` to `[.., E]`; uses one number of the noise for each logit.
///
/// # Errors
/// Those of [`marginals`].
///
/// # Panics
/// As [`marginals`].
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::{Noise, tree::{Graph, gumbel_tree}};
/// let trees = gumbel_tree(&Graph::complete(4)?, Tensor::<2>::zeros([9, 6], &Device::flex()), &mut Noise::from_seed(1))?;
/// assert_eq!(trees.sum().into_scalar::<f32>(), 27.0); // three edges each
/// # Ok::<(), gumbel::Error>(())
/// ```
pub fn gumbel_tree<const D: usize>(
    graph: &Graph,
    logits: Tensor<D>,
    noise: &mut Noise,
) -> Result<Tensor<D>, Error> {
    check_edges(graph, &logits);
    let shape = logits.dims();
    let argument = HostArgument::new(logits);
    let tree = heaviest(graph, &keys(&argument, noise))?;
    Ok(argument.constant(tree, shape))
}

/// The relaxed tree: **soft**, differentiable.
///
/// ```text
/// y = μ((θ + g) / τ),   μ the marginals of the exponential family over spanning trees
/// ```
///
/// Paulus and others 2020. As τ falls to zero it becomes the [`gumbel_tree`] of the same noise.
///
/// # Shapes
/// `logits` `[.., E]` to `[.., E]`; uses one number of the noise for each logit.
///
/// # Errors
/// A temperature that is not positive and finite; those of [`marginals`].
///
/// # Panics
/// As [`marginals`].
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::{Noise, tree::{Graph, relaxed_tree}};
/// let logits = Tensor::<1>::zeros([6], &Device::flex());
/// let y = relaxed_tree(&Graph::complete(4)?, logits, 0.5, &mut Noise::from_seed(1))?;
/// assert!((y.sum().into_scalar::<f32>() - 3.0).abs() < 1e-5);
/// # Ok::<(), gumbel::Error>(())
/// ```
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
    // Refuses what has no tree, before a quotient hides which number it was.
    heaviest(graph, &keys)?;
    let keys = tempered(keys, graph, tau);
    let mut soft = vec![0.0; keys.len()];
    kernels::marginals(&keys, graph, &mut soft)?;
    Ok(with_covariance(graph, argument, keys, soft, tau))
}

/// [`gumbel_tree`] forward, **hard**; backward the gradient of [`relaxed_tree`] for the same noise. Biased.
///
/// # Shapes
/// `logits` `[.., E]` to `[.., E]`; uses one number of the noise for each logit.
///
/// # Errors
/// Those of [`relaxed_tree`].
///
/// # Panics
/// As [`marginals`].
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::{Noise, tree::{Graph, straight_through_tree}};
/// let logits = Tensor::<1>::zeros([3], &Device::flex().autodiff()).require_grad();
/// let z = straight_through_tree(&Graph::complete(3)?, logits.clone(), 1.0, &mut Noise::from_seed(1))?;
/// let gradient = logits.grad(&z.clone().slice([0..1]).sum().backward()).unwrap();
/// assert_eq!(z.sum().into_scalar::<f32>(), 2.0);
/// assert!(gradient.sum().into_scalar::<f32>().abs() < 1e-6); // a shift of all logits changes nothing
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
    let tree = heaviest(graph, &keys)?;
    Ok(with_covariance(graph, argument, tempered(keys, graph, tau), tree, tau))
}

fn check_edges<const D: usize>(graph: &Graph, logits: &Tensor<D>) {
    let (shape, edges) = (logits.dims(), graph.edges().len());
    assert!(shape[D - 1] == edges, "logits of shape {shape:?} for {edges} edges");
}

fn heaviest(graph: &Graph, logits: &[f64]) -> Result<Vec<f64>, Error> {
    let mut tree = vec![0.0; logits.len()];
    kernels::heaviest(logits, graph, &mut tree)?;
    Ok(tree)
}

/// Logits under Gumbel noise.
fn keys<const D: usize>(argument: &HostArgument<D>, noise: &mut Noise) -> Vec<f64> {
    let logits = argument.numbers();
    let mut keys = vec![0.0; logits.len()];
    gumbel(noise.take(keys.len()), &mut keys);
    keys.iter_mut().zip(logits).for_each(|(key, logit)| *key += logit);
    keys
}

/// The gaps to the largest key of a row over τ, or over a larger number that keeps them finite.
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

/// `values` with the gradient of the marginals at `keys`, which are logits over τ.
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
