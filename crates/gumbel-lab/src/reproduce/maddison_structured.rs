//! Structured prediction of Maddison, Mnih and Teh: Concrete against NVIL.

use super::{Budget, Cell, Content, Experiment, Number, Place, Plan, Run, Table};

pub(super) static EXPERIMENT: Experiment = Experiment {
    name: "maddison-structured",
    title: "The lower half of a digit: Concrete against NVIL",
    source: "Maddison, Mnih and Teh 2017, structured output prediction",
    question: "Does the Concrete relaxation beat a score function with a learned baseline on a deep binary network?",
    costs: ["seconds", "ten minutes", "an hour"],
    data: Some("mnist"),
    timed: false,
    plan,
    differences: &[
        "Two layers of 240 bits, 392-240-240-392, trained on one sample, m = 1. The paper has m = 5 and 50 too, by VIMCO \
         on the other side.",
        "Adam at 1e-3 without weight decay and 100 images a step, for as many steps as said above. The paper chooses among \
         1e-4, 3e-4 and 1e-3 with decay 1e-3, takes 64 images a step, and has ten million steps: do not expect its numbers.",
        "MNIST is binarised once, by our own draw. Units are 0 and 1, the paper's −1 and 1.",
        "NVIL's baseline is a network on the probabilities of the layer, not on the image, and its signal is not \
         scaled: Adam undoes a scale.",
        "τ = 2/3, as in the paper. RLOO with four samples has no number there: it is here to be compared.",
    ],
};

/// Name, heading, estimator and the paper's number at m = 1.
const ROWS: [(&str, &str, &str, Option<f64>); 3] = [
    ("concrete", "Concrete", "gumbel-softmax:tau=0.6666667", Some(58.5)),
    ("nvil", "NVIL", "nvil", Some(61.4)),
    ("rloo", "RLOO (4 samples)", "rloo:samples=4", None),
];

fn options(budget: Budget) -> &'static str {
    match budget {
        Budget::Smoke => {
            "--data digits --steps 20 --batch 50 --evaluate-every 20 --importance-samples 10 --importance-images 50"
        }
        Budget::Short => {
            "--data mnist --binarise fixed --steps 10000 --evaluate-every 2000 --importance-samples 100 \
             --importance-images 2000"
        }
        Budget::Full => {
            "--data mnist --binarise fixed --steps 100000 --evaluate-every 5000 --importance-samples 100"
        }
    }
}

fn method(budget: Budget) -> &'static str {
    match budget {
        Budget::Smoke => "20 steps on the built-in digits.",
        Budget::Short => "10 000 steps each; the bound over the first 2000 test images.",
        Budget::Full => "100 000 steps each; the bound over all 10 000 test images.",
    }
}

fn plan(budget: Budget) -> Plan {
    let command = |estimator| {
        format!("train sbn --latents 240 --categories 2 --estimator {estimator} {}", options(budget))
    };
    let bound = Place::Summary("/test/importance_bound/nats", Some("/test/importance_bound/standard_error"));
    let cell = |(name, row, _, paper): (&str, _, _, _)| {
        let content = Content::Of(Number { run: name.into(), place: bound });
        Cell { row, column: "m = 1", content, paper, decimals: 2 }
    };
    let table = Table {
        title: "The bound of 100 samples",
        meaning: "Nats on the lower half of test images, −ln of the mean likelihood of hard samples (100, as in the paper; \
                  10 in smoke). Lower is better.",
        rows_are: "estimator",
        ordered: true,
        chart: None,
        cells: ROWS.map(cell).into(),
    };
    Plan {
        method: method(budget).into(),
        runs: ROWS
            .map(|(name, _, estimator, _)| Run { name: name.into(), command: command(estimator) })
            .into(),
        tables: vec![table],
    }
}
