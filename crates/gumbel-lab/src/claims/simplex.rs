//! Entries that sum to at most one instead of one: the integral of the formula diverges.

use super::density::log_density;
use super::triangle::integral;
use super::{Claim, ClaimRow, Figure, Finding, Sampling, Within, tuple};
use crate::page::{LineChart, Series};
use anyhow::Result;

pub(super) const CLAIM: Claim = Claim {
    name: "simplex",
    title: "The entries sum to one: over Σ xₖ ≤ 1 the integral of the same formula diverges",
    compute,
};

const TAU: f64 = 0.7;
const WEIGHTS: [f64; 3] = [2.0, 1.0, 0.5];
/// Slices per decade.
const SLICES: i32 = 8;

fn compute(_: &Sampling) -> Result<Finding> {
    let rows: Vec<ClaimRow> = (0..3).map(row).collect();
    let text = format!(
        "Some texts write the support as Σ xₖ ≤ 1, the solid simplex. There the formula grows as s⁻ⁿ in the sum s of the \
         entries, so every decade of s contributes the same amount, ln 10: {:.4}, {:.4} and {:.4} for the first three. \
         The integral diverges, and no constant makes the formula a density.",
        rows[0].measured, rows[1].measured, rows[2].measured
    );
    Ok(Finding { text, figures: vec![figure(&rows)], rows })
}

fn row(decade: i32) -> ClaimRow {
    let [most, least] = [decade, decade + 1].map(|decade| 10f64.powi(-decade));
    let setting = format!("{least} < Σx < {most}, α = {}, τ = {TAU}", tuple(&WEIGHTS));
    let mass = shell(decade, |log_x| log_density(&WEIGHTS.map(f64::ln), TAU, log_x));
    let row = ClaimRow::exact("integral over the shell", setting, mass);
    row.expect(Within(1e-6), 10f64.ln(), "ln 10: ∫ ds/s")
}

/// `∫ p dx₁ dx₂ dx₃` over a decade of `s = Σ xₖ`: slices at equal steps of ln s, each an integral over the simplex.
/// With `x = s·u` the volume is `s² ds du₁ du₂ = s³ d(ln s) du₁ du₂`.
fn shell(decade: i32, log_density: impl Fn(&[f64; 3]) -> f64) -> f64 {
    let step = 10f64.ln() / f64::from(SLICES);
    let slice = |i: i32| {
        let log_s = -10f64.ln() * f64::from(decade) - (f64::from(i) + 0.5) * step;
        let inside = |log_u: &[f64; 3]| log_density(&log_u.map(|l| l + log_s)) + log_u.iter().sum::<f64>();
        (3.0 * log_s).exp() * integral(TAU, |log_u| inside(log_u).exp())
    };
    (0..SLICES).map(slice).sum::<f64>() * step
}

fn figure(rows: &[ClaimRow]) -> Figure {
    let mut total = 0.0;
    let sums = rows.iter().zip(1..).map(|(row, decade)| {
        total += row.measured;
        (10f64.powi(-decade), total)
    });
    let title = "Integral over the solid simplex above a lower limit";
    let series = [
        Series::new("computed", [(1.0, 0.0)].into_iter().chain(sums)),
        Series::new("−ln(lower limit)", vec![(1.0, 0.0), (1e-3, 3.0 * 10f64.ln())]).dashed(),
    ];
    let chart =
        LineChart::new(title, "lower limit of Σx", "integral from the lower limit to Σx = 1", series).log_x();
    let caption = "The integral from a lower limit of Σx to 1 grows without bound as the limit tends to 0.";
    Figure::new("solid-simplex", caption, &chart)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_density_on_the_solid_simplex_has_a_finite_integral() {
        // The flat density 6 on the solid simplex: the first two decades have 0.999 and 0.000999.
        let flat = |decade| shell(decade, |_| 6f64.ln());
        assert!((flat(0) - 0.999).abs() < 0.04 && flat(1) < 0.0011, "{} {}", flat(0), flat(1));
        assert!(row(1).holds());
    }
}
