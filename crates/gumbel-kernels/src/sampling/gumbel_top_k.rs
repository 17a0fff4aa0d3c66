//! Sampling without replacement by perturbation: the Gumbel-top-k trick.
//!
//! Vieira (2014); Kool, van Hoof and Welling, "Stochastic beams and where to find them" (2019).

use crate::error::Error;
use crate::number::masked::all_below_infinity;
use crate::parallel::block::{BLOCK, SHORT};
use crate::parallel::gaps::{RowMaxima, gap};
use crate::parallel::lanes::{LANES, WIDE, lane_maxima, larger, max_of_lanes};
use crate::parallel::places::Places;
use crate::parallel::rows::{RowKernel, Rows, count_rows, same_length};
use crate::parallel::source::{first_row_error, maximum, new_buffer};
use crate::random::perturb::Noise;
use crate::random::stream::new_word_buffer;
use crate::{Logit, Real, Stream};
use core::cmp::Ordering;

/// One ordered sample of `count` categories without replacement per row, by the Gumbel-top-k trick: a Plackett-Luce
/// sample.
///
/// ```text
/// P(i₁, i₂, …) = p_{i₁} · p_{i₂} / (1 − p_{i₁}) · …,   p = softmax(logits[r])
/// ```
///
/// The categories are in decreasing order of their perturbed logits. The noise is that of
/// [`gumbel_max`](crate::gumbel_max), whose sample is the first of these.
///
/// Vieira (2014); Kool, van Hoof and Welling (2019).
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
/// gumbel_top_k(&[0.0f32; 3], 3, 3, Stream::new(1), &mut order)?;
/// order.sort();
/// assert_eq!(order, [0, 1, 2]); // all of them: a permutation
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
#[doc(alias = "plackett-luce")]
#[doc(alias = "sample_without_replacement")]
pub fn gumbel_top_k<L: Logit>(
    logits: &[L],
    k: usize,
    count: usize,
    stream: Stream,
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
        let (mut buffer, mut words, mut order) = (new_buffer(), new_word_buffer(), Vec::new());
        let mut maxima = RowMaxima::new();
        for (block, logits) in logits.chunks(step).enumerate() {
            let first = block * (step / k);
            let keys = &mut keys[..logits.len()];
            let max = if k <= SHORT { Some(T::zero()) } else { maximum(logits) };
            let max = max.ok_or_else(|| first_row_error(rows.first + first, logits, k))?;
            for (chunk, (logits, keys)) in logits.chunks(BLOCK).zip(keys.chunks_mut(BLOCK)).enumerate() {
                let at = (rows.first + first) * k + chunk * BLOCK;
                let logits = L::widen(logits, &mut buffer);
                let noise = Noise::Drawn(self.stream);
                if k <= SHORT {
                    let pairs = logits.iter().zip(maxima.of(logits, k));
                    noise.perturb::<FMA>(at, pairs.map(|(&logit, &max)| gap(logit, max)), &mut words, keys);
                } else {
                    let gaps = logits.iter().map(|&logit| gap(logit, max));
                    noise.perturb::<FMA>(at, gaps, &mut words, keys);
                }
            }
            for (index, (logits, keys)) in logits.chunks_exact(k).zip(keys.chunks_exact(k)).enumerate() {
                let row = first + index;
                let maxima = lane_maxima(keys);
                if !all_below_infinity(keys) || max_of_lanes(maxima) == T::neg_infinity() {
                    return Err(first_row_error(rows.first + row, logits, k));
                }
                candidates(keys, maxima, count, &mut order);
                if order.len() < count {
                    let available = keys.iter().filter(|&&key| key > T::neg_infinity()).count();
                    return Err(Error::TooFew { row: rows.first + row, requested: count, available });
                }
                keep_largest(&mut order, keys, count);
                rows.indices[row * count..][..count].copy_from_slice(&order[..count]);
            }
        }
        Ok(())
    }
}

/// Fills `places` with unmasked places that include the `count` largest keys and few others.
#[inline(always)]
fn candidates<T: Real>(keys: &[T], maxima: [T; WIDE], count: usize, places: &mut Vec<u32>) {
    let least = if keys.len() < 4 * WIDE || count > WIDE { T::min_value() } else { threshold(maxima, count) };
    places.clear();
    for (chunk, keys) in keys.chunks(BLOCK).enumerate() {
        let here = Places::of(keys, |key| key >= least);
        here.for_each(|place| places.push((chunk * BLOCK + place) as u32));
    }
}

