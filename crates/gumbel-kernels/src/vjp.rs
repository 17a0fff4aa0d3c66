//! Vector-Jacobian products of the tempered softmax and of its logarithm, from their outputs.

use crate::block::{BLOCK, SHORT, Scratch, block_len, map_rows, new_block, plus};
use crate::error::Error;
use crate::reduce::Lanes;
use crate::rows::{RowKernel, Rows, count_rows, same_length};
use crate::{Real, softmax::weighted};

/// The product for `softmax(logits / tau)`, or with `log` for its logarithm.
pub(crate) fn tempered_vjp<T: Real>(
    y: &[T],
    dy: &[T],
    k: usize,
    tau: T,
    log: bool,
    out: &mut [T],
) -> Result<(), Error> {
    let count = count_rows(y.len(), k)?;
    same_length("dy", dy.len(), y.len());
    same_length("out", out.len(), y.len());
    let rows = Rows { first: 0, count, inputs: [y, dy], outputs: [out], indices: &mut [] };
    if log { rows.run(Vjp { k, rule: Log { tau } }) } else { rows.run(Vjp { k, rule: Soft { tau } }) }
}

/// The product in two steps: a sum over the row, and a number for each element that depends on it.
trait Rule<T>: Copy + Send + Sync {
    fn term(self, y: T, dy: T) -> T;
    fn product<const FMA: bool>(self, y: T, dy: T, sum: T) -> T;
}

#[derive(Clone, Copy)]
struct Soft<T> {
    tau: T,
}

impl<T: Real> Rule<T> for Soft<T> {
    #[inline(always)]
    fn term(self, y: T, dy: T) -> T {
        weighted(y, dy)
    }

    #[inline(always)]
    fn product<const FMA: bool>(self, y: T, dy: T, sum: T) -> T {
        weighted(y, dy - sum) / self.tau
    }
}

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
struct Vjp<R> {
    k: usize,
    rule: R,
}

impl<T: Real, R: Rule<T>> RowKernel<T, 2, 1> for Vjp<R> {
    #[inline(always)]
    fn run<const FMA: bool>(self, rows: Rows<'_, T, 2, 1>) -> Result<(), Error> {
        let ([y, dy], [out]) = (rows.inputs, rows.outputs);
        if self.k <= SHORT {
            self.short_rows::<T, FMA>(y, dy, out)
        } else {
            self.long_rows::<T, FMA>(y, dy, out)
        }
        Ok(())
    }
}

impl<R> Vjp<R> {
    #[inline(always)]
    fn short_rows<T: Real, const FMA: bool>(self, y: &[T], dy: &[T], out: &mut [T])
    where
        R: Rule<T>,
    {
        let (mut terms, mut sums, mut spread) = (new_block::<T>(), [T::zero(); BLOCK], new_block::<T>());
        let mut scratch = Scratch::new();
        let step = block_len(self.k);
        for ((y, dy), out) in y.chunks(step).zip(dy.chunks(step)).zip(out.chunks_mut(step)) {
            let sums = &mut sums[..out.len() / self.k];
            terms
                .iter_mut()
                .zip(y.iter().zip(dy))
                .for_each(|(term, (&y, &dy))| *term = self.rule.term(y, dy));
            scratch.reduce_rows(&terms, self.k, plus, sums);
            map_rows(&terms, self.k, sums, &mut spread, |_, sum| sum);
            let inputs = y.iter().zip(dy).zip(&spread);
            out.iter_mut().zip(inputs).for_each(|(out, ((&y, &dy), &sum))| {
                *out = self.rule.product::<FMA>(y, dy, sum);
            });
        }
    }

    #[inline(always)]
    fn long_rows<T: Real, const FMA: bool>(self, y: &[T], dy: &[T], out: &mut [T])
    where
        R: Rule<T>,
    {
        let mut terms = [T::zero(); BLOCK];
        let rows = y.chunks_exact(self.k).zip(dy.chunks_exact(self.k));
        for (out, (y, dy)) in out.chunks_exact_mut(self.k).zip(rows) {
            let mut sum = Lanes::new();
            for (y, dy) in y.chunks(BLOCK).zip(dy.chunks(BLOCK)) {
                let terms = &mut terms[..y.len()];
                terms
                    .iter_mut()
                    .zip(y.iter().zip(dy))
                    .for_each(|(term, (&y, &dy))| *term = self.rule.term(y, dy));
                sum.add(terms);
            }
            let sum = sum.total();
            out.iter_mut().zip(y.iter().zip(dy)).for_each(|(out, (&y, &dy))| {
                *out = self.rule.product::<FMA>(y, dy, sum);
            });
        }
    }
}
