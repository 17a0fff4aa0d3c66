//! Sorts and ranks by isotonic regression, compared with the definition of the projection.

use crate::support::{differences, numbers, output, single};
use gumbel_kernels::Direction::{Ascending, Descending};
use gumbel_kernels::Regularization::{Entropic, Quadratic};
use gumbel_kernels::*;

type Kernel = fn(&[f64], usize, f64, Regularization, Direction, &mut [f64]) -> Result<(), Error>;
type Product = fn(&[f64], &[f64], usize, f64, Regularization, Direction, &mut [f64]) -> Result<(), Error>;

const KERNELS: [(&str, Kernel, Product); 2] =
    [("sort", isotonic_sort, isotonic_sort_vjp), ("rank", isotonic_rank, isotonic_rank_vjp)];
const KINDS: [(Regularization, Direction); 4] =
    [(Quadratic, Descending), (Quadratic, Ascending), (Entropic, Descending), (Entropic, Ascending)];

fn run(kernel: Kernel, scores: &[f64], tau: f64, kind: (Regularization, Direction)) -> Vec<f64> {
    output(scores.len(), |out| kernel(scores, scores.len(), tau, kind.0, kind.1, out))
}

fn descending(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(|a, b| b.total_cmp(a));
    values
}

fn ranks(n: usize) -> Vec<f64> {
    (1..=n).rev().map(|rank| rank as f64).collect()
}

/// All orders of some numbers.
fn orders(values: &[f64]) -> Vec<Vec<f64>> {
    let [first, others @ ..] = values else { return vec![vec![]] };
    let inserted = |order: Vec<f64>, at: usize| {
        let mut order = order;
        order.insert(at, *first);
        order
    };
    orders(others).iter().flat_map(|order| (0..=order.len()).map(|at| inserted(order.clone(), at))).collect()
}

/// Whether a point is in the convex hull of the permutations of `w`: no k of its numbers sum to more than the k largest of
/// `w`, and all to the same.
fn in_hull(point: &[f64], w: &[f64]) -> bool {
    let (point, w) = (descending(point.to_vec()), descending(w.to_vec()));
    let excess = |k: usize| point[..k].iter().sum::<f64>() - w[..k].iter().sum::<f64>();
    let scale = 1e-9 * (1.0 + w.iter().map(|w| w.abs()).sum::<f64>());
    (1..=w.len()).all(|k| excess(k) < scale) && excess(w.len()).abs() < scale
}

/// Checks a projection by its optimality: no permutation of `w` is in a direction in which the distance descends.
fn assert_projection(name: &str, point: &[f64], slopes: &[f64], w: &[f64]) {
    assert!(in_hull(point, w), "{name}: {point:?} is outside the hull of {w:?}");
    for vertex in orders(w) {
        let moves = vertex.iter().zip(point).zip(slopes);
        let descent: f64 = moves.map(|((vertex, point), slope)| (vertex - point) * slope).sum();
        let scale = w.iter().map(|w| w.abs()).fold(1.0, f64::max)
            * (1.0 + slopes.iter().map(|s| s.abs()).sum::<f64>());
        assert!(descent > -1e-9 * scale, "{name}: {vertex:?} is nearer than {point:?}: {descent}");
    }
}

