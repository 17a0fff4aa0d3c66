//! Log-probabilities and their slopes at every level of this machine, against plain lines in `f64`.

use super::support::{MASK, at_every_level, at_fused_levels, lengths, wide};
use crate::*;
use statrs::function::gamma::ln_gamma;

/// Twice the unit roundoff of `f32`.
const EPSILON: f64 = f32::EPSILON as f64;

/// Logits up to `scale`, optionally with some masks.
fn logits(rows: usize, k: usize, scale: f32, masks: bool) -> Vec<f32> {
    let mut logits = vec![0f32; rows * k];
    noise::logistic(Stream::new(77).split(k as u64), &mut logits);
    for (index, logit) in logits.iter_mut().enumerate() {
        *logit = (*logit / 20.0).clamp(-1.0, 1.0) * scale;
        if masks && index % 11 == 5 && index % k != 0 {
            *logit = MASK;
        }
    }
    logits
}

#[track_caller]
fn assert_near(case: &str, single: f32, exact: f64, tolerance: f64) {
    assert!(!single.is_nan(), "{case}: not a number for {exact}");
    let beyond = single.is_infinite() && exact.abs() + tolerance > f32::MAX.into();
    assert!(
        beyond || single == exact as f32 || (f64::from(single) - exact).abs() <= tolerance,
        "{case}: {single} for {exact}, allowed {tolerance:e}"
    );
}

fn log_sum_exp_of(row: &[f64]) -> f64 {
    let max = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    max + row.iter().map(|l| (l - max).exp()).sum::<f64>().ln()
}

/// A log-density and its slopes by the formulas of the documentation, from the logarithms `y`.
struct Reference {
    log_prob: f64,
    d_logits: Vec<f64>,
    d_sample: Vec<f64>,
    d_tau: f64,
    /// The rounding error in `f32` of the sums and of each number that is exponentiated.
    error: f64,
    /// The size of the terms of the log-density.
    size: f64,
}

fn reference(y: &[f64], logits: &[f64], tau: f64, simplex: bool) -> Reference {
    let unmasked: Vec<usize> = (0..y.len()).filter(|&i| logits[i].is_finite()).collect();
    let n = unmasked.len() as f64;
    let a: Vec<f64> = unmasked.iter().map(|&i| logits[i] - tau * y[i]).collect();
    let log_sum = log_sum_exp_of(&a);
    let volume: f64 = if simplex { unmasked.iter().map(|&i| -y[i]).sum() } else { 0.0 };
    let mut reference = Reference {
        log_prob: ln_gamma(n) + (n - 1.0) * tau.ln() + a.iter().map(|a| a - log_sum).sum::<f64>() + volume,
        d_logits: vec![0.0; y.len()],
        d_sample: vec![0.0; y.len()],
        d_tau: (n - 1.0) / tau,
        error: 0.0,
        size: ln_gamma(n) + (n - 1.0) * tau.ln().abs() + volume.abs(),
    };
    for (&i, a) in unmasked.iter().zip(&a) {
        let slope = 1.0 - n * (a - log_sum).exp();
        reference.d_logits[i] = slope;
        reference.d_sample[i] = if simplex { -(tau * slope + 1.0) / y[i].exp() } else { -tau * slope };
        reference.d_tau -= y[i] * slope;
        reference.error = reference.error.max(2.0 * EPSILON * (logits[i].abs() + tau * y[i].abs() + 1.0));
    }
    reference
}

/// Samples inside the support: no unmasked category underflows.
fn samples(logits: &[f32], k: usize, tau: f32) -> (Vec<f32>, Vec<f32>) {
    let (mut x, mut log_x) = (vec![0.0; logits.len()], vec![0.0; logits.len()]);
    gumbel_softmax(logits, k, tau, Stream::new(1), &mut x).unwrap();
    log_gumbel_softmax(logits, k, tau, Stream::new(1), &mut log_x).unwrap();
    x.iter_mut().zip(logits).filter(|(_, l)| l.is_finite()).for_each(|(x, _)| *x = x.max(1e-42));
    (x, log_x)
}

type LogProb = fn(&[f32], &[f32], usize, f32, &mut [f32]) -> Result<(), Error>;
type LogProbVjp =
    fn(&[f32], &[f32], &[f32], usize, f32, &mut [f32], &mut [f32], &mut [f32]) -> Result<(), Error>;
/// Each with whether its samples are on the simplex.
const SPACES: [(LogProb, LogProbVjp, bool); 2] = [
    (exp_concrete_log_prob, exp_concrete_log_prob_vjp, false),
    (concrete_log_prob, concrete_log_prob_vjp, true),
];

