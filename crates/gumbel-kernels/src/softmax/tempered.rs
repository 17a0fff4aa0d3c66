//! The softmax of perturbed logits at a temperature: the forward pass of [`softmax`](crate::softmax), of
//! [`gumbel_softmax`](crate::gumbel_softmax) and of their variants.
//!
//! The gap to the largest perturbed logit of the row is divided by `tau`, so nothing overflows.

use super::temperature::Temperature;
use crate::Real;
use crate::error::{Error, check_temperature};
use crate::number::masked::{all_below_infinity, unless_masked};
use crate::parallel::block::{
    BLOCK, SHORT, Scratch, block_len, full_vectors, map_into, map_rows, new_block, plus, positions,
};
use crate::parallel::gaps::{RowMaxima, gap, half_gap};
use crate::parallel::lanes::{Lanes, Largest, Maxima, larger, max};
use crate::parallel::pieces::{PIECE, PieceKernel, run_pieces, shared};
use crate::parallel::rows::{RowKernel, Rows, count_rows, same_length};
use crate::parallel::source::{Source, new_buffer, row_error};
use crate::random::perturb::Noise;
use crate::random::stream::{WordBuffer, new_word_buffer};
use rayon::slice::{ParallelSlice, ParallelSliceMut};

/// The softmax of `(logits + noise) / tau`, or its logarithm.
#[derive(Clone, Copy)]
pub(crate) struct TemperedSoftmax<'a, T, S> {
    logits: S,
    k: usize,
    temperature: Temperature<T>,
    noise: Option<Noise<'a, T>>,
    log: bool,
}

/// Rows of the output, with the index of the largest entry of each row if the caller wants it.
type Sampled<'a, T> = Rows<'a, T, 0, 1>;

impl<'a, T: Real, S: Source<T>> TemperedSoftmax<'a, T, S> {
    pub fn new(logits: S, k: usize, tau: T, noise: Option<Noise<'a, T>>) -> Result<Self, Error> {
        check_temperature(tau)?;
        let temperature = Temperature::new(tau, noise.is_some());
        Ok(Self { logits, k, temperature, noise, log: false })
    }

    /// The logarithm instead of the softmax.
    pub fn log(self) -> Self {
        Self { log: true, ..self }
    }

    /// Writes each row and, unless `index` is empty, the index of its largest entry.
    pub fn run(self, out: &mut [T], index: &mut [u32]) -> Result<(), Error> {
        same_length("out", out.len(), self.logits.len().unwrap_or(out.len()));
        let count = count_rows(out.len(), self.k)?;
        if shared(count, self.k) {
            return self.share_rows(out, index);
        }
        Rows { first: 0, count, inputs: [], outputs: [out], indices: index }.run(self)
    }

    /// Few long rows: threads share the pieces of one row after the other.
    fn share_rows(self, out: &mut [T], index: &mut [u32]) -> Result<(), Error> {
        for (row, out) in out.chunks_exact_mut(self.k).enumerate() {
            let (at, mut largest) = (row * self.k, Largest::new());
            let maxima = run_pieces::<T, _, _>(out.par_chunks(PIECE), Maximum { softmax: self, at });
            let max = maxima.into_iter().fold(T::neg_infinity(), larger);
            let parts = run_pieces::<T, _, _>(out.par_chunks_mut(PIECE), Perturb { softmax: self, at, max });
            for (piece, part) in parts.into_iter().enumerate() {
                let part = part?;
                largest.update(part.key, piece * PIECE + part.chunk);
            }
            if let Some(index) = index.get_mut(row) {
                *index = largest.index(&out[largest.chunk..]);
            }
            let max = largest.key;
            let sums = run_pieces::<T, _, _>(out.par_chunks_mut(PIECE), Weigh { softmax: self, max });
            let sum = sums.into_iter().sum();
            self.check(row, out, &[sum])?;
            run_pieces::<T, _, _>(out.par_chunks_mut(PIECE), Normalize { softmax: self, max, sum });
        }
        Ok(())
    }
}

impl<T: Real, S: Source<T>> RowKernel<T, 0, 1> for TemperedSoftmax<'_, T, S> {
    #[inline(always)]
    fn run<const FMA: bool>(self, rows: Sampled<'_, T>) -> Result<(), Error> {
        if self.k <= SHORT { self.short_rows::<FMA>(rows) } else { self.long_rows::<FMA>(rows) }
    }
}

