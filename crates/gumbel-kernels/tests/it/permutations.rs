//! Assignments compared with all permutations, and the properties of Sinkhorn's iteration.

use crate::support::{MASK, differences, numbers, output, single};
use gumbel_kernels::*;

fn permutations(n: usize) -> Vec<Vec<usize>> {
    if n == 0 {
        return vec![vec![]];
    }
    let shorter = permutations(n - 1);
    let with_last = |at: usize, shorter: &Vec<usize>| {
        let mut longer = shorter.clone();
        longer.insert(at, n - 1);
        longer
    };
    shorter.iter().flat_map(|shorter| (0..n).map(move |at| with_last(at, shorter))).collect()
}

fn sum(logits: &[f64], n: usize, columns: impl IntoIterator<Item = usize>) -> f64 {
    columns.into_iter().enumerate().map(|(row, column)| logits[row * n + column]).sum()
}

fn assigned(logits: &[f64], n: usize) -> Result<Vec<usize>, Error> {
    let mut out = vec![u32::MAX; logits.len() / n];
    assignment(logits, n, &mut out)?;
    Ok(out.into_iter().map(|column| column as usize).collect())
}

/// Checks the assignment against all permutations; returns whether there is one without forbidden pairs.
fn assert_best(logits: &[f64], n: usize) -> bool {
    let best = permutations(n).into_iter().map(|columns| sum(logits, n, columns)).fold(MASK, f64::max);
    match assigned(logits, n) {
        Ok(columns) => {
            let mut places = columns.clone();
            places.sort();
            assert_eq!(places, (0..n).collect::<Vec<_>>(), "not a permutation");
            assert!((sum(logits, n, columns) - best).abs() < 1e-9, "{logits:?} can have {best}");
        }
        Err(error) => assert!(best == MASK && error == Error::NoPermutation { matrix: 0 }, "{error}"),
    }
    best > MASK
}

#[test]
fn assignment_is_the_best_of_all_permutations() {
    for n in 1..=6 {
        for seed in 0..40 {
            let logits = numbers(seed, n * n);
            assert_best(&logits, n);
            let tied: Vec<f64> = logits.iter().map(|logit| logit.round()).collect();
            assert_best(&tied, n);
            assert_best(&logits.iter().map(|logit| 80.0 * logit.signum()).collect::<Vec<_>>(), n);
        }
    }
}

#[test]
fn forbidden_pairs_are_avoided_or_an_error() {
    let mut solved = [0, 0];
    for seed in 0..200 {
        let (mut logits, coins) = (numbers(seed, 16), numbers(1000 + seed, 16));
        logits.iter_mut().zip(coins).filter(|(_, coin)| *coin > 0.0).for_each(|(logit, _)| *logit = MASK);
        solved[usize::from(assert_best(&logits, 4))] += 1;
    }
    assert!(solved[0] > 20 && solved[1] > 20, "{solved:?}: both must occur");
    let second = [0.0, 0.0, 0.0, 0.0, 0.0, MASK, 0.0, MASK];
    assert_eq!(assigned(&second, 2), Err(Error::NoPermutation { matrix: 1 }));
}

#[test]
fn planted_permutation_of_a_large_matrix_is_found() {
    let n = 200;
    let mut logits = numbers(1, n * n);
    let planted = |row: usize| (row * 77 + 13) % n;
    (0..n).for_each(|row| logits[row * n + planted(row)] += 100.0);
    assert_eq!(assigned(&logits, n).unwrap(), (0..n).map(planted).collect::<Vec<_>>());
}

fn log_p(logits: &[f64], n: usize, tau: f64, iterations: usize, tolerance: f64) -> Vec<f64> {
    output(logits.len(), |out| log_sinkhorn(logits, n, tau, iterations, tolerance, out))
}

/// The largest distances of a row sum and of a column sum from one.
fn imbalance(log_p: &[f64], n: usize) -> [f64; 2] {
    let row = |i: usize| (0..n).map(|j| log_p[i * n + j].exp()).sum::<f64>() - 1.0;
    let column = |j: usize| (0..n).map(|i| log_p[i * n + j].exp()).sum::<f64>() - 1.0;
    let largest = |off: &dyn Fn(usize) -> f64| (0..n).map(|at| off(at).abs()).fold(0.0, f64::max);
    [largest(&row), largest(&column)]
}

#[test]
fn rows_and_columns_sum_to_one_within_the_tolerance() {
    for (n, tau) in [(1, 1.0), (2, 0.5), (5, 1.0), (12, 0.3), (40, 2.0)] {
        let logits = numbers(n as u64, n * n);
        for tolerance in [1e-2, 1e-5, 1e-9] {
            let [rows, columns] = imbalance(&log_p(&logits, n, tau, 10_000, tolerance), n);
            assert!(rows <= 1.001 * tolerance && columns < 1e-12, "{n} at {tau}: {rows} and {columns}");
        }
        let [rough, fine] =
            [1, 50].map(|iterations| imbalance(&log_p(&logits, n, tau, iterations, 0.0), n)[0]);
        assert!(n == 1 || fine < 0.1 * rough, "{n}: more iterations must be closer: {rough} and {fine}");
    }
}

#[test]
fn result_has_the_cross_ratios_of_the_logits() {
    let (logits, n, tau) = (numbers(7, 25), 5, 0.7);
    let log_p = log_p(&logits, n, tau, 7, 0.0);
    let cross = |x: &[f64], i: usize, j: usize| x[0] - x[j] - x[i * n] + x[i * n + j];
    for (i, j) in (1..n).flat_map(|i| (1..n).map(move |j| (i, j))) {
        assert!((cross(&log_p, i, j) - cross(&logits, i, j) / tau).abs() < 1e-12);
    }
}

