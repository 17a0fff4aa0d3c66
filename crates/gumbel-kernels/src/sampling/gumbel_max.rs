//! Exact categorical samples by perturbation: the Gumbel-max trick.
//!
//! Yellott (1977); Maddison, Tarlow and Minka, "A* sampling" (2014).

use crate::error::Error;
use crate::number::masked::all_below_infinity;
use crate::parallel::block::{BLOCK, SHORT, Scratch, block_len, full_vectors, new_block, positions};
use crate::parallel::gaps::{RowMaxima, gap};
use crate::parallel::lanes::{Largest, lane_maxima, lane_maxima_of_words, larger, max};
use crate::parallel::pieces::{PieceKernel, run_pieces, shared};
use crate::parallel::rows::{RowKernel, Rows, count_rows, same_length};
use crate::parallel::source::{first_row_error, maximum, new_buffer};
use crate::random::noise::{Distribution, fill_from, gumbel_bound};
use crate::random::perturb::Noise;
use crate::random::stream::new_word_buffer;
use crate::{Logit, Real, Stream};
use rayon::slice::ParallelSlice;

/// One exact categorical sample per row of logits, by the Gumbel-max trick.
///
/// ```text
/// out[r] = argmaxᵢ logits[r, i] + gᵢ  ~  softmax(logits[r]),   g standard Gumbel noise
/// ```
///
/// Element `r·k + i` of the stream's [`noise::gumbel`](crate::noise::gumbel) is added to the gap between logit (r, i)
/// and the largest of its row. So logits need not be normalised, however large their common part is. The first index
/// wins a tie (two sums that round to the same number). A masked category is never sampled.
///
/// Yellott (1977); Maddison, Tarlow and Minka (2014).
///
/// # Shapes
/// `logits` `[rows, k]`, `out` `[rows]`; `rows · k` numbers of the stream are used.
///
/// # Errors
/// [`Error::Logit`], [`Error::AllMasked`], [`Error::Categories`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// use gumbel_kernels::{Stream, gumbel_max};
/// let logits = [2f64.ln(), 0.0, f64::NEG_INFINITY].repeat(90_000);
/// let mut drawn = [0; 90_000];
/// gumbel_max(&logits, 3, Stream::new(1), &mut drawn)?;
/// let zeros = drawn.iter().filter(|&&i| i == 0).count() as f64;
/// let standard_error = (90_000.0 * 2.0 / 9.0f64).sqrt();
/// assert!((zeros - 60_000.0).abs() < 4.0 * standard_error);
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
#[doc(alias = "categorical")]
#[doc(alias = "argmax")]
pub fn gumbel_max<L: Logit>(logits: &[L], k: usize, stream: Stream, out: &mut [u32]) -> Result<(), Error> {
    let count = count_rows(logits.len(), k)?;
    same_length("out", out.len(), count);
    let kernel = GumbelMax { k, stream, logits };
    if shared(count, k) {
        return kernel.share_rows(out);
    }
    Rows { first: 0, count, inputs: [], outputs: [], indices: out }.run(kernel)
}

#[derive(Clone, Copy)]
struct GumbelMax<'a, L> {
    k: usize,
    stream: Stream,
    logits: &'a [L],
}

impl<T: Real, L: Logit<Real = T>> RowKernel<T, 0, 0> for GumbelMax<'_, L> {
    fn width(&self) -> usize {
        self.k
    }

    #[inline(always)]
    fn run<const FMA: bool>(self, rows: Rows<'_, T, 0, 0>) -> Result<(), Error> {
        if self.k <= SHORT { self.short_rows::<FMA>(rows) } else { self.long_rows::<FMA>(rows) }
    }
}

