//! Uniform, exponential, Gumbel, logistic and normal noise with whole tails.
//!
//! Element `i` of `out` is a pure function of the stream's (seed, id, position + `i`). Every value is
//! finite. A 24-bit uniform stops Gumbel noise at 16.6 and a 32-bit one at 22.2; here it reaches from -4.2
//! to 67.2, with at least 24 significant bits in the uniform down to 2^-64 from **either** end, so the
//! probability of every event of size 10^-19 and more is right.

use crate::level::{self, Kernel};
use crate::rows::{RowKernel, Rows};
use crate::stream::{Stream, WORDS, WordBuffer, new_word_buffer};
use crate::{Error, Real};

/// Fills `out` with uniform noise on the open interval (0, 1).
///
/// ```
/// use gumbel_kernels::{Stream, noise};
/// let mut u = [0.0f64; 2];
/// noise::uniform(Stream::new(0), &mut u);
/// assert!((u[0] - 0x6627_e8d5_u32 as f64 / 2f64.powi(32)).abs() < 1e-9); // Philox's first known answer
/// ```
pub fn uniform<T: Real>(stream: Stream, out: &mut [T]) {
    fill(stream, Law::Uniform, out);
}

/// Fills `out` with Exponential(1) noise, `E = -ln u`.
///
/// ```
/// use gumbel_kernels::{Stream, noise};
/// let mut e = vec![0.0f32; 100_000];
/// noise::exponential(Stream::new(1), &mut e);
/// let mean = e.iter().sum::<f32>() / 1e5;
/// assert!((mean - 1.0).abs() < 4.0 / 1e5f32.sqrt()); // four standard errors
/// ```
pub fn exponential<T: Real>(stream: Stream, out: &mut [T]) {
    fill(stream, Law::Exponential, out);
}

/// Fills `out` with standard Gumbel noise, `g = -ln E = -ln(-ln u)`.
///
/// ```
/// use gumbel_kernels::{Stream, noise};
/// let mut g = vec![0.0f32; 100_000];
/// noise::gumbel(Stream::new(1), &mut g);
/// let mean = g.iter().sum::<f32>() / 1e5;
/// assert!((mean - 0.5772157).abs() < 4.0 * 1.2825498 / 1e5f32.sqrt()); // Euler's constant, sd π/√6
/// ```
pub fn gumbel<T: Real>(stream: Stream, out: &mut [T]) {
    fill(stream, Law::Gumbel, out);
}

/// Fills `out` with standard logistic noise, `ln u - ln(1 - u)`: the difference of two Gumbels.
///
/// ```
/// use gumbel_kernels::{Stream, noise};
/// let (mut u, mut l) = ([0.0f64; 1], [0.0f64; 1]);
/// noise::uniform(Stream::new(9), &mut u);
/// noise::logistic(Stream::new(9), &mut l);
/// assert!((1.0 / (1.0 + (-l[0]).exp()) - u[0]).abs() < 1e-15); // the sigmoid undoes it
/// ```
pub fn logistic<T: Real>(stream: Stream, out: &mut [T]) {
    fill(stream, Law::Logistic, out);
}

/// Fills `out` with standard normal noise, `Φ⁻¹(u)`, from -11.3 to 11.3.
///
/// By Wichura's ratios of polynomials (algorithm AS 241, 1988), which lose nothing in the tails.
///
/// ```
/// use gumbel_kernels::{Stream, noise};
/// let (mut u, mut n) = ([0.0f64; 1], [0.0f64; 1]);
/// noise::uniform(Stream::from_parts(42, 7, 158), &mut u);
/// noise::normal(Stream::from_parts(42, 7, 158), &mut n);
/// assert!((u[0] - 0.9992574760031634).abs() < 1e-15);
/// assert!((n[0] - 3.1775895929234235).abs() < 1e-14); // the quantile there
/// ```
pub fn normal<T: Real>(stream: Stream, out: &mut [T]) {
    fill(stream, Law::Normal, out);
}

/// A law of noise, as a function of the uniform number.
#[derive(Clone, Copy)]
pub(crate) enum Law {
    Uniform,
    Exponential,
    Gumbel,
    Logistic,
    Normal,
}

