//! Parts, stages, maps and samples.

use super::*;
use gumbel::quantize::{
    CodeGradient, GumbelQuantizerConfig, KMeans, ProductQuantizer, ResidualQuantizer, SimVqConfig,
    VectorQuantizer, VectorQuantizerConfig,
};
use gumbel::straight_through_gumbel_softmax;

fn book(seed: u64, codes: usize, width: usize, gradient: CodeGradient) -> VectorQuantizer {
    let config = VectorQuantizerConfig { gradient, ..VectorQuantizerConfig::new(codes, width) };
    config.init_with(normal(seed, [codes, width])).expect("valid")
}

fn residual(gradient: CodeGradient) -> ResidualQuantizer {
    let stages = [(1, 1.0), (2, 0.4), (3, 0.2)].map(|(seed, scale)| {
        let config = VectorQuantizerConfig { gradient, ..VectorQuantizerConfig::new(6, 3) };
        config.init_with(normal(seed, [6, 3]) * scale).expect("valid")
    });
    ResidualQuantizer::new(stages.into()).expect("one width")
}

#[test]
fn a_product_is_its_parts_beside_each_other() {
    let parts = || vec![book(1, 4, 2, CodeGradient::Rotation), book(2, 7, 3, CodeGradient::StraightThrough)];
    let (mut product, mut parts) = (ProductQuantizer::new(parts()).unwrap(), parts());
    let (x, cotangent) = (normal(3, [10, 5]), numbers(normal(4, [10, 5])));
    let quantized = product.quantize(x.clone()).unwrap();
    let alone =
        [(0, 2), (1, 3)].map(|(i, width)| parts[i].quantize(x.clone().narrow(1, 2 * i, width)).unwrap());
    let values = Tensor::cat(alone.iter().map(|part| part.values.clone()).collect(), 1);
    assert_eq!(numbers(quantized.values.clone()), numbers(values));
    let indices = Tensor::cat(alone.iter().map(|part| part.indices.clone()).collect(), 1);
    assert_eq!(integers(quantized.indices.clone()), integers(indices));
    let losses: f64 = alone.iter().map(|part| numbers(part.loss())[0]).sum();
    assert_close(&numbers(quantized.loss()), &[losses / 2.0], 1e-12);
    assert_eq!(integers(product.encode(x.clone()).unwrap()), integers(quantized.indices.clone()));
    assert_eq!(
        numbers(product.decode(quantized.indices.clone()).unwrap()),
        numbers(quantized.values.clone())
    );
    let gradient = pulled_back(&x, &cotangent, |x| product.quantize(x).unwrap().values);
    let straight: Vec<f64> = gradient.chunks(5).flat_map(|row| row[2..].to_vec()).collect();
    let expected: Vec<f64> = cotangent.chunks(5).flat_map(|row| row[2..].to_vec()).collect();
    assert_eq!(straight, expected);
    let before = product.clone();
    product.adapt(&quantized.assignments, &mut Noise::from_seed(1)).unwrap();
    for (part, alone) in parts.iter_mut().zip(&alone) {
        part.adapt(&alone.assignments, &mut Noise::from_seed(1)).unwrap();
    }
    for (own, alone) in product.parts().iter().zip(&parts) {
        assert_eq!(numbers(own.codes()), numbers(alone.codes()));
    }
    let mut started = before;
    started.initialize(x.clone(), KMeans::default(), &mut Noise::from_seed(1)).unwrap();
    let again = started.quantize(x).unwrap();
    assert!(numbers(again.term("commitment").unwrap()) < numbers(quantized.term("commitment").unwrap()));
}

