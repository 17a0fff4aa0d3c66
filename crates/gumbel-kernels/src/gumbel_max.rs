//! Exact sampling by perturbation: the Gumbel-max and Gumbel-top-k tricks.
//!
//! Yellott (1977); Maddison, Tarlow and Minka, "A* sampling" (2014); Kool, van Hoof and Welling,
//! "Stochastic beams and where to find them" (2019).

use crate::block::{BLOCK, SHORT, Scratch, block_len, larger, new_block, positions, whole_vectors};
use crate::error::Error;
use crate::logit::{Logit, first_fault, new_buffer};
use crate::noise::{Law, fill_from, gumbel_bound};
use crate::pieces::{PieceKernel, shared, sweep};
use crate::reduce::{Best, LANES, WIDE, lane_maxima, lane_maxima_of_words, max};
use crate::relaxed::{Noise, all_below_infinity};
use crate::rows::{RowKernel, Rows, count_rows, same_length};
use crate::{Real, Stream};
use core::cmp::Ordering;
use rayon::slice::ParallelSlice;

/// One categorical sample per row.
///
/// ```text
/// out[r] = argmaxᵢ logits[r, i] + gᵢ  ~  softmax(logits[r]),   g standard Gumbel noise
/// ```
///
/// Element `r·k + i` of [`noise::gumbel`](crate::noise::gumbel) of the stream goes to logit (r, i). Logits need no normalising.
/// The first index wins a tie (two sums that round to the same number). A masked category is never sampled.
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
        let mut buffer = new_buffer();
        for (block, out) in rows.indices.chunks_mut(step / k).enumerate() {
            let first = rows.first + block * (step / k);
            let logits = &self.logits[first * k..][..out.len() * k];
            let (wide, len) = (L::widen(logits, &mut buffer), whole_vectors(logits.len()));
            Noise::Drawn(self.stream).perturb::<FMA>(first * k, wide, &mut keys[..len]);
            let max = &mut max[..out.len()];
            scratch.reduce_rows(&keys, k, larger, max);
            let any = max.iter().all(|&max| max > T::neg_infinity());
            if !(any && all_below_infinity(&keys[..logits.len()])) {
                return Err(fault(first, logits, k));
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
            match largest_key::<T, L, FMA>(self.stream.skip((row * k) as u64), logits) {
                Some((key, index)) if key > T::neg_infinity() => *out = index,
                _ => return Err(fault(row, logits, k)),
            }
        }
        Ok(())
    }

    /// Few long rows: their pieces are divided between threads, one row after the other. Large pieces, for each
    /// starts to prune anew.
    fn share_rows(self, out: &mut [u32]) -> Result<(), Error> {
        let len = self.k.div_ceil(2 * rayon::current_num_threads()).next_multiple_of(BLOCK);
        for (row, (logits, out)) in self.logits.chunks_exact(self.k).zip(out).enumerate() {
            let stream = self.stream.skip((row * self.k) as u64);
            let parts = sweep::<T, _, _>(logits.par_chunks(len), LargestKey { stream, len });
            let mut largest = T::neg_infinity();
            for (piece, part) in parts.into_iter().enumerate() {
                let (key, index) = part.ok_or_else(|| fault(row, logits, self.k))?;
                if key > largest {
                    (largest, *out) = (key, (piece * len) as u32 + index);
                }
            }
            if largest == T::neg_infinity() {
                return Err(fault(row, logits, self.k));
            }
        }
        Ok(())
    }
}

/// The largest key of a piece of a row.
#[derive(Clone, Copy)]
struct LargestKey {
    stream: Stream,
    len: usize,
}

impl<T: Real, L: Logit<Real = T>> PieceKernel<&[L]> for LargestKey {
    type Part = Option<(T, u32)>;

    #[inline(always)]
    fn run<const FMA: bool>(self, piece: usize, logits: &[L]) -> Self::Part {
        largest_key::<T, L, FMA>(self.stream.skip((piece * self.len) as u64), logits)
    }
}

/// The largest key, −∞ if all are masks, and its index; `None` if a logit is unsound.
///
/// Reads the words of a chunk first: unless they could beat the best key so far, their noise need not be
/// computed.
#[inline(always)]
fn largest_key<T: Real, L: Logit<Real = T>, const FMA: bool>(
    stream: Stream,
    logits: &[L],
) -> Option<(T, u32)> {
    let (mut keys, mut buffer, mut words) = (new_buffer(), new_buffer(), [[0; 4]; BLOCK / 4 + 1]);
    let (mut best, mut index) = (Best::none(), 0);
    for (chunk, logits) in logits.chunks(BLOCK).enumerate() {
        let logits = L::widen(logits, &mut buffer);
        if !all_below_infinity(logits) {
            return None;
        }
        let here = stream.skip((chunk * BLOCK) as u64);
        let words = here.read(logits.len(), &mut words);
        if !may_exceed::<T, FMA>(best.key, logits, words) {
            continue;
        }
        let keys = &mut keys[..logits.len()];
        fill_from::<T, FMA>(here, words, Law::Gumbel, keys);
        keys.iter_mut().zip(logits).for_each(|(key, &logit)| *key = *key + logit);
        let max = max(keys);
        if max > best.key {
            best = Best { key: max, chunk: chunk * BLOCK };
            index = best.index(keys);
        }
    }
    Some((best.key, index))
}