impl Law {
    /// The noise of words that were read from the stream.
    #[inline(always)]
    fn write<T: Real, const FMA: bool>(self, stream: Stream, words: &[u32], out: &mut [T]) {
        match self {
            Law::Uniform => T::map_distances(stream, words, out, uniform_at),
            Law::Exponential => T::map_distances(stream, words, out, T::exponential::<FMA>),
            Law::Gumbel => {
                // One after the other: more of the steps of one logarithm overlap than of two in a row.
                T::map_distances(stream, words, out, T::exponential::<FMA>);
                for value in out {
                    *value = -value.lane_ln_normal::<FMA>();
                }
            }
            Law::Logistic => T::map_distances(stream, words, out, T::logistic::<FMA>),
            Law::Normal => T::map_distances(stream, words, out, T::normal::<FMA>),
        }
    }
}

/// `u`; what would round to one is kept below it.
#[inline(always)]
fn uniform_at<T: Real>(distance: T) -> T {
    if distance < T::zero() {
        let u = T::one() + distance;
        if u < T::BELOW_ONE { u } else { T::BELOW_ONE }
    } else {
        distance
    }
}

#[inline(always)]
pub(crate) fn gumbel_at<T: Real, const FMA: bool>(distance: T) -> T {
    -T::exponential::<FMA>(distance).lane_ln_normal::<FMA>()
}

/// Fills a block, at most [`WORDS`] long, inside another kernel; from number `count` on it may be garbage.
pub(crate) fn fill_block<T: Real>(
    stream: Stream,
    law: Law,
    count: usize,
    buffer: &mut WordBuffer,
    out: &mut [T],
) {
    let words = stream.read(count, buffer);
    fill_from(stream, &words[..out.len()], law, out);
}

/// The noise of words, at most [`WORDS`], that were read from the stream. Compiled for itself once at each level, and
/// not once more into each kernel.
pub(crate) fn fill_from<T: Real>(stream: Stream, words: &[u32], law: Law, out: &mut [T]) {
    level::run_on::<T, _>(Transform { stream, words, law, out });
}

struct Transform<'a, T> {
    stream: Stream,
    words: &'a [u32],
    law: Law,
    out: &'a mut [T],
}

impl<T: Real> Kernel for Transform<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        self.law.write::<T, FMA>(self.stream, self.words, self.out);
    }
}

/// No Gumbel number made of this word or of a smaller one is larger, with a margin for all roundings.
#[inline(always)]
pub(crate) fn gumbel_bound<T: Real, const FMA: bool>(word: u32) -> T {
    // The next word stands for a larger number than this one with any further bits.
    let bound = gumbel_at::<T, FMA>(T::coarse(word.wrapping_add(1))) + T::from_f64(1e-5);
    if word < u32::MAX - 1 { bound } else { T::infinity() }
}

#[derive(Clone, Copy)]
struct Fill {
    stream: Stream,
    law: Law,
}

impl<T: Real> RowKernel<T, 0, 1> for Fill {
    #[inline(always)]
    fn run<const FMA: bool>(self, rows: Rows<'_, T, 0, 1>) -> Result<(), Error> {
        let [out] = rows.outputs;
        let mut buffer = new_word_buffer();
        for (block, out) in out.chunks_mut(WORDS).enumerate() {
            let here = self.stream.skip((rows.first + block * WORDS) as u64);
            fill_block(here, self.law, out.len(), &mut buffer, out);
        }
        Ok(())
    }
}

