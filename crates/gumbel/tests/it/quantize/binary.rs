//! Binary quantisation: entropies against enumeration, indices, gradients.

use super::*;
use gumbel::quantize::{BinaryQuantizer, BinaryQuantizerConfig, BinarySpace};

fn quantizer(space: BinarySpace, width: usize, group: usize) -> BinaryQuantizer {
    let config = BinaryQuantizerConfig {
        space,
        group,
        inverse_temperature: 0.7,
        ..BinaryQuantizerConfig::lookup_free(width)
    };
    config.init().expect("valid")
}

/// `softmax(−β |x − c|²)` over all 2^W codes, for each row.
fn choices(x: &[f64], width: usize, scale: f64) -> Vec<Vec<f64>> {
    let of_row = |x: &[f64]| {
        let weight = |code: usize| {
            let coordinate = |i: usize| if code >> i & 1 == 1 { scale } else { -scale };
            (-0.7 * (0..width).map(|i| (x[i] - coordinate(i)).powi(2)).sum::<f64>()).exp()
        };
        let weights: Vec<f64> = (0..1 << width).map(weight).collect();
        let total: f64 = weights.iter().sum();
        weights.into_iter().map(|weight| weight / total).collect()
    };
    x.chunks(width).map(of_row).collect()
}

fn entropy(shares: &[f64]) -> f64 {
    shares.iter().map(|&share| if share > 0.0 { -share * share.ln() } else { 0.0 }).sum()
}

fn mean(rows: &[Vec<f64>]) -> Vec<f64> {
    (0..rows[0].len()).map(|k| rows.iter().map(|row| row[k]).sum::<f64>() / rows.len() as f64).collect()
}

/// The shares of the values of some bits.
fn marginal(shares: &[f64], start: usize, group: usize) -> Vec<f64> {
    let mut sums = vec![0.0; 1 << group];
    shares.iter().enumerate().for_each(|(code, share)| sums[code >> start & ((1 << group) - 1)] += share);
    sums
}

#[test]
fn entropies_are_those_of_an_enumeration() {
    let (width, x) = (6, normal(1, [9, 6]));
    for space in [BinarySpace::Cube, BinarySpace::Sphere] {
        let scale = if space == BinarySpace::Cube { 1.0 } else { (width as f64).sqrt().recip() };
        let mut placed = numbers(x.clone());
        if space == BinarySpace::Sphere {
            placed.chunks_mut(width).for_each(|row| {
                let norm = row.iter().map(|x| x * x).sum::<f64>().sqrt();
                row.iter_mut().for_each(|x| *x /= norm);
            });
        }
        let choices = choices(&placed, width, scale);
        let (each, used) = (choices.iter().map(|q| entropy(q)).sum::<f64>() / 9.0, mean(&choices));
        for group in [1, 2, 3, 6] {
            let quantized = quantizer(space, width, group).quantize(x.clone()).unwrap();
            let parts = (0..width).step_by(group).map(|start| entropy(&marginal(&used, start, group)));
            let missing = width as f64 * 2f64.ln() - parts.sum::<f64>();
            assert_close(&numbers(quantized.term("entropy").unwrap()), &[each], 1e-9);
            assert_close(&numbers(quantized.term("diversity").unwrap()), &[missing], 1e-9);
            assert_eq!(quantized.indices.dims(), [9, width / group]);
        }
    }
}

#[test]
fn entropies_are_differentiable_and_stable() {
    let x = normal(3, [5, 4]);
    for space in [BinarySpace::Cube, BinarySpace::Sphere] {
        let quantizer = quantizer(space, 4, 2);
        for name in ["commitment", "entropy", "diversity"] {
            let term = |x: Tensor<2>| quantizer.quantize(x).unwrap().term(name).unwrap();
            let leaf = x.clone().require_grad();
            let gradient = numbers(leaf.grad(&term(leaf.clone()).backward()).unwrap());
            assert_close(&gradient, &differences(&x, |x| numbers(term(x))[0]), 1e-7);
        }
    }
    // Decided choices, in single precision, of which most codes have a share that underflows.
    let x = (Noise::from_seed(1).normal::<2>([50, 8], &Device::flex()) * 30.0).autodiff().require_grad();
    let quantized = BinaryQuantizerConfig::lookup_free(8).init().unwrap().quantize(x.clone()).unwrap();
    assert!(numbers(quantized.loss())[0].is_finite());
    let gradient = numbers(x.grad(&quantized.loss().backward()).unwrap());
    assert!(gradient.iter().all(|gradient| gradient.is_finite()));
}

#[test]
fn indices_and_codes_are_in_bijection() {
    let all = Tensor::<1, Int>::arange(0..256, &Device::flex()).unsqueeze_dim::<2>(1);
    let quantizer = quantizer(BinarySpace::Sphere, 8, 8);
    let codes = quantizer.decode(all.clone()).unwrap();
    assert_eq!(integers(quantizer.encode(codes.clone() * 3.0).unwrap()), integers(all));
    let squares = numbers(codes.square().sum_dim(1));
    assert_close(&squares, &[1.0; 256], 1e-6);
    let grouped = BinaryQuantizerConfig::spherical(36).init().unwrap();
    let x = Noise::from_seed(2).normal::<3>([4, 5, 36], &Device::flex());
    let quantized = grouped.quantize(x).unwrap();
    assert_eq!(quantized.indices.dims(), [4, 5, 3]);
    assert_eq!(numbers(grouped.decode(quantized.indices).unwrap()), numbers(quantized.values));
}

#[test]
fn the_gradient_on_the_sphere_is_that_of_the_normalisation() {
    let (x, cotangent) = (normal(1, [6, 4]), numbers(normal(2, [6, 4])));
    let gradient =
        |space| pulled_back(&x, &cotangent, |x| quantizer(space, 4, 4).quantize(x).unwrap().values);
    assert_eq!(gradient(BinarySpace::Cube), cotangent);
    let smooth = |x: Tensor<2>| -> f64 {
        let rows = numbers(x);
        let norms = rows.chunks(4).flat_map(|row| [row.iter().map(|x| x * x).sum::<f64>().sqrt(); 4]);
        rows.iter().zip(norms).zip(&cotangent).map(|((x, norm), cotangent)| x / norm * cotangent).sum()
    };
    assert_close(&gradient(BinarySpace::Sphere), &differences(&x, smooth), 1e-7);
    let zero = pulled_back(&(x.clone() * 0.0), &cotangent, |x| {
        quantizer(BinarySpace::Sphere, 4, 4).quantize(x).unwrap().values
    });
    assert!(zero.iter().all(|gradient| gradient.is_finite()));
}
