//! Activations of a network as fused kernels: on Burn's Flex backend its own take one number at a time from the platform's
//! library, which was 43 % of a training step of a recurrent generator.

use crate::ops;
use burn::tensor::Tensor;

/// The hyperbolic tangent of each number; NaN in gives NaN out.
///
/// Within 3 ulp in single precision on Burn's Flex backend; Burn's operation elsewhere.
///
/// # Shapes
/// Any, which the result has too.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let x = Tensor::<1>::from_floats([0.5], &Device::flex().autodiff()).require_grad();
/// let y = gumbel::activation::tanh(x.clone());
/// assert!((y.clone().into_scalar::<f32>() - 0.46211717).abs() < 1e-7);
/// let slope = x.grad(&y.backward()).expect("a gradient").into_scalar::<f32>();
/// assert!((slope - 0.7864477).abs() < 1e-6); // 1 − tanh²
/// ```
pub fn tanh<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    ops::tanh(x)
}

/// The logistic function `σ(x) = 1 / (1 + e^−x)` of each number; NaN in gives NaN out.
///
/// Within 3 ulp in single precision on Burn's Flex backend; Burn's operation elsewhere.
///
/// # Shapes
/// Any, which the result has too.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let x = Tensor::<1>::from_floats([0.0], &Device::flex().autodiff()).require_grad();
/// let y = gumbel::activation::sigmoid(x.clone());
/// assert_eq!(y.clone().into_scalar::<f32>(), 0.5);
/// assert_eq!(x.grad(&y.backward()).expect("a gradient").into_scalar::<f32>(), 0.25); // σ (1 − σ)
/// ```
#[doc(alias = "logistic")]
pub fn sigmoid<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    ops::sigmoid(x)
}
