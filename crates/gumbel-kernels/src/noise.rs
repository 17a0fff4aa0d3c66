//! Uniform, exponential, Gumbel and logistic noise with whole tails.
//!
//! Element `i` of `out` is a pure function of the stream's (seed, id, position + `i`). Every value is
//! finite. A 24-bit uniform stops Gumbel noise at 16.6 and a 32-bit one at 22.2; here it reaches from -4.2
//! to 67.2, with at least 24 significant bits in the uniform down to 2^-64 from **either** end, so the
//! probability of every event of size 10^-19 and more is right.

use crate::{Real, stream::Stream};

/// Words are drawn this many at a time, to stay in the first-level cache.
const BLOCK: usize = 256;

/// Fills `out` with uniform noise on the open interval (0, 1).
///
/// ```
/// use gumbel_kernels::{Stream, noise};
/// let mut u = [0.0f64; 2];
/// noise::uniform(Stream::new(0), &mut u);
/// assert!((u[0] - 0x6627_e8d5_u32 as f64 / 2f64.powi(32)).abs() < 1e-9); // Philox's first known answer
/// ```
pub fn uniform<T: Real>(stream: Stream, out: &mut [T]) {
    fill(stream, out, |distance, upper| {
        if upper { (T::one() - distance).min(T::BELOW_ONE) } else { distance }
    });
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
    fill(stream, out, exponential_at);
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
    fill(stream, out, |distance, upper| -exponential_at(distance, upper).ln());
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
    fill(stream, out, |distance, upper| {
        let lower_side = distance.ln() - (-distance).ln_1p();
        if upper { -lower_side } else { lower_side }
    });
}

/// `-ln u`, from the logarithm that is accurate on the side where `u` lies.
#[inline]
fn exponential_at<T: Real>(distance: T, upper: bool) -> T {
    if upper { -(-distance).ln_1p() } else { -distance.ln() }
}

#[inline]
fn fill<T: Real>(stream: Stream, out: &mut [T], map: impl Fn(T, bool) -> T) {
    let mut words = [0; BLOCK];
    for (block, values) in out.chunks_mut(BLOCK).enumerate() {
        let here = stream.skip((block * BLOCK) as u64);
        here.words(&mut words[..values.len()]);
        for (index, (value, &word)) in values.iter_mut().zip(&words).enumerate() {
            let (distance, upper) = T::distance(here, index as u64, word);
            *value = map(distance, upper);
        }
    }
}
