//! On a GPU, for which a software one will do (`mesa-vulkan-drivers`): every function and every estimator has the samples
//! of the CPU, and values and gradients that differ by rounding. `cargo test -p gumbel --features wgpu --test it gpu`, or
//! with the feature `cuda` on a real card.

use crate::support::{build, curved, numbers};
use burn::tensor::{DType, Device, Tensor, TensorData};
use gumbel::distribution::{Categorical, Concrete, ExpConcrete, Reparameterized};
use gumbel::estimator::{self, Latents, Objective, Reduction};
use gumbel::{
    Error, Noise, Precision, RowFault, categorical, exp_concrete, kl, permutation, sparse, subset, tree,
};
use std::sync::{Mutex, MutexGuard, PoisonError};

#[cfg(feature = "cuda")]
fn gpu() -> Device {
    Device::cuda(0)
}

#[cfg(not(feature = "cuda"))]
fn gpu() -> Device {
    Device::wgpu(burn::tensor::DeviceKind::DefaultDevice)
}

/// A device has one precision, and one note of unfit rows: tests run one after the other.
fn alone() -> MutexGuard<'static, ()> {
    static DEVICE: Mutex<()> = Mutex::new(());
    DEVICE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn noise() -> Noise {
    Noise::from_seed(5).split(3)
}

/// Logits with a mask in every row but the first.
fn logits<const D: usize>(shape: [usize; D], masks: bool) -> TensorData {
    let count: usize = shape.iter().product();
    let mut values = numbers(Noise::from_seed(8).normal::<1>([count], &Device::flex()));
    let k = shape[D - 1];
    for (at, value) in values.iter_mut().enumerate() {
        if masks && at >= k && at % k == at / k % k && k > 1 {
            *value = f64::NEG_INFINITY;
        }
    }
    TensorData::new(values, shape)
}

fn value_and_slopes<const D: usize, const E: usize>(
    device: &Device,
    logits: &TensorData,
    dtype: DType,
    f: &impl Fn(Tensor<D>) -> Result<Tensor<E>, Error>,
) -> [Vec<f64>; 2] {
    let leaf = Tensor::<D>::from_data(logits.clone(), (&device.clone().autodiff(), dtype)).require_grad();
    let value = f(leaf.clone()).unwrap();
    let count = value.shape().num_elements() as i64;
    let weights = Tensor::arange(0..count, &value.device()).float().cast(value.dtype()) * 0.1;
    let finite = value.clone().mask_fill(value.clone().is_inf(), 0.0);
    let none = leaf.clone().mask_fill(leaf.clone().is_inf(), 0.0);
    let tracked =
        (finite * weights.reshape(value.dims())).sum() + (none.clone() - none).sum().cast(value.dtype());
    let gradients = tracked.backward();
    [numbers(value.inner()), leaf.grad(&gradients).map(numbers).unwrap_or_default()]
}

#[track_caller]
fn assert_near(name: &str, there: &[f64], here: &[f64], tolerance: f64) {
    assert_eq!(there.len(), here.len(), "{name}");
    for (at, (there, here)) in there.iter().zip(here).enumerate() {
        let near = there == here || (there - here).abs() <= tolerance * here.abs().max(1.0);
        assert!(near, "{name}, number {at}: {there} on the GPU, {here} on the CPU");
    }
}

fn same<const D: usize, const E: usize>(
    name: &str,
    shape: [usize; D],
    masks: bool,
    f: impl Fn(Tensor<D>) -> Result<Tensor<E>, Error>,
) {
    same_in(DType::F32, [2e-5; 2], name, shape, masks, f);
}

fn same_in<const D: usize, const E: usize>(
    dtype: DType,
    tolerances: [f64; 2],
    name: &str,
    shape: [usize; D],
    masks: bool,
    f: impl Fn(Tensor<D>) -> Result<Tensor<E>, Error>,
) {
    let (logits, _alone) = (logits(shape, masks), alone());
    let there = value_and_slopes(&gpu(), &logits, dtype, &f);
    let here = value_and_slopes(&Device::flex(), &logits, dtype, &f);
    for (part, what) in ["value", "gradient"].into_iter().enumerate() {
        assert_near(&format!("{name}, {what}"), &there[part], &here[part], tolerances[part]);
    }
    gumbel::check_device(&gpu()).unwrap();
}

