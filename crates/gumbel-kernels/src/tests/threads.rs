//! Results on any number of threads, at every level with fused multiply-add.

use super::support::at_fused_levels;
use crate::*;

/// Ordinary logits with masks.
fn logits(rows: usize, k: usize) -> Vec<f32> {
    let mut logits = vec![0.0; rows * k];
    noise::logistic(Stream::new(77), &mut logits);
    logits.iter_mut().step_by(11).for_each(|logit| *logit = f32::NEG_INFINITY);
    logits
}

fn all_of(logits: &[f32], k: usize) -> [Vec<f32>; 4] {
    let (rows, tau, stream) = (logits.len() / k, 0.5, Stream::new(3));
    let [mut y, mut log_y, mut p] = [(); 3].map(|()| vec![9f32; logits.len()]);
    let (mut sums, mut index) = (vec![9f32; rows], vec![9; 2 * rows]);
    let (winner, drawn) = index.split_at_mut(rows);
    gumbel_softmax_with_index(logits, k, tau, stream, &mut y, winner).unwrap();
    log_gumbel_softmax(logits, k, tau, stream, &mut log_y).unwrap();
    softmax(logits, k, &mut p).unwrap();
    log_sum_exp(logits, k, &mut sums).unwrap();
    gumbel_max(logits, k, stream, drawn).unwrap();
    assert_eq!(winner, drawn);
    sums.extend(index.iter().map(|&index| index as f32));
    [y, log_y, p, sums]
}

/// Many short rows, which are divided between threads, and few long ones, which threads share.
const SHAPES: [(usize, usize); 6] =
    [(20_001, 10), (201, 1000), (1, 65_536), (1, 1_000_001), (3, 100_000), (9, 70_001)];

#[test]
fn threads_and_levels_with_fused_arithmetic_change_no_bit() {
    for (rows, k) in SHAPES {
        let logits = logits(rows, k);
        let samples = at_fused_levels(|| all_of(&logits, k));
        assert!(samples.windows(2).all(|pair| pair[0] == pair[1]), "{rows} rows of {k}");
    }
}