/// Every number is a row of its own.
fn fill<T: Real>(stream: Stream, law: Law, out: &mut [T]) {
    let rows = Rows { first: 0, count: out.len(), inputs: [], outputs: [out], indices: &mut [] };
    rows.run(Fill { stream, law }).expect("a fill has no input to refuse");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::real::Sealed;

    type Fill<T> = fn(Stream, &mut [T]);

    fn laws<T: Real>() -> [Fill<T>; 5] {
        [uniform, exponential, gumbel, logistic, normal]
    }

    fn draw<T: Real>(law: Fill<T>, stream: Stream, len: usize) -> Vec<T> {
        let mut out = vec![T::zero(); len];
        law(stream, &mut out);
        out
    }

    /// Position, word, uniform, exponential, Gumbel, logistic and normal of stream 7 of seed 42, from Philox in Python
    /// integers and the 96-bit uniform as a 60-digit mpmath number. At 24 and 158 are the first words that
    /// `f32` refines, at the lower and the upper end.
    type Golden = (u64, u32, [f64; 5]);
    #[rustfmt::skip]
    const GOLDEN: [Golden; 7] = [
        (0, 0x67ee6f2c, [0.405981968346273, 0.9014465333069026, 0.10375454668671538, -0.38060092954607244, -0.23789319104832682]),
        (1, 0xe55410cc, [0.8958139896615835, 0.110022488383366, 2.207070494235917, 2.151554928081598, 1.25805457251395]),
        (2, 0x6c7eca35, [0.42380965993585007, 0.8584708397884309, 0.15260256568807223, -0.3071536184153736, -0.192156881678137]),
        (3, 0x557398d3, [0.3337951199666695, 1.0972278874937762, -0.09278689672310338, -0.6910698594220095, -0.42945760517744436]),
        (4, 0xe5dde940, [0.8979173452069719, 0.10767725811553591, 2.2286168766757393, 2.174295194623303, 1.269773537066744]),
        (24, 0x00135acd, [0.0002953292707946393, 8.127419651896274, -2.0952434871915075, -8.127124279007202, -3.4358680634792975]),
        (158, 0xffcf5683, [0.9992574760031634, 0.0007427998043171266, 7.205083991925275, 7.204712569033469, 3.1775895929234235]),
    ];

    #[test]
    fn values_are_stable() {
        let stream = Stream::from_parts(42, 7, 0);
        for (position, word, expected) in GOLDEN {
            let here = stream.skip(position);
            assert_eq!(here.word(0), word);
            for (index, expected) in expected.into_iter().enumerate() {
                let exact = draw(laws::<f64>()[index], here, 1)[0];
                assert!((exact / expected - 1.0).abs() < 1e-14, "{exact} is not {expected} at {position}");
                let single = f64::from(draw(laws::<f32>()[index], here, 1)[0]);
                assert!((single / expected - 1.0).abs() < 1e-6, "{single} is not {expected} at {position}");
            }
        }
    }

    #[test]
    fn element_depends_on_its_position_alone() {
        let stream = Stream::from_parts(3, 1, 250); // a block of words ends on the way
        for law in laws::<f32>() {
            let whole = draw(law, stream, 600);
            for start in 0..67 {
                for len in 0..67 {
                    let part = draw(law, stream.skip(start as u64), len);
                    assert_eq!(part, whole[start..][..len], "start {start}, length {len}");
                }
            }
        }
    }

    #[test]
    fn single_precision_is_the_same_draw() {
        for (single, double) in laws::<f32>().into_iter().zip(laws::<f64>()) {
            let stream = Stream::new(5);
            let pairs = draw(single, stream, 1 << 18).into_iter().zip(draw(double, stream, 1 << 18));
            for (single, double) in pairs {
                // 8 ulp; near the zeros of ln E and of the logistic only the absolute error is small.
                let error = (f64::from(single) - double).abs();
                assert!(error < 5e-7 * double.abs().max(1.0), "{single} for {double}");
            }
        }
    }

    /// With words and bits that a test would have to wait for.
    #[test]
    fn ends_are_finite_and_far() {
        let [low, high] = [0, u32::MAX].map(|word| f32::distance(Stream::new(0), 0, word));
        let gumbel_at = gumbel_at::<f32, false>;
        assert!(gumbel_at(low) < -3.0 && gumbel_at(high) > 22.0);
        let last = 2f32.powi(-97);
        assert!((gumbel_at(-last) - 67.235).abs() < 1e-3);
        assert!((gumbel_at(last) + 4.208).abs() < 1e-3);
        assert!((f32::logistic::<false>(-last) - 67.235).abs() < 1e-3);
        assert!(uniform_at(last) > 0.0 && uniform_at(-last) < 1.0);
        assert!(uniform_at(-f64::from(last)) < 1.0);
    }
}
