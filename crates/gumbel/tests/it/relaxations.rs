//! What the samplers promise, on the Flex backend.

use burn::tensor::{DType, Device, Tensor};
use gumbel::{Error, Noise, gumbel_max, gumbel_softmax, log_gumbel_softmax, straight_through_gumbel_softmax};

const MASK: f32 = f32::NEG_INFINITY;

fn tracked(logits: Tensor<2>) -> Tensor<2> {
    logits.autodiff().require_grad()
}

fn logits() -> Tensor<2> {
    Tensor::from_floats(
        [[0.5, -1.0, 2.0, MASK], [80.0, -80.0, 0.0, 1.0], [3.0, MASK, MASK, MASK]],
        &Device::flex(),
    )
}

fn values(tensor: Tensor<2>) -> Vec<f32> {
    tensor.cast(DType::F32).into_data().try_to_vec().expect("f32")
}

/// The gradient of a random linear function of `sample(logits)`.
fn gradient(sample: impl Fn(Tensor<2>) -> Result<Tensor<2>, Error>) -> Vec<f32> {
    let logits = tracked(logits());
    let weights = Noise::from_seed(99).logistic::<2>([3, 4], &Device::flex());
    let sample = sample(logits.clone()).expect("valid logits");
    values(logits.grad(&(sample * weights).sum().backward()).expect("a gradient"))
}

#[test]
fn straight_through_is_bitwise_one_hot_forward_and_soft_backward() {
    for tau in [0.05, 1.0, 20.0] {
        for seed in 0..50 {
            let noise = Noise::from_seed(seed);
            let hard = values(
                straight_through_gumbel_softmax(tracked(logits()), tau, &mut noise.clone()).unwrap().inner(),
            );
            let index = gumbel_max(logits(), &mut noise.clone()).unwrap();
            let expected = values(index.squeeze_dim::<1>(1).one_hot::<2>(4).float());
            assert_eq!(hard, expected, "tau {tau}, seed {seed}");
        }
        let noise = Noise::from_seed(3);
        let straight = gradient(|l| straight_through_gumbel_softmax(l, tau, &mut noise.clone()));
        let soft = gradient(|l| gumbel_softmax(l, tau, &mut noise.clone()));
        assert_eq!(straight, soft, "tau {tau}");
    }
}

#[test]
fn masked_categories_have_no_mass_and_no_gradient() {
    let soft = values(gumbel_softmax(logits(), 5.0, &mut Noise::from_seed(1)).unwrap());
    let gradient = gradient(|l| gumbel_softmax(l, 5.0, &mut Noise::from_seed(1)));
    for (index, logit) in values(logits()).into_iter().enumerate() {
        if logit == MASK {
            assert_eq!((soft[index], gradient[index]), (0.0, 0.0), "element {index}");
        }
    }
    assert_eq!(gradient[8], 0.0); // the only category left has nowhere to go
}

#[test]
fn every_temperature_gives_finite_samples_and_gradients() {
    for tau in [1e-30, 1e-3, 1.0, 1e3, 1e30] {
        let soft = values(gumbel_softmax(logits(), tau, &mut Noise::from_seed(1)).unwrap());
        assert!(soft.iter().all(|y| (0.0..=1.0).contains(y)), "tau {tau}: {soft:?}");
        for row in soft.chunks(4) {
            assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5, "tau {tau}: {row:?}");
        }
        let gradient = gradient(|l| gumbel_softmax(l, tau, &mut Noise::from_seed(1)));
        assert!(gradient.iter().all(|g| g.is_finite()), "tau {tau}: {gradient:?}");
    }
}

#[test]
fn the_gradient_is_that_of_finite_differences_with_common_noise() {
    let device = Device::flex();
    let start = Tensor::<2>::from_floats([[0.3, -0.7, 1.1], [0.0, 0.5, -0.2]], &device).cast(DType::F64);
    let weights = Noise::from_seed(9).logistic::<2>([2, 3], &device).cast(DType::F64);
    for log in [false, true] {
        let objective = |logits: Tensor<2>| {
            let sampler = if log { log_gumbel_softmax } else { gumbel_softmax };
            (sampler(logits, 0.7, &mut Noise::from_seed(4)).unwrap() * weights.clone()).sum()
        };
        let leaf = start.clone().autodiff().require_grad();
        let analytic = leaf.grad(&objective(leaf.clone()).backward()).unwrap().into_data();
        let analytic = analytic.try_to_vec::<f64>().unwrap();
        for (index, slope) in analytic.iter().enumerate() {
            let mut step = [0.0; 6];
            step[index] = 1e-6;
            let step = Tensor::<1>::from_data(step, (&device, DType::F64)).reshape([2, 3]);
            let up = objective(start.clone() + step.clone()).into_scalar::<f64>();
            let down = objective(start.clone() - step).into_scalar::<f64>();
            let difference = (up - down) / 2e-6;
            assert!((difference - slope).abs() < 1e-7, "log {log}, {index}: {difference} against {slope}");
        }
    }
}

#[test]
fn half_precision_draws_its_noise_in_single() {
    for dtype in [DType::BF16, DType::F16] {
        let half = logits().cast(dtype);
        let hard = straight_through_gumbel_softmax(half.clone(), 1.0, &mut Noise::from_seed(2)).unwrap();
        assert_eq!(hard.dtype(), dtype);
        let single =
            straight_through_gumbel_softmax(half.clone().cast(DType::F32), 1.0, &mut Noise::from_seed(2))
                .unwrap();
        assert_eq!(values(hard), values(single));
        let soft = gumbel_softmax(half.clone(), 0.5, &mut Noise::from_seed(2)).unwrap();
        let single = gumbel_softmax(half.cast(DType::F32), 0.5, &mut Noise::from_seed(2)).unwrap();
        assert_eq!(values(soft), values(single.cast(dtype)));
    }
}

