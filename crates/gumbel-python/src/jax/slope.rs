//! The derivative of a relaxed sample.

use crate::compute::compute;
use crate::threads;
use crate::xla::{Handler, Operand, Output};
use gumbel_kernels::{Error, gumbel_softmax_vjp};

/// Operands: y \[.., k\], v \[.., k\], tau \[\]. Result: y (v − Σ y v) / tau \[.., k\].
pub struct Slope;

impl Handler for Slope {
    fn call(operands: &[Operand<'_>], results: &mut [Output<'_>]) -> Result<(), Error> {
        let ([y, v, tau], [out]) = (operands, results) else { panic!("3 operands, 1 result") };
        let k = *y.shape.last().expect("a sample has an axis of categories");
        let (y, numbers) = (y.floats(), y.floats().len());
        threads::run_outside(numbers, || {
            compute!([y, v.floats(), tau.floats()], [out.floats()], |T, [y, v, tau], [out]| {
                gumbel_softmax_vjp::<T>(y, v, k, tau[0], out)
            })
        })
    }
}