#[test]
fn stages_quantise_what_is_left_over_and_prefixes_decode() {
    let quantizer = residual(CodeGradient::StraightThrough);
    let x = normal(9, [40, 3]);
    let quantized = quantizer.quantize(x.clone()).unwrap();
    assert_eq!(quantized.indices.dims(), [40, 3]);
    assert_eq!(integers(quantizer.encode(x.clone()).unwrap()), integers(quantized.indices.clone()));
    assert_eq!(numbers(quantizer.decode(quantized.indices.clone()).unwrap()), numbers(quantized.values));
    let (mut rest, mut loss) = (x.clone(), 0.0);
    for (g, stage) in quantizer.stages().iter().enumerate() {
        let alone = stage.quantize(rest.clone()).unwrap();
        assert_eq!(integers(alone.indices.clone()), integers(quantized.indices.clone().narrow(1, g, 1)));
        loss += numbers(alone.loss())[0];
        rest = rest - alone.values;
        let prefix = quantizer.decode(quantized.indices.clone().narrow(1, 0, g + 1)).unwrap();
        assert_close(&numbers(prefix), &numbers(x.clone() - rest.clone()), 1e-12);
        let short = quantizer.quantize_stages(x.clone(), g + 1).unwrap();
        assert_close(&numbers(short.values.clone()), &numbers(x.clone() - rest.clone()), 1e-12);
        assert_close(&numbers(short.loss()), &[loss], 1e-12);
    }
    assert!(quantizer.quantize_stages(x.clone(), 0).is_err() && quantizer.quantize_stages(x, 4).is_err());
}

/// Of the sum, not once per stage.
#[test]
fn the_gradient_of_stages_is_attached_once() {
    let (x, cotangent) = (normal(9, [40, 3]), numbers(normal(8, [40, 3])));
    let straight = residual(CodeGradient::StraightThrough);
    assert_eq!(pulled_back(&x, &cotangent, |x| straight.quantize(x).unwrap().values), cotangent);
    let rotated = residual(CodeGradient::Rotation);
    let codes = rotated.quantize(x.clone()).unwrap().values;
    let expected = pulled_back(&x, &cotangent, |x| CodeGradient::Rotation.attach(x, codes.clone()));
    assert_close(&pulled_back(&x, &cotangent, |x| rotated.quantize(x).unwrap().values), &expected, 1e-12);
}

#[test]
fn stages_start_from_residuals_and_learn_from_them() {
    let device = Device::flex();
    let x = Noise::from_seed(1).normal::<2>([400, 3], &device);
    let stage = || VectorQuantizerConfig::new(8, 3).init(&device, &mut Noise::from_seed(1)).unwrap();
    let mut quantizer = ResidualQuantizer::new(vec![stage(), stage(), stage()]).unwrap();
    quantizer.initialize(x.clone(), KMeans::default(), &mut Noise::from_seed(2)).unwrap();
    let error = |quantizer: &ResidualQuantizer, stages| {
        let values = quantizer.quantize_stages(x.clone(), stages).unwrap().values;
        f64::from((values - x.clone()).square().mean().into_scalar::<f32>())
    };
    let errors = [1, 2, 3].map(|stages| error(&quantizer, stages));
    assert!(errors[1] < 0.6 * errors[0] && errors[2] < 0.6 * errors[1], "{errors:?}");
    for step in 0..100 {
        let quantized = quantizer.quantize(x.clone()).unwrap();
        quantizer.adapt(&quantized.assignments, &mut Noise::from_seed(step)).unwrap();
    }
    assert!(error(&quantizer, 3) < errors[2], "{} after {errors:?}", error(&quantizer, 3));
    // A prefix is adapted alone.
    let last = numbers(quantizer.stages()[2].codes());
    let short = quantizer.quantize_stages(x.clone(), 1).unwrap();
    quantizer.adapt(&short.assignments, &mut Noise::from_seed(0)).unwrap();
    assert_eq!(numbers(quantizer.stages()[2].codes()), last);
}

#[test]
fn the_map_of_sim_vq_has_the_gradient_of_its_codebook_loss() {
    let config = SimVqConfig::new(6, 3);
    let (fixed, map, x) = (normal(1, [6, 4]), normal(2, [4, 3]), normal(3, [15, 3]));
    let quantizer = config.init_with(fixed.clone(), map.clone()).unwrap();
    let codes = numbers(fixed.clone().matmul(map.clone()));
    assert_close(&numbers(quantizer.codes()), &codes, 1e-12);
    let quantized = quantizer.quantize(x.clone().require_grad()).unwrap();
    assert_eq!(
        numbers(quantizer.decode(quantized.indices.clone()).unwrap()),
        numbers(quantized.values.clone())
    );
    let loss =
        |map: Tensor<2>| config.init_with(fixed.clone(), map).unwrap().quantize(x.clone()).unwrap().loss();
    let expected = differences(&map, |map| numbers(loss(map))[0] / 1.25);
    let mut gradients = burn::optim::GradientsParams::from_grads(quantized.loss().backward(), &quantizer);
    assert_eq!(gradients.len(), 1); // the map alone
    let id = burn::module::list_param_ids(&quantizer)[1];
    assert_close(&numbers(gradients.remove::<2>(id).expect("the map's")), &expected, 1e-7);
}

