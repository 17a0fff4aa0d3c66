//! The relaxed top-k of one row: `count` softmaxes in sequence, each over the probability that the previous ones left.

use crate::number::masked::weighted;
use std::iter::zip;

/// One of the softmaxes, `a = softmax(α / τ)`.
struct Step {
    /// `(α − α_top) / τ`.
    gaps: Vec<f64>,
    a: Vec<f64>,
    /// The index of its largest entry.
    top: usize,
    /// `a / (1 − a_top)`: the softmax of the other entries; 0 at the top itself.
    share: Vec<f64>,
    /// `ln(1 − a)`.
    log_left: Vec<f64>,
}

impl Step {
    fn of(alpha: &[f64], tau: f64) -> Self {
        let top = (0..alpha.len()).fold(0, |top, i| if alpha[i] > alpha[top] { i } else { top });
        // Masks are lower still, and sums of a few of these are finite.
        let gap = |&alpha_i: &f64| match alpha_i {
            f64::NEG_INFINITY => alpha_i,
            _ => ((alpha_i - alpha[top]) / tau).max(-1e300),
        };
        let gaps: Vec<f64> = alpha.iter().map(gap).collect();
        let a = softmax(&gaps).0;
        let others: Vec<f64> =
            (0..gaps.len()).map(|i| if i == top { f64::NEG_INFINITY } else { gaps[i] }).collect();
        let (share, log_others) = softmax(&others);
        let mut log_left: Vec<f64> = a.iter().map(|&a| (-a).ln_1p()).collect();
        // At the top, 1 − a can round to 0, but its logarithm is known from the others.
        log_left[top] = log_others - softmax(&gaps).1;
        Self { gaps, a, top, share, log_left }
    }

    /// The cotangent of `α / τ` from those of `a` and of `ln(1 − a)`. What has weight 0 has no effect, even if it is NaN.
    fn pull_back(&self, d: &[f64], lambda: &[f64]) -> Vec<f64> {
        let Self { a, top, share, .. } = self;
        let mean: f64 = zip(a, d).map(|(&a, &d)| weighted(a, d)).sum();
        let odds = |i: usize| if i == *top { 0.0 } else { lambda[i] * a[i] / (1.0 - a[i]) };
        let total = (0..a.len()).map(odds).sum::<f64>() - lambda[*top];
        let product = |i: usize| weighted(a[i], d[i] - mean + total) - odds(i) + lambda[*top] * share[i];
        (0..a.len()).map(product).collect()
    }

    /// The derivatives of `a` and of `ln(1 − a)` in τ from those of `α`.
    fn push(&self, alpha: &[f64], tau: f64) -> (Vec<f64>, Vec<f64>) {
        let Self { gaps, a, top, share, .. } = self;
        let moved: Vec<f64> = zip(gaps, alpha).map(|(gap, of)| (of - alpha[*top] - gap) / tau).collect();
        let mean = |weights: &[f64]| zip(weights, &moved).map(|(&w, &moved)| weighted(w, moved)).sum::<f64>();
        let (all, others) = (mean(a), mean(share));
        let slope = |i: usize| weighted(a[i], moved[i] - all);
        let left = |i: usize| if i == *top { others - all } else { -slope(i) / (1.0 - a[i]) };
        ((0..a.len()).map(slope).collect(), (0..a.len()).map(left).collect())
    }
}

/// The softmax and the logarithm of its denominator; zeros for a row of only masks.
fn softmax(gaps: &[f64]) -> (Vec<f64>, f64) {
    let largest = gaps.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if largest == f64::NEG_INFINITY {
        return (vec![0.0; gaps.len()], largest);
    }
    let weights: Vec<f64> = gaps.iter().map(|gap| (gap - largest).exp()).collect();
    let total: f64 = weights.iter().sum();
    (weights.into_iter().map(|weight| weight / total).collect(), largest + total.ln())
}

fn steps(keys: &[f64], count: usize, tau: f64) -> Vec<Step> {
    let mut alpha = keys.to_vec();
    let next = |_| {
        let step = Step::of(&alpha, tau);
        alpha.iter_mut().zip(&step.log_left).for_each(|(alpha, left)| *alpha += left);
        step
    };
    (0..count).map(next).collect()
}

