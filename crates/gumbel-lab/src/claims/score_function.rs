//! The score function and the pathwise gradient against the number of latents.

use super::trade_off::{bias, parts, variance, whole};
use super::{Claim, ClaimRow, Differs, Equal, Figure, Finding, Sampling};
use crate::measure::Case;
use crate::measure::problem::{Problem, ProblemKind};
use crate::page::{LineChart, Series};
use crate::support::stats::Mean;
use anyhow::Result;

pub(super) const CLAIM: Claim = Claim {
    name: "score-function",
    title: "The score function requires no derivative of f; without a baseline its variance grows with the number of latents",
    compute,
};

const LATENTS: [usize; 3] = [1, 10, 100];
const ESTIMATORS: [(&str, &str); 3] = [
    ("score function", "reinforce:baseline=none"),
    ("score function, leave-one-out", "rloo:samples=2"),
    ("Gumbel-Softmax, τ = ½", "gumbel-softmax:tau=0.5"),
];
const TARGET: f64 = 0.499;

fn compute(sampling: &Sampling) -> Result<Finding> {
    let mut curves = Vec::new();
    for (i, (_, estimator)) in ESTIMATORS.iter().enumerate() {
        let measured = LATENTS.iter().zip(0..).map(|(&latents, j)| {
            let stream = sampling.stream.split(10 * i as u64 + j);
            let case = Case::new(Problem::new(ProblemKind::Tucker, latents, 2)?);
            // Fewer estimates where each costs more.
            let count = sampling.fewer() / if latents == 100 { 10 } else { 1 };
            Ok(per_coordinate(variance(&parts(&case, estimator, count, stream)?), latents))
        });
        curves.push(measured.collect::<Result<Vec<Mean>>>()?);
    }
    let mut rows = variance_rows(&curves);
    rows.extend(bias_rows(sampling)?);
    let text = format!(
        "On f = Σ (b − 0.499)² over N bits with equal probabilities, the plain score function has a variance per \
         coordinate of {:.4}, {:.3} and {:.0} for N = 1, 10 and 100: every coordinate is multiplied by the full sum. The \
         pathwise gradient of a bit depends only on that bit; its variance is {:.4} for every N. But a baseline removes \
         the constant part of f: with a leave-one-out baseline the variance is {:.1e}, {:.1e} and {:.1e}, so the score \
         function with a baseline is competitive, and it has no bias.",
        curves[0][0].value,
        curves[0][1].value,
        curves[0][2].value,
        curves[2][0].value,
        curves[1][0].value,
        curves[1][1].value,
        curves[1][2].value
    );
    Ok(Finding { text, figures: vec![figure(&curves)], rows })
}

/// The variance per coordinate for the sum over N bits, from the summed variances for the mean over N bits with two
/// logits each.
fn per_coordinate(summed: Mean, latents: usize) -> Mean {
    let factor = latents as f64 / 2.0;
    Mean { value: factor * summed.value, standard_error: factor * summed.standard_error }
}

/// `Var[f·(b − ½)] = E f²/4 − (E f(b − ½))²` for the sum f of the costs of N bits with equal probabilities.
fn exact(latents: usize) -> f64 {
    let (n, low, high) = (latents as f64, TARGET * TARGET, (1.0 - TARGET) * (1.0 - TARGET));
    let (mean, spread, gradient) = ((low + high) / 2.0, (high - low) / 2.0, (high - low) / 4.0);
    (n * n * mean * mean + n * spread * spread) / 4.0 - gradient * gradient
}

fn variance_rows(curves: &[Vec<Mean>]) -> Vec<ClaimRow> {
    let mut rows = Vec::new();
    for ((name, _), curve) in ESTIMATORS.iter().zip(curves) {
        let quantity = format!("variance per coordinate, {name}");
        rows.extend(
            LATENTS.iter().zip(curve).map(|(n, mean)| ClaimRow::mean(&quantity, format!("N = {n}"), *mean)),
        );
    }
    let score: Vec<ClaimRow> = rows.drain(..3).collect();
    let score = score.into_iter().zip(LATENTS).map(|(row, n)| row.expect(Equal, exact(n), "closed form"));
    let path = &curves[2];
    let apart = Mean {
        value: path[2].value - path[0].value,
        standard_error: path[2].standard_error.hypot(path[0].standard_error),
    };
    let flat = ClaimRow::mean("Gumbel-Softmax: variance at N = 100 minus that at N = 1", "τ = ½", apart);
    score.chain(rows).chain([flat.expect(Equal, 0.0, "coordinates are independent")]).collect()
}

/// Bias on a problem with interactions: none for the score function, some for Gumbel-Softmax.
fn bias_rows(sampling: &Sampling) -> Result<[ClaimRow; 2]> {
    let case = Case::new(Problem::new(ProblemKind::Mlp, 2, 3)?);
    let row = |estimator: &str, label, test| -> Result<ClaimRow> {
        let mean = bias(&whole(&case, estimator, sampling.fewer(), sampling.stream.split(label))?);
        let row = ClaimRow::mean("bias", format!("{estimator}, mlp of 2 latents"), mean);
        Ok(row.expect(test, 0.0, "exact enumeration"))
    };
    Ok([row("rloo:samples=2", 90, Equal)?, row("gumbel-softmax:tau=1", 91, Differs)?])
}

fn figure(curves: &[Vec<Mean>]) -> Figure {
    let series = ESTIMATORS.iter().zip(curves).map(|((name, _), curve)| {
        Series::new(*name, LATENTS.iter().zip(curve).map(|(n, mean)| (*n as f64, mean.value)))
    });
    let title = "Variance of a gradient coordinate against the number of bits";
    let chart = LineChart::new(title, "bits N", "variance per coordinate", series).log_x().log_y();
    let caption = "The variance of the plain score function grows as N²; with a baseline it is far lower and grows as N.";
    Figure::new("score-function", caption, &chart)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closed_form_equals_enumeration_and_growth_as_n_is_detected() {
        // Two bits, four states: the first coordinate's estimate is f·(b₁ − ½).
        let cost = |b: i32| (f64::from(b) - TARGET).powi(2);
        let states = [(0, 0), (0, 1), (1, 0), (1, 1)];
        let estimates = states.map(|(a, b)| (cost(a) + cost(b)) * (f64::from(a) - 0.5));
        let mean = estimates.iter().sum::<f64>() / 4.0;
        let variance = estimates.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 4.0;
        assert!((exact(2) - variance).abs() < 1e-15);
        let linear = ClaimRow::mean("", "", Mean { value: exact(10), standard_error: 0.01 * exact(10) });
        assert!(!linear.expect(Equal, 10.0 * exact(1), "").holds());
    }
}
