//! Every level of this machine against references: the same kernel in `f64`, or a few plain lines.

use super::support::{MASK, assert_close, at_every_level, lengths, wide};
use crate::*;
use half::{bf16, f16};

/// Logits of ordinary size, some masked and some huge.
fn logits(rows: usize, k: usize) -> Vec<f32> {
    let mut logits = vec![0.0; rows * k];
    noise::logistic(Stream::new(77).split(k as u64), &mut logits);
    for (index, logit) in logits.iter_mut().enumerate() {
        if index % 11 == 5 && index % k != 0 {
            *logit = MASK;
        }
        if index % 97 == 50 {
            *logit *= 1e37;
        }
    }
    logits
}

#[test]
fn words_equal_those_read_one_by_one() {
    at_every_level(|level| {
        for start in 0..5 {
            let stream = Stream::from_parts(5, 6, start);
            for len in [0].into_iter().chain(lengths()) {
                let mut words = vec![0; len];
                stream.words(&mut words);
                let expected: Vec<u32> = (0..len as u64).map(|index| stream.word(index)).collect();
                assert_eq!(words, expected, "{level}, {len} from {start}");
            }
        }
    });
}

#[test]
fn noise_equals_the_double_precision_draw_in_any_slice() {
    type Fill<T> = fn(Stream, &mut [T]);
    let distributions: [(Fill<f32>, Fill<f64>); 5] = [
        (noise::uniform, noise::uniform),
        (noise::exponential, noise::exponential),
        (noise::gumbel, noise::gumbel),
        (noise::logistic, noise::logistic),
        (noise::normal, noise::normal),
    ];
    at_every_level(|level| {
        let (stream, len) = (Stream::from_parts(1, 2, 3), 1300);
        for (which, (single, double)) in distributions.into_iter().enumerate() {
            let (mut all, mut exact) = (vec![0f32; len], vec![0f64; len]);
            single(stream, &mut all);
            double(stream, &mut exact);
            // Two ulp, for the normal distribution four. The last three have zeros, where only the absolute error is small.
            let absolute = if which < 2 { 0.0 } else { 2.5e-7 };
            let relative = if which < 4 { 2.5e-7 } else { 5e-7 };
            assert_close(&format!("{level}, noise {which}"), &all, &exact, absolute, relative);
            for len in [0].into_iter().chain(lengths()) {
                let offset = len % 7;
                let mut buffer = vec![9f32; len + offset + 1];
                single(stream.skip(offset as u64), &mut buffer[offset..][..len]);
                assert_eq!(&buffer[offset..][..len], &all[offset..][..len], "{level}, noise {which}, {len}");
                assert_eq!(buffer[offset + len], 9.0);
            }
        }
    });
}

#[test]
fn samples_equal_those_in_double_precision() {
    at_every_level(|level| {
        for k in lengths() {
            for (rows, tau) in [(1, 0.5f32), (3, 1.0), (1100 / k + 2, 7.0)] {
                let (case, stream) =
                    (format!("{level}, {rows} rows of {k}"), Stream::from_parts(4, 0, k as u64));
                let (logits, len) = (logits(rows, k), rows * k);
                let exact = wide(&logits);
                let (mut y, mut log_y, mut index) = (vec![9f32; len], vec![9f32; len], vec![9; rows]);
                let (mut exact_y, mut exact_log) = (vec![9f64; len], vec![9f64; len]);
                gumbel_softmax_with_index(&logits, k, tau, stream, &mut y, &mut index).unwrap();
                gumbel_softmax(&exact, k, tau.into(), stream, &mut exact_y).unwrap();
                // Perturbed logits of size 20 are rounded to a millionth, and divided by tau.
                assert_close(&case, &y, &exact_y, 1e-37, 1e-5);
                log_gumbel_softmax(&logits, k, tau, stream, &mut log_y).unwrap();
                log_gumbel_softmax(&exact, k, tau.into(), stream, &mut exact_log).unwrap();
                assert_close(&case, &log_y, &exact_log, 1e-5, 1e-6);
                let mut plain = vec![9f32; len];
                gumbel_softmax(&logits, k, tau, stream, &mut plain).unwrap();
                assert_eq!(plain, y, "{case}");
                softmax(&logits, k, &mut y).unwrap();
                softmax(&exact, k, &mut exact_y).unwrap();
                assert_close(&case, &y, &exact_y, 1e-37, 1e-5);
                let (mut sums, mut exact_sums) = (vec![9f32; rows], vec![9f64; rows]);
                log_sum_exp(&logits, k, &mut sums).unwrap();
                log_sum_exp(&exact, k, &mut exact_sums).unwrap();
                assert_close(&case, &sums, &exact_sums, 1e-6, 3e-7);
                check_choices(&case, &logits, k, stream, &index);
            }
        }
    });
}

