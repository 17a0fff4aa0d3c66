//! Uniform, exponential, Gumbel, logistic and normal noise, never truncated and never infinite.
//!
//! Element `i` of `out` is a pure function of the stream's (seed, id, position + `i`).
//!
//! The uniform number `u` that a noise is made from has at least 24 significant bits down to 2^-64 from **either**
//! end of (0, 1), so every event of probability 10^-19 or more has the right probability. Gumbel noise from a
//! uniform of 24 bits ends at 16.6, from one of 32 bits at 22.2; here it reaches from -4.2 to 67.2.
//!
//! An `f64` draw is the `f32` draw with more digits: both read the same random word, and `f64` always reads the 64
//! further bits that `f32` reads only near the ends.

use super::stream::{Stream, WORDS, WordBuffer, new_word_buffer};
use super::uniform::{coarse_distance, map_distances};
use crate::parallel::level::{self, Kernel};
use crate::parallel::rows::{RowKernel, Rows};
use crate::{Error, Real};

/// Uniform noise `u` on the open interval (0, 1).
///
/// # Shapes
/// `out` `[len]`; `len` numbers of the stream are used.
///
/// ```
/// use gumbel_kernels::{Stream, noise};
/// let mut u = [0.0f64; 2];
/// noise::uniform(Stream::new(0), &mut u);
/// assert!((u[0] - 0x6627_e8d5_u32 as f64 / 2f64.powi(32)).abs() < 1e-9); // the first word
/// ```
pub fn uniform<T: Real>(stream: Stream, out: &mut [T]) {
    fill(stream, Distribution::Uniform, out);
}

/// Standard exponential noise, `E = −ln u`.
///
/// # Shapes
/// `out` `[len]`; `len` numbers of the stream are used.
///
/// ```
/// use gumbel_kernels::{Stream, noise};
/// let mut e = vec![0.0f32; 100_000];
/// noise::exponential(Stream::new(1), &mut e);
/// let mean = e.iter().sum::<f32>() / 1e5;
/// assert!((mean - 1.0).abs() < 4.0 / 1e5f32.sqrt()); // four standard errors
/// ```
pub fn exponential<T: Real>(stream: Stream, out: &mut [T]) {
    fill(stream, Distribution::Exponential, out);
}

/// Standard Gumbel noise, `g = −ln E = −ln(−ln u)`.
///
/// # Shapes
/// `out` `[len]`; `len` numbers of the stream are used.
///
/// ```
/// use gumbel_kernels::{Stream, noise};
/// let mut g = vec![0.0f32; 100_000];
/// noise::gumbel(Stream::new(1), &mut g);
/// let mean = g.iter().sum::<f32>() / 1e5;
/// assert!((mean - 0.5772157).abs() < 4.0 * 1.2825498 / 1e5f32.sqrt()); // Euler's constant, sd π/√6
/// ```
pub fn gumbel<T: Real>(stream: Stream, out: &mut [T]) {
    fill(stream, Distribution::Gumbel, out);
}

/// Standard logistic noise, `L = ln u − ln(1 − u)`: distributed as the difference of two Gumbel numbers.
///
/// # Shapes
/// `out` `[len]`; `len` numbers of the stream are used.
///
/// ```
/// use gumbel_kernels::{Stream, noise};
/// let (mut u, mut l) = ([0.0f64; 1], [0.0f64; 1]);
/// noise::uniform(Stream::new(9), &mut u);
/// noise::logistic(Stream::new(9), &mut l);
/// assert!((1.0 / (1.0 + (-l[0]).exp()) - u[0]).abs() < 1e-15); // its sigmoid is u
/// ```
pub fn logistic<T: Real>(stream: Stream, out: &mut [T]) {
    fill(stream, Distribution::Logistic, out);
}