#[test]
fn results_are_the_projections() {
    for n in 1..=6 {
        for seed in 0..12 {
            let scores: Vec<f64> = numbers(seed, n);
            for tau in [0.05, 0.3, 1.0, 4.0, 50.0] {
                let z: Vec<f64> = scores.iter().map(|score| score / tau).collect();
                let minus = |values: &[f64]| values.iter().map(|value| -value).collect::<Vec<_>>();
                let rank = run(isotonic_rank, &scores, tau, (Quadratic, Ascending));
                let slopes: Vec<f64> = rank.iter().zip(&z).map(|(rank, z)| rank - z).collect();
                assert_projection("quadratic rank", &rank, &slopes, &ranks(n));
                let rank = run(isotonic_rank, &scores, tau, (Entropic, Descending));
                let slopes: Vec<f64> = rank.iter().zip(minus(&z)).map(|(rank, z)| rank.ln() - z).collect();
                assert_projection("entropic rank", &rank, &slopes, &ranks(n));

                let rho: Vec<f64> = ranks(n).iter().map(|rank| rank / tau).collect();
                let sorted = run(isotonic_sort, &scores, tau, (Quadratic, Descending));
                let slopes: Vec<f64> = sorted.iter().zip(&rho).map(|(sorted, rho)| sorted - rho).collect();
                assert_projection("quadratic sort", &sorted, &slopes, &scores);
                let sorted = minus(&run(isotonic_sort, &scores, tau, (Entropic, Ascending)));
                let slopes: Vec<f64> = sorted.iter().zip(&rho).map(|(sorted, rho)| sorted - rho).collect();
                let exp = |values: &[f64]| values.iter().map(|value| value.exp()).collect::<Vec<_>>();
                assert_projection("entropic sort", &exp(&sorted), &slopes, &exp(&minus(&scores)));
            }
        }
    }
}

/// The descending isotonic regression by its minimax formula, in O(n³), with the level of a range of places.
fn minimax(n: usize, level: impl Fn(usize, usize) -> f64) -> Vec<f64> {
    let over =
        |start: usize, at: usize| (at..n).map(|end| level(start, end)).fold(f64::NEG_INFINITY, f64::max);
    (0..n).map(|at| (0..=at).map(|start| over(start, at)).fold(f64::INFINITY, f64::min)).collect()
}

#[test]
fn long_rows_agree_with_the_minimax_formula() {
    for (seed, n) in [2, 3, 17, 60].into_iter().enumerate() {
        let scores = descending(numbers(seed as u64, n));
        for tau in [0.01, 0.1, 2.0] {
            let z: Vec<f64> = scores.iter().map(|score| score / tau).collect();
            let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
            let log_sum = |values: &[f64]| {
                let max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                max + values.iter().map(|value| (value - max).exp()).sum::<f64>().ln()
            };
            let rho = ranks(n);
            let logs: Vec<f64> = rho.iter().map(|rank| rank.ln()).collect();
            let v = minimax(n, |a, b| mean(&z[a..=b]) - mean(&rho[a..=b]));
            let rank = run(isotonic_rank, &scores, tau, (Quadratic, Ascending));
            for at in 0..n {
                assert!((rank[at] - (z[at] - v[at])).abs() < 1e-9 * n as f64, "{n}, {tau}: {at}");
            }
            let v = minimax(n, |a, b| log_sum(&z[a..=b]) - log_sum(&logs[a..=b]));
            let rank = run(isotonic_rank, &scores, tau, (Entropic, Ascending));
            for at in 0..n {
                assert!((rank[at].ln() - (z[at] - v[at])).abs() < 1e-9, "{n}, {tau}: {at}");
            }
        }
    }
}

