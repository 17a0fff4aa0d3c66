//! Subsets of a fixed size: the exponential family over the `count`-subsets of `k` categories.
//!
//! ```text
//! q(S) = exp(Σ_{i ∈ S} θᵢ − A(θ)),   |S| = count,   A(θ) = ln e_count(exp θ)
//! ```
//!
//! with `e` the elementary symmetric polynomials; also called the conditional Bernoulli or conditional Poisson
//! distribution. Ahmed, Zeng, Niepert and Van den Broeck, "SIMPLE: a gradient estimator for k-subset sampling" (2023).
//! It is not the distribution of [`gumbel_top_k`](crate::gumbel_top_k), which is Plackett-Luce and has other inclusion
//! probabilities.
//!
//! Everything is computed in double precision, in time `k · count` per row. The marginals, their VJP and a sample also
//! take memory for `k · count` numbers.

mod bits;
mod relaxed;

use crate::error::{Error, check_temperature, logit_error};
use crate::parallel::gaps::gap;
use crate::parallel::lanes::max;
use crate::parallel::rows::{count_rows, same_length};
use crate::{Real, Stream, noise};
use bits::Bits;
use rayon::prelude::*;

/// Log-partition function `A(θ)`: the logarithm of the sum of weights over all subsets. Its gradient is [`marginals`].
///
/// ```text
/// out[r] = ln Σ_{|S| = count} exp(Σ_{i ∈ S} θᵢ),   θ = logits[r]
/// ```
///
/// Ahmed et al. (2023).
///
/// # Shapes
/// `logits` `[rows, k]`, `out` `[rows]`.
///
/// # Errors
/// [`Error::EmptySubset`]; [`Error::TooFew`] if a row has fewer than `count` unmasked categories; [`Error::Logit`],
/// [`Error::AllMasked`], [`Error::Categories`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// use gumbel_kernels::subset;
/// let mut total = [0.0f64];
/// subset::log_partition(&[0.0, 2f64.ln(), 3f64.ln()], 3, 2, &mut total)?;
/// assert!((total[0] - 11f64.ln()).abs() < 1e-15); // 1·2 + 1·3 + 2·3
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
#[doc(alias = "conditional poisson")]
#[doc(alias = "elementary symmetric polynomial")]
pub fn log_partition<T: Real>(logits: &[T], k: usize, count: usize, out: &mut [T]) -> Result<(), Error> {
    let rows = count_rows(logits.len(), k)?;
    same_length("out", out.len(), rows);
    run(logits, k, count, out, |_, logits, out| {
        out[0] = T::from_f64(Bits::new(numbers(logits), count).log_partition());
    })
}

/// Marginals `μ = ∂A/∂θ`: the probability that each category is a member. A row sums to `count`.
///
/// Ahmed et al. (2023).
///
/// # Shapes
/// `logits`, `out` `[rows, k]`.
///
/// # Errors
/// Those of [`log_partition`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// use gumbel_kernels::subset;
/// let mut means = [0.0f64; 3];
/// subset::marginals(&[0.0, 2f64.ln(), 3f64.ln()], 3, 2, &mut means)?;
/// assert!((means[0] - 5.0 / 11.0).abs() < 1e-15); // (1·2 + 1·3) / 11
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
#[doc(alias = "inclusion probabilities")]
#[doc(alias = "SIMPLE")]
pub fn marginals<T: Real>(logits: &[T], k: usize, count: usize, out: &mut [T]) -> Result<(), Error> {
    count_rows(logits.len(), k)?;
    same_length("out", out.len(), logits.len());
    run(logits, k, count, out, |_, logits, out| write(Bits::new(numbers(logits), count).marginals(), out))
}

/// Vector-Jacobian product of [`marginals`] in the logits: the covariance of the members times the cotangent `d`.
///
/// ```text
/// out = Cov(z) d,   Cov(z)ᵢⱼ = P(i ∈ S and j ∈ S) − μᵢ μⱼ
/// ```
///
/// Exactly 0 at masked categories.
///
/// # Shapes
/// `logits`, `d`, `out` `[rows, k]`.
///
/// # Errors
/// Those of [`log_partition`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// use gumbel_kernels::subset;
/// let mut out = [0.0f64; 3];
/// subset::marginals_vjp(&[0.0; 3], &[1.0, 0.0, 0.0], 3, 2, &mut out)?;
/// assert!((out[0] - 2.0 / 9.0).abs() < 1e-15); // 2/3 · 1/3
/// assert!((out[1] + 1.0 / 9.0).abs() < 1e-15); // 1/3 − 4/9
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
pub fn marginals_vjp<T: Real>(
    logits: &[T],
    d: &[T],
    k: usize,
    count: usize,
    out: &mut [T],
) -> Result<(), Error> {
    count_rows(logits.len(), k)?;
    same_length("d", d.len(), logits.len());
    same_length("out", out.len(), logits.len());
    run(logits, k, count, out, |row, logits, out| {
        let bits = Bits::new(numbers(logits), count);
        write(bits.covariance_times(numbers(&d[row * k..][..k])), out);
    })
}

