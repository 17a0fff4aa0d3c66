//! The kernels of the Concrete densities, on the simplex and in log space.

use super::space::Space;
use super::tilted_block::TiltedBlock;
use super::tilted_row::TiltedRow;
use crate::Real;
use crate::error::{Error, check_temperature, logit_error};
use crate::parallel::block::{BLOCK, SHORT, block_len};
use crate::parallel::rows::{RowKernel, Rows, count_rows, same_length};
use core::marker::PhantomData;

pub(super) fn log_prob<T: Real, S: Space<T>>(
    _space: S,
    logits: &[T],
    sample: &[T],
    k: usize,
    tau: T,
    out: &mut [T],
) -> Result<(), Error> {
    check_temperature(tau)?;
    same_length("out", out.len(), count_rows(logits.len(), k)?);
    same_length(S::SAMPLE, sample.len(), logits.len());
    let rows =
        Rows { first: 0, count: out.len(), inputs: [logits, sample], outputs: [out], indices: &mut [] };
    rows.run(LogProb { k, tau, space: PhantomData::<S> })
}

/// `inputs` are the logits, the sample and the cotangent of the output; `outputs` are the cotangents of the logits, of
/// the sample and of `tau`.
pub(super) fn log_prob_vjp<T: Real, S: Space<T>>(
    _space: S,
    k: usize,
    tau: T,
    inputs: [&[T]; 3],
    outputs: [&mut [T]; 3],
) -> Result<(), Error> {
    check_temperature(tau)?;
    let ([logits, sample, d], [d_logits, d_sample, d_tau]) = (&inputs, &outputs);
    let count = count_rows(logits.len(), k)?;
    for (name, len) in [("d", d.len()), ("d_tau", d_tau.len())] {
        same_length(name, len, count);
    }
    let lengths = [sample.len(), d_sample.len(), d_logits.len()];
    for (name, len) in ["the sample", "its cotangent", "d_logits"].into_iter().zip(lengths) {
        same_length(name, len, logits.len());
    }
    Rows { first: 0, count, inputs, outputs, indices: &mut [] }.run(LogProbVjp {
        k,
        tau,
        space: PhantomData::<S>,
    })
}

#[derive(Clone, Copy)]
struct LogProb<T, S> {
    k: usize,
    tau: T,
    space: PhantomData<S>,
}

impl<T: Real, S: Space<T>> RowKernel<T, 2, 1> for LogProb<T, S> {
    #[inline(always)]
    fn run<const FMA: bool>(self, rows: Rows<'_, T, 2, 1>) -> Result<(), Error> {
        let ([logits, samples], [out], k) = (rows.inputs, rows.outputs, self.k);
        let mut logs = vec![T::zero(); k.max(BLOCK)];
        let mut one = TiltedRow::new(k, self.tau);
        if k > SHORT {
            return self.each_row::<FMA>(rows.first, [logits, samples], out, &mut one, &mut logs);
        }
        let (step, mut short) = (block_len(k), TiltedBlock::new(k, self.tau));
        let blocks = samples.chunks(step).zip(logits.chunks(step)).zip(out.chunks_mut(step / k));
        for (block, ((samples, logits), out)) in blocks.enumerate() {
            let y = S::logs::<FMA>(samples, &mut logs);
            if short.set::<FMA>(y, logits) {
                short.log_probs::<FMA, S>(y, out);
            } else {
                let first = rows.first + block * (step / k);
                self.each_row::<FMA>(first, [logits, samples], out, &mut one, &mut logs)?;
            }
        }
        Ok(())
    }
}

