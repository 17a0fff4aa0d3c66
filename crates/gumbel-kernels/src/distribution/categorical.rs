//! The categorical distribution with unnormalised logits: log-probability, entropy and divergence, in nats.
//!
//! `p = softmax(logits)`. A logit of −∞ is a category of probability exactly 0, and 0 · ln 0 = 0.

use crate::Real;
use crate::error::{Error, logit_error};
use crate::number::masked::unless_masked;
use crate::parallel::block::map_rows;
use crate::parallel::lanes::sum_of_pairs;
use crate::parallel::rows::{RowKernel, Rows, count_rows, same_length};
use crate::parallel::source::first_row_error;
use crate::softmax::shifted::{Shifted, step};

/// Log-probability of one category in each row, in nats.
///
/// ```text
/// out[r] = logits[r, index[r]] − ln Σⱼ exp(logits[r, j])
/// ```
///
/// −∞ exactly for a masked category, as in [`log_softmax`](crate::log_softmax).
///
/// # Shapes
/// `logits` `[rows, k]`; `index`, `out` `[rows]`.
///
/// # Errors
/// [`Error::Index`] for an index that is not below `k`; [`Error::Logit`], [`Error::AllMasked`],
/// [`Error::Categories`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// let mut out = [0.0];
/// gumbel_kernels::categorical::log_prob(&[3f64.ln(), 0.0], &[0], 2, &mut out)?;
/// assert!((out[0] - 0.75f64.ln()).abs() < 1e-15);
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
pub fn log_prob<T: Real>(logits: &[T], index: &[u32], k: usize, out: &mut [T]) -> Result<(), Error> {
    let count = count_rows(logits.len(), k)?;
    same_length("index", index.len(), count);
    same_length("out", out.len(), count);
    Rows { first: 0, count, inputs: [logits], outputs: [out], indices: &mut [] }.run(LogProb { index, k })
}

#[derive(Clone, Copy)]
struct LogProb<'a> {
    index: &'a [u32],
    k: usize,
}

impl<T: Real> RowKernel<T, 1, 1> for LogProb<'_> {
    #[inline(always)]
    fn run<const FMA: bool>(self, rows: Rows<'_, T, 1, 1>) -> Result<(), Error> {
        let (k, [logits], [out], mut shifted) = (self.k, rows.inputs, rows.outputs, Shifted::new(self.k));
        let (step, mut first) = (step(k), rows.first);
        for (logits, out) in logits.chunks(step).zip(out.chunks_mut(step / k)) {
            let index = &self.index[first..][..out.len()];
            if !(shifted.set::<FMA>(logits) && pick(logits, k, index, out)) {
                return Err(index_error(first, logits, k, index));
            }
            for ((out, &max), &sum) in out.iter_mut().zip(&shifted.max).zip(&shifted.sum) {
                *out = unless_masked(*out, *out - max - sum.lane_ln_normal::<FMA>());
            }
            first += out.len();
        }
        Ok(())
    }
}

/// Writes the logit at the index of each row; false if an index is not that of a category.
#[inline(always)]
fn pick<T: Real>(logits: &[T], k: usize, index: &[u32], out: &mut [T]) -> bool {
    let mut valid = true;
    for ((out, row), &index) in out.iter_mut().zip(logits.chunks_exact(k)).zip(index) {
        valid &= (index as usize) < k;
        *out = row[(index as usize).min(k - 1)];
    }
    valid
}

/// The error of the first row that has an invalid logit or index.
#[cold]
fn index_error<T: Real>(first: usize, logits: &[T], k: usize, index: &[u32]) -> Error {
    let invalid = index.iter().position(|&index| index as usize >= k);
    match invalid {
        Some(row) if rows_are_valid(&logits[..(row + 1) * k], k) => {
            Error::Index { row: first + row, index: index[row], categories: k }
        }
        _ => first_row_error(first, logits, k),
    }
}

fn rows_are_valid<T: Real>(logits: &[T], k: usize) -> bool {
    logits.chunks_exact(k).all(|row| logit_error(0, row).is_none())
}

