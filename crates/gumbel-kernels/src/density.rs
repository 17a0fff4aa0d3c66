//! What the two densities of a relaxed sample share: that of points of the simplex and that of their logarithms.

use crate::Real;
use crate::block::{BLOCK, SHORT, block_len};
use crate::error::{Error, check_temperature, logit_fault};
use crate::rows::{RowKernel, Rows, count_rows, same_length};
use crate::tilted::Tilted;
use crate::tilted_rows::TiltedRows;
use core::marker::PhantomData;

/// Where the points lie.
pub(crate) trait Space<T>: Copy + Send + Sync {
    /// The name of the sample in the message of a panic.
    const SAMPLE: &'static str;
    /// Whether a category adds −y to the log-density in log space.
    const VOLUME: bool;

    /// The logarithms of a sample, if need be in the buffer.
    fn logs<'a, const FMA: bool>(sample: &'a [T], buffer: &'a mut [T]) -> &'a [T];

    /// The slope in the sample, times `d`, of a point on the support; 0 at a mask, where `d_logit` is.
    fn d_sample(sample: T, d_logit: T, tau: T, d: T) -> T;

    /// The log-density off the support, or at its edge.
    fn limit(tilted: &Tilted<T>, y: &[T], logits: &[T]) -> T;
}

pub(crate) fn log_density<T: Real, S: Space<T>>(
    _space: S,
    sample: &[T],
    logits: &[T],
    k: usize,
    tau: T,
    out: &mut [T],
) -> Result<(), Error> {
    check_temperature(tau)?;
    same_length("out", out.len(), count_rows(logits.len(), k)?);
    same_length(S::SAMPLE, sample.len(), logits.len());
    let rows =
        Rows { first: 0, count: out.len(), inputs: [sample, logits], outputs: [out], indices: &mut [] };
    rows.run(LogDensity { k, tau, space: PhantomData::<S> })
}

/// `inputs` are the sample, its logits and the cotangent of the output; `outputs` their cotangents, that of the
/// sample, that of the logits and that of `tau`.
pub(crate) fn log_density_vjp<T: Real, S: Space<T>>(
    _space: S,
    k: usize,
    tau: T,
    inputs: [&[T]; 3],
    outputs: [&mut [T]; 3],
) -> Result<(), Error> {
    check_temperature(tau)?;
    let ([sample, logits, d], [d_sample, d_logits, d_tau]) = (&inputs, &outputs);
    let count = count_rows(logits.len(), k)?;
    for (name, len) in [("d", d.len()), ("d_tau", d_tau.len())] {
        same_length(name, len, count);
    }
    let whole = [sample.len(), d_sample.len(), d_logits.len()];
    for (name, len) in ["the sample", "its gradient", "d_logits"].into_iter().zip(whole) {
        same_length(name, len, logits.len());
    }
    Rows { first: 0, count, inputs, outputs, indices: &mut [] }.run(LogDensityVjp {
        k,
        tau,
        space: PhantomData::<S>,
    })
}

#[derive(Clone, Copy)]
struct LogDensity<T, S> {
    k: usize,
    tau: T,
    space: PhantomData<S>,
}

impl<T: Real, S: Space<T>> RowKernel<T, 2, 1> for LogDensity<T, S> {
    #[inline(always)]
    fn run<const FMA: bool>(self, rows: Rows<'_, T, 2, 1>) -> Result<(), Error> {
        let ([samples, logits], [out], k) = (rows.inputs, rows.outputs, self.k);
        let mut logs = vec![T::zero(); k.max(BLOCK)];
        let mut one = Tilted::new(k, self.tau);
        if k > SHORT {
            return self.each_row::<FMA>(rows.first, [samples, logits], out, &mut one, &mut logs);
        }
        let (step, mut short) = (block_len(k), TiltedRows::new(k, self.tau));
        let blocks = samples.chunks(step).zip(logits.chunks(step)).zip(out.chunks_mut(step / k));
        for (block, ((samples, logits), out)) in blocks.enumerate() {
            let y = S::logs::<FMA>(samples, &mut logs);
            if short.set::<FMA>(y, logits) {
                short.log_densities::<FMA, S>(y, out);
            } else {
                let first = rows.first + block * (step / k);
                self.each_row::<FMA>(first, [samples, logits], out, &mut one, &mut logs)?;
            }
        }
        Ok(())
    }
}

