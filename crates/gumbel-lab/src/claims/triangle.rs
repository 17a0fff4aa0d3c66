//! Integrals over the simplex of three categories, by quadrature.

use gumbel_kernels::exp_concrete_log_prob;

/// Range of the log-ratios times the temperature: the densities decay as e^-|v|.
const REACH: f64 = 36.0;
/// Step of the grid, in log-ratios and in log-ratios times the temperature. The poles of a softmax and of a density that
/// are closest to the real line are at distance π, so the error of the trapezoidal rule is e^(−2π²/step), 10⁻¹⁴.
const STEP: f64 = 0.6;

/// `∫ p d(ln x₁/x₃) d(ln x₂/x₃)` of a density with a width of `1/tau` in the log-ratios.
///
/// With dx₁ dx₂ = x₁ x₂ x₃ d(ln x₁/x₃) d(ln x₂/x₃), a density on the simplex is passed as `exp(ln p + Σ ln xₖ)`, one in
/// log space unchanged.
pub fn integral(tau: f64, density: impl FnMut(&[f64; 3]) -> f64) -> f64 {
    trapezoid(STEP / tau, REACH / tau, density)
}

fn trapezoid(step: f64, reach: f64, mut term: impl FnMut(&[f64; 3]) -> f64) -> f64 {
    let half = (reach / step).ceil() as i32;
    let mut total = 0.0;
    for i in -half..=half {
        for j in -half..=half {
            total += term(&log_point(f64::from(i) * step, f64::from(j) * step));
        }
    }
    total * step * step
}

/// `ln softmax(a, b, 0)`.
fn log_point(a: f64, b: f64) -> [f64; 3] {
    let top = a.max(b).max(0.0);
    let total = top + ((a - top).exp() + (b - top).exp() + (-top).exp()).ln();
    [a - total, b - total, -total]
}

/// The library's density in log space, for valid arguments.
pub fn log_space_density(log_x: &[f64; 3], logits: &[f64; 3], tau: f64) -> f64 {
    let mut out = [f64::NAN];
    exp_concrete_log_prob(logits, log_x, 3, tau, &mut out).expect("logits and temperature are finite");
    out[0]
}

/// `E f(ln x)` for `x ~ Concrete(θ, τ)`.
pub fn expectation(logits: &[f64; 3], tau: f64, f: impl Fn(&[f64; 3]) -> f64) -> f64 {
    // The step is fine enough for the density and for a smooth f.
    trapezoid(STEP * (1.0 / tau).min(1.0), REACH / tau, |log_x| {
        let density = log_space_density(log_x, logits, tau).exp();
        // Where the density has underflowed, f may be infinite.
        if density > 0.0 { density * f(log_x) } else { 0.0 }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_area_and_the_moments_of_the_flat_density() {
        // x₁ x₂ x₃ over log-ratios is the area element: ½; ∫ x₁ = 1/6, ∫ x₁ x₂ = 1/24.
        let flat = |f: fn(&[f64; 3]) -> f64| integral(1.0, |l| f(l) * (l[0] + l[1] + l[2]).exp());
        for (value, expected) in [
            (flat(|_| 1.0), 0.5),
            (flat(|l| l[0].exp()), 1.0 / 6.0),
            (flat(|l| (l[0] + l[1]).exp()), 1.0 / 24.0),
        ] {
            assert!((value - expected).abs() < 1e-9, "{value}, not {expected}");
        }
    }

    #[test]
    fn the_entropy_and_the_divergence_agree_with_fifty_digits() {
        let logits = [2f64.ln(), 0.0, 0.5f64.ln()];
        let log_p = |l: &[f64; 3]| log_space_density(l, &logits, 0.7) - l.iter().sum::<f64>();
        let entropy = -expectation(&logits, 0.7, log_p);
        assert!((entropy + 1.791_312).abs() < 1e-6, "{entropy}");
        let ratio = |l: &[f64; 3]| log_space_density(l, &logits, 0.7) - log_space_density(l, &[0.0; 3], 0.7);
        let kl = expectation(&logits, 0.7, ratio);
        assert!((kl - 0.352_030).abs() < 1e-6, "{kl}");
    }
}
