//! The gradient of an objective at a sample, inside an estimate.
//!
//! Burn differentiates a graph once. So an estimator whose cotangent depends on ∇f evaluates f twice: here, at
//! detached leaves and with a backward pass of its own, and again for the loss.

use super::super::contract::{Objective, Sample};
use burn::tensor::Tensor;

/// `f` and `∂f/∂z` at a sample, `[S, B]` and `[S, B, D, K]`, both detached.
pub(in super::super) fn gradient(objective: &Objective, sample: Sample) -> (Tensor<2>, Tensor<4>) {
    let tracked_z = sample.z.is_autodiff();
    let z = sample.z.inner().autodiff().require_grad();
    let losses = objective.losses(&Sample { z: z.clone(), ..sample });
    // A loss that does not depend on z still has a gradient: zero.
    let tracked = losses.clone().sum() + (z.clone() * 0.0).sum();
    let gradient = z.grad(&tracked.backward()).expect("z is tracked");
    if tracked_z { (losses.detach(), gradient.autodiff()) } else { (losses.inner(), gradient) }
}