#[cold]
fn fault<L: Logit>(first: usize, logits: &[L], k: usize) -> Error {
    first_fault(first, logits, k).expect("finite noise keeps sound logits sound")
}

/// Whether a chunk may have a key above `best`: whether in some lane the largest logit and the noise of the
/// largest word together are above it.
#[inline(always)]
fn may_exceed<T: Real, const FMA: bool>(best: T, logits: &[T], words: &[u32]) -> bool {
    let (logits, words) = (lane_maxima(logits), lane_maxima_of_words(words));
    logits
        .iter()
        .zip(&words)
        .fold(false, |any, (&logit, &word)| any | (logit + gumbel_bound::<T, FMA>(word) > best))
}

/// `count` different categories per row, in decreasing order of their perturbed logits: a sample without
/// replacement, with the order probabilities of Plackett and Luce.
///
/// ```text
/// P(i₁, i₂, …) = p_{i₁} · p_{i₂} / (1 − p_{i₁}) · …,   p = softmax(logits[r])
/// ```
///
/// Uses the noise as [`gumbel_max`] does, whose sample is the first of these.
///
/// # Shapes
/// `logits` `[rows, k]`, `out` `[rows, count]`; `rows · k` numbers of the stream are used.
///
/// # Errors
/// [`Error::TooFew`] if a row has fewer than `count` unmasked categories; [`Error::Logit`],
/// [`Error::AllMasked`], [`Error::Categories`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// use gumbel_kernels::{Stream, gumbel_top_k};
/// let mut order = [0; 3];
/// gumbel_top_k(&[0.0f32; 3], 3, Stream::new(1), 3, &mut order)?;
/// order.sort();
/// assert_eq!(order, [0, 1, 2]); // all of them: a permutation
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
pub fn gumbel_top_k<L: Logit>(
    logits: &[L],
    k: usize,
    stream: Stream,
    count: usize,
    out: &mut [u32],
) -> Result<(), Error> {
    let rows = count_rows(logits.len(), k)?;
    same_length("out", out.len(), rows * count);
    let rows = Rows { first: 0, count: rows, inputs: [], outputs: [], indices: out };
    rows.run(GumbelTopK { k, stream, count, logits })
}

#[derive(Clone, Copy)]
struct GumbelTopK<'a, L> {
    k: usize,
    stream: Stream,
    count: usize,
    logits: &'a [L],
}

impl<T: Real, L: Logit<Real = T>> RowKernel<T, 0, 0> for GumbelTopK<'_, L> {
    fn width(&self) -> usize {
        self.k
    }

    #[inline(always)]
    fn run<const FMA: bool>(self, rows: Rows<'_, T, 0, 0>) -> Result<(), Error> {
        let (k, count) = (self.k, self.count);
        let logits = &self.logits[rows.first * k..][..rows.count * k];
        let step = (BLOCK / k).max(1) * k;
        let mut keys = vec![T::zero(); step.min(logits.len())];
        let mut buffer = new_buffer();
        let mut order = Vec::new();
        for (block, logits) in logits.chunks(step).enumerate() {
            let first = block * (step / k);
            let keys = &mut keys[..logits.len()];
            for (chunk, (logits, keys)) in logits.chunks(BLOCK).zip(keys.chunks_mut(BLOCK)).enumerate() {
                let at = (rows.first + first) * k + chunk * BLOCK;
                Noise::Drawn(self.stream).perturb::<FMA>(at, L::widen(logits, &mut buffer), keys);
            }
            for (index, (logits, keys)) in logits.chunks_exact(k).zip(keys.chunks_exact(k)).enumerate() {
                let row = first + index;
                if !all_below_infinity(keys) || max(keys) == T::neg_infinity() {
                    return Err(fault(rows.first + row, logits, k));
                }
                candidates(keys, count, &mut order);
                if order.len() < count {
                    let available = keys.iter().filter(|&&key| key > T::neg_infinity()).count();
                    return Err(Error::TooFew { row: rows.first + row, wanted: count, available });
                }
                keep_largest(&mut order, keys, count);
                rows.indices[row * count..][..count].copy_from_slice(&order[..count]);
            }
        }
        Ok(())
    }
}

