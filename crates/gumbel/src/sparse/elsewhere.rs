//! The gradient from Burn's operations, for backends without a fused kernel.

use burn::tensor::Tensor;

/// `y`, which is the entmax of `logits`, with its gradient: an expression in the logits that is exactly zero and has
/// the derivative of the projection, `(diag s − s sᵀ / Σ s) / τ` with `s = y^(2 − α)` on the support.
pub(super) fn tie<const D: usize>(logits: Tensor<D>, y: Tensor<D>, alpha: f64, tau: f64) -> Tensor<D> {
    let outside = y.clone().equal_elem(0.0);
    let slope = y.clone().powf_scalar(2.0 - alpha).mask_fill(outside.clone(), 0.0);
    // Masks are outside: −∞ less itself would be NaN.
    let logits = logits.mask_fill(outside, 0.0);
    let change = logits.clone() - logits.detach();
    let mean = (slope.clone() * change.clone()).sum_dim(D - 1) / slope.clone().sum_dim(D - 1);
    y + slope * (change - mean) / tau
}

#[cfg(test)]
mod tests {
    use crate::Noise;
    use burn::tensor::{Device, Tensor};

    /// The gradient of `Σ d · y`, by the kernel and by the expression, beside the values.
    fn both(alpha: f64, tau: f64) -> [[Vec<f32>; 2]; 2] {
        let (mut noise, device) = (Noise::from_seed(5), Device::flex());
        let mut start = noise.logistic::<2>([4, 9], &device).into_data().try_to_vec::<f32>().unwrap();
        start.iter_mut().step_by(5).for_each(|logit| *logit = f32::NEG_INFINITY);
        let d = noise.logistic::<2>([4, 9], &device);
        [false, true].map(|composed| {
            let leaf = Tensor::<1>::from_floats(start.as_slice(), &device.clone().autodiff());
            let leaf = leaf.reshape([4, 9]).detach().require_grad();
            let y = crate::sparse::entmax(leaf.clone(), alpha, tau).unwrap();
            let y = if composed { super::tie(leaf.clone(), y.detach(), alpha, tau) } else { y };
            let slopes = leaf.grad(&(y.clone() * d.clone()).sum().backward()).expect("a gradient");
            [y.inner(), slopes].map(|tensor| tensor.into_data().try_to_vec().unwrap())
        })
    }

    #[test]
    fn the_expression_has_the_gradient_of_the_kernel_and_keeps_the_value() {
        for alpha in [1.0, 1.3, 1.5, 2.0, 3.0] {
            for tau in [0.2, 1.0, 5.0] {
                let [[fused, slopes], [composed, others]] = both(alpha, tau);
                assert_eq!(fused, composed, "alpha {alpha}, tau {tau}");
                for (a, b) in slopes.iter().zip(&others) {
                    let close = (a - b).abs() < 1e-5 * (1.0 + a.abs()) / tau.min(1.0) as f32;
                    assert!(close, "alpha {alpha}, tau {tau}: fused {a}, composed {b}");
                }
            }
        }
    }
}
