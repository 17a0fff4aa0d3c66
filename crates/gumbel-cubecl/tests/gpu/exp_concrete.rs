use crate::support::{CASES, device, logits, read, upload};
use gumbel_cubecl::{AtMasks, Device, FaultKind, Matrix, Precision};
use gumbel_cubecl::{exp_concrete_log_prob, exp_concrete_log_prob_vjp};
use gumbel_kernels::{self as cpu, Error, Stream, noise};

const MASK: f32 = f32::NEG_INFINITY;

fn wide(numbers: &[f32]) -> Vec<f64> {
    numbers.iter().map(|&x| x.into()).collect()
}

fn log_prob(device: &Device, logits: &Matrix, y: &Matrix, tau: f64) -> Vec<f32> {
    read(device, &exp_concrete_log_prob(device, logits, y, tau, AtMasks::NothingElse).unwrap())
}

fn vjp(device: &Device, logits: &Matrix, y: &Matrix, d: &[f32], tau: f64) -> [Vec<f32>; 3] {
    let d = upload(device, d, 1, 1);
    let slopes = exp_concrete_log_prob_vjp(device, logits, y, &d, tau, AtMasks::NothingElse);
    slopes.unwrap().map(|matrix| read(device, &matrix))
}

/// The CPU's density and gradient in double precision.
fn reference(logits: &[f32], y: &[f32], d: &[f32], k: usize, tau: f64) -> (Vec<f64>, [Vec<f64>; 3]) {
    let ([logits, y, d], rows) = ([logits, y, d].map(wide), d.len());
    let mut out = vec![0.0; rows];
    cpu::exp_concrete_log_prob(&logits, &y, k, tau, &mut out).unwrap();
    let [mut d_logits, mut d_y, mut d_tau] = [vec![0.0; rows * k], vec![0.0; rows * k], vec![0.0; rows]];
    cpu::exp_concrete_log_prob_vjp(&logits, &y, &d, k, tau, &mut d_logits, &mut d_y, &mut d_tau).unwrap();
    (out, [d_logits, d_y, d_tau])
}

/// The error that the documentation allows: of rounding in `Σ |a − max a|`, and in what is common to the categories.
fn allowed(logits: &[f32], y: &[f32], tau: f64) -> f64 {
    let pairs = logits.iter().zip(y).filter(|&(&logit, _)| logit > MASK);
    let a: Vec<f64> = pairs.map(|(&logit, &y)| f64::from(logit) - tau * f64::from(y)).collect();
    let (n, top) = (a.len() as f64, a.iter().copied().fold(f64::NEG_INFINITY, f64::max));
    let gaps: f64 = a.iter().map(|a| top - a).sum();
    let log_sum = a.iter().map(|a| (a - top).exp()).sum::<f64>().ln();
    (4e-7 * n * (1.0 + (n.ln() + tau.ln() - log_sum).abs())).max(1e-6 * gaps)
}

fn assert_near(there: &[f32], here: &[f64], allowed: f64, case: &str) {
    assert_eq!(there.len(), here.len());
    for (at, (&there, &here)) in there.iter().zip(here).enumerate() {
        let difference = (f64::from(there) - here).abs();
        let near = f64::from(there) == here || difference <= allowed * here.abs().max(1.0);
        assert!(near, "{case}, number {at}: {there} instead of {here}");
        assert!(here != 0.0 || there == 0.0, "{case}, number {at}: {there} instead of exactly 0");
    }
}

#[test]
fn densities_and_gradients_are_those_of_the_cpu() {
    let device = device(Precision::Exact);
    for at in [0, 1, 2, 4, 5, 8, 10, 13, 14] {
        let (k, position, padding, masks, tau) = CASES[at];
        let (rows, tau) = ((1000 / k).clamp(2, 70), f64::from(tau as f32));
        let (logits, mut y) = (logits(rows, k, masks), vec![0.0; rows * k]);
        let stream = Stream::from_parts(1, at as u64, position);
        cpu::log_gumbel_softmax(&logits, k, tau as f32, stream, &mut y).unwrap();
        let mut d = vec![0.0f32; rows];
        noise::normal(Stream::new(3), &mut d);
        let (here, slopes) = reference(&logits, &y, &d, k, tau);
        let [l, points] = [&logits, &y].map(|numbers| upload(&device, numbers, k, padding));
        let case = format!("k = {k}, tau {tau}");
        let there = log_prob(&device, &l, &points, tau);
        for (row, (&there, &here)) in there.iter().zip(&here).enumerate() {
            let allowed = allowed(&logits[row * k..][..k], &y[row * k..][..k], tau);
            let difference = (f64::from(there) - here).abs();
            assert!(difference <= allowed, "{case}, row {row}: {there} instead of {here}, allowed {allowed}");
        }
        let there = vjp(&device, &l, &points, &d, tau);
        assert_near(&there[0], &slopes[0], 1e-5, &format!("{case}, in the logits"));
        assert_near(&there[1], &slopes[1], 1e-5, &format!("{case}, in y"));
        for (row, (&there, &here)) in there[2].iter().zip(&slopes[2]).enumerate() {
            let terms = y[row * k..][..k].iter().zip(&slopes[0][row * k..][..k]).filter(|&(_, &c)| c != 0.0);
            let terms: f64 = terms.map(|(&y, c)| 1.0 / tau + (f64::from(y) * c).abs()).sum();
            let difference = (f64::from(there) - here).abs();
            assert!(difference <= 2e-6 * terms, "{case}, in tau, row {row}: {there} instead of {here}");
        }
    }
    assert_eq!(device.take_fault(), None);
}