/// Entropy of the distribution of each row, in nats.
///
/// ```text
/// out[r] = −Σᵢ pᵢ ln pᵢ,   p = softmax(logits[r])
/// ```
///
/// # Shapes
/// `logits` `[rows, k]`, `out` `[rows]`.
///
/// # Errors
/// [`Error::Logit`], [`Error::AllMasked`], [`Error::Categories`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// let mut out = [0.0];
/// gumbel_kernels::categorical::entropy(&[5.0; 4], 4, &mut out)?;
/// assert_eq!(out[0], 4f64.ln()); // uniform
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
pub fn entropy<T: Real>(logits: &[T], k: usize, out: &mut [T]) -> Result<(), Error> {
    let count = count_rows(logits.len(), k)?;
    same_length("out", out.len(), count);
    Rows { first: 0, count, inputs: [logits], outputs: [out], indices: &mut [] }.run(Entropy { k })
}

#[derive(Clone, Copy)]
struct Entropy {
    k: usize,
}

impl<T: Real> RowKernel<T, 1, 1> for Entropy {
    #[inline(always)]
    fn run<const FMA: bool>(self, rows: Rows<'_, T, 1, 1>) -> Result<(), Error> {
        let (k, [logits], [out], mut shifted) = (self.k, rows.inputs, rows.outputs, Shifted::new(self.k));
        let (step, mut first) = (step(k), rows.first);
        for (logits, out) in logits.chunks(step).zip(out.chunks_mut(step / k)) {
            if !shifted.set::<FMA>(logits) {
                return Err(first_row_error(first, logits, k));
            }
            shifted.weighted_gaps::<FMA>(logits, out);
            for (out, &sum) in out.iter_mut().zip(&shifted.sum) {
                // With gaps d = l − max ≤ 0, H = ln Σ e^d − Σ d e^d / Σ e^d, where both parts are ≥ 0.
                *out = sum.lane_ln_normal::<FMA>() - *out / sum;
            }
            first += out.len();
        }
        Ok(())
    }
}

/// Kullback-Leibler divergence KL(p ‖ q) of the two distributions of each row, in nats.
///
/// ```text
/// out[r] = Σᵢ pᵢ (ln pᵢ − ln qᵢ),   p = softmax(p_logits[r]),  q = softmax(q_logits[r])
/// ```
///
/// Never negative. +∞ if `q` masks a category that `p` does not, however improbable it is under `p`.
///
/// # Shapes
/// `p_logits`, `q_logits` `[rows, k]`; `out` `[rows]`.
///
/// # Errors
/// [`Error::Logit`], [`Error::AllMasked`], [`Error::Categories`], for either argument.
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// let mut out = [0.0];
/// let p = [2f64.ln(), 0.0, 0.5f64.ln()];
/// gumbel_kernels::categorical::kl(&p, &[0.0; 3], 3, &mut out)?;
/// assert!((out[0] - 0.142912).abs() < 1e-6);
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
#[doc(alias = "kullback_leibler")]
#[doc(alias = "relative entropy")]
pub fn kl<T: Real>(p_logits: &[T], q_logits: &[T], k: usize, out: &mut [T]) -> Result<(), Error> {
    let count = count_rows(p_logits.len(), k)?;
    same_length("out", out.len(), count);
    same_length("q_logits", q_logits.len(), p_logits.len());
    let inputs = [p_logits, q_logits];
    Rows { first: 0, count, inputs, outputs: [out], indices: &mut [] }.run(Divergence { k })
}

#[derive(Clone, Copy)]
struct Divergence {
    k: usize,
}

