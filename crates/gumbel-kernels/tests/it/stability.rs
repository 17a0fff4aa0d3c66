//! Every kernel at the ends of the number types: no overflow, no NaN, and masks stay masked.

use crate::support::{LogProb, LogProbVjp, numbers, output, wide};
use gumbel_kernels::*;

/// The ends of one number type.
struct Extremes<T> {
    taus: Vec<T>,
    rows: Vec<[T; 3]>,
}

macro_rules! extremes {
    ($t:ident) => {{
        let (huge, tiny, subnormal, mask) =
            ($t::MAX, $t::MIN_POSITIVE, $t::MIN_POSITIVE / 8.0, $t::NEG_INFINITY);
        let ordinary = [1e-30, 1e-10, 0.1, 1.0, 10.0, 1e10, 1e30];
        Extremes {
            taus: [&[subnormal, tiny], &ordinary[..], &[huge / 2.0, huge]].concat(),
            rows: vec![
                [0.0, 0.0, 0.0],
                [huge, -huge, 0.0],
                [3e38, -3e38, 3e38],
                [-huge, -huge, -huge],
                [huge, huge, huge],
                [-huge, mask, mask],
                [huge, mask, -huge],
                [mask, 1.0, 2.0],
                [subnormal, -subnormal, tiny],
                [1e30, 1e-30, -1e30],
            ],
        }
    }};
}

/// Runs `check(logits, tau, stream)` on all combinations and a few draws.
fn for_all<T: Real>(extremes: &Extremes<T>, check: impl Fn([T; 3], T, Stream)) {
    for &tau in &extremes.taus {
        for &row in &extremes.rows {
            (0..20).for_each(|seed| check(row, tau, Stream::new(seed)));
        }
    }
}

fn samples_are_distributions<T: Real>(extremes: &Extremes<T>) {
    for_all(extremes, |logits, tau, stream| {
        let (mut y, mut index, mut drawn) = ([T::nan(); 3], [9], [9]);
        gumbel_softmax_with_index(&logits, 3, tau, stream, &mut y, &mut index).unwrap();
        gumbel_max(&logits, 3, stream, &mut drawn).unwrap();
        let sum: f64 = y.iter().map(|&y| y.into()).sum();
        let case = format!("{logits:?} at {tau}: {y:?}");
        assert!((sum - 1.0).abs() < 4.0 * T::epsilon().into(), "{case}");
        assert_eq!(index, drawn, "{case}");
        assert!(y.iter().all(|&other| other <= y[drawn[0] as usize]), "{case}");
        assert!(y.iter().zip(logits).all(|(&y, l)| l > T::neg_infinity() || y == T::zero()), "{case}");
    });
}

fn log_samples_are_finite_except_at_masks<T: Real>(extremes: &Extremes<T>) {
    for_all(extremes, |logits, tau, stream| {
        let (mut y, mut log_y) = ([T::nan(); 3], [T::nan(); 3]);
        gumbel_softmax(&logits, 3, tau, stream, &mut y).unwrap();
        log_gumbel_softmax(&logits, 3, tau, stream, &mut log_y).unwrap();
        for ((log_y, y), logit) in log_y.into_iter().zip(y).zip(logits) {
            assert_eq!(log_y.is_finite(), logit.is_finite(), "{logits:?} at {tau}: {log_y}");
            let error: f64 = (log_y.exp() - y).abs().into();
            assert!(error < 4.0 * T::epsilon().into(), "{logits:?} at {tau}: exp {log_y} is not {y}");
        }
    });
}

fn gradients_are_numbers<T: Real>(extremes: &Extremes<T>) {
    for_all(extremes, |logits, tau, stream| {
        let dy = [1.0, -2.0, 0.5].map(T::from_f64);
        let (mut y, mut soft, mut log_y, mut log) =
            ([T::nan(); 3], [T::nan(); 3], [T::nan(); 3], [T::nan(); 3]);
        gumbel_softmax(&logits, 3, tau, stream, &mut y).unwrap();
        gumbel_softmax_vjp(&y, &dy, 3, tau, &mut soft).unwrap();
        log_gumbel_softmax(&logits, 3, tau, stream, &mut log_y).unwrap();
        log_gumbel_softmax_vjp(&log_y, &dy, 3, tau, &mut log).unwrap();
        for ((logit, soft), log) in logits.into_iter().zip(soft).zip(log) {
            assert!(!soft.is_nan() && !log.is_nan(), "{logits:?} at {tau}");
            // If 1 / tau is finite, so is the gradient.
            assert!(tau < T::min_positive_value() || soft.is_finite(), "{logits:?} at {tau}: {soft}");
            assert!(
                logit > T::neg_infinity() || (soft == T::zero() && log == T::zero()),
                "{logits:?} at {tau}"
            );
        }
    });
}

