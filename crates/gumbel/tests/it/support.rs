//! Numbers in and out of tensors.

use burn::tensor::{DType, Device, Tensor, TensorData};
use gumbel::estimator::Estimate;

/// The numbers of a tensor in double precision.
pub fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

/// A tensor in double precision on the autodiff device.
pub fn double<const D: usize>(values: Vec<f64>, shape: [usize; D]) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values, shape), (&Device::flex().autodiff(), DType::F64))
}

/// The estimated gradient of the logits.
pub fn gradients(estimate: &Estimate, logits: &Tensor<3>) -> Vec<f64> {
    numbers(logits.grad(&estimate.loss.clone().sum().backward()).expect("a gradient"))
}
