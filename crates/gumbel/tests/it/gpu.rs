//! On a GPU, for which a software one will do (`mesa-vulkan-drivers`): every function and every estimator has the samples
//! of the CPU, and values and gradients that differ by rounding. `cargo test -p gumbel --features wgpu --test it gpu`.

use crate::support::{build, curved, numbers};
use burn::tensor::{DType, Device, DeviceKind, Tensor, TensorData};
use gumbel::distribution::{Categorical, Concrete, ExpConcrete, Reparameterized};
use gumbel::estimator::{self, Latents, Objective, Reduction};
use gumbel::{Error, Noise, Precision, categorical, exp_concrete, kl, permutation, sparse, subset, tree};
use std::sync::{Mutex, MutexGuard, PoisonError};

fn gpu() -> Device {
    Device::wgpu(DeviceKind::DefaultDevice)
}

/// A device has one note of unfit rows: tests that read it run one after the other.
fn alone() -> MutexGuard<'static, ()> {
    static NOTE: Mutex<()> = Mutex::new(());
    NOTE.lock().unwrap_or_else(PoisonError::into_inner)
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
    let (logits, _alone) = (logits(shape, masks), alone());
    let there = value_and_slopes(&gpu(), &logits, DType::F32, &f);
    let here = value_and_slopes(&Device::flex(), &logits, DType::F32, &f);
    for ((there, here), what) in there.iter().zip(&here).zip(["value", "gradient"]) {
        assert_near(&format!("{name}, {what}"), there, here, 2e-5);
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
    let turned = |l: Tensor<3>| gumbel::gumbel_softmax(l.swap_dims(0, 2), 0.7, &mut noise());
    same("of a tensor with other strides", [4, 3, 6], false, turned);
    let part = |l: Tensor<3>| gumbel::gumbel_softmax(l.narrow(2, 1, 5), 0.7, &mut noise());
    same("of a part of a tensor", [4, 3, 7], false, part);
}

const DRAWS: [fn(&mut Noise, [usize; 1], &Device) -> Tensor<1>; 5] =
    [Noise::uniform, Noise::exponential, Noise::gumbel, Noise::logistic, Noise::normal];

#[test]
fn noise_is_that_of_the_cpu() {
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
fn half_precision_is_computed_in_single() {
    let f = |l: Tensor<2>| gumbel::gumbel_softmax(l, 0.7, &mut noise());
    let logits = logits([6, 10], true);
    let there = value_and_slopes(&gpu(), &logits, DType::F16, &f);
    let here = value_and_slopes(&Device::flex(), &logits, DType::F16, &f);
    assert_near("f16", &there[0], &here[0], 1e-3);
    assert_near("f16, gradient", &there[1], &here[1], 2e-2);
}

#[test]
fn the_fast_precision_is_near() {
    let device = gpu();
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
    same("exp_concrete", [5, 4], false, |l: Tensor<2>| {
        exp_concrete::log_prob(l.clone(), 0.7, point(&l).log())
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
    for (unfit, words) in [(f32::NAN, "a logit is NaN or +inf"), (f32::NEG_INFINITY, "every logit is -inf")] {
        let rows = [[0.0, 1.0], [unfit, f32::NEG_INFINITY], [0.0, 1.0]];
        let logits = Tensor::<2>::from_floats(rows, &device);
        let y = numbers(gumbel::gumbel_softmax(logits.clone(), 0.7, &mut noise()).unwrap());
        assert!(y[2].is_nan() && y[3].is_nan() && y[0].is_finite() && y[5].is_finite(), "{y:?}");
        let error = gumbel::check_device(&device).unwrap_err();
        assert!(matches!(error, Error::Unfit { operation: "gumbel_softmax", row: 1, .. }), "{error}");
        assert!(error.to_string().contains(words), "{error}");
        gumbel::check_device(&device).unwrap();
        let _ = categorical::entropy(logits);
        assert!(matches!(gumbel::check_device(&device), Err(Error::Unfit { row: 1, .. })));
    }
}
