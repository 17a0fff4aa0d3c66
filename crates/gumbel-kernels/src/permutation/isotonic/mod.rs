//! Sorting and ranking by projection onto a permutahedron, in O(n log n).
//!
//! Blondel, Teboul, Berthet and Djolonga, "Fast differentiable sorting and ranking" (2020). Everything is computed in
//! double precision.

mod pool;

use super::sorted::{Direction, Sorted, check_scores, saturated};
use crate::Real;
use crate::error::{Error, check_temperature};
use crate::parallel::rows::{RowKernel, Rows, count_rows, same_length};
use pool::{Exponentials, Means, Pool, for_each_block};
use std::ops::Range;

/// The regularisation of a projection onto a permutahedron.
///
/// ```
/// use gumbel_kernels::{Direction, Regularization, isotonic_sort};
/// let mut sorted = [0.0; 2];
/// isotonic_sort(&[0.0, 0.5], 2, 4.0, Regularization::Quadratic, Direction::Descending, &mut sorted)?;
/// assert_eq!(sorted, [0.375, 0.125]); // the mean, 1/4, plus and minus half of 1/4
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Regularization {
    /// Euclidean: piecewise linear, and exactly the sort or the ranks once tau is small enough.
    Quadratic,
    /// Entropic, a Kullback-Leibler projection of exponentials: smooth within a block.
    Entropic,
}

/// Sorts each row softly, by isotonic regression.
///
/// ```text
/// out[r] = P(ρ / tau, θ),   θ = scores[r],  ρ = (n, n − 1, .., 1)
/// ```
///
/// P(z, w) projects z onto the convex hull of the permutations of w: in the Euclidean distance, or, with entropic
/// regularisation, as the logarithm of the Kullback-Leibler projection of exp z onto the permutations of exp w. In
/// ascending order it is minus the descending sort of −θ. The result is monotone, and as tau tends to 0 it tends to the
/// sorted scores; as tau grows, to their mean (the logarithm of the mean of their exponentials). Computed in double
/// precision in O(n log n) time and O(n) memory.
///
/// Blondel, Teboul, Berthet and Djolonga (2020), section 4, where tau is ε.
///
/// # Shapes
/// `scores`, `out` `[rows, n]`.
///
/// # Errors
/// [`Error::Temperature`], [`Error::Score`], [`Error::Categories`] if `n` is zero or too large.
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// use gumbel_kernels::{Direction, Regularization, isotonic_sort};
/// let mut sorted = [0.0f64; 3];
/// isotonic_sort(&[0.5, 9.0, 3.0], 3, 0.1, Regularization::Quadratic, Direction::Descending, &mut sorted)?;
/// assert_eq!(sorted, [9.0, 3.0, 0.5]);
/// isotonic_sort(&[0.5, 9.0, 3.0], 3, 1e9, Regularization::Quadratic, Direction::Descending, &mut sorted)?;
/// assert!(sorted.iter().all(|mean| (mean - 12.5 / 3.0).abs() < 1e-6));
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
#[doc(alias = "soft sort")]
#[doc(alias = "permutahedron")]
#[doc(alias = "torchsort")]
pub fn isotonic_sort<T: Real>(
    scores: &[T],
    n: usize,
    tau: T,
    regularization: Regularization,
    direction: Direction,
    out: &mut [T],
) -> Result<(), Error> {
    Isotonic::new(Of::Sort, n, tau, regularization, direction)?.run(scores, out)
}

/// Vector-Jacobian product of [`isotonic_sort`].
///
/// `out[r, j]` is the part of `d` in the block of score j, times the share of the score in its block: equal shares with
/// quadratic regularisation, a softmax with entropic. It is exact where the blocks do not change. Where they do, and at equal
/// scores in different blocks, the sort has a kink; there it is the product of one of the adjacent pieces, in which equal
/// scores have the order of their places.
///
/// # Shapes
/// `scores`, `d`, `out` `[rows, n]`.
///
/// # Errors
/// Those of [`isotonic_sort`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// use gumbel_kernels::{Direction, Regularization, isotonic_sort_vjp};
/// let (mut slope, largest) = ([0.0; 3], [1.0, 0.0, 0.0]);
/// let quadratic = Regularization::Quadratic;
/// isotonic_sort_vjp(&[0.5, 9.0, 3.0], &largest, 3, 0.1, quadratic, Direction::Descending, &mut slope)?;
/// assert_eq!(slope, [0.0, 1.0, 0.0]);
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
pub fn isotonic_sort_vjp<T: Real>(
    scores: &[T],
    d: &[T],
    n: usize,
    tau: T,
    regularization: Regularization,
    direction: Direction,
    out: &mut [T],
) -> Result<(), Error> {
    Isotonic::new(Of::Sort, n, tau, regularization, direction)?.run_vjp(scores, d, out)
}