/// Unmasked places that hold the `count` largest keys, in increasing order, with few others.
#[inline(always)]
fn candidates<T: Real>(keys: &[T], count: usize, places: &mut Vec<u32>) {
    let threshold = if keys.len() < 4 * WIDE || count > WIDE || count == 0 {
        T::neg_infinity()
    } else {
        // Each of `count` lanes has a key that is at least as large.
        let mut largest = lane_maxima(keys);
        *largest.select_nth_unstable_by(count - 1, |a, b| b.partial_cmp(a).unwrap_or(Ordering::Equal)).1
    };
    places.clear();
    for (run, keys) in keys.chunks(LANES).enumerate() {
        if keys.iter().fold(false, |any, &key| any | (key >= threshold)) {
            let chosen = (0..).zip(keys).filter(|&(_, &key)| key >= threshold && key > T::neg_infinity());
            places.extend(chosen.map(|(lane, _)| (run * LANES) as u32 + lane));
        }
    }
}

/// Moves the indices of the `count` largest keys to the front, in decreasing order of the keys.
fn keep_largest<T: Real>(order: &mut [u32], keys: &[T], count: usize) {
    let by_key = |a: &u32, b: &u32| {
        let (key_a, key_b) = (keys[*a as usize], keys[*b as usize]);
        key_b.partial_cmp(&key_a).unwrap_or(Ordering::Equal).then(a.cmp(b))
    };
    if count < order.len() {
        order.select_nth_unstable_by(count, by_key);
    }
    order[..count].sort_unstable_by(by_key);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise;
    use crate::reduce::arg_max;
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
    fn first_index_wins_a_tie() {
        let mut drawn = [9];
        gumbel_max(&[3e38f32; 5], 5, Stream::new(1), &mut drawn).unwrap(); // no room for noise
        assert_eq!(drawn, [0]);
    }

    #[test]
    fn masked_category_is_never_sampled() {
        let logits = [MASK, -1e300, MASK, MASK].repeat(1000);
        let mut drawn = [0; 1000];
        gumbel_max(&logits, 4, Stream::new(1), &mut drawn).unwrap();
        assert_eq!(drawn, [1; 1000]);
    }

    #[test]
    fn refusal_names_the_row_in_any_block() {
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
    fn top_k_counts_the_unmasked() {
        let error = gumbel_top_k(&[0.0, MASK, 0.0], 3, Stream::new(1), 3, &mut [0; 3]).unwrap_err();
        assert_eq!(error, Error::TooFew { row: 0, wanted: 3, available: 2 });
        let mut order = [9; 2];
        gumbel_top_k(&[0.0, MASK, 0.0], 3, Stream::new(1), 2, &mut order).unwrap();
        assert!(order == [0, 2] || order == [2, 0]);
        gumbel_top_k(&[0.0; 3], 3, Stream::new(1), 0, &mut []).unwrap();
    }

    #[test]
    #[should_panic(expected = "out has length 3, expected 2")]
    fn lengths_must_fit() {
        let _ = gumbel_max(&[0.0; 6], 3, Stream::new(1), &mut [0; 3]);
    }

    proptest! {
        #[test]
        fn top_k_is_the_sorted_keys(
            k in 1usize..67,
            seed: u64,
            fraction in 0.0..=1.0f64,
            scale in prop::sample::select(vec![0.0, 1.0, 1e17]), // 1e17 leaves ties
        ) {
            let stream = Stream::new(seed);
            let count = (k as f64 * fraction) as usize;
            let coarse = noise_of(stream.split(0), 2 * k);
            let logits: Vec<f64> = coarse.iter().map(|g| scale * g.round()).collect();
            let mut drawn = vec![0; 2 * count];
            gumbel_top_k(&logits, k, stream, count, &mut drawn).unwrap();
            let keys: Vec<f64> = logits.iter().zip(noise_of(stream, 2 * k)).map(|(l, g)| l + g).collect();
            for (row, keys) in keys.chunks(k).enumerate() {
                let mut sorted: Vec<u32> = (0..k as u32).collect();
                sorted.sort_by(|&a, &b| keys[b as usize].total_cmp(&keys[a as usize]));
                prop_assert_eq!(&drawn[row * count..][..count], &sorted[..count]);
            }
        }

        #[test]
        fn first_of_top_k_is_the_gumbel_max(k in 1usize..67, seed: u64) {
            let stream = Stream::new(seed);
            let logits = noise_of(stream.split(0), k);
            let (mut all, mut one) = (vec![0; k], [0]);
            gumbel_top_k(&logits, k, stream, k, &mut all).unwrap();
            gumbel_max(&logits, k, stream, &mut one).unwrap();
            prop_assert_eq!(all[0], one[0]);
            all.sort_unstable();
            prop_assert_eq!(all, (0..k as u32).collect::<Vec<_>>());
        }

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
