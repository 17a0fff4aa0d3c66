//! Subsets of a fixed size compared with the enumeration of all subsets, and at sizes that cannot be enumerated.

use crate::support::{MASK, assert_z, differences, numbers, output, single, unit, wide};
use gumbel_kernels::{Error, Stream, subset};

/// Logistic logits times `scale`; every `mask`-th is masked, except the first.
fn logits(seed: u64, k: usize, scale: f64, mask: usize) -> Vec<f64> {
    let mut logits: Vec<f64> = numbers(seed, k).iter().map(|logit| logit * scale).collect();
    logits.iter_mut().skip(mask).step_by(mask).for_each(|logit| *logit = MASK);
    logits
}

/// Every subset as bits, with its weight relative to the largest, and the logarithm of that.
fn enumerate(logits: &[f64], count: usize) -> (Vec<(u32, f64)>, f64) {
    let members = |set: u32| (0..logits.len()).filter(move |i| set >> i & 1 == 1);
    let sets = (0..1u32 << logits.len()).filter(|set| set.count_ones() as usize == count);
    let weighed: Vec<_> = sets.map(|set| (set, members(set).map(|i| logits[i]).sum::<f64>())).collect();
    let top = weighed.iter().map(|&(_, weight)| weight).fold(MASK, f64::max);
    (weighed.into_iter().map(|(set, weight)| (set, (weight - top).exp())).collect(), top)
}

/// Log-partition, marginals and the matrix of joint probabilities, row-major.
fn exact(logits: &[f64], count: usize) -> (f64, Vec<f64>, Vec<f64>) {
    let ((sets, top), k) = (enumerate(logits, count), logits.len());
    let total: f64 = sets.iter().map(|(_, weight)| weight).sum();
    let joint = |i: usize, j: usize| {
        let both = sets.iter().filter(|(set, _)| set >> i & set >> j & 1 == 1);
        both.map(|(_, weight)| weight).sum::<f64>() / total
    };
    let matrix: Vec<f64> = (0..k * k).map(|at| joint(at / k, at % k)).collect();
    (top + total.ln(), (0..k).map(|i| matrix[i * k + i]).collect(), matrix)
}

fn means(logits: &[f64], count: usize) -> Vec<f64> {
    output(logits.len(), |out| subset::marginals(logits, logits.len(), count, out))
}

#[test]
fn cotangents_of_masks_have_no_effect() {
    for bad in [f64::NAN, f64::INFINITY, MASK] {
        let mut slope = [9.0; 3];
        subset::marginals_vjp(&[0.0, 0.0, MASK], &[1.0, 0.0, bad], 3, 1, &mut slope).unwrap();
        assert_eq!(slope, [0.25, -0.25, 0.0]);
    }
}

#[test]
fn partition_marginals_and_covariance_equal_those_by_enumeration() {
    for (seed, k, scale, mask) in (0..40).map(|seed| {
        let k = 1 + seed as usize % 8;
        (seed, k, [0.0, 1.0, 5.0, 80.0][seed as usize / 8 % 4], if seed % 3 == 0 { 4 } else { 99 })
    }) {
        let logits = logits(seed, k, scale, mask);
        let available = logits.iter().filter(|&&logit| logit > MASK).count();
        for count in 1..=available {
            let (log_partition, marginals, joint) = exact(&logits, count);
            let mut found = [0.0];
            subset::log_partition(&logits, k, count, &mut found).unwrap();
            let close = (found[0] - log_partition).abs() < 1e-12 * (1.0 + log_partition.abs());
            assert!(close, "A of {count} of {logits:?}: {} against {log_partition}", found[0]);
            for (i, (found, exact)) in means(&logits, count).iter().zip(&marginals).enumerate() {
                let close = (found - exact).abs() <= 1e-12 * exact;
                assert!(close, "marginal {i} of {count} of {logits:?}: {found} against {exact}");
            }
            check_covariance(&logits, count, &marginals, &joint);
        }
    }
}

fn check_covariance(logits: &[f64], count: usize, marginals: &[f64], joint: &[f64]) {
    let k = logits.len();
    for i in 0..k {
        let column = output(k, |out| subset::marginals_vjp(logits, &unit(k, i), k, count, out));
        for j in 0..k {
            let exact = joint[i * k + j] - marginals[i] * marginals[j];
            let close = (column[j] - exact).abs() < 1e-14;
            assert!(close, "covariance {i}, {j} of {count} of {logits:?}: {} against {exact}", column[j]);
            assert!(logits[j] > MASK || column[j] == 0.0);
        }
    }
}

