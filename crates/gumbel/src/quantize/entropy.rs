//! Entropies of soft choices, and what is missing to the largest.

use burn::tensor::Tensor;

/// The entropy of each row of log-probabilities, `[N, K]` to `[N, 1]`; `-inf` is a probability of 0.
pub(super) fn entropy_of_rows(log_q: Tensor<2>) -> Tensor<2> {
    let absent = log_q.clone().equal_elem(f32::NEG_INFINITY);
    let log_q = log_q.mask_fill(absent.clone(), 0.0);
    (log_q.clone().exp() * log_q).mask_fill(absent, 0.0).sum_dim(1).neg()
}

/// `ln K − H(mean of the rows)` of probabilities `[N, K]`: 0 if all codes are used equally, ln K if one is. `[1]`.
pub(super) fn diversity(q: Tensor<2>) -> Tensor<1> {
    let most = (q.dims()[1] as f64).ln();
    let mean = q.mean_dim(0);
    // A logarithm of 0 would be NaN times 0; the derivative at a share that underflows is that at the smallest.
    let log = mean.clone().clamp_min(f32::MIN_POSITIVE).log();
    (mean * log).sum() + most
}