#[test]
fn a_mistake_is_an_error_that_names_it() {
    let message = |logits: [f32; 3], tau: f64| {
        let logits = Tensor::<1>::from_floats(logits, &Device::flex());
        gumbel_softmax(logits, tau, &mut Noise::from_seed(0)).unwrap_err().to_string()
    };
    for tau in [0.0, -0.5, f64::NAN, f64::INFINITY] {
        let message = message([0.0; 3], tau);
        assert_eq!(message, format!("temperature must be positive and finite, got {tau}"));
    }
    assert!(message([0.0, f32::NAN, 0.0], 1.0).contains("row 0, column 1 is NaN"));
    assert!(message([MASK; 3], 1.0).contains("row 0"));
}

#[test]
fn equal_noise_gives_equal_bits_and_used_noise_differs() {
    let mut noise = Noise::from_seed(8);
    let first = values(gumbel_softmax(logits(), 1.0, &mut noise.clone()).unwrap());
    assert_eq!(first, values(gumbel_softmax(logits(), 1.0, &mut noise).unwrap()));
    assert_ne!(first, values(gumbel_softmax(logits(), 1.0, &mut noise).unwrap()));
}

#[test]
fn a_batch_split_in_two_draws_the_same_samples() {
    let mut noise = Noise::from_seed(8);
    let whole = values(gumbel_softmax(logits(), 1.0, &mut noise.clone()).unwrap());
    let mut parts = values(gumbel_softmax(logits().slice([0..1, 0..4]), 1.0, &mut noise).unwrap());
    parts.extend(values(gumbel_softmax(logits().slice([1..3, 0..4]), 1.0, &mut noise).unwrap()));
    assert_eq!(whole, parts);
}

#[test]
fn the_closed_form_kls_agree_with_their_samples() {
    let q = Tensor::<2>::from_floats([[1.0, 0.0, -1.0, MASK]], &Device::flex()).repeat_dim(0, 100_000);
    let p = Tensor::<2>::from_floats([[0.0, 0.5, 0.0, 0.2]], &Device::flex());
    let exact =
        gumbel::kl::categorical(q.clone(), p.clone()).unwrap().slice([0..1, 0..1]).into_scalar::<f32>();
    let z = gumbel::sample_one_hot(q.clone(), &mut Noise::from_seed(6)).unwrap();
    let ratios = values(gumbel::kl::mass_at_sample(q, p, z).unwrap());
    let mean = ratios.iter().sum::<f32>() / ratios.len() as f32;
    let variance = ratios.iter().map(|r| (r - mean).powi(2)).sum::<f32>() / ratios.len() as f32;
    let z = (mean - exact) / (variance / ratios.len() as f32).sqrt();
    assert!(z.abs() < 4.0, "mean {mean}, exact {exact}: {z} standard errors");
}

#[test]
fn every_float_type_is_served_throughout() {
    use gumbel::estimator::{ALL, Latents, Objective, Parameters, Reduction, Sample};
    let phi = Tensor::<1>::from_floats([0.5, -1.0, 2.0], &Device::flex()).reshape([1, 1, 1, 3]);
    for dtype in [DType::F32, DType::F64, DType::F16, DType::BF16] {
        let logits = Tensor::<1>::from_floats([0.3, -0.5, 0.8], &Device::flex()).cast(dtype);
        let density = gumbel::exp_concrete::log_prob(logits.clone(), 0.7, logits.clone()).unwrap();
        let single = logits.clone().cast(DType::F32);
        let expected = gumbel::exp_concrete::log_prob(single.clone(), 0.7, single).unwrap();
        let difference = density.cast(DType::F32) - expected;
        assert!(difference.abs().into_scalar::<f32>() < 0.05, "{dtype:?}");
        for info in ALL {
            let k = if info.properties.latents == Latents::Binary { 2 } else { 3 };
            let leaf = logits.clone().narrow(0, 0, k).reshape([1, 1, k]).autodiff().require_grad();
            let weights = phi.clone().narrow(3, 0, k).cast(dtype);
            let loss = |sample: &Sample| {
                let [samples, rows, ..] = sample.z.dims();
                (sample.z.clone() * weights.clone()).sum_dim(3).reshape([samples, rows])
            };
            let mean = info.properties.supports(Reduction::Mean);
            let objective = if mean { Objective::mean(loss) } else { Objective::log_mean_exp(loss) };
            let estimator = info.build(&Parameters::default()).unwrap();
            let estimate = estimator.estimate(leaf.clone(), &objective, &mut Noise::from_seed(1), 0).unwrap();
            let gradient = leaf.grad(&estimate.loss.sum().backward()).unwrap();
            assert_eq!(gradient.dtype(), dtype, "{}", info.name());
            let total = gradient.cast(DType::F32).sum().into_scalar::<f32>();
            assert!(total.abs() < 0.02, "{} in {dtype:?}: {total}", info.name());
        }
    }
}

#[test]
fn a_temperature_beyond_the_type_is_as_good_as_its_nearest_number() {
    let sample = |tau: f64| values(gumbel_softmax(logits(), tau, &mut Noise::from_seed(1)).unwrap());
    assert_eq!(sample(1e-300), sample(1e-38));
    assert_eq!(sample(1e300), sample(1e38));
    for tau in [0.0, f64::NAN] {
        let y = logits();
        assert!(gumbel::exp_concrete::log_prob(y.clone(), tau, y.clone()).is_err());
        assert!(gumbel::binary_concrete::log_prob(y.clone(), tau, y).is_err());
    }
}
