//! Vector-Jacobian products compared with central differences, in `f64`.
//!
//! With steps of 1e-5, the differences are accurate to about 1e-9 of the largest slope. The tests require 1e-6.

use crate::support::{LogProb, LogProbVjp, MASK, numbers, output};
use gumbel_kernels::*;

/// Rows of three without, with one and with two masks.
fn logits() -> Vec<f64> {
    let mut logits = numbers(1, 12);
    logits[4] = MASK;
    (logits[6], logits[8]) = (MASK, MASK);
    logits
}

fn differences(input: &[f64], d: &[f64], f: impl Fn(&[f64]) -> Vec<f64>) -> Vec<f64> {
    crate::support::differences(input, d, 1e-5, f)
}

#[track_caller]
fn assert_close(name: &str, vjp: &[f64], differences: &[f64]) {
    assert_eq!(vjp.len(), differences.len());
    let scale = differences.iter().fold(1.0f64, |max, slope| max.max(slope.abs()));
    for (index, (vjp, slope)) in vjp.iter().zip(differences).enumerate() {
        assert!((vjp - slope).abs() < 1e-6 * scale, "{name}: {vjp} at {index}, differences give {slope}");
        assert!(*slope != 0.0 || *vjp == 0.0, "{name}: {vjp} at {index}, which is masked");
    }
}

#[test]
fn softmax_log_softmax_and_log_sum_exp() {
    let (logits, d, d_rows) = (logits(), numbers(2, 12), numbers(3, 4));
    let slopes = differences(&logits, &d, |l| output(12, |out| softmax(l, 3, out)));
    let y = output(12, |out| softmax(&logits, 3, out));
    assert_close("softmax", &output(12, |out| softmax_vjp(&y, &d, 3, out)), &slopes);

    let slopes = differences(&logits, &d, |l| output(12, |out| log_softmax(l, 3, out)));
    let y = output(12, |out| log_softmax(&logits, 3, out));
    assert_close("log_softmax", &output(12, |out| log_softmax_vjp(&y, &d, 3, out)), &slopes);

    let slopes = differences(&logits, &d_rows, |l| output(4, |out| log_sum_exp(l, 3, out)));
    let vjp = output(12, |out| log_sum_exp_vjp(&logits, &d_rows, 3, out));
    assert_close("log_sum_exp", &vjp, &slopes);
}

#[test]
fn gumbel_softmax_with_common_noise() {
    let (logits, d, stream) = (logits(), numbers(2, 12), Stream::new(6));
    for tau in [0.3, 1.0, 4.0] {
        let slopes = differences(&logits, &d, |l| output(12, |out| gumbel_softmax(l, 3, tau, stream, out)));
        let y = output(12, |out| gumbel_softmax(&logits, 3, tau, stream, out));
        assert_close("relaxed", &output(12, |out| gumbel_softmax_vjp(&y, &d, 3, tau, out)), &slopes);

        let slopes =
            differences(&logits, &d, |l| output(12, |out| log_gumbel_softmax(l, 3, tau, stream, out)));
        let y = output(12, |out| log_gumbel_softmax(&logits, 3, tau, stream, out));
        assert_close("log", &output(12, |out| log_gumbel_softmax_vjp(&y, &d, 3, tau, out)), &slopes);
    }
}

#[track_caller]
fn check_log_prob(
    name: &str,
    log_prob: LogProb<f64>,
    vjp: LogProbVjp<f64>,
    logits: &[f64],
    sample: &[f64],
    k: usize,
    tau: f64,
) {
    let (len, rows) = (logits.len(), logits.len() / k);
    let d = numbers(4, rows);
    let (mut d_sample, mut d_logits, mut d_tau) = (vec![9.0; len], vec![9.0; len], vec![9.0; rows]);
    vjp(logits, sample, &d, k, tau, &mut d_logits, &mut d_sample, &mut d_tau).unwrap();
    let run = |logits: &[f64], sample: &[f64], tau| output(rows, |out| log_prob(logits, sample, k, tau, out));
    // The sample is fixed where its logit is masked, because the density is discontinuous there.
    let free: Vec<f64> = sample.iter().zip(logits).map(|(&x, &l)| if l == MASK { MASK } else { x }).collect();
    let restore = |free: &[f64]| {
        free.iter().zip(sample).map(|(&f, &x)| if f == MASK { x } else { f }).collect::<Vec<_>>()
    };
    assert_close(name, &d_sample, &differences(&free, &d, |x| run(logits, &restore(x), tau)));
    assert_close(name, &d_logits, &differences(logits, &d, |l| run(l, sample, tau)));
    assert_close(name, &[d_tau.iter().sum()], &differences(&[tau], &d, |tau| run(logits, sample, tau[0])));
}

