//! Long rows in pieces, which threads share where there are too few rows for all of them.

use crate::Real;
use crate::level::{self, Kernel};
use rayon::prelude::*;

/// How many numbers a piece has. The sum of a row is that of its pieces' sums, whoever takes them, so that it
/// does not depend on the number of threads.
pub(crate) const PIECE: usize = 1 << 14;

/// Whether threads share each of `count` rows of length `k`, instead of dividing the rows between them.
pub(crate) fn shared(count: usize, k: usize) -> bool {
    let threads = rayon::current_num_threads();
    threads > 1 && k >= 4 * PIECE && count < 4 * threads
}

/// Work on a piece `P` of a row, number `piece` of all.
pub(crate) trait PieceKernel<P>: Copy + Send + Sync {
    /// What is known of the row from the piece.
    type Part: Send;

    /// Must be `#[inline(always)]`, as [`Kernel::run`].
    fn run<const FMA: bool>(self, piece: usize, values: P) -> Self::Part;
}

/// Runs the kernel on every piece.
pub(crate) fn sweep<T: Real, P: Send, K: PieceKernel<P>>(
    pieces: impl IndexedParallelIterator<Item = P>,
    kernel: K,
) -> Vec<K::Part> {
    pieces.enumerate().map(|(piece, values)| run_here::<T, P, K>(kernel, piece, values)).collect()
}

/// Runs the kernel on one piece, at the current level if `T` is vectorised.
pub(crate) fn run_here<T: Real, P, K: PieceKernel<P>>(kernel: K, piece: usize, values: P) -> K::Part {
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
