//! Independent Bernoulli variables: the likelihood of binary data.

use crate::ops;
use crate::tensor::{at_least_single, restored};
use burn::tensor::Tensor;

/// Log-probability in nats of binary data over the last axis, from log-odds.
///
/// ```text
/// ln p(x) = Σᵢ xᵢ lᵢ − softplus(lᵢ)
/// ```
///
/// The decoder's term in the ELBO of binary data (Kingma and Welling 2014, appendix C.1). Differentiable in the logits;
/// `x` is data. Finite for finite logits; NaN in gives NaN out. Runs as a fused kernel on Burn's Flex backend, and as
/// Burn operations elsewhere.
///
/// # Shapes
/// `logits` `[.., P]` to `[.., 1]`. `x` has the same shape, or leading axes of 1 along which it is repeated: `[1, B, P]`
/// for logits `[S, B, P]`.
///
/// # Panics
/// If the shapes do not match.
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
    let logits = at_least_single(logits);
    let x = x.inner().cast(logits.dtype());
    restored(ops::bernoulli_log_prob(logits, x), dtype)
}

/// Leading axes of `x` may be 1; from the first that is not, the shapes must be equal.
fn check_shapes<const D: usize>(logits: [usize; D], x: [usize; D]) {
    let repeated = x.iter().take_while(|&&size| size == 1).count().min(D - 1);
    assert_eq!(logits[repeated..], x[repeated..], "data of shape {x:?} for logits of shape {logits:?}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{DType, Device};

    #[test]
    fn every_float_type_is_supported() {
        for dtype in [DType::F64, DType::F16, DType::BF16] {
            let logits = Tensor::<2>::zeros([1, 4], (&Device::flex(), dtype));
            let value = log_prob(logits.clone(), logits);
            assert_eq!(value.dtype(), dtype);
            assert!((value.cast(DType::F32).into_scalar::<f32>() + 4.0 * 2f32.ln()).abs() < 0.02);
        }
    }

    #[test]
    #[should_panic(expected = "data of shape [3, 4] for logits of shape [2, 4]")]
    fn mismatched_shapes_panic() {
        let zeros = |rows| Tensor::<2>::zeros([rows, 4], &Device::flex());
        log_prob(zeros(2), zeros(3));
    }
}