/// Ranks each row softly, by isotonic regression.
///
/// ```text
/// out[r] = P(−θ / tau, ρ)   descending: rank 1 is that of the largest
///        = P( θ / tau, ρ)   ascending: rank 1 is that of the smallest
/// ```
///
/// with P and ρ as in [`isotonic_sort`]; with entropic regularisation, the Kullback-Leibler projection of exp(±θ / tau)
/// onto the permutations of ρ itself. The ranks sum to n(n + 1)/2 and have the order of the scores, and equal scores have
/// equal ranks. As tau tends to 0 they tend to the ranks 1 to n, and with quadratic regularisation are equal to them once
/// adjacent scores are tau apart; as tau grows, to (n + 1)/2. Computed in double precision in O(n log n) time and O(n) memory.
///
/// Blondel, Teboul, Berthet and Djolonga (2020), section 4, where tau is ε.
///
/// # Shapes
/// `scores`, `out` `[rows, n]`.
///
/// # Errors
/// Those of [`isotonic_sort`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// use gumbel_kernels::{Direction, Regularization, isotonic_rank};
/// let mut rank = [0.0; 3];
/// isotonic_rank(&[0.0, 0.5, 7.0], 3, 1.0, Regularization::Quadratic, Direction::Ascending, &mut rank)?;
/// assert_eq!(rank, [1.25, 1.75, 3.0]); // the first two are closer than tau
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
#[doc(alias = "soft rank")]
#[doc(alias = "Spearman")]
#[doc(alias = "permutahedron")]
#[doc(alias = "torchsort")]
pub fn isotonic_rank<T: Real>(
    scores: &[T],
    n: usize,
    tau: T,
    regularization: Regularization,
    direction: Direction,
    out: &mut [T],
) -> Result<(), Error> {
    Isotonic::new(Of::Rank, n, tau, regularization, direction)?.run(scores, out)
}

/// Vector-Jacobian product of [`isotonic_rank`].
///
/// It is exact where the blocks do not change, also at equal scores, which share a block. At a kink it is the product of one
/// of the adjacent pieces. A number beyond the range becomes the largest finite one.
///
/// # Shapes
/// `scores`, `d`, `out` `[rows, n]`.
///
/// # Errors
/// Those of [`isotonic_sort`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// use gumbel_kernels::{Direction, Regularization, isotonic_rank_vjp};
/// let (mut slope, second) = ([0.0; 3], [0.0, 1.0, 0.0]);
/// let quadratic = Regularization::Quadratic;
/// isotonic_rank_vjp(&[0.0, 0.5, 7.0], &second, 3, 1.0, quadratic, Direction::Ascending, &mut slope)?;
/// assert_eq!(slope, [-0.5, 0.5, 0.0]);
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
pub fn isotonic_rank_vjp<T: Real>(
    scores: &[T],
    d: &[T],
    n: usize,
    tau: T,
    regularization: Regularization,
    direction: Direction,
    out: &mut [T],
) -> Result<(), Error> {
    Isotonic::new(Of::Rank, n, tau, regularization, direction)?.run_vjp(scores, d, out)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    Sort,
    Rank,
}

#[derive(Clone, Copy)]
struct Isotonic {
    of: Of,
    n: usize,
    tau: f64,
    regularization: Regularization,
    /// The factor of the scores that are sorted in descending order.
    sign: f64,
}

impl Isotonic {
    fn new<T: Real>(
        of: Of,
        n: usize,
        tau: T,
        regularization: Regularization,
        direction: Direction,
    ) -> Result<Self, Error> {
        check_temperature(tau)?;
        let sign = if of == Of::Sort { direction.sign() } else { -direction.sign() };
        Ok(Self { of, n, tau: tau.into(), regularization, sign })
    }

    #[track_caller]
    fn run<T: Real>(self, scores: &[T], out: &mut [T]) -> Result<(), Error> {
        let count = count_rows(scores.len(), self.n)?;
        same_length("out", out.len(), scores.len());
        Rows { first: 0, count, inputs: [scores], outputs: [out], indices: &mut [] }.run(self)
    }

    #[track_caller]
    fn run_vjp<T: Real>(self, scores: &[T], d: &[T], out: &mut [T]) -> Result<(), Error> {
        let count = count_rows(scores.len(), self.n)?;
        same_length("d", d.len(), scores.len());
        same_length("out", out.len(), scores.len());
        Rows { first: 0, count, inputs: [scores, d], outputs: [out], indices: &mut [] }.run(self)
    }