/// Compares indices with a sort of the keys.
fn check_choices(case: &str, logits: &[f32], k: usize, stream: Stream, index: &[u32]) {
    let mut keys = vec![0f32; logits.len()];
    noise::gumbel(stream, &mut keys);
    for (keys, logits) in keys.chunks_mut(k).zip(logits.chunks(k)) {
        let max = logits.iter().copied().fold(MASK, f32::max);
        keys.iter_mut().zip(logits).for_each(|(key, logit)| *key += logit - max);
    }
    let mut drawn = vec![9; index.len()];
    gumbel_max(logits, k, stream, &mut drawn).unwrap();
    assert_eq!(drawn, index, "{case}");
    for count in [1, 2, 8, 50, 64, 65].into_iter().filter(|count| 2 * count <= k) {
        let mut top = vec![9; index.len() * count];
        gumbel_top_k(logits, k, count, stream, &mut top).unwrap();
        for ((keys, top), &index) in keys.chunks(k).zip(top.chunks(count)).zip(index) {
            let mut sorted: Vec<u32> = (0..k as u32).collect();
            sorted.sort_by(|&a, &b| keys[b as usize].total_cmp(&keys[a as usize]));
            assert_eq!(top, &sorted[..count], "{case}");
            assert_eq!(top[0], index, "{case}");
        }
    }
}

/// Pruning must not lose the largest key, wherever it is in a long row.
#[test]
fn largest_of_long_rows_is_found() {
    at_every_level(|level| {
        for seed in 0..40 {
            let (k, stream) = (20_000, Stream::new(seed));
            let mut logits = vec![0f32; k];
            logits[(seed * 499) as usize] = seed as f32 / 4.0;
            let (mut index, mut y) = ([9], vec![0f32; k]);
            gumbel_softmax_with_index(&logits, k, 1.0, stream, &mut y, &mut index).unwrap();
            check_choices(&level.to_string(), &logits, k, stream, &index);
        }
    });
}

#[test]
fn vjps_and_log_probs_equal_those_in_double_precision() {
    at_every_level(|level| {
        for k in lengths() {
            let (rows, tau) = (600 / k + 2, 0.7f32);
            let (case, len) = (format!("{level}, {rows} rows of {k}"), rows * k);
            let mut logits = logits(rows, k);
            logits.iter_mut().filter(|logit| logit.is_finite()).for_each(|logit| *logit %= 30.0);
            let (mut y, mut log_y, mut dy) = (vec![0f32; len], vec![0f32; len], vec![0f32; len]);
            gumbel_softmax(&logits, k, tau, Stream::new(1), &mut y).unwrap();
            log_gumbel_softmax(&logits, k, tau, Stream::new(1), &mut log_y).unwrap();
            noise::uniform(Stream::new(2), &mut dy);
            let (exact, exact_dy, exact_log) = (wide(&logits), wide(&dy), wide(&log_y));
            let (mut out, mut exact_out) = (vec![9f32; len], vec![9f64; len]);
            gumbel_softmax_vjp(&y, &dy, k, tau, &mut out).unwrap();
            gumbel_softmax_vjp(&wide(&y), &exact_dy, k, tau.into(), &mut exact_out).unwrap();
            assert_close(&case, &out, &exact_out, 1e-6, 1e-6);
            log_gumbel_softmax_vjp(&log_y, &dy, k, tau, &mut out).unwrap();
            log_gumbel_softmax_vjp(&exact_log, &exact_dy, k, tau.into(), &mut exact_out).unwrap();
            assert_close(&case, &out, &exact_out, 1e-5, 1e-5);
            let (mut sums, mut exact_sums) = (vec![9f32; rows], vec![9f64; rows]);
            exp_concrete_log_prob(&logits, &log_y, k, tau, &mut sums).unwrap();
            exp_concrete_log_prob(&exact, &exact_log, k, tau.into(), &mut exact_sums).unwrap();
            assert_close(&case, &sums, &exact_sums, 1e-5 * k as f64, 1e-5);
        }
    });
}