/// Compares a log-density and its slopes with the reference, from unaligned slices.
fn check_log_prob(
    case: &str,
    space: (LogProb, LogProbVjp, bool),
    logits: &[f32],
    sample: &[f32],
    k: usize,
    tau: f32,
) {
    let (log_prob, vjp, simplex) = space;
    let (len, rows, offset) = (logits.len(), logits.len() / k, k % 7);
    let shifted = |values: &[f32]| [&vec![9.0; offset], values].concat();
    let (sample_buffer, logits_buffer) = (shifted(sample), shifted(logits));
    let mut outputs = [rows, len, len, rows].map(|len| vec![9f32; len + offset + 1]);
    let [out, d_logits, d_sample, d_tau] = outputs.each_mut().map(|out| {
        let len = out.len() - 1;
        &mut out[offset..len]
    });
    log_prob(&logits_buffer[offset..], &sample_buffer[offset..], k, tau, out).unwrap();
    let d: Vec<f32> = (0..rows).map(|row| [1.0, -2.0, 0.5][row % 3]).collect();
    vjp(&logits_buffer[offset..], &sample_buffer[offset..], &d, k, tau, d_logits, d_sample, d_tau).unwrap();
    for row in 0..rows {
        let (at, d) = (row * k, f64::from(d[row]));
        let values = wide(&sample[at..][..k]);
        let y: Vec<f64> = if simplex { values.iter().map(|x| x.ln()).collect() } else { values.clone() };
        let exact = reference(&y, &wide(&logits[at..][..k]), tau.into(), simplex);
        let (n, case) = (k as f64, format!("{case}, row {row}"));
        if exact.error > 1e30 * EPSILON || exact.log_prob.abs() > 1e38 {
            assert!(!out[row].is_nan() && !d_tau[row].is_nan(), "{case}"); // beyond the range of f32
            continue;
        }
        assert_near(
            &case,
            out[row],
            exact.log_prob,
            n * exact.error + 2.0 * EPSILON * (exact.size + exact.log_prob.abs()),
        );
        let slope_error = n * exact.error.min(1.0);
        let mass: f64 = y.iter().filter(|y| y.is_finite()).map(|y| y.abs()).sum();
        let tau_error = mass * slope_error + 4.0 * EPSILON * exact.d_tau.abs() + n * EPSILON / f64::from(tau);
        assert_near(&format!("{case}, d_tau"), d_tau[row], d * exact.d_tau, 2.0 * tau_error);
        for i in 0..k {
            let case = format!("{case}, column {i}");
            assert_near(&case, d_logits[at + i], d * exact.d_logits[i], 2.0 * slope_error);
            let scale = if simplex { 1.0 / values[i] } else { 1.0 };
            let error = (f64::from(tau) * slope_error + 4.0 * EPSILON) * scale
                + 4.0 * EPSILON * exact.d_sample[i].abs();
            assert_near(&case, d_sample[at + i], d * exact.d_sample[i], 2.0 * error);
            assert!(logits[at + i] > MASK || d_sample[at + i] == 0.0 && d_logits[at + i] == 0.0, "{case}");
        }
    }
    assert!(
        outputs.iter().all(|out| out[..offset].iter().chain(out.last()).all(|&guard| guard == 9.0)),
        "{case}"
    );
}

#[test]
fn log_probs_and_slopes_equal_the_formulas() {
    at_every_level(|level| {
        for k in lengths() {
            for (masks, tau) in [(false, 0.7f32), (true, 0.7), (false, 0.1), (true, 5.0)] {
                let logits = logits(600 / k + 2, k, 20.0, masks);
                let (x, log_x) = samples(&logits, k, tau.max(0.7));
                for (space, sample) in SPACES.into_iter().zip([&log_x, &x]) {
                    check_log_prob(
                        &format!("{level}, {k} categories, tau {tau}"),
                        space,
                        &logits,
                        sample,
                        k,
                        tau,
                    );
                }
            }
        }
    });
}

#[test]
fn log_probs_equal_the_formulas_for_extreme_inputs() {
    at_every_level(|level| {
        for k in [1, 2, 3, 5, 10, 16, 17, 33, 67, 256, 257] {
            for tau in [1e-30f32, 1e-10, 1e10, 1e30] {
                for scale in [1e-40, 1.0, 1e30, 3e38] {
                    let logits = logits(600 / k + 2, k, scale, true);
                    let (x, log_x) = samples(&logits, k, tau);
                    for (space, sample) in SPACES.into_iter().zip([&log_x, &x]) {
                        let case = format!("{level}, {k} categories, tau {tau}, logits to {scale}");
                        check_log_prob(&case, space, &logits, sample, k, tau);
                    }
                }
            }
        }
    });
}