/// Standard normal noise, `Φ⁻¹(u)`, from -11.3 to 11.3.
///
/// Computed by Wichura's ratios of polynomials (algorithm AS 241, 1988), which keep full precision in the tails.
///
/// # Shapes
/// `out` `[len]`; `len` numbers of the stream are used.
///
/// ```
/// use gumbel_kernels::{Stream, noise};
/// let (mut u, mut n) = ([0.0f64; 1], [0.0f64; 1]);
/// noise::uniform(Stream::from_parts(42, 7, 158), &mut u);
/// noise::normal(Stream::from_parts(42, 7, 158), &mut n);
/// assert!((u[0] - 0.9992574760031634).abs() < 1e-15);
/// assert!((n[0] - 3.1775895929234235).abs() < 1e-14); // its quantile
/// ```
pub fn normal<T: Real>(stream: Stream, out: &mut [T]) {
    fill(stream, Distribution::Normal, out);
}

/// The distribution of a noise, which is a function of a uniform number.
#[derive(Clone, Copy)]
pub(crate) enum Distribution {
    Uniform,
    Exponential,
    Gumbel,
    Logistic,
    Normal,
}

impl Distribution {
    /// Writes the noise of words that were read from the stream.
    #[inline(always)]
    fn write<T: Real, const FMA: bool>(self, stream: Stream, words: &[u32], out: &mut [T]) {
        match self {
            Distribution::Uniform => map_distances(stream, words, out, uniform_at),
            Distribution::Exponential => map_distances(stream, words, out, T::lane_minus_ln_at::<FMA>),
            Distribution::Gumbel => {
                // In two passes: more steps of one logarithm overlap than of two in sequence.
                map_distances(stream, words, out, T::lane_minus_ln_at::<FMA>);
                for value in out {
                    *value = -value.lane_ln_normal::<FMA>();
                }
            }
            Distribution::Logistic => map_distances(stream, words, out, logistic_at::<T, FMA>),
            Distribution::Normal => map_distances(stream, words, out, T::lane_normal_quantile_at::<FMA>),
        }
    }
}

/// `u` from its distance to the nearer end; a number that would round to one is kept below it.
#[inline(always)]
fn uniform_at<T: Real>(distance: T) -> T {
    if distance < T::zero() {
        let u = T::one() + distance;
        if u < T::BELOW_ONE { u } else { T::BELOW_ONE }
    } else {
        distance
    }
}

/// The Gumbel number of `u`, given by its distance.
#[inline(always)]
fn gumbel_at<T: Real, const FMA: bool>(distance: T) -> T {
    -T::lane_minus_ln_at::<FMA>(distance).lane_ln_normal::<FMA>()
}

/// The logistic number of `u`, given by its distance.
#[inline(always)]
fn logistic_at<T: Real, const FMA: bool>(distance: T) -> T {
    let nearer = distance.abs();
    let lower_side = nearer.lane_ln_normal::<FMA>() - nearer.lane_ln_complement::<FMA>();
    if distance < T::zero() { -lower_side } else { lower_side }
}

/// Fills a block, at most [`WORDS`] long, inside another kernel. Numbers from `count` on are arbitrary.
pub(crate) fn fill_block<T: Real>(
    stream: Stream,
    distribution: Distribution,
    count: usize,
    buffer: &mut WordBuffer,
    out: &mut [T],
) {
    let words = stream.read(count, buffer);
    fill_from(stream, &words[..out.len()], distribution, out);
}

/// The noise of words, at most [`WORDS`], that were read from the stream. It is compiled once for each level instead of
/// into every kernel.
pub(crate) fn fill_from<T: Real>(stream: Stream, words: &[u32], distribution: Distribution, out: &mut [T]) {
    level::run_on::<T, _>(Transform { stream, words, distribution, out });
}

struct Transform<'a, T> {
    stream: Stream,
    words: &'a [u32],
    distribution: Distribution,
    out: &'a mut [T],
}

impl<T: Real> Kernel for Transform<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        self.distribution.write::<T, FMA>(self.stream, self.words, self.out);
    }
}

/// An upper bound of the Gumbel numbers of this word and of all smaller ones, with a margin for rounding.
#[inline(always)]
pub(crate) fn gumbel_bound<T: Real, const FMA: bool>(word: u32) -> T {
    // The number of the next word is larger than that of this one with any further bits.
    let bound = gumbel_at::<T, FMA>(coarse_distance::<T>(word.wrapping_add(1))) + T::from_f64(1e-5);
    if word < u32::MAX - 1 { bound } else { T::infinity() }
}

