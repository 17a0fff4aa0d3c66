//! Codebooks on the sphere: the nearest code is that of the largest cosine similarity.

use super::*;
use gumbel::quantize::{
    CodeGradient, CodeSpace, CodebookLearning, KMeans, ProductQuantizer, ResidualQuantizer, VectorQuantizer,
    VectorQuantizerConfig,
};

fn on_sphere(codes: usize, width: usize) -> VectorQuantizerConfig {
    VectorQuantizerConfig { space: CodeSpace::Sphere, ..VectorQuantizerConfig::new(codes, width) }
}

fn rows(flat: Vec<f64>, width: usize) -> Vec<Vec<f64>> {
    flat.chunks(width).map(<[f64]>::to_vec).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn table<const N: usize>(rows: [[f32; 2]; N]) -> Tensor<2> {
    Tensor::from_floats(rows, &Device::flex())
}

/// A quantiser of these codes after it has adapted to these inputs, with γ = 0.5.
fn adapted<const N: usize>(codes: [[f32; 2]; N], inputs: [[f32; 2]; N]) -> VectorQuantizer {
    let config = VectorQuantizerConfig { decay: 0.5, ..on_sphere(N, 2) };
    let mut quantizer = config.init_with(table(codes)).unwrap();
    let assignments = quantizer.quantize(table(inputs)).unwrap().assignments;
    quantizer.adapt(&assignments, &mut Noise::from_seed(1)).unwrap();
    quantizer
}

#[track_caller]
fn assert_on_sphere(quantizer: &VectorQuantizer) {
    let codes = rows(numbers(quantizer.codes()), quantizer.config().width);
    assert_close(
        &codes.iter().map(|code| dot(code, code)).collect::<Vec<_>>(),
        &vec![1.0; codes.len()],
        1e-6,
    );
}

#[test]
fn the_code_is_that_of_the_largest_cosine_similarity_whatever_the_norms() {
    let (x, book) = (normal::<2>(1, [200, 5]), normal::<2>(2, [16, 5]));
    let quantizer = on_sphere(16, 5).init_with(book.clone() * 3.0).unwrap();
    let codes = rows(numbers(book), 5);
    let cosine = |x: &[f64], code: &[f64]| dot(x, code) / dot(code, code).sqrt();
    let best = |x: &Vec<f64>| {
        let by_cosine = |a: &usize, b: &usize| cosine(x, &codes[*a]).total_cmp(&cosine(x, &codes[*b]));
        (0..16).max_by(by_cosine).expect("codes") as i64
    };
    let expected: Vec<i64> = rows(numbers(x.clone()), 5).iter().map(best).collect();
    for scale in [1.0, 1e-30, 1e30] {
        let quantized = quantizer.quantize(x.clone() * scale).unwrap();
        assert_eq!(integers(quantized.indices), expected);
        assert_eq!(integers(quantizer.encode(x.clone() * scale).unwrap()), expected);
    }
    assert_on_sphere(&quantizer);
}

/// The gradient is that of a Euclidean quantiser of `x / |x|` with the same codes.
#[test]
fn the_input_is_divided_by_its_norm_and_its_gradient_passes_through_that() {
    let (x, book) = (normal::<2>(3, [7, 3]), normal::<2>(4, [4, 3]));
    let unit = |x: Tensor<2>| x.clone() / x.square().sum_dim(1).sqrt();
    let cotangent = numbers(normal::<1>(5, [21]));
    for gradient in [CodeGradient::StraightThrough, CodeGradient::Rotation] {
        for learning in [CodebookLearning::MovingAverage, CodebookLearning::Gradient] {
            let config = VectorQuantizerConfig { gradient, learning, ..on_sphere(4, 3) };
            let sphere = config.init_with(book.clone()).unwrap();
            let flat = VectorQuantizerConfig { space: CodeSpace::Euclidean, ..config };
            let flat = flat.init_with(unit(book.clone())).unwrap();
            let values = |q: &VectorQuantizer, x| q.quantize(x).unwrap().values;
            let [loss, flat_loss] = [sphere.quantize(x.clone()), flat.quantize(unit(x.clone()))];
            assert_close(&numbers(loss.unwrap().loss()), &numbers(flat_loss.unwrap().loss()), 1e-12);
            assert_close(
                &pulled_back(&x, &cotangent, |x| values(&sphere, x)),
                &pulled_back(&x, &cotangent, |x| values(&flat, unit(x))),
                1e-12,
            );
        }
    }
}

/// The code (1, 0) and the input (6, 8) / 10 have the average (0.8, 0.4).
#[test]
fn a_moving_average_is_brought_back_to_the_sphere() {
    let quantizer = adapted([[2.0, 0.0], [0.0, -3.0]], [[6.0, 8.0], [-1.0, -1.5]]);
    let norm = f64::hypot(0.8, 0.4);
    assert_close(&numbers(quantizer.codes())[..2], &[0.8 / norm, 0.4 / norm], 1e-6);
    assert_on_sphere(&quantizer);
}

#[test]
fn a_code_that_its_inputs_cancel_stays() {
    assert_eq!(numbers(adapted([[0.0, 1.0]], [[0.0, -7.0]]).codes()), [0.0, 1.0]);
}

#[test]
fn codes_stay_on_the_sphere_however_they_are_made() {
    let mut noise = Noise::from_seed(6);
    let x = normal::<2>(7, [100, 4]).cast(burn::tensor::DType::F32) * 9.0;
    for learning in [CodebookLearning::MovingAverage, CodebookLearning::Gradient, CodebookLearning::Fixed] {
        let config = VectorQuantizerConfig { learning, revive_below: 1.0, decay: 0.5, ..on_sphere(8, 4) };
        let mut quantizer = config.init(&x.device(), &mut noise).unwrap();
        assert_on_sphere(&quantizer);
        quantizer.initialize(x.clone(), KMeans::default(), &mut noise).unwrap();
        assert_on_sphere(&quantizer);
        for _ in 0..3 {
            let quantized = quantizer.quantize(x.clone()).unwrap();
            quantizer = stepped(quantizer, quantized.loss());
            quantizer.adapt(&quantized.assignments, &mut noise).unwrap();
            assert_on_sphere(&quantizer);
        }
    }
}

/// After a step of an optimiser, if there is anything to train.
fn stepped(quantizer: VectorQuantizer, loss: Tensor<1>) -> VectorQuantizer {
    use burn::optim::{GradientsParams, SgdConfig};
    if quantizer.config().learning != CodebookLearning::Gradient {
        return quantizer;
    }
    let before = numbers(quantizer.codes());
    let gradients = GradientsParams::from_grads(loss.backward(), &quantizer);
    let after = SgdConfig::new().init().step(3.0, quantizer, gradients);
    assert_ne!(numbers(after.codes()), before);
    after
}

#[test]
fn parts_of_a_product_are_placed_each_by_itself() {
    let books = [normal::<2>(8, [6, 2]), normal::<2>(9, [6, 2])];
    let parts = books.map(|book| on_sphere(6, 2).init_with(book).unwrap());
    let x = normal::<2>(10, [50, 4]);
    let product = ProductQuantizer::new(parts.to_vec()).unwrap();
    let quantized = product.quantize(x.clone()).unwrap();
    assert_eq!(integers(quantized.indices.clone()), integers(product.encode(x.clone()).unwrap()));
    for (i, part) in parts.iter().enumerate() {
        let alone = part.quantize(x.clone().narrow(1, 2 * i, 2)).unwrap();
        assert_eq!(integers(quantized.indices.clone().narrow(1, i, 1)), integers(alone.indices));
        assert_eq!(numbers(quantized.values.clone().narrow(1, 2 * i, 2)), numbers(alone.values));
    }
}

#[test]
fn what_has_no_direction_or_no_place_is_refused_or_stays() {
    let error = |result: Result<VectorQuantizer, gumbel::Error>| result.unwrap_err().to_string();
    assert_eq!(
        error(on_sphere(2, 2).init_with(table([[1.0, 0.0], [0.0, 0.0]]))),
        "vector quantiser: the code must be a nonzero vector, got 0 at index 1"
    );
    let quantizer = on_sphere(2, 2).init_with(table([[1.0, 0.0], [0.0, 1.0]])).unwrap();
    let refused = quantizer.quantize(table([[0.0, 1.0], [1.0, f32::INFINITY]])).unwrap_err();
    assert_eq!(refused.to_string(), "the point at row 1, column 1 is inf; expected a finite number");
    assert_eq!(integers(quantizer.encode(table([[0.0, 0.0], [0.0, 0.1]])).unwrap()), [0, 1]);
    let refused = ResidualQuantizer::new(vec![quantizer]).unwrap_err();
    assert_eq!(refused.to_string(), "residual quantiser: the space of a stage must be euclidean, got sphere");
}

#[test]
fn options_that_were_written_without_a_space_are_euclidean() {
    let mut written = serde_json::to_value(VectorQuantizerConfig::new(4, 2)).unwrap();
    assert_eq!(written.as_object_mut().unwrap().remove("space").unwrap(), "euclidean");
    let read: VectorQuantizerConfig = serde_json::from_value(written).unwrap();
    assert_eq!(read, VectorQuantizerConfig::new(4, 2));
}
