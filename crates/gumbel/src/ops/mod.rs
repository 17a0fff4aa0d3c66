//! Where a computation runs. Each operation has one function here, which chooses the place:
//!
//! | place | how it computes | chosen for |
//! | --- | --- | --- |
//! | [`flex`] | a fused kernel on the tensor's own memory, with a backward pass of its own | single and double precision on Burn's Flex backend |
//! | `cube` | a fused kernel on the device, with a backward pass of its own | single and half precision on a GPU |
//! | [`portable`] | Burn's operations | any other backend or type |
//! | [`host`] | kernels on a copy in host memory, in double precision | what tensor operations cannot express: dynamic programs, graphs, solvers |
//!
//! All places return the same samples for the same noise. No other module names a backend. Another place is a file beside
//! these, a variant of [`Place`], and an arm in the operations that it has kernels for.

mod bridge;
#[cfg(feature = "cube")]
mod cube;
mod flex;
mod host;
mod kind;
mod portable;

pub(crate) use host::HostArgument;
pub use kind::Precision;
pub(crate) use kind::{Form, NoiseKind};
pub(crate) use portable::{log_volume, per_count};

use crate::Error;
use crate::tensor::{at_least_single, restored, scatter_one};
use burn::tensor::{DType, Device, Int, Shape, Tensor};
use gumbel_kernels::Stream;

/// Where an operation on a tensor runs.
enum Place {
    Flex,
    #[cfg(feature = "cube")]
    Cube,
    Portable,
}

impl Place {
    fn of<const D: usize>(tensor: &Tensor<D>) -> Self {
        #[cfg(feature = "cube")]
        if cube::holds(tensor) {
            return Self::Cube;
        }
        if flex::holds(tensor) { Self::Flex } else { Self::Portable }
    }
}

/// A tensor in a type that kernels read. Those of a GPU read half precision as it is.
fn readable<const D: usize>(tensor: Tensor<D>) -> Tensor<D> {
    #[cfg(feature = "cube")]
    if let Place::Cube = Place::of(&tensor) {
        return tensor;
    }
    at_least_single(tensor)
}

/// Whether reading a number of the tensor back would stop a queue of work.
pub(crate) fn is_on_gpu<const D: usize>(tensor: &Tensor<D>) -> bool {
    #[cfg(feature = "cube")]
    return cube::is_device(&tensor.device());
    #[cfg(not(feature = "cube"))]
    {
        let _ = tensor;
        false
    }
}

/// The type that running sums have on a device: double precision in host memory, single elsewhere, where double
/// precision is slow or does not exist.
pub(crate) fn accumulated_as(device: &Device) -> DType {
    if *device == Device::flex() { DType::F64 } else { DType::F32 }
}

/// The error that launches on a device have noted; see [`crate::check_device`].
pub(crate) fn check_device(device: &Device) -> Result<(), Error> {
    #[cfg(feature = "cube")]
    cube::check_device(device)?;
    let _ = device;
    Ok(())
}

/// See [`crate::set_precision`].
pub(crate) fn set_precision(device: &Device, precision: Precision) {
    #[cfg(feature = "cube")]
    cube::set_precision(device, precision);
    let _ = (device, precision);
}

/// A step of Adam in one kernel for a parameter in single precision on a GPU, where Burn's own is a dozen operations; `None`
/// for any other. From a parameter, its gradient and both moments, the parameter and the moments. For the program `gumbel`.
#[doc(hidden)]
pub fn adam_step_on_gpu<const D: usize>(
    tensors: &[Tensor<D>; 4],
    step: gumbel_kernels::AdamStep,
) -> Option<[Tensor<D>; 3]> {
    #[cfg(feature = "cube")]
    if tensors.iter().all(|tensor| matches!(Place::of(tensor), Place::Cube) && tensor.dtype() == DType::F32) {
        return Some(cube::adam_step(tensors.clone(), step));
    }
    let _ = (tensors, step);
    None
}

/// Returns an error for logits that nothing can be sampled from: NaN or `+inf`, a row with every category masked.
pub(crate) fn check_logits<const D: usize>(logits: &Tensor<D>) -> Result<(), Error> {
    let logits = readable(logits.clone().inner());
    match Place::of(&logits) {
        Place::Flex => flex::check_logits(&logits),
        #[cfg(feature = "cube")]
        Place::Cube => cube::note_unfit(&logits),
        Place::Portable => portable::check_logits(&logits),
    }
}

