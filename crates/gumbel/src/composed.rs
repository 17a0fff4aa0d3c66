//! The same samples from Burn's own operations, for backends without a fused kernel.

use crate::relax::Form;
use crate::{Error, Noise};
use burn::tensor::{DType, Element, Int, Shape, Tensor, TensorData, activation};
use gumbel_kernels::{self as kernels, Real, Stream};

/// Half precision is computed in single: 128 distinct noise values would let ties decide.
pub(crate) fn at_least_single<const D: usize>(logits: Tensor<D>) -> Tensor<D> {
    match logits.dtype() {
        DType::F32 | DType::F64 => logits,
        _ => logits.cast(DType::F32),
    }
}

/// See [`crate::gumbel_softmax`], [`crate::log_gumbel_softmax`] and [`crate::straight_through`].
pub(crate) fn relaxed<const D: usize>(
    logits: Tensor<D>,
    tau: f64,
    stream: Stream,
    form: Form,
) -> Result<Tensor<D>, Error> {
    let keys = perturbed(logits, stream)?;
    // Dividing the gap to the largest keeps every temperature from overflowing.
    let gaps = (keys.clone() - keys.clone().detach().max_dim(D - 1)) / tau;
    Ok(match form {
        Form::Soft => activation::softmax(gaps, D - 1),
        Form::Log => activation::log_softmax(gaps, D - 1),
        Form::StraightThrough => {
            let soft = activation::softmax(gaps, D - 1);
            let hard = scatter_one(soft.zeros_like().detach(), keys.argmax(D - 1));
            attach(hard, soft)
        }
    })
}

/// See [`crate::gumbel_max`].
pub(crate) fn gumbel_max<const D: usize>(logits: Tensor<D>, stream: Stream) -> Result<Tensor<D, Int>, Error> {
    Ok(perturbed(logits, stream)?.argmax(D - 1))
}

/// One-hot rows: a one at each index `[.., 1]` of `zeros` `[.., K]`.
pub(crate) fn scatter_one<const D: usize>(zeros: Tensor<D>, index: Tensor<D, Int>) -> Tensor<D> {
    let ones = Tensor::ones(index.dims(), (&zeros.device(), zeros.dtype()));
    zeros.scatter(D - 1, index, ones, burn::tensor::IndexingUpdateOp::Add)
}

/// Back in the type that the caller's logits have.
pub(crate) fn restored<const D: usize>(sample: Tensor<D>, dtype: DType) -> Tensor<D> {
    if sample.dtype() == dtype { sample } else { sample.cast(dtype) }
}

/// What a kernel made of `like`, as a tensor of the same shape on the same device.
pub(crate) fn shaped_like<const D: usize>(like: &Tensor<D>, data: TensorData) -> Tensor<D> {
    Tensor::<1>::from_data(data, (&like.device(), like.dtype())).reshape(like.dims())
}

/// The hard value with the gradient of the soft one: the bracket is exactly zero, so the sum is bitwise hard.
pub(crate) fn attach<const D: usize>(hard: Tensor<D>, soft: Tensor<D>) -> Tensor<D> {
    hard + (soft.clone() - soft.detach())
}

/// `θ + g`, in single precision at least.
pub(crate) fn perturbed_by<const D: usize>(logits: Tensor<D>, noise: &mut Noise) -> Result<Tensor<D>, Error> {
    let logits = at_least_single(logits);
    let stream = noise.take(logits.shape().num_elements());
    perturbed(logits, stream)
}

fn perturbed<const D: usize>(logits: Tensor<D>, stream: Stream) -> Result<Tensor<D>, Error> {
    check(&logits)?;
    let noise = match logits.dtype() {
        DType::F64 => gumbel::<f64>(stream, logits.shape()),
        _ => gumbel::<f32>(stream, logits.shape()),
    };
    Ok(logits.clone() + Tensor::from_data(noise, (&logits.device(), logits.dtype())))
}

fn gumbel<T: Real + Element>(stream: Stream, shape: Shape) -> TensorData {
    let mut noise = vec![T::zero(); shape.num_elements()];
    kernels::noise::gumbel(stream, &mut noise);
    TensorData::new(noise, shape)
}

