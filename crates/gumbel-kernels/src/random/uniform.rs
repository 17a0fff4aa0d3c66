//! Random words as uniform numbers, with full precision at both ends of the unit interval.
//!
//! A word is folded to its distance from the nearer end of (0, 1), which is negative here if that end is one. A
//! distance with too few significant bits takes 64 more from the same position of the stream, so it is never
//! zero.

use super::stream::Stream;
use crate::Real;
use crate::parallel::places::Places;
use core::ops::Neg;

/// Below 2^23 a folded word has fewer than 24 significant bits.
const FEW_BITS: u32 = 1 << 23;
/// 2^-32, 2^-64 and 2^-96: the weights of the last bit of one word, of two and of three.
const WORD_ULP: f32 = 1.0 / 4_294_967_296.0;
const PAIR_ULP: f64 = WORD_ULP as f64 * WORD_ULP as f64;
const FULL_ULP: f64 = PAIR_ULP * WORD_ULP as f64;
/// 2^-97: the weight of the half below the last of 96 bits.
const HALF_ULP: f32 = (FULL_ULP / 2.0) as f32;

/// A word as its distance, in steps of 2^-32, to the nearer end, and whether that end is one.
#[inline(always)]
fn fold(word: u32) -> (u32, bool) {
    let upper = word >> 31 == 1;
    (if upper { !word } else { word }, upper)
}

/// Whether the folded word has fewer significant bits than an `f32`.
#[inline(always)]
fn has_few_bits(word: u32) -> bool {
    word.wrapping_add(FEW_BITS) < 2 * FEW_BITS
}

/// Whether a word alone always has too few bits for the type.
#[inline(always)]
const fn always_refines<T: Real>() -> bool {
    T::BITS > 32
}

/// The distance without further bits; 0 for the last word.
///
/// No half is added: it would cost the last of the 24 bits just above the limit.
#[inline(always)]
pub(super) fn coarse_distance<T: Real>(word: u32) -> T {
    let (folded, upper) = fold(word);
    // A folded word has 31 bits: its conversion as a signed number is one instruction.
    let distance = T::from_i32(folded as i32) * T::from_f64(WORD_ULP.into());
    if upper { -distance } else { distance }
}

/// The distance of the uniform number of `word`, which was read from `stream` at `index`, from all 96 bits.
#[inline(always)]
fn refined_distance<T: Neg<Output = T>>(
    stream: Stream,
    index: u64,
    word: u32,
    midpoint: fn(u32, u64) -> T,
) -> T {
    let (folded, upper) = fold(word);
    let more = stream.refinement(index);
    if upper { -midpoint(folded, !more) } else { midpoint(folded, more) }
}

/// The number of 96 bits. The half keeps it off the end: it is at least 2^-97.
#[inline(always)]
fn midpoint(folded: u32, more: u64) -> f64 {
    let high = u64::from(folded) << 32 | more >> 32; // 63 bits: its conversion is one instruction
    high as i64 as f64 * PAIR_ULP + (f64::from(more as u32) + 0.5) * FULL_ULP
}

/// The same number, rounded once, as an integer: a GPU without double precision rounds it to the same bits.
#[inline(always)]
fn single_midpoint(folded: u32, more: u64) -> f32 {
    let halves = u128::from(folded) << 65 | u128::from(more) << 1 | 1;
    halves as f32 * HALF_ULP
}

/// Writes `map(distance)` for words, at most 512, that were read from `stream`.
#[inline(always)]
pub(super) fn map_distances<T: Real>(stream: Stream, words: &[u32], out: &mut [T], map: impl Fn(T) -> T) {
    if always_refines::<T>() {
        return map_refined_distances(stream, words, out, map);
    }
    for (out, &word) in out.iter_mut().zip(words) {
        *out = coarse_distance(word);
    }
    refine(stream, words, Places::of(words, has_few_bits), &mut |at, distance| {
        out[at] = T::from_f64(distance.into())
    });
    for out in out {
        *out = map(*out);
    }
}

