//! Independent Bernoulli variables: the likelihood of binary data.

use crate::fused::{self, Kernel, Number, Output, Vjp};
use crate::{Error, composed};
use burn::tensor::{Tensor, TensorData, activation};
use burn_flex::FlexTensor;
use gumbel_kernels as kernels;

/// `ln p(x)` over the last axis, from log-odds: `Σᵢ xᵢ lᵢ − softplus(lᵢ)`.
///
/// The decoder's term of an ELBO of binary data. Differentiable in the logits; `x` is data. Finite for any finite
/// logit; a NaN gives NaN. Fused on the Flex backend.
///
/// # Shapes
/// `logits` `[.., P]` to `[.., 1]`. `x` has the same shape, or leading axes of 1 over which it is repeated: `[1, B, P]`
/// against logits `[S, B, P]`.
///
/// # Panics
/// If the shapes do not go together.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let device = Device::flex().autodiff();
/// let logits = Tensor::<2>::from_floats([[0.0, 3f32.ln()]], &device).require_grad();
/// let x = Tensor::from_floats([[1.0, 0.0]], &device);
/// let log_likelihood = gumbel::bernoulli::log_prob(logits.clone(), x);
/// assert!((log_likelihood.clone().into_scalar::<f32>() - 0.125f32.ln()).abs() < 1e-6); // 1/2 · 1/4
/// let gradient = logits.grad(&log_likelihood.backward()).unwrap();
/// let gradient = gradient.into_data().try_to_vec::<f32>().unwrap();
/// assert!((gradient[0] - 0.5).abs() < 1e-6 && (gradient[1] + 0.75).abs() < 1e-6); // x − σ(l)
/// ```
pub fn log_prob<const D: usize>(logits: Tensor<D>, x: Tensor<D>) -> Tensor<D> {
    check_shapes(logits.dims(), x.dims());
    let dtype = logits.dtype();
    let logits = composed::at_least_single(logits);
    let x = x.inner().cast(logits.dtype());
    let value = match (fused::rows(&logits), fused::rows(&x)) {
        (Some(rows), Some(data)) => {
            let [value] = rows.run(&LogProb { x: &data.tensor }).expect("rows of at least one number");
            let mut shape = logits.dims();
            shape[D - 1] = 1;
            let value =
                Tensor::<1>::from_data(value, (&logits.device().inner(), logits.dtype())).reshape(shape);
            fused::tie(logits.clone(), value, logits.inner(), Vjp::Bernoulli { x: data.tensor })
        }
        _ => composed_log_prob(logits, x),
    };
    if value.dtype() == dtype { value } else { value.cast(dtype) }
}

fn composed_log_prob<const D: usize>(logits: Tensor<D>, x: Tensor<D>) -> Tensor<D> {
    (x * logits.clone() - activation::softplus(logits, 1.0)).sum_dim(D - 1)
}

/// Leading axes of `x` may be 1; from the first that is not, the shapes must be equal.
fn check_shapes<const D: usize>(logits: [usize; D], x: [usize; D]) {
    let repeated = x.iter().take_while(|&&size| size == 1).count().min(D - 1);
    assert_eq!(logits[repeated..], x[repeated..], "data of shape {x:?} for logits of shape {logits:?}");
}

struct LogProb<'a> {
    x: &'a FlexTensor,
}

impl Kernel<1> for LogProb<'_> {
    fn run<T: Number>(&self, logits: &[T], k: usize) -> Result<Output<1>, Error> {
        let mut out = vec![T::zero(); logits.len() / k.max(1)];
        kernels::bernoulli_log_prob(logits, fused::slice(self.x), k, &mut out)?;
        let length = out.len();
        Ok([TensorData::new(out, [length])])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Noise;
    use burn::tensor::{DType, Device};

    #[test]
    fn fused_and_composed_agree_in_value_and_gradient_with_data_shared_by_samples() {
        let mut noise = Noise::from_seed(4);
        let logits = noise.logistic::<3>([3, 2, 50], &Device::flex());
        let x = noise.uniform::<3>([1, 2, 50], &Device::flex()).greater_elem(0.6).float();
        let upstream = noise.logistic::<3>([3, 2, 1], &Device::flex());
        let both = |log_prob: fn(Tensor<3>, Tensor<3>) -> Tensor<3>| {
            let leaf = logits.clone().autodiff().require_grad();
            let value = log_prob(leaf.clone(), x.clone());
            let gradient =
                leaf.grad(&(value.clone() * upstream.clone()).sum().backward()).expect("a gradient");
            [value.inner(), gradient]
        };
        for (fused, composed) in both(log_prob).into_iter().zip(both(composed_log_prob)) {
            let difference = (fused - composed).abs().max().into_scalar::<f32>();
            assert!(difference < 2e-5, "{difference}");
        }
    }

    #[test]
    fn every_float_type_is_served() {
        for dtype in [DType::F64, DType::F16, DType::BF16] {
            let logits = Tensor::<2>::zeros([1, 4], (&Device::flex(), dtype));
            let value = log_prob(logits.clone(), logits);
            assert_eq!(value.dtype(), dtype);
            assert!((value.cast(DType::F32).into_scalar::<f32>() + 4.0 * 2f32.ln()).abs() < 0.02);
        }
    }

    #[test]
    #[should_panic(expected = "data of shape [3, 4] for logits of shape [2, 4]")]
    fn shapes_that_do_not_go_together_are_a_mistake() {
        let zeros = |rows| Tensor::<2>::zeros([rows, 4], &Device::flex());
        log_prob(zeros(2), zeros(3));
    }
}
