//! The two number types.

use crate::math;
use crate::normal::{PPND7, PPND16, quantile};
use crate::reduce::Places;
use crate::stream::Stream;
use core::fmt::{Debug, Display};
use core::iter::Sum;
use num_traits::Float;
pub(crate) use sealed::Sealed;

/// `f32` or `f64`.
///
/// An `f64` draw is the `f32` draw with more digits: both read the same word, and `f64` always reads the
/// further bits that `f32` needs only near the ends. So `f64` serves as the oracle for `f32`.
pub trait Real: Float + Sum + Debug + Display + Send + Sync + Into<f64> + Sealed + 'static {
    /// The largest number below one.
    const BELOW_ONE: Self;

    /// Rounds an `f64` constant.
    fn from_f64(value: f64) -> Self;
}

mod sealed {
    use crate::Stream;

    /// What the two types do differently inside a kernel: `f32` has functions that become vector
    /// instructions, `f64` is the plain oracle with those of the platform.
    pub trait Sealed: Sized {
        /// Whether kernels of this type are compiled for vector instructions.
        const VECTORISED: bool;

        fn lane_ln<const FMA: bool>(self) -> Self;
        /// `ln` of a positive, finite number that is not subnormal.
        fn lane_ln_normal<const FMA: bool>(self) -> Self;
        fn lane_exp<const FMA: bool>(self) -> Self;
        /// `exp` of a number up to 40.
        fn lane_exp_of_gap<const FMA: bool>(self) -> Self;
        /// `ln(1 + x)` for `x` in [0, 1].
        fn lane_ln_1p<const FMA: bool>(self) -> Self;
        /// `ln(1 − x)` for `x` in [0, 1/2].
        fn lane_ln_complement<const FMA: bool>(self) -> Self;
        fn lane_tanh_half<const FMA: bool>(self) -> Self;

        /// The uniform number that `word`, read from `stream` at `index`, stands for, as its distance in
        /// (0, 1/2] to the nearer end of the unit interval, with a minus sign if that end is one.
        fn distance(stream: Stream, index: u64, word: u32) -> Self;
        /// The distance without further bits; 0 for the last word.
        fn coarse(word: u32) -> Self;
        /// Writes `map(distance)` of words, at most 512, that were read from `stream`.
        fn map_distances(stream: Stream, words: &[u32], out: &mut [Self], map: impl Fn(Self) -> Self);
        /// `-ln u` of the uniform number at a distance.
        fn exponential<const FMA: bool>(distance: Self) -> Self;
        /// `ln u - ln(1 - u)` of the uniform number at a distance.
        fn logistic<const FMA: bool>(distance: Self) -> Self;
        /// The normal quantile of the uniform number at a distance.
        fn normal<const FMA: bool>(distance: Self) -> Self;
    }
}

/// Below 2^23 a folded word has fewer than 24 significant bits: more are read.
const FEW_BITS: u32 = 1 << 23;
/// 2^-32, 2^-64 and 2^-96: the weights of the last bit of one word, of two and of three.
const WORD_ULP: f32 = 1.0 / 4_294_967_296.0;
const PAIR_ULP: f64 = WORD_ULP as f64 * WORD_ULP as f64;
const FULL_ULP: f64 = PAIR_ULP * WORD_ULP as f64;

/// A word as its distance, in steps of 2^-32, to the nearer end, and whether that end is one.
#[inline(always)]
fn fold(word: u32) -> (u32, bool) {
    let upper = word >> 31 == 1;
    (if upper { !word } else { word }, upper)
}

/// All 96 bits. The half keeps the result off the end: it is at least 2^-97.
fn midpoint(folded: u32, more: u64) -> f64 {
    let high = u64::from(folded) << 32 | more >> 32; // 63 bits: its conversion is one instruction
    high as i64 as f64 * PAIR_ULP + (f64::from(more as u32) + 0.5) * FULL_ULP
}

impl Real for f32 {
    const BELOW_ONE: Self = 1.0 - f32::EPSILON / 2.0;

    #[inline]
    fn from_f64(value: f64) -> Self {
        value as f32
    }
}

impl Sealed for f32 {
    const VECTORISED: bool = true;

    #[inline(always)]
    fn lane_ln<const FMA: bool>(self) -> Self {
        math::ln::<FMA>(self)
    }

    #[inline(always)]
    fn lane_ln_normal<const FMA: bool>(self) -> Self {
        math::ln_normal::<FMA>(self)
    }

    #[inline(always)]
    fn lane_exp<const FMA: bool>(self) -> Self {
        math::exp::<FMA>(self)
    }

    #[inline(always)]
    fn lane_exp_of_gap<const FMA: bool>(self) -> Self {
        math::exp_of_gap::<FMA>(self)
    }

    #[inline(always)]
    fn lane_ln_1p<const FMA: bool>(self) -> Self {
        math::ln_1p::<FMA>(self)
    }

    #[inline(always)]
    fn lane_ln_complement<const FMA: bool>(self) -> Self {
        math::ln_complement::<FMA>(self)
    }

