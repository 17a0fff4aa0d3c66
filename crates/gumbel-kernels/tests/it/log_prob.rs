//! Log-densities compared with published numbers, with each other and with their integrals, and at the edges.

use crate::support::{MASK, assert_near, logs, output, single, wide};
use gumbel_kernels::*;

fn concrete(logits: &[f64], x: &[f64], tau: f64) -> f64 {
    output(1, |out| concrete_log_prob(logits, x, logits.len(), tau, out))[0]
}

fn exp_concrete(logits: &[f64], y: &[f64], tau: f64) -> f64 {
    output(1, |out| exp_concrete_log_prob(logits, y, logits.len(), tau, out))[0]
}

fn binary(log_odds: f64, y: f64, tau: f64) -> f64 {
    output(1, |out| binary_concrete_log_prob(&[log_odds], &[y], tau, out))[0]
}

fn binary_unit(log_odds: f64, x: f64, tau: f64) -> f64 {
    output(1, |out| binary_concrete_unit_log_prob(&[log_odds], &[x], tau, out))[0]
}

/// (weights, tau, x, on the simplex, in log space), by Maddison et al. (2017), definition 1, in 30-digit mpmath numbers.
type Golden<'a> = (&'a [f64], f64, &'a [f64], f64, f64);
const GOLDEN: [Golden; 5] = [
    (&[1.0, 1.0, 1.0], 0.5, &[0.2, 0.3, 0.5], -0.5344478754342467, -4.041005772754228),
    (&[2.0, 1.0, 0.5], 0.7, &[0.2, 0.3, 0.5], -0.750841716057638, -4.257399613377619),
    (&[1.0, 2.0, 3.0, 4.0], 2.0 / 3.0, &[0.1, 0.2, 0.3, 0.4], 1.0040528703222105, -5.028233671306027),
    (&[1.0, 1.0], 1.0, &[0.25, 0.75], 0.0, -1.6739764335716716),
    (&[0.1, 0.9], 0.1, &[0.01, 0.99], 0.25081720509369587, -4.364403316747897),
];

#[test]
fn golden_values() {
    for (weights, tau, x, on_simplex, in_log_space) in GOLDEN {
        assert_near(concrete(&logs(weights), x, tau), on_simplex, 1e-14);
        assert_near(exp_concrete(&logs(weights), &logs(x), tau), in_log_space, 1e-14);
    }
    assert_near(binary_unit(3f64.ln(), 0.3, 0.5), -1.0495387413726716, 1e-14);
    assert_near(binary(3f64.ln(), 0.7, 0.5), -2.216392315846426, 1e-14);
}

#[test]
fn single_precision_agrees_with_double() {
    for (weights, tau, x, on_simplex, in_log_space) in GOLDEN {
        let (k, logits, mut out) = (x.len(), single(&logs(weights)), [0.0f32]);
        concrete_log_prob(&logits, &single(x), k, tau as f32, &mut out).unwrap();
        assert_near(f64::from(out[0]), on_simplex, 3e-6);
        exp_concrete_log_prob(&logits, &single(&logs(x)), k, tau as f32, &mut out).unwrap();
        assert_near(f64::from(out[0]), in_log_space, 3e-6);
    }
}

/// Long rows with masks, at random points.
#[test]
fn single_precision_agrees_with_double_on_long_rows() {
    for k in [1, 2, 15, 16, 17, 66, 1000] {
        let mut logits = vec![0.0f32; k];
        noise::logistic(Stream::new(k as u64), &mut logits);
        logits.iter_mut().skip(1).step_by(5).for_each(|logit| *logit = f32::NEG_INFINITY);
        let (mut x, mut y, mut out) = (vec![0.0; k], vec![0.0; k], [0.0]);
        gumbel_softmax(&logits, k, 1.5, Stream::new(2), &mut x).unwrap();
        log_gumbel_softmax(&logits, k, 1.5, Stream::new(2), &mut y).unwrap();
        let tolerance = 1e-6 * (k + 5) as f64;
        exp_concrete_log_prob(&logits, &y, k, 0.5, &mut out).unwrap();
        assert_near(f64::from(out[0]), exp_concrete(&wide(&logits), &wide(&y), 0.5), tolerance);
        concrete_log_prob(&logits, &x, k, 0.5, &mut out).unwrap();
        assert_near(f64::from(out[0]), concrete(&wide(&logits), &wide(&x), 0.5), tolerance);
    }
}

