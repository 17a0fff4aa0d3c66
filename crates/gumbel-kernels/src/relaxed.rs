//! The tempered softmax of perturbed logits: what [`gumbel_softmax`](crate::gumbel_softmax) does with its
//! noise. The gap to the row's largest perturbed logit is divided by `tau`, so nothing overflows on the way.

use crate::block::{
    BLOCK, SHORT, Scratch, block_len, larger, map_into, map_rows, new_block, plus, positions, whole_vectors,
};
use crate::error::{Error, check_temperature};
use crate::logit::{Given, Source, new_buffer, row_fault};
use crate::noise::{Law, fill_block};
use crate::pieces::{PIECE, PieceKernel, shared, sweep};
use crate::reduce::{Best, Lanes, max};
use crate::rows::{RowKernel, Rows, count_rows, same_length};
use crate::softmax::unless_masked;
use crate::stream::{WordBuffer, new_word_buffer};
use crate::temper::Temper;
use crate::{Real, Stream};
use rayon::slice::ParallelSliceMut;

/// [`gumbel_softmax`](crate::gumbel_softmax) of noise that the caller brings: a pure function, for noise of
/// another law, antithetic or conditional noise.
///
/// ```text
/// out[r, i] = exp((lᵢ + noiseᵢ) / tau) / Σⱼ exp((lⱼ + noiseⱼ) / tau),   l = logits[r]
/// ```
///
/// # Shapes
/// `logits`, `noise`, `out` `[rows, k]`.
///
/// # Errors
/// [`Error::Noise`], [`Error::Temperature`], [`Error::Logit`], [`Error::AllMasked`], [`Error::Categories`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// let mut y = [0.0; 2];
/// gumbel_kernels::relaxed(&[0.0, 0.0], &[0.0, 3f64.ln()], 2, 1.0, &mut y)?;
/// assert!((y[1] - 0.75).abs() < 1e-15);
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
pub fn relaxed<T: Real>(logits: &[T], noise: &[T], k: usize, tau: T, out: &mut [T]) -> Result<(), Error> {
    same_length("noise", noise.len(), logits.len());
    Relax::new(Given(logits), k, tau, Noise::Given(noise))?.run(out, &mut [])
}

/// The logarithm of [`relaxed`]: [`log_gumbel_softmax`](crate::log_gumbel_softmax) of noise that the caller
/// brings.
///
/// ```text
/// out[r, i] = (lᵢ + noiseᵢ) / tau − ln Σⱼ exp((lⱼ + noiseⱼ) / tau),   l = logits[r]
/// ```
///
/// # Shapes
/// `logits`, `noise`, `out` `[rows, k]`.
///
/// # Errors
/// [`Error::Noise`], [`Error::Temperature`], [`Error::Logit`], [`Error::AllMasked`], [`Error::Categories`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// let mut log_y = [0.0; 2];
/// gumbel_kernels::log_relaxed(&[0.0, 0.0], &[0.0, 1000.0], 2, 0.5, &mut log_y)?;
/// assert_eq!(log_y, [-2000.0, 0.0]);
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
pub fn log_relaxed<T: Real>(logits: &[T], noise: &[T], k: usize, tau: T, out: &mut [T]) -> Result<(), Error> {
    same_length("noise", noise.len(), logits.len());
    Relax::new(Given(logits), k, tau, Noise::Given(noise))?.log().run(out, &mut [])
}

/// Where the noise of a relaxed sample comes from.
#[derive(Clone, Copy)]
pub(crate) enum Noise<'a, T> {
    /// Standard Gumbel noise of a stream.
    Drawn(Stream),
    /// One number for each logit.
    Given(&'a [T]),
    /// No noise: a plain softmax.
    Absent,
}

impl<T: Real> Noise<'_, T> {
    /// Writes `logits + noise` into `keys`, which may be longer, for a block of logits; the first is number `at` of all.
    #[inline(always)]
    pub fn perturb<const FMA: bool>(self, at: usize, logits: &[T], words: &mut WordBuffer, keys: &mut [T]) {
        match self {
            Noise::Drawn(stream) => {
                fill_block(stream.skip(at as u64), Law::Exponential, logits.len(), words, keys);
                let pairs = keys.iter_mut().zip(logits);
                pairs.for_each(|(key, &logit)| *key = logit - key.lane_ln_normal::<FMA>());
            }
            Noise::Given(noise) => {
                let pairs = noise[at..][..logits.len()].iter().zip(logits);
                keys.iter_mut().zip(pairs).for_each(|(key, (&noise, &logit))| *key = noise + logit);
            }
            Noise::Absent => keys[..logits.len()].copy_from_slice(logits),
        }
    }
}

/// The tempered softmax of perturbed logits, or its logarithm.
#[derive(Clone, Copy)]
pub(crate) struct Relax<'a, T, S> {
    logits: S,
    k: usize,
    temper: Temper<T>,
    noise: Noise<'a, T>,
    log: bool,
}

