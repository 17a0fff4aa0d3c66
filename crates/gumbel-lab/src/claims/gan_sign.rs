//! The sign between the two terms of the adversarial objective:
//!
//! ```text
//! V(D) = Σ p ln D ± Σ q ln(1 − D),   D = σ(a), one logit per category
//! ```

use super::{AtLeast, Claim, ClaimRow, Figure, Finding, Sampling, Within};
use crate::page::{LineChart, Series};
use anyhow::Result;

pub(super) const CLAIM: Claim = Claim {
    name: "gan-sign",
    title: "The two terms of the adversarial objective are added; with a minus sign the discriminator learns nothing",
    compute,
};

/// Probabilities of the data, and of the generator.
const DATA: [f64; 4] = [0.4, 0.3, 0.2, 0.1];
const MADE: [f64; 4] = [0.1, 0.2, 0.3, 0.4];
const RATE: f64 = 2.0;
const STEPS: usize = 500;

/// Gradient ascent of a discriminator: objective by step, and the final outputs.
struct Ascent {
    values: Vec<f64>,
    outputs: [f64; 4],
}

fn compute(_: &Sampling) -> Result<Finding> {
    let [plus, minus] = [1.0, -1.0].map(ascend);
    let mut rows: Vec<ClaimRow> = (0..4).map(|k| optimum_row(k, plus.outputs[k])).collect();
    rows.push(value_row(*plus.values.last().expect("there are steps")));
    let least = minus.outputs.into_iter().fold(1.0, f64::min);
    let least_row =
        ClaimRow::exact("minimum output D, with a minus sign", format!("after {STEPS} steps"), least);
    rows.push(least_row.expect(AtLeast, 0.99, "D → 1 for every input"));
    rows.push(gain_row(&minus.values));
    let end = minus.values[STEPS];
    let text = format!(
        "With a plus sign the optimal discriminator is p/(p + q), and its objective is −ln 4 plus twice the Jensen–Shannon \
         divergence: gradient ascent reaches {:.6}. With a minus sign the derivative is positive for data and for \
         samples: after {STEPS} steps the minimum output is {least:.4}, so data and samples are not distinguished, and \
         the objective, then {end:.2}, increases without bound.",
        plus.values[STEPS]
    );
    Ok(Finding { text, figures: vec![figure(&plus, &minus)], rows })
}

fn sigmoid(a: f64) -> f64 {
    1.0 / (1.0 + (-a).exp())
}

/// Plain gradient ascent from D = ½.
fn ascend(sign: f64) -> Ascent {
    let mut a = [0.0; 4];
    let mut values = vec![value(&a, sign)];
    for _ in 0..STEPS {
        for k in 0..4 {
            // d ln σ(a) = 1 − σ(a), d ln(1 − σ(a)) = −σ(a).
            a[k] += RATE * (DATA[k] * (1.0 - sigmoid(a[k])) - sign * MADE[k] * sigmoid(a[k]));
        }
        values.push(value(&a, sign));
    }
    Ascent { values, outputs: a.map(sigmoid) }
}

fn value(a: &[f64; 4], sign: f64) -> f64 {
    // ln(1 − σ(a)) = ln σ(−a), without cancellation.
    let term = |k: usize| DATA[k] * sigmoid(a[k]).ln() + sign * MADE[k] * sigmoid(-a[k]).ln();
    (0..4).map(term).sum()
}

fn optimum_row(k: usize, output: f64) -> ClaimRow {
    let setting = format!("category {}, p = {}, q = {}", k + 1, DATA[k], MADE[k]);
    let row = ClaimRow::exact("output D, with a plus sign", setting, output);
    row.expect(Within(1e-6), DATA[k] / (DATA[k] + MADE[k]), "p/(p + q) (Goodfellow et al. 2014, prop. 1)")
}

fn value_row(value: f64) -> ClaimRow {
    let divergence = |from: [f64; 4]| -> f64 {
        (0..4).map(|k| from[k] * (2.0 * from[k] / (DATA[k] + MADE[k])).ln()).sum()
    };
    let expected = -4f64.ln() + divergence(DATA) + divergence(MADE);
    let row = ClaimRow::exact("objective, with a plus sign", format!("after {STEPS} steps"), value);
    row.expect(Within(1e-9), expected, "−ln 4 + 2 JS(p, q) (ibid., thm. 1)")
}

/// Once D is 1, the derivative of V is q, and every step increases V by the rate times its squared length.
fn gain_row(values: &[f64]) -> ClaimRow {
    let (half, end) = (values[STEPS / 2], values[STEPS]);
    let rate = RATE * MADE.iter().map(|q| q * q).sum::<f64>();
    let row =
        ClaimRow::exact("increase over the second half of the steps, with a minus sign", "V", end - half);
    row.expect(Within(1e-6), rate * (STEPS / 2) as f64, "constant rate: no maximum")
}

fn figure(plus: &Ascent, minus: &Ascent) -> Figure {
    let curve = |name: &str, ascent: &Ascent| {
        Series::new(name, ascent.values.iter().zip(0..=10).map(|(value, step)| (f64::from(step), *value)))
    };
    let title = "Objective of the discriminator during gradient ascent";
    let series = [curve("E ln D + E ln(1 − D)", plus), curve("E ln D − E ln(1 − D)", minus)];
    let chart = LineChart::new(title, "step", "objective V(D)", series);
    let caption =
        "With a plus sign the objective has a maximum; with a minus sign it increases without bound.";
    Figure::new("gan-sign", caption, &chart)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wrong_sign_fails_the_tests_of_the_right_one() {
        let [plus, minus] = [1.0, -1.0].map(ascend);
        for (ascent, right) in [(plus, true), (minus, false)] {
            assert!((0..4).all(|k| optimum_row(k, ascent.outputs[k]).holds() == right));
            assert_eq!(value_row(ascent.values[STEPS]).holds(), right);
        }
    }
}
