//! Entries that sum to at most one instead of one: the formula has no integral there.

use super::density::log_density;
use super::triangle::integral;
use super::{Claim, Figure, Finding, Row, Settings, Test, tuple};
use crate::report::figure::{LineChart, Series};
use anyhow::Result;

pub(super) const CLAIM: Claim = Claim {
    name: "simplex",
    title: "The entries sum to one: over Σ xₖ ≤ 1 the same formula has no integral",
    compute,
};

const TAU: f64 = 0.7;
const WEIGHTS: [f64; 3] = [2.0, 1.0, 0.5];
/// Slices of a decade.
const SLICES: i32 = 8;

fn compute(_: &Settings) -> Result<Finding> {
    let rows: Vec<Row> = (0..3).map(row).collect();
    let said = format!(
        "Written with Σ xₖ ≤ 1, as it sometimes is, the support would be the solid simplex. There the formula grows \
         like s⁻ⁿ in the sum s of the entries, so every decade of s adds the same: {:.4}, {:.4} and {:.4} for the \
         first three, ln 10 each. The integral grows without bound, and no constant makes it a density.",
        rows[0].measured, rows[1].measured, rows[2].measured
    );
    Ok(Finding { said, figures: vec![figure(&rows)], rows })
}

fn row(decade: i32) -> Row {
    let [most, least] = [decade, decade + 1].map(|decade| 10f64.powi(-decade));
    let setting = format!("{least} < Σx < {most}, α = {}, τ = {TAU}", tuple(&WEIGHTS));
    let mass = shell(decade, |log_x| log_density(&WEIGHTS.map(f64::ln), TAU, log_x));
    Row::exact("integral over the shell", setting, mass).expect(
        Test::Within(1e-6),
        10f64.ln(),
        "ln 10: ∫ ds/s",
    )
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

fn figure(rows: &[Row]) -> Figure {
    let mut total = 0.0;
    let sums = rows.iter().zip(1..).map(|(row, decade)| {
        total += row.measured;
        (10f64.powi(-decade), total)
    });
    let chart = LineChart {
        title: "Integral over the solid simplex from a lower end on".into(),
        x_label: "lower end of Σx".into(),
        y_label: "integral from there to Σx = 1".into(),
        series: vec![
            Series {
                name: "computed".into(),
                points: [(1.0, 0.0)].into_iter().chain(sums).collect(),
                dashed: false,
            },
            Series {
                name: "−ln(lower end)".into(),
                points: vec![(1.0, 0.0), (1e-3, 3.0 * 10f64.ln())],
                dashed: true,
            },
        ],
        log_x: true,
        ..LineChart::default()
    };
    Figure::chart(
        "solid-simplex",
        "The integral from a lower end of Σx up to 1 rises for ever as that end goes to 0.",
        &chart,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_density_of_the_solid_has_a_finite_rest() {
        // The flat density 6 on the solid: shares 0.999 and 0.000999 of the first two decades.
        let flat = |decade| shell(decade, |_| 6f64.ln());
        assert!((flat(0) - 0.999).abs() < 0.04 && flat(1) < 0.0011, "{} {}", flat(0), flat(1));
        assert!(row(1).holds());
    }
}
