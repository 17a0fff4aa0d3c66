//! Where a kernel reads its numbers: in a slice of the caller's, or in its output, which they occupy.

use super::block::BLOCK;
use super::lanes::Maxima;
use crate::error::{Error, logit_error};
use crate::number::masked::all_below_infinity;
use crate::{Logit, Real};

/// Space for a block of numbers.
pub(crate) fn new_buffer<T: Real>() -> [T; BLOCK] {
    [T::zero(); BLOCK]
}

/// The numbers that belong to those of an output, read a block at a time.
pub(crate) trait Source<T>: Copy + Send + Sync {
    /// Whether the output overwrites them.
    const IN_PLACE: bool;

    /// How many there are; `None` if they are in the output.
    fn len(&self) -> Option<usize>;

    /// The numbers that belong to the block `out`, at most [`BLOCK`] long, which begins at `at` of the whole
    /// output.
    fn block<'a>(&'a self, at: usize, out: &[T], buffer: &'a mut [T; BLOCK]) -> &'a [T];
}

/// A slice of the caller's.
#[derive(Clone, Copy)]
pub(crate) struct Given<'a, L>(pub &'a [L]);

impl<L: Logit> Source<L::Real> for Given<'_, L> {
    const IN_PLACE: bool = false;

    fn len(&self) -> Option<usize> {
        Some(self.0.len())
    }

    #[inline(always)]
    fn block<'a>(&'a self, at: usize, out: &[L::Real], buffer: &'a mut [L::Real; BLOCK]) -> &'a [L::Real] {
        L::widen(&self.0[at..][..out.len()], buffer)
    }
}

/// The output itself, before it is written.
#[derive(Clone, Copy)]
pub(crate) struct InPlace;

impl<T: Real> Source<T> for InPlace {
    const IN_PLACE: bool = true;

    fn len(&self) -> Option<usize> {
        None
    }

    #[inline(always)]
    fn block<'a>(&'a self, _: usize, out: &[T], buffer: &'a mut [T; BLOCK]) -> &'a [T] {
        let buffer = &mut buffer[..out.len()];
        buffer.copy_from_slice(out);
        buffer
    }
}

/// The largest logit, −∞ if all are masks; `None` if one is invalid.
#[inline(always)]
pub(crate) fn maximum<T: Real, L: Logit<Real = T>>(logits: &[L]) -> Option<T> {
    let (mut maxima, mut buffer, mut valid) = (Maxima::new(), new_buffer(), true);
    for logits in logits.chunks(BLOCK) {
        let logits = L::widen(logits, &mut buffer);
        valid &= all_below_infinity(logits);
        maxima.update(logits);
    }
    valid.then(|| maxima.total())
}

/// The error of a row of logits; `None` if it is valid.
#[cold]
pub(crate) fn row_error<T: Real, S: Source<T>>(row: usize, logits: &S, out: &[T]) -> Option<Error> {
    let (mut wide, mut buffer) = (Vec::with_capacity(out.len()), new_buffer());
    for (chunk, part) in out.chunks(BLOCK).enumerate() {
        wide.extend_from_slice(logits.block(row * out.len() + chunk * BLOCK, part, &mut buffer));
    }
    logit_error(row, &wide)
}

/// The error of the first invalid row of length `k`, for logits that gave an invalid result; the rows are
/// numbered from `first`.
#[cold]
pub(crate) fn first_row_error<L: Logit>(first: usize, logits: &[L], k: usize) -> Error {
    let (mut wide, mut rows) = (vec![L::Real::from_f64(0.0); k], logits.chunks_exact(k).enumerate());
    rows.find_map(|(row, logits)| logit_error(first + row, L::widen(logits, &mut wide)))
        .expect("valid logits give a finite maximum and a finite sum")
}
