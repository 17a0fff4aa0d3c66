//! What the sparse relaxations promise, on the Flex backend.

use burn::tensor::{DType, Device, Tensor};
use gumbel::sparse::*;
use gumbel::{Error, Noise, gumbel_max, gumbel_softmax};

const MASK: f32 = f32::NEG_INFINITY;
const ALPHAS: [f64; 5] = [1.0, 1.2, 1.5, 2.0, 3.0];

fn logits() -> Tensor<2> {
    let rows = [[0.5, -1.0, 2.0, MASK], [80.0, -80.0, 0.0, 1.0], [3.0, MASK, MASK, MASK]];
    Tensor::from_floats(rows, &Device::flex())
}

fn values(tensor: Tensor<2>) -> Vec<f32> {
    tensor.inner().cast(DType::F32).into_data().try_to_vec().expect("f32")
}

/// The gradient of a random linear function of `sample(logits)`.
fn gradient(logits: Tensor<2>, sample: impl Fn(Tensor<2>) -> Result<Tensor<2>, Error>) -> Vec<f32> {
    let weights = Noise::from_seed(99).logistic::<2>(logits.dims(), &Device::flex());
    let leaf = logits.autodiff().require_grad();
    let loss = (sample(leaf.clone()).expect("valid logits") * weights).sum();
    values(leaf.grad(&loss.backward()).expect("a gradient"))
}

#[test]
fn the_largest_entry_is_the_gumbel_max_for_the_same_noise() {
    let logits = Noise::from_seed(1).logistic::<2>([500, 7], &Device::flex());
    for alpha in ALPHAS {
        for tau in [0.1, 1.0, 3.0] {
            let index = gumbel_max(logits.clone(), &mut Noise::from_seed(2)).unwrap();
            let soft = gumbel_entmax(logits.clone(), alpha, tau, &mut Noise::from_seed(2)).unwrap();
            assert_eq!(soft.argmax(1).into_data(), index.clone().into_data(), "alpha {alpha}, tau {tau}");
            let hard = straight_through_entmax(logits.clone(), alpha, tau, &mut Noise::from_seed(2)).unwrap();
            assert_eq!(values(hard), values(index.squeeze_dim::<1>(1).one_hot::<2>(7).float()));
        }
    }
}

#[test]
fn straight_through_is_hard_forward_and_soft_backward() {
    for alpha in ALPHAS {
        let noise = Noise::from_seed(3);
        let hard = gradient(logits(), |l| straight_through_entmax(l, alpha, 2.0, &mut noise.clone()));
        let soft = gradient(logits(), |l| gumbel_entmax(l, alpha, 2.0, &mut noise.clone()));
        assert_eq!(hard, soft, "alpha {alpha}");
        assert!(soft.iter().any(|slope| *slope != 0.0), "alpha {alpha}: there is something to compare");
    }
    let [two, sparse] = [straight_through_sparsemax::<2>, |l: Tensor<2>, tau, noise: &mut Noise| {
        straight_through_entmax(l, 2.0, tau, noise)
    }]
    .map(|sample| values(sample(logits(), 1.0, &mut Noise::from_seed(4)).unwrap()));
    assert_eq!(two, sparse);
}

#[test]
fn outside_the_support_there_is_no_gradient() {
    let noise = Noise::from_seed(6);
    let wide = noise.clone().logistic::<2>([20, 50], &Device::flex());
    let y = values(gumbel_sparsemax(wide.clone(), 1.0, &mut noise.clone()).unwrap());
    let slopes = gradient(wide, |l| gumbel_sparsemax(l, 1.0, &mut noise.clone()));
    for (y, slope) in y.iter().zip(&slopes) {
        assert!(*y > 0.0 || *slope == 0.0);
    }
    for slopes in slopes.chunks(50) {
        assert!(slopes.iter().sum::<f32>().abs() < 1e-5, "a shift of all logits changes nothing");
    }
    let support = y.iter().filter(|y| **y > 0.0).count();
    assert!((20..200).contains(&support), "{support} of 1000");
}

#[test]
fn masked_categories_have_no_mass_and_no_gradient_at_any_temperature() {
    for alpha in ALPHAS {
        for tau in [1e-30, 1e-3, 1.0, 1e3, 1e30] {
            let soft = values(gumbel_entmax(logits(), alpha, tau, &mut Noise::from_seed(1)).unwrap());
            let slopes = gradient(logits(), |l| gumbel_entmax(l, alpha, tau, &mut Noise::from_seed(1)));
            for (row, soft) in soft.chunks(4).enumerate() {
                assert!((soft.iter().sum::<f32>() - 1.0).abs() < 1e-5, "alpha {alpha}, tau {tau}, row {row}");
            }
            for (at, logit) in values(logits()).into_iter().enumerate() {
                assert!(
                    (0.0..=1.0).contains(&soft[at]) && slopes[at].is_finite(),
                    "{alpha}, {tau}: {slopes:?}"
                );
                assert!(logit != MASK || (soft[at], slopes[at]) == (0.0, 0.0), "alpha {alpha}, tau {tau}");
            }
        }
    }
}