impl<T: Real, L: Logit<Real = T>> GumbelMax<'_, L> {
    #[inline(always)]
    fn short_rows<const FMA: bool>(self, rows: Rows<'_, T, 0, 0>) -> Result<(), Error> {
        let (k, step) = (self.k, block_len(self.k));
        let (mut keys, mut max, mut scratch) = (new_block::<T>(), new_buffer(), Scratch::new());
        let (mut buffer, mut words, mut maxima) = (new_buffer(), new_word_buffer(), RowMaxima::new());
        for (block, out) in rows.indices.chunks_mut(step / k).enumerate() {
            let first = rows.first + block * (step / k);
            let logits = &self.logits[first * k..][..out.len() * k];
            let wide = L::widen(logits, &mut buffer);
            let gaps = wide.iter().zip(maxima.of(wide, k)).map(|(&logit, &max)| gap(logit, max));
            let keys_of_all = &mut keys[..full_vectors(logits.len())];
            Noise::Drawn(self.stream).perturb::<FMA>(first * k, gaps, &mut words, keys_of_all);
            let max = &mut max[..out.len()];
            scratch.largest_of_rows(&keys, k, max);
            let any = max.iter().all(|&max| max > T::neg_infinity());
            if !(any && all_below_infinity(&keys[..logits.len()])) {
                return Err(first_row_error(first, logits, k));
            }
            positions(&keys, k, max, out);
        }
        Ok(())
    }

    #[inline(always)]
    fn long_rows<const FMA: bool>(self, rows: Rows<'_, T, 0, 0>) -> Result<(), Error> {
        let k = self.k;
        for (row, out) in (rows.first..).zip(rows.indices) {
            let logits = &self.logits[row * k..][..k];
            let max = maximum(logits).filter(|&max| max > T::neg_infinity());
            let max = max.ok_or_else(|| first_row_error(row, logits, k))?;
            *out = largest_key::<T, L, FMA>(self.stream.skip((row * k) as u64), logits, max).1;
        }
        Ok(())
    }

    /// Few long rows: threads share the pieces of one row after the other. The pieces are large, because pruning
    /// starts afresh in each.
    fn share_rows(self, out: &mut [u32]) -> Result<(), Error> {
        let len = self.k.div_ceil(2 * rayon::current_num_threads()).next_multiple_of(BLOCK);
        for (row, (logits, out)) in self.logits.chunks_exact(self.k).zip(out).enumerate() {
            let maxima = run_pieces::<T, _, _>(logits.par_chunks(len), Maximum);
            let max = maxima.into_iter().try_fold(T::neg_infinity(), |max, part| Some(larger(max, part?)));
            let max = max.filter(|&max| max > T::neg_infinity());
            let max = max.ok_or_else(|| first_row_error(row, logits, self.k))?;
            let stream = self.stream.skip((row * self.k) as u64);
            let parts = run_pieces::<T, _, _>(logits.par_chunks(len), LargestKey { stream, len, max });
            let mut largest = T::neg_infinity();
            for (piece, (key, index)) in parts.into_iter().enumerate() {
                if key > largest {
                    (largest, *out) = (key, (piece * len) as u32 + index);
                }
            }
        }
        Ok(())
    }
}

/// The largest logit of a piece of a row.
#[derive(Clone, Copy)]
struct Maximum;

impl<T: Real, L: Logit<Real = T>> PieceKernel<&[L]> for Maximum {
    type Part = Option<T>;

    #[inline(always)]
    fn run<const FMA: bool>(self, _: usize, logits: &[L]) -> Self::Part {
        maximum(logits)
    }
}

/// The largest key of a piece of a row.
#[derive(Clone, Copy)]
struct LargestKey<T> {
    stream: Stream,
    len: usize,
    /// The largest logit of the row.
    max: T,
}

impl<T: Real, L: Logit<Real = T>> PieceKernel<&[L]> for LargestKey<T> {
    type Part = (T, u32);

    #[inline(always)]
    fn run<const FMA: bool>(self, piece: usize, logits: &[L]) -> Self::Part {
        largest_key::<T, L, FMA>(self.stream.skip((piece * self.len) as u64), logits, self.max)
    }
}