#[test]
fn samples_are_those_of_the_cpu() {
    for shape in [[2, 3, 5], [1, 7, 1], [5, 2, 130]] {
        same("gumbel_max", shape, true, |l| Ok(gumbel::gumbel_max(l, &mut noise())?.float()));
        same("sample_one_hot", shape, true, |l| gumbel::sample_one_hot(l, &mut noise()));
        same("gumbel_softmax", shape, true, |l| gumbel::gumbel_softmax(l, 0.7, &mut noise()));
        same("log_gumbel_softmax", shape, true, |l| gumbel::log_gumbel_softmax(l, 0.7, &mut noise()));
        let hard = |l| gumbel::straight_through_gumbel_softmax(l, 0.7, &mut noise());
        same("straight_through_gumbel_softmax", shape, true, hard);
    }
    let rows = |l: &Tensor<3>| (l.clone().narrow(2, 0, 1).detach() * 0.3).exp();
    same("temperatures in a tensor", [2, 5, 6], false, |l| {
        gumbel::gumbel_softmax(l.clone(), rows(&l), &mut noise())
    });
    same("learned temperatures", [2, 5, 6], false, |l| {
        gumbel::gumbel_softmax(l.zeros_like().detach(), (l.narrow(2, 0, 1) * 0.3).exp(), &mut noise())
    });
    let turned = |l: Tensor<3>| gumbel::gumbel_softmax(l.swap_dims(0, 2), 0.7, &mut noise());
    same("of a tensor with other strides", [4, 3, 6], false, turned);
    let part = |l: Tensor<3>| gumbel::gumbel_softmax(l.narrow(2, 1, 5), 0.7, &mut noise());
    same("of a part of a tensor", [4, 3, 7], false, part);
}

type Draw = fn(&mut Noise, [usize; 1], &Device) -> Tensor<1>;
const DRAWS: [Draw; 5] = [Noise::uniform, Noise::exponential, Noise::gumbel, Noise::logistic, Noise::normal];

#[test]
fn noise_is_that_of_the_cpu() {
    let _alone = alone();
    for count in [1, 5, 64, 1000] {
        for draw in DRAWS {
            let mut start = noise();
            start.uniform::<1>([3], &gpu()); // not at the beginning of a block
            let there = numbers(draw(&mut start.clone(), [count], &gpu()));
            assert_near("noise", &there, &numbers(draw(&mut start, [count], &Device::flex())), 1e-6);
        }
    }
}

#[test]
fn samples_without_replacement_are_those_of_the_cpu() {
    for (shape, k) in [([2, 3, 5], 4), ([1, 7, 1], 1), ([5, 2, 130], 20)] {
        let masks = k < shape[2];
        same("gumbel_top_k", shape, masks, |l| Ok(subset::gumbel_top_k(l, k, &mut noise())?.float()));
        same("top_k_hot", shape, masks, |l| subset::top_k_hot(l, k, &mut noise()));
        same_in(DType::F16, [0.0; 2], "top_k_hot, f16", shape, masks, |l| {
            subset::top_k_hot(l, k, &mut noise())
        });
    }
}

/// Gaps of 2^30 leave no room for noise: keys are equal.
#[test]
fn the_first_of_equal_keys_comes_first() {
    let _alone = alone();
    let order = |device: Device| {
        let logits = Tensor::<1>::full([300], -2f32.powi(30), &device).slice_fill(7..8, 0.0);
        numbers(subset::gumbel_top_k(logits, 100, &mut noise()).unwrap().float())
    };
    assert_eq!(order(gpu()), order(Device::flex()));
}

/// The gradient of a logarithm is not rounded on the way, and no other is made of rounded samples.
#[test]
fn half_precision_is_computed_in_single() {
    let same = |name: &str, f: fn(Tensor<2>) -> Result<Tensor<2>, Error>| {
        let f = |l: Tensor<2>| {
            let (value, dtype) = (f(l.clone())?, l.dtype());
            assert_eq!(value.dtype(), dtype);
            Ok(value)
        };
        same_in(DType::F16, [1e-3, 2e-2], name, [6, 10], true, f);
    };
    same("f16", |l| gumbel::gumbel_softmax(l, 0.7, &mut noise()));
    same("f16, logarithm", |l| gumbel::log_gumbel_softmax(l, 0.7, &mut noise()));
    same("f16, straight-through", |l| gumbel::straight_through_gumbel_softmax(l, 0.7, &mut noise()));
    same("f16, one-hot", |l| gumbel::sample_one_hot(l, &mut noise()));
    same("f16, density", |l| {
        exp_concrete::log_prob(l.clone(), 0.7, gumbel::log_gumbel_softmax(l, 0.7, &mut noise())?)
    });
}

