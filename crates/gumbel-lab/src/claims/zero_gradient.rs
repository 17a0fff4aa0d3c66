//! Why a hard sample cannot be differentiated: for the same noise it almost never moves.

use super::draw::{argmax, shares};
use super::{Claim, Figure, Finding, Row, Settings, Test, count};
use crate::report::figure::{LineChart, Series};
use crate::support::stats::Tally;
use anyhow::Result;
use gumbel_kernels::{gumbel_softmax_vjp, noise, perturbed_softmax};

pub(super) const CLAIM: Claim = Claim {
    name: "zero-gradient",
    title: "A hard sample has a gradient of zero almost everywhere, a relaxed one does not",
    compute,
};

const WEIGHTS: [f64; 3] = [2.0, 1.0, 0.5];
const COSTS: [f64; 3] = [0.0, 1.0, 3.0];
const STEPS: [f64; 4] = [0.3, 0.1, 0.03, 0.01];
const TAU: f64 = 0.5;

fn compute(settings: &Settings) -> Result<Finding> {
    let mut gumbel = vec![0.0; 3 * settings.samples];
    noise::gumbel(settings.stream, &mut gumbel);
    let mut rows: Vec<Row> = STEPS.iter().flat_map(|&step| step_rows(&gumbel, step, moved(step))).collect();
    rows.push(path_row(&gumbel[..300])?);
    let said = format!(
        "Raise one logit by h and keep the noise: the argmax changes in {:.2} % of {} draws for h = 0.1 and in {:.2} \
         % for h = 0.01, exactly the change of its probability. All the others have a difference quotient of zero, so \
         the derivative is zero with probability one, and automatic differentiation returns that. The derivative of \
         the mean hides in the jumps: the quotients average to it at every h, with a variance that grows as 1/h. The \
         relaxed sample moves with the logit: its pathwise derivative is that of differences to {:.0e}.",
        100.0 * rows[2].measured,
        count(settings.samples),
        100.0 * rows[6].measured,
        rows[8].measured
    );
    Ok(Finding { said, figures: vec![figure(&[0.0, -1.0, 2.0])?], rows })
}

/// Category probabilities once the first logit is `step` higher.
fn moved(step: f64) -> [f64; 3] {
    shares([WEIGHTS[0] * step.exp(), WEIGHTS[1], WEIGHTS[2]])
}

/// How often the hard sample changes, and the mean difference quotient of its cost.
fn step_rows(gumbel: &[f64], step: f64, moved: [f64; 3]) -> [Row; 2] {
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
    let mean = |shares: [f64; 3]| shares.iter().zip(COSTS).map(|(p, c)| p * c).sum::<f64>();
    let setting = format!("h = {step}");
    [
        Row::mean("share of draws whose argmax changes", &setting, changed).expect(
            Test::Equal,
            moved[0] - at[0],
            "π₁(θ₁ + h) − π₁(θ₁)",
        ),
        Row::mean("mean difference quotient of the cost", setting, quotient).expect(
            Test::Equal,
            (mean(moved) - mean(at)) / step,
            "difference quotient of E f",
        ),
    ]
}

/// The largest relative error of the kernel's derivative in the first logit against central differences.
fn path_row(gumbel: &[f64]) -> Result<Row> {
    const STEP: f64 = 1e-5;
    let mut worst = 0f64;
    for g in gumbel.chunks_exact(3) {
        let x = sample(g, 0.0)?;
        let mut gradient = [0.0; 3];
        gumbel_softmax_vjp(&x, &COSTS, 3, TAU, &mut gradient)?;
        let quotient = (cost(&sample(g, STEP)?) - cost(&sample(g, -STEP)?)) / (2.0 * STEP);
        // Where a derivative is tiny, differences have no digits left: errors are relative to a thousandth at least.
        worst = worst.max((gradient[0] - quotient).abs() / gradient[0].abs().max(1e-3));
    }
    let row = Row::exact("largest relative error of the pathwise derivative", "100 draws, τ = 0.5", worst);
    Ok(row.expect(Test::Within(1e-5), 0.0, "central differences"))
}

/// `softmax((θ + (h, 0, 0) + g)/τ)`.
fn sample(g: &[f64], step: f64) -> Result<[f64; 3]> {
    tempered(g, step, TAU)
}

fn tempered(g: &[f64], step: f64, tau: f64) -> Result<[f64; 3]> {
    let mut logits = WEIGHTS.map(f64::ln);
    logits[0] += step;
    let mut x = [0.0; 3];
    perturbed_softmax(&logits, g, 3, tau, &mut x)?;
    Ok(x)
}

fn cost(x: &[f64; 3]) -> f64 {
    x.iter().zip(COSTS).map(|(x, c)| x * c).sum()
}

/// The cost of a sample as its first logit moves, for noise that sets the other two apart.
fn figure(g: &[f64]) -> Result<Figure> {
    let along = || (-160..=160).map(|i| f64::from(i) / 32.0);
    let soft =
        |tau: f64| along().map(|step| Ok((step, cost(&tempered(g, step, tau)?)))).collect::<Result<Vec<_>>>();
    let hard = |step: f64| {
        let logits = WEIGHTS.map(f64::ln);
        (
            step,
            COSTS[argmax(&std::array::from_fn::<f64, 3, _>(|k| {
                logits[k] + g[k] + if k == 0 { step } else { 0.0 }
            }))],
        )
    };
    let series = |name: &str, points, dashed| Series { name: name.into(), points, dashed };
    let chart = LineChart {
        title: "Cost of a sample as a logit moves, the noise held".into(),
        x_label: "added to the first logit".into(),
        y_label: "cost of the sample".into(),
        series: vec![
            series("hard", along().map(hard).collect(), true),
            series("τ = 1", soft(1.0)?, false),
            series("τ = 0.3", soft(0.3)?, false),
        ],
        ..LineChart::default()
    };
    let caption = "For the noise (0, −1, 2). The hard sample is flat but for a jump; the relaxed one has a slope, steeper as τ falls.";
    Ok(Figure::chart("zero-gradient", caption, &chart))
}

#[cfg(test)]
mod tests {
    use super::*;
    use gumbel_kernels::Stream;

    #[test]
    fn a_probability_of_another_step_is_caught() {
        let mut gumbel = vec![0.0; 300_000];
        noise::gumbel(Stream::new(7), &mut gumbel);
        assert!(step_rows(&gumbel, 0.1, moved(0.1)).iter().all(Row::holds));
        assert!(!step_rows(&gumbel, 0.1, moved(0.15)).iter().all(Row::holds));
    }
}
