//! Tensors on the Flex backend as slices, for the kernels.
//!
//! A forward pass runs on the logits' own memory, so that it can return an error. Its backward pass runs a kernel too: a
//! [`Vjp`].

use crate::Error;
use crate::ops::bridge::{FlexVjp, SharedVjp};
use burn::backend::{BackendTensor, DispatchTensorKind, TensorMetadata};
use burn::tensor::{DType, Element, Shape, Tensor, TensorData};
use burn_flex::FlexTensor;
use gumbel_kernels::{self as kernels, Real};
use std::{fmt, marker::PhantomData, sync::Arc};

/// A type of number that the kernels and Burn share: `f32` or `f64`.
pub(in crate::ops) trait Number: Real + Element + bytemuck::Pod {}
impl<T: Real + Element + bytemuck::Pod> Number for T {}

/// A tensor in host memory: rows over the last axis.
pub(in crate::ops) struct Rows {
    tensor: FlexTensor,
    k: usize,
}

/// A computation over rows, in either precision, that fills `N` tensors.
pub(in crate::ops) trait Kernel<const N: usize> {
    fn run<T: Number>(&self, rows: &[T], k: usize) -> Result<[TensorData; N], Error>;
}

impl Rows {
    /// `None` if the tensor is not on Flex, or not in single or double precision.
    pub fn of<const D: usize>(tensor: &Tensor<D>) -> Option<Self> {
        let tensor_on_flex = on_flex(tensor)?;
        Some(Self { tensor: tensor_on_flex.to_contiguous(), k: tensor.dims()[D - 1] })
    }

    pub fn run<const N: usize>(&self, kernel: &impl Kernel<N>) -> Result<[TensorData; N], Error> {
        match self.tensor.dtype() {
            DType::F64 => kernel.run(self.numbers::<f64>(), self.k),
            _ => kernel.run(self.numbers::<f32>(), self.k),
        }
    }

    pub fn numbers<T: Number>(&self) -> &[T] {
        slice(&self.tensor)
    }
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rows({:?})", self.tensor.shape())
    }
}

/// The tensor behind a handle on Flex, in single or double precision.
pub(super) fn on_flex<const D: usize>(tensor: &Tensor<D>) -> Option<FlexTensor> {
    match tensor.clone().inner().into_dispatch().kind {
        DispatchTensorKind::Flex(BackendTensor::Float(tensor))
            if matches!(tensor.dtype(), DType::F32 | DType::F64) =>
        {
            Some(tensor)
        }
        _ => None,
    }
}

fn slice<T: Number>(tensor: &FlexTensor) -> &[T] {
    tensor.as_slice().expect("rows are contiguous, and their type was matched")
}

/// The vector-Jacobian product of a result, implemented beside its forward pass.
pub(in crate::ops) trait Vjp: fmt::Debug + Send + Sync + 'static {
    fn pull_back<T: Number>(&self, cotangent: Cotangent<T>) -> FlexTensor;
}

/// The cotangent of a result, with the tensor that its forward pass saved.
pub(in crate::ops) struct Cotangent<T> {
    saved: FlexTensor,
    cotangent: FlexTensor,
    number: PhantomData<T>,
}

impl<T: Number> Cotangent<T> {
    /// `product(saved, cotangent, k)` overwrites the cotangent, which has the shape of the saved tensor.
    pub fn in_place(
        mut self,
        product: impl FnOnce(&[T], &mut [T], usize) -> Result<(), kernels::Error>,
    ) -> FlexTensor {
        let k = self.k();
        let result = product(slice(&self.saved), self.cotangent.storage_mut(), k);
        result.expect("the forward pass accepted the same arguments");
        self.cotangent
    }

    /// `product(saved, cotangent, k, out)` writes a cotangent with the shape of the saved tensor.
    pub fn replaced(
        self,
        product: impl FnOnce(&[T], &[T], usize, &mut [T]) -> Result<(), kernels::Error>,
    ) -> FlexTensor {
        let shape: Shape = self.saved.shape();
        let mut out = vec![T::zero(); shape.num_elements()];
        let result = product(slice(&self.saved), slice(&self.cotangent), self.k(), &mut out);
        result.expect("the forward pass accepted the same arguments");
        FlexTensor::from_data(TensorData::new(out, shape))
    }

    fn k(&self) -> usize {
        let shape: Shape = self.saved.shape();
        *shape.as_slice().last().expect("rows have an axis")
    }
}

/// An operation of Burn cannot be generic, so a [`Vjp`] is behind a pointer.
impl<V: Vjp> FlexVjp for V {
    fn pull_back(&self, saved: FlexTensor, cotangent: FlexTensor) -> FlexTensor {
        match saved.dtype() {
            DType::F64 => Vjp::pull_back(self, contiguous::<f64>(saved, cotangent)),
            _ => Vjp::pull_back(self, contiguous::<f32>(saved, cotangent)),
        }
    }
}

/// Consumes the handles, so that a cotangent that nobody else holds is overwritten where it is.
fn contiguous<T>(saved: FlexTensor, cotangent: FlexTensor) -> Cotangent<T> {
    let (saved, cotangent) = (into_contiguous(saved), into_contiguous(cotangent));
    Cotangent { saved, cotangent, number: PhantomData }
}

fn into_contiguous(tensor: FlexTensor) -> FlexTensor {
    tensor.to_contiguous()
}

/// As the product of a differentiable result.
pub(in crate::ops) fn shared(vjp: impl Vjp) -> SharedVjp {
    SharedVjp::Flex(Arc::new(vjp))
}
