//! The density integrates to one; common misprints of its constant do not.

use super::triangle::{expectation, integral, log_space_density};
use super::{Claim, ClaimRow, Figure, Finding, Sampling, Within, tuple};
use crate::page::{LineChart, Series};
use anyhow::Result;
use gumbel_kernels::{
    binary_concrete_log_prob, binary_concrete_unit_log_prob, categorical, concrete_log_prob,
};

pub(super) const CLAIM: Claim =
    Claim { name: "density", title: "The density has a closed form and integrates to one", compute };

const SKEWED: [f64; 3] = [2.0, 1.0, 0.5];
const TAUS: [f64; 5] = [0.1, 0.5, 0.7, 1.0, 5.0];

/// Weights, temperature, point, and the log-density at the point in 30-digit arithmetic.
type Golden = (&'static [f64], f64, &'static [f64], f64);
const GOLDEN: [Golden; 5] = [
    (&[1.0, 1.0, 1.0], 0.5, &[0.2, 0.3, 0.5], -0.534_447_875_434_246_7),
    (&[2.0, 1.0, 0.5], 0.7, &[0.2, 0.3, 0.5], -0.750_841_716_057_638),
    (&[1.0, 2.0, 3.0, 4.0], 2.0 / 3.0, &[0.1, 0.2, 0.3, 0.4], 1.004_052_870_322_210_5),
    (&[1.0, 1.0], 1.0, &[0.25, 0.75], 0.0),
    (&[0.1, 0.9], 0.1, &[0.01, 0.99], 0.250_817_205_093_695_9),
];

fn compute(_: &Sampling) -> Result<Finding> {
    let mut rows = Vec::new();
    for weights in [[1.0; 3], SKEWED] {
        rows.extend(TAUS.map(|tau| integral_row(weights, tau)));
    }
    rows.extend(wrong_constants().map(|(name, constant, share)| wrong_row(name, constant, share)));
    for golden in GOLDEN {
        rows.push(golden_row(golden)?);
    }
    rows.extend(binary_rows()?);
    rows.extend(entropy_and_divergence()?);
    let worst = rows[..2 * TAUS.len()].iter().map(|row| (row.measured - 1.0).abs()).fold(0.0, f64::max);
    let [inverse, no_factorial, one_more] = [0, 1, 2].map(|i| rows[2 * TAUS.len() + i].measured);
    let text = format!(
        "The formula is (n−1)! τⁿ⁻¹ Π αₖxₖ^(−τ−1) / (Σ αᵢxᵢ^−τ)ⁿ, with respect to dx₁ … dxₙ₋₁. For two sets of weights and {} \
         temperatures its integral over the simplex differs from 1 by at most {worst:.0e}. Common errors in the constant \
         are detected, here at τ = ½ and n = 3: with τ^−(n−1) the integral is {inverse:.2}, without (n−1)! it is \
         {no_factorial:.2}, with τⁿ {one_more:.2}. The KL divergence of two relaxed distributions is not that of the \
         categories: {:.4} against {:.4} nats.",
        TAUS.len(),
        rows[rows.len() - 2].measured,
        rows[rows.len() - 1].measured
    );
    Ok(Finding { text, figures: vec![figure()], rows })
}

/// `ln [ Π αₖ xₖ^(−τ−1) / (Σ αᵢ xᵢ^−τ)ⁿ ]`, for points with any positive sum.
pub(super) fn log_shape(logits: &[f64], tau: f64, log_x: &[f64]) -> f64 {
    let tilted: Vec<f64> = logits.iter().zip(log_x).map(|(l, x)| l - tau * x).collect();
    let top = tilted.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let total = top + tilted.iter().map(|t| (t - top).exp()).sum::<f64>().ln();
    tilted.iter().zip(log_x).map(|(t, x)| t - x - total).sum()
}

/// `ln [ (n−1)! τⁿ⁻¹ ]`.
fn log_constant(n: usize, tau: f64) -> f64 {
    let factorial: f64 = (1..n).map(|i| (i as f64).ln()).sum();
    factorial + (n - 1) as f64 * tau.ln()
}

/// The logarithm of the published formula.
pub(super) fn log_density(logits: &[f64], tau: f64, log_x: &[f64]) -> f64 {
    log_constant(logits.len(), tau) + log_shape(logits, tau, log_x)
}

/// Integral of a density on the simplex; dx₁ dx₂ contributes the product of x.
fn mass(tau: f64, log_density: impl Fn(&[f64; 3]) -> f64) -> f64 {
    let term = |log_x: &[f64; 3]| (log_density(log_x) + log_x.iter().sum::<f64>()).exp();
    // Closer to an edge the point underflows, and less than e^-60 of the mass is left.
    integral(tau, |log_x| if log_x.iter().all(|l| *l > -700.0) { term(log_x) } else { 0.0 })
}

/// The library's density on the simplex.
fn kernel(weights: [f64; 3], tau: f64) -> impl Fn(&[f64; 3]) -> f64 {
    let logits = weights.map(f64::ln);
    move |log_x| {
        let mut out = [f64::NAN];
        // An error leaves NaN, and so the integral is NaN.
        drop(concrete_log_prob(&logits, &log_x.map(f64::exp), 3, tau, &mut out));
        out[0]
    }
}

