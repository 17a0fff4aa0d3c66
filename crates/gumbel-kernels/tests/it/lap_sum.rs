//! Ranks, sorts, quantiles and top-k by sums of Laplace distributions, compared with those sums in O(n²).

use crate::support::{MASK, differences, numbers, output, single};
use gumbel_kernels::Direction::{Ascending, Descending};
use gumbel_kernels::*;

/// The Laplace distribution function.
fn laplace(x: f64) -> f64 {
    if x < 0.0 { 0.5 * x.exp() } else { 1.0 - 0.5 * (-x).exp() }
}

/// How many scores are expected above x.
fn level(scores: &[f64], x: f64, tau: f64) -> f64 {
    scores.iter().map(|score| laplace((score - x) / tau)).sum()
}

fn sort(scores: &[f64], tau: f64, direction: Direction) -> Vec<f64> {
    output(scores.len(), |out| lap_sum_sort(scores, scores.len(), tau, direction, out))
}

fn rank(scores: &[f64], tau: f64, direction: Direction) -> Vec<f64> {
    output(scores.len(), |out| lap_sum_rank(scores, scores.len(), tau, direction, out))
}

fn quantile(scores: &[f64], q: f64, tau: f64) -> f64 {
    output(1, |out| lap_sum_quantile(scores, scores.len(), q, tau, out))[0]
}

fn top_k(logits: &[f64], k: usize, tau: f64) -> Vec<f64> {
    output(logits.len(), |out| lap_sum_top_k(logits, logits.len(), k, tau, out))
}

const SIZES: [usize; 7] = [1, 2, 3, 7, 20, 64, 257];
const TAUS: [f64; 5] = [0.01, 0.1, 0.5, 2.0, 30.0];

#[test]
fn results_solve_their_equations() {
    for n in SIZES {
        let mut scores = numbers(n as u64, n);
        (0..n / 4).for_each(|at| scores[at] = scores[at].round()); // ties
        let below = |x: f64, tau: f64| n as f64 - level(&scores, x, tau);
        for tau in TAUS {
            let tolerance = 1e-10 * n as f64 * (1.0 + tau.recip());
            for (place, x) in sort(&scores, tau, Descending).into_iter().enumerate() {
                let found = level(&scores, x, tau);
                assert!((found - place as f64 - 0.5).abs() < tolerance, "{n} at {tau}, {place}: {found}");
            }
            for (score, rank) in scores.iter().zip(rank(&scores, tau, Ascending)) {
                let expected = 0.5 + below(*score, tau);
                assert!((rank - expected).abs() < 1e-12 * (n * n) as f64, "{n} at {tau}: {rank}, {expected}");
            }
            for q in [1e-9, 0.1, 0.25, 0.5, 0.77, 0.999] {
                let found = below(quantile(&scores, q, tau), tau);
                assert!((found - q * n as f64).abs() < tolerance, "{n} at {tau}, {q}: {found}");
            }
            for k in [1, n / 3, n / 2, n - 1].into_iter().filter(|k| (1..n).contains(k)) {
                let weights = top_k(&scores, k, tau);
                assert!((weights.iter().sum::<f64>() - k as f64).abs() < 1e-12 * n as f64, "{n} at {tau}");
                let [mut low, mut high] = [-1e4, 1e4];
                for _ in 0..200 {
                    let middle = 0.5 * (low + high);
                    if level(&scores, middle, tau) > k as f64 { low = middle } else { high = middle }
                }
                for (score, weight) in scores.iter().zip(weights) {
                    let expected = laplace((score - low) / tau);
                    assert!((weight - expected).abs() < tolerance, "{n} at {tau}, {k}: {weight}, {expected}");
                }
            }
        }
    }
}

#[track_caller]
fn assert_slopes(name: &str, slopes: &[f64], expected: &[f64]) {
    for (slope, expected) in slopes.iter().zip(expected) {
        let close = (slope - expected).abs() < 2e-5 * (1.0 + expected.abs());
        assert!(close, "{name}: {slope}, by differences {expected}");
    }
}

