//! Truncations compared with their definitions: in NumPy, committed as CSV, and naively in double precision.

use crate::support::{MASK, output, single, with_threads};
use gumbel_kernels::*;
use proptest::prelude::*;

fn top_k(logits: &[f64], count: usize) -> Vec<f64> {
    output(logits.len(), |out| mask_top_k(logits, logits.len(), count, out))
}

fn top_p(logits: &[f64], p: f64) -> Vec<f64> {
    output(logits.len(), |out| mask_top_p(logits, logits.len(), p, out))
}

fn min_p(logits: &[f64], p: f64) -> Vec<f64> {
    output(logits.len(), |out| mask_min_p(logits, logits.len(), p, out))
}

/// Made by `tests/golden/truncation.py`, which says what a line has.
const GOLDEN: &str = include_str!("../golden/truncation.csv");

#[test]
fn every_rule_and_their_composition_equal_the_definitions_in_numpy() {
    for line in GOLDEN.lines() {
        let [count, p, ratio, numbers, kept]: [&str; 5] =
            line.split(',').collect::<Vec<_>>().try_into().expect("five fields");
        let logits: Vec<f64> = numbers.split(' ').map(|x| x.parse().expect("a number")).collect();
        let mut found = logits.clone();
        found = count.parse().map_or(found.clone(), |count| top_k(&found, count));
        found = p.parse().map_or(found.clone(), |p| top_p(&found, p));
        found = ratio.parse().map_or(found.clone(), |ratio| min_p(&found, ratio));
        let kept = kept.bytes().zip(&logits).map(|(kept, &logit)| if kept == b'1' { logit } else { MASK });
        assert_eq!(found, kept.collect::<Vec<_>>(), "{line}");
    }
    assert!(GOLDEN.lines().count() == 300);
}

/// Categories in decreasing order, of equal logits the lowest index first.
fn decreasing(logits: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..logits.len()).collect();
    order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
    order
}

fn keep(logits: &[f64], kept: &[usize]) -> Vec<f64> {
    let one = |index| if kept.contains(&index) { logits[index] } else { MASK };
    (0..logits.len()).map(one).collect()
}

/// The probabilities that a rule compares; the test leaves out rows where rounding decides.
fn weights(logits: &[f64]) -> Vec<f64> {
    let max = logits.iter().copied().fold(MASK, f64::max);
    logits.iter().map(|logit| (logit - max).exp()).collect()
}

fn naive_top_p(logits: &[f64], p: f64) -> Option<Vec<f64>> {
    let (order, weights) = (decreasing(logits), weights(logits));
    let (total, mut sum) = (weights.iter().sum::<f64>(), 0.0);
    for (place, &index) in order.iter().enumerate() {
        sum += weights[index] / total;
        if (sum - p).abs() < 1e-12 {
            return None;
        }
        if sum > p {
            return Some(keep(logits, &order[..=place]));
        }
    }
    None
}

/// Rows with ties, masks, common parts and lengths beyond the part that is sorted first.
fn row() -> impl Strategy<Value = Vec<f64>> {
    let logit = prop_oneof![8 => (-40i32..40).prop_map(|x| f64::from(x) / 8.0), 1 => Just(MASK)];
    (prop::collection::vec(logit, 1..600), -20i32..20).prop_map(|(mut row, common)| {
        row[0] = 0.5;
        row.iter_mut().for_each(|logit| *logit += f64::from(common));
        row
    })
}

