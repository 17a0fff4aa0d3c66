//! What several modules share: numbers in and out of tensors.

use burn::tensor::{DType, Device, Tensor, TensorData};

/// The numbers of a tensor in double precision.
pub fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.inner().into_data().convert::<f64>().try_to_vec().expect("converted")
}

/// A tensor in double precision on the autodiff device.
pub fn double<const D: usize>(values: Vec<f64>, shape: [usize; D]) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values, shape), (&Device::flex().autodiff(), DType::F64))
}
