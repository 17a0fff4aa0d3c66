//! Figure 5 of Jang, Gu and Poole: the cost of marginalising over the class.

use super::{Axes, Budget, Cell, Content, Number, Place, Plan, PlannedRun, Reproduction, ResultTable};

pub(super) static EXPERIMENT: Reproduction = Reproduction {
    name: "jang-speed",
    title: "Steps per second: the class marginalised or sampled",
    source: "Jang, Gu and Poole 2017, figure 5",
    question: "How much faster is a step that samples the class than one that sums over all classes?",
    costs: ["half a minute", "ten minutes", "an hour"],
    data: Some("mnist"),
    timed: true,
    plan,
    differences: &[
        "One CPU thread. The paper uses a GPU, which evaluates several classes in parallel.",
        "Perceptrons with a hidden layer of 500 instead of the paper's convolutions. Everything that does not depend on the \
         class is computed once for all classes.",
        "Labels are random, as in the paper: the cost is the same as with true labels, for any number of classes. The runs are \
         made one at a time, and the time excludes evaluations.",
    ],
};

const CLASSES: [&str; 6] = ["2", "5", "10", "20", "50", "100"];
/// Name, heading and estimator.
const ESTIMATORS: [(&str, &str, &str); 2] =
    [("marginalised", "marginalised", "exact"), ("gs", "Gumbel-Softmax", "gumbel-softmax")];

/// Options of the runs for each budget.
const OPTIONS: [&str; 3] = [
    "--data digits --hidden 32 --steps 5 --evaluate-every 100",
    "--data mnist --steps 100 --evaluate-every 1000",
    "--data mnist --steps 1000 --evaluate-every 10000",
];

/// Meaning of each budget.
const METHOD: [&str; 3] = ["5 steps of a small model each.", "100 steps each.", "1000 steps each."];

/// The speedup of sampling in the paper.
fn paper(classes: &str) -> Option<f64> {
    match classes {
        "10" => Some(2.0),
        "100" => Some(9.9),
        _ => None,
    }
}

fn plan(budget: Budget) -> Plan {
    // Both estimators one after the other for each number of classes, so that the machine is in the same state.
    let pairs = || CLASSES.into_iter().flat_map(|classes| ESTIMATORS.map(|estimator| (classes, estimator)));
    let run = |(classes, (name, _, estimator)): (&str, (&str, &str, &str))| {
        let model = format!("train semi --classes {classes} --labels-from random --estimator {estimator}");
        let evaluation = "--importance-samples 1 --importance-images 10";
        PlannedRun::new(format!("{name}-{classes}"), format!("{model} {evaluation} {}", budget.of(OPTIONS)))
    };
    let steps = |(row, (name, column, _)): (&'static str, (&str, &'static str, &str))| {
        Cell::new(row, column, Content::Of(pace(name, row)), 1)
    };
    let ratio = |row| {
        let content = Content::Ratio(pace("gs", row), pace("marginalised", row));
        Cell::new(row, "speedup", content, 2).beside(paper(row))
    };
    let (ratios, paces) = (CLASSES.map(ratio).into(), pairs().map(steps).collect());
    Plan {
        method: budget.of(METHOD).into(),
        runs: pairs().map(run).collect(),
        tables: vec![
            ResultTable::new("Speedup of sampling", SPEEDUP, "classes", ratios).chart(RATIO),
            ResultTable::new("Steps per second", STEPS, "classes", paces).chart(PACE),
        ],
    }
}

const SPEEDUP: &str = "Steps per second with Gumbel-Softmax, divided by those with the class marginalised.";
const STEPS: &str = "Training steps per second, without evaluations.";
const RATIO: Axes = Axes { name: "ratio", x_label: "classes K", y_label: "speedup", log_y: true };
const PACE: Axes = Axes { name: "pace", x_label: "classes K", y_label: "steps per second", log_y: true };

fn pace(name: &str, classes: &str) -> Number {
    Number { run: format!("{name}-{classes}"), place: Place::Summary("/steps_per_second", None) }
}