impl<T: Real, S: Space<T>> LogDensity<T, S> {
    #[inline(always)]
    fn each_row<const FMA: bool>(
        self,
        first: usize,
        [samples, logits]: [&[T]; 2],
        out: &mut [T],
        tilted: &mut Tilted<T>,
        logs: &mut [T],
    ) -> Result<(), Error> {
        let rows = samples.chunks_exact(self.k).zip(logits.chunks_exact(self.k)).zip(out);
        for (row, ((sample, logits), out)) in rows.enumerate() {
            let y = S::logs::<FMA>(sample, logs);
            tilted.set(y, logits).ok_or_else(|| fault(first + row, sample, y, logits))?;
            *out = if tilted.off_support() {
                S::limit(tilted, y, logits)
            } else {
                tilted.log_density::<FMA, S>(y)
            };
        }
        Ok(())
    }
}

#[derive(Clone, Copy)]
struct LogDensityVjp<T, S> {
    k: usize,
    tau: T,
    space: PhantomData<S>,
}

impl<T: Real, S: Space<T>> RowKernel<T, 3, 3> for LogDensityVjp<T, S> {
    #[inline(always)]
    fn run<const FMA: bool>(self, rows: Rows<'_, T, 3, 3>) -> Result<(), Error> {
        let ([samples, logits, d], [d_samples, d_logits, d_tau], k) = (rows.inputs, rows.outputs, self.k);
        let mut logs = vec![T::zero(); k.max(BLOCK)];
        let mut one = Tilted::new(k, self.tau);
        let mut short = (k <= SHORT).then(|| TiltedRows::new(k, self.tau));
        let step = if k > SHORT { k } else { block_len(k) };
        let outputs =
            d_samples.chunks_mut(step).zip(d_logits.chunks_mut(step)).zip(d_tau.chunks_mut(step / k));
        for (block, ((d_samples, d_logits), d_tau)) in outputs.enumerate() {
            let (at, len, row) = (block * step, d_logits.len(), block * (step / k));
            let inputs = [&samples[at..][..len], &logits[at..][..len], &d[row..][..d_tau.len()]];
            let outputs = [d_samples, d_logits, d_tau];
            if let Some(short) = &mut short {
                let y = S::logs::<FMA>(inputs[0], &mut logs);
                if short.set::<FMA>(y, inputs[1]) && short.deviate(y, inputs[2].len()) {
                    short.vjps::<S>(inputs[0], inputs[2], outputs);
                    continue;
                }
            }
            self.each_row::<FMA>(rows.first + row, inputs, outputs, &mut one, &mut logs)?;
        }
        Ok(())
    }
}

impl<T: Real, S: Space<T>> LogDensityVjp<T, S> {
    #[inline(always)]
    fn each_row<const FMA: bool>(
        self,
        first: usize,
        [samples, logits, d]: [&[T]; 3],
        [d_samples, d_logits, d_tau]: [&mut [T]; 3],
        tilted: &mut Tilted<T>,
        logs: &mut [T],
    ) -> Result<(), Error> {
        let k = self.k;
        let outputs = d_samples.chunks_exact_mut(k).zip(d_logits.chunks_exact_mut(k)).zip(d_tau);
        for (row, ((d_sample, d_logits), d_tau)) in outputs.enumerate() {
            let (sample, logits, d) = (&samples[row * k..][..k], &logits[row * k..][..k], d[row]);
            let y = S::logs::<FMA>(sample, logs);
            tilted.set(y, logits).ok_or_else(|| fault(first + row, sample, y, logits))?;
            *d_tau = tilted.vjp::<FMA>(y, d, d_logits);
            tilted.d_sample::<S>(sample, d_logits, d, d_sample);
        }
        Ok(())
    }
}

/// What is wrong with a row of samples, given with its logarithms `y`, or with its logits.
#[cold]
fn fault<T: Real>(row: usize, sample: &[T], y: &[T], logits: &[T]) -> Error {
    if let Some(error) = logit_fault(row, logits) {
        return error;
    }
    match y.iter().position(|y| y.is_nan() || *y == T::infinity()) {
        Some(column) => Error::Sample { row, column, value: sample[column].into() },
        None => Error::NoMass { row },
    }
}
