//! Sorting and ranking.

use super::super::sorted::{Direction, check_scores, saturated};
use super::sums::Sums;
use crate::Real;
use crate::error::{Error, check_temperature};
use crate::parallel::rows::{RowKernel, Rows, count_rows, same_length};

/// Sorts each row softly, by LapSum.
///
/// ```text
/// Σⱼ F((θⱼ − out[r, i]) / tau) = i − 1/2,   θ = scores[r],  F the Laplace distribution function,  i = 1 .. n
/// ```
///
/// for descending order; the point above which i − 1/2 scores are expected, if each has Laplace noise of scale tau. In
/// ascending order, the same numbers from the smallest. The result is monotone. As tau tends to 0 it tends to the sorted
/// scores; as tau grows, its numbers spread beyond those of the scores, as quantiles of the noise. Differentiable
/// everywhere, at equal scores too. Computed in double precision in O(n log n) time and O(n) memory; a number beyond the
/// range becomes the largest finite one.
///
/// Struski, Bednarczyk, Podolak and Tabor (2025), where tau is α.
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
/// use gumbel_kernels::{Direction, lap_sum_sort};
/// let mut sorted = [0.0f64; 3];
/// lap_sum_sort(&[0.5, 9.0, 3.0], 3, 0.01, Direction::Descending, &mut sorted)?;
/// assert!((sorted[0] - 9.0).abs() < 1e-9 && (sorted[2] - 0.5).abs() < 1e-9);
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
#[doc(alias = "soft sort")]
pub fn lap_sum_sort<T: Real>(
    scores: &[T],
    n: usize,
    tau: T,
    direction: Direction,
    out: &mut [T],
) -> Result<(), Error> {
    LapSum::new(Of::Sort, n, tau, direction)?.run(scores, out)
}

/// Vector-Jacobian product of [`lap_sum_sort`].
///
/// ```text
/// out[r, j] = Σᵢ d[r, i] softmax(−|xᵢ − θ| / tau)ⱼ,   x the result
/// ```
///
/// Exact, in linear time once sorted.
///
/// # Shapes
/// `scores`, `d`, `out` `[rows, n]`.
///
/// # Errors
/// Those of [`lap_sum_sort`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// use gumbel_kernels::{Direction, lap_sum_sort_vjp};
/// let mut slope = [0.0f64; 2];
/// lap_sum_sort_vjp(&[1.0, 1.0], &[3.0, 5.0], 2, 0.5, Direction::Descending, &mut slope)?;
/// assert!((slope[0] - 4.0).abs() < 1e-12 && (slope[1] - 4.0).abs() < 1e-12); // equal scores, equal shares
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
pub fn lap_sum_sort_vjp<T: Real>(
    scores: &[T],
    d: &[T],
    n: usize,
    tau: T,
    direction: Direction,
    out: &mut [T],
) -> Result<(), Error> {
    LapSum::new(Of::Sort, n, tau, direction)?.run_vjp(scores, d, out)
}

/// Ranks each row softly, by LapSum.
///
/// ```text
/// out[r, i] = 1/2 + Σⱼ F((θⱼ − θᵢ) / tau)   descending: rank 1 is that of the largest
///           = 1/2 + Σⱼ F((θᵢ − θⱼ) / tau)   ascending: rank 1 is that of the smallest
/// ```
///
/// with F the Laplace distribution function: one more than the number of other scores that are expected before score i, if
/// Laplace noise of scale tau is added to their differences. The ranks sum to n(n + 1)/2 and have the order of the scores; equal scores have
/// equal ranks. As tau tends to 0 they tend to the ranks 1 to n, and as it grows, to (n + 1)/2. Differentiable everywhere.
/// Computed in double precision in O(n log n) time and O(n) memory.
///
/// Struski, Bednarczyk, Podolak and Tabor (2025), without the 1/2; tau is α.
///
/// # Shapes
/// `scores`, `out` `[rows, n]`.
///
/// # Errors
/// Those of [`lap_sum_sort`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// use gumbel_kernels::{Direction, lap_sum_rank};
/// let mut rank = [0.0f64; 2];
/// lap_sum_rank(&[0.0, 2f64.ln()], 2, 1.0, Direction::Ascending, &mut rank)?;
/// assert!((rank[0] - 1.25).abs() < 1e-12 && (rank[1] - 1.75).abs() < 1e-12); // F(−ln 2) = 1/4
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
#[doc(alias = "soft rank")]
#[doc(alias = "Spearman")]
pub fn lap_sum_rank<T: Real>(
    scores: &[T],
    n: usize,
    tau: T,
    direction: Direction,
    out: &mut [T],
) -> Result<(), Error> {
    LapSum::new(Of::Rank, n, tau, direction)?.run(scores, out)
}

