//! A hard sample has no useful derivative: for fixed noise it is piecewise constant in the logits.

use super::draw::{argmax, gumbel, shares};
use super::{Claim, ClaimRow, Equal, Figure, Finding, Sampling, Within, count};
use crate::page::{LineChart, Series};
use crate::support::stats::Tally;
use anyhow::Result;
use gumbel_kernels::{gumbel_softmax_vjp, perturbed_softmax};

pub(super) const CLAIM: Claim = Claim {
    name: "zero-gradient",
    title: "A hard sample has zero gradient almost everywhere, a relaxed sample does not",
    compute,
};

const WEIGHTS: [f64; 3] = [2.0, 1.0, 0.5];
const COSTS: [f64; 3] = [0.0, 1.0, 3.0];
const STEPS: [f64; 4] = [0.3, 0.1, 0.03, 0.01];
const TAU: f64 = 0.5;

fn compute(sampling: &Sampling) -> Result<Finding> {
    let gumbel = gumbel(sampling.stream, 3 * sampling.samples);
    let mut rows: Vec<ClaimRow> =
        STEPS.iter().flat_map(|&step| step_rows(&gumbel, step, moved(step))).collect();
    rows.push(path_row(&gumbel[..300])?);
    let text = format!(
        "If one logit increases by h and the noise is fixed, the argmax changes in {:.2} % of {} draws for h = 0.1 and in \
         {:.2} % for h = 0.01, which is the change of its probability. All other draws have a difference quotient of zero, \
         so the derivative is zero with probability one, and automatic differentiation returns zero. The derivative of \
         the mean is in the jumps: the quotients average to it at every h, with a variance that grows as 1/h. The relaxed \
         sample depends smoothly on the logit: its pathwise derivative agrees with finite differences to {:.0e}.",
        100.0 * rows[2].measured,
        count(sampling.samples),
        100.0 * rows[6].measured,
        rows[8].measured
    );
    Ok(Finding { text, figures: vec![figure(&[0.0, -1.0, 2.0])?], rows })
}

/// Category probabilities with the first logit increased by `step`.
fn moved(step: f64) -> [f64; 3] {
    shares([WEIGHTS[0] * step.exp(), WEIGHTS[1], WEIGHTS[2]])
}

/// Frequency of changes of the hard sample, and the mean difference quotient of its cost.
fn step_rows(gumbel: &[f64], step: f64, moved: [f64; 3]) -> [ClaimRow; 2] {
    let logits = WEIGHTS.map(f64::ln);
    let mut tally = Tally::<2>::default();
    for g in gumbel.chunks_exact(3) {
        let mut keys: [f64; 3] = std::array::from_fn(|k| logits[k] + g[k]);
        let before = argmax(&keys);
        keys[0] += step;
        let after = argmax(&keys);
        tally.add([f64::from(before != after), (COSTS[after] - COSTS[before]) / step]);
    }
    let [changed, quotient] = tally.means();
    let at = shares(WEIGHTS);
    let setting = format!("h = {step}");
    let share = ClaimRow::mean("share of draws whose argmax changes", &setting, changed);
    let slope = ClaimRow::mean("mean difference quotient of the cost", setting, quotient);
    [
        share.expect(Equal, moved[0] - at[0], "π₁(θ₁ + h) − π₁(θ₁)"),
        slope.expect(Equal, (cost(&moved) - cost(&at)) / step, "difference quotient of E f"),
    ]
}

/// The largest relative error of the library's derivative in the first logit, relative to central differences.
fn path_row(gumbel: &[f64]) -> Result<ClaimRow> {
    const STEP: f64 = 1e-5;
    let mut worst = 0f64;
    for g in gumbel.chunks_exact(3) {
        let x = sample(g, 0.0, TAU)?;
        let mut gradient = [0.0; 3];
        gumbel_softmax_vjp(&x, &COSTS, 3, TAU, &mut gradient)?;
        let quotient = (cost(&sample(g, STEP, TAU)?) - cost(&sample(g, -STEP, TAU)?)) / (2.0 * STEP);
        // Differences of a tiny derivative have no correct digits: errors are relative to at least a thousandth.
        worst = worst.max((gradient[0] - quotient).abs() / gradient[0].abs().max(1e-3));
    }
    let row =
        ClaimRow::exact("largest relative error of the pathwise derivative", "100 draws, τ = 0.5", worst);
    Ok(row.expect(Within(1e-5), 0.0, "central differences"))
}

/// `softmax((θ + (h, 0, 0) + g)/τ)`.
fn sample(g: &[f64], step: f64, tau: f64) -> Result<[f64; 3]> {
    let mut logits = WEIGHTS.map(f64::ln);
    logits[0] += step;
    let mut x = [0.0; 3];
    perturbed_softmax(&logits, g, 3, tau, &mut x)?;
    Ok(x)
}

fn cost(x: &[f64; 3]) -> f64 {
    x.iter().zip(COSTS).map(|(x, c)| x * c).sum()
}

/// The cost of a sample against its first logit, for fixed noise with different values for the other two.
fn figure(g: &[f64]) -> Result<Figure> {
    let along = || (-160..=160).map(|i| f64::from(i) / 32.0);
    let soft =
        |tau: f64| along().map(|step| Ok((step, cost(&sample(g, step, tau)?)))).collect::<Result<Vec<_>>>();
    let hard = |step: f64| {
        let [first, second, third] = WEIGHTS.map(f64::ln);
        (step, COSTS[argmax(&[first + g[0] + step, second + g[1], third + g[2]])])
    };
    let series = [
        Series::new("hard", along().map(hard)).dashed(),
        Series::new("τ = 1", soft(1.0)?),
        Series::new("τ = 0.3", soft(0.3)?),
    ];
    let title = "Cost of a sample against a logit, for fixed noise";
    let chart = LineChart::new(title, "increase of the first logit", "cost of the sample", series);
    let caption = "For the noise (0, −1, 2). The hard sample is constant except for a jump; the relaxed sample has a slope, which is steeper for lower τ.";
    Ok(Figure::new("zero-gradient", caption, &chart))
}

#[cfg(test)]
mod tests {
    use super::*;
    use gumbel_kernels::Stream;

    #[test]
    fn a_probability_of_another_step_is_detected() {
        let gumbel = gumbel(Stream::new(7), 300_000);
        assert!(step_rows(&gumbel, 0.1, moved(0.1)).iter().all(ClaimRow::holds));
        assert!(!step_rows(&gumbel, 0.1, moved(0.15)).iter().all(ClaimRow::holds));
    }
}
