//! Masks that prune weights, and relaxed bits, against enumeration.

use crate::support::{double, numbers};
use burn::tensor::{DType, Device, Tensor, activation};
use gumbel::sparsity::{NOfM, expand_blocks};
use gumbel::{Error, Noise, gumbel_sigmoid, straight_through_gumbel_sigmoid};

fn logits(seed: u64, shape: [usize; 2]) -> Tensor<2> {
    Noise::from_seed(seed).logistic::<2>(shape, &Device::flex())
}

#[test]
fn candidates_are_all_masks_once() {
    for (kept, of, count) in [(1, 1, 1), (2, 4, 6), (1, 4, 4), (4, 4, 1), (3, 7, 35), (4, 8, 70)] {
        let pattern = NOfM::new(kept, of).unwrap();
        assert_eq!((pattern.candidates(), pattern.kept(), pattern.of()), (count, kept, of));
        let masks = numbers(pattern.masks(&Device::flex()));
        let mut rows: Vec<Vec<u8>> =
            masks.chunks(of).map(|row| row.iter().map(|&x| x as u8).collect()).collect();
        assert!(
            rows.iter().all(|row| row.iter().map(|&x| usize::from(x)).sum::<usize>() == kept),
            "{rows:?}"
        );
        assert!(rows.is_sorted_by(|a, b| a > b), "in the order of the places: {rows:?}");
        rows.dedup();
        assert_eq!(rows.len(), count);
    }
}

#[test]
fn inclusion_is_the_mean_of_the_samples() {
    const DRAWS: usize = 20_000;
    let pattern = NOfM::new(2, 4).unwrap();
    let logits = logits(1, [1, 6]);
    let exact = numbers(pattern.inclusion(logits.clone()).unwrap());
    assert!((exact.iter().sum::<f64>() - 2.0).abs() < 1e-6);
    let repeated = logits.repeat_dim(0, DRAWS);
    let hard = pattern.sample(repeated.clone(), &mut Noise::from_seed(2)).unwrap();
    let straight = pattern.straight_through(repeated.clone(), 0.7, &mut Noise::from_seed(2)).unwrap();
    assert_eq!(hard.to_data(), straight.into_data());
    assert!(numbers(hard.clone()).iter().all(|x| *x == 0.0 || *x == 1.0));
    assert!(numbers(hard.clone().sum_dim(1)).iter().all(|kept| *kept == 2.0));
    for (count, p) in numbers(hard.clone().sum_dim(0)).into_iter().zip(exact) {
        let z = (count - DRAWS as f64 * p) / (DRAWS as f64 * p * (1.0 - p)).sqrt();
        assert!(z.abs() < 4.0, "probability {p}: {z:.1} standard errors");
    }
    let soft = pattern.soft(repeated, 1e-4, &mut Noise::from_seed(2)).unwrap();
    assert!((soft - hard).abs().mean().into_scalar::<f32>() < 1e-3, "the limit of the soft mask");
}

#[test]
fn gradients_are_those_of_finite_differences_and_of_the_soft_mask() {
    let pattern = NOfM::new(2, 4).unwrap();
    let weights = Noise::from_seed(9).normal::<2>([3, 4], &Device::flex()).cast(DType::F64).autodiff();
    let start: Vec<f64> = numbers(logits(3, [3, 6]));
    type Mask = Box<dyn Fn(&NOfM, Tensor<2>) -> Tensor<2>>;
    let masks: [Mask; 2] = [
        Box::new(|pattern, logits| pattern.soft(logits, 0.8, &mut Noise::from_seed(4)).unwrap()),
        Box::new(|pattern, logits| pattern.inclusion(logits).unwrap()),
    ];
    let slopes_of = |mask: &dyn Fn(&NOfM, Tensor<2>) -> Tensor<2>| {
        let leaf: Tensor<2> = double(start.clone(), [3, 6]).require_grad();
        let value = (mask(&pattern, leaf.clone()) * weights.clone()).sum();
        numbers(leaf.grad(&value.backward()).unwrap())
    };
    for mask in &masks {
        for (at, slope) in slopes_of(mask).into_iter().enumerate() {
            let moved = |by: f64| {
                let mut start = start.clone();
                start[at] += by;
                (mask(&pattern, double(start, [3, 6])) * weights.clone()).sum().into_scalar::<f64>()
            };
            let difference = (moved(1e-6) - moved(-1e-6)) / 2e-6;
            assert!((difference - slope).abs() < 1e-7, "{at}: {slope}, by differences {difference}");
        }
    }
    let straight = |pattern: &NOfM, logits: Tensor<2>| {
        pattern.straight_through(logits, 0.8, &mut Noise::from_seed(4)).unwrap()
    };
    assert_eq!(slopes_of(&straight), slopes_of(&masks[0]));
}

