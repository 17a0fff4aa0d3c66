//! The log-likelihood of binary data under independent Bernoulli variables.

use crate::Real;
use crate::error::Error;
use crate::parallel::lanes::LANES;
use crate::parallel::rows::{RowKernel, Rows, count_rows, same_length};

/// Log-likelihood `ln p(x)` of each row of data, in nats, under independent Bernoulli variables with log-odds `logits`.
///
/// ```text
/// out[r] = Σᵢ xᵢ lᵢ − softplus(lᵢ),   softplus(l) = ln(1 + eˡ)
/// ```
///
/// `x` is any number, usually 0 or 1; for a grey level in between, the result is minus the cross-entropy. The result is
/// finite for finite logits, and NaN if an input is NaN.
///
/// # Shapes
/// `logits` `[rows, k]`; `x` `[n, k]`, where n divides rows: the rows of data repeat, as when S samples share the data;
/// `out` `[rows]`.
///
/// # Errors
/// [`Error::Categories`] if `k` is zero.
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// let mut out = [0.0f64; 2];
/// gumbel_kernels::bernoulli_log_prob(&[0.0, 0.0, 3f64.ln(), -1000.0], &[1.0, 0.0], 2, &mut out)?;
/// assert!((out[0] - 0.25f64.ln()).abs() < 1e-15);
/// assert!((out[1] - 0.75f64.ln()).abs() < 1e-15);
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
#[doc(alias = "binary_cross_entropy")]
#[doc(alias = "bce_with_logits")]
pub fn bernoulli_log_prob<T: Real>(logits: &[T], x: &[T], k: usize, out: &mut [T]) -> Result<(), Error> {
    let count = rows_of(logits, x, k)?;
    same_length("out", out.len(), count);
    Rows { first: 0, count, inputs: [logits], outputs: [out], indices: &mut [] }.run(LogProb { x, k })
}

/// Vector-Jacobian product of [`bernoulli_log_prob`] in the logits.
///
/// ```text
/// out[r, i] = (x[r, i] − σ(l[r, i])) · d[r]
/// ```
///
/// # Shapes
/// `logits`, `out` `[rows, k]`; `x` `[n, k]`, where n divides rows; `d`, the cotangent of the output, `[rows]`.
///
/// # Errors
/// [`Error::Categories`] if `k` is zero.
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// let mut out = [0.0f64; 2];
/// gumbel_kernels::bernoulli_log_prob_vjp(&[0.0, -1000.0], &[1.0, 1.0], &[2.0], 2, &mut out)?;
/// assert_eq!(out, [1.0, 2.0]);
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
pub fn bernoulli_log_prob_vjp<T: Real>(
    logits: &[T],
    x: &[T],
    d: &[T],
    k: usize,
    out: &mut [T],
) -> Result<(), Error> {
    let count = rows_of(logits, x, k)?;
    same_length("d", d.len(), count);
    same_length("out", out.len(), logits.len());
    Rows { first: 0, count, inputs: [logits, d], outputs: [out], indices: &mut [] }.run(Vjp { x, k })
}

#[track_caller]
fn rows_of<T>(logits: &[T], x: &[T], k: usize) -> Result<usize, Error> {
    let (rows, data) = (count_rows(logits.len(), k)?, count_rows(x.len(), k)?);
    assert!(
        rows == 0 || data > 0 && rows.is_multiple_of(data),
        "{rows} rows of logits for {data} rows of data: expected a multiple"
    );
    Ok(rows)
}

/// The rows of data for the rows of logits from `first` on.
#[inline(always)]
fn data<T>(x: &[T], k: usize, first: usize) -> impl Iterator<Item = &[T]> {
    x.chunks_exact(k).cycle().skip(first % (x.len() / k).max(1))
}

#[derive(Clone, Copy)]
struct LogProb<'a, T> {
    x: &'a [T],
    k: usize,
}

impl<T: Real> RowKernel<T, 1, 1> for LogProb<'_, T> {
    #[inline(always)]
    fn run<const FMA: bool>(self, rows: Rows<'_, T, 1, 1>) -> Result<(), Error> {
        let ([logits], [out]) = (rows.inputs, rows.outputs);
        let pairs = logits.chunks_exact(self.k).zip(data(self.x, self.k, rows.first));
        for ((logits, x), out) in pairs.zip(out) {
            *out = T::zero();
            // A loop and not a sum of a map: a closure would be compiled without the instructions of the level.
            for (logits, x) in logits.chunks(BLOCK).zip(x.chunks(BLOCK)) {
                *out = *out + block_log_prob::<T, FMA>(logits, x);
            }
        }
        Ok(())
    }
}

/// So short that the product of a lane's factors, each at most two, is at most 2^16.
const BLOCK: usize = LANES * LANES;

/// The terms of a block, with `softplus(l) = max(l, 0) + ln(1 + e^−|l|)`. The logarithms of a lane are one logarithm of a
/// product.
#[inline(always)]
fn block_log_prob<T: Real, const FMA: bool>(logits: &[T], x: &[T]) -> T {
    let (mut linear, mut product) = ([T::zero(); LANES], [T::one(); LANES]);
    let ((vectors, rest), (data, data_rest)) = (logits.as_chunks::<LANES>(), x.as_chunks::<LANES>());
    for (logits, x) in vectors.iter().zip(data) {
        for lane in 0..LANES {
            let (term, factor) = parts::<T, FMA>(logits[lane], x[lane]);
            linear[lane] = linear[lane] + term;
            product[lane] = product[lane] * factor;
        }
    }
    for (lane, (&logit, &x)) in rest.iter().zip(data_rest).enumerate() {
        let (term, factor) = parts::<T, FMA>(logit, x);
        linear[lane] = linear[lane] + term;
        product[lane] = product[lane] * factor;
    }
    let mut total = T::zero();
    for lane in 0..LANES {
        total = total + (linear[lane] - product[lane].lane_ln::<FMA>());
    }
    total
}

