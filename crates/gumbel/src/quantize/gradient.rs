//! The gradient that passes through a quantiser: a code is a constant almost everywhere in its input.

use crate::tensor::attach;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// The gradient that the input of a quantiser receives from its output.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::quantize::CodeGradient;
/// let x = Tensor::<2>::from_floats([[1.0, 0.0]], &Device::flex().autodiff()).require_grad();
/// let code = Tensor::<2>::from_floats([[0.0, 2.0]], &Device::flex());
/// let values = CodeGradient::Rotation.attach(x.clone(), code);
/// assert_eq!(values.clone().inner().into_data().try_to_vec::<f32>().unwrap(), [0.0, 2.0]);
/// let cotangent = Tensor::from_floats([[3.0, 5.0]], &Device::flex());
/// let gradient = x.grad(&(values * cotangent).sum().backward()).unwrap().into_data().try_to_vec::<f32>().unwrap();
/// assert!((gradient[0] - 10.0).abs() < 1e-4 && (gradient[1] + 6.0).abs() < 1e-4); // a quarter turn back, times 2
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CodeGradient {
    /// The gradient of the identity: the input receives what the output receives (van den Oord, Vinyals and Kavukcuoglu
    /// 2017, section 3.2).
    #[default]
    StraightThrough,
    /// The gradient of the rotation and scaling that map the input to its code, both held constant (the rotation trick;
    /// Fifty et al. 2025, section 4.2).
    ///
    /// It keeps the angle between gradient and code: inputs far from their code are moved around or together with it and not
    /// alongside. An input of zero, which has no direction, receives the straight-through gradient.
    Rotation,
}

impl CodeGradient {
    /// Returns the codes, bit for bit, as a function of the inputs with this gradient.
    ///
    /// ```text
    /// rotation: q = λ (I − 2 r rᵀ + 2 q̂ x̂ᵀ) x,   λ = |q| / |x|,   r = (x̂ + q̂) / |x̂ + q̂|
    /// ```
    ///
    /// # Shapes
    /// `x`, `codes` `[N, W]` to `[N, W]`.
    pub fn attach(self, x: Tensor<2>, codes: Tensor<2>) -> Tensor<2> {
        let codes = codes.detach();
        match self {
            _ if !x.is_autodiff() => codes.inner(),
            Self::StraightThrough => attach(codes, x),
            Self::Rotation => attach(codes.clone(), rotated(x, codes.inner())),
        }
    }
}

/// The rotation and scaling from `x` to `codes`, applied to `x` and held constant.
fn rotated(x: Tensor<2>, codes: Tensor<2>) -> Tensor<2> {
    let (norm, from) = polar(x.clone().inner());
    let (length, to) = polar(codes);
    let still = norm.clone().equal_elem(0.0);
    let scale = (length / norm.mask_fill(still.clone(), 1.0)).mask_fill(still.clone(), 1.0);
    // Opposite directions leave no plane to rotate in; without this axis the map is a reflection.
    let (_, axis) = polar(from.clone() + to.clone());
    let axis = axis.mask_fill(still.expand(from.dims()), 0.0);
    let [from, to, axis] = [from, to, axis].map(Tensor::autodiff);
    let along = |direction: &Tensor<2>| (x.clone() * direction.clone()).sum_dim(1);
    (x.clone() - axis.clone() * along(&axis) * 2.0 + to * along(&from) * 2.0) * scale.autodiff()
}

/// The norm `[N, 1]` and the direction `[N, W]` of each row; both 0 for a row of zeros.
pub(super) fn polar(x: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
    // Squares of the largest and the smallest numbers are out of range.
    let largest = x.clone().detach().abs().max_dim(1);
    let zero = largest.clone().equal_elem(0.0);
    let largest = largest.mask_fill(zero.clone(), 1.0);
    let scaled = x / largest.clone();
    let norm = scaled.clone().square().sum_dim(1).mask_fill(zero.clone(), 1.0).sqrt();
    let direction = scaled / norm.clone();
    ((norm * largest).mask_fill(zero, 0.0), direction)
}