#[test]
fn the_mode_for_magnitudes_keeps_the_largest_weights() {
    let pattern = NOfM::new(2, 4).unwrap();
    let weights = Noise::from_seed(5).normal::<3>([7, 3, 4], &Device::flex());
    let mode = pattern.mode(pattern.logits_from(weights.clone().abs(), 3.0)).unwrap();
    let least = weights.clone().abs().sort_descending(2).narrow(2, 1, 1);
    let largest = weights.abs().greater_equal(least.expand([7, 3, 4])).float();
    assert_eq!(mode.into_data(), largest.into_data());
}

#[test]
fn excluded_masks_are_never_drawn_and_no_groups_give_no_groups() {
    let pattern = NOfM::new(1, 2).unwrap();
    let only_second = Tensor::<2>::from_floats([[f32::NEG_INFINITY, 0.0]], &Device::flex());
    for mask in [
        pattern.inclusion(only_second.clone()),
        pattern.soft(only_second.clone(), 0.5, &mut Noise::from_seed(1)),
        pattern.mode(only_second),
    ] {
        assert_eq!(numbers(mask.unwrap()), [0.0, 1.0]);
    }
    let none =
        pattern.soft(Tensor::<3>::zeros([0, 4, 2], &Device::flex()), 0.5, &mut Noise::from_seed(1)).unwrap();
    assert_eq!(none.dims(), [0, 4, 2]);
    let half = Tensor::<1>::zeros([2], (&Device::flex(), DType::BF16));
    assert_eq!(pattern.inclusion(half).unwrap().dtype(), DType::BF16);
}

#[test]
fn mistakes_are_errors_that_name_them() {
    let message = |kept, of| NOfM::new(kept, of).unwrap_err().to_string();
    assert_eq!(message(0, 4), "N:M sparsity: N must be from 1 to M = 4, got 0");
    assert_eq!(message(5, 4), "N:M sparsity: N must be from 1 to M = 4, got 5");
    let many = "N:M sparsity: N:M must be one with at most 4096 masks of a group, got 8:16; use \
                subset::straight_through_k_hot, with one logit for each weight";
    assert_eq!(message(8, 16), many);
    assert!(message(500, 1000).contains("at most 4096"));
    let nan = Tensor::<1>::from_floats([0.0, f32::NAN], &Device::flex());
    let pattern = NOfM::new(1, 2).unwrap();
    assert!(matches!(pattern.inclusion(nan.clone()), Err(Error::Kernel(_))));
    assert!(matches!(pattern.mode(nan.clone()), Err(Error::Kernel(_))));
    assert!(gumbel_sigmoid(nan, 1.0, &mut Noise::from_seed(1)).is_err());
}

#[test]
#[should_panic(expected = "the last axis of logits must be 6, got 4")]
fn logits_of_another_pattern_panic() {
    let _ = NOfM::new(2, 4).unwrap().soft(logits(1, [1, 4]), 1.0, &mut Noise::from_seed(1));
}

