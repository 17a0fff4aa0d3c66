//! α-entmax compared with its optimality conditions, its closed forms and finite differences.

use crate::support::{MASK, differences, numbers, output, single, wide};
use gumbel_kernels::*;
use proptest::prelude::*;

const ALPHAS: [f64; 8] = [1.0, 1.0 + 1e-9, 1.1, 1.5, 1.9, 2.0, 2.5, 4.0];

fn projected(logits: &[f64], alpha: f64, tau: f64) -> Vec<f64> {
    output(logits.len(), |out| entmax(logits, logits.len(), alpha, tau, out))
}

/// Sparsemax by sorting (Martins and Astudillo 2016, algorithm 1).
fn sparsemax_by_sorting(logits: &[f64]) -> Vec<f64> {
    let mut sorted = logits.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let (mut sum, mut threshold) = (0.0, 0.0);
    for (count, value) in sorted.iter().enumerate() {
        if 1.0 + (count + 1) as f64 * value <= sum + value {
            break;
        }
        sum += value;
        threshold = (sum - 1.0) / (count + 1) as f64;
    }
    logits.iter().map(|logit| (logit - threshold).max(0.0)).collect()
}

/// The largest violation of the optimality conditions, which are necessary and sufficient: `x − p^(α−1) / (α−1)`
/// (`x − ln p` at α = 1) is constant on the support, and `x` is not above that constant elsewhere.
fn violation(logits: &[f64], p: &[f64], alpha: f64) -> f64 {
    let excess = alpha - 1.0;
    let rest = |p: f64| if excess == 0.0 { p.ln() } else { (excess * p.ln()).exp_m1() / excess };
    let support = logits.iter().zip(p).filter(|(_, p)| **p > 0.0);
    let levels: Vec<f64> = support.map(|(logit, &p)| logit - rest(p)).collect();
    let level = levels.iter().sum::<f64>() / levels.len() as f64;
    let spread = levels.iter().map(|one| (one - level).abs()).fold(0.0, f64::max);
    // At α = 1 a probability is 0 only where it underflows.
    let least = if excess == 0.0 { level - 700.0 } else { level - 1.0 / excess };
    let outside = logits.iter().zip(p).filter(|(_, p)| **p == 0.0);
    outside.map(|(logit, _)| logit - least).fold(spread, f64::max)
}

fn assert_optimal(logits: &[f64], alpha: f64) {
    let p = projected(logits, alpha, 1.0);
    let total: f64 = p.iter().sum();
    assert!((total - 1.0).abs() < 1e-12, "alpha {alpha}: the sum is {total}");
    let violation = violation(logits, &p, alpha);
    let scale = logits.iter().filter(|l| **l > MASK).fold(1.0, |scale: f64, l| scale.max(l.abs()));
    assert!(violation < 1e-8 * scale, "alpha {alpha}: optimality is violated by {violation:e}");
}

#[test]
fn result_is_optimal_for_every_alpha_and_length() {
    for alpha in ALPHAS {
        for (seed, k) in [1, 2, 3, 10, 300, 50_000].into_iter().enumerate() {
            for scale in [0.01, 1.0, 30.0] {
                let logits: Vec<f64> = numbers(seed as u64, k).iter().map(|x| x * scale).collect();
                assert_optimal(&logits, alpha);
            }
        }
        assert_optimal(&[80.0, -80.0, 79.9, 0.0], alpha);
        assert_optimal(&[1.0, 1.0, 1.0, 0.9, MASK], alpha);
    }
}

#[test]
fn alpha_of_one_is_softmax_and_near_one_is_close() {
    let (logits, mut softmaxed) = (numbers(3, 1000), vec![0.0; 1000]);
    softmax(&logits, 1000, &mut softmaxed).unwrap();
    let distance = |alpha| {
        let pairs = projected(&logits, alpha, 1.0).into_iter().zip(softmaxed.clone());
        pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    };
    assert!(distance(1.0) < 1e-15);
    // The first-order change is α − 1 times the derivative in α.
    let mut slope = vec![0.0; 1000];
    entmax_alpha_derivative(&softmaxed, 1000, 1.0, &mut slope).unwrap();
    let steepest = slope.iter().map(|s| s.abs()).fold(0.0, f64::max);
    for excess in [1e-6, 1e-9] {
        assert!((distance(1.0 + excess) / (excess * steepest) - 1.0).abs() < 1e-3, "{excess}");
    }
}

#[test]
fn low_temperature_gives_the_maximum_and_high_the_uniform() {
    let logits = [0.3, 0.7, -80.0, MASK, 0.7 - 1e-9];
    for alpha in ALPHAS {
        assert_eq!(projected(&logits, alpha, 1e-30), [0.0, 1.0, 0.0, 0.0, 0.0], "{alpha}");
        for p in projected(&logits, alpha, 1e30).into_iter().zip(logits) {
            assert!((p.0 - if p.1 == MASK { 0.0 } else { 0.25 }).abs() < 1e-15, "{alpha}: {p:?}");
        }
        assert_eq!(projected(&[MASK, 3.0], alpha, 1.0), [0.0, 1.0]);
        assert_eq!(projected(&[2.0; 4], alpha, 1e-30), [0.25; 4]);
    }
    let far = [f64::MAX, -f64::MAX];
    assert_eq!(projected(&far, 1.5, 1.0), [1.0, 0.0]);
}

