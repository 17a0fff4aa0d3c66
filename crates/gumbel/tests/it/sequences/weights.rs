//! Sums with inclusion weights.

use super::*;
use crate::support::numbers;

fn values(drawn: &DistinctSequences) -> Tensor<2> {
    drawn.sequences().map(&Device::flex(), |sequence| f(&sequence.tokens))
}

#[test]
fn weighted_sums_are_unbiased_and_normalized_ones_are_not() {
    for samples in [1, 2, 3, 6] {
        let drawn = distinct(200_000, samples, 10 + samples as u64);
        let unbiased = numbers(drawn.expectation(values(&drawn)));
        let z = z_score(&unbiased, exact_mean());
        assert!(z.abs() < 4.0, "{samples} samples: {z}");
        let weights = numbers(drawn.weights(&Device::flex()).sum_dim(1));
        let z = z_score(&weights, 1.0);
        assert!(z.abs() < 4.0, "{samples} samples, the weights: {z}");
        // Of one sample the normalised weight is 1.
        let normalized = numbers(drawn.normalized_expectation(values(&drawn)));
        let bias = z_score(&normalized, exact_mean());
        assert!((samples == 1) == (bias.abs() < 4.0), "{samples} samples, normalised: {bias}");
        assert!(
            samples == 1 || samples == 6 || mean_of(&normalized).1 < mean_of(&unbiased).1,
            "{samples} samples"
        );
    }
}

#[test]
fn all_sequences_give_the_exact_expectation() {
    for samples in [11, 14] {
        let drawn = distinct(5, samples, 20);
        for mean in [drawn.expectation(values(&drawn)), drawn.normalized_expectation(values(&drawn))] {
            numbers(mean).iter().for_each(|mean| assert!((mean - exact_mean()).abs() < 1e-5, "{mean}"));
        }
        assert!(drawn.kappa().iter().chain(drawn.log_rest()).all(|value| *value == MASK));
    }
}

#[test]
fn what_is_left_is_one_minus_the_sample() {
    let drawn = distinct(1000, 4, 21);
    for (row, log_rest) in drawn.sequences().rows().iter().zip(drawn.log_rest()) {
        let inside: f64 = row.iter().map(|sequence| sequence.log_prob.exp()).sum();
        assert!((inside + log_rest.exp() - 1.0).abs() < 1e-12);
    }
}

#[test]
fn a_value_that_is_not_there_does_not_matter() {
    let drawn = distinct(3, 12, 22);
    let absent =
        drawn.sequences().mask(&Device::flex()).float().sum_dim(2).squeeze_dim::<2>(2).equal_elem(0.0);
    assert_eq!(absent.clone().float().sum().into_scalar::<f32>(), 3.0);
    let spoiled = values(&drawn).mask_fill(absent, f32::NAN);
    assert_eq!(numbers(drawn.expectation(spoiled)), numbers(drawn.expectation(values(&drawn))));
}
