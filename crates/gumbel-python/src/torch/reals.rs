//! Kernels that read and write the types they compute in, on tensors of any type: rows in half precision are widened to
//! single, a few at a time, and the results rounded.

use super::parts::{Part, each};
use crate::rows::shifted;
use crate::slice::{Slice, SliceMut};
use gumbel_kernels::{Error, Real};
use half::slice::HalfFloatSliceExt;

/// A computation on rows.
pub trait RealKernel<const I: usize, const O: usize>: Sync {
    /// Computes rows, the first of which has number `first`; errors count from there.
    fn run<T: Real>(&self, first: usize, inputs: [&[T]; I], outputs: [&mut [T]; O]) -> Result<(), Error>;
}

/// Numbers that are widened at a time: those of all slices fit into the second-level cache.
const CHUNK: usize = 8192;

/// The numbers of slices of one type.
macro_rules! all_of_kind {
    ($slice:ident, $kind:ident, $slices:expr) => {
        $slices.map(|slice| match slice {
            $slice::$kind(numbers) => numbers,
            _ => panic!("the tensors of an operator have one type"),
        })
    };
}

/// Runs a computation on rows.
///
/// # Panics
/// If the slices are not of one type.
pub fn run<const I: usize, const O: usize>(
    kernel: &impl RealKernel<I, O>,
    part: Part<'_, I, O>,
) -> Result<(), Error> {
    let Part { first, inputs, outputs, .. } = part;
    match outputs[0] {
        SliceMut::F16(_) | SliceMut::Bf16(_) => in_single(kernel, Part { inputs, outputs, ..part }),
        SliceMut::F32(_) => {
            let (inputs, outputs) = (all_of_kind!(Slice, F32, inputs), all_of_kind!(SliceMut, F32, outputs));
            numbered(kernel.run(first, inputs, outputs), first)
        }
        SliceMut::F64(_) => {
            let (inputs, outputs) = (all_of_kind!(Slice, F64, inputs), all_of_kind!(SliceMut, F64, outputs));
            numbered(kernel.run(first, inputs, outputs), first)
        }
    }
}

fn in_single<const I: usize, const O: usize>(
    kernel: &impl RealKernel<I, O>,
    part: Part<'_, I, O>,
) -> Result<(), Error> {
    let numbers = part.numbers();
    let rows = (CHUNK * part.count / numbers.max(1)).max(1);
    each(part.chunks(rows), numbers, |part| chunk_in_single(kernel, part)).map(drop)
}

fn chunk_in_single<const I: usize, const O: usize>(
    kernel: &impl RealKernel<I, O>,
    part: Part<'_, I, O>,
) -> Result<(), Error> {
    let wide = part.inputs.map(Slice::single);
    let mut results = part.outputs.each_ref().map(|out| vec![0.0; out.len()]);
    let (inputs, outputs) = (wide.each_ref().map(|x| &**x), results.each_mut().map(|x| &mut x[..]));
    numbered(kernel.run::<f32>(part.first, inputs, outputs), part.first)?;
    part.outputs.into_iter().zip(&results).for_each(|(out, result)| round(result, out));
    Ok(())
}

fn round(from: &[f32], to: SliceMut<'_>) {
    match to {
        SliceMut::F16(to) => to.convert_from_f32_slice(from),
        SliceMut::Bf16(to) => to.convert_from_f32_slice(from),
        other => other.write(from),
    }
}

/// The error of rows that a kernel numbered from 0.
pub fn numbered<R>(result: Result<R, Error>, first: usize) -> Result<R, Error> {
    result.map_err(|error| shifted(error, first))
}