#[test]
fn extreme_logits_equal_those_in_double_precision() {
    let row = [3e38f32, -3e38, MASK, 0.0, f32::MIN_POSITIVE, 3e38, 1e-45, -1e30, 1e30, MASK, 5.0];
    at_every_level(|level| {
        for tau in [1e-40f32, 1e-30, 9e-31, 0.1, 1.0, 1e10, 1e30, 2e30, 3e38] {
            for k in [2, 5, 11, 33, 400] {
                let logits: Vec<f32> = row.iter().cycle().take(k).copied().collect();
                let given = vec![0.5f32; k];
                let (mut y, mut exact_y) = (vec![9f32; k], vec![9f64; k]);
                perturbed_softmax(&logits, &given, k, tau, &mut y).unwrap();
                perturbed_softmax(&wide(&logits), &wide(&given), k, tau.into(), &mut exact_y).unwrap();
                // At low temperatures keys that are equal in `f32` are not in `f64`.
                if tau > 1.0 || k < 6 {
                    assert_close(&format!("{level}, tau {tau}, k {k}"), &y, &exact_y, 1e-37, 2e-5);
                }
                assert!((y.iter().map(|&y| f64::from(y)).sum::<f64>() - 1.0).abs() < 1e-6);
            }
        }
    });
}

/// All results of logits, from the same numbers of the stream: numbers, then indices.
fn all_of<L: Logit<Real = f32>>(
    logits: &[L],
    k: usize,
    tau: f32,
) -> Result<(Vec<Vec<f32>>, Vec<u32>), Error> {
    let (rows, stream, count) = (logits.len() / k, Stream::from_parts(4, 0, 9), k.min(3));
    let mut out = vec![vec![9f32; logits.len()]; 5];
    let (mut sums, mut index) = (vec![9f32; rows], vec![9; rows * (2 + count)]);
    let (winner, rest) = index.split_at_mut(rows);
    let (drawn, top) = rest.split_at_mut(rows);
    gumbel_softmax(logits, k, tau, stream, &mut out[0])?;
    gumbel_softmax_with_index(logits, k, tau, stream, &mut out[1], winner)?;
    log_gumbel_softmax(logits, k, tau, stream, &mut out[2])?;
    softmax(logits, k, &mut out[3])?;
    log_softmax(logits, k, &mut out[4])?;
    log_sum_exp(logits, k, &mut sums)?;
    gumbel_max(logits, k, stream, drawn)?;
    gumbel_top_k(logits, k, count, stream, top)?;
    out.push(sums);
    Ok((out, index))
}

/// The same with the first categories unmasked, as `gumbel_top_k` needs.
fn few_masks(rows: usize, k: usize) -> Vec<f32> {
    let mut logits = logits(rows, k);
    for row in logits.chunks_mut(k) {
        row.iter_mut().take(4).filter(|logit| **logit == MASK).for_each(|logit| *logit = -1.0);
    }
    logits
}

fn assert_half_is_widened<L: Logit<Real = f32> + Into<f32>>(case: &str, logits: &[L], k: usize) {
    let wide: Vec<f32> = logits.iter().map(|&logit| logit.into()).collect();
    let (half, single) = (all_of(logits, k, 0.7).unwrap(), all_of(&wide, k, 0.7).unwrap());
    assert_eq!(half, single, "{case}");
}

#[test]
fn half_precision_equals_the_same_logits_widened() {
    at_every_level(|level| {
        for k in lengths() {
            for rows in [1, 3, 1100 / k + 2] {
                let case = format!("{level}, {rows} rows of {k}");
                // The huge ones would be infinite as `f16`.
                let logits: Vec<f32> = few_masks(rows, k)
                    .iter()
                    .map(|l| if *l == MASK { *l } else { l.clamp(-6e4, 6e4) })
                    .collect();
                let half: Vec<f16> = logits.iter().map(|&logit| f16::from_f32(logit)).collect();
                assert_half_is_widened(&format!("{case}, f16"), &half, k);
                let half: Vec<bf16> = few_masks(rows, k).iter().map(|&logit| bf16::from_f32(logit)).collect();
                assert_half_is_widened(&format!("{case}, bf16"), &half, k);
            }
        }
    });
}

type InPlace<T> = fn(&mut [T], usize, T) -> Result<(), Error>;
type OutOfPlace<T> = fn(&[T], usize, T, &mut [T]) -> Result<(), Error>;