#[test]
fn single_precision_is_the_double_rounded() {
    let logits = single(&numbers(5, 400));
    for alpha in [1.0, 1.5, 2.0, 3.0] {
        let mut rounded = vec![0f32; 400];
        entmax(&logits, 40, alpha as f32, 0.5, &mut rounded).unwrap();
        let double = output(400, |out| entmax(&wide(&logits), 40, alpha, 0.5, out));
        assert_eq!(rounded, single(&double));
    }
}

#[test]
fn vjp_equals_finite_differences() {
    let (mut logits, d) = (numbers(8, 12), numbers(9, 12));
    logits[7] = MASK;
    for alpha in ALPHAS {
        for tau in [0.3, 1.0, 5.0] {
            let slopes = differences(&logits, &d, 1e-6, |l| projected(l, alpha, tau));
            let (y, mut product) = (projected(&logits, alpha, tau), vec![f64::NAN; 12]);
            entmax_vjp(&y, &d, 12, alpha, tau, &mut product).unwrap();
            for (index, (product, slope)) in product.iter().zip(slopes).enumerate() {
                let close = (product - slope).abs() < 2e-6 * (1.0 + slope.abs());
                assert!(close, "alpha {alpha}, tau {tau}, {index}: {product}, by differences {slope}");
                assert!(y[index] > 0.0 || *product == 0.0, "{index} is outside the support");
            }
        }
    }
}

#[test]
fn derivative_in_alpha_equals_finite_differences() {
    let logits = numbers(8, 9);
    for alpha in [1.0 + 1e-4, 1.01, 1.3, 1.5, 2.0, 3.0] {
        let step = 1e-5;
        let (up, down) = (projected(&logits, alpha + step, 2.0), projected(&logits, alpha - step, 2.0));
        let mut slope = [f64::NAN; 9];
        entmax_alpha_derivative(&projected(&logits, alpha, 2.0), 9, alpha, &mut slope).unwrap();
        for index in 0..9 {
            let difference = (up[index] - down[index]) / (2.0 * step);
            assert!((difference - slope[index]).abs() < 1e-7, "{alpha}: {difference} and {}", slope[index]);
        }
    }
}

#[test]
fn cotangent_outside_the_support_has_no_effect() {
    let mut product = [f64::NAN; 3];
    entmax_vjp(&[0.75, 0.25, 0.0], &[1.0, 0.0, f64::NAN], 3, 1.5, 1.0, &mut product).unwrap();
    assert!(product.iter().all(|p| p.is_finite()) && product[2] == 0.0);
}

#[test]
fn invalid_arguments_are_errors() {
    let mut out = [0.0; 2];
    for alpha in [0.0, 0.999, -1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(entmax(&[0.0; 2], 2, alpha, 1.0, &mut out), Err(Error::Alpha(_))), "{alpha}");
        assert!(matches!(entmax_vjp(&[0.5; 2], &[0.0; 2], 2, alpha, 1.0, &mut out), Err(Error::Alpha(_))));
        assert!(matches!(entmax_alpha_derivative(&[0.5; 2], 2, alpha, &mut out), Err(Error::Alpha(_))));
    }
    assert_eq!(entmax(&[0.0; 2], 2, 2.0, 0.0, &mut out), Err(Error::Temperature(0.0)));
    assert_eq!(entmax(&[0.0; 2], 0, 2.0, 1.0, &mut out), Err(Error::Categories(0)));
    let error = entmax(&[0.0, f64::NAN], 2, 2.0, 1.0, &mut out);
    assert!(matches!(error, Err(Error::Logit { row: 0, column: 1, .. })));
    assert_eq!(
        entmax(&[0.0, MASK, MASK, MASK], 2, 2.0, 1.0, &mut [0.0; 4]),
        Err(Error::AllMasked { row: 1 })
    );
}

proptest! {
    #[test]
    fn sparsemax_equals_the_algorithm_by_sorting(
        logits in prop::collection::vec((-3..3i8, -1.0..1.0f64), 1..40),
        scale in prop::sample::select(vec![0.05, 1.0, 40.0]),
        tied: bool,
    ) {
        let logits: Vec<f64> = logits.iter().map(|&(integer, rest)| {
            scale * (f64::from(integer) + if tied { 0.0 } else { rest })
        }).collect();
        for (ours, sorted) in projected(&logits, 2.0, 1.0).iter().zip(sparsemax_by_sorting(&logits)) {
            prop_assert!((ours - sorted).abs() < 1e-12, "{} and {}", ours, sorted);
        }
    }

    #[test]
    fn result_is_shift_invariant_and_keeps_the_order(
        logits in prop::collection::vec(-5.0..5.0f64, 1..30),
        shift in -80.0..80.0f64,
        alpha in 1.0..4.0f64,
    ) {
        let p = projected(&logits, alpha, 1.0);
        let shifted: Vec<f64> = logits.iter().map(|logit| logit + shift).collect();
        for (a, b) in p.iter().zip(projected(&shifted, alpha, 1.0)) {
            // Rounding of the shift has the largest effect where p leaves 0 with a vertical slope.
            prop_assert!((a - b).abs() < 1e-12f64.powf(1.0 / (alpha - 1.0).max(1.0)));
        }
        for (i, j) in (0..p.len()).flat_map(|i| (0..p.len()).map(move |j| (i, j))) {
            prop_assert!(logits[i] < logits[j] || p[i] >= p[j]);
        }
    }
}
