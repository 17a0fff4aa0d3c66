//! The normaliser of a softmax, and its vector-Jacobian product.

use super::shifted::{Shifted, step};
use crate::error::Error;
use crate::parallel::block::{BLOCK, SHORT, block_len, map_into};
use crate::parallel::lanes::{Lanes, WIDE, lane_maxima, larger, max};
use crate::parallel::pieces::{PIECE, PieceKernel, run_piece, run_pieces, shared};
use crate::parallel::rows::{RowKernel, Rows, count_rows, same_length};
use crate::parallel::source::{first_row_error, new_buffer};
use crate::{Logit, Real};
use rayon::slice::ParallelSlice;

/// Log-sum-exp: the logarithm of the normaliser of each row of logits.
///
/// ```text
/// out[r] = ln Σᵢ exp(logits[r, i])
/// ```
///
/// # Shapes
/// `logits` `[rows, k]`, `out` `[rows]`.
///
/// # Errors
/// [`Error::Logit`], [`Error::AllMasked`], [`Error::Categories`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// let mut out = [0.0];
/// gumbel_kernels::log_sum_exp(&[1000.0, 1000.0], 2, &mut out)?;
/// assert_eq!(out[0], 1000.0 + 2f64.ln());
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
#[doc(alias = "logsumexp")]
pub fn log_sum_exp<L: Logit>(logits: &[L], k: usize, out: &mut [L::Real]) -> Result<(), Error> {
    let count = count_rows(logits.len(), k)?;
    same_length("out", out.len(), count);
    let kernel = LogSumExp { k, logits };
    if shared(count, k) {
        return kernel.share_rows(out);
    }
    Rows { first: 0, count, inputs: [], outputs: [out], indices: &mut [] }.run(kernel)
}

#[derive(Clone, Copy)]
struct LogSumExp<'a, L> {
    k: usize,
    logits: &'a [L],
}

impl<T: Real, L: Logit<Real = T>> RowKernel<T, 0, 1> for LogSumExp<'_, L> {
    fn width(&self) -> usize {
        self.k
    }

    #[inline(always)]
    fn run<const FMA: bool>(self, rows: Rows<'_, T, 0, 1>) -> Result<(), Error> {
        if self.k <= SHORT { self.short_rows::<FMA>(rows) } else { self.long_rows::<FMA>(rows) }
    }
}

impl<T: Real, L: Logit<Real = T>> LogSumExp<'_, L> {
    #[inline(always)]
    fn short_rows<const FMA: bool>(self, rows: Rows<'_, T, 0, 1>) -> Result<(), Error> {
        let (k, [out], mut shifted) = (self.k, rows.outputs, Shifted::new(self.k));
        let (step, mut buffer) = (block_len(k), new_buffer());
        for (block, out) in out.chunks_mut(step / k).enumerate() {
            let first = rows.first + block * (step / k);
            let logits = &self.logits[first * k..][..out.len() * k];
            if !shifted.set::<FMA>(L::widen(logits, &mut buffer)) {
                return Err(first_row_error(first, logits, k));
            }
            for ((out, &max), &sum) in out.iter_mut().zip(&shifted.max).zip(&shifted.sum) {
                *out = max + sum.lane_ln_normal::<FMA>();
            }
        }
        Ok(())
    }

    #[inline(always)]
    fn long_rows<const FMA: bool>(self, rows: Rows<'_, T, 0, 1>) -> Result<(), Error> {
        let [out] = rows.outputs;
        for (row, out) in (rows.first..).zip(out) {
            let logits = &self.logits[row * self.k..][..self.k];
            let max = largest(logits);
            let mut sum = T::zero();
            for piece in logits.chunks(PIECE) {
                sum = sum + sum_of_weights::<T, L, FMA>(piece, max);
            }
            if sum.is_nan() {
                return Err(first_row_error(row, logits, self.k));
            }
            *out = max + sum.lane_ln::<FMA>();
        }
        Ok(())
    }

    /// Few long rows: threads share the pieces of one row after the other.
    fn share_rows(self, out: &mut [T]) -> Result<(), Error> {
        for (row, (logits, out)) in self.logits.chunks_exact(self.k).zip(out).enumerate() {
            let maxima: Vec<T> = run_pieces::<T, _, _>(logits.par_chunks(PIECE), LargestLogit);
            let max = max(&maxima);
            let sums: Vec<T> = run_pieces::<T, _, _>(logits.par_chunks(PIECE), SumOfWeights { max });
            let sum: T = sums.into_iter().sum();
            if sum.is_nan() {
                return Err(first_row_error(row, logits, self.k));
            }
            *out = max + run_piece::<T, _, _>(LogOf, 0, sum);
        }
        Ok(())
    }
}

