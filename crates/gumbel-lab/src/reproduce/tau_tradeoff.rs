//! Bias against variance along the temperature.

use super::{Axes, Budget, Cell, Content, Experiment, Number, Place, Plan, Run, Table};

pub(super) static EXPERIMENT: Experiment = Experiment {
    name: "tau-tradeoff",
    title: "The temperature trades bias for variance",
    source: "Jang, Gu and Poole 2017, section 2.1; Maddison, Mnih and Teh 2017",
    question: "Does a low temperature give gradients of little bias and much variance, and a high one the opposite?",
    costs: ["seconds", "a minute", "five minutes"],
    data: None,
    timed: false,
    plan,
    differences: &[
        "The papers say so in words and have no number. Here the gradient of a small network of two latents with four categories \
         is measured against the exact one, by enumeration.",
        "The bias is the mean error of single estimates along the direction in which earlier estimates erred, the deviation the \
         root of their summed variances: one unit, so the two can be compared.",
        "A bias that is not seen beyond its standard error may have either sign.",
    ],
};

const TAUS: [&str; 8] = ["0.01", "0.03", "0.1", "0.3", "0.6667", "1", "2", "3"];
const ESTIMATORS: [&str; 3] = ["gumbel-softmax", "straight-through-gumbel", "gumbel-rao"];

fn samples(budget: Budget) -> u32 {
    match budget {
        Budget::Smoke => 1000,
        Budget::Short => 100_000,
        Budget::Full => 1_000_000,
    }
}

fn plan(budget: Budget) -> Plan {
    let taus = if budget == Budget::Smoke { &TAUS[2..5] } else { &TAUS };
    let pairs: Vec<_> = taus.iter().flat_map(|&tau| ESTIMATORS.map(|estimator| (estimator, tau))).collect();
    let run = |&(estimator, tau): &(&str, &str)| Run {
        name: name(estimator, tau),
        command: command(estimator, tau, budget),
    };
    let cells = |place| {
        let cell = |&(estimator, tau): &(&str, &'static str)| {
            let content = match served(estimator, tau) {
                true => Content::Of(Number { run: name(estimator, tau), place }),
                false => Content::Refused {
                    command: command(estimator, tau, budget),
                    reason: "takes a temperature of 1 at most",
                },
            };
            Cell {
                row: tau,
                column: ESTIMATORS.iter().find(|known| **known == estimator).expect("one of them"),
                content,
                paper: None,
                decimals: 4,
            }
        };
        pairs.iter().map(cell).collect()
    };
    let bias = Axes { name: "bias", x_label: "temperature τ", y_label: "bias", log_y: false };
    let deviation = Axes {
        name: "deviation",
        x_label: "temperature τ",
        y_label: "standard deviation of one estimate",
        log_y: true,
    };
    Plan {
        method: format!("{} estimates at each temperature.", samples(budget)),
        runs: pairs.iter().filter(|(estimator, tau)| served(estimator, tau)).map(run).collect(),
        tables: vec![
            table("Bias", "In units of the gradient.", bias, cells(Place::Measured("bias", Some("bias_se")))),
            table(
                "Standard deviation of one estimate",
                "In the same units.",
                deviation,
                cells(Place::Measured("std", None)),
            ),
        ],
    }
}

fn table(title: &'static str, meaning: &'static str, chart: Axes, cells: Vec<Cell>) -> Table {
    Table { title, meaning, rows_are: "τ", ordered: false, chart: Some(chart), cells }
}

fn command(estimator: &str, tau: &str, budget: Budget) -> String {
    format!(
        "measure --problem mlp --dims 2 --categories 4 --estimator {estimator}:tau={tau} --samples {} --taus none \
         --curve-dims none",
        samples(budget)
    )
}

/// Whether the estimator takes that temperature.
fn served(estimator: &str, tau: &str) -> bool {
    estimator != "straight-through-gumbel" || !["2", "3"].contains(&tau)
}

fn name(estimator: &str, tau: &str) -> String {
    format!("{estimator}-{tau}")
}