/// One exact sample per row: the members of a subset, in increasing order.
///
/// # Shapes
/// `logits` `[rows, k]`, `out` `[rows, count]`; `rows · k` numbers of the stream are used.
///
/// # Errors
/// Those of [`log_partition`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// use gumbel_kernels::{Stream, subset};
/// let mut members = [0; 2];
/// subset::sample(&[0.0, -90.0, 0.0f32], 3, 2, Stream::new(1), &mut members)?;
/// assert_eq!(members, [0, 2]);
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
pub fn sample<T: Real>(
    logits: &[T],
    k: usize,
    count: usize,
    stream: Stream,
    out: &mut [u32],
) -> Result<(), Error> {
    let rows = count_rows(logits.len(), k)?;
    same_length("out", out.len(), rows * count);
    let mut picked = vec![T::zero(); logits.len()];
    run(logits, k, count, &mut picked, |row, logits, picked| {
        let mut uniforms = vec![0.0; k];
        noise::uniform(stream.skip((row * k) as u64), &mut uniforms);
        Bits::new(numbers(logits), count).sample(&uniforms).for_each(|member| picked[member] = T::one());
    })?;
    let members = (0..logits.len()).filter(|&place| picked[place] != T::zero());
    out.iter_mut().zip(members).for_each(|(out, place)| *out = (place % k) as u32);
    Ok(())
}

/// Relaxed top-k: a soft sample without replacement per row, which sums to `count`.
///
/// ```text
/// α¹ = θ + g,   aᵗ = softmax(αᵗ / τ),   αᵗ⁺¹ = αᵗ + ln(1 − aᵗ),   out = Σₜ aᵗ,   t = 1, .., count
/// ```
///
/// Xie and Ermon, "Reparameterizable subset sampling via continuous relaxations" (2019); Plötz and Roth (2018). As `tau`
/// goes to zero, the sample becomes the indicator of [`gumbel_top_k`](crate::gumbel_top_k) with the same noise. If `tau`
/// is about 1 or more, an entry can be larger than 1.
///
/// # Shapes
/// `logits` and `out` `[rows, k]`; `rows · k` numbers of the stream are used.
///
/// # Errors
/// [`Error::Temperature`], and those of [`log_partition`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// use gumbel_kernels::{Stream, subset};
/// let mut soft = [0.0f32; 3];
/// subset::relaxed_top_k(&[0.0, -90.0, 0.0], 3, 2, 0.01, Stream::new(1), &mut soft)?;
/// assert_eq!(soft, [1.0, 0.0, 1.0]);
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
pub fn relaxed_top_k<T: Real>(
    logits: &[T],
    k: usize,
    count: usize,
    tau: f64,
    stream: Stream,
    out: &mut [T],
) -> Result<(), Error> {
    check_temperature(tau)?;
    count_rows(logits.len(), k)?;
    same_length("out", out.len(), logits.len());
    run(logits, k, count, out, |row, logits, out| {
        write(relaxed::forward(&keys(logits, row, stream), count, tau), out);
    })
}

/// Vector-Jacobian product of [`relaxed_top_k`] in the logits, for the cotangent `d`. It draws the same noise again.
///
/// The slope of a saturated sample is 0, and that of a tie in proportion to `tau^−count`: at low temperatures it can be
/// beyond the range of the type, and is then the largest finite number with its sign.
///
/// # Shapes
/// `logits`, `d`, `out` `[rows, k]`.
///
/// # Errors
/// Those of [`relaxed_top_k`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// use gumbel_kernels::{Stream, subset};
/// let mut out = [0.0f64; 3];
/// subset::relaxed_top_k_vjp(&[0.0; 3], &[1.0; 3], 3, 2, 0.5, Stream::new(1), &mut out)?;
/// assert!(out.iter().all(|slope| slope.abs() < 1e-12)); // the sum is always 2
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
pub fn relaxed_top_k_vjp<T: Real>(
    logits: &[T],
    d: &[T],
    k: usize,
    count: usize,
    tau: f64,
    stream: Stream,
    out: &mut [T],
) -> Result<(), Error> {
    check_temperature(tau)?;
    count_rows(logits.len(), k)?;
    same_length("d", d.len(), logits.len());
    same_length("out", out.len(), logits.len());
    run(logits, k, count, out, |row, logits, out| {
        let d: Vec<f64> = numbers(&d[row * k..][..k]).collect();
        write(within::<T>(relaxed::pull_back(&keys(logits, row, stream), &d, count, tau)), out);
    })
}