impl<T: Real, S: Source<T>> TemperedSoftmax<'_, T, S> {
    #[inline(always)]
    fn short_rows<const FMA: bool>(self, rows: Sampled<'_, T>) -> Result<(), Error> {
        let (k, [out]) = (self.k, rows.outputs);
        let (mut keys, mut gaps, mut weights) = (new_block::<T>(), new_block::<T>(), new_block::<T>());
        let (mut max, mut sum, mut scratch) = ([T::zero(); BLOCK], [T::zero(); BLOCK], Scratch::new());
        let mut maxima = RowMaxima::new();
        let (step, mut buffer, mut words) = (block_len(k), new_buffer(), new_word_buffer());
        for (block, out) in out.chunks_mut(step).enumerate() {
            let (len, count) = (full_vectors(out.len()), out.len() / k);
            let first = block * (step / k);
            let (max, sum, at) = (&mut max[..count], &mut sum[..count], (rows.first + first) * k);
            let logits = self.logits.block(at, out, &mut buffer);
            if let Some(noise) = self.noise {
                let pairs = logits.iter().zip(maxima.of(logits, k));
                self.add::<FMA>(noise, at, pairs, &mut words, &mut keys[..len]);
            } else {
                keys[..logits.len()].copy_from_slice(logits);
            }
            scratch.largest_of_rows(&keys, k, max);
            if let Some(index) = rows.indices.get_mut(first..first + count) {
                positions(&keys, k, max, index);
            }
            self.temperature.rows::<FMA>(&keys, k, max, &mut gaps);
            map_into(&gaps[..len], &mut weights[..len], T::lane_exp_of_gap::<FMA>);
            scratch.reduce_rows(&weights, k, plus, sum);
            self.check(rows.first + first, out, sum)?;
            if self.log {
                sum.iter_mut().for_each(|sum| *sum = sum.lane_ln::<FMA>());
                map_rows(&gaps, k, sum, &mut weights, |gap, log_sum| gap - log_sum);
                let log_probs = weights.iter().zip(keys.iter()).map(|(&log, &key)| unless_masked(key, log));
                out.iter_mut().zip(log_probs).for_each(|(out, log)| *out = log);
            } else {
                sum.iter_mut().for_each(|sum| *sum = sum.recip());
                map_rows(&weights, k, sum, &mut gaps, |weight, scale| weight * scale);
                out.copy_from_slice(&gaps[..out.len()]);
            }
        }
        Ok(())
    }

    #[inline(always)]
    fn long_rows<const FMA: bool>(self, rows: Sampled<'_, T>) -> Result<(), Error> {
        let ([out], mut buffers) = (rows.outputs, (new_buffer(), new_word_buffer()));
        for (index, out) in out.chunks_exact_mut(self.k).enumerate() {
            let row = rows.first + index;
            let max = self.maximum(row * self.k, out, &mut buffers.0);
            let largest = self.perturb::<FMA>(row * self.k, max, out, &mut buffers)?;
            if let Some(index) = rows.indices.get_mut(index) {
                *index = largest.index(&out[largest.chunk..]);
            }
            let mut sum = T::zero();
            for piece in out.chunks_mut(PIECE) {
                sum = sum + self.weigh::<FMA>(largest.key, piece);
            }
            self.check(row, out, &[sum])?;
            self.normalize::<FMA>(largest.key, sum, out);
        }
        Ok(())
    }

    /// Writes gaps plus noise, or their halves, into `keys`. `pairs` are logits and the largest of their row.
    #[inline(always)]
    fn add<'p, const FMA: bool>(
        self,
        noise: Noise<'_, T>,
        at: usize,
        pairs: impl ExactSizeIterator<Item = (&'p T, &'p T)>,
        words: &mut WordBuffer,
        keys: &mut [T],
    ) {
        if !self.temperature.halved {
            return noise.perturb::<FMA>(at, pairs.map(|(&logit, &max)| gap(logit, max)), words, keys);
        }
        noise.perturb::<FMA>(at, (0..pairs.len()).map(|_| T::zero()), words, keys);
        let half = T::from_f64(0.5);
        keys.iter_mut().zip(pairs).for_each(|(key, (&logit, &max))| {
            let gap = half_gap(logit, max);
            // A mask stays one whatever its noise is.
            *key = if gap == T::neg_infinity() { gap } else { *key * half + gap };
        });
    }

    /// The largest logit of a part of a row, from number `at` of all on; −∞ if there is no noise to need it.
    #[inline(always)]
    fn maximum(self, at: usize, out: &[T], buffer: &mut [T; BLOCK]) -> T {
        let mut maxima = Maxima::new();
        if self.noise.is_none() {
            return maxima.total();
        }
        for (chunk, out) in out.chunks(BLOCK).enumerate() {
            maxima.update(self.logits.block(at + chunk * BLOCK, out, buffer));
        }
        maxima.total()
    }

    /// Writes the perturbed logits (keys) from number `at` of all on, and finds the largest. `row_max` is the largest
    /// logit of the whole row.
    #[inline(always)]
    fn perturb<const FMA: bool>(
        self,
        at: usize,
        row_max: T,
        keys: &mut [T],
        (buffer, words): &mut ([T; BLOCK], WordBuffer),
    ) -> Result<Largest<T>, Error> {
        let mut largest = Largest::new();
        for (chunk, keys) in keys.chunks_mut(BLOCK).enumerate() {
            let here = at + chunk * BLOCK;
            let logits = self.logits.block(here, keys, buffer);
            if S::IN_PLACE && !all_below_infinity(logits) {
                return Err(self.logit_error_at(here, logits)); // before it is overwritten
            }
            if let Some(noise) = self.noise {
                let pairs = logits.iter().map(|logit| (logit, &row_max));
                self.add::<FMA>(noise, here, pairs, words, keys);
            } else {
                keys.copy_from_slice(logits);
            }
            largest.update(max(keys), chunk * BLOCK);
        }
        Ok(largest)
    }

    /// The sum of the weights of the keys. The weights replace the keys, unless those are needed again.
    #[inline(always)]
    fn weigh<const FMA: bool>(self, max: T, keys: &mut [T]) -> T {
        let mut sum = Lanes::new();
        let mut copy = [T::zero(); BLOCK];
        for keys in keys.chunks_mut(BLOCK) {
            let weights = if self.log {
                let weights = &mut copy[..keys.len()];
                weights.copy_from_slice(keys);
                weights
            } else {
                keys
            };
            self.temperature.each::<FMA>(weights, max, |gap, _| gap.lane_exp_of_gap::<FMA>());
            sum.add(weights);
        }
        sum.total()
    }

    /// Turns the weights, or for the logarithm the keys, into the result.
    #[inline(always)]
    fn normalize<const FMA: bool>(self, max: T, sum: T, values: &mut [T]) {
        if self.log {
            let log_sum = sum.lane_ln::<FMA>();
            self.temperature.each::<FMA>(values, max, |gap, key| unless_masked(key, gap - log_sum));
        } else {
            let scale = sum.recip();
            values.iter_mut().for_each(|value| *value = *value * scale);
        }
    }

    /// Rejects a row whose sum of weights is NaN: exactly one with a key that is NaN or +∞ (∞ − ∞), or with only
    /// keys of −∞.
    #[inline(always)]
    fn check(self, first: usize, out: &[T], sums: &[T]) -> Result<(), Error> {
        let invalid = sums.iter().fold(false, |any, sum| any | sum.is_nan());
        if invalid { Err(self.error(first, out, sums)) } else { Ok(()) }
    }

    /// The reason why a sum is NaN: the logits, or else the noise.
    #[cold]
    #[inline(never)]
    fn error(self, first: usize, out: &[T], sums: &[T]) -> Error {
        let index = sums.iter().position(|sum| sum.is_nan()).unwrap_or(0);
        let row = first + index;
        if S::IN_PLACE && self.k > SHORT {
            return Error::AllMasked { row }; // any other error was found before
        }
        row_error(row, &self.logits, &out[index * self.k..][..self.k]).unwrap_or(Error::Noise { row })
    }

    #[cold]
    #[inline(never)]
    fn logit_error_at(self, at: usize, logits: &[T]) -> Error {
        let column = logits.iter().position(|&logit| logit.is_nan() || logit == T::infinity()).unwrap_or(0);
        let (row, value) = (at / self.k, logits[column].into());
        Error::Logit { row, column: at % self.k + column, value }
    }
}

