//! Vector-Jacobian products of `softmax(logits / tau)` and of its logarithm, from their outputs.

use crate::Real;
use crate::error::Error;
use crate::number::masked::weighted;
use crate::parallel::block::{BLOCK, SHORT, Scratch, block_len, map_rows, new_block, plus};
use crate::parallel::lanes::Lanes;
use crate::parallel::rows::{RowKernel, Rows, count_rows, same_length};
use crate::parallel::source::{Source, new_buffer};

/// The product for a softmax at a temperature, or for its logarithm.
#[derive(Clone, Copy)]
pub(crate) struct SoftmaxVjp<T> {
    k: usize,
    tau: T,
}

impl<T: Real> SoftmaxVjp<T> {
    pub fn new(k: usize, tau: T) -> Self {
        Self { k, tau }
    }

    pub fn run(self, y: &[T], dy: impl Source<T>, out: &mut [T]) -> Result<(), Error> {
        self.run_rule(y, dy, out, Soft::new(self.tau))
    }

    pub fn run_log(self, log_y: &[T], dy: impl Source<T>, out: &mut [T]) -> Result<(), Error> {
        self.run_rule(log_y, dy, out, Log { tau: self.tau })
    }

    fn run_rule(self, y: &[T], dy: impl Source<T>, out: &mut [T], rule: impl Rule<T>) -> Result<(), Error> {
        let (k, count) = (self.k, count_rows(y.len(), self.k)?);
        same_length("dy", dy.len().unwrap_or(out.len()), y.len());
        same_length("out", out.len(), y.len());
        Rows { first: 0, count, inputs: [y], outputs: [out], indices: &mut [] }.run(Product { k, dy, rule })
    }
}

/// The product in two steps: a sum of terms over the row, then a number for each element, which depends on the sum.
trait Rule<T>: Copy + Send + Sync {
    fn term(self, y: T, dy: T) -> T;
    fn product<const FMA: bool>(self, y: T, dy: T, sum: T) -> T;
}

/// For the softmax. Multiplies by `1 / tau` in two factors, because it can overflow; a division would take longer than
/// everything else.
#[derive(Clone, Copy)]
struct Soft<T> {
    inverse: [T; 2],
}

impl<T: Real> Soft<T> {
    fn new(tau: T) -> Self {
        const FAR: f64 = 18_446_744_073_709_551_616.0; // 2^64
        let tau = tau.into();
        let first = if tau < 1.0 / FAR { FAR } else { 1.0 };
        Self { inverse: [T::from_f64(first), T::from_f64(1.0 / (tau * first))] }
    }
}

impl<T: Real> Rule<T> for Soft<T> {
    #[inline(always)]
    fn term(self, y: T, dy: T) -> T {
        weighted(y, dy)
    }

    #[inline(always)]
    fn product<const FMA: bool>(self, y: T, dy: T, sum: T) -> T {
        weighted(y, dy - sum) * self.inverse[0] * self.inverse[1]
    }
}

/// For the logarithm of the softmax.
#[derive(Clone, Copy)]
struct Log<T> {
    tau: T,
}

impl<T: Real> Rule<T> for Log<T> {
    #[inline(always)]
    fn term(self, log_y: T, dy: T) -> T {
        if log_y == T::neg_infinity() { T::zero() } else { dy }
    }

    #[inline(always)]
    fn product<const FMA: bool>(self, log_y: T, dy: T, sum: T) -> T {
        self.term(log_y, (dy - log_y.lane_exp::<FMA>() * sum) / self.tau)
    }
}

#[derive(Clone, Copy)]
struct Product<S, R> {
    k: usize,
    dy: S,
    rule: R,
}

impl<T: Real, S: Source<T>, R: Rule<T>> RowKernel<T, 1, 1> for Product<S, R> {
    #[inline(always)]
    fn run<const FMA: bool>(self, rows: Rows<'_, T, 1, 1>) -> Result<(), Error> {
        let (at, [y], [out]) = (rows.first * self.k, rows.inputs, rows.outputs);
        if self.k <= SHORT {
            self.short_rows::<T, FMA>(at, y, out)
        } else {
            self.long_rows::<T, FMA>(at, y, out)
        }
        Ok(())
    }
}

impl<S, R> Product<S, R> {
    #[inline(always)]
    fn short_rows<T: Real, const FMA: bool>(self, at: usize, y: &[T], out: &mut [T])
    where
        S: Source<T>,
        R: Rule<T>,
    {
        let (mut terms, mut sums, mut spread) = (new_block::<T>(), [T::zero(); BLOCK], new_block::<T>());
        let (mut scratch, mut buffer) = (Scratch::new(), new_buffer());
        let step = block_len(self.k);
        for (block, (y, out)) in y.chunks(step).zip(out.chunks_mut(step)).enumerate() {
            let dy = self.dy.block(at + block * step, out, &mut buffer);
            let sums = &mut sums[..out.len() / self.k];
            terms
                .iter_mut()
                .zip(y.iter().zip(dy))
                .for_each(|(term, (&y, &dy))| *term = self.rule.term(y, dy));
            scratch.reduce_rows(&terms, self.k, plus, sums);
            map_rows(&terms, self.k, sums, &mut spread, |_, sum| sum);
            let inputs = y.iter().zip(dy).zip(spread.iter());
            out.iter_mut().zip(inputs).for_each(|(out, ((&y, &dy), &sum))| {
                *out = self.rule.product::<FMA>(y, dy, sum);
            });
        }
    }

    #[inline(always)]
    fn long_rows<T: Real, const FMA: bool>(self, at: usize, y: &[T], out: &mut [T])
    where
        S: Source<T>,
        R: Rule<T>,
    {
        let (mut terms, mut buffer) = ([T::zero(); BLOCK], new_buffer());
        let rows = out.chunks_exact_mut(self.k).zip(y.chunks_exact(self.k));
        for (row, (out, y)) in rows.enumerate() {
            let at = at + row * self.k;
            let mut sum = Lanes::new();
            for (chunk, (y, out)) in y.chunks(BLOCK).zip(out.chunks(BLOCK)).enumerate() {
                let dy = self.dy.block(at + chunk * BLOCK, out, &mut buffer);
                let terms = &mut terms[..y.len()];
                terms
                    .iter_mut()
                    .zip(y.iter().zip(dy))
                    .for_each(|(term, (&y, &dy))| *term = self.rule.term(y, dy));
                sum.add(terms);
            }
            let sum = sum.total();
            for (chunk, (y, out)) in y.chunks(BLOCK).zip(out.chunks_mut(BLOCK)).enumerate() {
                let dy = self.dy.block(at + chunk * BLOCK, out, &mut buffer);
                out.iter_mut().zip(y.iter().zip(dy)).for_each(|(out, (&y, &dy))| {
                    *out = self.rule.product::<FMA>(y, dy, sum);
                });
            }
        }
    }
}