fn integral_row(weights: [f64; 3], tau: f64) -> ClaimRow {
    let total = mass(tau, kernel(weights, tau));
    let row =
        ClaimRow::exact("integral of the density", format!("α = {}, τ = {tau}", tuple(&weights)), total);
    row.expect(Within(1e-6), 1.0, "a probability density")
}

/// Name, logarithm of the constant at τ = ½ and n = 3, and the integral of the density with it.
fn wrong_constants() -> [(&'static str, f64, f64); 3] {
    let ln_tau = 0.5f64.ln();
    [
        ("τ^−(n−1) for τ^(n−1)", 2f64.ln() - 2.0 * ln_tau, 16.0),
        ("no (n−1)!", 2.0 * ln_tau, 0.5),
        ("τⁿ for τ^(n−1)", 2f64.ln() + 3.0 * ln_tau, 0.5),
    ]
}

fn wrong_row(name: &str, constant: f64, share: f64) -> ClaimRow {
    let logits = SKEWED.map(f64::ln);
    let total = mass(0.5, |log_x| constant + log_shape(&logits, 0.5, log_x));
    let row = ClaimRow::exact(format!("integral with {name}"), "n = 3, τ = 0.5", total);
    row.expect(Within(1e-6), share, "ratio of the constants")
}

fn golden_row((weights, tau, x, expected): Golden) -> Result<ClaimRow> {
    let logits: Vec<f64> = weights.iter().map(|w| w.ln()).collect();
    let mut out = [f64::NAN];
    concrete_log_prob(&logits, x, x.len(), tau, &mut out)?;
    let setting = format!("α = {}, τ = {tau:.3}, x = {}", tuple(weights), tuple(x));
    Ok(ClaimRow::exact("log-density", setting, out[0]).expect(Within(1e-12), expected, "30-digit arithmetic"))
}

/// Log-densities of a relaxed bit, on the unit interval and as a logit.
fn binary_rows() -> Result<[ClaimRow; 2]> {
    let (log_odds, tau) = ([3f64.ln()], 0.5);
    let (mut unit, mut logit) = ([f64::NAN], [f64::NAN]);
    binary_concrete_unit_log_prob(&log_odds, &[0.3], tau, &mut unit)?;
    binary_concrete_log_prob(&log_odds, &[0.7], tau, &mut logit)?;
    let row = |at: &str, value, expected| {
        let setting = format!("odds 3, τ = {tau}, {at}");
        let row = ClaimRow::exact("log-density of a bit", setting, value);
        row.expect(Within(1e-12), expected, "30-digit arithmetic")
    };
    Ok([
        row("x = 0.3", unit[0], -1.049_538_741_372_671_6),
        row("logit 0.7", logit[0], -2.216_392_315_846_426),
    ])
}

fn entropy_and_divergence() -> Result<[ClaimRow; 3]> {
    let (logits, tau) = (SKEWED.map(f64::ln), 0.7);
    let on_simplex = |l: &[f64; 3]| log_space_density(l, &logits, tau) - l.iter().sum::<f64>();
    let ratio = |l: &[f64; 3]| log_space_density(l, &logits, tau) - log_space_density(l, &[0.0; 3], tau);
    let mut discrete = [f64::NAN];
    categorical::kl(&logits, &[0.0; 3], 3, &mut discrete)?;
    let setting = "α = (2, 1, ½), τ = 0.7";
    let row = |name: &str, value, expected, source: &str| {
        ClaimRow::exact(name, setting, value).expect(Within(1e-6), expected, source)
    };
    Ok([
        row("entropy", -expectation(&logits, tau, on_simplex), -1.791_312, "independent quadrature"),
        row("KL to equal weights", expectation(&logits, tau, ratio), 0.352_030, "independent quadrature"),
        row("KL of the categories", discrete[0], 0.142_912, "Σ q ln(q/p)"),
    ])
}

/// The density of two categories over (0, 1).
fn figure() -> Figure {
    let points = |tau: f64| {
        let at = move |i: i32| f64::from(i) / 200.0;
        let density = move |x: f64| log_density(&[2f64.ln(), 0.0], tau, &[x.ln(), (1.0 - x).ln()]).exp();
        (4..=196).map(move |i| (at(i), density(at(i))))
    };
    let series = [0.1, 0.5, 1.0, 2.0].map(|tau| Series::new(format!("τ = {tau}"), points(tau)));
    let title = "Density of the relaxed sample of two categories";
    let chart = LineChart::new(title, "x₁", "density for α = (2, 1)", series);
    let caption = "Two categories, between 0.02 and 0.98. The area under each full curve is 1; at τ = 0.1 nearly all of it is outside this range.";
    Figure::new("density", caption, &chart)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_formula_and_the_kernel_agree_and_wrong_powers_fail_the_integral() {
        let logits = SKEWED.map(f64::ln);
        let log_x = [0.2f64.ln(), 0.3f64.ln(), 0.5f64.ln()];
        assert!((log_density(&logits, 0.7, &log_x) - GOLDEN[1].3).abs() < 1e-12);
        let right = ClaimRow::exact("", "", mass(0.5, |l| log_density(&logits, 0.5, l)));
        assert!(right.expect(Within(1e-6), 1.0, "").holds());
        for (name, constant, _) in wrong_constants() {
            let wrong = ClaimRow::exact("", "", mass(0.5, |l| constant + log_shape(&logits, 0.5, l)));
            assert!(!wrong.expect(Within(1e-6), 1.0, "").holds(), "{name}");
        }
    }
}
