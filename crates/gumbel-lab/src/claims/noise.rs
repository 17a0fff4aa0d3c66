//! Gumbel noise: its mean, its variance and its law.

use super::{Claim, Figure, Finding, Row, Settings, Test, count};
use crate::report::figure::{LineChart, Series};
use crate::support::stats::Mean;
use anyhow::Result;
use gumbel_kernels::noise;
use std::f64::consts::PI;

pub(super) const CLAIM: Claim =
    Claim { name: "gumbel-noise", title: "−ln(−ln u) of a uniform u has the Gumbel law", compute };

/// Euler's constant.
const EULER: f64 = 0.577_215_664_901_532_9;

fn compute(settings: &Settings) -> Result<Finding> {
    let mut sample = vec![0.0; settings.samples];
    noise::gumbel(settings.stream, &mut sample);
    let mean = Mean::of(sample.iter().copied());
    // About the true mean, so that its mean is the variance and its error needs no correction.
    let variance = Mean::of(sample.iter().map(|g| (g - EULER).powi(2)));
    sample.sort_unstable_by(f64::total_cmp);
    let gap = largest_gap(&sample, cumulative) * (sample.len() as f64).sqrt();
    let setting = format!("{} numbers", count(sample.len()));
    let rows = vec![
        Row::mean("mean", &setting, mean).expect(Test::Equal, EULER, "Euler’s constant"),
        Row::mean("variance", &setting, variance).expect(Test::Equal, PI * PI / 6.0, "π²/6"),
        Row::exact("√n × largest gap to the law", &setting, gap).expect(
            Test::AtMost,
            CRITICAL,
            "Kolmogorov–Smirnov, level 0.001",
        ),
    ];
    let said = format!(
        "The law is exp(−exp(−g)). Of {} numbers the mean is {:.4} and the variance {:.4}; scaled by √n, the largest \
         gap between their distribution and the law is {gap:.2}, where chance exceeds {CRITICAL} once in a thousand \
         times.",
        count(sample.len()),
        mean.value,
        variance.value
    );
    Ok(Finding { said, figures: vec![figure(&sample)], rows })
}

/// Of Kolmogorov's limit law: P(√n D > x) ≈ 2 exp(−2x²) = 0.001.
const CRITICAL: f64 = 1.9495;

fn cumulative(g: f64) -> f64 {
    (-(-g).exp()).exp()
}

/// Between the steps of sorted numbers and a law.
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
    let series = |name: &str, points, dashed| Series { name: name.into(), points, dashed };
    let chart = LineChart {
        title: "Density of Gumbel noise".into(),
        x_label: "g".into(),
        y_label: "density".into(),
        series: vec![
            series("drawn", (-10..=28).map(middle).map(drawn).collect(), false),
            series(
                "exp(−g − e⁻ᵍ)",
                (-100..=280).map(|i| f64::from(i) / 40.0).map(|g| (g, density(g))).collect(),
                true,
            ),
        ],
        ..LineChart::default()
    };
    Figure::chart(
        "gumbel-noise",
        "Shares of the numbers drawn in bins a quarter wide, and the density.",
        &chart,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use gumbel_kernels::Stream;

    #[test]
    fn another_law_is_caught() {
        let mut sample = vec![0.0; 20_000];
        noise::gumbel(Stream::new(1), &mut sample);
        sample.sort_unstable_by(f64::total_cmp);
        let scaled = |law: fn(f64) -> f64| largest_gap(&sample, law) * 20_000f64.sqrt();
        assert!(scaled(cumulative) < CRITICAL);
        // The logistic law, and Gumbel noise that is a thirtieth too far to the right.
        assert!(scaled(|g| 1.0 / (1.0 + (-g).exp())) > CRITICAL);
        assert!(scaled(|g| cumulative(g - 1.0 / 30.0)) > CRITICAL);
    }
}
