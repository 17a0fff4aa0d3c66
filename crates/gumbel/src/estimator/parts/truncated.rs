//! Gumbel numbers given the largest of them, in double precision on the host.

use std::f64::consts::LN_2;

/// The Gumbel `key` as it is when the largest of its family is `bound` where it was `largest`:
/// `−ln(e^−bound − e^−largest + e^−key)`.
///
/// Kool, van Hoof and Welling 2019, appendix B.3. The largest becomes the bound bit for bit; `-inf` stays.
pub(crate) fn below(key: f64, largest: f64, bound: f64) -> f64 {
    bound - drop_below(key, largest, bound)
}

/// `bound − below(key, largest, bound)`, which is never negative, and does not change if a number is added to all three.
pub(crate) fn drop_below(key: f64, largest: f64, bound: f64) -> f64 {
    let gap = bound - key + log_one_minus_exp(key - largest);
    gap.max(0.0) + (-gap.abs()).exp().ln_1p()
}

/// `ln(1 − eᵃ)` for a ≤ 0, by the form that is accurate on each side of −ln 2 (Mächler 2012).
pub(crate) fn log_one_minus_exp(a: f64) -> f64 {
    if a > -LN_2 { (-a.exp_m1()).ln() } else { (-a.exp()).ln_1p() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_becomes_the_bound_and_a_mask_stays() {
        for (largest, bound) in [(1.5, -700.0), (-3.0, 40.0), (0.1, 0.1), (1e6, -1e6)] {
            assert_eq!(below(largest, largest, bound), bound);
            assert_eq!(below(f64::NEG_INFINITY, largest, bound), f64::NEG_INFINITY);
        }
    }

    /// (key, largest, bound, −ln(e^−bound − e^−largest + e^−key)): mpmath 1.3 at 60 digits.
    const GOLDEN: [(f64, f64, f64, f64); 6] = [
        (0.5, 1.0, 2.0, 0.9835355737221175),
        (0.5, 1.0, -30.0, -30.00000000000002),
        (-3.0, 2.0, 1.0, -3.0115111832668884),
        (0.999999999, 1.0, 0.25, 0.24999999952763347),
        (-40.0, 3.0, 0.5, -40.0),
        (5.0, 8.0, 60.0, 5.051069180942702),
    ];

    #[test]
    fn shifted_keys_match_sixty_digits() {
        for (key, largest, bound, expected) in GOLDEN {
            let found = below(key, largest, bound);
            assert!((found - expected).abs() <= 4e-15 * expected.abs(), "{found} for {expected}");
        }
    }
}
