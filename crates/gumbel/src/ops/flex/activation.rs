//! Activations.

use super::bridge::{Cotangent, Kernel, Number, Vjp, shared};
use super::{differentiable, rows};
use crate::Error;
use burn::tensor::{Tensor, TensorData};
use burn_flex::FlexTensor;
use gumbel_kernels as kernels;

pub(in crate::ops) fn tanh<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let y = value(&x, &Tanh);
    differentiable(x, y.clone(), y, shared(Tanh))
}

pub(in crate::ops) fn sigmoid<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let y = value(&x, &Sigmoid);
    differentiable(x, y.clone(), y, shared(Sigmoid))
}

fn value<const D: usize>(x: &Tensor<D>, kernel: &impl Kernel<1>) -> Tensor<D> {
    let [y] = rows(x).run(kernel).expect("no number is invalid");
    Tensor::<1>::from_data(y, (&x.device().inner(), x.dtype())).reshape(x.dims())
}

#[derive(Debug)]
struct Tanh;

impl Kernel<1> for Tanh {
    fn run<T: Number>(&self, x: &[T], _k: usize) -> Result<[TensorData; 1], Error> {
        Ok([filled(x, kernels::tanh)])
    }
}

impl Vjp for Tanh {
    fn pull_back<T: Number>(&self, cotangent: Cotangent<T>) -> FlexTensor {
        cotangent.in_place(|y, d, _| {
            kernels::tanh_vjp_in_place(y, d);
            Ok(())
        })
    }
}

#[derive(Debug)]
struct Sigmoid;

impl Kernel<1> for Sigmoid {
    fn run<T: Number>(&self, x: &[T], _k: usize) -> Result<[TensorData; 1], Error> {
        Ok([filled(x, kernels::sigmoid)])
    }
}

impl Vjp for Sigmoid {
    fn pull_back<T: Number>(&self, cotangent: Cotangent<T>) -> FlexTensor {
        cotangent.in_place(|y, d, _| {
            kernels::sigmoid_vjp_in_place(y, d);
            Ok(())
        })
    }
}

fn filled<T: Number>(x: &[T], function: fn(&[T], &mut [T])) -> TensorData {
    let mut out = vec![T::zero(); x.len()];
    function(x, &mut out);
    TensorData::new(out, [x.len()])
}
