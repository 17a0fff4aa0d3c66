//! Figure 5 of Jang, Gu and Poole: what marginalising over the class costs.

use super::{Axes, Budget, Cell, Content, Experiment, Number, Place, Plan, Run, Table};

pub(super) static EXPERIMENT: Experiment = Experiment {
    name: "jang-speed",
    title: "Steps per second, the class summed over or sampled",
    source: "Jang, Gu and Poole 2017, figure 5",
    question: "How much faster is a step that samples the class than one that sums over all of them?",
    costs: ["half a minute", "ten minutes", "an hour"],
    data: Some("mnist"),
    timed: true,
    plan,
    differences: &[
        "One thread of a processor. The paper's are on a graphics card, where evaluations for several classes run side by side.",
        "Perceptrons with a hidden layer of 500 instead of the paper's convolutions. What does not depend on the class is \
         computed once for all of them.",
        "Labels are random, as in the paper: any number of classes costs what it would with true ones. The runs take turns, one \
         at a time, and evaluations are left out of the time.",
    ],
};

const CLASSES: [&str; 6] = ["2", "5", "10", "20", "50", "100"];
/// Name, heading and estimator.
const ESTIMATORS: [(&str, &str, &str); 2] =
    [("marginalised", "marginalised", "exact"), ("gs", "Gumbel-Softmax", "gumbel-softmax")];

fn options(budget: Budget) -> &'static str {
    match budget {
        Budget::Smoke => "--data digits --hidden 32 --steps 5 --evaluate-every 100",
        Budget::Short => "--data mnist --steps 100 --evaluate-every 1000",
        Budget::Full => "--data mnist --steps 1000 --evaluate-every 10000",
    }
}

fn method(budget: Budget) -> &'static str {
    match budget {
        Budget::Smoke => "5 steps of a small model.",
        Budget::Short => "100 steps each.",
        Budget::Full => "1000 steps each.",
    }
}

/// How many times faster a sampled class is in the paper.
fn paper(classes: &str) -> Option<f64> {
    match classes {
        "10" => Some(2.0),
        "100" => Some(9.9),
        _ => None,
    }
}

fn plan(budget: Budget) -> Plan {
    // For each number of classes one after the other, so that both meet the same machine.
    let pairs = || CLASSES.into_iter().flat_map(|classes| ESTIMATORS.map(|estimator| (classes, estimator)));
    let run = |(classes, (name, _, estimator)): (&str, (&str, &str, &str))| Run {
        name: format!("{name}-{classes}"),
        command: format!(
            "train semi --classes {classes} --labels-from random --estimator {estimator} --importance-samples 1 \
             --importance-images 10 {}",
            options(budget)
        ),
    };
    let pace = |name: &str, classes: &str| Number {
        run: format!("{name}-{classes}"),
        place: Place::Summary("/steps_per_second", None),
    };
    let paces = pairs().map(|(row, (name, column, _))| Cell {
        row,
        column,
        content: Content::Of(pace(name, row)),
        paper: None,
        decimals: 1,
    });
    let ratios = CLASSES.into_iter().map(|row| Cell {
        row,
        column: "times as fast",
        content: Content::Ratio(pace("gs", row), pace("marginalised", row)),
        paper: paper(row),
        decimals: 2,
    });
    Plan {
        method: method(budget).into(),
        runs: pairs().map(run).collect(),
        tables: vec![
            table(
                "How many times as fast sampling is",
                "Steps per second with Gumbel-Softmax over those marginalised.",
                RATIO,
                ratios.collect(),
            ),
            table("Steps per second", "Of training alone.", PACE, paces.collect()),
        ],
    }
}

const RATIO: Axes = Axes { name: "ratio", x_label: "classes K", y_label: "times as fast", log_y: true };
const PACE: Axes = Axes { name: "pace", x_label: "classes K", y_label: "steps per second", log_y: true };

fn table(title: &'static str, meaning: &'static str, axes: Axes, cells: Vec<Cell>) -> Table {
    Table { title, meaning, rows_are: "classes", ordered: false, chart: Some(axes), cells }
}
