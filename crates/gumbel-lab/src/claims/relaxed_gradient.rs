//! The objective of which the pathwise gradient is an unbiased gradient.

use super::draw::Draws;
use super::triangle::expectation;
use super::{Claim, ClaimRow, Differs, Equal, Figure, Finding, Relation, Sampling, count};
use crate::page::{LineChart, Series};
use crate::support::stats::Mean;
use anyhow::Result;
use gumbel_kernels::{gumbel_softmax_vjp, softmax};

pub(super) const CLAIM: Claim = Claim {
    name: "relaxed-gradient",
    title: "The pathwise gradient is unbiased for the relaxed objective and biased for the discrete one",
    compute,
};

const LOGITS: [f64; 3] = [std::f64::consts::LN_2, 0.0, -std::f64::consts::LN_2];
const COSTS: [f64; 3] = [0.0, 1.0, 3.0];
const TAUS: [f64; 3] = [0.25, 0.5, 1.0];

/// An objective on the simplex: `c·x`, or its square.
#[derive(Clone, Copy, PartialEq)]
enum Objective {
    Linear,
    Square,
}

impl Objective {
    fn name(self) -> &'static str {
        if self == Self::Linear { "c·x" } else { "(c·x)²" }
    }

    fn value(self, x: &[f64]) -> f64 {
        let cost: f64 = x.iter().zip(COSTS).map(|(x, c)| x * c).sum();
        if self == Self::Linear { cost } else { cost * cost }
    }

    fn slope(self, x: &[f64]) -> [f64; 3] {
        let cost: f64 = x.iter().zip(COSTS).map(|(x, c)| x * c).sum();
        COSTS.map(|c| if self == Self::Linear { c } else { 2.0 * cost * c })
    }

    /// `∂E f(b)/∂θₖ = πₖ (f(eₖ) − E f)`.
    fn discrete(self) -> [f64; 3] {
        let mut shares = [0.0; 3];
        softmax(&LOGITS, 3, &mut shares).expect("three logits");
        let corner = |k: usize| self.value(&std::array::from_fn::<f64, 3, _>(|i| f64::from(i == k)));
        let mean: f64 = (0..3).map(|k| shares[k] * corner(k)).sum();
        std::array::from_fn(|k| shares[k] * (corner(k) - mean))
    }

    /// `∂E f(x)/∂θₖ` of the relaxed objective, by finite differences of its integral.
    fn relaxed(self, tau: f64) -> [f64; 3] {
        const STEP: f64 = 1e-4;
        let at = |k: usize, step: f64| {
            let mut logits = LOGITS;
            logits[k] += step;
            expectation(&logits, tau, |log_x| self.value(&log_x.map(f64::exp)))
        };
        let first = [0, 1].map(|k| (at(k, STEP) - at(k, -STEP)) / (2.0 * STEP));
        [first[0], first[1], -first[0] - first[1]] // a common shift has no effect
    }

    /// The mean of the library's pathwise gradients.
    fn pathwise(self, draws: &Draws) -> Result<[Mean; 3]> {
        let gradient = |x: &[f64]| {
            let mut out = [f64::NAN; 3];
            // An error leaves NaN, and no test passes.
            drop(gumbel_softmax_vjp(x, &self.slope(x), 3, draws.tau, &mut out));
            out
        };
        Ok(draws.tally(gradient)?.means())
    }
}

fn compute(sampling: &Sampling) -> Result<Finding> {
    let mut rows = Vec::new();
    for (i, objective) in [Objective::Linear, Objective::Square].into_iter().enumerate() {
        for (j, tau) in TAUS.into_iter().enumerate() {
            let stream = sampling.stream.split((10 * i + j) as u64);
            let draws = Draws { logits: &LOGITS, tau, count: sampling.samples, stream };
            rows.extend(at(objective, tau, objective.pathwise(&draws)?));
        }
    }
    let curves = [Objective::Linear, Objective::Square].map(|objective| (objective, biases(objective)));
    let of = |tau: f64| curves[0].1.iter().find(|p| p.0 == tau).map_or(f64::NAN, |p| p.1);
    let text = format!(
        "The mean of {} pathwise gradients equals the derivative of the integral E f(x) in every coordinate. It does not \
         equal the derivative of E f(b) over one-hot samples, not even for a linear f, because a relaxed sample and a \
         hard sample have different means: the relative distance of the two gradients is {:.3} at τ = 0.25, {:.3} at 0.5 \
         and {:.3} at 1.",
        count(sampling.samples),
        of(0.25),
        of(0.5),
        of(1.0)
    );
    Ok(Finding { text, figures: vec![figure(&curves)], rows })
}

fn at(objective: Objective, tau: f64, means: [Mean; 3]) -> Vec<ClaimRow> {
    let (relaxed, discrete) = (objective.relaxed(tau), objective.discrete());
    let setting = |k: usize| format!("f = {}, τ = {tau}, coordinate {}", objective.name(), k + 1);
    let same = |k: usize| {
        let row = ClaimRow::mean("mean of pathwise gradients", setting(k), means[k]);
        row.expect(Equal, relaxed[k], "derivative of the relaxed integral")
    };
    // The first coordinate has the largest bias; at a low temperature even that may be within chance.
    let test = if tau < 0.5 { Relation::None } else { Differs };
    let other =
        ClaimRow::mean("mean of pathwise gradients against the discrete gradient", setting(0), means[0]);
    let other = other.expect(test, discrete[0], "πₖ (f(eₖ) − E f)");
    (0..3).map(same).chain([other]).collect()
}

/// τ, and the distance of the relaxed gradient from the discrete one relative to the length of the latter.
fn biases(objective: Objective) -> Vec<(f64, f64)> {
    let discrete = objective.discrete();
    let norm = |v: [f64; 3]| v.iter().map(|x| x * x).sum::<f64>().sqrt();
    let relative = |tau: f64| {
        let relaxed = objective.relaxed(tau);
        norm(std::array::from_fn(|k| relaxed[k] - discrete[k])) / norm(discrete)
    };
    [0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0].map(|tau| (tau, relative(tau))).into()
}

fn figure(curves: &[(Objective, Vec<(f64, f64)>)]) -> Figure {
    let series = curves
        .iter()
        .map(|(objective, points)| Series::new(format!("f = {}", objective.name()), points.clone()));
    let title = "Relative distance of the relaxed gradient from the discrete one";
    let chart =
        LineChart::new(title, "temperature τ", "relative bias of the gradient", series).log_x().log_y();
    let caption = "Both gradients are exact: one is a sum over categories, the other an integral.";
    Figure::new("relaxed-bias", caption, &chart)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gumbel_kernels::Stream;

    #[test]
    fn a_gradient_without_its_temperature_is_detected() {
        let draws = Draws { logits: &LOGITS, tau: 0.5, count: 100_000, stream: Stream::new(6) };
        let means = Objective::Square.pathwise(&draws).unwrap();
        assert!(at(Objective::Square, 0.5, means).iter().all(ClaimRow::holds));
        let halved =
            means.map(|mean| Mean { value: 0.5 * mean.value, standard_error: 0.5 * mean.standard_error });
        assert!(!at(Objective::Square, 0.5, halved).iter().all(ClaimRow::holds));
    }

    #[test]
    fn the_relaxed_gradient_tends_to_the_discrete_one() {
        let curve = biases(Objective::Linear);
        assert!(curve[0].1 < 0.03 && curve.windows(2).all(|pair| pair[0].1 < pair[1].1), "{curve:?}");
    }
}