/// `ln e_0, .., ln e_count` by the plain recursion in logarithms.
fn log_polynomials<'a>(logits: impl Iterator<Item = &'a f64>, count: usize) -> Vec<f64> {
    let mut sums = vec![MASK; count + 1];
    sums[0] = 0.0;
    for logit in logits {
        for j in (1..=count).rev() {
            let (a, b) = (sums[j], sums[j - 1] + logit);
            let (low, high) = if a < b { (a, b) } else { (b, a) };
            sums[j] = if low == MASK { high } else { high + (low - high).exp().ln_1p() };
        }
    }
    sums
}

#[test]
fn marginals_of_five_thousand_categories_are_exact() {
    let (k, count) = (5000, 100);
    for scale in [0.1, 1.0, 15.0] {
        let logits: Vec<f64> = logits(3, k, scale, 7).iter().map(|l| l.clamp(-80.0, 80.0)).collect();
        let found = means(&logits, count);
        assert!((found.iter().sum::<f64>() - 100.0).abs() < 1e-10, "scale {scale}");
        let all = log_polynomials(logits.iter(), count)[count];
        for i in [0, 1, 700, 1234, 4999] {
            let others = logits.iter().enumerate().filter(|&(j, _)| j != i).map(|(_, logit)| logit);
            let exact = (logits[i] + log_polynomials(others, count - 1)[count - 1] - all).exp();
            // The reference adds logarithms of the order of thousands, each with a rounding error.
            let close = (found[i] - exact).abs() < 1e-8 * exact;
            assert!(close, "scale {scale}, category {i}: {} against {exact}", found[i]);
        }
        let mut total = [0.0];
        subset::log_partition(&logits, k, count, &mut total).unwrap();
        assert!((total[0] - all).abs() < 1e-11 * all.abs(), "{} against {all}", total[0]);
    }
}

#[test]
fn vjp_equals_finite_differences_of_the_marginals() {
    let (k, count) = (40, 7);
    let (logits, d) = (logits(5, k, 2.0, 9), logits(6, k, 1.0, k));
    let slopes = output(k, |out| subset::marginals_vjp(&logits, &d, k, count, out));
    let by_differences = differences(&logits, &d, 1e-5, |logits| means(logits, count));
    for (i, (slope, difference)) in slopes.iter().zip(by_differences).enumerate() {
        assert!((slope - difference).abs() < 1e-9, "{i}: {slope}, by differences {difference}");
    }
}

#[test]
fn samples_have_the_probabilities_of_the_subsets() {
    let (k, count, rows) = (5, 2, 40_000);
    let logits = [0.5, -1.0, MASK, 1.5, 0.0];
    let mut members = vec![0; rows * count];
    subset::sample(&logits.repeat(rows), k, count, Stream::new(11), &mut members).unwrap();
    let (sets, _) = enumerate(&logits, count);
    let total: f64 = sets.iter().map(|(_, weight)| weight).sum();
    for (set, weight) in sets {
        let drawn = members.chunks(count).filter(|pair| 1 << pair[0] | 1 << pair[1] == set).count() as f64;
        let (n, p) = (rows as f64, weight / total);
        assert_z(&format!("{set:b}"), drawn, n * p, (n * p * (1.0 - p)).sqrt(), 4.0);
    }
}

#[test]
fn samples_are_sorted_distinct_and_independent_of_the_batch() {
    let (k, count) = (300, 20);
    let logits = logits(8, 2 * k, 30.0, 3);
    let mut all = vec![0; 2 * count];
    subset::sample(&logits, k, count, Stream::new(4), &mut all).unwrap();
    for (row, members) in all.chunks(count).enumerate() {
        assert!(members.windows(2).all(|pair| pair[0] < pair[1]), "{members:?}");
        assert!(members.iter().all(|&member| logits[row * k + member as usize] > MASK));
    }
    let mut second = vec![0; count];
    subset::sample(&logits[k..], k, count, Stream::new(4).skip(k as u64), &mut second).unwrap();
    assert_eq!(second, all[count..]);
}