#[test]
fn categorical_results_equal_the_formulas() {
    at_every_level(|level| {
        for k in lengths() {
            let rows = 600 / k + 2;
            let (p, q) = (logits(rows, k, 20.0, true), logits(rows, k, 5.0, false));
            let index: Vec<u32> = (0..rows).map(|row| (row * 7 % k) as u32).collect();
            let mut out = [(); 4].map(|()| vec![9f32; rows]);
            let (mut slopes, d) =
                (vec![9f32; rows * k], (0..rows).map(|row| row as f32 - 3.0).collect::<Vec<_>>());
            categorical::log_prob(&p, &index, k, &mut out[0]).unwrap();
            categorical::entropy(&p, k, &mut out[1]).unwrap();
            categorical::kl(&p, &q, k, &mut out[2]).unwrap();
            log_sum_exp(&p, k, &mut out[3]).unwrap();
            log_sum_exp_vjp(&p, &d, k, &mut slopes).unwrap();
            for row in 0..rows {
                let case = format!("{level}, {k} categories, row {row}");
                let (p, q) = (wide(&p[row * k..][..k]), wide(&q[row * k..][..k]));
                let (sum_p, sum_q) = (log_sum_exp_of(&p), log_sum_exp_of(&q));
                let unmasked = || p.iter().zip(&q).filter(|(p, _)| p.is_finite());
                let entropy: f64 = unmasked().map(|(p, _)| -(p - sum_p).exp() * (p - sum_p)).sum();
                let kl: f64 = unmasked().map(|(p, q)| (p - sum_p).exp() * (p - sum_p - q + sum_q)).sum();
                assert_near(&case, out[0][row], p[index[row] as usize] - sum_p, 40.0 * EPSILON);
                assert_near(&case, out[1][row], entropy, 20.0 * EPSILON);
                assert_near(&case, out[2][row], kl, 40.0 * EPSILON);
                assert_near(&case, out[3][row], sum_p, 20.0 * EPSILON);
                for (i, slope) in slopes[row * k..][..k].iter().enumerate() {
                    let exact = f64::from(d[row]) * (p[i] - sum_p).exp();
                    assert_near(&case, *slope, exact, 20.0 * EPSILON * exact.abs() + 1e-44);
                }
            }
        }
    });
}

/// Numbers of every size and sign.
fn all_sizes(len: usize) -> Vec<f32> {
    let sizes = [0.0, 1e-45, 1e-40, 1e-30, 1e-7, 1e-3, 0.1, 0.69, 0.88, 1.0, 3.0, 30.0, 1e3, 1e30, 3e38];
    (0..len).map(|i| sizes[i % sizes.len()] * if i / sizes.len() % 2 == 0 { 1.0 } else { -1.0 }).collect()
}

/// The log-density in logit space and its slopes in the log-odds, the sample and `tau`, and the rounding error of their
/// argument in `f32`.
fn binary_reference(y: f64, log_odds: f64, tau: f64) -> ([f64; 4], f64) {
    let a = log_odds - tau * y;
    let t = (a / 2.0).tanh();
    let log_prob = tau.ln() - a.abs() - 2.0 * (-a.abs()).exp().ln_1p();
    ([log_prob, -t, tau * t, 1.0 / tau + y * t], EPSILON * (log_odds.abs() + (tau * y).abs()))
}

#[test]
fn binary_log_prob_in_logit_space_equals_the_formula() {
    at_every_level(|level| {
        for len in (0..68).chain([511, 512, 513, 1100]) {
            for tau in [1e-30f32, 0.1, 0.7, 1.0, 5.0, 1e30] {
                let y = all_sizes(len);
                let log_odds: Vec<f32> = all_sizes(len + 7).into_iter().skip(7).map(|l| l / 2.0).collect();
                let mut out = [(); 4].map(|()| vec![9f32; len]);
                let [log_prob, d_log_odds, d_y, d_tau] = &mut out;
                binary_concrete_log_prob(&log_odds, &y, tau, log_prob).unwrap();
                binary_concrete_log_prob_vjp(&log_odds, &y, &vec![1.0; len], tau, d_log_odds, d_y, d_tau)
                    .unwrap();
                for i in 0..len {
                    let (exact, error) = binary_reference(y[i].into(), log_odds[i].into(), tau.into());
                    let scales = [1.0, 1.0, tau.into(), f64::from(y[i]).abs()];
                    for ((out, exact), scale) in out.iter().zip(exact).zip(scales) {
                        let tolerance = 4.0 * EPSILON * exact.abs().max(scale) + error * scale;
                        let case = format!("{level}, tau {tau}, y {}, log-odds {}", y[i], log_odds[i]);
                        assert_near(&case, out[i], exact, tolerance);
                    }
                }
            }
        }
    });
}