#[test]
fn vjps_equal_finite_differences_also_at_ties() {
    for n in [1, 2, 3, 8, 25] {
        for tied in [false, true] {
            let (mut scores, d) = (numbers(n as u64, n), numbers(50 + n as u64, n));
            if tied {
                scores.iter_mut().for_each(|score| *score = score.round());
            }
            for tau in TAUS {
                let name = format!("{n} at {tau}, tied: {tied}");
                let step = 1e-4 * tau.min(1.0);
                // The density has a kink at each score: a difference at a tie is in error by the step.
                for direction in [Descending, Ascending] {
                    let slopes = output(n, |out| lap_sum_rank_vjp(&scores, &d, n, tau, direction, out));
                    let run = |scores: &[f64]| rank(scores, tau, direction);
                    let expected = differences(&scores, &d, 1e-2 * step, run);
                    let scaled = |slopes: &[f64]| slopes.iter().map(|slope| slope * tau).collect::<Vec<_>>();
                    assert_slopes(&format!("rank, {name}"), &scaled(&slopes), &scaled(&expected));
                    if !tied {
                        let slopes = output(n, |out| lap_sum_sort_vjp(&scores, &d, n, tau, direction, out));
                        let expected = differences(&scores, &d, step, |scores| sort(scores, tau, direction));
                        assert_slopes(&format!("sort, {name}"), &slopes, &expected);
                    }
                }
                for q in [0.2, 0.5, 0.9] {
                    let slopes = output(n, |out| lap_sum_quantile_vjp(&scores, &d[..1], n, q, tau, out));
                    let run = |scores: &[f64]| vec![quantile(scores, q, tau)];
                    let expected = differences(&scores, &d[..1], 1e-2 * step, run);
                    assert_slopes(&format!("quantile, {name}"), &slopes, &expected);
                }
                for k in [1, n / 2, n].into_iter().filter(|k| *k > 0) {
                    let slopes = output(n, |out| lap_sum_top_k_vjp(&scores, &d, n, k, tau, out));
                    let expected = differences(&scores, &d, step, |scores| top_k(scores, k, tau));
                    let scaled = |slopes: &[f64]| slopes.iter().map(|slope| slope * tau).collect::<Vec<_>>();
                    if !tied {
                        assert_slopes(&format!("top-{k}, {name}"), &scaled(&slopes), &scaled(&expected));
                    }
                }
            }
        }
    }
}

/// `Σⱼ softmax(−|xᵢ − θ| / tau)ⱼ` over the results, in O(n²).
fn sort_vjp_by_softmax(scores: &[f64], d: &[f64], tau: f64) -> Vec<f64> {
    let mut slopes = vec![0.0; scores.len()];
    for (x, d) in sort(scores, tau, Descending).into_iter().zip(d) {
        let nearest = scores.iter().map(|score| (x - score).abs()).fold(f64::INFINITY, f64::min);
        let weights: Vec<f64> =
            scores.iter().map(|score| (-((x - score).abs() - nearest) / tau).exp()).collect();
        let total: f64 = weights.iter().sum();
        slopes.iter_mut().zip(weights).for_each(|(slope, weight)| *slope += d * weight / total);
    }
    slopes
}

#[test]
fn the_vjp_of_a_sort_is_a_softmax_of_distances() {
    for n in SIZES {
        let (mut scores, d) = (numbers(n as u64, n), numbers(9, n));
        (0..n / 2).for_each(|at| scores[at] = scores[at].round());
        for tau in TAUS {
            let slopes = output(n, |out| lap_sum_sort_vjp(&scores, &d, n, tau, Descending, out));
            for (slope, expected) in slopes.iter().zip(sort_vjp_by_softmax(&scores, &d, tau)) {
                assert!(
                    (slope - expected).abs() < 1e-8 * (1.0 + tau.recip()),
                    "{n} at {tau}: {slope}, {expected}"
                );
            }
        }
    }
}

