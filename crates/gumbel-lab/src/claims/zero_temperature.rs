//! As the temperature decreases, samples concentrate at the corners, with the probabilities of the categories.

use super::density::log_density;
use super::draw::{Draws, argmax, shares};
use super::{Claim, ClaimRow, Equal, Figure, Finding, Relation, Sampling};
use crate::page::{Panel, Ternary};
use crate::support::stats::Mean;
use anyhow::Result;

pub(super) const CLAIM: Claim = Claim {
    name: "zero-temperature",
    title: "As the temperature decreases, samples become one-hot",
    compute,
};

const WEIGHTS: [f64; 3] = [2.0, 1.0, 0.5];
const TAUS: [f64; 4] = [2.0, 1.0, 0.5, 0.1];
/// Factor by which the largest entry exceeds each other one.
const LEAD: f64 = 99.0;
const POINTS: usize = 300;

fn compute(sampling: &Sampling) -> Result<Finding> {
    let measured = TAUS.iter().chain(&[0.01]).zip(0..).map(|(&tau, label)| {
        let (logits, stream) = (WEIGHTS.map(f64::ln), sampling.stream.split(label));
        let draws = Draws { logits: &logits, tau, count: sampling.samples, stream };
        Ok((tau, draws.tally(leads)?.means()))
    });
    let measured = measured.collect::<Result<Vec<_>>>()?;
    let rows: Vec<ClaimRow> =
        measured.iter().flat_map(|(tau, means)| rows(*tau, means, sampling.samples)).collect();
    let lowest = &measured[TAUS.len()].1;
    let text = format!(
        "A sample in which entry k exceeds every other one {LEAD}-fold is one-hot up to about a hundredth. Its probability \
         is exact at every τ, αₖ {LEAD}^−τ / (αₖ {LEAD}^−τ + the sum of the other α), and tends to αₖ/Σα as τ → 0. Such \
         samples are {:.1} % of all at τ = 2, {:.1} % at τ = 0.5 and {:.1} % at τ = 0.01; at τ = 0.01 those of category 1 \
         have the share {:.3}, and α₁/Σα = {:.3}.",
        100.0 * measured[0].1[3].value,
        100.0 * measured[2].1[3].value,
        100.0 * lowest[3].value,
        lowest[0].value,
        shares(WEIGHTS)[0]
    );
    Ok(Finding { text, figures: vec![figure(sampling)?], rows })
}

/// Indicators of whether each category exceeds the others by the factor, and of whether any does.
fn leads(x: &[f64]) -> [f64; 4] {
    let winner = argmax(x);
    let ahead = (0..3).all(|k| k == winner || x[winner] >= LEAD * x[k]);
    std::array::from_fn(|k| f64::from(ahead && (k == winner || k == 3)))
}

/// `P(θₖ + gₖ − τ ln LEAD > θⱼ + gⱼ for all j ≠ k)`: the probability of the maximum for a smaller weight.
fn probability(k: usize, tau: f64) -> f64 {
    let handicapped = WEIGHTS[k] * LEAD.powf(-tau);
    handicapped / (handicapped + WEIGHTS.iter().sum::<f64>() - WEIGHTS[k])
}

fn rows(tau: f64, means: &[Mean; 4], samples: usize) -> Vec<ClaimRow> {
    let quantity = format!("share of samples whose largest entry exceeds the others {LEAD}-fold");
    let row = |k: usize| {
        let (p, setting) = (probability(k, tau), format!("category {} at τ = {tau}", k + 1));
        // The binomial standard error; without a test where fewer than 100 samples are expected.
        let standard_error = (p * (1.0 - p) / samples as f64).sqrt();
        let test = if p * samples as f64 > 100.0 { Equal } else { Relation::None };
        let row = ClaimRow::mean(&quantity, setting, Mean { standard_error, ..means[k] });
        row.expect(test, p, "αₖ c^−τ / (αₖ c^−τ + rest)")
    };
    (0..3).map(row).collect()
}

fn figure(sampling: &Sampling) -> Result<Figure> {
    let logits = WEIGHTS.map(f64::ln);
    let mut panels = Vec::new();
    for (i, &tau) in TAUS.iter().enumerate() {
        let mut points = Vec::new();
        let draws =
            Draws { logits: &logits, tau, count: POINTS, stream: sampling.stream.split(100 + i as u64) };
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
        "The density of Concrete(α, τ), above or left, and {POINTS} samples. At τ = ½ = 1/(n−1) the density becomes \
         log-convex; at τ = 0.1 most samples are at the corners."
    );
    Ok(Figure::new("simplex-densities", caption, &triangles))
}

#[cfg(test)]
mod tests {
    use super::*;
    use gumbel_kernels::Stream;

    #[test]
    fn another_temperature_is_detected() {
        let logits = WEIGHTS.map(f64::ln);
        let draws = Draws { logits: &logits, tau: 0.5, count: 100_000, stream: Stream::new(2) };
        let means = draws.tally(leads).unwrap().means();
        assert!(rows(0.5, &means, 100_000).iter().all(ClaimRow::holds));
        assert!(!rows(0.25, &means, 100_000).iter().any(ClaimRow::holds)); // τ² for τ
    }

    #[test]
    fn a_factor_of_one_gives_the_categorical_probabilities() {
        assert!((probability(0, 1e-12) - 2.0 / 3.5).abs() < 1e-9 && probability(0, 50.0) < 1e-90);
    }
}
