use crate::support::{
    CASES, FEW, device, largest_difference, largest_ulps, logits, read, same_floats, upload,
};
use gumbel_cubecl::{Device, Form, Precision};
use gumbel_cubecl::{gumbel_softmax, gumbel_softmax_vjp, gumbel_softmax_vjp_from_logits, softmax};
use gumbel_kernels::{self as cpu, Stream, noise};

fn rows_of(k: usize) -> usize {
    (2000 / k).clamp(2, 70)
}

/// Probabilities within 8 ulp where the device computes the CPU's floats; elsewhere keys differ by some 1e-6.
fn assert_probabilities(device: &Device, there: &[f32], here: &[f32], tau: f64, case: &str) {
    if same_floats(device) {
        let ulps = largest_ulps(there, here);
        assert!(ulps <= 8.0, "{case}: {ulps} ulp");
    }
    let difference = largest_difference(there, here, 1e-6);
    assert!(difference <= 1e-6 + 4e-6 / tau as f32, "{case}: {difference:e}");
}

fn cotangents(len: usize) -> Vec<f32> {
    let mut d = vec![0.0; len];
    noise::normal(Stream::new(12), &mut d);
    d
}

type Case = (usize, u64, usize, bool, f64);

/// Calls `test` with the length of rows, the stream, the padding, the logits, the temperature and a name.
fn each(cases: &[Case], mut test: impl FnMut(usize, Stream, usize, Vec<f32>, f64, &str)) {
    for (at, &(k, position, padding, masks, tau)) in cases.iter().enumerate() {
        let case = format!("k = {k}, position {position}, padding {padding}, tau {tau}");
        let stream = Stream::from_parts(1, at as u64, position);
        test(k, stream, padding, logits(rows_of(k), k, masks), tau, &case);
    }
}

#[test]
fn samples_are_those_of_the_cpu() {
    let device = device(Precision::Exact);
    each(&CASES, |k, stream, padding, logits, tau, case| {
        let (there, mut here) = (upload(&device, &logits, k, padding), vec![0.0; logits.len()]);
        cpu::gumbel_softmax(&logits, k, tau as f32, stream, &mut here).unwrap();
        let sample = gumbel_softmax(&device, &there, tau, stream, Form::Soft).unwrap();
        assert_probabilities(&device, &read(&device, &sample), &here, tau, case);
    });
    assert_eq!(device.take_fault(), None);
}

#[test]
fn logarithms_and_one_hot_samples_are_those_of_the_cpu() {
    let device = device(Precision::Exact);
    each(&FEW, |k, stream, padding, logits, tau, case| {
        let (there, mut here) = (upload(&device, &logits, k, padding), vec![0.0; logits.len()]);
        let sample = |form| read(&device, &gumbel_softmax(&device, &there, tau, stream, form).unwrap());
        cpu::log_gumbel_softmax(&logits, k, tau as f32, stream, &mut here).unwrap();
        let difference = largest_difference(&sample(Form::Log), &here, 1.0);
        assert!(difference < 4e-6, "{case}: {difference:e}");
        let mut index = vec![0; logits.len() / k];
        cpu::gumbel_max(&logits, k, stream, &mut index).unwrap();
        for (row, &index) in sample(Form::OneHot).chunks(k).zip(&index) {
            let one_hot = row.iter().enumerate().all(|(at, &y)| y == f32::from(at == index as usize));
            assert!(one_hot, "{case}");
        }
    });
}

#[test]
fn fast_samples_are_near() {
    let device = device(Precision::Fast);
    each(&FEW, |k, stream, padding, logits, tau, case| {
        let (there, mut here) = (upload(&device, &logits, k, padding), vec![0.0; logits.len()]);
        let y = read(&device, &gumbel_softmax(&device, &there, tau, stream, Form::Soft).unwrap());
        cpu::gumbel_softmax(&logits, k, tau as f32, stream, &mut here).unwrap();
        let difference = largest_difference(&y, &here, 1e-6);
        assert!(difference <= 4e-6 + 8e-6 / tau as f32, "{case}: {difference:e}");
    });
}

/// Also where a card computes as if nothing had been asked of its speed.
#[test]
fn fast_logarithms_and_gradients_are_near() {
    let device = device(Precision::Fast);
    each(&FEW[..2], |k, stream, padding, logits, tau, case| {
        let (there, mut here) = (upload(&device, &logits, k, padding), vec![0.0; logits.len()]);
        cpu::log_gumbel_softmax(&logits, k, tau as f32, stream, &mut here).unwrap();
        let y = read(&device, &gumbel_softmax(&device, &there, tau, stream, Form::Log).unwrap());
        let difference = largest_difference(&y, &here, 1.0);
        assert!(difference < 2e-5, "{case}: {difference:e}");
        let (d, y) = (cotangents(logits.len()), upload(&device, &here, k, padding));
        let product =
            gumbel_softmax_vjp(&device, &y, &upload(&device, &d, k, padding), tau, Form::Log).unwrap();
        cpu::log_gumbel_softmax_vjp(&here.clone(), &d, k, tau as f32, &mut here).unwrap();
        let difference = largest_difference(&read(&device, &product), &here, 1.0);
        assert!(difference < 4e-5, "gradient, {case}: {difference:e}");
    });
}