#[test]
fn vjp_equals_finite_differences() {
    for (name, kernel, vjp) in KERNELS {
        for (seed, n) in [1, 2, 5, 9, 30].into_iter().enumerate() {
            let (scores, d) = (numbers(seed as u64, n), numbers(100 + seed as u64, n));
            for kind in KINDS {
                for tau in [0.05, 0.4, 1.0, 6.0] {
                    let slopes = output(n, |out| vjp(&scores, &d, n, tau, kind.0, kind.1, out));
                    let expected = differences(&scores, &d, 1e-6, |scores| run(kernel, scores, tau, kind));
                    for (slope, expected) in slopes.iter().zip(&expected) {
                        let close = (slope - expected).abs() < 1e-5 * (1.0 + expected.abs());
                        assert!(close, "{name} {kind:?} of {n} at {tau}: {slopes:?}, not {expected:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn equal_scores_have_equal_ranks_and_a_gradient() {
    let (scores, d) = ([1.0, 0.2, 1.0, 0.2, 1.0, -3.0], numbers(7, 6));
    for kind in KINDS {
        for tau in [1e-3, 0.5] {
            let rank = run(isotonic_rank, &scores, tau, kind);
            assert!((rank[0] - rank[2]).abs() < 1e-12 && (rank[1] - rank[3]).abs() < 1e-12, "{rank:?}");
            let slopes = output(6, |out| isotonic_rank_vjp(&scores, &d, 6, tau, kind.0, kind.1, out));
            let expected = differences(&scores, &d, 1e-7, |scores| run(isotonic_rank, scores, tau, kind));
            for (slope, expected) in slopes.iter().zip(expected) {
                assert!((slope - expected).abs() < 1e-4 * (1.0 + expected.abs()), "{slope}, not {expected}");
            }
        }
        // The sort of equal scores has a kink. Its product is that of the order of their places.
        let slopes =
            output(2, |out| isotonic_sort_vjp(&[1.0, 1.0], &[3.0, 5.0], 2, 0.1, kind.0, kind.1, out));
        assert_eq!(slopes, [3.0, 5.0]);
    }
}

#[test]
fn limits_are_the_sort_and_the_mean() {
    for n in [1, 2, 8, 101] {
        let scores = numbers(n as u64, n);
        let sorted = descending(scores.clone());
        let hard = |score: &f64| 1.0 + scores.iter().filter(|other| *other > score).count() as f64;
        for regularization in [Quadratic, Entropic] {
            for tau in [f64::MIN_POSITIVE, 5e-324, 1e-30, 1e-9] {
                let kind = (regularization, Descending);
                assert_eq!(run(isotonic_sort, &scores, tau, kind), sorted, "{n} at {tau}");
                let rank = run(isotonic_rank, &scores, tau, kind);
                assert_eq!(rank, scores.iter().map(hard).collect::<Vec<_>>(), "{n} at {tau}");
            }
            for tau in [1e9, f64::MAX] {
                let rank = run(isotonic_rank, &scores, tau, (regularization, Descending));
                assert!(rank.iter().all(|rank| (rank - 0.5 * (n + 1) as f64).abs() < 1e-5), "{rank:?}");
            }
        }
        let mean = scores.iter().sum::<f64>() / n as f64;
        let soft = run(isotonic_sort, &scores, 1e9, (Quadratic, Ascending));
        assert!(soft.iter().all(|soft| (soft - mean).abs() < 1e-6), "{soft:?}");
    }
}

#[test]
fn results_are_monotone_and_follow_permutations_and_directions() {
    for n in [1, 2, 3, 10, 64, 257] {
        let scores = numbers(n as u64, n);
        let turn = |values: &[f64]| (0..n).map(|at| values[(at * 7 + 3) % n]).collect::<Vec<_>>();
        let bijective = n % 7 != 0;
        for kind in KINDS {
            for tau in [0.01, 0.5, 20.0] {
                let sorted = run(isotonic_sort, &scores, tau, kind);
                let rises = |pair: &[f64]| match kind.1 {
                    Descending => pair[0] >= pair[1] - 1e-12,
                    Ascending => pair[0] <= pair[1] + 1e-12,
                };
                assert!(sorted.windows(2).all(rises), "{kind:?} at {tau}: {sorted:?}");
                let rank = run(isotonic_rank, &scores, tau, kind);
                let total = 0.5 * (n * (n + 1)) as f64;
                assert!((rank.iter().sum::<f64>() - total).abs() < 1e-9 * total, "{n} at {tau}");
                for pair in 1..n {
                    let order = (scores[pair] - scores[pair - 1]) * (rank[pair] - rank[pair - 1]);
                    assert!(
                        if kind.1 == Ascending { order > -1e-9 } else { order < 1e-9 },
                        "{kind:?} at {tau}"
                    );
                }
                if bijective {
                    for (turned, rank) in
                        run(isotonic_rank, &turn(&scores), tau, kind).iter().zip(turn(&rank))
                    {
                        assert!((turned - rank).abs() < 1e-9, "{kind:?} at {tau}: {turned}, not {rank}");
                    }
                    let turned = run(isotonic_sort, &turn(&scores), tau, kind);
                    assert!(turned.iter().zip(&sorted).all(|(a, b)| (a - b).abs() < 1e-9), "{kind:?}");
                }
            }
        }
        let minus: Vec<f64> = scores.iter().map(|score| -score).collect();
        for regularization in [Quadratic, Entropic] {
            let [up, down] = [(&scores, Ascending), (&minus, Descending)]
                .map(|(scores, direction)| run(isotonic_rank, scores, 0.3, (regularization, direction)));
            assert_eq!(up, down);
        }
    }
}

#[test]
fn a_common_part_of_the_scores_does_not_round_the_ranks_away() {
    // Powers of two, so that the shifted scores are exact.
    let scores: Vec<f64> = numbers(11, 30).iter().map(|score| (64.0 * score).round() / 64.0).collect();
    let far: Vec<f64> = scores.iter().map(|score| score + 2f64.powi(46)).collect();
    for kind in KINDS {
        for tau in [1e-3, 0.3] {
            let [near, far] = [&scores, &far].map(|scores| run(isotonic_rank, scores, tau, kind));
            assert!(near.iter().zip(&far).all(|(near, far)| (near - far).abs() < 1e-9), "{near:?}, {far:?}");
        }
    }
}

#[test]
fn numbers_near_the_ends_of_the_range_are_sorted() {
    let scores = [f64::MAX, f64::MIN, 1.0, 0.0, f64::MIN_POSITIVE, f64::MAX];
    let d = [1.0, -2.0, 3.0, -4.0, 5.0, -6.0];
    for (name, kernel, vjp) in KERNELS {
        for kind in KINDS {
            for tau in [5e-324, 1e-300, 1.0, 1e300, f64::MAX] {
                let result = run(kernel, &scores, tau, kind);
                assert!(result.iter().all(|value| value.is_finite()), "{name} {kind:?} at {tau}: {result:?}");
                let slopes = output(6, |out| vjp(&scores, &d, 6, tau, kind.0, kind.1, out));
                assert!(slopes.iter().all(|slope| slope.is_finite()), "{name} {kind:?} at {tau}: {slopes:?}");
            }
        }
    }
}

#[test]
fn single_precision_agrees_with_double_and_rows_are_independent() {
    let n = 40;
    let scores: Vec<f64> = single(&numbers(5, 3 * n)).into_iter().map(f64::from).collect();
    for kind in KINDS {
        let wide = output(3 * n, |out| isotonic_rank(&scores, n, 0.5, kind.0, kind.1, out));
        let mut narrow = vec![0f32; 3 * n];
        isotonic_rank(&single(&scores), n, 0.5, kind.0, kind.1, &mut narrow).unwrap();
        assert_eq!(narrow, single(&wide));
        assert_eq!(wide[n..2 * n], run(isotonic_rank, &scores[n..2 * n], 0.5, kind));
    }
}

#[test]
fn invalid_arguments_are_errors() {
    for (_, kernel, _) in KERNELS {
        let mut out = [0.0; 4];
        let mut run = |scores: [f64; 4], n, tau| kernel(&scores, n, tau, Quadratic, Descending, &mut out);
        assert_eq!(run([0.0; 4], 2, 0.0), Err(Error::Temperature(0.0)));
        assert_eq!(run([0.0; 4], 0, 1.0), Err(Error::Categories(0)));
        for value in [f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(run([0.0, 1.0, 2.0, value], 2, 1.0), Err(Error::Score { row: 1, column: 1, value }));
        }
        assert!(matches!(
            run([0.0, f64::NAN, 0.0, 0.0], 2, 1.0),
            Err(Error::Score { row: 0, column: 1, .. })
        ));
        assert_eq!(kernel(&[], 3, 1.0, Quadratic, Descending, &mut []), Ok(()));
    }
}