#[test]
fn binary_log_prob_on_the_unit_interval_equals_the_formula() {
    let ends =
        [1e-45f32, 1e-40, 1e-20, 1e-7, 0.01, 0.3, 0.4142, 0.5, 0.51, 0.7, 0.99, 1.0 - f32::EPSILON / 2.0];
    at_every_level(|level| {
        for len in (0..68).chain([511, 512, 513]) {
            for tau in [1e-3f32, 0.1, 1.0, 5.0] {
                let x: Vec<f32> = ends.into_iter().cycle().take(len).collect();
                let log_odds: Vec<f32> = (0..len).map(|i| i as f32 % 17.0 - 8.0).collect();
                let mut out = [(); 4].map(|()| vec![9f32; len]);
                let [log_prob, d_log_odds, d_x, d_tau] = &mut out;
                binary_concrete_unit_log_prob(&log_odds, &x, tau, log_prob).unwrap();
                binary_concrete_unit_log_prob_vjp(
                    &log_odds,
                    &x,
                    &vec![1.0; len],
                    tau,
                    d_log_odds,
                    d_x,
                    d_tau,
                )
                .unwrap();
                for i in 0..len {
                    let (wide, case) = (f64::from(x[i]), format!("{level}, tau {tau}, x {}", x[i]));
                    let (log_x, log_rest) = (wide.ln(), (-wide).ln_1p());
                    let y = log_x - log_rest;
                    let ([log_prob, in_log_odds, in_y, in_tau], error) =
                        binary_reference(y, log_odds[i].into(), tau.into());
                    let near = |value, exact: f64, scale: f64| {
                        assert_near(
                            &case,
                            value,
                            exact,
                            (8.0 * EPSILON + 2.0 * error) * exact.abs().max(scale),
                        );
                    };
                    near(out[0][i], log_prob - log_x - log_rest, 1.0 + y.abs());
                    let volume = 1.0 / wide / (1.0 - wide);
                    near(out[2][i], (in_y + 2.0 * wide - 1.0) * volume, (1.0 + f64::from(tau)) * volume);
                    near(out[1][i], in_log_odds, 1.0);
                    near(out[3][i], in_tau, y.abs());
                }
            }
        }
    });
}

/// The outputs of every kernel, each in three buffers of the length of the logits.
fn all_outputs(p: &[f32], q: &[f32], x: &[f32], log_x: &[f32], k: usize) -> Vec<Vec<f32>> {
    let (len, rows) = (p.len(), p.len() / k);
    let (index, d, d_each) = (vec![(k / 2) as u32; rows], vec![0.7; rows], vec![0.7; len]);
    let mut out: Vec<Vec<f32>> = Vec::new();
    let mut run = |kernel: &dyn Fn([&mut [f32]; 3])| {
        let mut buffers = [(); 3].map(|()| vec![9f32; len]);
        kernel(buffers.each_mut().map(|buffer| &mut buffer[..]));
        out.extend(buffers);
    };
    for ((log_prob, vjp, _), sample) in SPACES.into_iter().zip([log_x, x]) {
        run(&|[out, ..]| log_prob(p, sample, k, 0.6, &mut out[..rows]).unwrap());
        run(&|[a, b, c]| vjp(p, sample, &d, k, 0.6, a, b, &mut c[..rows]).unwrap());
    }
    run(&|[out, ..]| binary_concrete_log_prob(q, q, 0.6, out).unwrap());
    run(&|[a, b, c]| binary_concrete_log_prob_vjp(q, q, &d_each, 0.6, a, b, c).unwrap());
    run(&|[out, ..]| binary_concrete_unit_log_prob(q, x, 0.6, out).unwrap());
    run(&|[a, b, c]| binary_concrete_unit_log_prob_vjp(q, x, &d_each, 0.6, a, b, c).unwrap());
    run(&|[out, ..]| categorical::log_prob(p, &index, k, &mut out[..rows]).unwrap());
    run(&|[out, ..]| categorical::entropy(p, k, &mut out[..rows]).unwrap());
    run(&|[out, ..]| categorical::kl(p, q, k, &mut out[..rows]).unwrap());
    run(&|[out, ..]| log_sum_exp_vjp(p, &d, k, out).unwrap());
    out
}

#[test]
fn threads_and_levels_with_fused_arithmetic_change_no_bit() {
    let results = at_fused_levels(|| {
        [(20_001, 10), (40_003, 2), (101, 1000)].map(|(rows, k)| {
            let (p, q) = (logits(rows, k, 20.0, true), logits(rows, k, 5.0, false));
            let (x, log_x) = samples(&p, k, 0.7);
            all_outputs(&p, &q, &x, &log_x, k)
        })
    });
    assert!(results.windows(2).all(|pair| pair[0] == pair[1]));
}
