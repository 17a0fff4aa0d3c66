//! The bridge from tensors on the Flex backend to the kernels, with their hand-written gradients.
//!
//! A forward pass runs on the logits' own memory, so that it can return an error; its result is then tied
//! to the logits by one custom operation, whose backward pass runs a kernel too. On every other backend
//! [`rows`] is `None` and the callers compose the same result from Burn's operations.

use crate::Error;
use burn::backend::autodiff::{
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops, OpsKind, unary},
};
use burn::backend::{
    Autodiff, Backend, BackendTensor, Dispatch, DispatchTensorKind, Flex, TensorMetadata, backend_extension,
    tensor::FloatTensor,
};
use burn::tensor::{DType, Device, Element, Shape, Tensor, TensorData};
use burn_flex::FlexTensor;
use gumbel_kernels::{self as kernels, Real};
use std::{fmt, sync::Arc};

/// A tensor in host memory: rows over the last axis.
pub(crate) struct Rows {
    pub(crate) tensor: FlexTensor,
    categories: usize,
}

/// The rows of a tensor on Flex in single or double precision; `None` elsewhere.
pub(crate) fn rows<const D: usize>(tensor: &Tensor<D>) -> Option<Rows> {
    let categories = tensor.dims()[D - 1];
    match tensor.clone().inner().into_dispatch().kind {
        DispatchTensorKind::Flex(BackendTensor::Float(tensor))
            if matches!(tensor.dtype(), DType::F32 | DType::F64) =>
        {
            Some(Rows { tensor: tensor.to_contiguous(), categories })
        }
        _ => None,
    }
}

/// The rows of a tensor wherever it is, in single or double precision: copied to the host if they are not there.
pub(crate) fn rows_on_host<const D: usize>(tensor: &Tensor<D>) -> Rows {
    rows(tensor).unwrap_or_else(|| {
        let here = (&Device::flex(), tensor.dtype());
        rows(&Tensor::<D>::from_data(tensor.clone().inner().into_data(), here)).expect("it is on Flex now")
    })
}

/// A type of number that the kernels and Burn share: `f32` or `f64`.
pub(crate) trait Number: Real + Element + bytemuck::Pod {}
impl<T: Real + Element + bytemuck::Pod> Number for T {}

/// A computation over rows, in either precision, that fills `N` tensors.
pub(crate) trait Kernel<const N: usize> {
    fn run<T: Number>(&self, logits: &[T], k: usize) -> Result<Output<N>, Error>;
}

/// The flat contents of `N` tensors.
pub(crate) type Output<const N: usize> = [TensorData; N];

impl Rows {
    pub(crate) fn run<const N: usize>(&self, kernel: &impl Kernel<N>) -> Result<Output<N>, Error> {
        match self.tensor.dtype() {
            DType::F64 => kernel.run(slice::<f64>(&self.tensor), self.categories),
            _ => kernel.run(slice::<f32>(&self.tensor), self.categories),
        }
    }
}

/// The numbers of a contiguous tensor of type `T`.
pub(crate) fn slice<T: Number>(tensor: &FlexTensor) -> &[T] {
    tensor.as_slice().expect("rows() made it contiguous and matched its type")
}

/// How a result depends on the logits.
#[derive(Clone, Debug)]
pub(crate) enum Vjp {
    /// Through the soft sample: [`kernels::gumbel_softmax_vjp`].
    Softmax { tau: f64 },
    /// Through its logarithm: [`kernels::log_gumbel_softmax_vjp`].
    LogSoftmax { tau: f64 },
    /// Through the likelihood of data: [`kernels::bernoulli_log_prob_vjp`].
    Bernoulli { x: FlexTensor },
    /// Through the sparse probabilities: [`kernels::entmax_vjp`].
    Entmax { alpha: f64, tau: f64 },
    /// Through the iterations, from the logits: [`kernels::log_sinkhorn_vjp`].
    Sinkhorn { tau: f64, iterations: usize, tolerance: f64 },
    /// Through anything that is computed on the host.
    Host(PullBack),
}

/// From the cotangent of a result to that of its argument, both flat.
#[derive(Clone)]
pub(crate) struct PullBack(Arc<Cotangents>);

type Cotangents = dyn Fn(&[f64]) -> Vec<f64> + Send + Sync;

impl PullBack {
    pub fn new(function: impl Fn(&[f64]) -> Vec<f64> + Send + Sync + 'static) -> Self {
        Self(Arc::new(function))
    }
}

impl fmt::Debug for PullBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PullBack")
    }
}

