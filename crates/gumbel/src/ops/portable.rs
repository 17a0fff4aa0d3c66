//! On any backend: the same results from Burn's operations.

use super::host::{self, LogSinkhorn};
use super::kind::{Form, NoiseKind};
use crate::tensor::{
    Flags, attach, broadcast, centred, first_where, masked, not_negative, one_hot_argmax, over,
};
use crate::{Error, RowFault};
use burn::tensor::{Bool, DType, Int, Tensor, TensorData, activation};
use gumbel_kernels::{self as kernels, Stream};

/// Reads back two flags; the logits themselves only if one of them cannot be sampled from.
pub(super) fn check_logits<const D: usize>(logits: &Tensor<D>) -> Result<(), Error> {
    let logits = logits.clone().inner();
    let largest = logits.clone().max_dim(D - 1);
    let unfit =
        largest.is_inf().any().into_scalar::<bool>() || logits.clone().is_nan().any().into_scalar::<bool>();
    if unfit {
        let (k, rows) = (logits.dims()[D - 1], logits.shape().num_elements() / logits.dims()[D - 1].max(1));
        let values = logits.cast(DType::F32).into_data().try_to_vec::<f32>().expect("cast to f32");
        kernels::log_sum_exp(&values, k, &mut vec![0.0; rows])?;
    }
    Ok(())
}

/// `θ + g`, unchecked.
pub(super) fn perturbed<const D: usize>(logits: Tensor<D>, stream: Stream) -> Tensor<D> {
    let (shape, device, dtype) = (logits.shape(), logits.device(), logits.dtype());
    centred(logits) + host::noise(NoiseKind::Gumbel, stream, shape, &device, dtype)
}

pub(super) fn gumbel_max<const D: usize>(logits: Tensor<D>, stream: Stream) -> Result<Tensor<D, Int>, Error> {
    check_logits(&logits)?;
    Ok(perturbed(logits, stream).argmax(D - 1))
}

pub(super) fn gumbel_softmax<const D: usize>(
    logits: Tensor<D>,
    tau: f64,
    stream: Stream,
    form: Form,
) -> Result<Tensor<D>, Error> {
    check_logits(&logits)?;
    let keys = perturbed(logits, stream);
    // Dividing the gap to the largest keeps every temperature from overflowing.
    let gaps = over(keys.clone() - keys.clone().detach().max_dim(D - 1), tau);
    Ok(match form {
        Form::Soft => activation::softmax(gaps, D - 1),
        Form::Log => activation::log_softmax(gaps, D - 1),
        Form::StraightThrough => attach(one_hot_argmax(keys), activation::softmax(gaps, D - 1)),
    })
}

/// In single or double precision; the logits unchecked. What the point is at masks does not matter; −∞ at another category
/// has the density 0.
///
/// # Errors
/// The first row whose point has NaN or +∞ at an unmasked category, or nothing but −∞.
pub(super) fn exp_concrete_log_prob<const D: usize>(
    logits: Tensor<D>,
    tau: f64,
    y: Tensor<D>,
) -> Result<Tensor<D>, Error> {
    let logits = centred(logits);
    let shape = broadcast(&logits, &y);
    let masked = masked(&logits).expand(shape.clone());
    let y = y.expand(shape).mask_fill(masked.clone(), 0.0);
    let nothing = y.clone().equal_elem(f32::NEG_INFINITY);
    check_points(&y, masked.clone().bool_or(nothing.clone()))?;
    let outside = nothing.clone().any_of_row();
    let tilted =
        (logits.clone() - y.mask_fill(nothing, 0.0) * tau).mask_fill(masked.clone(), f32::NEG_INFINITY);
    let normalized = activation::log_softmax(tilted, D - 1).mask_fill(masked, 0.0);
    let density = normalized.sum_dim(D - 1) + per_count(&logits, |n| log_volume(n, tau));
    Ok(density.mask_fill(outside, f32::NEG_INFINITY))
}

/// As a GPU notes them. `absent`: masked, or −∞.
fn check_points<const D: usize>(y: &Tensor<D>, absent: Tensor<D, Bool>) -> Result<(), Error> {
    let infinite = y.clone().equal_elem(f32::INFINITY);
    let unfit = y.clone().is_nan().bool_or(infinite).any_of_row().bool_or(absent.all_of_row());
    if !unfit.clone().any().into_scalar::<bool>() {
        return Ok(());
    }
    let row = unfit.into_data().iter::<bool>().position(|unfit| unfit).expect("one is unfit");
    Err(Error::Unfit { operation: "exp_concrete_log_prob", row, fault: RowFault::Point })
}

/// `ln Γ(n) + (n−1) ln τ`.
pub(crate) fn log_volume(n: f64, tau: f64) -> f64 {
    libm::lgamma(n) + (n - 1.0) * tau.ln()
}

/// A function of the number of unmasked categories of each row, `[.., K]` to `[.., 1]`. Its K + 1 values are computed on
/// the host (Burn has no log-gamma) and looked up where the logits are.
pub(crate) fn per_count<const D: usize>(logits: &Tensor<D>, value: impl Fn(f64) -> f64) -> Tensor<D> {
    let counts = masked(logits).bool_not().int().sum_dim(D - 1);
    let (shape, most) = (counts.shape(), logits.dims()[D - 1]);
    if shape.num_elements() == 0 {
        return Tensor::empty(shape, (&logits.device(), logits.dtype()));
    }
    let values: Vec<f64> = (0..=most).map(|count| value(count as f64)).collect();
    let table = TensorData::new(values, [most + 1]);
    let table = Tensor::<1>::from_data(table, (&logits.device(), logits.dtype()));
    table.select(0, counts.flatten::<1>(0, D - 1)).reshape(shape)
}

