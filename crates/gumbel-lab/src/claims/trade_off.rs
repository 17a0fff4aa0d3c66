//! Bias and variance of the pathwise gradient against the temperature.

use super::{Claim, ClaimRow, Differs, Figure, Finding, Sampling, Within};
use crate::measure::problem::{Problem, ProblemKind};
use crate::measure::{self, Case, MeasureRow};
use crate::page::{LineChart, Series};
use crate::support::interrupt::Watch;
use crate::support::stats::Mean;
use anyhow::Result;
use gumbel_kernels::Stream;

pub(super) const CLAIM: Claim = Claim {
    name: "trade-off",
    title: "A low temperature has low bias and high variance, a high temperature the opposite",
    compute,
};

const TAUS: [f64; 8] = [0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0];
/// Number of low temperatures, at which the variance is proportional to 1/τ.
const LOW: usize = 4;
const PARTS: usize = 10;

/// `PARTS` independent measurements of an estimator, with `count` estimates in total.
pub(super) fn parts(case: &Case, estimator: &str, count: usize, stream: Stream) -> Result<Vec<MeasureRow>> {
    (0..PARTS).map(|part| whole(case, estimator, count / PARTS, stream.split(part as u64))).collect()
}

/// A measurement with `count` estimates.
pub(super) fn whole(case: &Case, estimator: &str, count: usize, stream: Stream) -> Result<MeasureRow> {
    let seed = u64::from(stream.word(0));
    let sampling = measure::MeasureSettings { replicates: count, warm_up: 0, budget: 1, seed };
    case.measure(&estimator.parse()?, &sampling, &Watch::nothing())
}

/// Mean of the variance over independent measurements.
pub(super) fn variance(parts: &[MeasureRow]) -> Mean {
    Mean::of(parts.iter().map(MeasureRow::variance))
}

/// The bias of a measurement.
pub(super) fn bias(row: &MeasureRow) -> Mean {
    Mean { value: row.bias.unwrap_or(f64::NAN), standard_error: row.bias_standard_error.unwrap_or(f64::NAN) }
}

/// Measurements at one temperature.
struct At {
    tau: f64,
    parts: Vec<MeasureRow>,
    bias: Mean,
}

fn compute(sampling: &Sampling) -> Result<Finding> {
    let case = Case::new(Problem::new(ProblemKind::Mlp, 2, 3)?);
    let measured = TAUS.iter().zip(0..).map(|(&tau, label)| {
        let (name, stream) = (format!("gumbel-softmax:tau={tau}"), sampling.stream.split(label));
        let parts = parts(&case, &name, sampling.fewer(), stream.split(0))?;
        Ok(At { tau, parts, bias: bias(&whole(&case, &name, sampling.fewer(), stream.split(1))?) })
    });
    let measured = measured.collect::<Result<Vec<At>>>()?;
    let score = parts(&case, "rloo:samples=2", sampling.fewer(), sampling.stream.split(50))?;
    let score = variance(&score);
    let slope = Mean::of((0..PARTS).map(|part| log_slope(&measured[..LOW], part)));
    let rows = rows(&measured, slope, score);
    let crossing = measured.iter().rev().find(|at| variance(&at.parts).value > score.value);
    let crossing = crossing.map_or("no temperature of the figure".into(), |at| format!("τ = {}", at.tau));
    let text = format!(
        "On a small network with 2 latents of 3 categories, the variance of one gradient decreases from {:.4} at τ = 0.025 \
         to {:.6} at τ = 5, and the bias increases from {:.4} ± {:.4} to {:.4}. At low temperatures the variance is \
         proportional to τ^{:.2}: with a probability of order τ two categories nearly tie, and then the gradient is of \
         order 1/τ. The score function of two samples with a leave-one-out baseline has no bias and a variance of {:.4}; \
         Gumbel-Softmax exceeds that at {crossing} and below.",
        variance(&measured[0].parts).value,
        variance(&measured[7].parts).value,
        measured[0].bias.value,
        measured[0].bias.standard_error,
        measured[7].bias.value,
        slope.value,
        score.value
    );
    Ok(Finding { text, figures: vec![figure(&measured, score)], rows })
}

fn rows(measured: &[At], slope: Mean, score: Mean) -> Vec<ClaimRow> {
    let variances =
        measured.iter().map(|at| ClaimRow::mean("variance", format!("τ = {}", at.tau), variance(&at.parts)));
    let biases = measured.iter().map(|at| {
        let row = ClaimRow::mean("bias", format!("τ = {}", at.tau), at.bias);
        if at.tau < 0.5 { row } else { row.expect(Differs, 0.0, "exact enumeration") }
    });
    let mut rows: Vec<ClaimRow> = variances.chain(biases).collect();
    let slope_row = ClaimRow::mean("slope of ln variance over ln τ", "τ from 0.025 to 0.2", slope);
    rows.push(slope_row.expect(Within(0.15), -1.0, "P(near tie) = O(τ), gradient O(1/τ)"));
    rows.push(ClaimRow::mean("variance of the score function", "rloo, 2 samples", score));
    rows
}

/// Slope of the least-squares line of the logarithms.
fn log_slope(measured: &[At], part: usize) -> f64 {
    let logs = measured.iter().map(|at| (at.tau.ln(), at.parts[part].variance().ln()));
    measure::slope(&logs.collect::<Vec<_>>())
}

fn figure(measured: &[At], score: Mean) -> Figure {
    let ends = [TAUS[0], TAUS[TAUS.len() - 1]];
    let curve =
        |name: &str, of: fn(&At) -> f64| Series::new(name, measured.iter().map(|at| (at.tau, of(at))));
    // A bias within chance of zero is not drawn.
    let biased = measured.iter().filter(|at| at.bias.value > 4.0 * at.bias.standard_error);
    let biases =
        Series::new("bias², where it differs from 0", biased.map(|at| (at.tau, at.bias.value.powi(2))));
    let title = "Variance and squared bias of the Gumbel-Softmax gradient against temperature";
    let series = [
        curve("variance", |at| variance(&at.parts).value),
        biases,
        Series::new("variance of rloo", ends.map(|tau| (tau, score.value))).dashed(),
    ];
    let chart = LineChart::new(title, "temperature τ", "variance and squared bias of one gradient", series)
        .log_x()
        .log_y();
    let caption =
        "Variance and squared bias cross: the best temperature depends on how many gradients are averaged.";
    Figure::new("trade-off", caption, &chart)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unbiased_estimator_is_not_found_biased() {
        let case = Case::new(Problem::new(ProblemKind::Mlp, 2, 3).unwrap());
        let row = |name: &str| {
            let row = whole(&case, name, 20_000, Stream::new(4)).unwrap();
            ClaimRow::mean("", "", bias(&row)).expect(Differs, 0.0, "")
        };
        assert!(row("gumbel-softmax:tau=2").holds() && !row("rloo:samples=2").holds());
    }
}