    #[inline(always)]
    fn lane_tanh_half<const FMA: bool>(self) -> Self {
        math::tanh_half::<FMA>(self)
    }

    fn distance(stream: Stream, index: u64, word: u32) -> Self {
        if has_few_bits(word) { f64::distance(stream, index, word) as f32 } else { Self::coarse(word) }
    }

    /// No half here: adding it would cost the last of the 24 bits just above the limit.
    #[inline(always)]
    fn coarse(word: u32) -> Self {
        let (folded, upper) = fold(word);
        let distance = folded as i32 as f32 * WORD_ULP; // it has 31 bits: this conversion is one instruction
        if upper { -distance } else { distance }
    }

    #[inline(always)]
    fn map_distances(stream: Stream, words: &[u32], out: &mut [Self], map: impl Fn(Self) -> Self) {
        for (out, &word) in out.iter_mut().zip(words) {
            *out = Self::coarse(word);
        }
        refine(stream, words, Places::of(words, has_few_bits), out);
        for out in out {
            *out = map(*out);
        }
    }

    #[inline(always)]
    fn exponential<const FMA: bool>(distance: Self) -> Self {
        math::exponential::<FMA>(distance)
    }

    #[inline(always)]
    fn logistic<const FMA: bool>(distance: Self) -> Self {
        let nearer = distance.abs();
        let lower_side = math::ln_normal::<FMA>(nearer) - math::ln_complement::<FMA>(nearer);
        if distance < 0.0 { -lower_side } else { lower_side }
    }

    #[inline(always)]
    fn normal<const FMA: bool>(distance: Self) -> Self {
        quantile::<_, _, FMA>(&PPND7, distance)
    }
}

/// Whether the word is near either end of its range.
#[inline(always)]
fn has_few_bits(word: u32) -> bool {
    word.wrapping_add(FEW_BITS) < 2 * FEW_BITS
}

/// Writes the distances of the words that have few bits, one in 256: no work for vectors.
#[inline(never)]
fn refine(stream: Stream, words: &[u32], few: Places, out: &mut [f32]) {
    few.for_each(|index| out[index] = f64::distance(stream, index as u64, words[index]) as f32);
}

impl Real for f64 {
    const BELOW_ONE: Self = 1.0 - f64::EPSILON / 2.0;

    #[inline]
    fn from_f64(value: f64) -> Self {
        value
    }
}

impl Sealed for f64 {
    const VECTORISED: bool = false;

    #[inline(always)]
    fn lane_ln<const FMA: bool>(self) -> Self {
        self.ln()
    }

    #[inline(always)]
    fn lane_ln_normal<const FMA: bool>(self) -> Self {
        self.ln()
    }

    #[inline(always)]
    fn lane_exp<const FMA: bool>(self) -> Self {
        self.exp()
    }

    #[inline(always)]
    fn lane_exp_of_gap<const FMA: bool>(self) -> Self {
        self.exp()
    }

    #[inline(always)]
    fn lane_ln_1p<const FMA: bool>(self) -> Self {
        self.ln_1p()
    }

    #[inline(always)]
    fn lane_ln_complement<const FMA: bool>(self) -> Self {
        (-self).ln_1p()
    }

    #[inline(always)]
    fn lane_tanh_half<const FMA: bool>(self) -> Self {
        (self * 0.5).tanh()
    }

    #[inline]
    fn distance(stream: Stream, index: u64, word: u32) -> Self {
        let (folded, upper) = fold(word);
        let more = stream.refinement(index);
        if upper { -midpoint(folded, !more) } else { midpoint(folded, more) }
    }

    #[inline(always)]
    fn coarse(word: u32) -> Self {
        let (folded, upper) = fold(word);
        let distance = f64::from(folded) * f64::from(WORD_ULP);
        if upper { -distance } else { distance }
    }

    fn map_distances(stream: Stream, words: &[u32], out: &mut [Self], map: impl Fn(Self) -> Self) {
        for (index, (out, &word)) in out.iter_mut().zip(words).enumerate() {
            *out = map(Self::distance(stream, index as u64, word));
        }
    }

    /// From the logarithm that is accurate on the side where `u` lies.
    #[inline(always)]
    fn exponential<const FMA: bool>(distance: Self) -> Self {
        if distance < 0.0 { -distance.ln_1p() } else { -distance.ln() }
    }

    #[inline(always)]
    fn logistic<const FMA: bool>(distance: Self) -> Self {
        let lower_side = distance.abs().ln() - (-distance.abs()).ln_1p();
        if distance < 0.0 { -lower_side } else { lower_side }
    }

    #[inline(always)]
    fn normal<const FMA: bool>(distance: Self) -> Self {
        quantile::<_, _, FMA>(&PPND16, distance)
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
        let (single, double) = (f32::distance(stream, index, word), f64::distance(stream, index, word));
        assert_eq!((single < 0.0, double < 0.0), (word >> 31 == 1, word >> 31 == 1));
        (single.abs(), double.abs())
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