/// The same for a type that always refines. No work for vectors: compiled for itself, it can branch.
#[inline(never)]
fn map_refined_distances<T: Real>(stream: Stream, words: &[u32], out: &mut [T], map: impl Fn(T) -> T) {
    for (index, (out, &word)) in out.iter_mut().zip(words).enumerate() {
        *out = map(T::from_f64(refined_distance(stream, index as u64, word, midpoint)));
    }
}

/// Passes on the distances of the words that have few bits. They are one in 256: too few for vectors. Not generic, so
/// that it is compiled here, with the generator in it, and not in the crates that use this one.
#[inline(never)]
fn refine(stream: Stream, words: &[u32], few: Places, write: &mut dyn FnMut(usize, f32)) {
    few.for_each(|at| write(at, refined_distance(stream, at as u64, words[at], single_midpoint)));
}

#[cfg(test)]
pub(super) fn distance<T: Real>(stream: Stream, index: u64, word: u32) -> T {
    if always_refines::<T>() {
        T::from_f64(refined_distance(stream, index, word, midpoint))
    } else if has_few_bits(word) {
        T::from_f64(refined_distance(stream, index, word, single_midpoint).into())
    } else {
        coarse_distance(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Around every place where the arithmetic changes.
    const WORDS: [u32; 9] =
        [0, 1, 2, FEW_BITS - 1, FEW_BITS, FEW_BITS + 1, 1 << 24, (1 << 31) - 2, (1 << 31) - 1];

    fn both(index: u64, word: u32) -> (f32, f64) {
        let stream = Stream::new(1);
        let (single, double): (f32, f64) = (distance(stream, index, word), distance(stream, index, word));
        assert_eq!((single < 0.0, double < 0.0), (word >> 31 == 1, word >> 31 == 1));
        (single.abs(), double.abs())
    }

    #[test]
    fn distance_is_positive_at_most_half_and_increases_with_the_word() {
        for index in 0..1000 {
            let distances = WORDS.map(|word| both(index, word));
            assert!(distances[0].0 > 0.0 && distances[0].1 > 0.0);
            assert!(distances.is_sorted());
            assert_eq!(distances[8].0, 0.5);
            assert!(distances[8].1 <= 0.5);
        }
    }

    #[test]
    fn single_precision_agrees_with_double() {
        for index in 0..1000 {
            for word in WORDS.into_iter().flat_map(|word| [word, !word]).chain([index as u32 * 4_000_037]) {
                let (single, double) = both(index, word);
                assert!(
                    (f64::from(single) / double - 1.0).abs() < 2.0 * f64::from(f32::EPSILON),
                    "{word:#x}"
                );
            }
        }
    }

    #[test]
    fn ends_mirror_each_other() {
        assert_eq!(both(0, FEW_BITS + 5).0, both(0, !(FEW_BITS + 5)).0);
        // The refinement is not that of the mirrored draw, but it is a fraction of the same word.
        for word in [0, 3, FEW_BITS - 1] {
            let (lower, upper) = (both(0, word).1, both(0, !word).1);
            assert!((lower - upper).abs() <= f64::from(WORD_ULP), "{lower} and {upper}");
        }
    }

    #[test]
    fn without_any_bits_the_number_is_off_the_end() {
        assert_eq!(midpoint(0, 0), 2f64.powi(-97));
        assert_eq!(midpoint((1 << 31) - 1, u64::MAX), 0.5);
        assert_eq!(single_midpoint(0, 0), 2f32.powi(-97));
        assert_eq!(single_midpoint((1 << 31) - 1, u64::MAX), 0.5);
    }

    /// Rounding to double precision first would make the number just above a tie a tie, which rounds down here.
    #[test]
    fn single_precision_is_rounded_once() {
        let tie = 1 << 62; // half of the last of 24 bits
        assert_eq!(single_midpoint(1 << 22, tie >> 1), single_midpoint(1 << 22, 0));
        assert!(single_midpoint(1 << 22, tie) > single_midpoint(1 << 22, tie >> 1));
        assert!(midpoint(1 << 22, tie) as f32 == single_midpoint(1 << 22, tie >> 1));
    }
}
