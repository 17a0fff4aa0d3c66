//! The sign between the two terms of the adversarial objective.
//!
//! ```text
//! V(D) = Σ p ln D ± Σ q ln(1 − D),   D = σ(a), a category at a time
//! ```

use super::{Claim, Figure, Finding, Row, Settings, Test};
use crate::report::figure::{LineChart, Series};
use anyhow::Result;

pub(super) const CLAIM: Claim = Claim {
    name: "gan-sign",
    title: "The two terms of the adversarial objective are added; with a minus the discriminator learns nothing",
    compute,
};

/// Data, and what the generator makes.
const DATA: [f64; 4] = [0.4, 0.3, 0.2, 0.1];
const MADE: [f64; 4] = [0.1, 0.2, 0.3, 0.4];
const RATE: f64 = 2.0;
const STEPS: usize = 500;

/// A discriminator's way up its objective.
struct Ascent {
    values: Vec<f64>,
    verdicts: [f64; 4],
}

fn compute(_: &Settings) -> Result<Finding> {
    let [plus, minus] = [1.0, -1.0].map(ascend);
    let mut rows: Vec<Row> = (0..4).map(|k| optimum_row(k, plus.verdicts[k])).collect();
    rows.push(value_row(*plus.values.last().expect("there are steps")));
    let least = minus.verdicts.into_iter().fold(1.0, f64::min);
    rows.push(Row::exact("least verdict D, with a minus", format!("after {STEPS} steps"), least).expect(
        Test::AtLeast,
        0.99,
        "D → 1 whatever is shown",
    ));
    rows.push(gain_row(&minus.values));
    let end = minus.values[STEPS];
    let said = format!(
        "With a plus the best discriminator is p/(p + q), and its objective −ln 4 plus twice the Jensen–Shannon \
         divergence: gradient ascent arrives at {:.6}. With a minus the derivative is positive for data and samples \
         alike: after {STEPS} steps the least verdict is {least:.4}, nothing is told apart, and the objective, {end:.2} \
         by then, still rises without bound.",
        plus.values[STEPS]
    );
    Ok(Finding { said, figures: vec![figure(&plus, &minus)], rows })
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
    Ascent { values, verdicts: a.map(sigmoid) }
}

fn value(a: &[f64; 4], sign: f64) -> f64 {
    // ln(1 − σ(a)) = ln σ(−a), without cancellation.
    let term = |k: usize| DATA[k] * sigmoid(a[k]).ln() + sign * MADE[k] * sigmoid(-a[k]).ln();
    (0..4).map(term).sum()
}

fn optimum_row(k: usize, verdict: f64) -> Row {
    let setting = format!("category {}, p = {}, q = {}", k + 1, DATA[k], MADE[k]);
    Row::exact("verdict D, with a plus", setting, verdict).expect(
        Test::Within(1e-6),
        DATA[k] / (DATA[k] + MADE[k]),
        "p/(p + q) (Goodfellow et al. 2014, prop. 1)",
    )
}

fn value_row(value: f64) -> Row {
    let divergence = |from: [f64; 4]| -> f64 {
        (0..4).map(|k| from[k] * (2.0 * from[k] / (DATA[k] + MADE[k])).ln()).sum()
    };
    let expected = -4f64.ln() + divergence(DATA) + divergence(MADE);
    Row::exact("objective, with a plus", format!("after {STEPS} steps"), value).expect(
        Test::Within(1e-9),
        expected,
        "−ln 4 + 2 JS(p, q) (ibid., thm. 1)",
    )
}

/// Once D is 1, V rises with every step by the squared length of its derivative, which is q.
fn gain_row(values: &[f64]) -> Row {
    let (half, end) = (values[STEPS / 2], values[STEPS]);
    let rate = RATE * MADE.iter().map(|q| q * q).sum::<f64>();
    Row::exact("gain of the second half of the steps, with a minus", "V", end - half).expect(
        Test::Within(1e-6),
        rate * (STEPS / 2) as f64,
        "a constant rate: no maximum",
    )
}

fn figure(plus: &Ascent, minus: &Ascent) -> Figure {
    let curve = |name: &str, ascent: &Ascent| Series {
        name: name.into(),
        points: ascent.values.iter().zip(0..=10).map(|(value, step)| (f64::from(step), *value)).collect(),
        dashed: false,
    };
    let chart = LineChart {
        title: "The discriminator’s objective along gradient ascent".into(),
        x_label: "step".into(),
        y_label: "objective V(D)".into(),
        series: vec![curve("E ln D + E ln(1 − D)", plus), curve("E ln D − E ln(1 − D)", minus)],
        ..LineChart::default()
    };
    Figure::chart("gan-sign", "With a plus it has a maximum; with a minus it rises for ever.", &chart)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wrong_sign_fails_the_tests_of_the_right_one() {
        let [plus, minus] = [1.0, -1.0].map(ascend);
        assert!(
            (0..4).all(|k| optimum_row(k, plus.verdicts[k]).holds()) && value_row(plus.values[STEPS]).holds()
        );
        assert!(
            (0..4).all(|k| !optimum_row(k, minus.verdicts[k]).holds())
                && !value_row(minus.values[STEPS]).holds()
        );
    }
}