/// A divergence below some 1e-7 is lost in the rounding of its terms, which the kernel on the host takes exactly.
pub(super) fn categorical_kl<const D: usize>([log_q, log_p]: [Tensor<D>; 2]) -> Tensor<D> {
    let absent = masked(&log_q);
    let ratio = (log_q.clone() - log_p).mask_fill(absent, 0.0);
    not_negative((log_q.exp() * ratio).sum_dim(D - 1))
}

pub(super) fn bernoulli_log_prob<const D: usize>(logits: Tensor<D>, x: Tensor<D>) -> Tensor<D> {
    (x * logits.clone() + activation::log_sigmoid(logits.neg())).sum_dim(D - 1)
}

/// Numbers of a block of differences between points and codes.
const BLOCK: usize = 1 << 24;

/// From the differences themselves, in blocks of points: an expansion of the square cancels, and a matrix product of
/// Burn's on an NVIDIA card keeps eleven bits.
pub(super) fn nearest(points: &Tensor<2>, codes: &Tensor<2>) -> Result<(Tensor<1, Int>, Tensor<1>), Error> {
    let ([count, width], [book, _]) = (points.dims(), codes.dims());
    if book == 0 {
        return Err(kernels::Error::Categories(0).into());
    }
    check_finite("point", points)?;
    check_finite("code", codes)?;
    let block = (BLOCK / (book * width).max(1)).max(1);
    let blocks = (0..count).step_by(block).map(|start| {
        nearest_of_block(points.clone().narrow(0, start, block.min(count - start)), codes.clone())
    });
    let (indices, distances): (Vec<_>, Vec<_>) = blocks.unzip();
    Ok((Tensor::cat(indices, 0), Tensor::cat(distances, 0)))
}

/// Burn does not say which of several least numbers its argmin is.
fn nearest_of_block(points: Tensor<2>, codes: Tensor<2>) -> (Tensor<1, Int>, Tensor<1>) {
    let shape = [points.dims()[0], codes.dims()[0]];
    let gaps = points.unsqueeze_dim::<3>(1) - codes.unsqueeze_dim::<3>(0);
    let distances: Tensor<2> = gaps.square().sum_dim(2).squeeze_dim(2);
    let least = distances.clone().min_dim(1);
    let other = distances.equal(least.clone().expand(shape)).bool_not();
    let numbers =
        Tensor::<1, Int>::arange(0..shape[1] as i64, &least.device()).unsqueeze::<2>().expand(shape);
    (numbers.mask_fill(other, shape[1] as i64 - 1).min_dim(1).squeeze_dim(1), least.squeeze_dim(1))
}

fn check_finite(what: &'static str, numbers: &Tensor<2>) -> Result<(), Error> {
    if numbers.clone().is_finite().all().into_scalar::<bool>() {
        return Ok(());
    }
    let width = numbers.dims()[1];
    let unfit = first_where(numbers, |number| !number.is_finite());
    unfit.map_or(Ok(()), |(at, value)| {
        Err(kernels::Error::NotFinite { what, row: at / width, column: at % width, value }.into())
    })
}

/// Projected on the host.
pub(super) fn entmax<const D: usize>(logits: Tensor<D>, alpha: f64, tau: f64) -> Result<Tensor<D>, Error> {
    let y = host::entmax(&logits, alpha, tau)?;
    Ok(with_entmax_gradient(logits, y, alpha, tau))
}

/// `y`, which is the entmax of `logits`, with its gradient: an expression in the logits that is exactly zero and has
/// the derivative of the projection, `(diag s − s sᵀ / Σ s) / τ` with `s = y^(2 − α)` on the support.
pub(super) fn with_entmax_gradient<const D: usize>(
    logits: Tensor<D>,
    y: Tensor<D>,
    alpha: f64,
    tau: f64,
) -> Tensor<D> {
    let outside = y.clone().equal_elem(0.0);
    let slope = y.clone().powf_scalar(2.0 - alpha).mask_fill(outside.clone(), 0.0);
    // Masks are outside: −∞ less itself would be NaN.
    let logits = logits.mask_fill(outside, 0.0);
    let change = logits.clone() - logits.detach();
    let mean = (slope.clone() * change.clone()).sum_dim(D - 1) / slope.clone().sum_dim(D - 1);
    y + slope * (change - mean) / tau
}

/// Runs every iteration, whatever the tolerance.
pub(super) fn log_sinkhorn<const D: usize>(
    logits: Tensor<D>,
    tau: f64,
    iterations: usize,
    tolerance: f64,
) -> Result<Tensor<D>, Error> {
    /// So far below the largest that sums of a few are still finite, and distinct from a mask.
    const LOWEST: f32 = -1e30;
    LogSinkhorn { tau, iterations, tolerance }.check(&logits)?;
    let masked = masked(&logits);
    let max = logits.clone().detach().max_dim(D - 1).max_dim(D - 2);
    let gaps = over(logits - max, tau).clamp_min(LOWEST).mask_fill(masked, f32::NEG_INFINITY);
    let step = |x, _| activation::log_softmax(activation::log_softmax(x, D - 1), D - 2);
    Ok((0..iterations).fold(gaps, step))
}
