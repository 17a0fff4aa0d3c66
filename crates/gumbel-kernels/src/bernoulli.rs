//! The likelihood of binary data under independent Bernoulli variables, from their logits.

use crate::error::Error;
use crate::real::Real;
use crate::rows::{count_rows, same_length};

/// `ln p(x)` of each row of `x` under Bernoulli variables with log-odds `logits`.
///
/// ```text
/// out[r] = Σᵢ xᵢ lᵢ − softplus(lᵢ),   softplus(l) = ln(1 + eˡ)
/// ```
///
/// `x` is any number, usually 0 or 1 (a grey level in between gives the cross-entropy). Finite for any finite
/// logit; a NaN gives NaN.
///
/// # Shapes
/// `logits` [rows, k]; `x` [n, k] with n a divisor of rows: its rows are used again and again, as when S samples
/// share the data; `out` [rows].
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
pub fn bernoulli_log_prob<T: Real>(logits: &[T], x: &[T], k: usize, out: &mut [T]) -> Result<(), Error> {
    same_length("out", out.len(), rows_of(logits, x, k)?);
    for ((logits, x), out) in logits.chunks_exact(k).zip(x.chunks_exact(k).cycle()).zip(out) {
        *out = row_log_prob(logits, x);
    }
    Ok(())
}

/// Vector-Jacobian product of [`bernoulli_log_prob`] in the logits.
///
/// ```text
/// out[r, i] = (x[r, i] − σ(l[r, i])) · d[r]
/// ```
///
/// # Shapes
/// As [`bernoulli_log_prob`]; `d` [rows], `out` [rows, k].
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
    same_length("d", d.len(), rows_of(logits, x, k)?);
    same_length("out", out.len(), logits.len());
    let rows = logits.chunks_exact(k).zip(x.chunks_exact(k).cycle());
    for (((logits, x), out), &d) in rows.zip(out.chunks_exact_mut(k)).zip(d) {
        for ((out, &logit), &x) in out.iter_mut().zip(logits).zip(x) {
            *out = (x - sigmoid(logit)) * d;
        }
    }
    Ok(())
}

#[track_caller]
fn rows_of<T>(logits: &[T], x: &[T], k: usize) -> Result<usize, Error> {
    let (rows, data) = (count_rows(logits.len(), k)?, count_rows(x.len(), k)?);
    assert!(
        rows == 0 || data > 0 && rows.is_multiple_of(data),
        "{rows} rows of logits for {data} rows of data"
    );
    Ok(rows)
}

/// Columns that share a lane, so that a product of that many factors below two stays below 2^16.
const LANES: usize = 16;

fn row_log_prob<T: Real>(logits: &[T], x: &[T]) -> T {
    let blocks = logits.chunks(LANES * LANES).zip(x.chunks(LANES * LANES));
    blocks.map(|(logits, x)| block_log_prob(logits, x)).sum()
}

/// `softplus(l) = max(l, 0) + ln(1 + e^−|l|)`; the logarithms of a lane are one logarithm of a product.
fn block_log_prob<T: Real>(logits: &[T], x: &[T]) -> T {
    let (mut linear, mut product) = ([T::zero(); LANES], [T::one(); LANES]);
    for (logits, x) in logits.chunks(LANES).zip(x.chunks(LANES)) {
        for (lane, (&logit, &x)) in logits.iter().zip(x).enumerate() {
            linear[lane] = linear[lane] + (x * logit - logit.max(T::zero()));
            product[lane] = product[lane] * (T::one() + (-logit.abs()).exp());
        }
    }
    linear.into_iter().zip(product).map(|(linear, product)| linear - product.ln()).sum()
}

fn sigmoid<T: Real>(logit: T) -> T {
    let e = (-logit.abs()).exp();
    let larger = T::one() / (T::one() + e);
    if logit < T::zero() { e * larger } else { larger }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Stream, noise};

    fn data(rows: usize, k: usize) -> (Vec<f64>, Vec<f64>) {
        let (mut logits, mut x) = (vec![0.0; rows * k], vec![0.0; k]);
        noise::logistic(Stream::new(1), &mut logits);
        noise::uniform(Stream::new(2), &mut x);
        (logits, x.into_iter().map(|u| f64::from(u8::from(u < 0.4))).collect())
    }

    #[test]
    fn agrees_with_the_formula_for_every_length() {
        for k in (1..67).chain([255, 256, 257, 784]) {
            let (logits, x) = data(3, k);
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
        let (logits, x) = data(4, 784);
        let narrow = |values: &[f64]| values.iter().map(|&v| v as f32).collect::<Vec<_>>();
        let (mut wide, mut single) = ([0.0; 4], [0.0; 4]);
        bernoulli_log_prob(&logits, &x, 784, &mut wide).unwrap();
        bernoulli_log_prob(&narrow(&logits), &narrow(&x), 784, &mut single).unwrap();
        for (single, wide) in single.into_iter().zip(wide) {
            assert!((f64::from(single) - wide).abs() < 2e-6 * wide.abs(), "{single} against {wide}");
        }
    }

    #[test]
    fn the_gradient_is_that_of_finite_differences() {
        let (logits, x) = data(2, 20);
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
    fn far_logits_stay_finite() {
        let mut out = [0.0f32; 1];
        bernoulli_log_prob(&[3e38, -3e38, 200.0, -200.0], &[1.0, 0.0, 0.0, 1.0], 4, &mut out).unwrap();
        assert_eq!(out, [-400.0]);
    }

    #[test]
    #[should_panic(expected = "3 rows of logits for 2 rows of data")]
    fn rows_that_do_not_divide_are_a_mistake() {
        bernoulli_log_prob(&[0.0; 6], &[0.0; 4], 2, &mut [0.0; 3]).unwrap();
    }
}
