//! Results and errors do not depend on the number of threads.

use crate::support::with_threads;
use gumbel_kernels::*;
use half::bf16;

/// Ordinary logits with masks.
fn logits(rows: usize, k: usize) -> Vec<f32> {
    let mut logits = vec![0.0; rows * k];
    noise::logistic(Stream::new(77), &mut logits);
    logits.iter_mut().step_by(11).for_each(|logit| *logit = f32::NEG_INFINITY);
    logits
}

type Results<T> = (Vec<Vec<T>>, Vec<u32>);

fn all_of<L: Logit>(logits: &[L], k: usize, tau: L::Real) -> Result<Results<L::Real>, Error> {
    let (rows, stream) = (logits.len() / k, Stream::new(3));
    let mut out = vec![vec![tau; logits.len()]; 3];
    let (mut sums, mut index) = (vec![tau; rows], vec![9; 2 * rows]);
    let (winner, drawn) = index.split_at_mut(rows);
    gumbel_softmax_with_index(logits, k, tau, stream, &mut out[0], winner)?;
    log_gumbel_softmax(logits, k, tau, stream, &mut out[1])?;
    softmax(logits, k, &mut out[2])?;
    log_sum_exp(logits, k, &mut sums)?;
    gumbel_max(logits, k, stream, drawn)?;
    out.push(sums);
    Ok((out, index))
}

/// Many short rows, which are divided between threads, and few long ones, which threads share.
const SHAPES: [(usize, usize); 6] =
    [(20_001, 10), (201, 1000), (1, 65_536), (1, 1_000_001), (3, 100_000), (9, 70_001)];

#[test]
fn threads_change_no_bit_of_other_types() {
    for (rows, k) in SHAPES {
        let logits = logits(rows, k);
        let wide: Vec<f64> = logits.iter().map(|&logit| logit.into()).collect();
        let half: Vec<bf16> = logits.iter().map(|&logit| bf16::from_f32(logit)).collect();
        let [alone, together] =
            [1, 2].map(|threads| with_threads(threads, || all_of(&wide, k, 0.5)).unwrap());
        assert!(alone == together, "f64, {rows} rows of {k}");
        let [alone, together] =
            [1, 2].map(|threads| with_threads(threads, || all_of(&half, k, 0.5)).unwrap());
        assert!(alone == together, "bf16, {rows} rows of {k}");
    }
}

#[test]
fn in_place_equals_out_of_place_on_any_number_of_threads() {
    for (rows, k) in SHAPES {
        let (logits, stream) = (logits(rows, k), Stream::new(3));
        let (mut y, mut cotangent) = (vec![0.0; rows * k], vec![0.0; rows * k]);
        with_threads(1, || gumbel_softmax(&logits, k, 0.5, stream, &mut y)).unwrap();
        with_threads(1, || gumbel_softmax_vjp(&y, &unmasked(&logits), k, 0.5, &mut cotangent)).unwrap();
        for threads in 1..4 {
            let (mut values, mut dy) = (logits.clone(), unmasked(&logits));
            with_threads(threads, || gumbel_softmax_in_place(&mut values, k, 0.5, stream)).unwrap();
            with_threads(threads, || gumbel_softmax_vjp_in_place(&y, &mut dy, k, 0.5)).unwrap();
            assert!(values == y && dy == cotangent, "{rows} rows of {k} on {threads} threads");
        }
    }
}

fn unmasked(logits: &[f32]) -> Vec<f32> {
    logits.iter().map(|logit| logit.max(-9.0)).collect()
}

/// Of several invalid rows the first is named, whichever thread finds it.
#[test]
fn first_invalid_row_is_named_on_any_number_of_threads() {
    let mut logits = vec![0f32; 300_000];
    logits[290_000..].fill(f32::NAN);
    logits[123_456] = f32::NAN;
    let error = with_threads(3, || softmax(&logits, 10, &mut vec![0.0; 300_000])).unwrap_err();
    assert!(matches!(error, Error::Logit { row: 12_345, column: 6, .. }), "{error}");
}

/// A shared row: the error names its first invalid logit, or says that it is fully masked.
#[test]
fn errors_of_long_rows_are_the_same_on_any_number_of_threads() {
    let (k, mask) = (100_000, f32::NEG_INFINITY);
    for (fill, bad) in [(0.0, f32::INFINITY), (mask, f32::NAN), (mask, mask)] {
        let mut logits = vec![0f32; 3 * k];
        logits[k..2 * k].fill(fill);
        logits[k + 77_777..2 * k].fill(bad);
        let expected = match bad == mask {
            true => "every logit of row 1 is -inf".into(),
            false => format!("the logit at row 1, column 77777 is {bad}"),
        };
        for threads in 1..4 {
            let (stream, mut out) = (Stream::new(1), logits.clone());
            let errors = with_threads(threads, || {
                [
                    gumbel_softmax_in_place(&mut out, k, 0.5, stream),
                    gumbel_softmax(&logits, k, 0.5, stream, &mut out),
                    log_gumbel_softmax(&logits, k, 0.5, stream, &mut out),
                    gumbel_max(&logits, k, stream, &mut [0; 3]),
                    log_sum_exp(&logits, k, &mut [0.0; 3]),
                ]
            });
            for (kernel, error) in errors.into_iter().enumerate() {
                let message = error.unwrap_err().to_string();
                assert!(message.starts_with(&expected), "{kernel} on {threads} threads: {message}");
            }
        }
    }
}
