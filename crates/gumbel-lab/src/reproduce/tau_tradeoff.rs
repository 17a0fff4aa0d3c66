//! Bias and variance against the temperature.

use super::{Axes, Budget, Cell, Content, Place, Plan, PlannedRun, Reproduction, ResultTable};

pub(super) static EXPERIMENT: Reproduction = Reproduction {
    name: "tau-tradeoff",
    title: "The temperature trades bias for variance",
    source: "Jang, Gu and Poole 2017, section 2.1; Maddison, Mnih and Teh 2017",
    question: "Does a low temperature give gradients with low bias and high variance, and a high one the opposite?",
    costs: ["seconds", "a minute", "five minutes"],
    data: None,
    timed: false,
    plan,
    differences: &[
        "The papers state this without numbers. Here the gradient of a small network of two latents with four categories is \
         measured against the exact one, by enumeration.",
        "The bias is the mean error of single estimates along the direction of the mean error of earlier estimates; the standard \
         deviation is the square root of the summed variances. Both have the same unit, so they can be compared.",
        "A measured bias within its standard error of zero may have either sign.",
    ],
};

const TAUS: [&str; 8] = ["0.01", "0.03", "0.1", "0.3", "0.6667", "1", "2", "3"];
const ESTIMATORS: [&str; 3] = ["gumbel-softmax", "straight-through-gumbel", "gumbel-rao"];

/// Replicates for each budget.
const REPLICATES: [u32; 3] = [1000, 100_000, 1_000_000];

fn plan(budget: Budget) -> Plan {
    let taus = if budget == Budget::Smoke { &TAUS[2..5] } else { &TAUS };
    let pairs: Vec<Pair> =
        taus.iter().flat_map(|&tau| ESTIMATORS.map(|estimator| (estimator, tau))).collect();
    let run =
        |&(estimator, tau): &Pair| PlannedRun::new(name(estimator, tau), command(estimator, tau, budget));
    let table = |title, meaning, place, axes| {
        let cells = pairs.iter().map(|&pair| cell(pair, place, budget)).collect();
        ResultTable::new(title, meaning, "τ", cells).chart(axes)
    };
    let bias = Place::Measured("bias", Some("bias_standard_error"));
    let deviation = Place::Measured("std", None);
    Plan {
        method: format!("{} independent estimates at each temperature.", budget.of(REPLICATES)),
        runs: pairs.iter().filter(|(estimator, tau)| supported(estimator, tau)).map(run).collect(),
        tables: vec![
            table("Bias", "In the unit of the gradient.", bias, BIAS),
            table("Standard deviation of one estimate", "In the same unit.", deviation, DEVIATION),
        ],
    }
}

/// Estimator and temperature.
type Pair = (&'static str, &'static str);

const BIAS: Axes = Axes { name: "bias", x_label: "temperature τ", y_label: "bias", log_y: false };
const DEVIATION: Axes = Axes {
    name: "deviation",
    x_label: "temperature τ",
    y_label: "standard deviation of one estimate",
    log_y: true,
};

fn cell((estimator, tau): Pair, place: Place, budget: Budget) -> Cell {
    let content = match supported(estimator, tau) {
        true => Content::of(name(estimator, tau), place),
        false => Content::Refused {
            command: command(estimator, tau, budget),
            reason: "takes a temperature of 1 at most",
        },
    };
    Cell::new(tau, estimator, content, 4)
}

fn command(estimator: &str, tau: &str, budget: Budget) -> String {
    format!(
        "measure --problem mlp --latents 2 --categories 4 --estimator {estimator}:tau={tau} --replicates {} --taus none \
         --curve-latents none",
        budget.of(REPLICATES)
    )
}

/// Whether the estimator supports the temperature.
fn supported(estimator: &str, tau: &str) -> bool {
    estimator != "straight-through-gumbel" || !["2", "3"].contains(&tau)
}

fn name(estimator: &str, tau: &str) -> String {
    format!("{estimator}-{tau}")
}