#[test]
fn fast_densities_are_near() {
    let device = device(Precision::Fast);
    let (k, tau) = (1001, 0.5);
    let (logits, mut y) = (logits(3, k, true), vec![0.0; 3 * k]);
    cpu::log_gumbel_softmax(&logits, k, tau as f32, Stream::new(1), &mut y).unwrap();
    let (here, _) = reference(&logits, &y, &[1.0; 3], k, tau);
    let [l, points] = [&logits, &y].map(|numbers| upload(&device, numbers, k, 0));
    let there = log_prob(&device, &l, &points, tau);
    for (row, (&there, &here)) in there.iter().zip(&here).enumerate() {
        let allowed = allowed(&logits[row * k..][..k], &y[row * k..][..k], tau) + 2e-6 * k as f64;
        let difference = (f64::from(there) - here).abs();
        assert!(difference <= allowed, "row {row}: {there} instead of {here}, allowed {allowed}");
    }
}

#[test]
fn any_number_of_categories_has_its_constant() {
    let device = device(Precision::Exact);
    let k = 130;
    let masked = |n: usize| (0..k).map(move |at| if at < n { 0.0 } else { MASK });
    let numbers: Vec<f32> = (1..=k).flat_map(masked).collect();
    let (here, _) = reference(&numbers, &numbers, &[0.0; 130], k, 1.0);
    let there = upload(&device, &numbers, k, 0);
    let there = log_prob(&device, &there, &there, 1.0);
    for (n, (&there, &here)) in there.iter().zip(&here).enumerate() {
        let difference = (f64::from(there) - here).abs();
        assert!(difference <= 3e-7 * (n + 1) as f64, "n = {}: {there} instead of {here}", n + 1);
    }
    assert_eq!(there[0], 0.0);
}

/// Off the support the density is 0, and so is its gradient.
#[test]
fn impossible_points_have_density_zero() {
    let device = device(Precision::Exact);
    for k in [6, 40_000] {
        let mut logits = vec![0.0f32; 3 * k];
        let mut y = vec![0.0f32; 3 * k];
        (logits[1], y[1]) = (MASK, MASK);
        logits[k + 1] = MASK; // mass on a mask
        y[3 * k - 1] = MASK; // no mass on a category
        let (here, slopes) = reference(&logits, &y, &[1.0; 3], k, 0.5);
        let [logits, y] = [&logits, &y].map(|numbers| upload(&device, numbers, k, 0));
        let there = log_prob(&device, &logits, &y, 0.5);
        assert!(there[0].is_finite());
        assert_eq!(there[1..], [MASK; 2], "k = {k}");
        assert_eq!(here[1..], [f64::NEG_INFINITY; 2]);
        let there = vjp(&device, &logits, &y, &[1.0; 3], 0.5);
        for (there, here) in there.iter().zip(&slopes) {
            assert_near(there, here, 1e-4, &format!("k = {k}"));
        }
    }
    assert_eq!(device.take_fault(), None);
}

/// Whatever a point is at masks, it is as if it were −∞ there.
#[test]
fn coordinates_at_masks_may_be_ignored() {
    let device = device(Precision::Exact);
    for k in [6, 40_000] {
        let logits = logits(4, k, true);
        let mut y = vec![0.0; 4 * k];
        cpu::log_gumbel_softmax(&logits, k, 0.5, Stream::new(1), &mut y).unwrap();
        y[k + 2] = MASK; // no mass on a category
        let clean = [&logits, &y].map(|numbers| upload(&device, numbers, k, 0));
        let here = (
            log_prob(&device, &clean[0], &clean[1], 0.5),
            vjp(&device, &clean[0], &clean[1], &[1.0; 4], 0.5),
        );
        assert_eq!(
            here.0.iter().map(|&density| density == MASK).collect::<Vec<_>>(),
            [false, true, false, false]
        );
        for (at, (y, _)) in y.iter_mut().zip(&logits).enumerate().filter(|(_, (_, logit))| **logit == MASK) {
            *y = [1e30, f32::NAN, f32::INFINITY, -5.0][at % 4];
        }
        let (l, y, d) = (&clean[0], upload(&device, &y, k, 0), upload(&device, &[1.0; 4], 1, 1));
        let density = exp_concrete_log_prob(&device, l, &y, 0.5, AtMasks::Ignored).unwrap();
        let slopes = exp_concrete_log_prob_vjp(&device, l, &y, &d, 0.5, AtMasks::Ignored).unwrap();
        assert_eq!((read(&device, &density), slopes.map(|matrix| read(&device, &matrix))), here, "k = {k}");
    }
    assert_eq!(device.take_fault(), None);
}

