//! Mean, variance and distribution of Gumbel noise.

use super::draw::gumbel;
use super::{AtMost, Claim, ClaimRow, Equal, Figure, Finding, Sampling, count};
use crate::page::{LineChart, Series};
use crate::support::stats::Mean;
use anyhow::Result;
use std::f64::consts::PI;

pub(super) const CLAIM: Claim =
    Claim {
        name: "gumbel-noise", title: "−ln(−ln u) of a uniform u has the Gumbel distribution", compute
    };

/// Euler's constant.
const EULER: f64 = 0.577_215_664_901_532_9;

fn compute(sampling: &Sampling) -> Result<Finding> {
    let mut sample = gumbel(sampling.stream, sampling.samples);
    let mean = Mean::of(sample.iter().copied());
    // Around the true mean, so that the mean square is the variance and its error needs no correction.
    let variance = Mean::of(sample.iter().map(|g| (g - EULER).powi(2)));
    sample.sort_unstable_by(f64::total_cmp);
    let gap = largest_gap(&sample, cumulative) * (sample.len() as f64).sqrt();
    let setting = format!("{} numbers", count(sample.len()));
    let scaled = ClaimRow::exact("√n × largest gap to the distribution function", &setting, gap);
    let rows = vec![
        ClaimRow::mean("mean", &setting, mean).expect(Equal, EULER, "Euler’s constant"),
        ClaimRow::mean("variance", &setting, variance).expect(Equal, PI * PI / 6.0, "π²/6"),
        scaled.expect(AtMost, CRITICAL, "Kolmogorov–Smirnov, level 0.001"),
    ];
    let text = format!(
        "The distribution function is exp(−exp(−g)). {} numbers have mean {:.4} and variance {:.4}; the largest gap between \
         their empirical distribution function and the exact one, scaled by √n, is {gap:.2}, which by chance exceeds \
         {CRITICAL} with probability 0.001.",
        count(sample.len()),
        mean.value,
        variance.value
    );
    Ok(Finding { text, figures: vec![figure(&sample)], rows })
}

/// Critical value of Kolmogorov's limit distribution: P(√n D > x) ≈ 2 exp(−2x²) = 0.001.
const CRITICAL: f64 = 1.9495;

fn cumulative(g: f64) -> f64 {
    (-(-g).exp()).exp()
}

/// The largest gap between the empirical distribution function of sorted numbers and an exact one.
fn largest_gap(sorted: &[f64], law: impl Fn(f64) -> f64) -> f64 {
    let n = sorted.len() as f64;
    let gap = |(i, &x): (usize, &f64)| (law(x) - i as f64 / n).max((i + 1) as f64 / n - law(x));
    sorted.iter().enumerate().map(gap).fold(0.0, f64::max)
}

fn figure(sorted: &[f64]) -> Figure {
    const WIDTH: f64 = 0.25;
    let below = |g: f64| sorted.partition_point(|x| *x < g) as f64 / sorted.len() as f64;
    let density = |g: f64| (-g - (-g).exp()).exp();
    let middle = |i: i32| f64::from(i) * WIDTH;
    let drawn = |g: f64| (g, (below(g + WIDTH / 2.0) - below(g - WIDTH / 2.0)) / WIDTH);
    let exact = (-100..=280).map(|i| f64::from(i) / 40.0).map(|g| (g, density(g)));
    let series = [
        Series::new("samples", (-10..=28).map(middle).map(drawn)),
        Series::new("exp(−g − e⁻ᵍ)", exact).dashed(),
    ];
    let chart = LineChart::new("Density of Gumbel noise", "g", "density", series);
    Figure::new("gumbel-noise", "Frequencies of the samples in bins of width 0.25, and the density.", &chart)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gumbel_kernels::Stream;

    #[test]
    fn another_distribution_is_detected() {
        let mut sample = gumbel(Stream::new(1), 20_000);
        sample.sort_unstable_by(f64::total_cmp);
        let scaled = |law: fn(f64) -> f64| largest_gap(&sample, law) * 20_000f64.sqrt();
        assert!(scaled(cumulative) < CRITICAL);
        // The logistic distribution, and Gumbel noise shifted by a thirtieth.
        assert!(scaled(|g| 1.0 / (1.0 + (-g).exp())) > CRITICAL);
        assert!(scaled(|g| cumulative(g - 1.0 / 30.0)) > CRITICAL);
    }
}
