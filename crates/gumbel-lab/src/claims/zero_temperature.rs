//! As the temperature falls, samples gather at the corners, in the proportions of the categories.

use super::density::log_density;
use super::draw::{Draws, argmax, shares};
use super::{Claim, Figure, Finding, Row, Settings, Test};
use crate::report::figure::{Panel, Ternary};
use crate::support::stats::Mean;
use anyhow::Result;

pub(super) const CLAIM: Claim =
    Claim { name: "zero-temperature", title: "As the temperature falls, samples become one-hot", compute };

const WEIGHTS: [f64; 3] = [2.0, 1.0, 0.5];
const TAUS: [f64; 4] = [2.0, 1.0, 0.5, 0.1];
/// How far the largest leads each of the others.
const LEAD: f64 = 99.0;
const POINTS: usize = 300;

fn compute(settings: &Settings) -> Result<Finding> {
    let measured = TAUS.iter().chain(&[0.01]).zip(0..).map(|(&tau, label)| {
        let (logits, stream) = (WEIGHTS.map(f64::ln), settings.stream.split(label));
        let draws = Draws { logits: &logits, tau, count: settings.samples, stream };
        Ok((tau, draws.tally(leads)?.means()))
    });
    let measured = measured.collect::<Result<Vec<_>>>()?;
    let rows: Vec<Row> =
        measured.iter().flat_map(|(tau, means)| rows(*tau, means, settings.samples)).collect();
    let lowest = &measured[TAUS.len()].1;
    let said = format!(
        "A sample whose category k leads every other entry {LEAD}-fold is one-hot but for a hundredth. That has an \
         exact probability at every τ, αₖ {LEAD}^−τ / (αₖ {LEAD}^−τ + the other α), which goes to αₖ/Σα as τ → 0. \
         Such samples are {:.1} % of all at τ = 2, {:.1} % at τ = 0.5 and {:.1} % at τ = 0.01, and there category 1 \
         has {:.3} of all, where α₁/Σα is {:.3}.",
        100.0 * measured[0].1[3].value,
        100.0 * measured[2].1[3].value,
        100.0 * lowest[3].value,
        lowest[0].value,
        shares(WEIGHTS)[0]
    );
    Ok(Finding { said, figures: vec![figure(settings)?], rows })
}

/// Whether each category leads, and whether any does.
fn leads(x: &[f64]) -> [f64; 4] {
    let winner = argmax(x);
    let ahead = (0..3).all(|k| k == winner || x[winner] >= LEAD * x[k]);
    std::array::from_fn(|k| f64::from(ahead && (k == winner || k == 3)))
}

/// `P(θₖ + gₖ − τ ln LEAD > θⱼ + gⱼ for all j ≠ k)`: the maximum's law for a smaller weight.
fn probability(k: usize, tau: f64) -> f64 {
    let handicapped = WEIGHTS[k] * LEAD.powf(-tau);
    handicapped / (handicapped + WEIGHTS.iter().sum::<f64>() - WEIGHTS[k])
}

fn rows(tau: f64, means: &[Mean; 4], samples: usize) -> Vec<Row> {
    let quantity = format!("share that leads {LEAD}-fold");
    let row = |k: usize| {
        let (p, setting) = (probability(k, tau), format!("category {} at τ = {tau}", k + 1));
        // The binomial's own error; where it has next to no variance, too few are expected to tell.
        let standard_error = (p * (1.0 - p) / samples as f64).sqrt();
        let test = if p * samples as f64 > 100.0 { Test::Equal } else { Test::None };
        Row::mean(&quantity, setting, Mean { standard_error, ..means[k] }).expect(
            test,
            p,
            "αₖ c^−τ / (αₖ c^−τ + rest)",
        )
    };
    (0..3).map(row).collect()
}

fn figure(settings: &Settings) -> Result<Figure> {
    let logits = WEIGHTS.map(f64::ln);
    let mut panels = Vec::new();
    for (i, &tau) in TAUS.iter().enumerate() {
        let mut points = Vec::new();
        let draws =
            Draws { logits: &logits, tau, count: POINTS, stream: settings.stream.split(100 + i as u64) };
        draws.each(|x| points.push([x[0], x[1], x[2]]))?;
        let log_density = move |x: [f64; 3]| log_density(&logits, tau, &x.map(f64::ln));
        panels.push(Panel::new(format!("τ = {tau}"), log_density, points));
    }
    let triangles = Ternary {
        title: "Density and samples on the simplex of three categories, at four temperatures".into(),
        corners: ["α = 2", "1", "½"].map(String::from),
        panels,
    };
    let caption = format!(
        "The density of Concrete(α, τ), above or left, and {POINTS} samples. At τ = ½ = 1/(n−1) the density has just \
         become log-convex; at τ = 0.1 most samples lie on the corners."
    );
    Ok(Figure::triangles("simplex-densities", caption, &triangles))
}

#[cfg(test)]
mod tests {
    use super::*;
    use gumbel_kernels::Stream;

    #[test]
    fn another_temperature_is_caught() {
        let logits = WEIGHTS.map(f64::ln);
        let draws = Draws { logits: &logits, tau: 0.5, count: 100_000, stream: Stream::new(2) };
        let means = draws.tally(leads).unwrap().means();
        assert!(rows(0.5, &means, 100_000).iter().all(Row::holds));
        assert!(!rows(0.25, &means, 100_000).iter().any(Row::holds)); // τ² for τ
    }

    #[test]
    fn without_a_lead_it_is_the_categorical_and_none_leads_for_ever() {
        assert!((probability(0, 1e-12) - 2.0 / 3.5).abs() < 1e-9 && probability(0, 50.0) < 1e-90);
    }
}
