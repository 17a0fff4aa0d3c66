//! Numbers in and out of tensors.

use burn::tensor::{DType, Device, Tensor, TensorData};
use gumbel::estimator::{Entry, Estimate, Estimator, Parameters, Sample};

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

/// An estimator, at a temperature of 0.7 if it has one.
pub fn build(entry: &Entry) -> Box<dyn Estimator> {
    let cool = Parameters::default().with("tau", 0.7);
    entry.build(&cool).or_else(|_| entry.build(&Parameters::default())).unwrap()
}

/// A loss that is not linear in the sample, of at most six numbers.
pub fn curved(sample: &Sample) -> Tensor<2> {
    let [samples, rows, latents, categories] = sample.z.dims();
    let weights = Tensor::<1>::from_floats([0.5, -0.25, 0.125, -0.5, 0.25, 1.0], &sample.z.device());
    let weights = weights.cast(sample.z.dtype()).reshape([1, 1, latents, categories]);
    (sample.z.clone() * weights).sum_dim(3).sum_dim(2).reshape([samples, rows]).exp()
}