/// Each kernel that works in place, with the one that does not.
fn in_place_and_out_of_place<T: Real>() -> [(InPlace<T>, OutOfPlace<T>); 4] {
    const STREAM: Stream = Stream::from_parts(4, 0, 9);
    [
        (
            |v, k, tau| gumbel_softmax_in_place(v, k, tau, STREAM),
            |l, k, tau, out| gumbel_softmax(l, k, tau, STREAM, out),
        ),
        (
            |v, k, tau| log_gumbel_softmax_in_place(v, k, tau, STREAM),
            |l, k, tau, out| log_gumbel_softmax(l, k, tau, STREAM, out),
        ),
        (|v, k, _| softmax_in_place(v, k), |l, k, _, out| softmax(l, k, out)),
        (|v, k, _| log_softmax_in_place(v, k), |l, k, _, out| log_softmax(l, k, out)),
    ]
}

fn assert_in_place_equals_out_of_place<T: Real>(case: &str, logits: &[T], k: usize, tau: T) {
    let mut cotangent = vec![T::zero(); logits.len()];
    noise::logistic(Stream::new(8), &mut cotangent);
    for (number, (in_place, out_of_place)) in in_place_and_out_of_place::<T>().into_iter().enumerate() {
        let (mut values, mut out) = (logits.to_vec(), vec![T::one(); logits.len()]);
        in_place(&mut values, k, tau).unwrap();
        out_of_place(logits, k, tau, &mut out).unwrap();
        assert_eq!(values, out, "{case}, kernel {number}");
        let (mut dy, mut product) = (cotangent.clone(), vec![T::one(); logits.len()]);
        if number % 2 == 0 {
            gumbel_softmax_vjp_in_place(&out, &mut dy, k, tau).unwrap();
            gumbel_softmax_vjp(&out, &cotangent, k, tau, &mut product).unwrap();
        } else {
            log_gumbel_softmax_vjp_in_place(&out, &mut dy, k, tau).unwrap();
            log_gumbel_softmax_vjp(&out, &cotangent, k, tau, &mut product).unwrap();
        }
        assert_eq!(dy, product, "{case}, product {number}");
    }
}

#[test]
fn in_place_equals_out_of_place() {
    at_every_level(|level| {
        for k in lengths() {
            for (rows, tau) in [(1, 0.5f32), (3, 1.0), (1100 / k + 2, 7.0)] {
                let (case, logits) = (format!("{level}, {rows} rows of {k}"), logits(rows, k));
                assert_in_place_equals_out_of_place(&case, &logits, k, tau);
                assert_in_place_equals_out_of_place(&case, &wide(&logits), k, tau.into());
            }
        }
    });
}

/// All errors must have the message of the kernel for a slice of `f32` logits.
#[test]
fn errors_name_the_same_logit_for_every_type_and_place() {
    const BAD: [f32; 3] = [f32::NAN, f32::INFINITY, MASK];
    at_every_level(|level| {
        for k in [1, 2, 7, 16, 256, 257, 512, 513, 1100] {
            for (first, second) in BAD.into_iter().flat_map(|bad| BAD.map(|other| (bad, other))) {
                // Row 3 has both, and masks elsewhere; later rows have the second.
                let mut logits = vec![0f32; 6 * k];
                logits[3 * k..4 * k].fill(MASK);
                logits[3 * k + k / 3] = first;
                logits[4 * k - 1] = second;
                logits[5 * k..].fill(second);
                let case = format!("{level}, {first} and {second} in rows of {k}");
                let expected = all_of(&logits, k, 0.5).unwrap_err().to_string();
                assert!(expected.contains("row 3"), "{case}: {expected}");
                let half: Vec<f16> = logits.iter().map(|&logit| f16::from_f32(logit)).collect();
                let errors = [
                    softmax(&half, k, &mut logits.clone()),
                    gumbel_max(&half, k, Stream::new(1), &mut [0; 6]),
                ];
                let half: Vec<bf16> = logits.iter().map(|&logit| bf16::from_f32(logit)).collect();
                let more = [
                    log_sum_exp(&half, k, &mut [0.0; 6]),
                    gumbel_top_k(&half, k, 1, Stream::new(1), &mut [0; 6]),
                ];
                let in_place =
                    in_place_and_out_of_place().map(|(kernel, _)| kernel(&mut logits.clone(), k, 0.5));
                for (number, error) in errors.into_iter().chain(more).chain(in_place).enumerate() {
                    assert_eq!(error.unwrap_err().to_string(), expected, "{case}, {number}");
                }
            }
        }
    });
}