/// Rows of the output, and the index of the largest of each row where there is room for it.
type Sampled<'a, T> = Rows<'a, T, 0, 1>;

impl<'a, T: Real, S: Source<T>> Relax<'a, T, S> {
    pub fn new(logits: S, k: usize, tau: T, noise: Noise<'a, T>) -> Result<Self, Error> {
        check_temperature(tau)?;
        Ok(Self { logits, k, temper: Temper::new(tau), noise, log: false })
    }

    /// The logarithm instead.
    pub fn log(self) -> Self {
        Self { log: true, ..self }
    }

    /// Writes a sample of each row, and unless `index` is empty the index of its largest entry.
    pub fn run(self, out: &mut [T], index: &mut [u32]) -> Result<(), Error> {
        same_length("out", out.len(), self.logits.len().unwrap_or(out.len()));
        let count = count_rows(out.len(), self.k)?;
        if shared(count, self.k) {
            return self.share_rows(out, index);
        }
        Rows { first: 0, count, inputs: [], outputs: [out], indices: index }.run(self)
    }

    /// Few long rows: their pieces are divided between threads, one row after the other.
    fn share_rows(self, out: &mut [T], index: &mut [u32]) -> Result<(), Error> {
        for (row, out) in out.chunks_exact_mut(self.k).enumerate() {
            let mut best = Best::none();
            let parts =
                sweep::<T, _, _>(out.par_chunks_mut(PIECE), Perturb { relax: self, at: row * self.k });
            for (piece, part) in parts.into_iter().enumerate() {
                let part = part?;
                best.meet(part.key, piece * PIECE + part.chunk);
            }
            if let Some(index) = index.get_mut(row) {
                *index = best.index(&out[best.chunk..]);
            }
            let max = best.key;
            let sums = sweep::<T, _, _>(out.par_chunks_mut(PIECE), Weigh { relax: self, max });
            let sum = sums.into_iter().sum();
            self.check(row, out, &[sum])?;
            sweep::<T, _, _>(out.par_chunks_mut(PIECE), Normalise { relax: self, max, sum });
        }
        Ok(())
    }
}

impl<T: Real, S: Source<T>> RowKernel<T, 0, 1> for Relax<'_, T, S> {
    #[inline(always)]
    fn run<const FMA: bool>(self, rows: Sampled<'_, T>) -> Result<(), Error> {
        if self.k <= SHORT { self.short_rows::<FMA>(rows) } else { self.long_rows::<FMA>(rows) }
    }
}