#[test]
fn marginals_of_huge_logits_are_the_limits() {
    // Ties far apart: one of the two largest, or both and one of the three others.
    let far = [1e30, 1e30, -1e30, -1e30, -1e30];
    assert_eq!(means(&far, 1), [0.5, 0.5, 0.0, 0.0, 0.0]);
    let third = 1.0 / 3.0;
    for (found, exact) in means(&far, 3).iter().zip([1.0, 1.0, third, third, third]) {
        assert!((found - exact).abs() < 1e-15, "{found} against {exact}");
    }
    assert_eq!(means(&[3.0, MASK, -700.0, 900.0], 3), [1.0, 0.0, 1.0, 1.0]);
    let mut total = [0.0];
    subset::log_partition(&[3.0, MASK, -700.0, 900.0], 4, 3, &mut total).unwrap();
    assert!((total[0] - 203.0).abs() < 1e-11, "{}", total[0]);
}

#[test]
fn one_member_is_the_softmax_and_single_precision_is_the_double_rounded() {
    let logits = logits(2, 60, 3.0, 5);
    let softmax = output(60, |out| gumbel_kernels::softmax(&logits, 60, out));
    for (mean, p) in means(&logits, 1).iter().zip(&softmax) {
        assert!((mean - p).abs() <= 1e-14 * p, "{mean} against {p}");
    }
    let (logits, mut rounded) = (single(&logits), vec![0.0f32; 60]);
    subset::marginals(&logits, 60, 9, &mut rounded).unwrap();
    assert_eq!(rounded, single(&means(&wide(&logits), 9)));
}

#[test]
fn subsets_that_do_not_exist_are_errors() {
    let error = |logits: &[f64], count| {
        subset::marginals(logits, 3, count, &mut vec![0.0; logits.len()]).unwrap_err()
    };
    let valid = [0.0; 3];
    let row = |last: [f64; 3]| [valid, last].concat();
    assert_eq!(error(&valid, 0), Error::EmptySubset);
    assert_eq!(error(&row([0.0, MASK, 0.0]), 3), Error::TooFew { row: 1, requested: 3, available: 2 });
    assert_eq!(error(&valid, 4), Error::TooFew { row: 0, requested: 4, available: 3 });
    assert_eq!(error(&row([MASK; 3]), 1), Error::AllMasked { row: 1 });
    assert!(matches!(error(&row([0.0, f64::NAN, 0.0]), 1), Error::Logit { row: 1, column: 1, .. }));
}

#[test]
fn relaxed_top_k_sums_to_k_and_converges_to_top_k() {
    let (k, rows) = (30, 50);
    let logits = logits(4, k * rows, 2.0, 11);
    for (count, seed) in [(1, 1), (4, 2), (9, 3)] {
        let stream = Stream::new(seed);
        let mut order = vec![0; rows * count];
        gumbel_kernels::gumbel_top_k(&logits, k, count, stream, &mut order).unwrap();
        for tau in [1e-30, 1e-7, 0.1, 1.0, 1e30] {
            let mut soft = vec![0.0; k * rows];
            subset::relaxed_top_k(&logits, k, count, tau, stream, &mut soft).unwrap();
            for (row, (soft, order)) in soft.chunks(k).zip(order.chunks(count)).enumerate() {
                let sum = soft.iter().sum::<f64>();
                assert!((sum - count as f64).abs() < 1e-12, "row {row} at {tau}: {sum}");
                for (i, &soft) in soft.iter().enumerate() {
                    let picked = order.contains(&(i as u32));
                    let limit = tau > 1e-6 || (soft - f64::from(u8::from(picked))).abs() < 1e-12;
                    assert!(limit && (soft == 0.0 || logits[row * k + i] > MASK), "{soft} at {tau}");
                }
            }
        }
    }
}

#[test]
fn relaxed_top_k_has_finite_slopes_at_every_temperature() {
    let (logits, d) = ([80.0, MASK, -80.0, 0.0, 80.0], [1.0, 5.0, -2.0, 0.5, 3.0]);
    for tau in [1e-30, 1e-3, 0.1, 1.0, 1e3, 1e30] {
        let mut slope = [0.0; 5];
        subset::relaxed_top_k_vjp(&logits, &d, 5, 3, tau, Stream::new(2), &mut slope).unwrap();
        assert!(slope.iter().all(|slope| slope.is_finite()) && slope[1] == 0.0, "{slope:?} at {tau}");
    }
    let error = subset::relaxed_top_k(&logits, 5, 3, 0.0, Stream::new(2), &mut [0.0; 5]);
    assert_eq!(error, Err(Error::Temperature(0.0)));
}