/// Sums `term(y)` over a grid of log-ratios for K = 3, times the cell: y = (v/tau, w/tau, 0), v and w in
/// ±40. The integrands are analytic and fall off as e^-|v|, so the rule's error is below 1e-14.
fn integral_over_log_ratios(tau: f64, term: impl Fn(&[f64; 3]) -> f64) -> f64 {
    let step = 0.25;
    let at = |i: i32| f64::from(i) * step / tau;
    let row = |i| (-160..=160).map(|j| term(&[at(i), at(j), 0.0])).sum::<f64>();
    (-160..=160).map(row).sum::<f64>() * (step / tau).powi(2)
}

#[test]
fn log_space_density_of_three_integrates_to_one_over_log_ratios() {
    for tau in [0.1, 0.5, 2.0 / 3.0, 1.0, 5.0] {
        for weights in [[1.0, 1.0, 1.0], [2.0, 1.0, 0.5]] {
            let total = integral_over_log_ratios(tau, |y| exp_concrete(&logs(&weights), y, tau).exp());
            assert_near(total, 1.0, 1e-9);
        }
    }
}

#[test]
fn densities_of_two_integrate_to_one() {
    for tau in [0.1, 0.3, 0.5, 1.0, 2.0, 5.0] {
        for log_odds in [0.0, 1.5, -3.0] {
            let step = 0.25 / tau;
            let total: f64 = (-200..=200).map(|i| binary(log_odds, f64::from(i) * step, tau).exp()).sum();
            assert_near(total * step, 1.0, 1e-9);
            let exp = |i| exp_concrete(&[log_odds, 0.0], &[f64::from(i) * step, 0.0], tau).exp();
            assert_near((-200..=200).map(exp).sum::<f64>() * step, 1.0, 1e-9);
        }
    }
}

#[test]
fn simplex_densities_integrate_to_one() {
    for tau in [0.3, 0.5, 1.0, 2.0] {
        let logits = logs(&[2.0, 1.0, 0.5]);
        let total = integral_over_log_ratios(tau, |y| {
            let mut x = [0.0; 3];
            softmax(y, 3, &mut x).unwrap();
            // dx₁ dx₂ = x₁ x₂ x₃ du₁ du₂
            concrete(&logits, &x, tau).exp() * x.iter().product::<f64>()
        });
        assert_near(total, 1.0, 1e-9);
        let step = 0.05 / tau;
        let unit = |i| {
            let x = 1.0 / (1.0 + (f64::from(i) * step).exp());
            // Where 1 − x has lost its digits, the remaining mass is negligible.
            if 1.0 - x < 1e-9 { 0.0 } else { binary_unit(0.4, x, tau).exp() * x * (1.0 - x) }
        };
        let lost = (1e-9f64).powf(tau);
        assert_near((-800..=800).map(unit).sum::<f64>() * step, 1.0, 1e-6 + 2.0 * lost);
    }
}

/// −∫ p ln q over the simplex.
fn cross_entropy(p: (&[f64], f64), q: (&[f64], f64)) -> f64 {
    let (p_logits, q_logits) = (logs(p.0), logs(q.0));
    integral_over_log_ratios(p.1.min(q.1), |y| {
        let mut log_x = [0.0; 3];
        log_softmax(y, 3, &mut log_x).unwrap();
        let log_q = exp_concrete(&q_logits, &log_x, q.1) - log_x.iter().sum::<f64>();
        -exp_concrete(&p_logits, &log_x, p.1).exp() * log_q
    })
}

