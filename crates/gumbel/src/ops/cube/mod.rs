//! On a GPU: the fused kernels of `gumbel-cubecl` on the tensor's own memory.
//!
//! No call waits for the device. A row that cannot be sampled from becomes NaN and is noted there;
//! [`check_device`](crate::check_device) reads the note.

mod bridge;
mod devices;
mod rows;

pub(super) use devices::{check_device, set_precision};

use super::bridge::{SharedVjp, differentiable};
use super::kind::{Form, NoiseKind};
use crate::tensor::tracked_as;
use bridge::{OnDevice, Relaxed, Remake, SavedSample};
use burn::backend::{Dispatch, DispatchTensorKind};
use burn::tensor::{DType, Device, Int, Shape, Tensor};
use gumbel_kernels::Stream;
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

/// Notes the first row that cannot be sampled from.
pub(super) fn note_unfit<const D: usize>(logits: &Tensor<D>) {
    Dispatch::note_unfit(logits.clone().inner().into_dispatch());
}

pub(super) fn gumbel_max<const D: usize>(logits: &Tensor<D>, stream: Stream) -> Tensor<D, Int> {
    Tensor::from_dispatch(Dispatch::index(logits.clone().inner().into_dispatch(), stream))
}

pub(super) fn gumbel_softmax<const D: usize>(
    logits: Tensor<D>,
    tau: f64,
    stream: Stream,
    form: Form,
) -> Tensor<D> {
    let relaxed = Relaxed { tau, stream, form };
    let value = Tensor::from_dispatch(Dispatch::relax(logits.clone().inner().into_dispatch(), relaxed));
    match form {
        Form::StraightThrough => {
            let vjp = SharedVjp::Cube(Arc::new(Remake { tau, stream }));
            differentiable(logits.clone(), value, logits.inner(), vjp)
        }
        Form::Soft | Form::Log => {
            let vjp = SharedVjp::Cube(Arc::new(SavedSample { tau, form }));
            differentiable(logits, value.clone(), value, vjp)
        }
    }
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
