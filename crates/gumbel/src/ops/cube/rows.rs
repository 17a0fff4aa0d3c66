//! Tensors of Burn as rows for the kernels.

use burn::backend::TensorMetadata;
use burn::tensor::{DType, Shape};
use burn_cubecl::{kernel::into_contiguous, tensor::CubeTensor};
use cubecl::ir::{ElemType, FloatKind};
use gumbel_cubecl::Matrix;

/// Rows over the last axis. They may be padded, as CubeCL's allocator on CUDA pads them; any other layout is copied.
pub(super) fn into_matrix(tensor: CubeTensor) -> Matrix {
    let dtype = match tensor.dtype {
        DType::F16 => FloatKind::F16,
        DType::BF16 => FloatKind::BF16,
        _ => FloatKind::F32,
    };
    let (tensor, stride) = match row_stride(&tensor) {
        Some(stride) => (tensor, stride),
        None => {
            let tensor = into_contiguous(tensor);
            let stride = row_stride(&tensor).expect("a contiguous tensor has rows");
            (tensor, stride)
        }
    };
    let shape = tensor.shape();
    let k = *shape.as_slice().last().expect("logits have an axis");
    let rows = shape.num_elements() / k.max(1);
    Matrix::new(tensor.handle, rows, k, stride, ElemType::Float(dtype))
}

/// The distance between rows, if all are equally far from each other and their numbers are next to each other.
fn row_stride(tensor: &CubeTensor) -> Option<usize> {
    let (shape, strides) = (tensor.meta.shape(), tensor.meta.strides());
    let last = shape.num_dims() - 1;
    if tensor.meta.is_tiled() || shape[last] > 1 && strides[last] != 1 {
        return None;
    }
    let mut axes = (0..last).rev().filter(|&axis| shape[axis] > 1);
    let Some(inner) = axes.next() else {
        return Some(shape[last]);
    };
    let mut next = strides[inner] * shape[inner];
    for axis in axes {
        if strides[axis] != next {
            return None;
        }
        next *= shape[axis];
    }
    (strides[inner] >= shape[last]).then_some(strides[inner])
}

/// A result, with the device of `like`.
pub(super) fn from_matrix(matrix: &Matrix, like: &CubeTensor, shape: Shape, dtype: DType) -> CubeTensor {
    let (client, device) = (like.client.clone(), like.device.clone());
    CubeTensor::new_contiguous(client, device, shape, matrix.handle().clone(), dtype)
}
