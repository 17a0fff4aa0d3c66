//! Functions that keep their digits where the textbook form loses them. All are differentiable.

use burn::tensor::{Tensor, activation};

/// `ln(eᵃ + eᵇ)`.
pub(super) fn log_add_exp<const D: usize>(a: Tensor<D>, b: Tensor<D>) -> Tensor<D> {
    let b = b.expand(a.shape());
    let gap = (a.clone() - b.clone()).abs().neg();
    a.max_pair(b) + gap.exp().log1p()
}

/// `ln Σ exp` over the last axis, `-inf` where there is nothing to add.
pub(super) fn log_sum_exp<const D: usize>(a: Tensor<D>) -> Tensor<D> {
    let largest = a.clone().detach().max_dim(D - 1);
    let empty = largest.clone().equal_elem(f32::NEG_INFINITY);
    let largest = largest.mask_fill(empty, 0.0);
    (a - largest.clone()).exp().sum_dim(D - 1).log() + largest
}

/// `ln(1 − e⁻ᵃ)` for a > 0: by the form that is accurate on each side of ln 2 (Mächler 2012).
pub(super) fn log_one_minus_exp<const D: usize>(a: Tensor<D>) -> Tensor<D> {
    let small = a.clone().lower_elem(std::f64::consts::LN_2);
    let near = exp_minus_one(a.clone().mask_fill(small.clone().bool_not(), 1.0).neg()).neg().log();
    let far = a.mask_fill(small.clone(), 1.0).neg().exp().neg().log1p();
    far.mask_where(small, near)
}

/// `eᵃ − 1`, which Burn does not have: `2 eᵃᐟ² sinh(a/2)` near zero.
pub(super) fn exp_minus_one<const D: usize>(a: Tensor<D>) -> Tensor<D> {
    let small = a.clone().abs().lower_elem(1.0);
    let half = a.clone().mask_fill(small.clone().bool_not(), 0.0) * 0.5;
    let near = half.clone().exp() * sinh(half) * 2.0;
    (a.exp() - 1.0).mask_where(small, near)
}

/// `sinh a` for |a| ≤ 1/2, by its series: the next term is below 1e-16.
fn sinh<const D: usize>(a: Tensor<D>) -> Tensor<D> {
    let square = a.clone() * a.clone();
    let terms = [110.0, 72.0, 42.0, 20.0, 6.0];
    let series = terms.into_iter().fold(a.ones_like(), |series, term| series * square.clone() / term + 1.0);
    a * series
}

/// `a coth a`, which is 1 at zero.
pub(super) fn a_coth_a<const D: usize>(a: Tensor<D>) -> Tensor<D> {
    let small = a.clone().abs().lower_elem(0.05);
    let square = a.clone() * a.clone();
    // 1 + a²/3 − a⁴/45 + 2a⁶/945 − a⁸/4725
    let series = (square.clone() / -4725.0 + 2.0 / 945.0) * square.clone() - 1.0 / 45.0;
    let series = (series * square.clone() + 1.0 / 3.0) * square + 1.0;
    let large = a.mask_fill(small.clone(), 1.0);
    (large.clone() / activation::tanh(large)).mask_where(small, series)
}
