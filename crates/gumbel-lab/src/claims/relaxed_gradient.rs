//! What the pathwise gradient is unbiased for.

use super::draw::Draws;
use super::triangle::expectation;
use super::{Claim, Figure, Finding, Row, Settings, Test, count};
use crate::report::figure::{LineChart, Series};
use crate::support::stats::Mean;
use anyhow::Result;
use gumbel_kernels::{gumbel_softmax_vjp, softmax};

pub(super) const CLAIM: Claim = Claim {
    name: "relaxed-gradient",
    title: "The pathwise gradient is unbiased for the relaxed objective, and biased for the discrete one",
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

    /// `∂E f(x)/∂θₖ` of the relaxed objective, by differences of its integral.
    fn relaxed(self, tau: f64) -> [f64; 3] {
        const STEP: f64 = 1e-4;
        let at = |k: usize, step: f64| {
            let mut logits = LOGITS;
            logits[k] += step;
            expectation(&logits, tau, |log_x| self.value(&log_x.map(f64::exp)))
        };
        let first = [0, 1].map(|k| (at(k, STEP) - at(k, -STEP)) / (2.0 * STEP));
        [first[0], first[1], -first[0] - first[1]] // a shift of all changes nothing
    }

    /// The mean of pathwise gradients, by the kernel.
    fn pathwise(self, draws: &Draws) -> Result<[Mean; 3]> {
        let gradient = |x: &[f64]| {
            let mut out = [f64::NAN; 3];
            // Refused, it stays NaN, and no test holds.
            drop(gumbel_softmax_vjp(x, &self.slope(x), 3, draws.tau, &mut out));
            out
        };
        Ok(draws.tally(gradient)?.means())
    }
}

fn compute(settings: &Settings) -> Result<Finding> {
    let mut rows = Vec::new();
    for (i, objective) in [Objective::Linear, Objective::Square].into_iter().enumerate() {
        for (j, tau) in TAUS.into_iter().enumerate() {
            let stream = settings.stream.split((10 * i + j) as u64);
            let draws = Draws { logits: &LOGITS, tau, count: settings.samples, stream };
            rows.extend(at(objective, tau, objective.pathwise(&draws)?));
        }
    }
    let curves = [Objective::Linear, Objective::Square].map(|objective| (objective, biases(objective)));
    let of = |tau: f64| curves[0].1.iter().find(|p| p.0 == tau).map_or(f64::NAN, |p| p.1);
    let said = format!(
        "The mean of {} pathwise gradients is the derivative of the integral E f(x), coordinate by coordinate. It is \
         not the derivative of E f(b) over one-hot samples, not even for a linear f, because the mean of a relaxed \
         sample is not that of the hard one: the relative distance of the two gradients is {:.3} at τ = 0.25, {:.3} \
         at 0.5 and {:.3} at 1.",
        count(settings.samples),
        of(0.25),
        of(0.5),
        of(1.0)
    );
    Ok(Finding { said, figures: vec![figure(&curves)], rows })
}

fn at(objective: Objective, tau: f64, means: [Mean; 3]) -> Vec<Row> {
    let (relaxed, discrete) = (objective.relaxed(tau), objective.discrete());
    let setting = |k: usize| format!("f = {}, τ = {tau}, coordinate {}", objective.name(), k + 1);
    let same = |k: usize| {
        let row = Row::mean("mean of pathwise gradients", setting(k), means[k]);
        row.expect(Test::Equal, relaxed[k], "derivative of the relaxed integral")
    };
    // The bias of the first coordinate is the plainest; at a low temperature even that may be lost in chance.
    let test = if tau < 0.5 { Test::None } else { Test::Differs };
    let other = Row::mean("the same against the discrete", setting(0), means[0]);
    let other = other.expect(test, discrete[0], "πₖ (f(eₖ) − E f)");
    (0..3).map(same).chain([other]).collect()
}

/// τ, and the distance of the relaxed gradient from the discrete one, relative to that.
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
    let series = curves.iter().map(|(objective, points)| Series {
        name: format!("f = {}", objective.name()),
        points: points.clone(),
        dashed: false,
    });
    let chart = LineChart {
        title: "Distance of the relaxed gradient from the discrete one".into(),
        x_label: "temperature τ".into(),
        y_label: "relative bias of the gradient".into(),
        series: series.collect(),
        log_x: true,
        log_y: true,
        ..LineChart::default()
    };
    let caption = "Without chance: both gradients are exact, one a sum over categories, one an integral.";
    Figure::chart("relaxed-bias", caption, &chart)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gumbel_kernels::Stream;

    #[test]
    fn a_gradient_without_its_temperature_is_caught() {
        let draws = Draws { logits: &LOGITS, tau: 0.5, count: 100_000, stream: Stream::new(6) };
        let means = Objective::Square.pathwise(&draws).unwrap();
        assert!(at(Objective::Square, 0.5, means).iter().all(Row::holds));
        let halved =
            means.map(|mean| Mean { value: 0.5 * mean.value, standard_error: 0.5 * mean.standard_error });
        assert!(!at(Objective::Square, 0.5, halved).iter().all(Row::holds));
    }

    #[test]
    fn the_relaxed_gradient_tends_to_the_discrete_one() {
        let curve = biases(Objective::Linear);
        assert!(curve[0].1 < 0.03 && curve.windows(2).all(|pair| pair[0].1 < pair[1].1), "{curve:?}");
    }
}