/// The first step of a shared row: [`TemperedSoftmax::maximum`].
#[derive(Clone, Copy)]
struct Maximum<'a, T, S> {
    softmax: TemperedSoftmax<'a, T, S>,
    at: usize,
}

impl<T: Real, S: Source<T>> PieceKernel<&[T]> for Maximum<'_, T, S> {
    type Part = T;

    #[inline(always)]
    fn run<const FMA: bool>(self, piece: usize, out: &[T]) -> T {
        self.softmax.maximum(self.at + piece * PIECE, out, &mut new_buffer())
    }
}

/// The second step: [`TemperedSoftmax::perturb`].
#[derive(Clone, Copy)]
struct Perturb<'a, T, S> {
    softmax: TemperedSoftmax<'a, T, S>,
    at: usize,
    max: T,
}

impl<T: Real, S: Source<T>> PieceKernel<&mut [T]> for Perturb<'_, T, S> {
    type Part = Result<Largest<T>, Error>;

    #[inline(always)]
    fn run<const FMA: bool>(self, piece: usize, keys: &mut [T]) -> Self::Part {
        let buffers = &mut (new_buffer(), new_word_buffer());
        self.softmax.perturb::<FMA>(self.at + piece * PIECE, self.max, keys, buffers)
    }
}

/// The third step: [`TemperedSoftmax::weigh`].
#[derive(Clone, Copy)]
struct Weigh<'a, T, S> {
    softmax: TemperedSoftmax<'a, T, S>,
    max: T,
}

impl<T: Real, S: Source<T>> PieceKernel<&mut [T]> for Weigh<'_, T, S> {
    type Part = T;

    #[inline(always)]
    fn run<const FMA: bool>(self, _: usize, keys: &mut [T]) -> T {
        self.softmax.weigh::<FMA>(self.max, keys)
    }
}

/// The last step: [`TemperedSoftmax::normalize`].
#[derive(Clone, Copy)]
struct Normalize<'a, T, S> {
    softmax: TemperedSoftmax<'a, T, S>,
    max: T,
    sum: T,
}

impl<T: Real, S: Source<T>> PieceKernel<&mut [T]> for Normalize<'_, T, S> {
    type Part = ();

    #[inline(always)]
    fn run<const FMA: bool>(self, _: usize, values: &mut [T]) {
        self.softmax.normalize::<FMA>(self.max, self.sum, values);
    }
}
