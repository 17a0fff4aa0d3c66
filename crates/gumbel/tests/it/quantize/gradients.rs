//! Gradients against closed forms and finite differences.

use super::*;
use gumbel::quantize::{CodeGradient, CodebookLearning, VectorQuantizer, VectorQuantizerConfig};

fn quantizer(gradient: CodeGradient, learning: CodebookLearning) -> VectorQuantizer {
    let config = VectorQuantizerConfig { gradient, learning, ..VectorQuantizerConfig::new(5, 3) };
    config.init_with(normal(1, [5, 3])).expect("valid")
}

fn row(x: &[f64], i: usize) -> &[f64] {
    &x[3 * i..3 * i + 3]
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[test]
fn values_are_the_codes_bit_for_bit() {
    let x = normal(2, [20, 3]).require_grad();
    for gradient in [CodeGradient::StraightThrough, CodeGradient::Rotation] {
        for learning in [CodebookLearning::MovingAverage, CodebookLearning::Gradient, CodebookLearning::Fixed]
        {
            let quantizer = quantizer(gradient, learning);
            let quantized = quantizer.quantize(x.clone()).expect("finite");
            let decoded = quantizer.decode(quantized.indices.clone()).expect("in range");
            assert_eq!(numbers(quantized.values), numbers(decoded));
            assert_eq!(integers(quantized.indices), integers(quantizer.encode(x.clone()).unwrap()));
        }
    }
}

#[test]
fn the_straight_through_gradient_is_the_cotangent() {
    let (x, cotangent) = (normal(2, [20, 3]), numbers(normal(3, [20, 3])));
    let quantizer = quantizer(CodeGradient::StraightThrough, CodebookLearning::MovingAverage);
    assert_eq!(pulled_back(&x, &cotangent, |x| quantizer.quantize(x).unwrap().values), cotangent);
}

/// The rotation in the plane of x and q, by its definition: what is orthogonal to the plane stays, and within the plane
/// the direction of x becomes that of q. The gradient turns back.
#[test]
fn the_rotation_gradient_is_turned_back_and_scaled() {
    let (x, cotangent) = (normal(2, [20, 3]), numbers(normal(3, [20, 3])));
    let quantizer = quantizer(CodeGradient::Rotation, CodebookLearning::MovingAverage);
    let gradient = pulled_back(&x, &cotangent, |x| quantizer.quantize(x).unwrap().values);
    let codes = numbers(quantizer.quantize(x.clone()).unwrap().values);
    let x = numbers(x);
    for i in 0..20 {
        let (x, q, g) = (row(&x, i), row(&codes, i), row(&cotangent, i));
        let (length, to) = (dot(x, x).sqrt(), dot(q, q).sqrt());
        let e: Vec<f64> = x.iter().map(|x| x / length).collect();
        let t: Vec<f64> = q.iter().map(|q| q / to).collect();
        let (cos, sin) = (dot(&e, &t), (1.0 - dot(&e, &t).powi(2)).sqrt());
        let n: Vec<f64> = t.iter().zip(&e).map(|(t, e)| (t - cos * e) / sin).collect();
        // R e = cos e + sin n, R n = −sin e + cos n; the gradient is λ Rᵀ g.
        let (ge, gn) = (dot(g, &e), dot(g, &n));
        let along = |e_part: f64, n_part: f64, k: usize| e_part * e[k] + n_part * n[k];
        let expected: Vec<f64> = (0..3)
            .map(|k| {
                let stays = g[k] - along(ge, gn, k);
                to / length * (stays + along(cos * ge + sin * gn, cos * gn - sin * ge, k))
            })
            .collect();
        assert_close(row(&gradient, i), &expected, 1e-9);
    }
}

#[test]
fn rotations_without_a_plane_have_finite_gradients() {
    let codes = double(vec![0.0, 0.0, -3.0, 0.0, 1e-30, 0.0], [3, 2]);
    let along = |x: Vec<f64>, code: usize, cotangent: [f64; 2]| {
        let code = codes.clone().narrow(0, code, 1);
        pulled_back(&double(x, [1, 2]), &cotangent, |x| CodeGradient::Rotation.attach(x, code.clone()))
    };
    assert_eq!(along(vec![0.0, 0.0], 1, [1.0, 2.0]), [1.0, 2.0]); // no direction: straight-through
    assert_eq!(along(vec![1.0, 1.0], 0, [1.0, 2.0]), [0.0, 0.0]); // scaled by 0
    assert_eq!(along(vec![2.0, 0.0], 1, [1.0, 2.0]), [-1.5, 3.0]); // opposite: a reflection, scaled by 3/2
    let tiny = along(vec![0.0, 1e-300], 2, [1.0, 2.0]);
    assert!(tiny.iter().all(|gradient| gradient.is_finite() && gradient.abs() > 1e269), "{tiny:?}");
}

/// Both losses are differentiable functions where the choice does not change.
#[test]
fn losses_have_the_gradients_of_their_formulas() {
    let quantizer = quantizer(CodeGradient::StraightThrough, CodebookLearning::Gradient);
    let x = normal(2, [20, 3]);
    let term = |x: Tensor<2>, name: &str| quantizer.quantize(x).unwrap().term(name).expect("a term");
    let leaf = x.clone().require_grad();
    let gradients = term(leaf.clone(), "commitment").backward();
    let expected = differences(&x, |x| numbers(term(x, "commitment"))[0]);
    assert_close(&numbers(leaf.grad(&gradients).unwrap()), &expected, 1e-8);
    assert!(
        quantizer.codes().grad(&gradients).is_none_or(|gradient| numbers(gradient).iter().all(|&g| g == 0.0))
    );

    let gradients = term(leaf.clone(), "codebook").backward();
    let config = quantizer.config().clone();
    let with = |codes: Tensor<2>| config.init_with(codes).unwrap().quantize(x.clone()).unwrap();
    let expected =
        differences(&quantizer.codes().detach(), |codes| numbers(with(codes).term("codebook").unwrap())[0]);
    assert_close(&numbers(quantizer.codes().grad(&gradients).unwrap()), &expected, 1e-8);
    assert!(leaf.grad(&gradients).is_none_or(|gradient| numbers(gradient).iter().all(|&g| g == 0.0)));
}

#[test]
fn the_loss_is_the_weighted_sum_of_its_terms() {
    let quantizer = quantizer(CodeGradient::StraightThrough, CodebookLearning::Gradient);
    let quantized = quantizer.quantize(normal(2, [4, 5, 3])).unwrap();
    let [commitment, codebook] =
        ["commitment", "codebook"].map(|name| numbers(quantized.term(name).unwrap())[0]);
    assert_eq!(commitment, codebook); // equal values, unlike gradients
    assert_close(&numbers(quantized.loss()), &[1.25 * commitment], 1e-12);
    assert_eq!((quantized.values.dims(), quantized.indices.dims()), ([4, 5, 3], [4, 5, 1]));
    let other = VectorQuantizerConfig::new(5, 3).init_with(normal(1, [5, 3])).unwrap();
    assert!(other.quantize(normal(2, [4, 3])).unwrap().term("codebook").is_none());
}

#[test]
fn half_precision_is_computed_in_single() {
    use burn::tensor::DType;
    let device = Device::flex().autodiff();
    let codes = Tensor::<2>::from_floats([[0.0, 0.0], [1.0, 1.0]], &device);
    let quantizer = VectorQuantizerConfig::new(2, 2).init_with(codes).unwrap();
    let x = Tensor::<2>::from_floats([[0.2, 0.1], [0.9, 0.8]], &device).cast(DType::BF16).require_grad();
    let quantized = quantizer.quantize(x.clone()).unwrap();
    assert_eq!(quantized.values.dtype(), DType::BF16);
    assert_eq!(integers(quantized.indices.clone()), [0, 1]);
    let gradients = (quantized.values.sum().cast(DType::F32) + quantized.loss()).backward();
    assert_eq!(x.grad(&gradients).unwrap().dtype(), DType::BF16);
}
