//! The categorical distribution with unnormalised logits: log-probability, entropy and divergence.
//!
//! `p = softmax(logits)`; a logit of −∞ is a category of probability exactly 0, and 0 · ln 0 = 0.

use crate::Real;
use crate::error::Error;
use crate::reduce::{sum_of, sum_of_pairs};
use crate::rows::{count_rows, same_length};
use crate::softmax::{shifted_sum, unless_masked, weighted};

/// Log-probability of one category in each row.
///
/// ```text
/// out[r] = logits[r, index[r]] − ln Σⱼ exp(logits[r, j])
/// ```
///
/// −∞ for a masked category, and only there (as in [`log_softmax`](crate::log_softmax)).
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
/// gumbel_kernels::categorical::log_prob(&[3f64.ln(), 0.0], 2, &[0], &mut out)?;
/// assert!((out[0] - 0.75f64.ln()).abs() < 1e-15);
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
pub fn log_prob<T: Real>(logits: &[T], k: usize, index: &[u32], out: &mut [T]) -> Result<(), Error> {
    let rows = count_rows(logits.len(), k)?;
    same_length("index", index.len(), rows);
    same_length("out", out.len(), rows);
    for (row, ((logits, &index), out)) in logits.chunks_exact(k).zip(index).zip(out).enumerate() {
        let (max, sum) = shifted_sum(row, logits)?;
        let logit = *logits.get(index as usize).ok_or(Error::Index { row, index, categories: k })?;
        *out = unless_masked(logit, logit - max - sum.ln());
    }
    Ok(())
}

/// Entropy of each row, in nats.
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
    same_length("out", out.len(), count_rows(logits.len(), k)?);
    for (row, (logits, out)) in logits.chunks_exact(k).zip(out).enumerate() {
        let (max, sum) = shifted_sum(row, logits)?;
        // With gaps d = l − max ≤ 0: H = ln Σ e^d − Σ d e^d / Σ e^d, where both parts are ≥ 0.
        let weighted_gaps = sum_of(logits, |logit| weighted((logit - max).exp(), logit - max));
        *out = sum.ln() - weighted_gaps / sum;
    }
    Ok(())
}

/// Kullback-Leibler divergence of each row's two distributions, in nats.
///
/// ```text
/// out[r] = Σᵢ pᵢ (ln pᵢ − ln qᵢ),   p = softmax(p_logits[r]),  q = softmax(q_logits[r])
/// ```
///
/// Never negative. +∞ where `q` masks a category that `p` does not, however improbable `p` holds it.
///
/// # Shapes
/// `p_logits`, `q_logits` `[rows, k]`; `out` `[rows]`.
///
/// # Errors
/// [`Error::Logit`], [`Error::AllMasked`] (of either), [`Error::Categories`].
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
pub fn kl<T: Real>(p_logits: &[T], q_logits: &[T], k: usize, out: &mut [T]) -> Result<(), Error> {
    same_length("out", out.len(), count_rows(p_logits.len(), k)?);
    same_length("q_logits", q_logits.len(), p_logits.len());
    let pairs = p_logits.chunks_exact(k).zip(q_logits.chunks_exact(k));
    for (row, ((p, q), out)) in pairs.zip(out).enumerate() {
        let log_p = LogProbs::new(row, p)?;
        let log_q = LogProbs::new(row, q)?;
        let divergence = sum_of_pairs(p, q, |p, q| divergence_term(log_p.of(p), log_q.of(q)));
        *out = divergence.max(T::zero());
    }
    Ok(())
}

/// `p (ln p − ln q)`.
fn divergence_term<T: Real>(log_p: T, log_q: T) -> T {
    let masked = T::neg_infinity();
    match (log_p == masked, log_q == masked) {
        (true, _) => T::zero(),
        (false, true) => T::infinity(),
        (false, false) => log_p.exp() * (log_p - log_q),
    }
}