#[test]
fn the_fast_precision_is_near() {
    let (device, _alone) = (gpu(), alone());
    let sample = |l: Tensor<2>| gumbel::gumbel_softmax(l, 0.7, &mut noise());
    gumbel::set_precision(&device, Precision::Fast);
    let there = value_and_slopes(&device, &logits([6, 10], true), DType::F32, &sample);
    gumbel::set_precision(&device, Precision::Exact);
    let here = value_and_slopes(&Device::flex(), &logits([6, 10], true), DType::F32, &sample);
    assert_near("fast", &there[0], &here[0], 1e-5);
}

#[test]
fn relaxations_are_those_of_the_cpu() {
    same("entmax", [4, 6], true, |l| sparse::gumbel_entmax(l, 1.5, 0.7, &mut noise()));
    same("k_hot", [4, 6], true, |l| subset::k_hot(l, 2, &mut noise()));
    same("straight_through_k_hot", [4, 6], true, |l| subset::straight_through_k_hot(l, 2, &mut noise()));
    same("marginals", [4, 6], true, |l| subset::marginals(l, 2));
    same("relaxed_top_k", [4, 6], true, |l| subset::relaxed_top_k(l, 2, 0.7, &mut noise()));
    same("straight_through_top_k", [4, 6], true, |l| subset::straight_through_top_k(l, 2, 0.7, &mut noise()));
    same("gumbel_sinkhorn", [5, 5], false, |l| permutation::gumbel_sinkhorn(l, 0.7, 20, 1e-3, &mut noise()));
    same("gumbel_matching", [5, 5], false, |l| permutation::gumbel_matching(l, &mut noise()));
    same("neural_sort", [4, 5], false, |l: Tensor<2>| permutation::neural_sort::<2, 3>(l, 0.7));
    let graph = || tree::Graph::complete(4).unwrap();
    same("tree marginals", [4, 6], false, |l| tree::marginals(&graph(), l));
    same("tree sample", [4, 6], false, |l| tree::straight_through_tree(&graph(), l, 0.7, &mut noise()));
}

#[test]
fn densities_and_divergences_are_those_of_the_cpu() {
    let point = |l: &Tensor<2>| {
        let zeros = l.zeros_like().detach();
        gumbel::gumbel_softmax(zeros, 1.0, &mut noise()).unwrap()
    };
    same("entropy", [5, 4], true, categorical::entropy);
    same("kl", [5, 4], false, |l: Tensor<2>| kl::categorical(l.clone(), l.zeros_like().detach()));
    same("Categorical", [5, 4], true, |l: Tensor<2>| Ok(Categorical::new(l)?.entropy()));
    same("Concrete", [5, 4], false, |l: Tensor<2>| Ok(Concrete::new(l.clone(), 0.7)?.log_prob(point(&l))));
    same("ExpConcrete", [5, 4], false, |l: Tensor<2>| {
        Ok(ExpConcrete::new(l.clone(), 0.7)?.log_prob(point(&l).log()))
    });
    let of_sample = |l: Tensor<2>| {
        let y = gumbel::log_gumbel_softmax(l.clone(), 0.5, &mut noise())?;
        exp_concrete::log_prob(l, 0.7, y)
    };
    same("exp_concrete, in logits and point", [5, 130], true, of_sample);
    let shared = |l: Tensor<2>| {
        let y = gumbel::log_gumbel_softmax(l.clone(), 0.5, &mut noise())?;
        Ok(exp_concrete::log_prob(l.clone().narrow(0, 0, 1), 0.7, y.clone())?
            + exp_concrete::log_prob(l, 0.7, y.narrow(0, 0, 1))?)
    };
    same("exp_concrete, broadcast", [5, 4], false, shared);
    let junk_at_masks = |l: Tensor<2>| {
        let y = point(&l).log();
        let masked = l.clone().equal_elem(f32::NEG_INFINITY);
        exp_concrete::log_prob(l, 0.7, y.mask_fill(masked, f32::NAN))
    };
    same("exp_concrete, whatever is at masks", [5, 4], true, junk_at_masks);
    same("exp_concrete, of density 0", [5, 4], true, |l: Tensor<2>| {
        let y = point(&l).log().slice_fill([0..1, 1..2], f32::NEG_INFINITY);
        exp_concrete::log_prob(l, 0.7, y)
    });
    same("exp_concrete, temperatures in a tensor", [5, 4], true, |l: Tensor<2>| {
        let tau = (Tensor::arange(0..5, &l.device()).float() * 0.2 + 0.3).reshape([5, 1]);
        exp_concrete::log_prob(l.clone(), tau, point(&l).log())
    });
    same("density_at_sample", [5, 4], false, |l: Tensor<2>| {
        let y = gumbel::log_gumbel_softmax(l.clone(), 0.7, &mut noise())?;
        kl::density_at_sample((l.clone(), 0.7), (l.zeros_like().detach(), 0.5), y)
    });
    // Outside the support without a fault.
    same("ExpConcrete off the support", [6, 4], true, |l: Tensor<2>| {
        let y = point(&l).log().slice_fill([1..2, 1..2], f32::INFINITY);
        let y = y.slice_fill(2..3, f32::NEG_INFINITY).slice_fill([3..4, 2..3], 0.5);
        Ok(ExpConcrete::new(l, 0.7)?.log_prob(y))
    });
}