/// Reference values by independent quadrature, to six decimals.
#[test]
fn entropies_and_divergences_agree_with_quadrature() {
    let (p, q) = ((&[2.0, 1.0, 0.5][..], 0.7), (&[1.0, 1.0, 1.0][..], 0.7));
    assert_near(cross_entropy(p, p), -1.791312, 1e-6);
    assert_near(cross_entropy(p, q) - cross_entropy(p, p), 0.352030, 1e-6);
    let (p, q) = ((p.0, 2.0 / 3.0), (q.0, 0.5));
    assert_near(cross_entropy(p, p), -1.923459, 1e-6);
    assert_near(cross_entropy(p, q) - cross_entropy(p, p), 0.329413, 1e-6);
    assert_near(cross_entropy((&[1.0; 3], 1.0), (&[1.0; 3], 1.0)), -0.880962, 1e-6);
}

#[test]
fn binary_density_equals_the_categorical_one_of_two() {
    for tau in [0.1, 0.7, 1.0, 3.0] {
        for (y, log_odds) in [(0.3, 1.0), (-2.0, 0.5), (40.0, -3.0), (0.0, 0.0)] {
            assert_near(binary(log_odds, y, tau), exp_concrete(&[log_odds, 0.0], &[y, 0.0], tau), 1e-13);
        }
        let x: f64 = 0.2;
        assert_near(binary_unit(1.3, x, tau), concrete(&[1.3, 0.0], &[x, 1.0 - x], tau), 1e-13);
    }
}

#[test]
fn log_space_density_does_not_depend_on_constants() {
    let (y, logits) = ([-1.0, -0.3, -4.0], [0.2, -1.0, 3.0]);
    let expected = exp_concrete(&logits, &y, 0.6);
    assert_near(exp_concrete(&logits, &y.map(|y| y + 5.0), 0.6), expected, 1e-13);
    assert_near(exp_concrete(&logits.map(|l| l - 7.0), &y, 0.6), expected, 1e-13);
}

#[test]
fn masked_categories_have_no_effect() {
    let (y, logits) = ([-1.0, MASK, -0.3, -4.0], [0.2, MASK, -1.0, 3.0]);
    assert_eq!(exp_concrete(&logits, &y, 0.6), exp_concrete(&[0.2, -1.0, 3.0], &[-1.0, -0.3, -4.0], 0.6));
    let x = [0.2, 0.0, 0.3, 0.5];
    assert_eq!(concrete(&logits, &x, 0.6), concrete(&[0.2, -1.0, 3.0], &[0.2, 0.3, 0.5], 0.6));
    assert_eq!(exp_concrete(&[5.0, MASK], &[0.0, MASK], 0.6), 0.0); // a single category
    assert_eq!(concrete(&[5.0, MASK], &[1.0, 0.0], 0.6), 0.0);
}

#[test]
fn mass_on_a_mask_has_density_zero() {
    assert_eq!(exp_concrete(&[0.0, MASK], &[-1.0, -1.0], 0.6), MASK);
    assert_eq!(exp_concrete(&[0.0, MASK], &[MASK, 0.0], 0.6), MASK);
    assert_eq!(concrete(&[0.0, MASK], &[0.5, 0.5], 0.6), MASK);
    assert_eq!(concrete(&[0.0, MASK], &[0.0, 1.0], 0.6), MASK);
}

#[test]
fn exact_zeros_give_the_limit() {
    // Exponent n tau − m (tau + 1), here with n = 3.
    assert_eq!(concrete(&[0.0; 3], &[0.0, 0.4, 0.6], 0.6), MASK);
    assert_eq!(concrete(&[0.0; 3], &[0.0, 0.4, 0.6], 0.4), f64::INFINITY);
    assert_eq!(concrete(&[0.0; 3], &[0.0, 0.0, 1.0], 2.5), MASK);
    assert_eq!(concrete(&[0.0; 3], &[0.0, 0.0, 1.0], 1.5), f64::INFINITY);
    assert_eq!(exp_concrete(&[0.0; 3], &[MASK, 0.0, 0.0], 0.4), MASK);
    for (x, end) in [(0.0, -1.5), (1.0, 1.5)] {
        assert_eq!(binary_unit(1.5, x, 0.9), f64::INFINITY);
        assert_eq!(binary_unit(1.5, x, 1.1), MASK);
        assert_eq!(binary_unit(1.5, x, 1.0), end);
    }
    for y in [MASK, f64::INFINITY] {
        assert_eq!(binary(0.0, y, 0.5), MASK);
    }
}

