//! The tempered softmax of perturbed logits: what [`gumbel_softmax`](crate::gumbel_softmax) does with its
//! noise. The gap to the row's largest perturbed logit is divided by `tau`, so nothing overflows on the way.

use crate::block::{
    BLOCK, SHORT, Scratch, block_len, larger, map_into, map_rows, new_block, plus, positions, whole_vectors,
};
use crate::error::{Error, check_temperature, logit_fault};
use crate::noise::{Law, fill_with};
use crate::reduce::{Best, Lanes, max};
use crate::rows::{RowKernel, Rows, count_rows, same_length};
use crate::softmax::unless_masked;
use crate::temper::Temper;
use crate::{Real, Stream};

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
    relax(logits, k, tau, Noise::Given(noise), false, out, &mut [])
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
    relax(logits, k, tau, Noise::Given(noise), true, out, &mut [])
}

/// Relaxed samples, and unless `index` is empty the index of the largest of each row.
pub(crate) fn relax<T: Real>(
    logits: &[T],
    k: usize,
    tau: T,
    noise: Noise<'_, T>,
    log: bool,
    out: &mut [T],
    index: &mut [u32],
) -> Result<(), Error> {
    check_temperature(tau)?;
    let count = count_rows(logits.len(), k)?;
    same_length("out", out.len(), logits.len());
    let rows = Rows { first: 0, count, inputs: [logits], outputs: [out], indices: index };
    rows.run(Relax { k, temper: Temper::new(tau), noise, log })
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
    /// Writes `logits + noise` into `keys`, which may be longer; the first logit is number `at` of all.
    #[inline(always)]
    pub fn perturb<const FMA: bool>(self, at: usize, logits: &[T], keys: &mut [T]) {
        match self {
            Noise::Drawn(stream) => {
                fill_with::<T, FMA>(stream.skip(at as u64), Law::Gumbel, keys);
                keys.iter_mut().zip(logits).for_each(|(key, &logit)| *key = *key + logit);
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
pub(crate) struct Relax<'a, T> {
    pub k: usize,
    pub temper: Temper<T>,
    pub noise: Noise<'a, T>,
    pub log: bool,
}

/// Rows of logits and of the output, and the index of the largest of each row where there is room for it.
type Sampled<'a, T> = Rows<'a, T, 1, 1>;

impl<T: Real> RowKernel<T, 1, 1> for Relax<'_, T> {
    #[inline(always)]
    fn run<const FMA: bool>(self, rows: Sampled<'_, T>) -> Result<(), Error> {
        if self.k <= SHORT { self.short_rows::<FMA>(rows) } else { self.long_rows::<FMA>(rows) }
    }
}

impl<T: Real> Relax<'_, T> {
    #[inline(always)]
    fn short_rows<const FMA: bool>(self, rows: Sampled<'_, T>) -> Result<(), Error> {
        let (k, [logits], [out]) = (self.k, rows.inputs, rows.outputs);
        let (mut keys, mut gaps, mut weights) = (new_block::<T>(), new_block::<T>(), new_block::<T>());
        let (mut max, mut sum, mut scratch) = ([T::zero(); BLOCK], [T::zero(); BLOCK], Scratch::new());
        let step = block_len(k);
        for (block, (logits, out)) in logits.chunks(step).zip(out.chunks_mut(step)).enumerate() {
            let (len, count) = (whole_vectors(out.len()), out.len() / k);
            let first = block * (step / k);
            let (max, sum) = (&mut max[..count], &mut sum[..count]);
            self.noise.perturb::<FMA>((rows.first + first) * k, logits, &mut keys[..len]);
            scratch.reduce_rows(&keys, k, larger, max);
            if let Some(index) = rows.indices.get_mut(first..first + count) {
                positions(&keys, k, max, index);
            }
            self.temper.rows::<FMA>(&keys, k, max, &mut gaps);
            map_into(&gaps[..len], &mut weights[..len], T::lane_exp_of_gap::<FMA>);
            scratch.reduce_rows(&weights, k, plus, sum);
            self.check(rows.first + first, logits, sum)?;
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
        let (k, [logits], [out]) = (self.k, rows.inputs, rows.outputs);
        for (row, (logits, out)) in logits.chunks_exact(k).zip(out.chunks_exact_mut(k)).enumerate() {
            let mut best = Best::none();
            let chunks = logits.chunks(BLOCK).zip(out.chunks_mut(BLOCK));
            for (at, (logits, keys)) in chunks.enumerate().map(|(chunk, pair)| (chunk * BLOCK, pair)) {
                self.noise.perturb::<FMA>((rows.first + row) * k + at, logits, keys);
                best.meet(max(keys), at);
            }
            if let Some(index) = rows.indices.get_mut(row) {
                *index = best.index(&out[best.chunk..]);
            }
            let sum = self.weigh::<FMA>(best.key, out);
            self.check(rows.first + row, logits, &[sum])?;
            if self.log {
                let log_sum = sum.lane_ln::<FMA>();
                self.temper.each::<FMA>(out, best.key, |gap, key| unless_masked(key, gap - log_sum));
            } else {
                let scale = sum.recip();
                out.iter_mut().for_each(|out| *out = *out * scale);
            }
        }
        Ok(())
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

    /// Refuses a row whose sum of weights is NaN: exactly one with a key that is NaN or +∞ (∞ − ∞), or where
    /// all keys are −∞.
    #[inline(always)]
    fn check(self, first: usize, logits: &[T], sums: &[T]) -> Result<(), Error> {
        let unsound = sums.iter().fold(false, |any, sum| any | sum.is_nan());
        if unsound { Err(blame(first, logits, self.k, sums)) } else { Ok(()) }
    }
}

/// Whose fault it is that a sum is NaN: of the logits, or else of the noise.
#[cold]
#[inline(never)]
fn blame<T: Real>(first: usize, logits: &[T], k: usize, sums: &[T]) -> Error {
    let index = sums.iter().position(|sum| sum.is_nan()).unwrap_or(0);
    let row = first + index;
    logit_fault(row, &logits[index * k..][..k]).unwrap_or(Error::Noise { row })
}