/// Reads back two flags; the logits themselves only if one of them is unfit.
pub(crate) fn check<const D: usize>(logits: &Tensor<D>) -> Result<(), Error> {
    let logits = logits.clone().inner();
    let largest = logits.clone().max_dim(D - 1);
    let unfit =
        largest.is_inf().any().into_scalar::<bool>() || logits.clone().is_nan().any().into_scalar::<bool>();
    if unfit {
        let (k, rows) = (logits.dims()[D - 1], logits.shape().num_elements() / logits.dims()[D - 1].max(1));
        let values = logits.cast(DType::F32).into_data().try_to_vec::<f32>().expect("cast to f32");
        kernels::log_sum_exp(&values, k, &mut vec![0.0; rows])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    //! The fused kernels against these compositions: values and gradients, for the same noise.

    use super::*;
    use crate::fused;
    use burn::tensor::Device;

    const FORMS: [Form; 3] = [Form::Soft, Form::Log, Form::StraightThrough];

    /// Logits, noise and cotangents for a shape, from the noise itself; every seventh logit is masked.
    fn setting<const D: usize>(shape: [usize; D], dtype: DType) -> (TensorData, Tensor<D>, Noise) {
        let mut noise = Noise::from_seed(5);
        let device = Device::flex();
        let mut logits = noise.logistic::<D>(shape, &device).into_data().try_to_vec::<f32>().unwrap();
        logits.iter_mut().skip(3).step_by(7).for_each(|logit| *logit = f32::NEG_INFINITY);
        let cotangent = noise.logistic::<D>(shape, &device).cast(dtype);
        (TensorData::new(logits, shape), cotangent, noise)
    }

    fn gradient<const D: usize>(
        logits: &TensorData,
        cotangent: &Tensor<D>,
        dtype: DType,
        sample: impl Fn(Tensor<D>) -> Tensor<D>,
    ) -> (Vec<f64>, Vec<f64>) {
        let logits = Tensor::from_data(logits.clone(), (&Device::flex().autodiff(), dtype)).require_grad();
        let value = sample(logits.clone());
        // An infinite log-probability times a zero cotangent would be NaN in this test's own loss.
        let loss = value.clone().mask_fill(value.clone().is_inf(), 0.0) * cotangent.clone();
        let gradient = logits.grad(&loss.sum().backward()).expect("a gradient");
        (numbers(value.inner()), numbers(gradient))
    }

    fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
        tensor.into_data().convert::<f64>().try_to_vec().expect("converted")
    }

    fn assert_close(fused: &[f64], composed: &[f64], tolerance: f64, what: &str) {
        for (index, (a, b)) in fused.iter().zip(composed).enumerate() {
            let close = a == b || (a - b).abs() <= tolerance * (1.0 + b.abs());
            assert!(close, "{what}, element {index}: fused {a}, composed {b}");
        }
    }

    fn compare<const D: usize>(shape: [usize; D], dtype: DType, tau: f64, tolerance: f64) {
        let (logits, cotangent, noise) = setting(shape, dtype);
        for form in FORMS {
            let fused = gradient(&logits, &cotangent, dtype, |logits| {
                assert!(fused::rows(&logits).is_some());
                crate::relax::relaxed(logits, tau, &mut noise.clone(), form).expect("valid logits")
            });
            let composed = gradient(&logits, &cotangent, dtype, |logits| {
                relaxed(logits, tau, noise.stream(), form).expect("valid logits")
            });
            let what = format!("{form:?} {shape:?} {dtype:?} tau {tau}");
            assert_close(&fused.0, &composed.0, tolerance, &format!("value of {what}"));
            assert_close(&fused.1, &composed.1, tolerance / tau.min(1.0), &format!("gradient of {what}"));
        }
    }

    #[test]
    fn fused_and_composed_agree_in_value_and_gradient_for_every_rank_and_form() {
        for tau in [0.1, 1.0, 5.0] {
            compare([6], DType::F32, tau, 2e-5);
            compare([4, 5], DType::F32, tau, 2e-5);
            compare([2, 3, 4, 3], DType::F32, tau, 2e-5);
            // Burn divides by a scalar rounded to single precision in its backward pass.
            compare([4, 5], DType::F64, tau, 1e-7);
        }
    }

    #[test]
    fn fused_and_composed_argmax_agree() {
        let (logits, _, noise) = setting([50, 9], DType::F32);
        let logits = Tensor::<2>::from_data(logits, &Device::flex());
        let fused = crate::gumbel_max(logits.clone(), &mut noise.clone()).expect("valid logits");
        let composed = gumbel_max(logits, noise.stream()).expect("valid logits");
        assert_eq!(fused.into_data(), composed.into_data());
    }

    #[test]
    fn the_composed_path_refuses_what_the_fused_one_refuses() {
        let device = Device::flex();
        for unfit in [f32::NAN, f32::INFINITY] {
            let logits = Tensor::<2>::from_floats([[0.0, 1.0], [unfit, 0.0]], &device);
            let composed = gumbel_max(logits.clone(), Noise::from_seed(0).stream()).unwrap_err();
            let fused = crate::gumbel_max(logits, &mut Noise::from_seed(0)).unwrap_err();
            assert_eq!(composed.to_string(), fused.to_string());
            assert!(fused.to_string().contains("row 1, column 0"), "{fused}");
        }
        let masked = Tensor::<2>::full([1, 3], f32::NEG_INFINITY, &device);
        assert!(gumbel_max(masked, Noise::from_seed(0).stream()).unwrap_err().to_string().contains("row 0"));
    }
}