/// The largest key of a part of a row, −∞ if all are masks, and its index. `row_max` is the largest logit of the
/// whole row.
///
/// Reads the words of a chunk first. Their noise is computed only if it can exceed the largest key so far.
#[inline(always)]
fn largest_key<T: Real, L: Logit<Real = T>, const FMA: bool>(
    stream: Stream,
    logits: &[L],
    row_max: T,
) -> (T, u32) {
    let (mut keys, mut buffer, mut words) = (new_buffer(), new_buffer(), new_word_buffer());
    let (mut largest, mut index) = (Largest::new(), 0);
    for (chunk, logits) in logits.chunks(BLOCK).enumerate() {
        let logits = L::widen(logits, &mut buffer);
        let here = stream.skip((chunk * BLOCK) as u64);
        let words = &here.read(logits.len(), &mut words)[..logits.len()];
        if !can_exceed::<T, FMA>(largest.key, logits, row_max, words) {
            continue;
        }
        let keys = &mut keys[..logits.len()];
        fill_from(here, words, Distribution::Gumbel, keys);
        keys.iter_mut().zip(logits).for_each(|(key, &logit)| *key = *key + gap(logit, row_max));
        let best = max(keys);
        if best > largest.key {
            largest = Largest { key: best, chunk: chunk * BLOCK };
            index = largest.index(keys);
        }
    }
    (largest.key, index)
}

/// Whether a chunk can have a key above `limit`: whether in some lane the sum of the largest gap and of the noise of
/// the largest word is above it.
#[inline(always)]
fn can_exceed<T: Real, const FMA: bool>(limit: T, logits: &[T], row_max: T, words: &[u32]) -> bool {
    let (logits, words) = (lane_maxima(logits), lane_maxima_of_words(words));
    logits
        .iter()
        .zip(&words)
        .fold(false, |any, (&logit, &word)| any | ((logit - row_max) + gumbel_bound::<T, FMA>(word) > limit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise;
    use crate::parallel::lanes::arg_max;
    use proptest::prelude::*;

    const MASK: f64 = f64::NEG_INFINITY;

    fn noise_of(stream: Stream, len: usize) -> Vec<f64> {
        let mut noise = vec![0.0; len];
        noise::gumbel(stream, &mut noise);
        noise
    }

    #[test]
    fn element_r_k_i_of_the_stream_perturbs_logit_r_i() {
        for k in [1, 2, 3, 10, 100, 1023, 1024, 1025, 3000] {
            let (rows, stream) = (7, Stream::from_parts(8, 9, 3));
            let noise = noise_of(stream, rows * k);
            let mut drawn = vec![0; rows];
            gumbel_max(&vec![0.0; rows * k], k, stream, &mut drawn).unwrap();
            let expected: Vec<u32> = noise.chunks(k).map(|row| arg_max(row) as u32).collect();
            assert_eq!(drawn, expected, "k = {k}");
        }
    }

    #[test]
    fn masked_category_is_never_sampled() {
        let logits = [MASK, -1e300, MASK, MASK].repeat(1000);
        let mut drawn = [0; 1000];
        gumbel_max(&logits, 4, Stream::new(1), &mut drawn).unwrap();
        assert_eq!(drawn, [1; 1000]);
    }

    #[test]
    fn error_names_the_row_in_any_block() {
        let mut logits = vec![0.0; 3000];
        logits[2998] = f64::NAN;
        let error = gumbel_max(&logits, 10, Stream::new(1), &mut [0; 300]).unwrap_err();
        assert!(matches!(error, Error::Logit { row: 299, column: 8, .. }), "{error}");
        logits[2990..].fill(MASK);
        let error = gumbel_max(&logits, 10, Stream::new(1), &mut [0; 300]).unwrap_err();
        assert_eq!(error, Error::AllMasked { row: 299 });
        logits[2991] = f64::INFINITY;
        let error = gumbel_max(&logits, 10, Stream::new(1), &mut [0; 300]).unwrap_err();
        assert_eq!(error, Error::Logit { row: 299, column: 1, value: f64::INFINITY });
    }

    #[test]
    #[should_panic(expected = "out has length 3, expected 2")]
    fn lengths_must_match() {
        let _ = gumbel_max(&[0.0; 6], 3, Stream::new(1), &mut [0; 3]);
    }

    proptest! {
        #[test]
        fn adding_a_constant_changes_nothing(k in 1usize..67, seed: u64, constant in -30i32..30) {
            let stream = Stream::new(seed);
            let logits = noise_of(stream.split(0), k);
            let shifted: Vec<f64> = logits.iter().map(|l| l + f64::from(constant)).collect();
            let (mut plain, mut moved) = ([0], [0]);
            gumbel_max(&logits, k, stream, &mut plain).unwrap();
            gumbel_max(&shifted, k, stream, &mut moved).unwrap();
            prop_assert_eq!(plain, moved);
        }
    }
}
