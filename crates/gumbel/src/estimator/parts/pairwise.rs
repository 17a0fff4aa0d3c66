//! Estimates from pairs of samples, each weighted to correct for the joint distribution of the pair.

use burn::tensor::Tensor;

/// `Σ_{s<t} w_st (f_s − f_t)(z_s − z_t)`, `[B, D, K]`, of samples `z` `[S, B, D, K]`, losses `[S, B]` and symmetric
/// weights `[S, S, B, D]` (or with 1 for D). Exactly zero at masked categories, and for a constant f.
pub(in super::super) fn cotangent(z: Tensor<4>, losses: Tensor<2>, weights: Tensor<4>) -> Tensor<3> {
    let [samples, rows] = losses.dims();
    let losses = losses.detach();
    let gaps: Tensor<4> =
        losses.clone().reshape([samples, 1, rows, 1]) - losses.reshape([1, samples, rows, 1]);
    let signal = (gaps * weights).sum_dim(1).squeeze_dim::<3>(1).unsqueeze_dim::<4>(3);
    (signal * z).sum_dim(0).squeeze_dim(0)
}

/// The mean over all samples but one's own, `[S, …]`.
pub(in super::super) fn mean_of_others<const D: usize>(values: Tensor<D>) -> Tensor<D> {
    let others = values.dims()[0] - 1;
    (values.clone().sum_dim(0) - values) / others as f64
}
