//! In single precision, samples at a low temperature round to one-hot vectors without a finite density; their logarithms
//! keep it.

use super::{AtLeast, AtMost, Claim, ClaimRow, Differs, Figure, Finding, Relation, Sampling, Within, count};
use crate::page::{LineChart, Series};
use crate::support::stats::Mean;
use anyhow::Result;
use gumbel_kernels::{Stream, exp_concrete_log_prob, gumbel_softmax, log_gumbel_softmax};

pub(super) const CLAIM: Claim = Claim {
    name: "saturation",
    title: "In single precision, samples at low temperatures round to corners; their logarithms do not",
    compute,
};

const TAUS: [f64; 5] = [0.05, 0.1, 0.2, 0.5, 1.0];

/// Frequencies among samples of three equal weights, in single precision.
struct Shares {
    /// Samples with an entry that is exactly 1.
    saturated: Mean,
    /// Samples for which the formula of the density on the simplex is infinite or NaN.
    lost: Mean,
    /// Number of samples for which the density of the logarithm of the sample is.
    lost_in_log_space: f64,
}

fn compute(sampling: &Sampling) -> Result<Finding> {
    let shares =
        TAUS.iter().zip(0..).map(|(&tau, label)| shares(tau, sampling.stream.split(label), sampling.samples));
    let shares = shares.collect::<Result<Vec<Shares>>>()?;
    let rows: Vec<ClaimRow> = TAUS.iter().zip(&shares).flat_map(|(&tau, shares)| rows(tau, shares)).collect();
    let percent = |mean: Mean| 100.0 * mean.value;
    let text = format!(
        "With three equal weights, {:.1} % of the samples have an entry that is exactly 1 at τ = 0.1, and {:.1} % at τ = \
         0.05: the sum of the other entries is below half the spacing of single-precision numbers near 1. The formula of \
         the density on the simplex then overflows, for {:.1} % and {:.1} % of the samples. With the logarithm of the \
         sample as the variable it does not: none of {} log-densities at τ = 0.05 is infinite or undefined.",
        percent(shares[1].saturated),
        percent(shares[0].saturated),
        percent(shares[1].lost),
        percent(shares[0].lost),
        count(sampling.samples)
    );
    Ok(Finding { text, figures: vec![figure(&shares)], rows })
}

fn shares(tau: f64, stream: Stream, samples: usize) -> Result<Shares> {
    const BLOCK: usize = 1 << 14;
    let (logits, single) = (vec![0f32; 3 * BLOCK], tau as f32);
    let (mut x, mut log_x, mut density) = (vec![0f32; 3 * BLOCK], vec![0f32; 3 * BLOCK], vec![0f32; BLOCK]);
    let (mut saturated, mut lost, mut in_log_space) = (0usize, 0, 0);
    for first in (0..samples).step_by(BLOCK) {
        let (rows, stream) = (BLOCK.min(samples - first), stream.skip(3 * first as u64));
        let len = 3 * rows;
        gumbel_softmax(&logits[..len], 3, single, stream, &mut x[..len])?;
        log_gumbel_softmax(&logits[..len], 3, single, stream, &mut log_x[..len])?;
        exp_concrete_log_prob(&logits[..len], &log_x[..len], 3, single, &mut density[..rows])?;
        saturated += x[..len].chunks_exact(3).filter(|x| x.contains(&1.0)).count();
        lost += x[..len].chunks_exact(3).filter(|x| !literal(x, single).is_finite()).count();
        in_log_space += density[..rows].iter().filter(|density| !density.is_finite()).count();
    }
    let share = |count: usize| {
        let p = count as f64 / samples as f64;
        Mean { value: p, standard_error: (p * (1.0 - p) / samples as f64).sqrt() }
    };
    Ok(Shares { saturated: share(saturated), lost: share(lost), lost_in_log_space: in_log_space as f64 })
}

/// The published formula for equal weights, evaluated literally in single precision.
fn literal(x: &[f32], tau: f32) -> f32 {
    let product: f32 = x.iter().map(|x| x.powf(-tau - 1.0)).product();
    let sum: f32 = x.iter().map(|x| x.powf(-tau)).sum();
    2.0 * tau * tau * product / sum.powi(3)
}

/// P(the largest entry exceeds both others by a factor c) = 3 c^−τ / (c^−τ + 2).
fn leads(factor: f64, tau: f64) -> f64 {
    let handicap = factor.powf(-tau);
    3.0 * handicap / (handicap + 2.0)
}

/// One plus the sum of the other entries rounds to 1 if the sum is at most 2⁻²⁴: this holds if each is below 2⁻²⁵, and
/// only if each is below 2⁻²⁴. Rounding of the entries themselves has a small effect.
fn rows(tau: f64, shares: &Shares) -> Vec<ClaimRow> {
    let setting = format!("equal weights, n = 3, τ = {tau}");
    let saturated = |test, expected, source: &str| {
        ClaimRow::mean("share of samples with an entry exactly 1", &setting, shares.saturated)
            .expect(test, expected, source)
    };
    // At higher temperatures there are too few such samples for a test.
    let (least, most) = if tau > 0.2 { (Relation::None, Relation::None) } else { (AtLeast, AtMost) };
    let quantity = "share of samples with an infinite or undefined density, on the simplex";
    let lost = ClaimRow::mean(quantity, &setting, shares.lost);
    let lost = if tau > 0.1 { lost } else { lost.expect(Differs, 0.0, "no such sample") };
    let quantity = "samples with an infinite or undefined density, in log space";
    let remedied = ClaimRow::exact(quantity, &setting, shares.lost_in_log_space);
    vec![
        saturated(least, leads(2f64.powi(25), tau), "P(largest exceeds the others 2²⁵-fold)"),
        saturated(most, leads(2f64.powi(24), tau), "P(largest exceeds the others 2²⁴-fold)"),
        lost,
        remedied.expect(Within(0.0), 0.0, "no such sample"),
    ]
}

fn figure(shares: &[Shares]) -> Figure {
    let curve = |name: &str, of: fn(&Shares) -> f64| {
        Series::new(name, TAUS.iter().zip(shares).map(|(tau, shares)| (*tau, of(shares))))
    };
    let title = "Share of samples that single precision rounds to a corner";
    let series = [
        curve("an entry is exactly 1", |s| s.saturated.value),
        curve("density lost on the simplex", |s| s.lost.value),
        curve("density lost in log space", |s| s.lost_in_log_space),
    ];
    let chart = LineChart::new(title, "temperature τ", "share of the samples", series).log_x();
    Figure::new("saturation", "Three equal weights, single precision.", &chart)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_precision_is_detected() {
        let shares = shares(0.1, Stream::new(2), 100_000).unwrap();
        assert!(rows(0.1, &shares).iter().all(ClaimRow::holds));
        // Half precision has 2⁻¹¹.
        let half = leads(2f64.powi(11), 0.1);
        assert!((shares.saturated.value - half).abs() > 0.1);
        let double =
            Shares { saturated: Mean { value: leads(2f64.powi(53), 0.1), standard_error: 1e-3 }, ..shares };
        assert!(!rows(0.1, &double).iter().all(ClaimRow::holds));
    }

    #[test]
    fn the_literal_formula_is_the_density_where_it_can_be_computed() {
        assert!((literal(&[0.2, 0.3, 0.5], 0.5).ln() + 0.534_447_9).abs() < 1e-5);
        assert!(!literal(&[1.0, 0.0, 0.0], 0.5).is_finite());
    }
}