fn log_probs_are_numbers<T: Real>(extremes: &Extremes<T>) {
    for_all(extremes, |logits, tau, stream| {
        let (mut y, mut x, mut out) = ([T::nan(); 3], [T::nan(); 3], [T::nan()]);
        log_gumbel_softmax(&logits, 3, tau, stream, &mut y).unwrap();
        gumbel_softmax(&logits, 3, tau, stream, &mut x).unwrap();
        for (log_prob, sample) in [(exp_concrete_log_prob as LogProb<T>, y), (concrete_log_prob, x)] {
            log_prob(&logits, &sample, 3, tau, &mut out).unwrap();
            assert!(!out[0].is_nan(), "{logits:?} at {tau}: {sample:?}");
        }
        let (mut d_y, mut d_logits, mut d_tau) = ([T::nan(); 3], [T::nan(); 3], [T::nan()]);
        for (vjp, sample) in [(exp_concrete_log_prob_vjp as LogProbVjp<T>, y), (concrete_log_prob_vjp, x)] {
            vjp(&logits, &sample, &[T::one()], 3, tau, &mut d_logits, &mut d_y, &mut d_tau).unwrap();
            let numbers = d_y.iter().chain(&d_logits).chain(&d_tau);
            assert!(
                numbers.clone().all(|v| !v.is_nan()),
                "{logits:?} at {tau}, {sample:?}: {d_y:?} {d_logits:?} {d_tau:?}"
            );
        }
    });
}

fn binary_log_probs_are_numbers<T: Real>(extremes: &Extremes<T>) {
    let finite: Vec<T> = extremes.rows.concat().into_iter().filter(|l| l.is_finite()).collect();
    for (&tau, &log_odds) in extremes.taus.iter().flat_map(|tau| finite.iter().map(move |l| (tau, l))) {
        for &y in &finite {
            let x = (T::one() + (-y).exp()).recip();
            let (mut logit, mut unit) = ([T::nan()], [T::nan()]);
            binary_concrete_log_prob(&[log_odds], &[y], tau, &mut logit).unwrap();
            binary_concrete_unit_log_prob(&[log_odds], &[x], tau, &mut unit).unwrap();
            assert!(!logit[0].is_nan() && !unit[0].is_nan(), "y {y}, log-odds {log_odds}, tau {tau}");
            let (mut a, mut b, mut c) = ([T::nan()], [T::nan()], [T::nan()]);
            binary_concrete_log_prob_vjp(&[log_odds], &[y], &[T::one()], tau, &mut a, &mut b, &mut c)
                .unwrap();
            assert!(
                !a[0].is_nan() && !b[0].is_nan() && !c[0].is_nan(),
                "y {y}, log-odds {log_odds}, tau {tau}"
            );
            binary_concrete_unit_log_prob_vjp(&[log_odds], &[x], &[T::one()], tau, &mut a, &mut b, &mut c)
                .unwrap();
            assert!(
                !a[0].is_nan() && !b[0].is_nan() && !c[0].is_nan(),
                "x {x}, log-odds {log_odds}, tau {tau}"
            );
        }
    }
}

#[test]
fn samples_are_distributions_at_every_extreme() {
    samples_are_distributions(&extremes!(f32));
    samples_are_distributions(&extremes!(f64));
}

#[test]
fn log_samples_are_finite_at_every_extreme() {
    log_samples_are_finite_except_at_masks(&extremes!(f32));
    log_samples_are_finite_except_at_masks(&extremes!(f64));
}

#[test]
fn gradients_are_numbers_at_every_extreme() {
    gradients_are_numbers(&extremes!(f32));
    gradients_are_numbers(&extremes!(f64));
}

#[test]
fn log_probs_are_numbers_at_every_extreme() {
    log_probs_are_numbers(&extremes!(f32));
    log_probs_are_numbers(&extremes!(f64));
}

#[test]
fn binary_log_probs_are_numbers_at_every_extreme() {
    binary_log_probs_are_numbers(&extremes!(f32));
    binary_log_probs_are_numbers(&extremes!(f64));
}

