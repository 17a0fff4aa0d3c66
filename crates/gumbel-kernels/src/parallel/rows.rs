//! Flat slices of rows of `k` numbers, and their division between threads.

use super::level::{self, Kernel};
use crate::{Error, Real};

/// The number of rows of length `k` in a slice of `len` numbers.
#[track_caller]
pub(crate) fn count_rows(len: usize, k: usize) -> Result<usize, Error> {
    if k == 0 || u32::try_from(k).is_err() {
        return Err(Error::Categories(k));
    }
    assert!(len.is_multiple_of(k), "a slice of length {len} is not a multiple of the row length, {k}");
    Ok(len / k)
}

#[track_caller]
pub(crate) fn same_length(name: &str, len: usize, expected: usize) {
    assert!(len == expected, "{name} has length {len}, expected {expected}");
}

/// The rows that a kernel works on: `count` of each slice, numbered from `first`.
pub(crate) struct Rows<'a, T, const I: usize, const O: usize> {
    pub first: usize,
    pub count: usize,
    pub inputs: [&'a [T]; I],
    pub outputs: [&'a mut [T]; O],
    pub indices: &'a mut [u32],
}

/// Work on rows that do not depend on each other.
pub(crate) trait RowKernel<T, const I: usize, const O: usize>: Copy + Send + Sync {
    /// How many numbers of a row the kernel reads from elsewhere than the slices of [`Rows`].
    fn width(&self) -> usize {
        0
    }

    /// Must be `#[inline(always)]`, like [`Kernel::run`].
    fn run<const FMA: bool>(self, rows: Rows<'_, T, I, O>) -> Result<(), Error>;
}

/// A thread works on at least this many numbers: about 20 microseconds.
const GRAIN: usize = 1 << 14;

impl<T: Real, const I: usize, const O: usize> Rows<'_, T, I, O> {
    /// Runs the kernel at the current level, on the threads of the current rayon pool if there is enough work.
    /// Of several errors, that of the first row is returned.
    pub fn run(self, kernel: impl RowKernel<T, I, O>) -> Result<(), Error> {
        let numbers = self.inputs.iter().map(|slice| slice.len());
        let numbers = numbers
            .chain(self.outputs.iter().map(|slice| slice.len()))
            .max()
            .unwrap_or(0)
            .max(self.count * kernel.width());
        if numbers < 4 * GRAIN || rayon::current_num_threads() == 1 {
            self.run_alone(kernel)
        } else {
            let pieces = numbers / GRAIN;
            self.run_divided(kernel, pieces)
        }
    }

    fn run_divided(self, kernel: impl RowKernel<T, I, O>, pieces: usize) -> Result<(), Error> {
        if self.count < 2 || pieces < 2 {
            return self.run_alone(kernel);
        }
        let (left, right) = self.halves();
        let (left, right) = rayon::join(
            || left.run_divided(kernel, pieces / 2),
            || right.run_divided(kernel, pieces - pieces / 2),
        );
        left.and(right)
    }

    fn run_alone(self, kernel: impl RowKernel<T, I, O>) -> Result<(), Error> {
        level::run_on::<T, _>(Task { kernel, rows: self })
    }

    fn halves(self) -> (Self, Self) {
        let (count, half) = (self.count, self.count / 2);
        let cut = |len: usize| len / count * half;
        let inputs = self.inputs.map(|slice| slice.split_at(cut(slice.len())));
        let outputs = self.outputs.map(|slice| {
            let at = cut(slice.len());
            slice.split_at_mut(at)
        });
        let (left_outputs, right_outputs) = unzip(outputs);
        let at = cut(self.indices.len());
        let (left_indices, right_indices) = self.indices.split_at_mut(at);
        (
            Self {
                first: self.first,
                count: half,
                inputs: inputs.map(|(left, _)| left),
                outputs: left_outputs,
                indices: left_indices,
            },
            Self {
                first: self.first + half,
                count: count - half,
                inputs: inputs.map(|(_, right)| right),
                outputs: right_outputs,
                indices: right_indices,
            },
        )
    }
}

/// An array of pairs as a pair of arrays.
fn unzip<A, const N: usize>(pairs: [(A, A); N]) -> ([A; N], [A; N]) {
    let mut right = [const { None }; N];
    let mut place = right.iter_mut();
    let left = pairs.map(|(left, value)| {
        *place.next().expect("one place for each pair") = Some(value);
        left
    });
    (left, right.map(|value| value.expect("every place was filled")))
}

struct Task<'a, T, K, const I: usize, const O: usize> {
    kernel: K,
    rows: Rows<'a, T, I, O>,
}

impl<T: Real, K: RowKernel<T, I, O>, const I: usize, const O: usize> Kernel for Task<'_, T, K, I, O> {
    type Output = Result<(), Error>;

    #[inline(always)]
    fn run<const FMA: bool>(self) -> Result<(), Error> {
        self.kernel.run::<FMA>(self.rows)
    }
}
