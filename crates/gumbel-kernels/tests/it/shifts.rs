//! Logits are unnormalised: a constant added to a row changes no sample. Logits and constants here are multiples of a
//! quarter, so that their sums are exact, and then samples are equal to the last bit.

use gumbel_kernels::{
    Logit, Real, Stream, gumbel_max, gumbel_softmax_with_index, gumbel_top_k, log_gumbel_softmax, noise,
    subset,
};
use half::f16;
use proptest::prelude::*;

/// Multiples of `unit` of both signs; some are masks.
fn row(seed: u64, len: usize, unit: f64) -> Vec<f64> {
    let mut u = vec![0.0f64; len];
    noise::uniform(Stream::new(seed), &mut u);
    let logit = |&u: &f64| if u < 0.1 { f64::NEG_INFINITY } else { ((u * 8.0 - 4.0) / unit).round() * unit };
    let mut row: Vec<f64> = u.iter().map(logit).collect();
    row[0] = 0.0;
    row
}

type Drawn = (Vec<u32>, Vec<f64>);

fn all<L: Logit>(logits: &[L], k: usize, tau: f64) -> Drawn
where
    L::Real: Real,
{
    let (stream, rows, len) = (Stream::new(7), logits.len() / k, logits.len());
    let tau = <L::Real as Real>::from_f64(tau);
    let (mut soft, mut log) = (vec![tau; len], vec![tau; len]);
    let (mut index, mut drawn, mut top) = (vec![0; rows], vec![0; rows], vec![0; rows]);
    gumbel_softmax_with_index(logits, k, tau, stream, &mut soft, &mut index).unwrap();
    log_gumbel_softmax(logits, k, tau, stream, &mut log).unwrap();
    gumbel_max(logits, k, stream, &mut drawn).unwrap();
    gumbel_top_k(logits, k, 1, stream, &mut top).unwrap();
    assert_eq!((&index, &index), (&drawn, &top));
    (drawn, soft.into_iter().chain(log).map(Into::into).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn samples_of_shifted_rows_are_equal(
        k in prop::sample::select(vec![1usize, 2, 3, 4, 5, 8, 10, 16, 17, 32, 100, 256, 257, 600, 5000]),
        rows in 1usize..6,
        seed: u64,
        tau in prop::sample::select(vec![0.1, 0.7, 1.0, 5.0]),
        sign in prop::sample::select(vec![-1.0, 1.0]),
    ) {
        let plain = row(seed, rows * k, 0.25);
        let plain: Vec<f64> = plain.iter().enumerate().map(|(i, &l)| if i % k == 0 { 0.0 } else { l }).collect();
        let (in_double, in_single) = (sign * 2f64.powi(50), sign * 2f64.powi(21));
        let shifted = |by: f64| plain.iter().map(move |logit| logit + by);
        prop_assert_eq!(all(&plain, k, tau), all(&shifted(in_double).collect::<Vec<f64>>(), k, tau));
        let single: Vec<f32> = plain.iter().map(|&logit| logit as f32).collect();
        let moved: Vec<f32> = shifted(in_single).map(|logit| logit as f32).collect();
        prop_assert_eq!(all(&single, k, tau), all(&moved, k, tau));
        let whole: Vec<f16> = plain.iter().map(|logit| f16::from_f64(logit.round())).collect();
        let moved: Vec<f16> = whole.iter().map(|&logit| logit + f16::from_f64(sign * 1024.0)).collect();
        prop_assert_eq!(all(&whole, k, tau), all(&moved, k, tau));
        if k >= 5 {
            let relaxed = |logits: &[f64]| {
                let mut soft = vec![0.0; logits.len()];
                subset::relaxed_top_k(logits, k, 1, tau, Stream::new(3), &mut soft).unwrap();
                soft
            };
            prop_assert_eq!(relaxed(&plain), relaxed(&shifted(in_double).collect::<Vec<f64>>()));
        }
    }
}

/// Two equal logits are drawn equally often, however large they are.
#[test]
fn equal_logits_of_any_size_are_equally_probable() {
    for size in [-1e7f32, 1e7, -3e38, 3e38, 0.0] {
        let (rows, logits) = (100_000, vec![size; 200_000]);
        let mut drawn = vec![0; rows];
        gumbel_max(&logits, 2, Stream::new(1), &mut drawn).unwrap();
        let share = drawn.iter().map(|&index| f64::from(index)).sum::<f64>() / rows as f64;
        assert!(
            (share - 0.5).abs() < 4.0 * 0.5 / (rows as f64).sqrt(),
            "share {share} of two logits of {size}"
        );
    }
}