/// Vector-Jacobian product of [`lap_sum_rank`].
///
/// ```text
/// out[r, j] = ±Σᵢ exp(−|θᵢ − θⱼ| / tau) (dᵢ − dⱼ) / (2 tau),   + for descending order
/// ```
///
/// Exact, in linear time once sorted. A number beyond the range becomes the largest finite one.
///
/// # Shapes
/// `scores`, `d`, `out` `[rows, n]`.
///
/// # Errors
/// Those of [`lap_sum_sort`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// use gumbel_kernels::{Direction, lap_sum_rank_vjp};
/// let mut slope = [0.0f64; 2];
/// lap_sum_rank_vjp(&[0.0, 0.0], &[1.0, 0.0], 2, 0.25, Direction::Ascending, &mut slope)?;
/// assert_eq!(slope, [2.0, -2.0]); // the density of the noise at 0
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
pub fn lap_sum_rank_vjp<T: Real>(
    scores: &[T],
    d: &[T],
    n: usize,
    tau: T,
    direction: Direction,
    out: &mut [T],
) -> Result<(), Error> {
    LapSum::new(Of::Rank, n, tau, direction)?.run_vjp(scores, d, out)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    Sort,
    Rank,
}

#[derive(Clone, Copy)]
struct LapSum {
    of: Of,
    n: usize,
    tau: f64,
    sign: f64,
}

impl LapSum {
    fn new<T: Real>(of: Of, n: usize, tau: T, direction: Direction) -> Result<Self, Error> {
        check_temperature(tau)?;
        Ok(Self { of, n, tau: tau.into(), sign: direction.sign() })
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

    fn sort<T: Real>(self, sums: &Sums, out: &mut [T]) {
        let mut above = 0;
        for (place, out) in out.iter_mut().enumerate() {
            let found = sums.locate(place as f64 + 0.5, above);
            above = found.above;
            *out = saturated(self.sign * sums.point(found));
        }
    }

    fn rank<T: Real>(sums: &Sums, out: &mut [T]) {
        for (place, &at) in sums.sorted.order.iter().enumerate() {
            out[at as usize] = saturated(sums.level(place) + 0.5);
        }
    }

    fn sort_vjp<T: Real>(sums: &Sums, d: &[T], up: &mut [f64], down: &mut [f64], out: &mut [T]) {
        let mut above = 0;
        for (place, &d) in d.iter().enumerate() {
            let found = sums.locate(place as f64 + 0.5, above);
            above = found.above;
            sums.add(found, found.shares().map(|share| share * d.into()), up, down);
        }
        sums.spread(up, down);
        for (place, &at) in sums.sorted.order.iter().enumerate() {
            out[at as usize] = saturated(up[place] + down[place]);
        }
    }

    fn rank_vjp<T: Real>(self, sums: &Sums, d: &[T], up: &mut [f64], down: &mut [f64], out: &mut [T]) {
        for (slopes, d) in up.iter_mut().zip(down.iter_mut()).zip(sums.sorted.gather(d)) {
            (*slopes.0, *slopes.1) = (d, d);
        }
        sums.spread(up, down);
        for (place, &at) in sums.sorted.order.iter().enumerate() {
            let sum = sums.differences(place, d[at as usize].into(), up, down);
            out[at as usize] = saturated(self.sign * 0.5 * sum / self.tau);
        }
    }
}

impl<T: Real> RowKernel<T, 1, 1> for LapSum {
    #[inline(always)]
    fn run<const FMA: bool>(self, rows: Rows<'_, T, 1, 1>) -> Result<(), Error> {
        let ([scores], [out]) = (rows.inputs, rows.outputs);
        let mut sums = Sums::new(self.n, self.tau);
        let pairs = scores.chunks_exact(self.n).zip(out.chunks_exact_mut(self.n));
        for (row, (scores, out)) in pairs.enumerate() {
            check_scores(rows.first + row, scores)?;
            sums.fill(scores, self.sign);
            match self.of {
                Of::Sort => self.sort(&sums, out),
                Of::Rank => Self::rank(&sums, out),
            }
        }
        Ok(())
    }
}

impl<T: Real> RowKernel<T, 2, 1> for LapSum {
    #[inline(always)]
    fn run<const FMA: bool>(self, rows: Rows<'_, T, 2, 1>) -> Result<(), Error> {
        let ([scores, d], [out]) = (rows.inputs, rows.outputs);
        let mut sums = Sums::new(self.n, self.tau);
        let (mut up, mut down) = (vec![0.0; self.n], vec![0.0; self.n]);
        let pairs = scores.chunks_exact(self.n).zip(d.chunks_exact(self.n));
        for (row, ((scores, d), out)) in pairs.zip(out.chunks_exact_mut(self.n)).enumerate() {
            check_scores(rows.first + row, scores)?;
            sums.fill(scores, self.sign);
            up.fill(0.0);
            down.fill(0.0);
            match self.of {
                Of::Sort => Self::sort_vjp(&sums, d, &mut up, &mut down, out),
                Of::Rank => self.rank_vjp(&sums, d, &mut up, &mut down, out),
            }
        }
        Ok(())
    }
}
