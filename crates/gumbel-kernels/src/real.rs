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

/// All 96 bits. The midpoint (+1/2) keeps the result off the end: it is at least 2^-97.
fn full_distance(stream: Stream, index: u64, folded: u32, upper: bool) -> f64 {
    let more = stream.refinement(index);
    let more = if upper { !more } else { more };
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
            (folded as f32 + 0.5) * WORD_ULP
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