/// `value` as a differentiable function of `logits`, with the gradient that `vjp` computes from `saved`.
pub(crate) fn tie<const D: usize>(
    logits: Tensor<D>,
    value: Tensor<D>,
    saved: Tensor<D>,
    vjp: Vjp,
) -> Tensor<D> {
    if !logits.is_autodiff() {
        return value;
    }
    Tensor::from_dispatch(Dispatch::tie_rows(
        logits.into_dispatch(),
        value.autodiff().into_dispatch(),
        saved.autodiff().into_dispatch(),
        vjp,
    ))
}

/// The custom operation behind [`tie`].
#[backend_extension(Flex, Autodiff)]
pub(crate) trait TieRows: Backend {
    fn tie_rows(
        logits: FloatTensor<Self>,
        value: FloatTensor<Self>,
        saved: FloatTensor<Self>,
        vjp: Vjp,
    ) -> FloatTensor<Self>;
}

impl TieRows for Flex {
    fn tie_rows(_: FlexTensor, value: FlexTensor, _: FlexTensor, _: Vjp) -> FlexTensor {
        value
    }
}

impl<C: CheckpointStrategy> TieRows for Autodiff<Flex, C> {
    fn tie_rows(
        logits: FloatTensor<Self>,
        value: FloatTensor<Self>,
        saved: FloatTensor<Self>,
        vjp: Vjp,
    ) -> FloatTensor<Self> {
        match RowsBackward.prepare::<C>([logits.node()]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((saved.into_primitive(), vjp), value.into_primitive()),
            OpsKind::UnTracked(prep) => prep.finish(value.into_primitive()),
        }
    }
}

#[derive(Debug)]
struct RowsBackward;

impl Backward<Flex, 1> for RowsBackward {
    type State = (FlexTensor, Vjp);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let (saved, vjp) = ops.state;
        unary::<Flex, _>(ops.parents, ops.node, grads, |grad| pull_back(saved, grad, vjp));
    }
}

fn pull_back(saved: FlexTensor, grad: FlexTensor, vjp: Vjp) -> FlexTensor {
    match saved.dtype() {
        DType::F64 => pull_back_as::<f64>(saved, grad, vjp),
        _ => pull_back_as::<f32>(saved, grad, vjp),
    }
}

fn pull_back_as<T: Number>(saved: FlexTensor, mut grad: FlexTensor, vjp: Vjp) -> FlexTensor {
    let saved = saved.to_contiguous();
    // Replaces the old handle, so that a gradient that nobody else holds is overwritten where it is.
    grad = grad.to_contiguous();
    let shape: Shape = saved.shape();
    let k = *shape.as_slice().last().expect("rows have an axis");
    let saved = slice::<T>(&saved);
    let product = match vjp {
        Vjp::Softmax { tau } => {
            kernels::gumbel_softmax_vjp_in_place(saved, grad.storage_mut(), k, T::from_f64(tau))
        }
        Vjp::LogSoftmax { tau } => {
            kernels::log_gumbel_softmax_vjp_in_place(saved, grad.storage_mut(), k, T::from_f64(tau))
        }
        Vjp::Bernoulli { x } => {
            replace(&mut grad, shape, |d, out| kernels::bernoulli_log_prob_vjp(saved, slice(&x), d, k, out))
        }
        Vjp::Entmax { alpha, tau } => replace(&mut grad, shape, |d, out| {
            kernels::entmax_vjp(saved, d, k, T::from_f64(alpha), T::from_f64(tau), out)
        }),
        Vjp::Sinkhorn { tau, iterations, tolerance } => replace(&mut grad, shape, |d, out| {
            kernels::log_sinkhorn_vjp(saved, d, k, T::from_f64(tau), iterations, tolerance, out)
        }),
        Vjp::Host(PullBack(function)) => {
            let d: Vec<f64> = slice::<T>(&grad).iter().map(|&number| number.into()).collect();
            let out: Vec<T> = function(&d).into_iter().map(T::from_f64).collect();
            grad = FlexTensor::from_data(TensorData::new(out, shape));
            Ok(())
        }
    };
    product.expect("the forward pass accepted the same arguments");
    grad
}

/// Puts what `product` makes of a gradient in its place: a gradient in the saved tensor, whose shape is `shape`.
fn replace<T: Number>(
    grad: &mut FlexTensor,
    shape: Shape,
    product: impl FnOnce(&[T], &mut [T]) -> Result<(), kernels::Error>,
) -> Result<(), kernels::Error> {
    let mut out = vec![T::zero(); shape.num_elements()];
    let result = product(slice(grad), &mut out);
    *grad = FlexTensor::from_data(TensorData::new(out, shape));
    result
}