#[test]
fn estimates_are_those_of_the_cpu() {
    let _alone = alone();
    for entry in estimator::ALL {
        let [latents, k] = if entry.properties.latents == Latents::Binary { [3, 2] } else { [2, 3] };
        let estimate = |device: Device| {
            let data = logits([8, latents, k], false);
            let logits = Tensor::<3>::from_data(data, (&device.autodiff(), DType::F32)).require_grad();
            let objective = match entry.properties.supports(Reduction::Mean) {
                true => Objective::mean(curved),
                false => Objective::log_mean_exp(curved),
            };
            let estimate = build(entry).estimate(logits.clone(), &objective, &mut noise(), 0).unwrap();
            let loss = numbers(estimate.loss.clone().inner());
            [loss, numbers(logits.grad(&estimate.loss.sum().backward()).unwrap())]
        };
        let (there, here) = (estimate(gpu()), estimate(Device::flex()));
        assert_near(&format!("{}, loss", entry.name()), &there[0], &here[0], 2e-5);
        assert_near(&format!("{}, gradient", entry.name()), &there[1], &here[1], 2e-4);
    }
    gumbel::check_device(&gpu()).unwrap();
}

#[test]
fn an_unfit_row_is_undefined_and_an_error_when_asked() {
    let (device, _alone) = (gpu(), alone());
    let cases = [
        (f32::NAN, RowFault::Logit, "gumbel_softmax: a logit of row 1 is NaN or +inf"),
        (f32::NEG_INFINITY, RowFault::AllMasked, "gumbel_softmax: every logit of row 1 is -inf"),
    ];
    for (unfit, kind, words) in cases {
        let rows = [[0.0, 1.0], [unfit, f32::NEG_INFINITY], [0.0, 1.0]];
        let logits = Tensor::<2>::from_floats(rows, &device);
        let y = numbers(gumbel::gumbel_softmax(logits.clone(), 0.7, &mut noise()).unwrap());
        assert!(y[2].is_nan() && y[3].is_nan() && y[0].is_finite() && y[5].is_finite(), "{y:?}");
        let error = gumbel::check_device(&device).unwrap_err();
        let expected = Error::Unfit { operation: "gumbel_softmax", row: 1, fault: kind };
        assert_eq!(error, expected);
        assert!(error.to_string().starts_with(words), "{error}");
        gumbel::check_device(&device).unwrap();
        let z = numbers(gumbel::sample_one_hot(logits.clone(), &mut noise()).unwrap());
        assert!(z[2].is_nan() && z[3].is_nan() && z[0] + z[1] == 1.0 && z[4] + z[5] == 1.0, "{z:?}");
        assert!(matches!(gumbel::check_device(&device), Err(Error::Unfit { row: 1, .. })));
        let _ = categorical::entropy(logits);
        assert!(matches!(gumbel::check_device(&device), Err(Error::Unfit { row: 1, .. })));
    }
    let tau = Tensor::<2>::from_floats([[1.0], [-1.0], [1.0]], &device);
    let y = numbers(gumbel::gumbel_softmax(Tensor::zeros([3, 2], &device), tau, &mut noise()).unwrap());
    assert!(y[2].is_nan() && y[0].is_finite() && y[5].is_finite(), "{y:?}");
    assert!(matches!(gumbel::check_device(&device), Err(Error::Unfit { row: 1, .. })));
}