/// The index of the largest of `θ + g`, `[.., 1]`.
pub(crate) fn gumbel_max<const D: usize>(logits: Tensor<D>, stream: Stream) -> Result<Tensor<D, Int>, Error> {
    let logits = readable(logits.inner());
    match Place::of(&logits) {
        Place::Flex => flex::gumbel_max(&logits, stream),
        #[cfg(feature = "cube")]
        Place::Cube => cube::gumbel_max(&logits, stream),
        Place::Portable => portable::gumbel_max(logits, stream),
    }
}

/// [`gumbel_max`] as one-hot rows in the type of the logits, without a gradient.
pub(crate) fn sample_one_hot<const D: usize>(logits: Tensor<D>, stream: Stream) -> Result<Tensor<D>, Error> {
    #[cfg(feature = "cube")]
    if let Place::Cube = Place::of(&logits) {
        return cube::sample_one_hot(logits, stream);
    }
    let zeros = logits.zeros_like().detach();
    Ok(scatter_one(zeros, gumbel_max(logits, stream)?))
}

/// The indices of the `count` largest of `θ + g` in decreasing order, `[.., count]`. Keys are in single precision, or in
/// double if the logits are, on every backend.
pub(crate) fn gumbel_top_k<const D: usize>(
    logits: Tensor<D>,
    count: usize,
    stream: Stream,
) -> Result<Tensor<D, Int>, Error> {
    if count == 0 {
        return Err(gumbel_kernels::Error::EmptySubset.into());
    }
    let logits = readable(logits.inner());
    #[cfg(feature = "cube")]
    if let Place::Cube = Place::of(&logits) {
        return cube::gumbel_top_k(&logits, count, stream);
    }
    host::gumbel_top_k(&logits, count, stream)
}

/// [`gumbel_top_k`] as rows with `count` ones in the type of the logits, without a gradient.
pub(crate) fn top_k_hot<const D: usize>(
    logits: Tensor<D>,
    count: usize,
    stream: Stream,
) -> Result<Tensor<D>, Error> {
    let zeros = logits.clone().inner().zeros_like();
    let order = gumbel_top_k(logits, count, stream)?;
    #[cfg(feature = "cube")]
    if let Place::Cube = Place::of(&zeros) {
        return Ok(cube::hot_rows(zeros, order));
    }
    Ok(scatter_one(zeros, order))
}

/// A relaxed or straight-through sample in the type of the logits.
pub(crate) fn gumbel_softmax<const D: usize>(
    logits: Tensor<D>,
    tau: f64,
    stream: Stream,
    form: Form,
) -> Result<Tensor<D>, Error> {
    let (dtype, logits) = (logits.dtype(), readable(logits));
    let sample = match Place::of(&logits) {
        Place::Flex => flex::gumbel_softmax(logits, tau, stream, form),
        #[cfg(feature = "cube")]
        Place::Cube => cube::gumbel_softmax(logits, tau, stream, form),
        Place::Portable => portable::gumbel_softmax(logits, tau, stream, form),
    };
    Ok(restored(sample?, dtype))
}

/// The log-density of [`crate::exp_concrete`] in the type of the logits; logits and points may be broadcast.
pub(crate) fn exp_concrete_log_prob<const D: usize>(
    logits: Tensor<D>,
    tau: f64,
    y: Tensor<D>,
) -> Result<Tensor<D>, Error> {
    let (dtype, logits, y) = (logits.dtype(), readable(logits), readable(y));
    #[cfg(feature = "cube")]
    if let (Place::Cube, Place::Cube) = (Place::of(&logits), Place::of(&y)) {
        return Ok(restored(cube::exp_concrete_log_prob(logits, tau, y)?, dtype));
    }
    check_logits(&logits)?;
    let (logits, y) = (at_least_single(logits), at_least_single(y));
    Ok(restored(portable::exp_concrete_log_prob(logits, tau, y)?, dtype))
}

/// Rows times matrices, `[.., D, K]` by `[.., K, K]`, in the precision of the numbers: a matrix product of Burn's on an
/// NVIDIA card keeps eleven bits (TF32), which would be an error of the estimate.
pub(crate) fn rows_times(rows: Tensor<4>, matrices: Tensor<4>) -> Tensor<4> {
    #[cfg(feature = "cube")]
    if let Place::Cube = Place::of(&rows) {
        let products = rows.unsqueeze_dim::<5>(4) * matrices.unsqueeze_dim::<5>(2);
        return products.sum_dim(3).squeeze_dim(3);
    }
    rows.matmul(matrices)
}