impl<T: Real> RowKernel<T, 2, 1> for Divergence {
    #[inline(always)]
    fn run<const FMA: bool>(self, rows: Rows<'_, T, 2, 1>) -> Result<(), Error> {
        let (k, [p, q], [out]) = (self.k, rows.inputs, rows.outputs);
        let (mut of_p, mut of_q, step, mut first) = (Shifted::new(k), Shifted::new(k), step(k), rows.first);
        for ((p, q), out) in p.chunks(step).zip(q.chunks(step)).zip(out.chunks_mut(step / k)) {
            // Both are set before the check, so that the error is that of the first row, in either argument.
            let valid = [of_p.set::<FMA>(p), of_q.set::<FMA>(q)];
            if valid != [true; 2] {
                return Err(pair_error(first, p, q, k));
            }
            divergences::<T, FMA>([p, q], [&mut of_p, &mut of_q], out);
            for out in &mut *out {
                *out = if *out > T::zero() { *out } else { T::zero() };
            }
            first += out.len();
        }
        Ok(())
    }
}

/// The error of the first row that is invalid in either argument.
#[cold]
fn pair_error<T: Real>(first: usize, p: &[T], q: &[T], k: usize) -> Error {
    let rows = p.chunks_exact(k).zip(q.chunks_exact(k)).enumerate();
    let mut errors =
        rows.flat_map(|(row, (p, q))| [logit_error(first + row, p), logit_error(first + row, q)]).flatten();
    errors.next().expect("valid logits give a finite maximum and a finite sum")
}

#[inline(always)]
fn divergences<T: Real, const FMA: bool>([p, q]: [&[T]; 2], of: [&mut Shifted<T>; 2], out: &mut [T]) {
    let ([of_p, of_q], k) = (of, p.len() / out.len());
    of_p.log_sums::<FMA>(out.len());
    of_q.log_sums::<FMA>(out.len());
    if !of_p.short() {
        let (max, log_sum) = ([of_p.max[0], of_q.max[0]], [of_p.sum[0], of_q.sum[0]]);
        out[0] = sum_of_pairs(p, q, |p, q| divergence_term::<T, FMA>([p, q], max, log_sum));
        return;
    }
    for of in [&mut *of_p, &mut *of_q] {
        // The largest of its row and the logarithm of the sum, for each logit.
        map_rows(&of.weights, k, &of.max[..out.len()], &mut of.gaps, |_, max| max);
        map_rows(&of.gaps, k, &of.sum[..out.len()], &mut of.weights, |_, log_sum| log_sum);
    }
    let of_each = of_q.gaps.iter().zip(of_p.weights.iter().zip(of_q.weights.iter())).zip(p.iter().zip(q));
    for (term, ((&max_q, (&log_p, &log_q)), (&p, &q))) in of_p.gaps.iter_mut().zip(of_each) {
        *term = divergence_term::<T, FMA>([p, q], [*term, max_q], [log_p, log_q]);
    }
    of_p.sum_gaps(out);
}

/// `p (ln p − ln q) − p + q` from logits, from the largest of their rows and from the logarithms of the sums of exponentials
/// of the gaps to these. What is added to the textbook's term sums to zero, makes every term positive, and leaves no
/// difference of almost equal numbers. The logits are needed to distinguish a mask from an improbable category.
#[inline(always)]
fn divergence_term<T: Real, const FMA: bool>(
    [p, q]: [T; 2],
    [max_p, max_q]: [T; 2],
    [log_p, log_q]: [T; 2],
) -> T {
    let (between_rows, between_gaps) = (max_p - max_q, (p - max_p) - (q - max_q));
    // Between rows that are almost equal these differences are exact, and an error in the common part has no first order.
    let difference = if between_rows.abs() < T::one() { p - q - between_rows } else { between_gaps };
    let ratio = difference - (log_p - log_q);
    let [ln_p, ln_q] = [p - max_p - log_p, q - max_q - log_q].map(|log| log.max(T::min_value()));
    let (mass_p, mass_q) = (ln_p.lane_exp::<FMA>(), ln_q.lane_exp::<FMA>());
    let near = mass_p * excess(ratio);
    let term = if ratio.abs() < T::from_f64(0.25) { near } else { mass_p * (ln_p - ln_q) - mass_p + mass_q };
    let term = if q == T::neg_infinity() { T::infinity() } else { term };
    let absent = if q == T::neg_infinity() { T::zero() } else { mass_q };
    if p == T::neg_infinity() { absent } else { term }
}