#[test]
fn softmax_is_that_of_the_cpu() {
    let device = device(Precision::Exact);
    each(&FEW, |k, _, padding, logits, tau, case| {
        let (there, mut here) = (upload(&device, &logits, k, padding), vec![0.0; logits.len()]);
        let none = vec![0.0; logits.len()];
        cpu::perturbed_softmax(&logits, &none, k, tau as f32, &mut here).unwrap();
        let p = read(&device, &softmax(&device, &there, tau, false).unwrap());
        assert_probabilities(&device, &p, &here, tau, case);
        cpu::log_perturbed_softmax(&logits, &none, k, tau as f32, &mut here).unwrap();
        let log_p = read(&device, &softmax(&device, &there, tau, true).unwrap());
        let difference = largest_difference(&log_p, &here, 1.0);
        assert!(difference < 2e-6, "{case}: {difference:e}");
    });
}

#[test]
fn gradients_are_those_of_the_cpu() {
    let device = device(Precision::Exact);
    each(&CASES, |k, stream, padding, logits, tau, case| {
        let d = cotangents(logits.len());
        let (mut y, mut here) = (vec![0.0; logits.len()], vec![0.0; logits.len()]);
        cpu::gumbel_softmax(&logits, k, tau as f32, stream, &mut y).unwrap();
        cpu::gumbel_softmax_vjp(&y, &d, k, tau as f32, &mut here).unwrap();
        let (d, on_device) = (upload(&device, &d, k, padding), |x: &[f32]| upload(&device, x, k, padding));
        let saved = gumbel_softmax_vjp(&device, &on_device(&y), &d, tau, Form::Soft).unwrap();
        let difference = largest_difference(&read(&device, &saved), &here, 1.0);
        assert!(difference < 4e-6, "saved, {case}: {difference:e}");
        let again = gumbel_softmax_vjp_from_logits(&device, &on_device(&logits), &d, tau, stream).unwrap();
        let difference = largest_difference(&read(&device, &again), &here, 1.0);
        assert!(difference < 2e-5, "from the logits, {case}: {difference:e}");
    });
}

#[test]
fn gradients_of_logarithms_are_those_of_the_cpu() {
    let device = device(Precision::Exact);
    each(&FEW, |k, stream, padding, logits, tau, case| {
        let d = cotangents(logits.len());
        let (mut y, mut here) = (vec![0.0; logits.len()], vec![0.0; logits.len()]);
        cpu::log_gumbel_softmax(&logits, k, tau as f32, stream, &mut y).unwrap();
        cpu::log_gumbel_softmax_vjp(&y, &d, k, tau as f32, &mut here).unwrap();
        let (y, d) = (upload(&device, &y, k, padding), upload(&device, &d, k, padding));
        let saved = gumbel_softmax_vjp(&device, &y, &d, tau, Form::Log).unwrap();
        let difference = largest_difference(&read(&device, &saved), &here, 1.0);
        assert!(difference < 4e-5, "{case}: {difference:e}");
    });
}

#[test]
fn any_temperature_is_valid() {
    let device = device(Precision::Exact);
    let logits = logits(6, 40, true);
    let there = upload(&device, &logits, 40, 0);
    for tau in [1e-38, 1e-30, 1e-9, 0.01, 30.0, 1e9, 1e31, 1e38] {
        let mut here = vec![0.0; logits.len()];
        cpu::gumbel_softmax(&logits, 40, tau as f32, Stream::new(3), &mut here).unwrap();
        let y = read(&device, &gumbel_softmax(&device, &there, tau, Stream::new(3), Form::Soft).unwrap());
        let difference = largest_difference(&y, &here, 1e-6);
        assert!(difference < 1e-3, "tau = {tau:e}: {difference:e}");
    }
}

#[test]
fn a_common_part_of_logits_changes_nothing() {
    let device = device(Precision::Exact);
    for k in [10, 1000, 40_000] {
        let logits: Vec<f32> = logits(2, k, true).iter().map(|logit| logit.round()).collect();
        let shifted: Vec<f32> = logits.iter().map(|logit| logit + 4_194_304.0).collect();
        let sample = |logits: &[f32]| {
            let there = upload(&device, logits, k, 0);
            read(&device, &gumbel_softmax(&device, &there, 0.7, Stream::new(3), Form::Soft).unwrap())
        };
        assert_eq!(sample(&logits), sample(&shifted), "k = {k}");
    }
}
