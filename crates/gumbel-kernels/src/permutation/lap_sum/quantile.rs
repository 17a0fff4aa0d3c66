//! Quantiles.

use super::super::sorted::{check_scores, saturated};
use super::sums::{Place, Sums};
use crate::Real;
use crate::error::{Error, check_temperature};
use crate::parallel::rows::{RowKernel, Rows, count_rows, same_length};

/// Soft quantile of each row: that of a mixture of Laplace distributions around the scores.
///
/// ```text
/// 1/n Σⱼ F((out[r] − θⱼ) / tau) = q,   θ = scores[r],  F the Laplace distribution function
/// ```
///
/// As tau tends to 0 it tends to the quantile of the scores: the one at which their empirical distribution passes q, or the
/// middle between two if it is equal to q between them. So `q` = 1/2 is the usual median. For a `q` within 1/n of 0 or 1,
/// and a large tau, it can be outside the range of the scores. Differentiable everywhere. Computed in double precision in
/// O(n log n) time and O(n) memory.
///
/// The inverse of LapSum: Struski, Bednarczyk, Podolak and Tabor (2025).
///
/// # Shapes
/// `scores` `[rows, n]`; `out` `[rows]`.
///
/// # Errors
/// [`Error::Quantile`] unless 0 < q < 1; [`Error::Temperature`], [`Error::Score`], [`Error::Categories`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// let mut median = [0.0f64];
/// gumbel_kernels::lap_sum_quantile(&[0.0, 1.0, 2.0, 500.0], 4, 0.5, 0.01, &mut median)?;
/// assert!((median[0] - 1.5).abs() < 1e-9);
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
#[doc(alias = "median")]
pub fn lap_sum_quantile<T: Real>(scores: &[T], n: usize, q: f64, tau: T, out: &mut [T]) -> Result<(), Error> {
    let count = count_rows(scores.len(), n)?;
    let quantile = Quantile::new(n, q, tau)?;
    same_length("out", out.len(), count);
    Rows { first: 0, count, inputs: [scores], outputs: [out], indices: &mut [] }.run(quantile)
}

/// Vector-Jacobian product of [`lap_sum_quantile`].
///
/// ```text
/// out[r, j] = d[r] softmax(−|x − θ| / tau)ⱼ,   x the quantile
/// ```
///
/// # Shapes
/// `scores`, `out` `[rows, n]`; `d` `[rows]`.
///
/// # Errors
/// Those of [`lap_sum_quantile`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// let mut slope = [0.0f64; 4];
/// gumbel_kernels::lap_sum_quantile_vjp(&[0.0, 1.0, 2.0, 500.0], &[1.0], 4, 0.5, 0.01, &mut slope)?;
/// assert!((slope[1] - 0.5).abs() < 1e-9 && (slope[2] - 0.5).abs() < 1e-9 && slope[3] == 0.0);
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
pub fn lap_sum_quantile_vjp<T: Real>(
    scores: &[T],
    d: &[T],
    n: usize,
    q: f64,
    tau: T,
    out: &mut [T],
) -> Result<(), Error> {
    let count = count_rows(scores.len(), n)?;
    let quantile = Quantile::new(n, q, tau)?;
    same_length("d", d.len(), count);
    same_length("out", out.len(), scores.len());
    Rows { first: 0, count, inputs: [scores, d], outputs: [out], indices: &mut [] }.run(quantile)
}

#[derive(Clone, Copy)]
struct Quantile {
    n: usize,
    /// How many scores are expected below the quantile.
    target: f64,
    tau: f64,
}

/// With this sign the scores descend as they are sorted in ascending order, so that those below are counted.
const ASCENDING: f64 = -1.0;

impl Quantile {
    fn new<T: Real>(n: usize, q: f64, tau: T) -> Result<Self, Error> {
        check_temperature(tau)?;
        if n == 0 {
            return Err(Error::Categories(n));
        }
        if !(q > 0.0 && q < 1.0) {
            return Err(Error::Quantile(q));
        }
        Ok(Self { n, target: count(q, n), tau: tau.into() })
    }

    fn locate(self, sums: &Sums) -> Place {
        sums.locate(self.target, 0)
    }
}

/// `q · n`, a whole number if it is one but for rounding, and inside the range of levels.
fn count(q: f64, n: usize) -> f64 {
    let n = n as f64;
    let product = q * n;
    let whole = product.round();
    let inside = whole > 0.0 && whole < n;
    if inside && (product - whole).abs() <= 4.0 * f64::EPSILON * whole {
        whole
    } else {
        product.clamp(f64::MIN_POSITIVE, n * (1.0 - f64::EPSILON))
    }
}

impl<T: Real> RowKernel<T, 1, 1> for Quantile {
    #[inline(always)]
    fn run<const FMA: bool>(self, rows: Rows<'_, T, 1, 1>) -> Result<(), Error> {
        let ([scores], [out]) = (rows.inputs, rows.outputs);
        let mut sums = Sums::new(self.n, self.tau);
        for (row, (scores, out)) in scores.chunks_exact(self.n).zip(out).enumerate() {
            check_scores(rows.first + row, scores)?;
            sums.fill(scores, ASCENDING);
            *out = saturated(ASCENDING * sums.point(self.locate(&sums)));
        }
        Ok(())
    }
}

impl<T: Real> RowKernel<T, 2, 1> for Quantile {
    #[inline(always)]
    fn run<const FMA: bool>(self, rows: Rows<'_, T, 2, 1>) -> Result<(), Error> {
        let ([scores, d], [out]) = (rows.inputs, rows.outputs);
        let mut sums = Sums::new(self.n, self.tau);
        let (mut up, mut down) = (vec![0.0; self.n], vec![0.0; self.n]);
        let pairs = scores.chunks_exact(self.n).zip(out.chunks_exact_mut(self.n));
        for (row, ((scores, out), &d)) in pairs.zip(d).enumerate() {
            check_scores(rows.first + row, scores)?;
            sums.fill(scores, ASCENDING);
            up.fill(0.0);
            down.fill(0.0);
            let place = self.locate(&sums);
            sums.add(place, place.shares().map(|share| share * d.into()), &mut up, &mut down);
            sums.spread(&mut up, &mut down);
            for (place, &at) in sums.sorted.order.iter().enumerate() {
                out[at as usize] = saturated(up[place] + down[place]);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_whole_where_they_should_be_and_inside_the_range() {
        for n in 1..200 {
            for below in 1..n {
                assert_eq!(count(below as f64 / n as f64, n), below as f64);
            }
            for q in [f64::MIN_POSITIVE, 1e-20, 1.0 - f64::EPSILON / 2.0] {
                let count = count(q, n);
                assert!(count > 0.0 && count < n as f64, "{q} of {n}: {count}");
            }
        }
    }
}