proptest! {
    #[test]
    fn top_k_keeps_the_first_in_order(logits in row(), count in 1usize..700) {
        let order = decreasing(&logits);
        prop_assert_eq!(top_k(&logits, count), keep(&logits, &order[..count.min(logits.len())]));
    }

    #[test]
    fn top_p_keeps_the_smallest_set_that_reaches_p(logits in row(), p in 0.001f64..0.9999) {
        let naive = naive_top_p(&logits, p);
        prop_assume!(naive.is_some());
        prop_assert_eq!(top_p(&logits, p), naive.unwrap());
    }

    #[test]
    fn min_p_keeps_what_is_near_the_largest(logits in row(), p in 0.0f64..1.0) {
        let weights = weights(&logits);
        prop_assume!(weights.iter().all(|weight| (weight - p).abs() > 1e-12));
        let kept: Vec<usize> = (0..logits.len()).filter(|&i| weights[i] > p).collect();
        prop_assert_eq!(min_p(&logits, p), keep(&logits, &kept));
    }

    /// Single precision decides as double does, and a sampler draws only what is kept.
    #[test]
    fn single_precision_keeps_the_same_and_samples_are_kept(logits in row(), p in 0.001f64..1.0, seed: u64) {
        let (short, k) = (single(&logits), logits.len());
        let (mut kept, mut drawn) = (vec![0.0; k], [0]);
        mask_top_p(&short, k, p, &mut kept).unwrap();
        prop_assert_eq!(&kept, &single(&top_p(&logits, p)));
        gumbel_max(&kept, k, Stream::new(seed), &mut drawn).unwrap();
        prop_assert!(kept[drawn[0] as usize] > f32::NEG_INFINITY);
    }
}

#[test]
fn ties_are_decided_by_the_index_and_the_limits_of_p_are_exact() {
    assert_eq!(top_k(&[1.0; 5], 2), [1.0, 1.0, MASK, MASK, MASK]);
    assert_eq!(top_p(&[1.0; 4], 0.5), [1.0, 1.0, MASK, MASK]); // exactly a half
    assert_eq!(top_p(&[0.0, -800.0, MASK], 1.0), [0.0, -800.0, MASK]);
    assert_eq!(top_p(&[0.0, -800.0], 0.999), [0.0, MASK]);
    assert_eq!(top_p(&[-3.0, 9.0], 1e-300), [MASK, 9.0]);
    assert_eq!(min_p(&[2.0, 2.0, 1.0], 1.0), [2.0, 2.0, MASK]);
    assert_eq!(min_p(&[2.0, -1e300, MASK], 0.0), [2.0, -1e300, MASK]);
    assert_eq!(top_k(&[1e308, -1e308, 0.0], 2), [1e308, MASK, 0.0]); // gaps that overflow
}

#[test]
fn threads_change_no_bit_and_errors_name_their_row() {
    let (rows, k) = (400, 1000);
    let mut logits = vec![0.0f32; rows * k];
    noise::logistic(Stream::new(5), &mut logits);
    let all = |threads| {
        let mut out = [0; 3].map(|_| vec![0.0; rows * k]);
        with_threads(threads, || mask_top_k(&logits, k, 40, &mut out[0])).unwrap();
        with_threads(threads, || mask_top_p(&logits, k, 0.9, &mut out[1])).unwrap();
        with_threads(threads, || mask_min_p(&logits, k, 0.05, &mut out[2])).unwrap();
        out
    };
    assert!(all(1) == all(2));
    logits[399 * k + 3] = f32::NAN;
    let error = mask_top_p(&logits, k, 0.9, &mut vec![0.0; rows * k]).unwrap_err();
    assert!(matches!(error, Error::Logit { row: 399, column: 3, .. }), "{error}");
    assert_eq!(mask_min_p(&[MASK; 2], 2, 0.5, &mut [0.0; 2]), Err(Error::AllMasked { row: 0 }));
}

#[test]
fn parameters_out_of_range_are_errors() {
    let mut out = [0.0; 1];
    assert_eq!(mask_top_k(&[0.0], 1, 0, &mut out), Err(Error::TopK));
    for p in [0.0, -0.1, 1.1, f64::INFINITY] {
        assert_eq!(mask_top_p(&[0.0], 1, p, &mut out), Err(Error::TopP(p)));
    }
    for p in [-0.1, 1.1] {
        assert_eq!(mask_min_p(&[0.0], 1, p, &mut out), Err(Error::MinP(p)));
    }
    assert!(matches!(mask_top_p(&[0.0], 1, f64::NAN, &mut out), Err(Error::TopP(_))));
    assert!(matches!(mask_min_p(&[0.0], 1, f64::NAN, &mut out), Err(Error::MinP(_))));
}
