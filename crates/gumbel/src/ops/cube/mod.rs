//! On a GPU: the fused kernels of `gumbel-cubecl` on the tensor's own memory.
//!
//! No call waits for the device. A row that cannot be sampled from becomes NaN and is noted there;
//! [`check_device`](crate::check_device) reads the note.

mod adam;
mod bridge;
mod density;
mod devices;
mod rows;

pub(super) use adam::adam_step;
pub(super) use density::exp_concrete_log_prob;
pub(super) use devices::{check_device, set_precision};

use super::bridge::{SharedVjp, differentiable};
use super::kind::{Form, NoiseKind};
use crate::Error;
use crate::tensor::{at_least_single, scatter_one, tracked_as};
use bridge::{OnDevice, Relaxed, Remake, SavedSample};
use burn::backend::{Dispatch, DispatchTensorKind};
use burn::tensor::{DType, Device, Int, Shape, Tensor};
use gumbel_kernels::{Error as KernelError, Stream};
use std::sync::Arc;

/// Whether a tensor is on a GPU, in a type that the kernels read.
pub(super) fn holds<const D: usize>(tensor: &Tensor<D>) -> bool {
    let type_fits = matches!(tensor.dtype(), DType::F32 | DType::F16 | DType::BF16);
    type_fits && is_here(tensor)
}

/// Whether a device is a GPU.
pub(super) fn is_device(device: &Device) -> bool {
    is_here(&Tensor::<1>::empty([1], device))
}

fn is_here<const D: usize>(tensor: &Tensor<D>) -> bool {
    matches!(tensor.clone().inner().into_dispatch().kind, DispatchTensorKind::Cube(_))
}

/// What the device cannot refuse later.
fn check_categories<const D: usize>(logits: &Tensor<D>) -> Result<(), Error> {
    match logits.dims()[D - 1] {
        0 => Err(KernelError::Categories(0).into()),
        _ => Ok(()),
    }
}

/// Notes the first row that cannot be sampled from.
pub(super) fn note_unfit<const D: usize>(logits: &Tensor<D>) -> Result<(), Error> {
    check_categories(logits)?;
    Dispatch::note_unfit(logits.clone().inner().into_dispatch());
    Ok(())
}

pub(super) fn gumbel_max<const D: usize>(
    logits: &Tensor<D>,
    stream: Stream,
) -> Result<Tensor<D, Int>, Error> {
    check_categories(logits)?;
    Ok(Tensor::from_dispatch(Dispatch::index(logits.clone().into_dispatch(), stream)))
}

pub(super) fn sample_one_hot<const D: usize>(logits: Tensor<D>, stream: Stream) -> Result<Tensor<D>, Error> {
    let z = gumbel_softmax(logits.clone().inner(), 1.0, stream, Form::StraightThrough)?;
    Ok(tracked_as(z, &logits))
}

pub(super) fn gumbel_top_k<const D: usize>(
    logits: &Tensor<D>,
    count: usize,
    stream: Stream,
) -> Result<Tensor<D, Int>, Error> {
    check_categories(logits)?;
    let k = logits.dims()[D - 1];
    if count > k && logits.shape().num_elements() > 0 {
        return Err(KernelError::TooFew { row: 0, requested: count, available: k }.into());
    }
    Ok(Tensor::from_dispatch(Dispatch::order(logits.clone().into_dispatch(), count, stream)))
}

/// Ones at the indices of each row of `zeros`; NaN in a row without a sample, whose indices are the number of categories.
pub(super) fn hot_rows<const D: usize>(zeros: Tensor<D>, order: Tensor<D, Int>) -> Tensor<D> {
    let (shape, k) = (zeros.shape(), zeros.dims()[D - 1] as i64);
    if shape.num_elements() == 0 {
        return zeros;
    }
    let none = order.clone().narrow(D - 1, 0, 1).equal_elem(k).expand(shape);
    scatter_one(zeros, order.clamp_max(k - 1)).mask_fill(none, f32::NAN)
}

/// In the type of the logits. What the gradient needs is never in half precision, whose rounding would be most of it: it is
/// recomputed from the logits, and a logarithm, which cannot be, is computed in single precision.
pub(super) fn gumbel_softmax<const D: usize>(
    logits: Tensor<D>,
    tau: f64,
    stream: Stream,
    form: Form,
) -> Result<Tensor<D>, Error> {
    check_categories(&logits)?;
    let half = logits.dtype() != DType::F32;
    let logits = if half && form == Form::Log { at_least_single(logits) } else { logits };
    let relaxed = Relaxed { tau, stream, form };
    let value = Tensor::from_dispatch(Dispatch::relax(logits.clone().inner().into_dispatch(), relaxed));
    if form == Form::StraightThrough || half && form == Form::Soft {
        let vjp = SharedVjp::Cube(Arc::new(Remake { tau, stream }));
        return Ok(differentiable(logits.clone(), value, logits.inner(), vjp));
    }
    let vjp = SharedVjp::Cube(Arc::new(SavedSample { tau, form }));
    Ok(differentiable(logits, value.clone(), value, vjp))
}

/// Standard noise in single precision.
pub(super) fn noise<const D: usize>(
    kind: NoiseKind,
    stream: Stream,
    shape: Shape,
    device: &Device,
) -> Tensor<D> {
    let like = Tensor::<1>::empty([1], (device, DType::F32));
    let noise =
        Tensor::from_dispatch(Dispatch::noise(like.clone().inner().into_dispatch(), shape, kind, stream));
    tracked_as(noise, &like)
}
