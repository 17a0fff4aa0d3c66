//! The fused kernels against Burn's operations, on the same noise: values, gradients and errors.

use super::*;
use crate::Noise;
use crate::tensor::numbers;
use burn::tensor::TensorData;

const MASK: f32 = f32::NEG_INFINITY;

/// Logistic logits, of which every `step`-th is masked, from the fourth on.
fn logits<const D: usize>(shape: [usize; D], step: usize) -> TensorData {
    let logits = Noise::from_seed(5).logistic::<D>(shape, &Device::flex());
    let mut logits = logits.into_data().try_to_vec::<f32>().expect("f32");
    logits.iter_mut().skip(3).step_by(step).for_each(|logit| *logit = MASK);
    TensorData::new(logits, shape)
}

/// The value of an operation, and its gradient along a fixed cotangent.
fn value_and_gradient<const D: usize>(
    logits: &TensorData,
    dtype: DType,
    operation: impl Fn(Tensor<D>) -> Tensor<D>,
) -> [Vec<f64>; 2] {
    let leaf = Tensor::from_data(logits.clone(), (&Device::flex().autodiff(), dtype)).require_grad();
    let value = operation(leaf.clone());
    let cotangent = Noise::from_seed(6).logistic::<D>(value.dims(), &Device::flex()).cast(dtype);
    // An infinite log-probability times a zero cotangent would be NaN in this test's own loss.
    let loss = value.clone().mask_fill(value.clone().is_inf(), 0.0) * cotangent;
    let gradient = leaf.grad(&loss.sum().backward()).expect("a gradient");
    [numbers(value), numbers(gradient)]
}

/// Tolerances are relative to 1 + |number|, of the value and of the gradient.
fn assert_agree<const D: usize>(
    what: &str,
    logits: &TensorData,
    dtype: DType,
    tolerances: [f64; 2],
    fused: impl Fn(Tensor<D>) -> Tensor<D>,
    portable: impl Fn(Tensor<D>) -> Tensor<D>,
) {
    let fused = value_and_gradient(logits, dtype, fused);
    let portable = value_and_gradient(logits, dtype, portable);
    for (part, ((fused, portable), tolerance)) in fused.iter().zip(&portable).zip(tolerances).enumerate() {
        for (index, (a, b)) in fused.iter().zip(portable).enumerate() {
            let close = a == b || (a - b).abs() <= tolerance * (1.0 + b.abs());
            assert!(close, "{what}, {}, element {index}: {a}, {b}", ["value", "gradient"][part]);
        }
    }
}

fn compare_gumbel_softmax<const D: usize>(shape: [usize; D], dtype: DType, tau: f64, tolerance: f64) {
    let stream = Noise::from_seed(7).stream();
    for form in [Form::Soft, Form::Log, Form::StraightThrough] {
        assert_agree::<D>(
            &format!("{form:?} {shape:?} {dtype:?} tau {tau}"),
            &logits(shape, 7),
            dtype,
            [tolerance, tolerance / tau.min(1.0)],
            |logits| flex::gumbel_softmax(logits, tau, stream, form).expect("valid logits"),
            |logits| portable::gumbel_softmax(logits, tau, stream, form).expect("valid logits"),
        );
    }
}

#[test]
fn gumbel_softmax_agrees_for_every_rank_and_form() {
    for tau in [0.1, 1.0, 5.0] {
        compare_gumbel_softmax([6], DType::F32, tau, 2e-5);
        compare_gumbel_softmax([4, 5], DType::F32, tau, 2e-5);
        compare_gumbel_softmax([2, 3, 4, 3], DType::F32, tau, 2e-5);
        // Burn divides by a scalar rounded to single precision in its backward pass.
        compare_gumbel_softmax([4, 5], DType::F64, tau, 1e-7);
    }
}

#[test]
fn gumbel_max_agrees() {
    let logits = Tensor::<2>::from_data(logits([50, 9], 7), &Device::flex());
    let stream = Noise::from_seed(7).stream();
    let fused = flex::gumbel_max(&logits, stream).expect("valid logits");
    let portable = portable::gumbel_max(logits, stream).expect("valid logits");
    assert_eq!(fused.into_data(), portable.into_data());
}

#[test]
fn bernoulli_log_prob_agrees_with_data_shared_by_samples() {
    let x = Noise::from_seed(4).uniform::<3>([1, 2, 50], &Device::flex()).greater_elem(0.6).float();
    assert_agree::<3>(
        "bernoulli",
        &logits([3, 2, 50], 1000),
        DType::F32,
        [2e-5; 2],
        |logits| flex::bernoulli_log_prob(logits, &x),
        |logits| portable::bernoulli_log_prob(logits, x.clone()),
    );
}

#[test]
fn activations_agree() {
    for (name, ours, theirs) in [
        (
            "tanh",
            flex::tanh::<2> as fn(Tensor<2>) -> Tensor<2>,
            Tensor::<2>::tanh as fn(Tensor<2>) -> Tensor<2>,
        ),
        ("sigmoid", flex::sigmoid, burn::tensor::activation::sigmoid),
    ] {
        assert_agree::<2>(name, &logits([7, 9], 5), DType::F32, [1e-6; 2], ours, theirs);
        assert_agree::<2>(name, &logits([7, 9], 5), DType::F64, [1e-7; 2], ours, theirs);
    }
}

