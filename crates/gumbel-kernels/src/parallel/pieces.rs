//! Long rows in pieces, which threads share if there are too few rows for all threads.

use super::level::{self, Kernel};
use crate::Real;
use rayon::prelude::*;

/// The number of numbers in a piece. The sum of a row is always the sum of its pieces' sums, so that it does not
/// depend on the number of threads.
pub(crate) const PIECE: usize = 1 << 14;

/// Whether threads share each of `count` rows of length `k`, instead of taking rows of their own.
pub(crate) fn shared(count: usize, k: usize) -> bool {
    // The threads are counted last: counting them starts rayon's pool.
    k >= 4 * PIECE && {
        let threads = rayon::current_num_threads();
        threads > 1 && count < 4 * threads
    }
}

/// Work on one piece `P` of a row.
pub(crate) trait PieceKernel<P>: Copy + Send + Sync {
    /// The result of the piece.
    type Part: Send;

    /// Must be `#[inline(always)]`, like [`Kernel::run`]. `piece` is its number in the row.
    fn run<const FMA: bool>(self, piece: usize, values: P) -> Self::Part;
}

/// Runs the kernel on every piece of a row.
pub(crate) fn run_pieces<T: Real, P: Send, K: PieceKernel<P>>(
    pieces: impl IndexedParallelIterator<Item = P>,
    kernel: K,
) -> Vec<K::Part> {
    pieces.enumerate().map(|(piece, values)| run_piece::<T, P, K>(kernel, piece, values)).collect()
}

/// Runs the kernel on one piece, at the current level if `T` is vectorised.
pub(crate) fn run_piece<T: Real, P, K: PieceKernel<P>>(kernel: K, piece: usize, values: P) -> K::Part {
    level::run_on::<T, _>(Task { kernel, piece, values })
}

struct Task<P, K> {
    kernel: K,
    piece: usize,
    values: P,
}

impl<P, K: PieceKernel<P>> Kernel for Task<P, K> {
    type Output = K::Part;

    #[inline(always)]
    fn run<const FMA: bool>(self) -> K::Part {
        self.kernel.run::<FMA>(self.piece, self.values)
    }
}