/// [`largest`] of a piece.
#[derive(Clone, Copy)]
struct LargestLogit;

impl<T: Real, L: Logit<Real = T>> PieceKernel<&[L]> for LargestLogit {
    type Part = T;

    #[inline(always)]
    fn run<const FMA: bool>(self, _: usize, logits: &[L]) -> T {
        largest(logits)
    }
}

/// The logarithm of a sum, at the current level.
#[derive(Clone, Copy)]
struct LogOf;

impl<T: Real> PieceKernel<T> for LogOf {
    type Part = T;

    #[inline(always)]
    fn run<const FMA: bool>(self, _: usize, sum: T) -> T {
        sum.lane_ln::<FMA>()
    }
}

/// [`sum_of_weights`] of a piece.
#[derive(Clone, Copy)]
struct SumOfWeights<T> {
    max: T,
}

impl<T: Real, L: Logit<Real = T>> PieceKernel<&[L]> for SumOfWeights<T> {
    type Part = T;

    #[inline(always)]
    fn run<const FMA: bool>(self, _: usize, logits: &[L]) -> T {
        sum_of_weights::<T, L, FMA>(logits, self.max)
    }
}

/// The largest of all logits.
#[inline(always)]
fn largest<T: Real, L: Logit<Real = T>>(logits: &[L]) -> T {
    let (mut lanes, mut buffer) = ([T::neg_infinity(); WIDE], new_buffer());
    for logits in logits.chunks(BLOCK) {
        let here = lane_maxima(L::widen(logits, &mut buffer));
        lanes = core::array::from_fn(|lane| larger(lanes[lane], here[lane]));
    }
    max(&lanes)
}

/// `Σ exp(logits[i] − max)`.
#[inline(always)]
fn sum_of_weights<T: Real, L: Logit<Real = T>, const FMA: bool>(logits: &[L], max: T) -> T {
    let (mut weights, mut buffer, mut sum) = (new_buffer(), new_buffer(), Lanes::new());
    for logits in logits.chunks(BLOCK) {
        let weights = &mut weights[..logits.len()];
        map_into(L::widen(logits, &mut buffer), weights, |logit| (logit - max).lane_exp_of_gap::<FMA>());
        sum.add(weights);
    }
    sum.total()
}

/// Vector-Jacobian product of [`log_sum_exp`] in the logits.
///
/// ```text
/// out[r, i] = d[r] · softmax(logits[r])ᵢ
/// ```
///
/// # Shapes
/// `logits`, `out` `[rows, k]`; `d`, the cotangent of the output, `[rows]`.
///
/// # Errors
/// [`Error::Logit`], [`Error::AllMasked`], [`Error::Categories`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// let mut out = [0.0; 2];
/// gumbel_kernels::log_sum_exp_vjp(&[7.0, 7.0], &[3.0], 2, &mut out)?;
/// assert_eq!(out, [1.5, 1.5]);
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
pub fn log_sum_exp_vjp<T: Real>(logits: &[T], d: &[T], k: usize, out: &mut [T]) -> Result<(), Error> {
    let count = count_rows(logits.len(), k)?;
    same_length("d", d.len(), count);
    same_length("out", out.len(), logits.len());
    Rows { first: 0, count, inputs: [logits, d], outputs: [out], indices: &mut [] }.run(LogSumExpVjp { k })
}

#[derive(Clone, Copy)]
struct LogSumExpVjp {
    k: usize,
}

impl<T: Real> RowKernel<T, 2, 1> for LogSumExpVjp {
    #[inline(always)]
    fn run<const FMA: bool>(self, rows: Rows<'_, T, 2, 1>) -> Result<(), Error> {
        let (k, [logits, d], [out], mut shifted) = (self.k, rows.inputs, rows.outputs, Shifted::new(self.k));
        let (step, mut first) = (step(k), rows.first);
        for ((logits, d), out) in logits.chunks(step).zip(d.chunks(step / k)).zip(out.chunks_mut(step)) {
            if !shifted.set::<FMA>(logits) {
                return Err(first_row_error(first, logits, k));
            }
            shifted.weigh::<FMA>(logits, d, out);
            first += d.len();
        }
        Ok(())
    }
}
