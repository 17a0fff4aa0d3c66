//! A step of the optimiser Adam as one operation, where Burn's has a dozen.

use super::devices::device_of;
use super::rows::{from_matrix, into_matrix};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, TensorMetadata, backend_extension};
use burn::tensor::Tensor;
use burn_cubecl::{CubeBackend, tensor::CubeTensor};
use gumbel_cubecl as kernels;
use gumbel_kernels::AdamStep;

#[backend_extension(Cube, Fusion)]
trait Adam: Backend {
    /// The parameter and both moments of its gradient.
    #[fusion(meta = |parameter, _, _, _, _| (parameter.clone(), parameter.clone(), parameter.clone()))]
    fn adam_step(
        parameter: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        first: FloatTensor<Self>,
        second: FloatTensor<Self>,
        step: AdamStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

impl Adam for CubeBackend {
    fn adam_step(
        parameter: CubeTensor,
        gradient: CubeTensor,
        first: CubeTensor,
        second: CubeTensor,
        step: AdamStep,
    ) -> (CubeTensor, CubeTensor, CubeTensor) {
        let (device, like) = (device_of(&parameter), parameter.clone());
        let [p, g, m, v] = [parameter, gradient, first, second].map(into_matrix);
        let results = kernels::adam_step(&device, [&p, &g, &m, &v], step);
        let [p, m, v] = results.map(|result| from_matrix(&result, &like, like.shape(), like.dtype));
        (p, m, v)
    }
}

/// Of tensors in single precision, of one shape.
pub(in crate::ops) fn adam_step<const D: usize>(tensors: [Tensor<D>; 4], step: AdamStep) -> [Tensor<D>; 3] {
    let [p, g, m, v] = tensors.map(Tensor::into_dispatch);
    let (p, m, v) = Dispatch::adam_step(p, g, m, v, step);
    [p, m, v].map(Tensor::from_dispatch)
}