/// A finite threshold that at least `count` keys reach, and few more; `count` is from 1 to [`WIDE`].
///
/// It is the smallest of the `count` largest maxima of groups of keys. There are about twice as many groups.
#[inline(always)]
fn threshold<T: Real>(mut maxima: [T; WIDE], count: usize) -> T {
    let mut groups = WIDE;
    while groups / 4 >= count.max(LANES / 4) {
        groups /= 2;
        let (left, right) = maxima.split_at_mut(groups);
        left.iter_mut().zip(right).for_each(|(left, &mut right)| *left = larger(*left, right));
    }
    let (maxima, mut above) = (&maxima[..groups], [0; WIDE]);
    for other in maxima {
        above.iter_mut().zip(maxima).for_each(|(above, key)| *above += u32::from(other > key));
    }
    let chosen = maxima.iter().zip(above).filter(|&(_, above)| (above as usize) < count.max(1));
    chosen.fold(T::max_value(), |least, (&key, _)| least.min(key)).max(T::min_value())
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
    use crate::{gumbel_max, noise};
    use proptest::prelude::*;

    const MASK: f64 = f64::NEG_INFINITY;

    fn noise_of(stream: Stream, len: usize) -> Vec<f64> {
        let mut noise = vec![0.0; len];
        noise::gumbel(stream, &mut noise);
        noise
    }

    fn sorted(keys: &[f64]) -> Vec<u32> {
        let mut places: Vec<u32> = (0..keys.len() as u32).collect();
        places.sort_by(|&a, &b| keys[b as usize].total_cmp(&keys[a as usize]));
        places
    }

    #[test]
    fn too_few_unmasked_categories_are_an_error() {
        let error = gumbel_top_k(&[0.0, MASK, 0.0], 3, 3, Stream::new(1), &mut [0; 3]).unwrap_err();
        assert_eq!(error, Error::TooFew { row: 0, requested: 3, available: 2 });
        let mut order = [9; 2];
        gumbel_top_k(&[0.0, MASK, 0.0], 3, 2, Stream::new(1), &mut order).unwrap();
        assert!(order == [0, 2] || order == [2, 0]);
        gumbel_top_k(&[0.0; 3], 3, 0, Stream::new(1), &mut []).unwrap();
    }

    #[test]
    fn top_k_of_long_rows_is_the_sorted_keys() {
        for (k, masked) in [(256, 0), (513, 1), (1000, 900), (3000, 1)] {
            let stream = Stream::from_parts(2, k as u64, 5);
            let logits: Vec<f64> = (0..k).map(|i| if i % 1000 < masked { MASK } else { 0.0 }).collect();
            let keys: Vec<f64> = logits.iter().zip(noise_of(stream, k)).map(|(l, g)| l + g).collect();
            for count in [1, 2, 7, 8, 9, 33, 50, 64, 65, 100] {
                let mut drawn = vec![0; count];
                gumbel_top_k(&logits, k, count, stream, &mut drawn).unwrap();
                assert_eq!(drawn, &sorted(&keys)[..count], "{count} of {k}");
            }
        }
    }

    proptest! {
        #[test]
        fn top_k_is_the_sorted_keys(
            k in 1usize..67,
            seed: u64,
            fraction in 0.0..=1.0f64,
            scale in prop::sample::select(vec![0.0, 1.0, 1e17]), // 1e17 gives ties
        ) {
            let stream = Stream::new(seed);
            let count = (k as f64 * fraction) as usize;
            let coarse = noise_of(stream.split(0), 2 * k);
            let logits: Vec<f64> = coarse.iter().map(|g| scale * g.round()).collect();
            let mut drawn = vec![0; 2 * count];
            gumbel_top_k(&logits, k, count, stream, &mut drawn).unwrap();
            let noise = noise_of(stream, 2 * k);
            for (row, (logits, noise)) in logits.chunks(k).zip(noise.chunks(k)).enumerate() {
                let max = logits.iter().copied().fold(MASK, f64::max);
                let keys: Vec<f64> = logits.iter().zip(noise).map(|(l, g)| l - max + g).collect();
                prop_assert_eq!(&drawn[row * count..][..count], &sorted(&keys)[..count]);
            }
        }

        #[test]
        fn first_of_top_k_is_the_gumbel_max(k in 1usize..67, seed: u64) {
            let stream = Stream::new(seed);
            let logits = noise_of(stream.split(0), k);
            let (mut all, mut one) = (vec![0; k], [0]);
            gumbel_top_k(&logits, k, k, stream, &mut all).unwrap();
            gumbel_max(&logits, k, stream, &mut one).unwrap();
            prop_assert_eq!(all[0], one[0]);
            all.sort_unstable();
            prop_assert_eq!(all, (0..k as u32).collect::<Vec<_>>());
        }
    }
}
