//! Soft selection of the k largest.

use super::super::sorted::saturated;
use super::sums::{Place, Sums};
use crate::Real;
use crate::error::{Error, check_temperature, logit_error};
use crate::parallel::rows::{RowKernel, Rows, count_rows, same_length};

/// Soft top-k of each row: weights in [0, 1] that sum to k.
///
/// ```text
/// out[r, i] = F((θᵢ − b) / tau),   θ = logits[r],  b such that they sum to k,  F the Laplace distribution function
/// ```
///
/// The weights have the order of the logits. As tau tends to 0 they tend to one at the `count` largest and zero elsewhere; as
/// tau grows, to k/n. A logit of −∞ has weight 0. Computed in double precision in O(n log n) time and O(n) memory, whatever
/// k is.
///
/// Struski, Bednarczyk, Podolak and Tabor (2025), where tau is α.
///
/// # Shapes
/// `logits`, `out` `[rows, n]`; `count` is k.
///
/// # Errors
/// [`Error::Temperature`], [`Error::EmptySubset`], [`Error::TooFew`], [`Error::Logit`], [`Error::AllMasked`],
/// [`Error::Categories`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// let mut weights = [0.0f64; 4];
/// gumbel_kernels::lap_sum_top_k(&[0.0, 3.0, 1.0, 2.0], 4, 2, 0.01, &mut weights)?;
/// assert!((weights[1] - 1.0).abs() < 1e-9 && (weights[3] - 1.0).abs() < 1e-9);
/// gumbel_kernels::lap_sum_top_k(&[0.0, 3.0, 1.0, 2.0], 4, 2, 1.0, &mut weights)?;
/// assert!((weights.iter().sum::<f64>() - 2.0).abs() < 1e-12);
/// assert!((weights[3] - (1.0 - 0.5 * (-0.5f64).exp())).abs() < 1e-12); // b is in the middle, 1.5
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
#[doc(alias = "soft top-k")]
pub fn lap_sum_top_k<T: Real>(
    logits: &[T],
    n: usize,
    count: usize,
    tau: T,
    out: &mut [T],
) -> Result<(), Error> {
    let kernel = TopK::new(n, count, tau)?;
    let rows = count_rows(logits.len(), n)?;
    same_length("out", out.len(), logits.len());
    Rows { first: 0, count: rows, inputs: [logits], outputs: [out], indices: &mut [] }.run(kernel)
}

/// Vector-Jacobian product of [`lap_sum_top_k`].
///
/// ```text
/// out[r, j] = fⱼ (dⱼ − Σᵢ fᵢ dᵢ / Σᵢ fᵢ) / tau,   fᵢ = exp(−|θᵢ − b| / tau) / 2
/// ```
///
/// Exact, and symmetric. Zero at masked logits, whose `d` has no effect. A number beyond the range becomes the largest finite
/// one.
///
/// # Shapes
/// `logits`, `d`, `out` `[rows, n]`.
///
/// # Errors
/// Those of [`lap_sum_top_k`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// let mut slope = [0.0f64; 2];
/// gumbel_kernels::lap_sum_top_k_vjp(&[0.0, 0.0], &[1.0, 0.0], 2, 1, 1.0, &mut slope)?;
/// assert!((slope[0] - 0.25).abs() < 1e-12 && (slope[1] + 0.25).abs() < 1e-12);
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
pub fn lap_sum_top_k_vjp<T: Real>(
    logits: &[T],
    d: &[T],
    n: usize,
    count: usize,
    tau: T,
    out: &mut [T],
) -> Result<(), Error> {
    let kernel = TopK::new(n, count, tau)?;
    let rows = count_rows(logits.len(), n)?;
    same_length("d", d.len(), logits.len());
    same_length("out", out.len(), logits.len());
    Rows { first: 0, count: rows, inputs: [logits, d], outputs: [out], indices: &mut [] }.run(kernel)
}

#[derive(Clone, Copy)]
struct TopK {
    n: usize,
    count: usize,
    tau: f64,
}

/// The sums of a row, and what its threshold spreads over it: `1 − F` of the scores above, F of those below.
struct Work {
    sums: Sums,
    up: Vec<f64>,
    down: Vec<f64>,
}

impl Work {
    /// The smaller of F and `1 − F` of a logit in sorted order.
    fn tail(&self, place: usize) -> f64 {
        self.up[place] + self.down[place]
    }
}

impl TopK {
    fn new<T: Real>(n: usize, count: usize, tau: T) -> Result<Self, Error> {
        check_temperature(tau)?;
        if count == 0 {
            return Err(Error::EmptySubset);
        }
        Ok(Self { n, count, tau: tau.into() })
    }

    fn work(self) -> Work {
        Work { sums: Sums::new(self.n, self.tau), up: vec![], down: vec![] }
    }

    fn fill<T: Real>(self, row: usize, logits: &[T], work: &mut Work) -> Result<Place, Error> {
        if let Some(error) = logit_error(row, logits) {
            return Err(error);
        }
        work.sums.fill(logits, 1.0);
        let available = work.sums.len();
        if self.count > available {
            return Err(Error::TooFew { row, requested: self.count, available });
        }
        for spread in [&mut work.up, &mut work.down] {
            spread.clear();
            spread.resize(available, 0.0);
        }
        let place = work.sums.locate(self.count as f64, 0);
        work.sums.add(place, place.tails, &mut work.up, &mut work.down);
        work.sums.spread(&mut work.up, &mut work.down);
        Ok(place)
    }
}

impl<T: Real> RowKernel<T, 1, 1> for TopK {
    #[inline(always)]
    fn run<const FMA: bool>(self, rows: Rows<'_, T, 1, 1>) -> Result<(), Error> {
        let ([logits], [out]) = (rows.inputs, rows.outputs);
        let mut work = self.work();
        let pairs = logits.chunks_exact(self.n).zip(out.chunks_exact_mut(self.n));
        for (row, (logits, out)) in pairs.enumerate() {
            let threshold = self.fill(rows.first + row, logits, &mut work)?;
            out.fill(T::zero());
            for (place, &at) in work.sums.sorted.order.iter().enumerate() {
                let tail = work.tail(place);
                let weight = if place < threshold.above { 1.0 - tail } else { tail };
                out[at as usize] = T::from_f64(weight);
            }
        }
        Ok(())
    }
}

impl<T: Real> RowKernel<T, 2, 1> for TopK {
    #[inline(always)]
    fn run<const FMA: bool>(self, rows: Rows<'_, T, 2, 1>) -> Result<(), Error> {
        let ([logits, d], [out]) = (rows.inputs, rows.outputs);
        let mut work = self.work();
        let pairs = logits.chunks_exact(self.n).zip(d.chunks_exact(self.n));
        for (row, ((logits, d), out)) in pairs.zip(out.chunks_exact_mut(self.n)).enumerate() {
            let [above, below] = self.fill(rows.first + row, logits, &mut work)?.tails;
            let total = above + below;
            let parts = work.sums.sorted.gather(d).enumerate().map(|(place, d)| work.tail(place) * d);
            let mean = if total > 0.0 { parts.sum::<f64>() / total } else { 0.0 };
            out.fill(T::zero());
            for (place, &at) in work.sums.sorted.order.iter().enumerate() {
                let d: f64 = d[at as usize].into();
                out[at as usize] = saturated(work.tail(place) * (d - mean) / self.tau);
            }
        }
        Ok(())
    }
}
