//! What the networks of the examples are made of.

use burn::module::{Param, ParamId};
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};
use gumbel::Noise;

/// Weights and biases uniform on ±1/√inputs.
pub fn linear(inputs: usize, outputs: usize, noise: &mut Noise, device: &Device) -> Linear {
    let bound = 1.0 / (inputs as f64).sqrt();
    let weight = (noise.uniform::<2>([inputs, outputs], device) * 2.0 - 1.0) * bound;
    let bias = (noise.uniform::<1>([outputs], device) * 2.0 - 1.0) * bound;
    Linear { weight: parameter(weight), bias: Some(parameter(bias)) }
}

fn parameter<const D: usize>(value: Tensor<D>) -> Param<Tensor<D>> {
    Param::initialized(ParamId::new(), value.require_grad())
}