#[test]
fn limits_are_the_sort_the_ranks_the_quantile_and_the_top_k() {
    for n in SIZES {
        let scores = numbers(n as u64, n);
        let mut sorted = scores.clone();
        sorted.sort_by(f64::total_cmp);
        let below = |score: &f64| 1.0 + scores.iter().filter(|other| *other < score).count() as f64;
        for tau in [5e-324, 1e-300, 1e-30, 1e-7] {
            for (soft, hard) in sort(&scores, tau, Ascending).iter().zip(&sorted) {
                assert!((soft - hard).abs() < 20.0 * tau, "{n} at {tau}: {soft}, {hard}");
            }
            for (soft, score) in rank(&scores, tau, Ascending).iter().zip(&scores) {
                assert!((soft - below(score)).abs() < 1e-9, "{n} at {tau}: {soft}");
            }
            for place in 1..n {
                // Where the empirical distribution is equal to q, the middle of two scores.
                let middle = 0.5 * (sorted[place - 1] + sorted[place]);
                let q = place as f64 / n as f64;
                assert!((quantile(&scores, q, tau) - middle).abs() < 20.0 * tau + 1e-12, "{n}, {place}");
                let slopes = output(n, |out| lap_sum_quantile_vjp(&scores, &[1.0], n, q, tau, out));
                let at = |value: f64| scores.iter().position(|score| *score == value).unwrap();
                for score in [sorted[place - 1], sorted[place]] {
                    assert!((slopes[at(score)] - 0.5).abs() < 1e-6, "{n}, {place} at {tau}: {slopes:?}");
                }
                let weights = top_k(&scores, place, tau);
                let chosen = |score: &f64| f64::from(u8::from(*score >= sorted[n - place]));
                let near = |(weight, score): (&f64, &f64)| (weight - chosen(score)).abs() < 1e-9;
                assert!(weights.iter().zip(&scores).all(near), "{n}, {place} at {tau}: {weights:?}");
            }
            let passed = quantile(&scores, (n as f64 / 2.0).floor() / n as f64 + 0.3 / n as f64, tau);
            assert!((passed - sorted[n / 2]).abs() < 20.0 * tau, "{n} at {tau}");
        }
        let rank = rank(&scores, 1e9, Descending);
        assert!(rank.iter().all(|rank| (rank - 0.5 * (n + 1) as f64).abs() < 1e-5), "{rank:?}");
        assert!(n < 2 || top_k(&scores, 1, 1e9).iter().all(|weight| (weight * n as f64 - 1.0).abs() < 1e-5));
    }
}

#[test]
fn results_are_monotone_and_follow_permutations_and_directions() {
    for n in SIZES {
        let scores = numbers(3 + n as u64, n);
        let minus: Vec<f64> = scores.iter().map(|score| -score).collect();
        for tau in TAUS {
            let sorted = sort(&scores, tau, Descending);
            assert!(sorted.windows(2).all(|pair| pair[0] >= pair[1]), "{n} at {tau}: {sorted:?}");
            let mut turned = scores.clone();
            turned.reverse();
            let ranks = rank(&scores, tau, Descending);
            let total = 0.5 * (n * (n + 1)) as f64;
            assert!((ranks.iter().sum::<f64>() - total).abs() < 1e-10 * total, "{n} at {tau}");
            for (place, turned) in rank(&turned, tau, Descending).into_iter().rev().enumerate() {
                assert!((turned - ranks[place]).abs() < 1e-12 * n as f64);
            }
            for (a, b) in sorted.iter().zip(sort(&minus, tau, Ascending)) {
                assert_eq!(*a, -b);
            }
            assert_eq!(ranks, rank(&minus, tau, Ascending));
            let up = sort(&scores, tau, Ascending);
            for (a, b) in up.iter().zip(sorted.iter().rev()) {
                assert!((a - b).abs() < 1e-9 * (1.0 + tau), "{n} at {tau}: {a}, {b}");
            }
        }
    }
}

#[test]
fn masked_logits_have_no_weight_and_no_gradient() {
    let logits = [0.3, MASK, 1.0, -2.0, MASK];
    let weights = top_k(&logits, 2, 0.5);
    assert_eq!((weights[1], weights[4]), (0.0, 0.0));
    let open = top_k(&[0.3, 1.0, -2.0], 2, 0.5);
    assert_eq!([weights[0], weights[2], weights[3]], open[..]);
    let d = [1.0, f64::NAN, -2.0, 0.5, f64::NAN];
    let slopes = output(5, |out| lap_sum_top_k_vjp(&logits, &d, 5, 2, 0.5, out));
    assert!(slopes[1] == 0.0 && slopes[4] == 0.0 && slopes.iter().all(|slope| slope.is_finite()));
    assert!(slopes.iter().sum::<f64>().abs() < 1e-15, "{slopes:?}");
    assert_eq!(top_k(&logits, 3, 0.5), [1.0, 0.0, 1.0, 1.0, 0.0]);
    let mut out = [0.0; 5];
    let few = lap_sum_top_k(&logits, 5, 4, 0.5, &mut out);
    assert_eq!(few, Err(Error::TooFew { row: 0, requested: 4, available: 3 }));
    assert_eq!(lap_sum_top_k(&[MASK; 2], 2, 1, 0.5, &mut out[..2]), Err(Error::AllMasked { row: 0 }));
    assert_eq!(lap_sum_top_k(&[0.0; 2], 2, 0, 0.5, &mut out[..2]), Err(Error::EmptySubset));
}