#[test]
fn divergences_agree() {
    let (device, mut noise) = (Device::flex(), Noise::from_seed(2));
    let mut logits = || {
        let logits = noise.logistic::<2>([500, 6], &device) * 3.0;
        logits.clone().mask_fill(logits.greater_elem(6.0), MASK)
    };
    let (q, p) = (logits(), logits());
    let on_host = numbers(host::categorical_kl(&q, &p).expect("rows that are not masked throughout"));
    let log_probs = [q, p].map(|logits| burn::tensor::activation::log_softmax(logits, 1));
    assert!(on_host.contains(&f64::INFINITY));
    for (host, portable) in on_host.into_iter().zip(numbers(portable::categorical_kl(log_probs))) {
        let near = host == portable || (host - portable).abs() < 2e-6 * host.max(1.0);
        assert!(near, "{host} {portable}");
    }
}

#[test]
fn entmax_agrees() {
    for alpha in [1.0, 1.3, 1.5, 2.0, 3.0] {
        for tau in [0.2f64, 1.0, 5.0] {
            assert_agree::<2>(
                &format!("alpha {alpha}, tau {tau}"),
                &logits([4, 9], 5),
                DType::F32,
                [0.0, 1e-5 / tau.min(1.0)],
                |logits| flex::entmax(logits, alpha, tau).expect("valid logits"),
                |logits| portable::entmax(logits, alpha, tau).expect("valid logits"),
            );
        }
    }
}

#[test]
fn log_sinkhorn_agrees() {
    for tau in [0.3f64, 1.0, 4.0] {
        for iterations in [1, 3, 20] {
            assert_agree::<3>(
                &format!("tau {tau}, {iterations} iterations"),
                &logits([2, 4, 4], 18),
                DType::F32,
                [1e-5 / tau.min(1.0); 2],
                |logits| flex::log_sinkhorn(logits, tau, iterations, 0.0).expect("valid logits"),
                |logits| portable::log_sinkhorn(logits, tau, iterations, 0.0).expect("valid logits"),
            );
        }
    }
}

#[test]
fn samplers_return_the_same_errors() {
    let stream = Noise::from_seed(0).stream();
    let errors = |logits: Tensor<2>| {
        let fused = flex::gumbel_max(&logits, stream).unwrap_err();
        let portable = portable::gumbel_max(logits.clone(), stream).unwrap_err();
        let checked = check_logits(&logits).unwrap_err();
        // As text: a NaN is not equal to itself.
        assert_eq!([portable.to_string(), checked.to_string()], [fused.to_string(), fused.to_string()]);
        fused.to_string()
    };
    for unfit in [f32::NAN, f32::INFINITY] {
        let message = errors(Tensor::from_floats([[0.0, 1.0], [unfit, 0.0]], &Device::flex()));
        assert!(message.contains("row 1, column 0"), "{message}");
    }
    assert!(errors(Tensor::full([1, 3], MASK, &Device::flex())).contains("row 0"));
}

#[test]
fn sinkhorn_returns_the_same_errors() {
    let compare = |logits: [[f32; 2]; 2], tau, iterations, tolerance| {
        let logits = Tensor::<2>::from_floats(logits, &Device::flex());
        let fused = flex::log_sinkhorn(logits.clone(), tau, iterations, tolerance).unwrap_err();
        let portable = portable::log_sinkhorn(logits, tau, iterations, tolerance).unwrap_err();
        assert_eq!(portable, fused);
    };
    compare([[0.0; 2]; 2], 1.0, 0, 0.0);
    compare([[0.0; 2]; 2], 1.0, 1, -1.0);
    compare([[0.0, f32::INFINITY], [0.0, 0.0]], 1.0, 1, 0.0);
    compare([[0.0, MASK], [1.0, MASK]], 1.0, 1, 0.0);
}

/// With ties, and more numbers than a block of differences has.
#[test]
fn nearest_codes_are_the_same_in_every_place() {
    let whole = |seed, rows| (Noise::from_seed(seed).normal::<2>([rows, 64], &Device::flex()) * 2.0).round();
    let (points, book) = (whole(1, 2700), whole(2, 50));
    let book = Tensor::cat(vec![book.clone(), book], 0);
    let (index, distance) = flex::nearest(&points, &book).unwrap();
    let (same, equal) = portable::nearest(&points, &book).unwrap();
    assert!(index.equal(same).all().into_scalar::<bool>());
    assert_eq!(numbers(distance), numbers(equal)); // sums of whole numbers are exact
    let unfit = points.clone().mask_fill(points.equal_elem(3.0), f32::NAN);
    let error = |result: Result<(Tensor<1, Int>, Tensor<1>), Error>| result.unwrap_err().to_string();
    assert_eq!(error(flex::nearest(&unfit, &book)), error(portable::nearest(&unfit, &book)));
    assert_eq!(error(flex::nearest(&book, &unfit)), error(portable::nearest(&book, &unfit)));
    let none = || Tensor::<2>::zeros([0, 64], &Device::flex());
    assert_eq!(error(flex::nearest(&book, &none())), error(portable::nearest(&book, &none())));
}
