//! Rows of several slices, divided into parts that differ in their stream, their temperature or their place.

use crate::slice::{Slice, SliceMut};
use crate::threads::SHARED;
use gumbel_kernels::Error;
use rayon::prelude::*;

/// Consecutive rows of some slices, numbered from `first`.
pub struct Part<'a, const I: usize, const O: usize> {
    pub first: usize,
    pub count: usize,
    pub inputs: [Slice<'a>; I],
    pub outputs: [SliceMut<'a>; O],
}

impl<'a, const I: usize, const O: usize> Part<'a, I, O> {
    /// All rows of some slices.
    pub fn all(count: usize, inputs: [Slice<'a>; I], outputs: [SliceMut<'a>; O]) -> Self {
        Self { first: 0, count, inputs, outputs }
    }

    /// Parts of the given numbers of rows, in order, each with what its number came with.
    pub fn divide<P>(mut self, pieces: impl IntoIterator<Item = (usize, P)>) -> Vec<(P, Self)> {
        pieces.into_iter().map(|(count, piece)| (piece, self.take(count))).collect()
    }

    /// Parts of at most `count` rows.
    pub fn chunks(self, count: usize) -> Vec<Self> {
        let all = self.count;
        let counts = (0..all).step_by(count).map(|first| (count.min(all - first), ()));
        self.divide(counts).into_iter().map(|((), part)| part).collect()
    }

    /// Removes the first rows.
    fn take(&mut self, count: usize) -> Self {
        let (first, all) = (self.first, self.count.max(1));
        (self.first, self.count) = (first + count, self.count - count);
        let inputs = self.inputs.each_mut().map(|slice| slice.take(slice.len() / all * count));
        let outputs = self.outputs.each_mut().map(|slice| slice.take(slice.len() / all * count));
        Self { first, count, inputs, outputs }
    }

    /// Numbers of the longest slice.
    pub fn numbers(&self) -> usize {
        let inputs = self.inputs.iter().map(|slice| slice.len());
        inputs.chain(self.outputs.iter().map(SliceMut::len)).max().unwrap_or(0)
    }
}

/// Works on parts, on threads if there are many numbers. Of several errors, the first part's is returned.
pub fn each<P: Send, R: Send>(
    parts: Vec<P>,
    numbers: usize,
    work: impl Fn(P) -> Result<R, Error> + Sync + Send,
) -> Result<Vec<R>, Error> {
    if numbers < SHARED || parts.len() < 2 {
        return parts.into_iter().map(work).collect();
    }
    let done: Vec<_> = parts.into_par_iter().map(work).collect();
    done.into_iter().collect()
}

impl<'a> Slice<'a> {
    /// Removes the first numbers.
    fn take(&mut self, count: usize) -> Self {
        let all = *self;
        *self = all.part(count, all.len());
        all.part(0, count)
    }
}

impl<'a> SliceMut<'a> {
    /// Removes the first numbers.
    fn take(&mut self, count: usize) -> Self {
        fn first<'a, T>(numbers: &mut &'a mut [T], count: usize) -> &'a mut [T] {
            numbers.split_off_mut(..count).expect("a part is not longer than the rest")
        }
        match self {
            Self::F16(numbers) => Self::F16(first(numbers, count)),
            Self::Bf16(numbers) => Self::Bf16(first(numbers, count)),
            Self::F32(numbers) => Self::F32(first(numbers, count)),
            Self::F64(numbers) => Self::F64(first(numbers, count)),
        }
    }
}
