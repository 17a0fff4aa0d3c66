//! Differentiable functions that stay accurate where the textbook form loses digits.

use burn::tensor::{Tensor, activation};
use std::f64::consts::LN_2;

/// `ln(eᵃ + eᵇ)`.
pub(super) fn log_add_exp<const D: usize>(a: Tensor<D>, b: Tensor<D>) -> Tensor<D> {
    let b = b.expand(a.shape());
    let gap = (a.clone() - b.clone()).abs().neg();
    a.max_pair(b) + gap.exp().log1p()
}

/// `ln Σ exp` over the last axis; `-inf` where every term is `-inf`.
pub(super) fn log_sum_exp<const D: usize>(a: Tensor<D>) -> Tensor<D> {
    let largest = a.clone().detach().max_dim(D - 1);
    let empty = largest.clone().equal_elem(f32::NEG_INFINITY);
    let largest = largest.mask_fill(empty, 0.0);
    (a - largest.clone()).exp().sum_dim(D - 1).log() + largest
}

/// `ln(1 − e⁻ᵃ)` for a > 0, by the form that is accurate on each side of ln 2 (Mächler 2012). Burn has no `expm1`, but
/// `1 − e⁻ᵃ` is `2 e^(−a/2) sinh(a/2)`.
pub(super) fn log_one_minus_exp<const D: usize>(a: Tensor<D>) -> Tensor<D> {
    let small = a.clone().lower_elem(LN_2);
    let half = a.clone().mask_fill(small.clone().bool_not(), 0.5) * 0.5;
    let near = sinh(half.clone()).log() - half + LN_2;
    let far = a.mask_fill(small.clone(), 1.0).neg().exp().neg().log1p();
    far.mask_where(small, near)
}

/// `sinh a` for |a| ≤ 1/2, by its series; the first omitted term is below 1e-16.
fn sinh<const D: usize>(a: Tensor<D>) -> Tensor<D> {
    let square = a.clone() * a.clone();
    let terms = [110.0, 72.0, 42.0, 20.0, 6.0];
    let series =
        terms.into_iter().fold(a.ones_like(), |series, term| series * square.clone() * (1.0 / term) + 1.0);
    a * series
}

/// `u + e⁻ᵘ − 1`, which is never negative: the excess of the exponential over its tangent, from which small divergences
/// are made without a difference of almost equal numbers.
pub(super) fn excess<const D: usize>(u: Tensor<D>) -> Tensor<D> {
    let small = u.clone().abs().lower_elem(0.25);
    // The branch that is not selected must be finite too: its gradient is multiplied by zero.
    let near = u.clone().mask_fill(small.clone().bool_not(), 0.0);
    // u²/2 − u³/6 + …; the first omitted term is below 1e-17 of the first.
    let step = |series: Tensor<D>, n: i32| series * near.clone() * (-1.0 / f64::from(n)) + 1.0;
    let series = (3..=14).rev().fold(near.ones_like(), step);
    let far = u.mask_fill(small.clone(), 1.0);
    let large = far.clone() + far.neg().exp() - 1.0;
    large.mask_where(small, near.square() * 0.5 * series)
}

/// `a coth a − 1`, which is 0 at zero.
pub(super) fn a_coth_a_less_one<const D: usize>(a: Tensor<D>) -> Tensor<D> {
    let small = a.clone().abs().lower_elem(1.0);
    // The branch that is not selected must be finite too: its gradient is multiplied by zero.
    let square = a.clone().mask_fill(small.clone().bool_not(), 0.0).square();
    // (a cosh a − sinh a) / sinh a, each divided by a: Σ 2n a²ⁿ / (2n + 1)! over Σ a²ⁿ / (2n + 1)!. Nothing cancels.
    let step =
        |series: Tensor<D>, n: i32| series * square.clone() * (1.0 / f64::from(2 * n * (2 * n + 1))) + 1.0;
    let sinh = (1..=9).rev().fold(square.ones_like(), step);
    let step =
        |series: Tensor<D>, n: i32| series * square.clone() * (1.0 / f64::from(2 * n * (2 * n + 3))) + 1.0;
    let difference = (1..=8).rev().fold(square.ones_like(), step) * square.clone() * (1.0 / 3.0);
    let large = a.mask_fill(small.clone(), 1.0);
    (large.clone() / activation::tanh(large) - 1.0).mask_where(small, difference / sinh)
}