impl<T: Real, S: Source<T>> Relax<'_, T, S> {
    #[inline(always)]
    fn short_rows<const FMA: bool>(self, rows: Sampled<'_, T>) -> Result<(), Error> {
        let (k, [out]) = (self.k, rows.outputs);
        let (mut keys, mut gaps, mut weights) = (new_block::<T>(), new_block::<T>(), new_block::<T>());
        let (mut max, mut sum, mut scratch) = ([T::zero(); BLOCK], [T::zero(); BLOCK], Scratch::new());
        let (step, mut buffer, mut words) = (block_len(k), new_buffer(), new_word_buffer());
        for (block, out) in out.chunks_mut(step).enumerate() {
            let (len, count) = (whole_vectors(out.len()), out.len() / k);
            let first = block * (step / k);
            let (max, sum, at) = (&mut max[..count], &mut sum[..count], (rows.first + first) * k);
            let logits = self.logits.block(at, out, &mut buffer);
            self.noise.perturb::<FMA>(at, logits, &mut words, &mut keys[..len]);
            scratch.reduce_rows(&keys, k, larger, max);
            if let Some(index) = rows.indices.get_mut(first..first + count) {
                positions(&keys, k, max, index);
            }
            self.temper.rows::<FMA>(&keys, k, max, &mut gaps);
            map_into(&gaps[..len], &mut weights[..len], T::lane_exp_of_gap::<FMA>);
            scratch.reduce_rows(&weights, k, plus, sum);
            self.check(rows.first + first, out, sum)?;
            if self.log {
                sum.iter_mut().for_each(|sum| *sum = sum.lane_ln::<FMA>());
                map_rows(&gaps, k, sum, &mut weights, |gap, log_sum| gap - log_sum);
                let log_probs = weights.iter().zip(&keys).map(|(&log, &key)| unless_masked(key, log));
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
            let best = self.perturb::<FMA>(row * self.k, out, &mut buffers)?;
            if let Some(index) = rows.indices.get_mut(index) {
                *index = best.index(&out[best.chunk..]);
            }
            let mut sum = T::zero();
            for piece in out.chunks_mut(PIECE) {
                sum = sum + self.weigh::<FMA>(best.key, piece);
            }
            self.check(row, out, &[sum])?;
            self.normalise::<FMA>(best.key, sum, out);
        }
        Ok(())
    }

    /// Writes the keys of logits from number `at` of all on, and finds the largest.
    #[inline(always)]
    fn perturb<const FMA: bool>(
        self,
        at: usize,
        keys: &mut [T],
        (buffer, words): &mut ([T; BLOCK], WordBuffer),
    ) -> Result<Best<T>, Error> {
        let mut best = Best::none();
        for (chunk, keys) in keys.chunks_mut(BLOCK).enumerate() {
            let here = at + chunk * BLOCK;
            let logits = self.logits.block(here, keys, buffer);
            if S::IN_PLACE && !all_below_infinity(logits) {
                return Err(self.unsound(here, logits)); // while it can still be read
            }
            self.noise.perturb::<FMA>(here, logits, words, keys);
            best.meet(max(keys), chunk * BLOCK);
        }
        Ok(best)
    }

    /// The sum of the weights of the keys, which take the place of the keys unless those are needed again.
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
            self.temper.each::<FMA>(weights, max, |gap, _| gap.lane_exp_of_gap::<FMA>());
            sum.add(weights);
        }
        sum.total()
    }

    /// Turns the weights, or the keys if it is the logarithm that is wanted, into the result.
    #[inline(always)]
    fn normalise<const FMA: bool>(self, max: T, sum: T, values: &mut [T]) {
        if self.log {
            let log_sum = sum.lane_ln::<FMA>();
            self.temper.each::<FMA>(values, max, |gap, key| unless_masked(key, gap - log_sum));
        } else {
            let scale = sum.recip();
            values.iter_mut().for_each(|value| *value = *value * scale);
        }
    }

    /// Refuses a row whose sum of weights is NaN: exactly one with a key that is NaN or +∞ (∞ − ∞), or where
    /// all keys are −∞.
    #[inline(always)]
    fn check(self, first: usize, out: &[T], sums: &[T]) -> Result<(), Error> {
        let unsound = sums.iter().fold(false, |any, sum| any | sum.is_nan());
        if unsound { Err(self.blame(first, out, sums)) } else { Ok(()) }
    }

    /// Whose fault it is that a sum is NaN: of the logits, or else of the noise.
    #[cold]
    #[inline(never)]
    fn blame(self, first: usize, out: &[T], sums: &[T]) -> Error {
        let index = sums.iter().position(|sum| sum.is_nan()).unwrap_or(0);
        let row = first + index;
        if S::IN_PLACE && self.k > SHORT {
            return Error::AllMasked { row }; // any other fault was seen on the way
        }
        row_fault(row, &self.logits, &out[index * self.k..][..self.k]).unwrap_or(Error::Noise { row })
    }

    #[cold]
    #[inline(never)]
    fn unsound(self, at: usize, logits: &[T]) -> Error {
        let column = logits.iter().position(|&logit| logit.is_nan() || logit == T::infinity()).unwrap_or(0);
        let (row, value) = (at / self.k, logits[column].into());
        Error::Logit { row, column: at % self.k + column, value }
    }
}

/// The first step of a shared row: [`Relax::perturb`].
#[derive(Clone, Copy)]
struct Perturb<'a, T, S> {
    relax: Relax<'a, T, S>,
    at: usize,
}

impl<T: Real, S: Source<T>> PieceKernel<&mut [T]> for Perturb<'_, T, S> {
    type Part = Result<Best<T>, Error>;

    #[inline(always)]
    fn run<const FMA: bool>(self, piece: usize, keys: &mut [T]) -> Self::Part {
        self.relax.perturb::<FMA>(self.at + piece * PIECE, keys, &mut (new_buffer(), new_word_buffer()))
    }
}

/// The second step: [`Relax::weigh`].
#[derive(Clone, Copy)]
struct Weigh<'a, T, S> {
    relax: Relax<'a, T, S>,
    max: T,
}

impl<T: Real, S: Source<T>> PieceKernel<&mut [T]> for Weigh<'_, T, S> {
    type Part = T;

    #[inline(always)]
    fn run<const FMA: bool>(self, _: usize, keys: &mut [T]) -> T {
        self.relax.weigh::<FMA>(self.max, keys)
    }
}

/// The last step: [`Relax::normalise`].
#[derive(Clone, Copy)]
struct Normalise<'a, T, S> {
    relax: Relax<'a, T, S>,
    max: T,
    sum: T,
}

impl<T: Real, S: Source<T>> PieceKernel<&mut [T]> for Normalise<'_, T, S> {
    type Part = ();

    #[inline(always)]
    fn run<const FMA: bool>(self, _: usize, values: &mut [T]) {
        self.relax.normalise::<FMA>(self.max, self.sum, values);
    }
}

/// Whether no number is NaN or +∞.
#[inline(always)]
pub(crate) fn all_below_infinity<T: Real>(values: &[T]) -> bool {
    values.iter().fold(true, |all, &value| all & (value < T::infinity()))
}
