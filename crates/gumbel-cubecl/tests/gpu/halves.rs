//! Matrices in half precision: every kernel reads and writes them as they are, and computes in single precision.

use crate::support::{
    device, halves, largest_difference, logits, read, read_half, read_words, upload, upload_half,
};
use cubecl::ir::FloatKind;
use gumbel_cubecl::{AtMasks, Device, FaultKind, Form, Matrix, Precision};
use gumbel_cubecl::{
    exp_concrete_log_prob, exp_concrete_log_prob_vjp, gumbel_max, gumbel_softmax, gumbel_top_k,
};
use gumbel_cubecl::{gumbel_softmax_vjp, gumbel_softmax_vjp_from_logits};
use gumbel_kernels::{self as cpu, Stream, noise};

const TAU: f64 = 0.7;

/// Rows that are read in vectors, rows that are not, and rows that do not fit into a cube.
const ROWS: [(usize, usize); 3] = [(128, 4), (10, 3), (40_003, 1)];

/// Calls `test` for each type and each kind of row, with the logits there and here.
fn each(test: impl Fn(&Device, FloatKind, usize, &Matrix, &[f32])) {
    let device = device(Precision::Exact);
    for &kind in halves(&device) {
        for (k, padding) in ROWS {
            let (there, here) =
                upload_half(&device, &logits((2000 / k).clamp(2, 70), k, true), k, padding, kind);
            test(&device, kind, k, &there, &here);
        }
    }
    assert_eq!(device.take_fault(), None);
}

/// Within one unit in the last place of the type above its smallest normal number, and `error` of single precision.
#[track_caller]
fn assert_rounded(there: &[f32], here: &[f32], kind: FloatKind, error: f32, case: &str) {
    assert_eq!(there.len(), here.len());
    let (unit, least) =
        if kind == FloatKind::F16 { (2f32.powi(-10), 2f32.powi(-14)) } else { (2f32.powi(-7), 1e-6) };
    for (there, here) in there.iter().zip(here) {
        let near = there == here || (there - here).abs() <= unit * here.abs().max(least) + error;
        assert!(near, "{case}, {kind:?}: {there} instead of {here}");
    }
}

#[test]
fn samples_are_rounded() {
    each(|device, kind, k, there, logits| {
        let stream = Stream::new(k as u64);
        let sample = |form| {
            let sample = gumbel_softmax(device, there, TAU, stream, form).unwrap();
            assert_eq!(sample.dtype(), there.dtype());
            read_half(device, &sample)
        };
        let (mut soft, mut log) = (vec![0.0; logits.len()], vec![0.0; logits.len()]);
        cpu::gumbel_softmax(logits, k, TAU as f32, stream, &mut soft).unwrap();
        cpu::log_gumbel_softmax(logits, k, TAU as f32, stream, &mut log).unwrap();
        assert_rounded(&sample(Form::Soft), &soft, kind, 0.0, &format!("k = {k}"));
        assert_rounded(&sample(Form::Log), &log, kind, 4e-6, &format!("logarithm, k = {k}"));
        for row in sample(Form::OneHot).chunks(k) {
            assert_eq!(row.iter().filter(|&&y| y == 1.0).count(), 1);
            assert_eq!(row.iter().filter(|&&y| y == 0.0).count(), k - 1);
        }
    });
}

#[test]
fn gradients_are_rounded() {
    each(|device, kind, k, there, logits| {
        let (stream, mut y) = (Stream::new(k as u64), vec![0.0; logits.len()]);
        cpu::gumbel_softmax(logits, k, TAU as f32, stream, &mut y).unwrap();
        let mut d = vec![0.0; logits.len()];
        noise::normal(Stream::new(12), &mut d);
        let (d_there, d) = upload_half(device, &d, k, 0, kind);
        let mut here = vec![0.0; logits.len()];
        cpu::gumbel_softmax_vjp(&y, &d, k, TAU as f32, &mut here).unwrap();
        let product = gumbel_softmax_vjp_from_logits(device, there, &d_there, TAU, stream).unwrap();
        assert_rounded(&read_half(device, &product), &here, kind, 1e-5, &format!("from logits, k = {k}"));
        let saved = upload(device, &y, k, 0);
        let product = gumbel_softmax_vjp(device, &saved, &d_there, TAU, Form::Soft).unwrap();
        assert_rounded(&read_half(device, &product), &here, kind, 1e-5, &format!("from the sample, k = {k}"));
    });
}