#[test]
fn alpha_one_is_the_gumbel_softmax_in_value_and_gradient() {
    let logits = Noise::from_seed(1).logistic::<2>([30, 7], &Device::flex());
    for tau in [0.3, 1.0, 4.0] {
        let pair = [
            gradient(logits.clone(), |l| gumbel_entmax(l, 1.0, tau, &mut Noise::from_seed(2))),
            gradient(logits.clone(), |l| gumbel_softmax(l, tau, &mut Noise::from_seed(2))),
        ];
        for (ours, softmax) in pair[0].iter().zip(&pair[1]) {
            assert!((ours - softmax).abs() < 1e-5 / tau.min(1.0) as f32, "{ours} and {softmax}");
        }
    }
}

#[test]
fn gradients_are_those_of_finite_differences_in_logits_and_alpha() {
    let device = Device::flex();
    let start = Noise::from_seed(4).logistic::<2>([3, 5], &device).cast(DType::F64);
    let weights = Noise::from_seed(9).logistic::<2>([3, 5], &device).cast(DType::F64);
    for alpha in [1.05, 1.5, 1.8, 2.0] {
        let objective = |logits: Tensor<2>, alpha: f64| {
            let alpha = Tensor::<1>::from_data([alpha], (&device, DType::F64));
            (adaptive_entmax(logits, alpha, 1.5).unwrap() * weights.clone()).sum().into_scalar::<f64>()
        };
        let leaf = start.clone().autodiff().require_grad();
        let order = Tensor::<1>::from_data([alpha], (&device.clone().autodiff(), DType::F64)).require_grad();
        let y = adaptive_entmax(leaf.clone(), order.clone(), 1.5).unwrap();
        let gradients = (y * weights.clone()).sum().backward();
        let by_alpha = order.grad(&gradients).unwrap().into_scalar::<f64>();
        let difference =
            (objective(start.clone(), alpha + 1e-6) - objective(start.clone(), alpha - 1e-6)) / 2e-6;
        assert!((by_alpha - difference).abs() < 1e-6, "alpha {alpha}: {by_alpha} and {difference}");
        let slopes = leaf.grad(&gradients).unwrap().into_data().try_to_vec::<f64>().unwrap();
        for (at, slope) in slopes.iter().enumerate() {
            let mut step = [0.0; 15];
            step[at] = 1e-6;
            let step = Tensor::<1>::from_data(step, (&device, DType::F64)).reshape([3, 5]);
            let (up, down) = (start.clone() + step.clone(), start.clone() - step);
            let difference = (objective(up, alpha) - objective(down, alpha)) / 2e-6;
            assert!((difference - slope).abs() < 1e-6, "alpha {alpha}, {at}: {slope} and {difference}");
        }
    }
}

#[test]
fn the_bias_of_the_straight_through_gradient_is_seen() {
    const DRAWS: usize = 20_000;
    let logits = Tensor::<2>::from_floats([[1.0, 0.0, -0.5]], &Device::flex());
    let p = values(burn::tensor::activation::softmax(logits.clone(), 1));
    let exact = f64::from(p[0] * (1.0 - p[0])); // of the probability of the first category, in its logit
    for alpha in ALPHAS {
        let leaf = logits.clone().repeat_dim(0, DRAWS).autodiff().require_grad();
        let sample = straight_through_entmax(leaf.clone(), alpha, 2.0, &mut Noise::from_seed(2)).unwrap();
        let slopes = leaf.grad(&sample.narrow(1, 0, 1).sum().backward()).unwrap();
        let slopes: Vec<f64> = values(slopes.narrow(1, 0, 1)).into_iter().map(f64::from).collect();
        let mean = slopes.iter().sum::<f64>() / DRAWS as f64;
        let variance = slopes.iter().map(|slope| (slope - mean).powi(2)).sum::<f64>() / DRAWS as f64;
        let z = (mean - exact) / (variance / DRAWS as f64).sqrt();
        assert!(z.abs() > 4.0, "alpha {alpha}: {mean} for {exact}, {z:.1} standard errors");
    }
}

#[test]
fn half_precision_is_computed_in_single() {
    for dtype in [DType::BF16, DType::F16] {
        let half = logits().cast(dtype);
        let soft = gumbel_entmax(half.clone(), 1.5, 0.5, &mut Noise::from_seed(2)).unwrap();
        assert_eq!(soft.dtype(), dtype);
        let single = gumbel_entmax(half.cast(DType::F32), 1.5, 0.5, &mut Noise::from_seed(2)).unwrap();
        assert_eq!(values(soft), values(single.cast(dtype)));
    }
}

#[test]
fn a_mistake_is_an_error_that_names_it() {
    let refused = |logits: [f32; 2], alpha, tau| {
        let logits = Tensor::<1>::from_floats(logits, &Device::flex());
        gumbel_entmax(logits, alpha, tau, &mut Noise::from_seed(0)).unwrap_err().to_string()
    };
    assert!(refused([0.0; 2], 0.5, 1.0).contains("alpha must be finite and at least 1"));
    assert_eq!(refused([0.0; 2], 2.0, 0.0), "temperature must be positive and finite, got 0");
    assert!(refused([0.0, f32::NAN], 2.0, 1.0).contains("row 0, column 1 is NaN"));
    assert!(refused([MASK; 2], 2.0, 1.0).contains("row 0"));
    assert!(sparsemax(Tensor::<1>::from_floats([f32::NAN], &Device::flex()), 1.0).is_err());
}
