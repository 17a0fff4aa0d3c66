//! Blocks of short rows give the same results and errors as long rows, and as one row at a time.

use crate::support::{LogProb, LogProbVjp, MASK, with_threads};
use gumbel_kernels::*;
use proptest::prelude::*;

/// More categories than a short row has.
const PADDING: usize = 600;

/// Mostly ordinary numbers, so that an error is often not in the first row.
fn number(special: Vec<f64>) -> impl Strategy<Value = f64> {
    prop_oneof![97 => -3.0..3.0f64, 3 => prop::sample::select(special)]
}

/// Row length, samples in log space and logits: 40 rows, so that some lengths need several blocks.
fn points() -> impl Strategy<Value = (usize, Vec<f64>, Vec<f64>)> {
    (1..24usize).prop_flat_map(|k| {
        let y = prop::collection::vec(number(vec![MASK, MASK, f64::INFINITY, f64::NAN]), 40 * k);
        let logits = prop::collection::vec(number(vec![MASK, MASK, MASK, f64::INFINITY, f64::NAN]), 40 * k);
        (Just(k), y, logits, any::<bool>(), any::<bool>()).prop_map(
            |(k, mut y, mut logits, on_support, valid)| {
                if valid {
                    y.iter_mut()
                        .chain(&mut logits)
                        .filter(|v| v.is_nan() || **v == f64::INFINITY)
                        .for_each(|v| *v = 0.5);
                    logits.iter_mut().step_by(k).filter(|l| **l == MASK).for_each(|l| *l = 0.5);
                }
                if on_support {
                    y.iter_mut().zip(&logits).filter(|(_, l)| **l == MASK).for_each(|(y, _)| *y = MASK);
                }
                (k, y, logits)
            },
        )
    })
}

/// The same rows, with masks appended.
fn padded(row: &[f64], k: usize, mask: f64) -> Vec<f64> {
    row.chunks(k).flat_map(|row| [row, &[mask; PADDING]].concat()).collect()
}

fn same(a: &[f64], b: &[f64]) -> bool {
    a.iter().zip(b).all(|(a, b)| a == b || (a - b).abs() < 1e-11 * (1.0 + a.abs()))
}

fn values(
    log_prob: LogProb<f64>,
    logits: &[f64],
    sample: &[f64],
    k: usize,
    tau: f64,
) -> Result<Vec<f64>, Error> {
    let mut out = vec![9.0; logits.len() / k];
    log_prob(logits, sample, k, tau, &mut out).map(|()| out)
}

/// The slopes in the sample and in the logits of the first `kept` categories of each row, and those in `tau`.
fn slopes(
    vjp: LogProbVjp<f64>,
    logits: &[f64],
    sample: &[f64],
    k: usize,
    tau: f64,
    kept: usize,
) -> Result<Vec<f64>, Error> {
    let (len, rows) = (logits.len(), logits.len() / k);
    let (mut d_sample, mut d_logits, mut d_tau) = (vec![9.0; len], vec![9.0; len], vec![9.0; rows]);
    vjp(logits, sample, &vec![1.5; rows], k, tau, &mut d_logits, &mut d_sample, &mut d_tau)?;
    let of_categories = d_sample.chunks(k).chain(d_logits.chunks(k)).flat_map(|row| &row[..kept]);
    Ok(of_categories.chain(&d_tau).copied().collect())
}

/// The result of a kernel on all rows from its results on one row each.
fn row_by_row(rows: usize, one: impl Fn(usize) -> Result<f64, Error>) -> Result<Vec<f64>, Error> {
    (0..rows).map(|row| one(row).map_err(|error| moved(error, row))).collect()
}

fn moved(error: Error, row: usize) -> Error {
    match error {
        Error::Logit { column, value, .. } => Error::Logit { row, column, value },
        Error::Sample { column, value, .. } => Error::Sample { row, column, value },
        Error::Index { index, categories, .. } => Error::Index { row, index, categories },
        Error::LogOdds { value, .. } => Error::LogOdds { index: row, value },
        Error::AllMasked { .. } => Error::AllMasked { row },
        Error::NoMass { .. } => Error::NoMass { row },
        error => error,
    }
}