#[test]
fn gumbel_codes_are_those_of_the_sample_and_its_gradient() {
    let config =
        GumbelQuantizerConfig { tau: "linear:1:0.5:10".parse().unwrap(), ..GumbelQuantizerConfig::new(4, 3) };
    let quantizer = config.init_with(normal(1, [4, 3])).unwrap();
    let (logits, cotangent) = (normal(2, [12, 4]), numbers(normal(3, [12, 3])));
    let noise = || Noise::from_seed(5);
    let quantized = quantizer.quantize(logits.clone(), 5, &mut noise()).unwrap();
    let hard = straight_through_gumbel_softmax(logits.clone(), 0.75, &mut noise()).unwrap();
    assert_eq!(integers(quantized.indices.clone()), integers(hard.clone().argmax(1)));
    assert_eq!(numbers(quantizer.decode(quantized.indices.clone()).unwrap()), numbers(quantized.values));
    let soft = |logits: Tensor<2>| quantizer.quantize_soft(logits, 5, &mut noise()).unwrap().values;
    let expected = differences(&logits, |logits| {
        numbers(soft(logits)).iter().zip(&cotangent).map(|(value, cotangent)| value * cotangent).sum()
    });
    let hard = |logits: Tensor<2>| quantizer.quantize(logits, 5, &mut noise()).unwrap().values;
    assert_close(&pulled_back(&logits, &cotangent, soft), &expected, 1e-6);
    assert_close(&pulled_back(&logits, &cotangent, hard), &expected, 1e-6);
    let best = integers(logits.clone().argmax(1));
    assert_eq!(integers(quantizer.encode(logits).unwrap()), best);
}

#[test]
fn gumbel_losses_are_entropies() {
    let quantizer = GumbelQuantizerConfig::new(3, 1).init_with(normal(1, [3, 1])).unwrap();
    let logits = double([[1.0, 2.0, 1.0], [3.0, f64::NEG_INFINITY, 1.0]].concat(), [2, 3]);
    let logits = logits.clone().mask_fill(logits.clone().equal_elem(f32::NEG_INFINITY), f32::NEG_INFINITY);
    let rows = [[1.0, 2.0, 1.0], [3.0, f64::NEG_INFINITY, 1.0]].map(|row| {
        let total: f64 = row.iter().map(|x| x.exp()).sum();
        row.map(|x| x.exp() / total)
    });
    let entropy = |row: [f64; 3]| row.iter().map(|&p| if p > 0.0 { -p * p.ln() } else { 0.0 }).sum::<f64>();
    let used: [f64; 3] = std::array::from_fn(|k| 0.5 * (rows[0][k] + rows[1][k]));
    let quantized = quantizer.quantize(logits, 0, &mut Noise::from_seed(1)).unwrap();
    let open = 3f64.ln() - 0.5 * (entropy(rows[0]) + entropy(rows[1]));
    assert_close(&numbers(quantized.term("entropy").unwrap()), &[open], 1e-9);
    assert_close(&numbers(quantized.term("diversity").unwrap()), &[3f64.ln() - entropy(used)], 1e-9);
}

#[test]
fn distances_make_logits() {
    let quantizer = GumbelQuantizerConfig::new(2, 1).init_with(double(vec![0.0, 3.0], [2, 1])).unwrap();
    let logits = quantizer.distance_logits(double(vec![1.0], [1, 1]), 2.0).unwrap();
    assert_eq!(numbers(logits), [-0.5, -2.0]);
    assert!(quantizer.distance_logits(double(vec![1.0], [1, 1]), 0.0).is_err());
}