#[test]
fn sample_is_hard_at_low_temperature_and_uniform_at_high() {
    let (logits, stream) = ([0.3f32, -1.0, 2.0], Stream::new(2));
    let (mut y, mut index) = ([0.0; 3], [0]);
    gumbel_softmax_with_index(&logits, 3, 1e-30, stream, &mut y, &mut index).unwrap();
    let mut hard = [0.0; 3];
    hard[index[0] as usize] = 1.0;
    assert_eq!(y, hard);
    gumbel_softmax(&logits, 3, 1e30, stream, &mut y).unwrap();
    assert_eq!(y, [1.0 / 3.0; 3]);
}

/// The gap of the two logits overflows `f32`, but divided by a temperature of that size it does not.
#[test]
fn sample_of_huge_logits_at_high_temperature_is_correct() {
    let (mut y, mut log_y) = ([0.0f32; 2], [0.0f32; 2]);
    perturbed_softmax(&[3e38, -3e38], &[0.0; 2], 2, 3e38, &mut y).unwrap();
    log_perturbed_softmax(&[3e38, -3e38], &[0.0; 2], 2, 3e38, &mut log_y).unwrap();
    let expected = 1.0 / (1.0 + 2f32.exp());
    assert!((y[1] - expected).abs() < 1e-7 && (log_y[1] - expected.ln()).abs() < 1e-6, "{y:?} {log_y:?}");
}

/// Compared with the formula in `f64` for the same noise.
#[test]
fn single_precision_sample_agrees_with_double() {
    let stream = Stream::new(12);
    let logits: Vec<f32> = (0..1000).map(|i| (i % 37) as f32 / 4.0 - 5.0).collect();
    for tau in [0.1, 0.5, 1.0, 10.0] {
        let (mut in_single, mut in_double) = (vec![0.0f32; 1000], vec![0.0f64; 1000]);
        log_gumbel_softmax(&logits, 10, tau as f32, stream, &mut in_single).unwrap();
        log_gumbel_softmax(&wide(&logits), 10, tau, stream, &mut in_double).unwrap();
        for (&single, &double) in in_single.iter().zip(&in_double) {
            // The perturbed logits, of size up to 20, are rounded and then divided by tau.
            assert!((f64::from(single) - double).abs() < 3e-6 * (1.0 + 1.0 / tau) + 3e-7 * double.abs());
        }
    }
}

/// At large α small weights have slopes beyond the type.
#[test]
fn entmax_slopes_are_numbers_that_sum_to_zero_at_any_order() {
    for (seed, alpha) in (0..40).flat_map(|seed| [2.5, 10.0, 100.0, 710.0, 1e5].map(|alpha| (seed, alpha))) {
        let (logits, d) = (numbers(seed, 6), numbers(seed + 100, 6));
        let y = output(6, |out| entmax(&logits, 6, alpha, 0.5, out));
        let slopes = output(6, |out| entmax_vjp(&y, &d, 6, alpha, 0.5, out));
        let (sum, size) = (slopes.iter().sum::<f64>(), slopes.iter().map(|s| s.abs()).sum::<f64>());
        assert!(slopes.iter().all(|slope| slope.is_finite()), "alpha {alpha}: {slopes:?} at {y:?}");
        assert!(sum.abs() <= 1e-9 * size, "alpha {alpha}: {slopes:?} sum to {sum}");
    }
}

/// For two categories, from `p^e / e − q^e / e`, which does not change with α = 1 + e.
#[test]
fn entmax_derivatives_in_alpha_are_those_of_two_categories_at_any_order() {
    let (weights, orders) = ([0.5, 0.51, 0.6, 0.9, 0.999], [2.5, 4.0, 20.0, 100.0, 710.0, 1e5, 1e30, 1e300]);
    for (p, alpha) in weights.into_iter().flat_map(|p| orders.map(|alpha| (p, alpha))) {
        let (q, e) = (1.0 - p, alpha - 1.0);
        let slopes = output(2, |out| entmax_alpha_derivative(&[p, q], 2, alpha, out));
        // Over p^(e − 1), so that only a small number is a power.
        let (ratio, small): (f64, f64) = (q / p, (e - 1.0) * (q / p).ln());
        let part = |log: f64| (1.0 / e - log) / e;
        let expected = p * (part(p.ln()) - ratio * small.exp() * part(q.ln())) / (1.0 + small.exp());
        let close = (slopes[0] - expected).abs() <= 1e-13 / e;
        let opposite = (slopes[0] + slopes[1]).abs() <= 1e-14 * (slopes[0].abs() + 1e-2 / e);
        assert!(close && opposite, "alpha {alpha}, {p}: {slopes:?}, not {expected}");
    }
}