#[inline(always)]
fn parts<T: Real, const FMA: bool>(logit: T, x: T) -> (T, T) {
    let positive = if logit > T::zero() { logit } else { T::zero() };
    (x * logit - positive, T::one() + (-logit.abs()).lane_exp::<FMA>())
}

#[derive(Clone, Copy)]
struct Vjp<'a, T> {
    x: &'a [T],
    k: usize,
}

impl<T: Real> RowKernel<T, 2, 1> for Vjp<'_, T> {
    #[inline(always)]
    fn run<const FMA: bool>(self, rows: Rows<'_, T, 2, 1>) -> Result<(), Error> {
        let ([logits, d], [out]) = (rows.inputs, rows.outputs);
        let pairs = logits.chunks_exact(self.k).zip(data(self.x, self.k, rows.first));
        for (((logits, x), out), &d) in pairs.zip(out.chunks_exact_mut(self.k)).zip(d) {
            for ((out, &logit), &x) in out.iter_mut().zip(logits).zip(x) {
                *out = (x - sigmoid::<T, FMA>(logit)) * d;
            }
        }
        Ok(())
    }
}

#[inline(always)]
fn sigmoid<T: Real, const FMA: bool>(logit: T) -> T {
    let e = (-logit.abs()).lane_exp::<FMA>();
    let larger = T::one() / (T::one() + e);
    if logit < T::zero() { e * larger } else { larger }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Stream, noise};

    fn example(rows: usize, k: usize) -> (Vec<f64>, Vec<f64>) {
        let (mut logits, mut x) = (vec![0.0; rows * k], vec![0.0; k]);
        noise::logistic(Stream::new(1), &mut logits);
        noise::uniform(Stream::new(2), &mut x);
        (logits, x.into_iter().map(|u| f64::from(u8::from(u < 0.4))).collect())
    }

    #[test]
    fn log_prob_equals_the_formula_for_every_length() {
        for k in (1..67).chain([255, 256, 257, 784]) {
            let (logits, x) = example(3, k);
            let mut out = [0.0; 3];
            bernoulli_log_prob(&logits, &x, k, &mut out).unwrap();
            for (row, out) in logits.chunks(k).zip(out) {
                let direct: f64 = row.iter().zip(&x).map(|(l, x)| x * l - l.exp().ln_1p()).sum();
                assert!((out - direct).abs() < 1e-12 * (1.0 + direct.abs()), "k {k}: {out} against {direct}");
            }
        }
    }

    #[test]
    fn single_precision_agrees_with_double() {
        let (logits, x) = example(4, 784);
        let narrow = |values: &[f64]| values.iter().map(|&v| v as f32).collect::<Vec<_>>();
        let (mut wide, mut single) = ([0.0; 4], [0.0; 4]);
        bernoulli_log_prob(&logits, &x, 784, &mut wide).unwrap();
        bernoulli_log_prob(&narrow(&logits), &narrow(&x), 784, &mut single).unwrap();
        for (single, wide) in single.into_iter().zip(wide) {
            assert!((f64::from(single) - wide).abs() < 2e-6 * wide.abs(), "{single} against {wide}");
        }
    }

    #[test]
    fn vjp_equals_finite_differences() {
        let (logits, x) = example(2, 20);
        let d = [1.5, -0.5];
        let mut analytic = vec![0.0; 40];
        bernoulli_log_prob_vjp(&logits, &x, &d, 20, &mut analytic).unwrap();
        let loss = |logits: &[f64]| {
            let mut out = [0.0; 2];
            bernoulli_log_prob(logits, &x, 20, &mut out).unwrap();
            out[0] * d[0] + out[1] * d[1]
        };
        for (index, slope) in analytic.iter().enumerate() {
            let moved = |step: f64| {
                let mut logits = logits.clone();
                logits[index] += step;
                loss(&logits)
            };
            let difference = (moved(1e-6) - moved(-1e-6)) / 2e-6;
            assert!((difference - slope).abs() < 1e-7, "{index}: {difference} against {slope}");
        }
    }

    #[test]
    fn shared_data_is_paired_with_the_same_rows_on_threads() {
        let (logits, x) = example(900, 100);
        let both = [&x[..], &x[..]].concat();
        let (mut shared, mut alone) = (vec![0.0; 900], [0.0; 1]);
        bernoulli_log_prob(&logits, &both, 100, &mut shared).unwrap();
        for (row, shared) in logits.chunks(100).zip(shared) {
            bernoulli_log_prob(row, &x, 100, &mut alone).unwrap();
            assert_eq!(alone[0], shared);
        }
    }

    #[test]
    fn large_logits_give_finite_results() {
        let mut out = [0.0f32; 1];
        bernoulli_log_prob(&[3e38, -3e38, 200.0, -200.0], &[1.0, 0.0, 0.0, 1.0], 4, &mut out).unwrap();
        assert_eq!(out, [-400.0]);
    }

    #[test]
    #[should_panic(expected = "3 rows of logits for 2 rows of data")]
    fn rows_of_logits_must_be_a_multiple_of_rows_of_data() {
        bernoulli_log_prob(&[0.0; 6], &[0.0; 4], 2, &mut [0.0; 3]).unwrap();
    }
}