#[test]
fn a_common_part_changes_nothing() {
    let device = device(Precision::Exact);
    let k = 10;
    let (logits, y) = (logits(4, k, false), logits(8, k, false)[4 * k..].to_vec());
    let [logits, y] = [logits, y].map(|x| x.iter().map(|x| x.round()).collect::<Vec<f32>>());
    let result = |up: f32| {
        let [logits, y] = [&logits, &y].map(|x| x.iter().map(|x| x + up).collect::<Vec<f32>>());
        let [logits, y] = [logits, y].map(|x| upload(&device, &x, k, 0));
        (log_prob(&device, &logits, &y, 0.7), vjp(&device, &logits, &y, &[1.0; 4], 0.7))
    };
    assert_eq!(result(0.0), result(4_194_304.0));
}

#[test]
fn any_temperature_is_valid() {
    let device = device(Precision::Exact);
    let k = 10;
    let logits = logits(6, k, true);
    // Above, the reference loses the logits in tau y, which is not measured from the largest there.
    for tau in [1e-30, 1e-9, 0.01, 30.0, 1e9].map(|tau| f64::from(tau as f32)) {
        let mut y = vec![0.0; logits.len()];
        cpu::log_gumbel_softmax(&logits, k, tau as f32, Stream::new(3), &mut y).unwrap();
        let (here, slopes) = reference(&logits, &y, &[1.0; 6], k, tau);
        let [l, points] = [&logits, &y].map(|numbers| upload(&device, numbers, k, 0));
        let case = format!("tau = {tau:e}");
        assert_near(&log_prob(&device, &l, &points, tau), &here, 2e-5, &case);
        let there = vjp(&device, &l, &points, &[1.0; 6], tau);
        for (there, slopes) in there.iter().zip(&slopes) {
            let unit = slopes.iter().fold(1.0f64, |most, slope| most.max(slope.abs()));
            let there: Vec<f32> = there.iter().map(|&x| (f64::from(x) / unit) as f32).collect();
            let here: Vec<f64> = slopes.iter().map(|x| x / unit).collect();
            assert_near(&there, &here, 1e-4, &case);
        }
    }
}

#[test]
fn an_unfit_row_is_undefined_and_named() {
    let device = device(Precision::Exact);
    for k in [6, 40_000] {
        let cases = [
            (vec![f32::NAN], vec![0.0], FaultKind::Logit),
            (vec![f32::INFINITY], vec![f32::NAN], FaultKind::Logit),
            (vec![MASK; k], vec![MASK; k], FaultKind::AllMasked),
            (vec![0.0], vec![f32::NAN], FaultKind::Sample),
            (vec![0.0], vec![f32::INFINITY], FaultKind::Sample),
            (vec![0.0], vec![MASK; k], FaultKind::Sample),
        ];
        for (logits, y, kind) in cases {
            let [logits, y] = [logits, y].map(|unfit| {
                let mut numbers = vec![0.0; 3 * k];
                numbers[2 * k - unfit.len()..][..unfit.len()].copy_from_slice(&unfit);
                upload(&device, &numbers, k, 0)
            });
            let [d_logits, d_y, d_tau] = vjp(&device, &logits, &y, &[1.0; 3], 0.5);
            let fault = device.take_fault().expect("a fault was noted");
            let name = Some("exp_concrete_log_prob_vjp");
            assert_eq!((fault.operation, fault.row, fault.kind), (name, 1, kind), "k = {k}");
            let out = log_prob(&device, &logits, &y, 0.5);
            assert_eq!(device.take_fault().map(|fault| (fault.row, fault.kind)), Some((1, kind)));
            for (numbers, k) in [(out, 1), (d_logits, k), (d_y, k), (d_tau, 1)] {
                for (row, numbers) in numbers.chunks(k).enumerate() {
                    assert!(numbers.iter().all(|x| x.is_nan() == (row == 1)), "k = {k}, {kind:?}, row {row}");
                }
            }
        }
    }
}

#[test]
fn a_temperature_must_be_positive() {
    let device = device(Precision::Exact);
    let x = upload(&device, &[0.0; 6], 3, 0);
    let error = exp_concrete_log_prob(&device, &x, &x, -1.0, AtMasks::Ignored).unwrap_err();
    assert_eq!(error, Error::Temperature(-1.0));
}
