//! Checks of what a density is computed from. JAX computes the density itself.

use crate::compute::compute;
use crate::threads;
use crate::xla::{Handler, Operand, Output};
use gumbel_kernels::{self as kernels, Error, Real, check_temperature};
use num_traits::One;

/// Operands: y \[.., k\], logits \[.., k\], tau \[..\]. Result: ones.
pub struct ExpConcrete;

/// Operands: y \[..\], log-odds \[..\], tau \[..\]. Result: ones.
pub struct BinaryConcrete;

impl Handler for ExpConcrete {
    fn call(operands: &[Operand<'_>], results: &mut [Output<'_>]) -> Result<(), Error> {
        let ([y, logits, tau], [out]) = (operands, results) else { panic!("3 operands, 1 result") };
        let k = *logits.shape.last().expect("logits have an axis of categories");
        compute!([y, logits, tau].map(Operand::floats), [out.floats()], |T, [y, logits, tau], [out]| {
            out.fill(T::one());
            exp_concrete(y, logits, tau, k)
        })
    }
}

impl Handler for BinaryConcrete {
    fn call(operands: &[Operand<'_>], results: &mut [Output<'_>]) -> Result<(), Error> {
        let ([y, log_odds, tau], [out]) = (operands, results) else { panic!("3 operands, 1 result") };
        compute!([y, log_odds, tau].map(Operand::floats), [out.floats()], |T, [y, log_odds, tau], [out]| {
            out.fill(T::one());
            binary_concrete(y, log_odds, tau)
        })
    }
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