#[test]
fn indices_are_those_of_the_numbers() {
    each(|device, kind, k, there, logits| {
        let (stream, count) = (Stream::new(k as u64), 3);
        let mut here = vec![0; logits.len() / k * count];
        cpu::gumbel_top_k(logits, k, count, stream, &mut here).unwrap();
        let drawn = read_words(device, &gumbel_top_k(device, there, count, stream).unwrap());
        let first = read_words(device, &gumbel_max(device, there, stream).unwrap());
        // Keys within rounding change places once in some ten thousand rows; here are a hundred.
        assert_eq!(drawn, here, "k = {k}, {kind:?}");
        assert_eq!(first, here.iter().copied().step_by(count).collect::<Vec<u32>>(), "k = {k}, {kind:?}");
    });
}

/// The point may be in another type than the logits.
#[test]
fn densities_are_those_of_the_numbers() {
    each(|device, kind, k, there, logits| {
        let mut y = vec![0.0; logits.len()];
        cpu::log_gumbel_softmax(logits, k, TAU as f32, Stream::new(1), &mut y).unwrap();
        let rows = logits.len() / k;
        let (points, d) = (upload(device, &y, k, 0), upload(device, &vec![1.0; rows], 1, 0));
        let density = exp_concrete_log_prob(device, there, &points, TAU, AtMasks::NothingElse).unwrap();
        let [d_logits, d_y, _] =
            exp_concrete_log_prob_vjp(device, there, &points, &d, TAU, AtMasks::NothingElse).unwrap();
        let (logits, y) = (wide(logits), wide(&y));
        let mut here = vec![0.0; rows];
        cpu::exp_concrete_log_prob(&logits, &y, k, TAU, &mut here).unwrap();
        for (there, here) in read(device, &density).iter().zip(&here) {
            assert!((f64::from(*there) - here).abs() < 1e-5 * k as f64, "k = {k}: {there}, {here}");
        }
        let [mut of_logits, mut of_y, mut of_tau] = [vec![0.0; y.len()], vec![0.0; y.len()], vec![0.0; rows]];
        let ones = vec![1.0; rows];
        cpu::exp_concrete_log_prob_vjp(&logits, &y, &ones, k, TAU, &mut of_logits, &mut of_y, &mut of_tau)
            .unwrap();
        let narrow = |numbers: &[f64]| numbers.iter().map(|&x| x as f32).collect::<Vec<f32>>();
        assert_rounded(
            &read_half(device, &d_logits),
            &narrow(&of_logits),
            kind,
            1e-5,
            &format!("slopes, k = {k}"),
        );
        let difference = largest_difference(&read(device, &d_y), &narrow(&of_y), 1.0);
        assert!(difference < 1e-5, "slopes of the point, k = {k}: {difference:e}");
    });
}

fn wide(numbers: &[f32]) -> Vec<f64> {
    numbers.iter().map(|&x| x.into()).collect()
}

#[test]
fn an_unfit_row_is_undefined_and_named() {
    let device = device(Precision::Exact);
    for &kind in halves(&device) {
        let (there, _) = upload_half(&device, &[0.0, 1.0, f32::INFINITY, 1.0], 2, 0, kind);
        let y =
            read_half(&device, &gumbel_softmax(&device, &there, TAU, Stream::new(0), Form::Soft).unwrap());
        assert!(y[..2].iter().all(|y| y.is_finite()) && y[2..].iter().all(|y| y.is_nan()), "{y:?}");
        assert_eq!(device.take_fault().map(|fault| (fault.row, fault.kind)), Some((1, FaultKind::Logit)));
    }
}
