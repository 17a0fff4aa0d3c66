//! Finite scalar quantisation: the grid, its indices, its gradient.

use super::*;
use gumbel::quantize::FiniteScalarQuantizer;

const LEVELS: [usize; 3] = [8, 5, 3];

fn quantizer() -> FiniteScalarQuantizer {
    FiniteScalarQuantizer::new(&LEVELS).expect("valid")
}

#[test]
fn indices_and_codes_are_in_bijection() {
    let quantizer = quantizer();
    let all = Tensor::<1, Int>::arange(0..120, &Device::flex()).unsqueeze_dim::<2>(1);
    let codes = numbers(quantizer.decode(all).expect("in range"));
    let mut distinct = std::collections::HashSet::new();
    for (index, code) in codes.chunks(3).enumerate() {
        assert!(distinct.insert(code.iter().map(|c| c.to_bits()).collect::<Vec<_>>()));
        // An input whose bounded value is in the middle of the level.
        let inputs = code.iter().zip(LEVELS).map(|(code, levels)| {
            let half = (levels - 1) as f64 * 1.001 / 2.0;
            let offset = if levels.is_multiple_of(2) { 0.5 } else { 0.0 };
            let level = code * (levels / 2) as f64;
            ((level + offset) / half).atanh() - (offset / half).atanh()
        });
        let x = double(inputs.collect(), [1, 3]);
        let quantized = quantizer.quantize(x.clone()).unwrap();
        assert_eq!(integers(quantized.indices), [index as i64]);
        assert_eq!(integers(quantizer.encode(x).unwrap()), [index as i64]);
        assert_close(&numbers(quantized.values), code, 1e-7);
    }
    assert_eq!(distinct.len(), 120);
}

#[test]
fn every_level_is_reached_and_none_beyond() {
    let spread =
        double((0..3000).map(|i| (i as f64 - 1500.0) / 100.0).flat_map(|x| [x; 3]).collect(), [3000, 3]);
    let values = numbers(quantizer().quantize(spread).unwrap().values);
    for (coordinate, levels) in LEVELS.into_iter().enumerate() {
        let mut seen: Vec<i64> = values
            .iter()
            .skip(coordinate)
            .step_by(3)
            .map(|value| (value * (levels / 2) as f64).round() as i64)
            .collect();
        assert!(seen.windows(2).all(|pair| pair[0] <= pair[1]), "it is monotone");
        seen.dedup();
        let lowest = -(levels as i64 / 2);
        assert_eq!(seen, (lowest..lowest + levels as i64).collect::<Vec<_>>());
    }
}

#[test]
fn the_gradient_is_that_without_rounding() {
    let (x, cotangent) = (normal(1, [10, 3]), numbers(normal(2, [10, 3])));
    let gradient = pulled_back(&x, &cotangent, |x| quantizer().quantize(x).unwrap().values);
    let smooth = |x: Tensor<2>| -> f64 {
        let terms = numbers(x).into_iter().zip(&cotangent).enumerate().map(|(i, (x, cotangent))| {
            let levels = LEVELS[i % 3];
            let half = (levels - 1) as f64 * 1.001 / 2.0;
            let offset = if levels.is_multiple_of(2) { 0.5 } else { 0.0 };
            ((x + (offset / half).atanh()).tanh() * half - offset) / (levels / 2) as f64 * cotangent
        });
        terms.sum()
    };
    assert_close(&gradient, &differences(&x, smooth), 1e-7);
}

#[test]
fn zero_is_a_code_and_outer_axes_stay() {
    let quantized = quantizer().quantize(Tensor::<4>::zeros([2, 3, 4, 3], &Device::flex())).unwrap();
    assert_eq!(quantized.values.dims(), [2, 3, 4, 3]);
    assert_eq!(quantized.indices.dims(), [2, 3, 4, 1]);
    assert!(numbers(quantized.values.clone()).iter().all(|&value| value == 0.0));
    assert_eq!(numbers(quantized.loss()), [0.0]);
    assert!(quantized.terms.is_empty());
}