/// `Σᵢ xᵢ lᵢ − softplus(lᵢ)` over the last axis; both in the same type, single or double precision.
pub(crate) fn bernoulli_log_prob<const D: usize>(logits: Tensor<D>, x: Tensor<D>) -> Tensor<D> {
    match (Place::of(&logits), Place::of(&x)) {
        (Place::Flex, Place::Flex) => flex::bernoulli_log_prob(logits, &x),
        _ => portable::bernoulli_log_prob(logits, x),
    }
}

/// The hyperbolic tangent of each number.
pub(crate) fn tanh<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    if let Place::Flex = Place::of(&x) { flex::tanh(x) } else { x.tanh() }
}

/// The logistic function of each number.
pub(crate) fn sigmoid<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    if let Place::Flex = Place::of(&x) { flex::sigmoid(x) } else { burn::tensor::activation::sigmoid(x) }
}

/// The divergence of two rows of logits of one shape, in nats, `[.., 1]`, without a gradient; their log-probabilities are
/// known.
///
/// # Errors
/// Those of [`check_logits`], for either.
pub(crate) fn categorical_kl<const D: usize>(
    [q, p]: [&Tensor<D>; 2],
    log_probs: [Tensor<D>; 2],
) -> Result<Tensor<D>, Error> {
    if let Place::Flex = Place::of(q) {
        return host::categorical_kl(q, p);
    }
    check_logits(q)?;
    check_logits(p)?;
    Ok(portable::categorical_kl(log_probs))
}

/// For each point the nearest code, of equally near ones the first, and the squared distance; without a gradient. Both in
/// the same type, single or double precision. `[N, W]` and `[K, W]` to `[N]` and `[N]`.
///
/// # Errors
/// A number that is NaN or infinite; no code.
pub(crate) fn nearest(points: Tensor<2>, codes: Tensor<2>) -> Result<(Tensor<1, Int>, Tensor<1>), Error> {
    let (points, codes) = (points.inner(), codes.inner());
    match (Place::of(&points), Place::of(&codes)) {
        (Place::Flex, Place::Flex) => flex::nearest(&points, &codes),
        _ => portable::nearest(&points, &codes),
    }
}

/// α-entmax of logits in single or double precision. The projection itself runs on the host for every backend.
pub(crate) fn entmax<const D: usize>(logits: Tensor<D>, alpha: f64, tau: f64) -> Result<Tensor<D>, Error> {
    match Place::of(&logits) {
        Place::Flex => flex::entmax(logits, alpha, tau),
        _ => portable::entmax(logits, alpha, tau),
    }
}

/// The derivative in α of `y`, which is an α-entmax; without a gradient.
pub(crate) fn entmax_alpha_derivative<const D: usize>(y: &Tensor<D>, alpha: f64) -> Result<Tensor<D>, Error> {
    host::entmax_alpha_derivative(y, alpha)
}

/// The logarithm of Sinkhorn's iteration on square logits in single or double precision.
pub(crate) fn log_sinkhorn<const D: usize>(
    logits: Tensor<D>,
    tau: f64,
    iterations: usize,
    tolerance: f64,
) -> Result<Tensor<D>, Error> {
    match Place::of(&logits) {
        Place::Flex => flex::log_sinkhorn(logits, tau, iterations, tolerance),
        _ => portable::log_sinkhorn(logits, tau, iterations, tolerance),
    }
}

/// The permutation with the largest sum of logits, as a matrix; without a gradient.
pub(crate) fn assignment<const D: usize>(logits: &Tensor<D>) -> Result<Tensor<D>, Error> {
    host::assignment(logits)
}

/// `θ + g` for logits in single or double precision, differentiable in θ.
pub(crate) fn perturbed<const D: usize>(logits: Tensor<D>, stream: Stream) -> Result<Tensor<D>, Error> {
    check_logits(&logits)?;
    Ok(portable::perturbed(logits, stream))
}

/// Standard noise in single precision.
pub(crate) fn noise<const D: usize>(
    kind: NoiseKind,
    stream: Stream,
    shape: Shape,
    device: &Device,
    dtype: DType,
) -> Tensor<D> {
    #[cfg(feature = "cube")]
    if dtype != DType::F64 && cube::is_device(device) {
        return cube::noise(kind, stream, shape, device);
    }
    host::noise(kind, stream, shape, device, dtype)
}

#[cfg(test)]
mod tests;