/// Derivative of [`relaxed_top_k`] in the temperature, entry by entry. It draws the same noise again.
///
/// # Shapes
/// `logits` and `out` `[rows, k]`. A row of derivatives sums to 0.
///
/// # Errors
/// Those of [`relaxed_top_k`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// use gumbel_kernels::{Stream, subset};
/// let mut out = [0.0f64; 3];
/// subset::relaxed_top_k_tau_derivative(&[0.0, 3.0, 0.0], 3, 1, 0.5, Stream::new(1), &mut out)?;
/// assert!(out[1] < 0.0 && out.iter().sum::<f64>().abs() < 1e-12); // warmer is less sharp
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
pub fn relaxed_top_k_tau_derivative<T: Real>(
    logits: &[T],
    k: usize,
    count: usize,
    tau: f64,
    stream: Stream,
    out: &mut [T],
) -> Result<(), Error> {
    check_temperature(tau)?;
    count_rows(logits.len(), k)?;
    same_length("out", out.len(), logits.len());
    run(logits, k, count, out, |row, logits, out| {
        write(within::<T>(relaxed::tau_derivative(&keys(logits, row, stream), count, tau)), out);
    })
}

/// Slopes beyond the range of a type become its largest finite number.
fn within<T: Real>(slopes: Vec<f64>) -> Vec<f64> {
    let [least, most] = [T::min_value(), T::max_value()].map(Into::into);
    slopes.into_iter().map(|slope| slope.clamp(least, most)).collect()
}

/// The perturbed logits of a row, added in the precision of the logits, as [`gumbel_top_k`](crate::gumbel_top_k) does.
fn keys<T: Real>(logits: &[T], row: usize, stream: Stream) -> Vec<f64> {
    let mut noise = vec![T::zero(); logits.len()];
    noise::gumbel(stream.skip((row * logits.len()) as u64), &mut noise);
    let max = max(logits);
    logits.iter().zip(noise).map(|(&logit, g)| (gap(logit, max) + g).into()).collect()
}

/// Fills the rows of `out` from their index and their logits, on the threads of the current rayon pool if there is enough
/// work.
fn run<T: Real>(
    logits: &[T],
    k: usize,
    count: usize,
    out: &mut [T],
    task: impl Fn(usize, &[T], &mut [T]) + Sync,
) -> Result<(), Error> {
    let width = (out.len() / (logits.len() / k).max(1)).max(1);
    let fill = |(row, (logits, out)): (usize, (&[T], &mut [T]))| {
        check(row, logits, count).map(|()| task(row, logits, out))
    };
    // Counting rayon's threads, even, would start them.
    if logits.len().saturating_mul(count) < 4 * GRAIN {
        return logits.chunks_exact(k).zip(out.chunks_exact_mut(width)).enumerate().try_for_each(fill);
    }
    let rows = logits.par_chunks_exact(k).zip(out.par_chunks_exact_mut(width)).enumerate();
    let done: Vec<_> = rows.with_min_len(GRAIN / (k * count.max(1)) + 1).map(fill).collect();
    done.into_iter().collect()
}

/// A thread takes at least this many steps: about 20 microseconds.
const GRAIN: usize = 1 << 14;

fn check<T: Real>(row: usize, logits: &[T], count: usize) -> Result<(), Error> {
    if count == 0 {
        return Err(Error::EmptySubset);
    }
    let available = logits.iter().filter(|&&logit| logit > T::neg_infinity()).count();
    match logit_error(row, logits) {
        Some(error) => Err(error),
        None if available < count => Err(Error::TooFew { row, requested: count, available }),
        None => Ok(()),
    }
}

fn numbers<T: Real>(row: &[T]) -> impl Iterator<Item = f64> + Clone {
    row.iter().map(|&number| number.into())
}

fn write<T: Real>(numbers: Vec<f64>, out: &mut [T]) {
    out.iter_mut().zip(numbers).for_each(|(out, number)| *out = T::from_f64(number));
}