/// `u + e⁻ᵘ − 1` for |u| below 1/4, by its series; the first omitted term is below 1e-16 of the first.
#[inline(always)]
fn excess<T: Real>(u: T) -> T {
    let mut series = T::one();
    let mut n = 13.0;
    while n > 2.0 {
        series = T::one() - series * u * T::from_f64(1.0 / n);
        n -= 1.0;
    }
    u * u * T::from_f64(0.5) * series
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Stream, noise};
    use proptest::prelude::*;

    const MASK: f64 = f64::NEG_INFINITY;

    fn entropy_of(logits: &[f64]) -> f64 {
        let mut out = [f64::NAN];
        entropy(logits, logits.len(), &mut out).unwrap();
        out[0]
    }

    fn kl_of(p: &[f64], q: &[f64]) -> f64 {
        let mut out = [f64::NAN];
        kl(p, q, p.len(), &mut out).unwrap();
        out[0]
    }

    fn logs(weights: &[f64]) -> Vec<f64> {
        weights.iter().map(|w| w.ln()).collect()
    }

    /// From the definitions, in 30-digit mpmath numbers.
    #[test]
    fn golden_values() {
        assert!((entropy_of(&logs(&[2.0, 1.0, 0.5])) - 0.9556998911125343).abs() < 1e-15);
        assert!((kl_of(&logs(&[2.0, 1.0, 0.5]), &[7.0; 3]) - 0.1429123975555754).abs() < 1e-15);
        assert!((entropy_of(&logs(&[1.0, 2.0, 3.0, 4.0])) - 1.2798542258336674).abs() < 1e-15);
        let divergence = kl_of(&logs(&[1.0, 2.0, 3.0, 4.0]), &logs(&[4.0, 3.0, 2.0, 1.0]));
        assert!((divergence - 0.45643481914678363).abs() < 1e-15);
    }

    #[test]
    fn masked_categories_contribute_nothing() {
        assert_eq!(entropy_of(&[0.0, MASK, 0.0]), 2f64.ln());
        assert_eq!(entropy_of(&[5.0, MASK]), 0.0);
        assert_eq!(kl_of(&[0.0, MASK], &[0.0, MASK]), 0.0);
        assert!((kl_of(&[0.0, MASK], &[0.0, 0.0]) - 2f64.ln()).abs() < 1e-15);
        let mut out = [0.0];
        log_prob(&[1.0, MASK], &[1], 2, &mut out).unwrap();
        assert_eq!(out, [MASK]);
    }

    #[test]
    fn divergence_is_infinite_where_only_q_masks() {
        assert_eq!(kl_of(&[0.0, 0.0], &[0.0, MASK]), f64::INFINITY);
        assert_eq!(kl_of(&[0.0, -1e9], &[0.0, MASK]), f64::INFINITY); // even if p rounds to 0
    }

    #[test]
    fn extreme_logits_give_numbers() {
        let huge = f64::MAX;
        assert_eq!(entropy_of(&[huge, -huge, 0.0]), 0.0);
        assert_eq!(kl_of(&[huge, -huge], &[huge, -huge]), 0.0);
        assert_eq!(kl_of(&[huge, -huge], &[-huge, huge]), huge); // the lowest log-probability is finite
    }

    #[test]
    fn index_must_be_a_category() {
        let error = log_prob(&[0.0; 4], &[1, 2], 2, &mut [0.0; 2]).unwrap_err();
        assert_eq!(error, Error::Index { row: 1, index: 2, categories: 2 });
    }

    /// Half the variance of the difference, for small differences.
    #[test]
    fn small_divergences_keep_their_digits() {
        for (seed, scale) in (0..50).flat_map(|seed| [1e-2, 1e-4, 1e-7].map(|scale| (seed, scale))) {
            let mut numbers = vec![0.0f32; 20];
            noise::logistic(Stream::new(seed), &mut numbers);
            let (q, change) = numbers.split_at(10);
            let p: Vec<f32> = q.iter().zip(change).map(|(q, change)| q + change * scale).collect();
            let (wide_p, wide_q) =
                (p.iter().map(|&p| p.into()).collect::<Vec<f64>>(), q.iter().map(|&q| q.into()));
            let wide_q: Vec<f64> = wide_q.collect();
            let mut single = [f32::NAN];
            kl(&p, q, 10, &mut single).unwrap();
            let weights: Vec<f64> = wide_p.iter().map(|p| p.exp()).collect();
            let total: f64 = weights.iter().sum();
            let mean: f64 = (0..10).map(|i| weights[i] / total * (wide_p[i] - wide_q[i])).sum();
            let excess =
                |u: f64| if u.abs() < 1e-3 { u * u / 2.0 - u.powi(3) / 6.0 } else { u + (-u).exp_m1() };
            let exact =
                (0..10).map(|i| weights[i] / total * excess(wide_p[i] - wide_q[i] - mean)).sum::<f64>();
            let exact = exact.ln_1p();
            let error = (f64::from(single[0]) - exact).abs();
            assert!(error <= 1e-3 * exact + 1e-14, "{} for {exact}, seed {seed}, scale {scale}", single[0]);
        }
    }

    #[test]
    fn rows_with_other_common_parts_are_compared_by_their_gaps() {
        for common in [0.0, 1.0, -1e7, 1e300] {
            assert!((kl_of(&[MASK, common], &[200.0, -200.0]) - 400.0).abs() < 1e-12, "{common}");
            assert!(
                (kl_of(&[common, common], &[0.0, 3f64.ln()]) - 0.14384103622589045).abs() < 1e-15,
                "{common}"
            );
        }
    }

    #[test]
    fn rounding_cannot_make_a_divergence_negative() {
        for seed in 0..1000 {
            let mut p = vec![0.0; 10];
            noise::logistic(Stream::new(seed), &mut p);
            let q: Vec<f64> = p.iter().map(|p| p * (1.0 + 1e-12)).collect();
            assert!(kl_of(&p, &q) >= 0.0);
        }
    }

    #[test]
    fn invalid_logits_in_either_argument_are_rejected() {
        let error = Err(Error::AllMasked { row: 0 });
        assert_eq!(kl(&[0.0; 2], &[MASK; 2], 2, &mut [0.0]), error);
        assert_eq!(kl(&[MASK; 2], &[0.0; 2], 2, &mut [0.0]), error);
        assert_eq!(entropy(&[MASK; 2], 2, &mut [0.0]), error);
    }

    #[test]
    fn entropy_of_the_uniform_distribution_is_ln_k() {
        for k in 1..67 {
            let error = entropy_of(&vec![-3.0; k]) - (k as f64).ln();
            assert!(error.abs() < 1e-15, "k = {k}");
        }
    }

    proptest! {
        #[test]
        fn results_equal_direct_sums(pairs in prop::collection::vec((-9.0..9.0f64, -9.0..9.0f64), 1..67)) {
            let (a, b): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
            let probabilities = |logits: &[f64]| {
                let sum: f64 = logits.iter().map(|l| l.exp()).sum();
                logits.iter().map(|l| l.exp() / sum).collect::<Vec<f64>>()
            };
            let (p, q) = (probabilities(&a), probabilities(&b));
            let direct: f64 = -p.iter().map(|p| p * p.ln()).sum::<f64>();
            prop_assert!((entropy_of(&a) - direct).abs() < 1e-13);
            let direct: f64 = p.iter().zip(&q).map(|(p, q)| p * (p / q).ln()).sum();
            prop_assert!((kl_of(&a, &b) - direct).abs() < 1e-12);
            prop_assert!(kl_of(&a, &b) >= 0.0 && kl_of(&a, &a) == 0.0);
            for (index, p) in p.iter().enumerate() {
                let mut out = [0.0];
                log_prob(&a, &[index as u32], a.len(), &mut out).unwrap();
                prop_assert!((out[0] - p.ln()).abs() < 1e-13);
            }
        }
    }
}