/// Compares results; errors by their text, because a NaN in one is not equal to itself.
fn agree(
    case: &str,
    one: Result<Vec<f64>, Error>,
    other: Result<Vec<f64>, Error>,
) -> Result<(), TestCaseError> {
    match (one, other) {
        (Ok(one), Ok(other)) => prop_assert!(same(&one, &other), "{case}: {one:?} and {other:?}"),
        (one, other) => prop_assert_eq!(format!("{one:?}"), format!("{other:?}"), "{}", case),
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn short_rows_of_log_probs_equal_long_ones((k, y, logits) in points(), tau in 0.1..3.0f64) {
        let x: Vec<f64> = y.iter().map(|y| y.exp()).collect();
        let long = padded(&logits, k, MASK);
        let spaces = [
            (exp_concrete_log_prob as LogProb<f64>, exp_concrete_log_prob_vjp as LogProbVjp<f64>, &y, MASK),
            (concrete_log_prob, concrete_log_prob_vjp, &x, 0.0),
        ];
        for (log_prob, vjp, sample, mask) in spaces {
            let long_sample = padded(sample, k, mask);
            let short = values(log_prob, &logits, sample, k, tau);
            agree("long rows", short.clone(), values(log_prob, &long, &long_sample, k + PADDING, tau))?;
            let single = |row| values(log_prob, &logits[row * k..][..k], &sample[row * k..][..k], k, tau);
            agree("one by one", short, row_by_row(40, |row| single(row).map(|out| out[0])))?;
            let short = slopes(vjp, &logits, sample, k, tau, k);
            agree("slopes", short, slopes(vjp, &long, &long_sample, k + PADDING, tau, k))?;
        }
    }

    #[test]
    fn categorical_rows_equal_one_by_one(
        (k, q, p) in points(),
        index in prop::collection::vec(prop_oneof![99 => 0..1u32, 1 => 20..30u32], 40),
    ) {
        type Kernel<'a> = &'a dyn Fn(std::ops::Range<usize>, &mut [f64]) -> Result<(), Error>;
        let of = |rows: std::ops::Range<usize>| rows.start * k..rows.end * k;
        let kernels: [(&str, Kernel); 4] = [
            ("log_prob", &|r, out| categorical::log_prob(&p[of(r.clone())], &index[r], k, out)),
            ("entropy", &|r, out| categorical::entropy(&p[of(r)], k, out)),
            ("kl", &|r, out| categorical::kl(&p[of(r.clone())], &q[of(r)], k, out)),
            ("log_sum_exp", &|r, out| log_sum_exp(&p[of(r)], k, out)),
        ];
        for (name, kernel) in kernels {
            let run = |rows: std::ops::Range<usize>| {
                let mut out = vec![9.0; rows.len()];
                kernel(rows, &mut out).map(|()| out)
            };
            agree(name, run(0..40), row_by_row(40, |row| run(row..row + 1).map(|out| out[0])))?;
        }
        let long = (padded(&p, k, MASK), padded(&q, k, MASK));
        let (mut short, mut wide) = (vec![9.0; 40], vec![9.0; 40]);
        let short = categorical::kl(&p, &q, k, &mut short).map(|()| short);
        let wide = categorical::kl(&long.0, &long.1, k + PADDING, &mut wide).map(|()| wide);
        agree("long rows", short, wide)?;
    }

    #[test]
    fn binary_points_equal_one_by_one((_, y, log_odds) in points(), tau in 0.1..3.0f64, valid in any::<bool>()) {
        let log_odds: Vec<f64> = if valid { vec![0.3; y.len()] } else { log_odds };
        for log_prob in [binary_concrete_log_prob::<f64>, binary_concrete_unit_log_prob] {
            let run = |at: std::ops::Range<usize>| {
                let mut out = vec![9.0; at.len()];
                log_prob(&log_odds[at.clone()], &y[at], tau, &mut out).map(|()| out)
            };
            agree("binary", run(0..y.len()), row_by_row(y.len(), |at| run(at..at + 1).map(|out| out[0])))?;
        }
    }
}

/// Of several errors the first is returned, whichever thread finds it.
#[test]
fn first_error_is_returned_on_any_number_of_threads() {
    let (mut p, mut index, zeros) = (vec![0f32; 300_000], vec![0; 30_000], vec![0f32; 300_000]);
    index[20_000] = 10;
    p[290_000..].fill(f32::NAN);
    let mut out = vec![0.0; 300_000];
    let error = with_threads(3, || categorical::log_prob(&p, &index, 10, &mut out[..30_000])).unwrap_err();
    assert!(matches!(error, Error::Index { row: 20_000, .. }), "{error}");
    p[123_456] = f32::NAN;
    let errors = with_threads(3, || {
        [
            categorical::log_prob(&p, &index, 10, &mut out[..30_000]),
            categorical::kl(&zeros, &p, 10, &mut out[..30_000]),
            exp_concrete_log_prob(&p, &zeros, 10, 1.0, &mut out[..30_000]),
            log_sum_exp_vjp(&p, &zeros[..30_000], 10, &mut out),
        ]
    });
    for error in errors {
        assert!(matches!(error, Err(Error::Logit { row: 12_345, column: 6, .. })), "{error:?}");
    }
    let error = with_threads(3, || binary_concrete_log_prob(&p, &zeros, 1.0, &mut out)).unwrap_err();
    assert!(matches!(error, Error::LogOdds { index: 123_456, .. }), "{error}");
}
