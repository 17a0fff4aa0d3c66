//! Kernels on rows of any type: those in half precision are read by the kernel, computed in single precision, and rounded in
//! the same pass.

use crate::slice::{Slice, SliceMut};
use gumbel_kernels::{Error, Logit, Real};
use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};
use rayon::prelude::*;

/// A computation on rows of `k` logits, which gives as many numbers.
pub trait RowMap: Sync {
    /// Computes `out` from rows that are numbered from `first`.
    fn run<L: Logit>(&self, first: usize, logits: &[L], out: &mut [L::Real]) -> Result<(), Error>;
}

/// Runs a computation on rows of `k`.
///
/// # Panics
/// If the types or the lengths differ.
pub fn map(map: &impl RowMap, logits: Slice<'_>, k: usize, out: SliceMut<'_>) -> Result<(), Error> {
    match (logits, out) {
        (Slice::F16(logits), SliceMut::F16(out)) => in_half(map, logits, k, out),
        (Slice::Bf16(logits), SliceMut::Bf16(out)) => in_half(map, logits, k, out),
        (Slice::F32(logits), SliceMut::F32(out)) => map.run(0, logits, out),
        (Slice::F64(logits), SliceMut::F64(out)) => map.run(0, logits, out),
        _ => panic!("a result has the type of its logits"),
    }
}

/// Numbers that are computed before they are rounded: they fit into the first-level cache.
const CHUNK: usize = 8192;

trait Half: Logit<Real = f32> {
    /// The lowest finite number.
    const LOWEST: f32;

    fn round(from: &[f32], to: &mut [Self]);
}

impl Half for f16 {
    const LOWEST: f32 = -65504.0;

    fn round(from: &[f32], to: &mut [Self]) {
        to.convert_from_f32_slice(from);
    }
}

impl Half for bf16 {
    const LOWEST: f32 = f32::from_bits(0xff7f_0000);

    fn round(from: &[f32], to: &mut [Self]) {
        to.convert_from_f32_slice(from);
    }
}

/// Rounds numbers, those below the range to the lowest finite one: -inf means a mask and nothing else.
fn round<L: Half>(from: &mut [f32], to: &mut [L]) {
    for x in from.iter_mut() {
        *x = if *x < L::LOWEST && *x > f32::NEG_INFINITY { L::LOWEST } else { *x };
    }
    L::round(from, to);
}

fn in_half<L: Half>(map: &impl RowMap, logits: &[L], k: usize, out: &mut [L]) -> Result<(), Error> {
    if k == 0 {
        return Err(Error::Categories(k));
    }
    let rows = (CHUNK / k).max(1);
    let run = |(chunk, (logits, out)): (usize, (&[L], &mut [L]))| {
        let mut single = vec![0.0; logits.len()];
        map.run(chunk * rows, logits, &mut single).map_err(|error| shifted(error, chunk * rows))?;
        round(&mut single, out);
        Ok(())
    };
    if logits.is_empty() {
        return map.run(0, logits, &mut []); // which checks its parameters
    }
    if logits.len() < crate::threads::SHARED {
        return logits.chunks(rows * k).zip(out.chunks_mut(rows * k)).enumerate().try_for_each(run);
    }
    let chunks = logits.par_chunks(rows * k).zip(out.par_chunks_mut(rows * k)).enumerate();
    let done: Vec<_> = chunks.map(run).collect();
    done.into_iter().collect()
}

/// An error of rows that are numbered from `first`.
pub fn shifted(mut error: Error, first: usize) -> Error {
    match &mut error {
        Error::Logit { row, .. }
        | Error::AllMasked { row }
        | Error::TooFew { row, .. }
        | Error::Index { row, .. }
        | Error::Noise { row }
        | Error::Sample { row, .. }
        | Error::NoMass { row }
        | Error::NoSpanningTree { row } => *row += first,
        Error::NoPermutation { matrix } => *matrix += first,
        Error::LogOdds { index, .. } => *index += first,
        _ => {}
    }
    error
}

/// A temperature in the type of the computation.
///
/// # Errors
/// [`Error::Temperature`], with what was given, if it is not positive and finite there.
pub fn temperature<T: Real>(tau: f64) -> Result<T, Error> {
    let rounded = T::from_f64(tau);
    gumbel_kernels::check_temperature(rounded).map(|()| rounded).map_err(|_| Error::Temperature(tau))
}
