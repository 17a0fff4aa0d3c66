//! Kernels that read and write the types they compute in, on slices of any type: rows in half precision are widened to
//! single, a few at a time, and the results rounded.

use crate::compute::compute;
use crate::parts::{Part, each};
use crate::rows::shifted;
use crate::slice::SliceMut;
use gumbel_kernels::{Error, Real};

/// A computation on rows.
pub trait RealKernel<const I: usize, const O: usize>: Sync {
    /// Computes rows, the first of which has number `first`; errors count from there.
    fn run<T: Real>(&self, first: usize, inputs: [&[T]; I], outputs: [&mut [T]; O]) -> Result<(), Error>;
}

/// Numbers that are widened at a time: those of all slices fit into the second-level cache.
const CHUNK: usize = 8192;

/// Runs a computation on rows.
///
/// # Panics
/// If the slices are not of one type.
pub fn run<const I: usize, const O: usize>(
    kernel: &impl RealKernel<I, O>,
    part: Part<'_, I, O>,
) -> Result<(), Error> {
    match part.outputs[0] {
        SliceMut::F16(_) | SliceMut::Bf16(_) => in_chunks(kernel, part),
        _ => at_once(kernel, part),
    }
}

fn in_chunks<const I: usize, const O: usize>(
    kernel: &impl RealKernel<I, O>,
    part: Part<'_, I, O>,
) -> Result<(), Error> {
    let numbers = part.numbers();
    let rows = (CHUNK * part.count / numbers.max(1)).max(1);
    each(part.chunks(rows), numbers, |part| at_once(kernel, part)).map(drop)
}

fn at_once<const I: usize, const O: usize>(
    kernel: &impl RealKernel<I, O>,
    Part { first, inputs, outputs, .. }: Part<'_, I, O>,
) -> Result<(), Error> {
    let done = compute!(inputs, outputs, |T, inputs, outputs| kernel.run::<T>(first, inputs, outputs));
    numbered(done, first)
}

/// The error of rows that a kernel numbered from 0.
pub fn numbered<R>(result: Result<R, Error>, first: usize) -> Result<R, Error> {
    result.map_err(|error| shifted(error, first))
}