#[test]
fn concrete_log_probs() {
    let logits = logits();
    for tau in [0.3, 1.0, 4.0] {
        let y = output(12, |out| log_gumbel_softmax(&logits, 3, tau, Stream::new(6), out));
        check_log_prob("exp", exp_concrete_log_prob, exp_concrete_log_prob_vjp, &logits, &y, 3, tau);
        let x = output(12, |out| gumbel_softmax(&logits, 3, 2.0, Stream::new(6), out));
        check_log_prob("simplex", concrete_log_prob, concrete_log_prob_vjp, &logits, &x, 3, tau);
    }
}

#[test]
fn binary_concrete_log_probs() {
    let (log_odds, y) = (numbers(7, 20), numbers(8, 20));
    let x: Vec<f64> = y.iter().map(|y| 1.0 / (1.0 + (-y).exp())).collect();
    for tau in [0.3, 1.0, 4.0] {
        check_log_prob(
            "logit",
            |l, y, _, tau, out| binary_concrete_log_prob(l, y, tau, out),
            |l, y, d, _, tau, d_l, d_y, d_tau| binary_concrete_log_prob_vjp(l, y, d, tau, d_l, d_y, d_tau),
            &log_odds,
            &y,
            1,
            tau,
        );
        check_log_prob(
            "unit",
            |l, x, _, tau, out| binary_concrete_unit_log_prob(l, x, tau, out),
            |l, x, d, _, tau, d_l, d_x, d_tau| {
                binary_concrete_unit_log_prob_vjp(l, x, d, tau, d_l, d_x, d_tau)
            },
            &log_odds,
            &x,
            1,
            tau,
        );
    }
}

#[test]
fn gradients_at_masks_are_zero_for_any_cotangent() {
    let (y, x, logits) = ([-1.0, -0.5, MASK], [0.3, 0.7, 0.0], [0.0, 1.0, MASK]);
    for d in [f64::INFINITY, f64::NAN] {
        for (vjp, sample) in [(exp_concrete_log_prob_vjp as LogProbVjp<f64>, y), (concrete_log_prob_vjp, x)] {
            let (mut d_sample, mut d_logits, mut d_tau) = ([9.0; 3], [9.0; 3], [9.0]);
            vjp(&logits, &sample, &[d], 3, 0.5, &mut d_logits, &mut d_sample, &mut d_tau).unwrap();
            assert_eq!((d_sample[2], d_logits[2]), (0.0, 0.0));
        }
    }
}

#[test]
fn gradients_are_zero_where_the_density_is() {
    let (log_half, d) = (0.5f64.ln(), [1.0]);
    // Mass on the mask; no mass on an unmasked category.
    for (y, logits) in [([log_half, log_half], [0.0, MASK]), ([0.0, MASK], [0.0, 0.0])] {
        let x = y.map(f64::exp);
        for (vjp, sample) in [(exp_concrete_log_prob_vjp as LogProbVjp<f64>, y), (concrete_log_prob_vjp, x)] {
            let (mut d_sample, mut d_logits, mut d_tau) = ([9.0; 2], [9.0; 2], [9.0]);
            vjp(&logits, &sample, &d, 2, 0.5, &mut d_logits, &mut d_sample, &mut d_tau).unwrap();
            assert_eq!((d_sample, d_logits, d_tau), ([0.0; 2], [0.0; 2], [0.0]));
        }
    }
    for end in [0.0, 1.0] {
        let (mut d_x, mut d_l, mut d_tau) = ([9.0], [9.0], [9.0]);
        binary_concrete_unit_log_prob_vjp(&[1.0], &[end], &d, 0.5, &mut d_l, &mut d_x, &mut d_tau).unwrap();
        assert_eq!((d_x, d_l, d_tau), ([0.0], [0.0], [0.0]));
    }
}