pub(super) fn forward(keys: &[f64], count: usize, tau: f64) -> Vec<f64> {
    let mut sum = vec![0.0; keys.len()];
    for step in steps(keys, count, tau) {
        sum.iter_mut().zip(step.a).for_each(|(sum, a)| *sum += a);
    }
    sum
}

/// The largest slope. That of a tie is in proportion to `tau^−count`, and what is beyond the range becomes the largest number
/// of which a sum over the row is finite, so that no infinity meets another.
fn limit(keys: &[f64]) -> f64 {
    f64::MAX / (8.0 * (keys.len() as f64 + 1.0))
}

/// The cotangent of the keys from that of [`forward`].
pub(super) fn pull_back(keys: &[f64], d: &[f64], count: usize, tau: f64) -> Vec<f64> {
    let limit = limit(keys);
    let mut lambda = vec![0.0; keys.len()];
    let d: Vec<f64> = d.iter().map(|d| d.clamp(-limit, limit)).collect();
    for step in steps(keys, count, tau).into_iter().rev() {
        let more = step.pull_back(&d, &lambda);
        for (lambda, more) in lambda.iter_mut().zip(more) {
            *lambda = (*lambda + (more / tau).clamp(-limit, limit)).clamp(-limit, limit);
        }
    }
    lambda
}

/// The derivative of [`forward`] in τ.
pub(super) fn tau_derivative(keys: &[f64], count: usize, tau: f64) -> Vec<f64> {
    let limit = limit(keys);
    let (mut alpha, mut sum) = (vec![0.0; keys.len()], vec![0.0; keys.len()]);
    for step in steps(keys, count, tau) {
        let (slopes, left) = step.push(&alpha, tau);
        for (total, more) in zip(&mut sum, slopes).chain(zip(&mut alpha, left)) {
            *total = (*total + more.clamp(-limit, limit)).clamp(-limit, limit);
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_likely_category_exceeds_one_at_high_temperature() {
        // a¹ = 0.9, then 0.09 / (0.09 + 2 · 0.0475).
        let soft = forward(&[0.9f64.ln(), 0.05f64.ln(), 0.05f64.ln()], 2, 1.0);
        assert!((soft[0] - (0.9 + 0.09 / 0.185)).abs() < 1e-15, "{soft:?}");
    }

    #[test]
    fn pull_back_equals_finite_differences() {
        let (keys, d, h) = ([0.3, -1.0, 2.0, f64::NEG_INFINITY, 0.9], [1.0, -2.0, 0.5, 7.0, 0.3], 1e-6);
        for (count, tau) in [(1, 0.5), (2, 0.3), (3, 1.0), (4, 2.0)] {
            let slope = pull_back(&keys, &d, count, tau);
            let score = |i: usize, by: f64| {
                let mut keys = keys;
                keys[i] += by;
                zip(forward(&keys, count, tau), d).map(|(soft, d)| soft * d).sum::<f64>()
            };
            for (i, slope) in slope.into_iter().enumerate() {
                let difference = (score(i, h) - score(i, -h)) / (2.0 * h);
                assert!((slope - difference).abs() < 1e-8, "{count} at {tau}, {i}: {slope}, {difference}");
            }
        }
    }

    #[test]
    fn the_derivative_in_the_temperature_equals_finite_differences() {
        let keys = [0.3, -1.0, 2.0, f64::NEG_INFINITY, 0.9];
        for (count, tau) in [(1, 0.5), (2, 0.3), (3, 1.0), (4, 2.0)] {
            let h = 1e-6 * tau;
            let [above, below] = [tau + h, tau - h].map(|tau| forward(&keys, count, tau));
            let slopes = tau_derivative(&keys, count, tau);
            for (i, (above, below)) in zip(above, below).enumerate() {
                let difference = (above - below) / (2.0 * h);
                assert!(
                    (slopes[i] - difference).abs() < 1e-8,
                    "{count} at {tau}, {i}: {}, {difference}",
                    slopes[i]
                );
            }
        }
        let cold = tau_derivative(&keys, 2, 1e-200);
        assert!(cold.iter().all(|slope| slope.is_finite()), "{cold:?}");
    }
}