#[test]
fn finite_limits_continue_the_density() {
    let logits = [0.3, -1.0, 2.0];
    let tiny = 1e-12;
    let near = concrete(&logits, &[tiny, 0.4, 0.6], 0.5);
    assert_near(concrete(&logits, &[0.0, 0.4, 0.6], 0.5), near, 1e-4);
    let near = concrete(&logits, &[tiny, tiny, 1.0], 2.0);
    assert_near(concrete(&logits, &[0.0, 0.0, 1.0], 2.0), near, 1e-4);
    assert_near(concrete(&[1.5, 0.0], &[0.0, 1.0], 1.0), binary_unit(1.5, 0.0, 1.0), 1e-14);
    assert_near(concrete(&[1.5, 0.0], &[1.0, 0.0], 1.0), binary_unit(1.5, 1.0, 1.0), 1e-14);
    let masked = concrete(&[1.5, MASK, 0.0], &[0.0, 0.0, 1.0], 1.0);
    assert_near(masked, binary_unit(1.5, 0.0, 1.0), 1e-14);
}

#[test]
fn points_outside_the_support_are_rejected() {
    let mut out = [0.0; 2];
    let sample = |error: Result<(), Error>| match error.unwrap_err() {
        Error::Sample { row, column, .. } => (row, column),
        error => panic!("{error}"),
    };
    for bad in [f64::NAN, f64::INFINITY] {
        let y = [0.0, 0.0, 0.0, bad];
        assert_eq!(sample(exp_concrete_log_prob(&[0.0; 4], &y, 2, 1.0, &mut out)), (1, 1));
    }
    for bad in [f64::NAN, f64::INFINITY, -0.1] {
        let x = [0.5, 0.5, 0.5, bad];
        assert_eq!(sample(concrete_log_prob(&[0.0; 4], &x, 2, 1.0, &mut out)), (1, 1));
        let x = [0.5, bad];
        assert_eq!(sample(binary_concrete_unit_log_prob(&[0.0; 2], &x, 1.0, &mut out)), (1, 0));
    }
    assert_eq!(sample(binary_concrete_log_prob(&[0.0; 2], &[0.0, f64::NAN], 1.0, &mut out)), (1, 0));
    let no_mass = Err(Error::NoMass { row: 1 });
    assert_eq!(concrete_log_prob(&[0.0; 4], &[0.5, 0.5, 0.0, 0.0], 2, 1.0, &mut out), no_mass);
    assert_eq!(exp_concrete_log_prob(&[0.0; 4], &[0.0, 0.0, MASK, MASK], 2, 1.0, &mut out), no_mass);
}

#[test]
fn logits_and_temperatures_are_checked() {
    let mut out = [0.0];
    let error = exp_concrete_log_prob(&[0.0, f64::INFINITY], &[0.0; 2], 2, 1.0, &mut out);
    assert_eq!(error, Err(Error::Logit { row: 0, column: 1, value: f64::INFINITY }));
    let error = concrete_log_prob(&[MASK; 2], &[0.5; 2], 2, 1.0, &mut out);
    assert_eq!(error, Err(Error::AllMasked { row: 0 }));
    let error = binary_concrete_log_prob(&[MASK], &[0.5], 1.0, &mut out);
    assert_eq!(error, Err(Error::LogOdds { index: 0, value: MASK }));
    let error = concrete_log_prob(&[0.0; 2], &[0.5; 2], 2, 0.0, &mut out);
    assert_eq!(error, Err(Error::Temperature(0.0)));
}