#[test]
fn a_row_without_a_sample_of_several_is_an_error_when_asked() {
    let (device, _alone) = (gpu(), alone());
    let mask = f32::NEG_INFINITY;
    let logits = Tensor::<2>::from_floats([[0.0, 1.0, 2.0], [mask, 1.0, mask], [2.0, 1.0, 0.0]], &device);
    let order = numbers(subset::gumbel_top_k(logits.clone(), 2, &mut noise()).unwrap().float());
    assert!(order[2] == 3.0 && order[3] == 3.0 && order.iter().filter(|&&index| index < 3.0).count() == 4);
    let error = gumbel::check_device(&device).unwrap_err();
    let expected = Error::Unfit { operation: "gumbel_top_k", row: 1, fault: RowFault::TooFew };
    assert_eq!(error, expected);
    let words = "gumbel_top_k: row 1 of the logits has fewer unmasked categories than are drawn";
    assert!(error.to_string().starts_with(words), "{error}");
    let z = numbers(subset::top_k_hot(logits, 2, &mut noise()).unwrap());
    assert!(z[3..6].iter().all(|z| z.is_nan()), "{z:?}");
    assert_eq!([z[..3].iter().sum::<f64>(), z[6..].iter().sum::<f64>()], [2.0; 2]);
    assert_eq!(gumbel::check_device(&device).unwrap_err(), expected);
}

#[test]
fn a_point_that_is_none_is_the_error_of_the_cpu_when_asked() {
    let (device, _alone) = (gpu(), alone());
    for unfit in [[f32::NAN, -1.0], [f32::INFINITY, -1.0], [f32::NEG_INFINITY; 2]] {
        let density = |device: &Device| {
            let y = Tensor::<2>::from_floats([[-1.0, -1.0], unfit], device);
            exp_concrete::log_prob(y.zeros_like(), 0.7, y)
        };
        let there = numbers(density(&device).unwrap());
        assert!(there[0].is_finite() && there[1].is_nan(), "{there:?}");
        let error = gumbel::check_device(&device).unwrap_err();
        assert_eq!(error, density(&Device::flex()).unwrap_err());
        assert!(matches!(error, Error::Unfit { row: 1, fault: RowFault::Point, .. }), "{error}");
        assert!(error.to_string().contains("row 1 of the points"), "{error}");
    }
    // A method cannot return an error, and none is noted.
    let law = |device: &Device| ExpConcrete::new(Tensor::<1>::zeros([2], device), 0.7).unwrap();
    let of_nan = |device: &Device| law(device).log_prob(Tensor::from_floats([f32::NAN, -1.0], device));
    assert!([device.clone(), Device::flex()].iter().all(|device| numbers(of_nan(device))[0].is_nan()));
    gumbel::check_device(&device).unwrap();
}

/// What needs no number of the device.
#[test]
fn other_mistakes_are_the_errors_of_the_cpu() {
    let _alone = alone();
    let errors = |device: Device| {
        let few = Tensor::<2>::zeros([2, 3], &device);
        let none = Tensor::<2>::zeros([2, 0], &device);
        [
            subset::gumbel_top_k(few.clone(), 4, &mut noise()).unwrap_err(),
            subset::top_k_hot(few.clone(), 0, &mut noise()).unwrap_err(),
            gumbel::gumbel_softmax(few.clone(), 0.0, &mut noise()).unwrap_err(),
            exp_concrete::log_prob(few.clone(), -1.0, few).unwrap_err(),
            gumbel::gumbel_max(none.clone(), &mut noise()).unwrap_err(),
            gumbel::gumbel_softmax(none.clone(), 0.7, &mut noise()).unwrap_err(),
            subset::gumbel_top_k(none.clone(), 1, &mut noise()).unwrap_err(),
            exp_concrete::log_prob(none.clone(), 0.7, none.clone()).unwrap_err(),
            categorical::entropy(none).unwrap_err(),
        ]
    };
    assert_eq!(errors(gpu()), errors(Device::flex()));
    let no_rows = Tensor::<2>::zeros([0, 3], &gpu());
    assert_eq!(subset::gumbel_top_k(no_rows.clone(), 5, &mut noise()).unwrap().dims(), [0, 5]);
    assert_eq!(subset::top_k_hot(no_rows, 2, &mut noise()).unwrap().dims(), [0, 3]);
    gumbel::check_device(&gpu()).unwrap();
}