#[test]
fn blocks_are_repeated() {
    let blocks = Tensor::<2>::from_floats([[1.0, 0.0, 0.5], [0.0, 2.0, 0.0]], &Device::flex());
    let mask = numbers(expand_blocks(blocks.clone(), [2, 4]));
    let blocks = numbers(blocks);
    for (at, value) in mask.into_iter().enumerate() {
        let (row, column) = (at / 12, at % 12);
        assert_eq!(value, blocks[row / 2 * 3 + column / 4], "{row}, {column}");
    }
}

#[test]
fn relaxed_bits_have_the_gradient_of_differences_and_straight_through_the_same() {
    let start: Vec<f64> = numbers(logits(6, [1, 20]));
    for tau in [0.3, 1.0, 4.0] {
        let soft = |values: Vec<f64>| {
            let leaf: Tensor<1> = double(values, [20]).require_grad();
            (leaf.clone(), gumbel_sigmoid(leaf, tau, &mut Noise::from_seed(7)).unwrap())
        };
        let (leaf, y) = soft(start.clone());
        let slopes = numbers(leaf.grad(&y.clone().sum().backward()).unwrap());
        for (at, slope) in slopes.iter().enumerate() {
            let moved = |by: f64| {
                let mut start = start.clone();
                start[at] += by;
                soft(start).1.sum().into_scalar::<f64>()
            };
            let difference = (moved(1e-6) - moved(-1e-6)) / 2e-6;
            assert!((difference - slope).abs() < 1e-7, "{tau}, {at}: {slope}, by differences {difference}");
        }
        let leaf: Tensor<1> = double(start.clone(), [20]).require_grad();
        let hard = straight_through_gumbel_sigmoid(leaf.clone(), tau, &mut Noise::from_seed(7)).unwrap();
        let rounded: Vec<f64> = numbers(y).into_iter().map(f64::round).collect();
        assert_eq!(numbers(hard.clone()), rounded);
        assert_eq!(numbers(leaf.grad(&hard.sum().backward()).unwrap()), slopes);
    }
}

#[test]
fn relaxed_bits_have_their_density_at_every_temperature_and_type() {
    const DRAWS: usize = 40_000;
    let log_odds = Tensor::<1>::full([DRAWS], -0.7, &Device::flex());
    for tau in [1e-30, 0.5, 1e30] {
        let y = gumbel_sigmoid(log_odds.clone(), tau, &mut Noise::from_seed(8)).unwrap();
        let values = numbers(y);
        assert!(values.iter().all(|y| (0.0..=1.0).contains(y)), "{tau}");
        if tau == 0.5 {
            // P(Y ≤ t) = σ(τ logit t − ℓ).
            for t in [0.05f64, 0.3, 0.5, 0.9] {
                let logit = (t / (1.0 - t)).ln();
                let p = 1.0 / (1.0 + (-(tau * logit + 0.7)).exp());
                let count = values.iter().filter(|y| **y <= t).count() as f64;
                let z = (count - DRAWS as f64 * p) / (DRAWS as f64 * p * (1.0 - p)).sqrt();
                assert!(z.abs() < 4.0, "at {t}: {z:.1} standard errors");
            }
        }
    }
    let half = gumbel_sigmoid(log_odds.clone().cast(DType::F16), 0.5, &mut Noise::from_seed(8)).unwrap();
    let single = gumbel_sigmoid(log_odds.clone(), 0.5, &mut Noise::from_seed(8)).unwrap();
    assert_eq!(half.dtype(), DType::F16);
    assert!((half.cast(DType::F32) - single).abs().max().into_scalar::<f32>() < 2e-3);
    let mean =
        straight_through_gumbel_sigmoid(log_odds.clone(), 0.5, &mut Noise::from_seed(9)).unwrap().mean();
    let p = activation::sigmoid(log_odds).mean().into_scalar::<f32>();
    let error = (p * (1.0 - p) / DRAWS as f32).sqrt();
    assert!((mean.into_scalar::<f32>() - p).abs() < 4.0 * error);
}
