//! Activations.

use super::bridge::{Cotangent, Kernel, Number, Vjp, shared};
use super::{differentiable, rows};
use crate::Error;
use crate::tensor::in_shape;
use burn::tensor::{Tensor, TensorData};
use burn_flex::FlexTensor;
use gumbel_kernels as kernels;

pub(in crate::ops) fn tanh<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    activated(x, Activation::Tanh)
}

pub(in crate::ops) fn sigmoid<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    activated(x, Activation::Sigmoid)
}

fn activated<const D: usize>(x: Tensor<D>, activation: Activation) -> Tensor<D> {
    let [y] = rows(&x).run(&activation).expect("no number is invalid");
    let y = Tensor::<D>::from_data(in_shape(y, x.dims()), (&x.device().inner(), x.dtype()));
    differentiable(x, y.clone(), y, shared(activation))
}

#[derive(Clone, Copy, Debug)]
enum Activation {
    Tanh,
    Sigmoid,
}

impl Kernel<1> for Activation {
    fn run<T: Number>(&self, x: &[T], _k: usize) -> Result<[TensorData; 1], Error> {
        let mut y = vec![T::zero(); x.len()];
        match self {
            Self::Tanh => kernels::tanh(x, &mut y),
            Self::Sigmoid => kernels::sigmoid(x, &mut y),
        }
        Ok([TensorData::new(y, [x.len()])])
    }
}

/// From the saved result.
impl Vjp for Activation {
    fn pull_back<T: Number>(&self, cotangent: Cotangent<T>) -> FlexTensor {
        cotangent.in_place(|y, d, _| {
            match self {
                Self::Tanh => kernels::tanh_vjp_in_place(y, d),
                Self::Sigmoid => kernels::sigmoid_vjp_in_place(y, d),
            }
            Ok(())
        })
    }
}
