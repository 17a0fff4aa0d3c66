//! What quantisers refuse, and what they say.

use super::*;
use gumbel::Error;
use gumbel::quantize::{
    CodeUsage, FiniteScalarQuantizer, KMeans, VectorQuantizer, VectorQuantizerConfig, k_means, nearest,
};

fn quantizer() -> VectorQuantizer {
    VectorQuantizerConfig::new(2, 2).init(&Device::flex(), &mut Noise::from_seed(1)).expect("valid")
}

#[track_caller]
fn says<T: std::fmt::Debug>(result: Result<T, Error>, expected: &str) {
    assert_eq!(result.expect_err(expected).to_string(), expected);
}

#[test]
fn options_out_of_range_are_named() {
    let config = VectorQuantizerConfig::new(4, 2);
    let init = |config: VectorQuantizerConfig| config.init(&Device::flex(), &mut Noise::from_seed(1));
    says(init(VectorQuantizerConfig::new(0, 2)), "vector quantiser: codes must be at least 1, got 0");
    says(init(VectorQuantizerConfig::new(4, 0)), "vector quantiser: width must be at least 1, got 0");
    says(
        init(VectorQuantizerConfig { decay: 1.0, ..config.clone() }),
        "vector quantiser: decay must be from 0 to below 1, got 1",
    );
    says(
        init(VectorQuantizerConfig { smoothing: 0.0, ..config.clone() }),
        "vector quantiser: smoothing must be positive and finite, got 0",
    );
    says(
        init(VectorQuantizerConfig { commitment: f64::NAN, ..config }),
        "vector quantiser: commitment must be finite and at least 0, got NaN",
    );
    says(
        FiniteScalarQuantizer::new(&[8, 2]),
        "finite scalar quantiser: levels must be at least 3, got 2; a BinaryQuantizer has two levels",
    );
    says(
        FiniteScalarQuantizer::new(&[]),
        "finite scalar quantiser: the number of coordinates must be at least 1, got 0",
    );
    assert!(FiniteScalarQuantizer::new(&[1 << 16; 2]).is_err());
    assert!(FiniteScalarQuantizer::new(&[usize::MAX; 9]).is_err());
}

#[test]
fn inputs_that_are_not_finite_are_named() {
    let x = Tensor::<2>::from_floats([[0.0, 1.0], [f32::NAN, 0.0]], &Device::flex());
    let expected = "the point at row 1, column 0 is NaN; expected a finite number";
    says(quantizer().quantize(x.clone()), expected);
    says(quantizer().encode(x.clone()), expected);
    says(k_means(x.clone(), 1, KMeans::default(), &mut Noise::from_seed(1)), expected);
    says(
        FiniteScalarQuantizer::new(&[3, 3]).unwrap().quantize(x.clone()),
        "finite scalar quantiser: the input must be finite, got NaN at index 2",
    );
    says(
        VectorQuantizerConfig::new(2, 2).init_with(x),
        "the point at row 1, column 0 is NaN; expected a finite number",
    );
}

#[test]
fn numbers_of_vectors_and_indices_out_of_range_are_named() {
    let none = Tensor::<2>::zeros([0, 2], &Device::flex());
    says(quantizer().quantize(none), "vector quantiser: the number of vectors must be at least 1, got 0");
    let index = |i: i64| Tensor::<2, Int>::from_ints([[0], [i]], &Device::flex());
    let expected =
        "vector quantiser: the index must be from 0 to the number of codes less 1, got 2 at index 1";
    says(quantizer().decode(index(2)), expected);
    assert!(quantizer().decode(index(-1)).is_err());
    let mut usage = CodeUsage::new(2);
    assert!(usage.add(index(2)).is_err());
    assert_eq!(usage, CodeUsage::new(2));
    let points = Tensor::<2>::zeros([3, 2], &Device::flex());
    let few = k_means(points.clone(), 4, KMeans::default(), &mut Noise::from_seed(1));
    says(few, "k-means: the number of centres must be from 1 to the number of points, 3, got 4");
    says(
        nearest(points, Tensor::zeros([0, 2], &Device::flex())),
        "a row must have from 1 to 4294967295 categories, got 0",
    );
}

#[test]
#[should_panic(expected = "vector quantiser: vectors of width 2 expected, got the shape [3, 4]")]
fn widths_must_match() {
    let _ = quantizer().quantize(Tensor::<2>::zeros([3, 4], &Device::flex()));
}