    /// The largest rank first; their logarithms for a Kullback-Leibler projection onto them.
    fn ranks(self) -> Vec<f64> {
        let log = self.of == Of::Rank && self.regularization == Regularization::Entropic;
        (1..=self.n).rev().map(|rank| if log { (rank as f64).ln() } else { rank as f64 }).collect()
    }

    /// Calls `each` with every block and its places, largest score first.
    fn blocks<P: Pool>(self, sorted: &Sorted, ranks: &[f64], each: impl FnMut(P, Range<usize>)) {
        let (x, w) = match self.of {
            Of::Sort => (ranks, sorted.values.as_slice()),
            Of::Rank => (sorted.values.as_slice(), ranks),
        };
        for_each_block(x, w, self.tau, each);
    }

    /// The sum of the ranks of places.
    fn total(self, places: &Range<usize>) -> f64 {
        0.5 * places.len() as f64 * (2 * self.n + 1 - places.start - places.end) as f64
    }

    fn rank<P: Pool>(self, pool: P, sorted: &Sorted, place: usize, total: f64) -> f64 {
        pool.rank(sorted.values[place], total, self.tau)
    }

    fn write<P: Pool, T: Real>(self, sorted: &Sorted, ranks: &[f64], out: &mut [T]) {
        self.blocks::<P>(sorted, ranks, |pool, places| {
            let total = self.total(&places);
            for place in places {
                match self.of {
                    Of::Sort => out[place] = saturated(self.sign * pool.project(ranks[place], self.tau)),
                    Of::Rank => {
                        let rank = self.rank(pool, sorted, place, total);
                        out[sorted.order[place] as usize] = saturated(rank);
                    }
                }
            }
        });
    }

    /// `d` is in the order of the result.
    fn write_vjp<P: Pool, T: Real>(self, sorted: &Sorted, ranks: &[f64], d: &[f64], out: &mut [T]) {
        self.blocks::<P>(sorted, ranks, |pool, places| {
            let total = self.total(&places);
            let part: f64 = places.clone().map(|place| self.share(pool, sorted, place) * d[place]).sum();
            for place in places {
                let slope = match self.of {
                    Of::Sort => pool.w_share(sorted.values[place]) * part,
                    Of::Rank => {
                        let factor = P::slope(self.rank(pool, sorted, place, total));
                        self.sign * factor * (d[place] - part) / self.tau
                    }
                };
                out[sorted.order[place] as usize] = saturated(slope);
            }
        });
    }

    /// The weight of the cotangent of a place in that of its block.
    fn share<P: Pool>(self, pool: P, sorted: &Sorted, place: usize) -> f64 {
        match self.of {
            Of::Sort => 1.0,
            Of::Rank => pool.x_share(sorted.values[place], self.tau),
        }
    }
}

impl<T: Real> RowKernel<T, 1, 1> for Isotonic {
    #[inline(always)]
    fn run<const FMA: bool>(self, rows: Rows<'_, T, 1, 1>) -> Result<(), Error> {
        let ([scores], [out]) = (rows.inputs, rows.outputs);
        let (mut sorted, ranks) = (Sorted::of_capacity(self.n), self.ranks());
        let pairs = scores.chunks_exact(self.n).zip(out.chunks_exact_mut(self.n));
        for (row, (scores, out)) in pairs.enumerate() {
            check_scores(rows.first + row, scores)?;
            sorted.fill(scores, self.sign);
            match self.regularization {
                Regularization::Quadratic => self.write::<Means, T>(&sorted, &ranks, out),
                Regularization::Entropic => self.write::<Exponentials, T>(&sorted, &ranks, out),
            }
        }
        Ok(())
    }
}

impl<T: Real> RowKernel<T, 2, 1> for Isotonic {
    #[inline(always)]
    fn run<const FMA: bool>(self, rows: Rows<'_, T, 2, 1>) -> Result<(), Error> {
        let ([scores, d], [out]) = (rows.inputs, rows.outputs);
        let (mut sorted, ranks, mut slopes) = (Sorted::of_capacity(self.n), self.ranks(), Vec::new());
        let pairs = scores.chunks_exact(self.n).zip(d.chunks_exact(self.n));
        for (row, ((scores, d), out)) in pairs.zip(out.chunks_exact_mut(self.n)).enumerate() {
            check_scores(rows.first + row, scores)?;
            sorted.fill(scores, self.sign);
            slopes.clear();
            match self.of {
                Of::Sort => slopes.extend(d.iter().map(|&d| d.into())),
                Of::Rank => slopes.extend(sorted.gather(d)),
            }
            match self.regularization {
                Regularization::Quadratic => self.write_vjp::<Means, T>(&sorted, &ranks, &slopes, out),
                Regularization::Entropic => self.write_vjp::<Exponentials, T>(&sorted, &ranks, &slopes, out),
            }
        }
        Ok(())
    }
}
