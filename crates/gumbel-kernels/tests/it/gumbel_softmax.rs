//! Relaxed samples: their errors, and their relations to the exact sample and to the noise.

use crate::support::MASK;
use gumbel_kernels::*;
use proptest::prelude::*;

#[test]
fn noise_that_is_not_finite_is_an_error_unless_a_logit_is_invalid() {
    let mut out = [0.0; 4];
    let error = perturbed_softmax(&[0.0; 4], &[0.0, 0.0, f64::NAN, 0.0], 2, 1.0, &mut out).unwrap_err();
    assert_eq!(error, Error::Noise { row: 1 });
    let error = log_perturbed_softmax(&[0.0, MASK, MASK, MASK], &[0.0; 4], 2, 1.0, &mut out).unwrap_err();
    assert_eq!(error, Error::AllMasked { row: 1 });
}

/// In single and in double precision, at temperatures for which keys are kept as halves and others, in short and long rows.
#[test]
fn noise_of_a_mask_has_no_effect() {
    fn check<T: Real>(tau: T) {
        for k in [2, 3, 70, 1100] {
            let mut logits = vec![T::zero(); k];
            logits[1] = T::neg_infinity();
            for noise in [f64::NAN, f64::INFINITY, MASK].map(T::from_f64) {
                let mut values = vec![T::zero(); k];
                values[1] = noise;
                let mut y = vec![T::nan(); k];
                perturbed_softmax(&logits, &values, k, tau, &mut y).unwrap();
                assert!(y[1] == T::zero() && y[0] > T::zero(), "k = {k}, tau = {tau}, noise {noise}");
                log_perturbed_softmax(&logits, &values, k, tau, &mut y).unwrap();
                assert!(y[1] == T::neg_infinity() && y[0].is_finite(), "k = {k}, tau = {tau}, noise {noise}");
            }
        }
    }
    for tau in [1e-31, 0.5, 1.0, 1e31] {
        check::<f64>(tau);
        check::<f32>(tau as f32);
    }
}

#[test]
fn error_names_the_row_in_any_block() {
    let mut logits = vec![0.0; 3000];
    logits[2998] = f64::NAN;
    let (mut out, mut index) = (vec![0.0; 3000], vec![0; 300]);
    let stream = Stream::new(1);
    let errors = [
        gumbel_softmax(&logits, 10, 1.0, stream, &mut out),
        log_gumbel_softmax(&logits, 10, 1.0, stream, &mut out),
        gumbel_softmax_with_index(&logits, 10, 1.0, stream, &mut out, &mut index),
    ];
    for error in errors {
        assert!(matches!(error, Err(Error::Logit { row: 299, column: 8, .. })), "{error:?}");
    }
}

#[test]
fn invalid_temperatures_are_rejected() {
    for tau in [0.0, -1.0, f64::INFINITY] {
        let (stream, mut out) = (Stream::new(1), [0.0; 2]);
        let error = Err(Error::Temperature(tau));
        assert_eq!(gumbel_softmax(&[0.0; 2], 2, tau, stream, &mut out), error);
        assert_eq!(log_gumbel_softmax(&[0.0; 2], 2, tau, stream, &mut out), error);
        assert_eq!(perturbed_softmax(&[0.0; 2], &[0.0; 2], 2, tau, &mut out), error);
        assert_eq!(gumbel_softmax_vjp(&[0.5; 2], &[0.0; 2], 2, tau, &mut out), error);
        assert_eq!(log_gumbel_softmax_vjp(&[0.5; 2], &[0.0; 2], 2, tau, &mut out), error);
    }
}

fn logits_and_stream() -> impl Strategy<Value = (Vec<f64>, Stream)> {
    let logit = prop_oneof![9 => -9.0..9.0f64, 1 => Just(MASK)];
    (prop::collection::vec(logit, 1..67), any::<u64>()).prop_map(|(mut logits, seed)| {
        logits[0] = 0.0; // at least one category is unmasked
        (logits, Stream::new(seed))
    })
}

fn temperature() -> impl Strategy<Value = f64> {
    prop::sample::select(vec![1e-30, 1e-3, 0.1, 0.5, 1.0, 5.0, 1e3, 1e30])
}

proptest! {
    #[test]
    fn sample_sums_to_one_and_peaks_at_the_gumbel_max(
        (logits, stream) in logits_and_stream(), tau in temperature()
    ) {
        let k = logits.len();
        let (mut y, mut index, mut drawn) = (vec![0.0; k], [0], [0]);
        gumbel_softmax_with_index(&logits, k, tau, stream, &mut y, &mut index).unwrap();
        gumbel_max(&logits, k, stream, &mut drawn).unwrap();
        prop_assert_eq!(index, drawn);
        prop_assert!((y.iter().sum::<f64>() - 1.0).abs() < 1e-14);
        prop_assert!(y.iter().all(|&y| (0.0..=1.0).contains(&y)));
        prop_assert!(y.iter().all(|&other| other <= y[drawn[0] as usize]));
        prop_assert!(y.iter().zip(&logits).all(|(&y, &logit)| logit > MASK || y == 0.0));
    }

    #[test]
    fn all_functions_of_the_sample_agree((logits, stream) in logits_and_stream(), tau in temperature()) {
        let k = logits.len();
        let mut noise = vec![0.0; k];
        noise::gumbel(stream, &mut noise);
        let (mut y, mut perturbed, mut with_index) = (vec![0.0; k], vec![0.0; k], vec![0.0; k]);
        gumbel_softmax(&logits, k, tau, stream, &mut y).unwrap();
        perturbed_softmax(&logits, &noise, k, tau, &mut perturbed).unwrap();
        gumbel_softmax_with_index(&logits, k, tau, stream, &mut with_index, &mut [0]).unwrap();
        prop_assert_eq!(&y, &perturbed);
        prop_assert_eq!(&y, &with_index);
        let (mut log_y, mut perturbed) = (vec![0.0; k], vec![0.0; k]);
        log_gumbel_softmax(&logits, k, tau, stream, &mut log_y).unwrap();
        log_perturbed_softmax(&logits, &noise, k, tau, &mut perturbed).unwrap();
        prop_assert_eq!(&log_y, &perturbed);
        for (log_y, y) in log_y.into_iter().zip(y) {
            prop_assert!((log_y.exp() - y).abs() < 1e-13 * y.max(1e-300), "{} for {}", log_y, y);
        }
    }

    #[test]
    fn permuted_categories_give_permuted_samples(
        (logits, stream) in logits_and_stream(), tau in temperature(), by in 0usize..67
    ) {
        let k = logits.len();
        let mut noise = vec![0.0; k];
        noise::gumbel(stream, &mut noise);
        let rotated = |row: &[f64]| { let mut row = row.to_vec(); row.rotate_left(by % k); row };
        let (mut y, mut moved) = (vec![0.0; k], vec![0.0; k]);
        perturbed_softmax(&logits, &noise, k, tau, &mut y).unwrap();
        perturbed_softmax(&rotated(&logits), &rotated(&noise), k, tau, &mut moved).unwrap();
        for (a, b) in rotated(&y).into_iter().zip(moved) {
            prop_assert!((a - b).abs() <= 1e-15);
        }
    }
}