#[test]
fn numbers_near_the_ends_of_the_range_give_finite_results() {
    let scores = [f64::MAX, f64::MIN, 1.0, 0.0, f64::MIN_POSITIVE, f64::MAX];
    let d = [1.0, -2.0, 3.0, -4.0, 5.0, -6.0];
    for tau in [5e-324, 1e-300, 1.0, 1e300, f64::MAX] {
        let results = [
            sort(&scores, tau, Descending),
            rank(&scores, tau, Ascending),
            vec![quantile(&scores, 0.5, tau), quantile(&scores, 1e-300, tau)],
            top_k(&scores, 2, tau),
            output(6, |out| lap_sum_sort_vjp(&scores, &d, 6, tau, Descending, out)),
            output(6, |out| lap_sum_rank_vjp(&scores, &d, 6, tau, Ascending, out)),
            output(6, |out| lap_sum_quantile_vjp(&scores, &d[..1], 6, 0.5, tau, out)),
            output(6, |out| lap_sum_top_k_vjp(&scores, &d, 6, 2, tau, out)),
        ];
        for (which, result) in results.iter().enumerate() {
            assert!(result.iter().all(|value| value.is_finite()), "{which} at {tau}: {result:?}");
        }
    }
}

#[test]
fn single_precision_agrees_with_double_and_rows_are_independent() {
    let n = 40;
    let scores: Vec<f64> = single(&numbers(5, 3 * n)).into_iter().map(f64::from).collect();
    let wide = output(3 * n, |out| lap_sum_sort(&scores, n, 0.5, Descending, out));
    let mut narrow = vec![0f32; 3 * n];
    lap_sum_sort(&single(&scores), n, 0.5, Descending, &mut narrow).unwrap();
    assert_eq!(narrow, single(&wide));
    assert_eq!(wide[n..2 * n], sort(&scores[n..2 * n], 0.5, Descending));
}

#[test]
fn invalid_arguments_are_errors() {
    let mut out = [0.0; 2];
    let nan = [0.0, f64::NAN];
    assert!(matches!(lap_sum_sort(&nan, 2, 1.0, Descending, &mut out), Err(Error::Score { column: 1, .. })));
    let infinite = [f64::NEG_INFINITY, 0.0];
    let score = Error::Score { row: 0, column: 0, value: f64::NEG_INFINITY };
    assert_eq!(lap_sum_rank(&infinite, 2, 1.0, Descending, &mut out), Err(score.clone()));
    assert_eq!(lap_sum_quantile(&infinite, 2, 0.5, 1.0, &mut out[..1]), Err(score));
    assert!(matches!(lap_sum_top_k(&nan, 2, 1, 1.0, &mut out), Err(Error::Logit { column: 1, .. })));
    for q in [0.0, 1.0, -1.0, f64::NAN] {
        let error = lap_sum_quantile(&[0.0, 1.0], 2, q, 1.0, &mut out[..1]).unwrap_err();
        assert!(matches!(error, Error::Quantile(_)), "{error}");
    }
    assert_eq!(lap_sum_sort(&[0.0; 2], 2, -1.0, Descending, &mut out), Err(Error::Temperature(-1.0)));
    assert_eq!(lap_sum_sort(&[0.0; 2], 0, 1.0, Descending, &mut out), Err(Error::Categories(0)));
    assert_eq!(lap_sum_quantile::<f64>(&[], 0, 0.5, 1.0, &mut []), Err(Error::Categories(0)));
    assert_eq!(lap_sum_top_k::<f64>(&[], 0, 1, 1.0, &mut []), Err(Error::Categories(0)));
}