#[test]
fn result_at_low_temperature_is_the_assignment() {
    for (seed, n) in (2..=6).enumerate() {
        let logits = numbers(seed as u64, n * n);
        let mut sums: Vec<f64> =
            permutations(n).into_iter().map(|columns| sum(&logits, n, columns)).collect();
        sums.sort_by(|a, b| b.total_cmp(a));
        let lead = sums[0] - sums[1];
        let log_p = log_p(&logits, n, lead / 60.0, 200_000, 1e-7);
        for (row, column) in assigned(&logits, n).unwrap().into_iter().enumerate() {
            let p = log_p[row * n + column].exp();
            assert!(p > 0.999, "n {n}, row {row}: {p}");
        }
    }
}

#[test]
fn forbidden_pairs_have_no_mass_and_no_gradient() {
    let mut logits = numbers(4, 16);
    (logits[1], logits[6], logits[12]) = (MASK, MASK, MASK);
    let log_p = log_p(&logits, 4, 1.0, 500, 1e-10);
    assert!(imbalance(&log_p, 4)[0] < 1e-9);
    let mut slopes = [f64::NAN; 16];
    let d: Vec<f64> = log_p.iter().map(|log| if *log == MASK { f64::NAN } else { log.exp() }).collect();
    log_sinkhorn_vjp(&logits, &d, 4, 1.0, 500, 1e-10, &mut slopes).unwrap();
    for at in 0..16 {
        assert_eq!(log_p[at] == MASK, logits[at] == MASK, "{at}");
        assert!(slopes[at].is_finite() && (logits[at] > MASK || slopes[at] == 0.0), "{at}: {}", slopes[at]);
    }
    // A single permutation remains, so the result converges to it, although slowly.
    let one = self::log_p(&[0.0, MASK, 5.0, 0.0], 2, 1.0, 100_000, 1e-4);
    assert!(one[0].exp() > 0.999 && one[2] < -6.0 && one[1] == MASK, "{one:?}");
}

#[test]
fn vjp_equals_finite_differences_of_the_iterations() {
    let (mut logits, d) = (numbers(2, 32), numbers(3, 32));
    logits[21] = MASK;
    for (iterations, tolerance) in [(1, 0.0), (2, 0.0), (20, 0.0), (50, 1e-3)] {
        for tau in [0.4, 1.0, 3.0] {
            let slopes = output(32, |out| log_sinkhorn_vjp(&logits, &d, 4, tau, iterations, tolerance, out));
            let run = |logits: &[f64]| log_p(logits, 4, tau, iterations, tolerance);
            for (at, (slope, difference)) in
                slopes.iter().zip(differences(&logits, &d, 1e-6, run)).enumerate()
            {
                let close = (difference - slope).abs() < 1e-6 * (1.0 + difference.abs());
                assert!(close, "{iterations} at {tau}, {at}: {difference} and {slope}");
            }
        }
    }
}

#[test]
fn every_temperature_gives_finite_numbers() {
    for scale in [1.0, 80.0] {
        let logits = single(&numbers(6, 25).iter().map(|logit| scale * logit).collect::<Vec<_>>());
        for tau in [f32::MIN_POSITIVE, 1e-6, 1.0, 1e6, f32::MAX] {
            let (mut log_p, mut slopes) = (vec![f32::NAN; 25], vec![f32::NAN; 25]);
            log_sinkhorn(&logits, 5, tau, 20, 0.0, &mut log_p).unwrap();
            assert!(log_p.iter().all(|log| log.is_finite() && *log <= 0.0), "{tau}: {log_p:?}");
            let columns = (0..5).map(|j| (0..5).map(|i| log_p[5 * i + j].exp()).sum::<f32>());
            columns.for_each(|sum| assert!((sum - 1.0).abs() < 1e-5, "{tau}: {sum}"));
            let p: Vec<f32> = log_p.iter().map(|log| log.exp()).collect();
            log_sinkhorn_vjp(&logits, &p, 5, tau, 20, 0.0, &mut slopes).unwrap();
            assert!(slopes.iter().all(|slope| !slope.is_nan()), "{tau}: {slopes:?}");
        }
    }
}

#[test]
fn invalid_arguments_are_errors() {
    let mut out = [0.0; 4];
    let mut run = |logits: [f64; 4], tau, iterations, tolerance| {
        log_sinkhorn(&logits, 2, tau, iterations, tolerance, &mut out).unwrap_err()
    };
    assert_eq!(run([0.0; 4], 0.0, 1, 0.0), Error::Temperature(0.0));
    assert_eq!(run([0.0; 4], 1.0, 0, 0.0), Error::Iterations);
    assert_eq!(run([0.0; 4], 1.0, 1, -1.0), Error::Tolerance(-1.0));
    assert!(matches!(run([0.0; 4], 1.0, 1, f64::NAN), Error::Tolerance(_)));
    assert_eq!(run([0.0, MASK, 1.0, MASK], 1.0, 1, 0.0), Error::NoPermutation { matrix: 0 });
    assert!(matches!(run([0.0, 0.0, f64::NAN, 0.0], 1.0, 1, 0.0), Error::Logit { row: 1, column: 0, .. }));
    assert!(matches!(
        assigned(&[0.0, f64::INFINITY, 0.0, 0.0], 2),
        Err(Error::Logit { row: 0, column: 1, .. })
    ));
    assert_eq!(assignment::<f64>(&[], 0, &mut []), Err(Error::Categories(0)));
}
