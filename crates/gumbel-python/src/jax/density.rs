//! Checks of what a density is computed from. JAX computes the density itself.

use crate::slice::{Slice, SliceMut};
use crate::threads;
use crate::xla::{Handler, Numbers, NumbersMut, Operand, Output};
use gumbel_kernels::{self as kernels, Error, Real, check_temperature};

/// Operands: y \[.., k\], logits \[.., k\], tau \[..\]. Result: ones.
pub struct ExpConcrete;

/// Operands: y \[..\], log-odds \[..\], tau \[..\]. Result: ones.
pub struct BinaryConcrete;

impl Handler for ExpConcrete {
    fn call(operands: &[Operand<'_>], results: &mut [Output<'_>]) -> Result<(), Error> {
        let k = *operands[1].shape.last().expect("logits have an axis of categories");
        match floats(operands) {
            [Slice::F32(y), Slice::F32(logits), Slice::F32(tau)] => exp_concrete(y, logits, tau, k)?,
            [Slice::F64(y), Slice::F64(logits), Slice::F64(tau)] => exp_concrete(y, logits, tau, k)?,
            _ => panic!("the operands have one type, single or double"),
        }
        write_ones(results)
    }
}

impl Handler for BinaryConcrete {
    fn call(operands: &[Operand<'_>], results: &mut [Output<'_>]) -> Result<(), Error> {
        match floats(operands) {
            [Slice::F32(y), Slice::F32(log_odds), Slice::F32(tau)] => binary_concrete(y, log_odds, tau)?,
            [Slice::F64(y), Slice::F64(log_odds), Slice::F64(tau)] => binary_concrete(y, log_odds, tau)?,
            _ => panic!("the operands have one type, single or double"),
        }
        write_ones(results)
    }
}

fn floats<'a>(operands: &[Operand<'a>]) -> [Slice<'a>; 3] {
    let [y, parameter, tau] = operands else { panic!("3 operands") };
    [y, parameter, tau].map(|operand| match operand.numbers {
        Numbers::Floats(numbers) => numbers,
        Numbers::Words(_) => panic!("the operands are floats"),
    })
}

fn write_ones(results: &mut [Output<'_>]) -> Result<(), Error> {
    match &mut results[0].numbers {
        NumbersMut::Floats(SliceMut::F32(out)) => out.fill(1.0),
        NumbersMut::Floats(SliceMut::F64(out)) => out.fill(1.0),
        _ => panic!("the result has the type of the operands"),
    }
    Ok(())
}

fn exp_concrete<T: Real>(y: &[T], logits: &[T], tau: &[T], k: usize) -> Result<(), Error> {
    tau.iter().try_for_each(|&tau| check_temperature(tau))?;
    let density =
        |logits: &[T], y: &[T], out: &mut [T]| kernels::exp_concrete_log_prob(logits, y, k, T::one(), out);
    check(logits, |logits, zeros, out| density(logits, zeros, &mut out[..logits.len() / k]))?;
    check(y, |y, zeros, out| density(zeros, y, &mut out[..y.len() / k]))
}

fn binary_concrete<T: Real>(y: &[T], log_odds: &[T], tau: &[T]) -> Result<(), Error> {
    tau.iter().try_for_each(|&tau| check_temperature(tau))?;
    let density = |log_odds: &[T], y: &[T], out: &mut [T]| {
        kernels::binary_concrete_log_prob(log_odds, y, T::one(), out)
    };
    check(log_odds, |log_odds, zeros, out| density(log_odds, zeros, out))?;
    check(y, |y, zeros, out| density(zeros, y, out))
}

/// The error, if any, that a kernel finds in numbers. It is asked where one is not finite; others are valid.
fn check<T: Real>(
    numbers: &[T],
    kernel: impl FnOnce(&[T], &[T], &mut [T]) -> Result<(), Error> + Send,
) -> Result<(), Error> {
    let finite = numbers.iter().fold(true, |all, x| all & (x.abs() < T::infinity()));
    if finite {
        return Ok(());
    }
    let (zeros, mut out) = (vec![T::zero(); numbers.len()], vec![T::zero(); numbers.len()]);
    threads::run_outside(numbers.len(), || kernel(numbers, &zeros, &mut out))
}