impl<T: Real, S: Space<T>> LogProb<T, S> {
    #[inline(always)]
    fn each_row<const FMA: bool>(
        self,
        first: usize,
        [logits, samples]: [&[T]; 2],
        out: &mut [T],
        tilted: &mut TiltedRow<T>,
        logs: &mut [T],
    ) -> Result<(), Error> {
        let rows = samples.chunks_exact(self.k).zip(logits.chunks_exact(self.k)).zip(out);
        for (row, ((sample, logits), out)) in rows.enumerate() {
            let y = S::logs::<FMA>(sample, logs);
            if !tilted.set(y, logits) {
                return Err(error(first + row, sample, y, logits));
            }
            *out = if tilted.support.is_inside() {
                tilted.log_prob::<FMA, S>(y)
            } else {
                S::limit(tilted.support, self.tau, y, logits)
            };
        }
        Ok(())
    }
}

#[derive(Clone, Copy)]
struct LogProbVjp<T, S> {
    k: usize,
    tau: T,
    space: PhantomData<S>,
}

impl<T: Real, S: Space<T>> RowKernel<T, 3, 3> for LogProbVjp<T, S> {
    #[inline(always)]
    fn run<const FMA: bool>(self, rows: Rows<'_, T, 3, 3>) -> Result<(), Error> {
        let ([logits, samples, d], [d_logits, d_samples, d_tau], k) = (rows.inputs, rows.outputs, self.k);
        let mut logs = vec![T::zero(); k.max(BLOCK)];
        let mut one = TiltedRow::new(k, self.tau);
        let mut short = (k <= SHORT).then(|| TiltedBlock::new(k, self.tau));
        let step = if k > SHORT { k } else { block_len(k) };
        let outputs =
            d_samples.chunks_mut(step).zip(d_logits.chunks_mut(step)).zip(d_tau.chunks_mut(step / k));
        for (block, ((d_samples, d_logits), d_tau)) in outputs.enumerate() {
            let (at, len, row) = (block * step, d_logits.len(), block * (step / k));
            let inputs = [&logits[at..][..len], &samples[at..][..len], &d[row..][..d_tau.len()]];
            let outputs = [d_logits, d_samples, d_tau];
            if let Some(short) = &mut short {
                let y = S::logs::<FMA>(inputs[1], &mut logs);
                if short.set::<FMA>(y, inputs[0]) && short.slopes(y, inputs[2].len()) {
                    short.vjps::<S>(inputs[1], inputs[2], outputs);
                    continue;
                }
            }
            self.each_row::<FMA>(rows.first + row, inputs, outputs, &mut one, &mut logs)?;
        }
        Ok(())
    }
}

impl<T: Real, S: Space<T>> LogProbVjp<T, S> {
    #[inline(always)]
    fn each_row<const FMA: bool>(
        self,
        first: usize,
        [logits, samples, d]: [&[T]; 3],
        [d_logits, d_samples, d_tau]: [&mut [T]; 3],
        tilted: &mut TiltedRow<T>,
        logs: &mut [T],
    ) -> Result<(), Error> {
        let k = self.k;
        let outputs = d_samples.chunks_exact_mut(k).zip(d_logits.chunks_exact_mut(k)).zip(d_tau);
        for (row, ((d_sample, d_logits), d_tau)) in outputs.enumerate() {
            let (sample, logits, d) = (&samples[row * k..][..k], &logits[row * k..][..k], d[row]);
            let y = S::logs::<FMA>(sample, logs);
            if !tilted.set(y, logits) {
                return Err(error(first + row, sample, y, logits));
            }
            *d_tau = tilted.vjp::<FMA>(y, d, d_logits);
            tilted.d_sample::<S>(sample, d_logits, d, d_sample);
        }
        Ok(())
    }
}

/// The error of a row: of its logits, or else of its sample, which is given with its logarithms `y`.
#[cold]
fn error<T: Real>(row: usize, sample: &[T], y: &[T], logits: &[T]) -> Error {
    if let Some(error) = logit_error(row, logits) {
        return error;
    }
    match y.iter().position(|y| y.is_nan() || *y == T::infinity()) {
        Some(column) => Error::Sample { row, column, value: sample[column].into() },
        None => Error::NoMass { row },
    }
}