/// A row's normaliser, kept apart from its maximum for precision.
struct LogProbs<T> {
    max: T,
    log_sum: T,
}

impl<T: Real> LogProbs<T> {
    fn new(row: usize, logits: &[T]) -> Result<Self, Error> {
        let (max, sum) = shifted_sum(row, logits)?;
        Ok(Self { max, log_sum: sum.ln() })
    }

    fn of(&self, logit: T) -> T {
        unless_masked(logit, logit - self.max - self.log_sum)
    }
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

    /// From the definitions with 30-digit mpmath numbers.
    #[test]
    fn golden_values() {
        assert!((entropy_of(&logs(&[2.0, 1.0, 0.5])) - 0.9556998911125343).abs() < 1e-15);
        assert!((kl_of(&logs(&[2.0, 1.0, 0.5]), &[7.0; 3]) - 0.1429123975555754).abs() < 1e-15);
        assert!((entropy_of(&logs(&[1.0, 2.0, 3.0, 4.0])) - 1.2798542258336674).abs() < 1e-15);
        let divergence = kl_of(&logs(&[1.0, 2.0, 3.0, 4.0]), &logs(&[4.0, 3.0, 2.0, 1.0]));
        assert!((divergence - 0.45643481914678363).abs() < 1e-15);
    }

    #[test]
    fn masks_count_for_nothing() {
        assert_eq!(entropy_of(&[0.0, MASK, 0.0]), 2f64.ln());
        assert_eq!(entropy_of(&[5.0, MASK]), 0.0);
        assert_eq!(kl_of(&[0.0, MASK], &[0.0, MASK]), 0.0);
        assert_eq!(kl_of(&[0.0, MASK], &[0.0, 0.0]), 2f64.ln());
        let mut out = [0.0];
        log_prob(&[1.0, MASK], 2, &[1], &mut out).unwrap();
        assert_eq!(out, [MASK]);
    }

    #[test]
    fn divergence_is_infinite_where_only_q_masks() {
        assert_eq!(kl_of(&[0.0, 0.0], &[0.0, MASK]), f64::INFINITY);
        assert_eq!(kl_of(&[0.0, -1e9], &[0.0, MASK]), f64::INFINITY); // even if p is 0 in floats
    }

    #[test]
    fn extremes_stay_numbers() {
        let huge = f64::MAX;
        assert_eq!(entropy_of(&[huge, -huge, 0.0]), 0.0);
        assert_eq!(kl_of(&[huge, -huge], &[huge, -huge]), 0.0);
        assert_eq!(kl_of(&[huge, -huge], &[-huge, huge]), huge); // the lowest log-probability is finite
    }

    #[test]
    fn index_must_be_a_category() {
        let error = log_prob(&[0.0; 4], 2, &[1, 2], &mut [0.0; 2]).unwrap_err();
        assert_eq!(error, Error::Index { row: 1, index: 2, categories: 2 });
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
    fn either_argument_can_be_refused() {
        let refused = Err(Error::AllMasked { row: 0 });
        assert_eq!(kl(&[0.0; 2], &[MASK; 2], 2, &mut [0.0]), refused);
        assert_eq!(kl(&[MASK; 2], &[0.0; 2], 2, &mut [0.0]), refused);
        assert_eq!(entropy(&[MASK; 2], 2, &mut [0.0]), refused);
    }

    #[test]
    fn entropy_of_uniform_is_the_logarithm_of_the_number() {
        for k in 1..67 {
            let error = entropy_of(&vec![-3.0; k]) - (k as f64).ln();
            assert!(error.abs() < 1e-15, "k = {k}");
        }
    }

    proptest! {
        #[test]
        fn agree_with_direct_sums(pairs in prop::collection::vec((-9.0..9.0f64, -9.0..9.0f64), 1..67)) {
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
                log_prob(&a, a.len(), &[index as u32], &mut out).unwrap();
                prop_assert!((out[0] - p.ln()).abs() < 1e-13);
            }
        }
    }
}