#[derive(Clone, Copy)]
struct Fill {
    stream: Stream,
    distribution: Distribution,
}

impl<T: Real> RowKernel<T, 0, 1> for Fill {
    #[inline(always)]
    fn run<const FMA: bool>(self, rows: Rows<'_, T, 0, 1>) -> Result<(), Error> {
        let [out] = rows.outputs;
        let mut buffer = new_word_buffer();
        for (block, out) in out.chunks_mut(WORDS).enumerate() {
            let here = self.stream.skip((rows.first + block * WORDS) as u64);
            fill_block(here, self.distribution, out.len(), &mut buffer, out);
        }
        Ok(())
    }
}

/// Fills a slice, as rows of one number each.
fn fill<T: Real>(stream: Stream, distribution: Distribution, out: &mut [T]) {
    let rows = Rows { first: 0, count: out.len(), inputs: [], outputs: [out], indices: &mut [] };
    rows.run(Fill { stream, distribution }).expect("noise has no input that can be invalid");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::uniform::distance;

    type Fill<T> = fn(Stream, &mut [T]);

    fn distributions<T: Real>() -> [Fill<T>; 5] {
        [uniform, exponential, gumbel, logistic, normal]
    }

    fn draw<T: Real>(fill: Fill<T>, stream: Stream, len: usize) -> Vec<T> {
        let mut out = vec![T::zero(); len];
        fill(stream, &mut out);
        out
    }

    /// Position, word, and the uniform, exponential, Gumbel, logistic and normal number, for stream 7 of seed 42: from
    /// Philox in Python integers and the 96-bit uniform as a 60-digit mpmath number. Positions 24 and 158 have the
    /// first words that `f32` refines, at the lower and the upper end.
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
                let exact = draw(distributions::<f64>()[index], here, 1)[0];
                assert!((exact / expected - 1.0).abs() < 1e-14, "{exact} is not {expected} at {position}");
                let single = f64::from(draw(distributions::<f32>()[index], here, 1)[0]);
                assert!((single / expected - 1.0).abs() < 1e-6, "{single} is not {expected} at {position}");
            }
        }
    }

    #[test]
    fn element_depends_only_on_its_position() {
        let stream = Stream::from_parts(3, 1, 250); // a block of words ends inside
        for fill in distributions::<f32>() {
            let all = draw(fill, stream, 600);
            for start in 0..67 {
                for len in 0..67 {
                    let part = draw(fill, stream.skip(start as u64), len);
                    assert_eq!(part, all[start..][..len], "start {start}, length {len}");
                }
            }
        }
    }

    #[test]
    fn single_precision_equals_the_same_draw_in_double() {
        for (single, double) in distributions::<f32>().into_iter().zip(distributions::<f64>()) {
            let stream = Stream::new(5);
            let pairs = draw(single, stream, 1 << 18).into_iter().zip(draw(double, stream, 1 << 18));
            for (single, double) in pairs {
                // 8 ulp; near the zeros of ln E and of the logistic, only the absolute error is small.
                let error = (f64::from(single) - double).abs();
                assert!(error < 5e-7 * double.abs().max(1.0), "{single} for {double}");
            }
        }
    }

    /// With words and bits that are too rare to draw in a test.
    #[test]
    fn noise_at_the_ends_is_finite_and_far_out() {
        let [low, high] = [0, u32::MAX].map(|word| distance::<f32>(Stream::new(0), 0, word));
        let gumbel_at = gumbel_at::<f32, false>;
        assert!(gumbel_at(low) < -3.0 && gumbel_at(high) > 22.0);
        let last = 2f32.powi(-97);
        assert!((gumbel_at(-last) - 67.235).abs() < 1e-3);
        assert!((gumbel_at(last) + 4.208).abs() < 1e-3);
        assert!((logistic_at::<f32, false>(-last) - 67.235).abs() < 1e-3);
        assert!(uniform_at(last) > 0.0 && uniform_at(-last) < 1.0);
        assert!(uniform_at(-f64::from(last)) < 1.0);
    }
}