#[test]
fn entmax_derivatives_in_alpha_are_numbers_that_sum_to_zero_at_any_order() {
    let orders = [2.5, 10.0, 100.0, 710.0, 1e5, 3e38];
    for (seed, alpha) in (0..40).flat_map(|seed| orders.map(|alpha| (seed, alpha))) {
        let logits = numbers(seed, 6);
        let mut y = output(6, |out| entmax(&logits, 6, alpha, 0.5, out));
        // Of other orders too, whose weights may be small.
        if seed % 2 == 0 {
            y = output(6, |out| softmax(&logits.iter().map(|l| l * 50.0).collect::<Vec<_>>(), 6, out));
        }
        let mut single = [f32::NAN; 6];
        entmax_alpha_derivative(
            &y.iter().map(|&y| y as f32).collect::<Vec<_>>(),
            6,
            alpha as f32,
            &mut single,
        )
        .unwrap();
        let slopes = output(6, |out| entmax_alpha_derivative(&y, 6, alpha, out));
        let (sum, size) = (slopes.iter().sum::<f64>(), slopes.iter().map(|s| s.abs()).sum::<f64>());
        assert!(sum.abs() <= 1e-14 * size, "alpha {alpha}: {slopes:?} sum to {sum}");
        assert!(single.iter().all(|slope| slope.is_finite()), "alpha {alpha}: {single:?} at {y:?}");
        assert!(
            slopes.iter().zip(&y).all(|(&slope, &y)| y > 0.0 || slope == 0.0),
            "alpha {alpha}: {slopes:?}"
        );
    }
}

/// Logits far below others are equal in single precision, noise included.
#[test]
fn relaxed_top_k_has_finite_slopes_at_any_temperature() {
    fn check<T: Real>(largest: f64) {
        let taus = [5e-324, 1e-310, 2e-140, 1e-45, 1e-3, 1.0, 1e300];
        for (seed, tau) in (0..300u64).flat_map(|seed| taus.map(|tau| (seed, tau))) {
            let (rest, size) = (numbers(seed, 8), [1.0, 1e6, largest][seed as usize % 3]);
            let tied = |i: usize| if i < 1 + seed as usize % 4 { rest[i] } else { -1e-2 * largest };
            let logits: Vec<T> = (0..8).map(tied).map(T::from_f64).collect();
            let d: Vec<T> = numbers(seed + 1000, 8)
                .iter()
                .map(|d| T::from_f64((d * size).clamp(-largest, largest)))
                .collect();
            let (count, stream, mut out) = (1 + seed as usize % 8, Stream::new(seed), [T::nan(); 8]);
            subset::relaxed_top_k(&logits, 8, count, tau, stream, &mut out).unwrap();
            assert!(out.iter().all(|out| out.is_finite()), "seed {seed} at {tau}");
            subset::relaxed_top_k_vjp(&logits, &d, 8, count, tau, stream, &mut out).unwrap();
            assert!(out.iter().all(|slope| slope.is_finite()), "seed {seed} at {tau}: {out:?}");
            // Without a tie among those that are chosen, or of which one is not, the sample is saturated.
            let saturated = count <= seed as usize % 4 && tau < 1e-30;
            assert!(
                !saturated || out.iter().all(|&slope| slope == T::zero()),
                "seed {seed} at {tau}: {out:?}"
            );
        }
    }
    check::<f32>(f32::MAX.into());
    check::<f64>(f64::MAX);
}

#[test]
fn slopes_in_tau_are_numbers_at_the_lowest_temperatures() {
    for tau in [1e-37f32, 1e-38, 2e-39, 1e-44] {
        let (logits, stream) = ([0.3f32, -1.0, 2.0], Stream::new(3));
        let mut y = [0.0f32; 3];
        log_gumbel_softmax(&logits, 3, tau, stream, &mut y).unwrap();
        let (mut d_logits, mut d_y, mut d_tau) = ([0.0f32; 3], [0.0f32; 3], [0.0f32]);
        exp_concrete_log_prob_vjp(&logits, &y, &[1.0], 3, tau, &mut d_logits, &mut d_y, &mut d_tau).unwrap();
        let all = [&d_logits[..], &d_y, &d_tau].concat();
        assert!(all.iter().all(|slope| !slope.is_nan()), "tau {tau}: {all:?}");
    }
}
