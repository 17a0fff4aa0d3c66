//! The two number types.

use crate::stream::Stream;
use core::fmt::{Debug, Display};
use core::iter::Sum;
use num_traits::Float;

/// `f32` or `f64`.
///
/// An `f64` draw is the `f32` draw with more digits: both read the same word, and `f64` always reads the
/// further bits that `f32` needs only near the ends. So `f64` serves as the oracle for `f32`.
pub trait Real: Float + Sum + Debug + Display + Send + Sync + Into<f64> + sealed::Sealed + 'static {
    /// The largest number below one.
    const BELOW_ONE: Self;

    /// Rounds an `f64` constant.
    fn from_f64(value: f64) -> Self;

    /// The uniform number that `word`, read from `stream` at `index`, stands for, as its distance in
    /// (0, 1/2] to the nearer end of the unit interval, and whether that end is one.
    #[doc(hidden)]
    fn distance(stream: Stream, index: u64, word: u32) -> (Self, bool);
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// Below 2^23 a folded word has fewer than 24 significant bits: more are read.
const FEW_BITS: u32 = 1 << 23;
/// 2^-32 and 2^-96, the weights of the last bit of one word and of three.
const WORD_ULP: f32 = 1.0 / 4_294_967_296.0;
const FULL_ULP: f64 = WORD_ULP as f64 * WORD_ULP as f64 * WORD_ULP as f64;

/// A word as its distance, in steps of 2^-32, to the nearer end, and whether that end is one.
#[inline(always)]
fn fold(word: u32) -> (u32, bool) {
    let upper = word >> 31 == 1;
    (if upper { !word } else { word }, upper)
}

fn full_distance(stream: Stream, index: u64, folded: u32, upper: bool) -> f64 {
    let more = stream.refinement(index);
    midpoint(folded, if upper { !more } else { more })
}

/// All 96 bits. The half keeps the result off the end: it is at least 2^-97.
fn midpoint(folded: u32, more: u64) -> f64 {
    ((u128::from(folded) << 64 | u128::from(more)) as f64 + 0.5) * FULL_ULP
}

impl Real for f32 {
    const BELOW_ONE: Self = 1.0 - f32::EPSILON / 2.0;

    #[inline]
    fn from_f64(value: f64) -> Self {
        value as f32
    }

    #[inline]
    fn distance(stream: Stream, index: u64, word: u32) -> (Self, bool) {
        let (folded, upper) = fold(word);
        let distance = if folded >= FEW_BITS {
            // No half here: adding it would cost the last of the 24 bits just above the limit.
            folded as f32 * WORD_ULP
        } else {
            full_distance(stream, index, folded, upper) as f32
        };
        (distance, upper)
    }
}

impl Real for f64 {
    const BELOW_ONE: Self = 1.0 - f64::EPSILON / 2.0;

    #[inline]
    fn from_f64(value: f64) -> Self {
        value
    }

    #[inline]
    fn distance(stream: Stream, index: u64, word: u32) -> (Self, bool) {
        let (folded, upper) = fold(word);
        (full_distance(stream, index, folded, upper), upper)
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
        let (single, upper) = f32::distance(stream, index, word);
        let (double, same) = f64::distance(stream, index, word);
        assert_eq!((upper, same), (word >> 31 == 1, upper));
        (single, double)
    }

    #[test]
    fn distance_is_positive_at_most_half_and_grows_with_the_word() {
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
    fn no_bits_at_all_are_off_the_end() {
        assert_eq!(midpoint(0, 0), 2f64.powi(-97));
        assert_eq!(midpoint((1 << 31) - 1, u64::MAX), 0.5);
        assert!(midpoint(0, 0) as f32 > 0.0);
    }

    #[test]
    fn below_one_is_the_neighbour_of_one() {
        assert_eq!(f32::BELOW_ONE, 1f32.next_down());
        assert_eq!(f64::BELOW_ONE, 1f64.next_down());
    }
}
