//! The derivative of a relaxed sample.

use crate::slice::{Slice, SliceMut};
use crate::threads;
use crate::xla::{Handler, Numbers, NumbersMut, Operand, Output};
use gumbel_kernels::{Error, Real, gumbel_softmax_vjp};

/// Operands: y \[.., k\], v \[.., k\], tau \[\]. Result: y (v − Σ y v) / tau \[.., k\].
pub struct Slope;

impl Handler for Slope {
    fn call(operands: &[Operand<'_>], results: &mut [Output<'_>]) -> Result<(), Error> {
        let ([y, v, tau], [out]) = (operands, results) else { panic!("3 operands, 1 result") };
        let k = *y.shape.last().expect("a sample has an axis of categories");
        match (y.numbers, v.numbers, tau.numbers, &mut out.numbers) {
            (
                Numbers::Floats(Slice::F32(y)),
                Numbers::Floats(Slice::F32(v)),
                Numbers::Floats(Slice::F32(tau)),
                NumbersMut::Floats(SliceMut::F32(out)),
            ) => slope(y, v, k, tau[0], out),
            (
                Numbers::Floats(Slice::F64(y)),
                Numbers::Floats(Slice::F64(v)),
                Numbers::Floats(Slice::F64(tau)),
                NumbersMut::Floats(SliceMut::F64(out)),
            ) => slope(y, v, k, tau[0], out),
            _ => panic!("all have one type, single or double"),
        }
    }
}

fn slope<T: Real>(y: &[T], v: &[T], k: usize, tau: T, out: &mut [T]) -> Result<(), Error> {
    threads::run_outside(y.len(), || gumbel_softmax_vjp(y, v, k, tau, out))
}
