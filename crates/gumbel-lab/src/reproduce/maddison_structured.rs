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
        "Two layers of 240 bits, 392-240-240-392. The bound of m = 50 samples is trained in the full budget only.",
        "Adam from 3e-3 to 1e-4 along half a cosine, without weight decay, and 100 images a step, for as many steps as said above. The paper chooses among \
         1e-4, 3e-4 and 1e-3 with decay 1e-3, takes 64 images a step, and has ten million steps: do not expect its numbers.",
        "MNIST is binarised once, by our own draw. Units are 0 and 1, the paper's −1 and 1.",
        "NVIL's baseline is a network on the probabilities of the layer, not on the image, and its signal is not \
         scaled: Adam undoes a scale.",
        "τ = 2/3, as in the paper.",
    ],
};

/// One cell of the table.
struct Trained {
    name: &'static str,
    row: &'static str,
    /// Samples m of the bound in training.
    samples: u32,
    estimator: &'static str,
    paper: f64,
}

const fn trained(
    name: &'static str,
    row: &'static str,
    samples: u32,
    estimator: &'static str,
    paper: f64,
) -> Trained {
    Trained { name, row, samples, estimator, paper }
}

const CONCRETE: &str = "gumbel-softmax:tau=0.6666667";
const SCORE: &str = "NVIL, of a bound VIMCO";

const CELLS: [Trained; 6] = [
    trained("concrete", "Concrete", 1, CONCRETE, 58.5),
    trained("concrete-5", "Concrete", 5, CONCRETE, 54.3),
    trained("concrete-50", "Concrete", 50, CONCRETE, 53.4),
    trained("nvil", SCORE, 1, "nvil", 61.4),
    trained("vimco-5", SCORE, 5, "vimco", 54.5),
    trained("vimco-50", SCORE, 50, "vimco", 51.8),
];

/// Those that a budget pays for: fifty samples cost fifty times as much.
fn cells(budget: Budget) -> impl Iterator<Item = &'static Trained> {
    CELLS.iter().filter(move |cell| budget == Budget::Full || cell.samples <= 5)
}

fn options(budget: Budget) -> &'static str {
    match budget {
        Budget::Smoke => {
            "--data digits --steps 20 --batch 50 --evaluate-every 20 --importance-samples 10 --importance-images 50"
        }
        Budget::Short => {
            "--data mnist --binarise fixed --steps 10000 --lr cosine:3e-3:1e-4:10000 --evaluate-every 2000 \
             --importance-samples 100 --importance-images 2000"
        }
        Budget::Full => {
            "--data mnist --binarise fixed --steps 100000 --lr cosine:3e-3:1e-4:100000 --evaluate-every 5000 \
             --importance-samples 100"
        }
    }
}

fn method(budget: Budget) -> &'static str {
    match budget {
        Budget::Smoke => "20 steps on the built-in digits.",
        Budget::Short => "10 000 steps each; the bound over 2000 of the test images.",
        Budget::Full => "100 000 steps each; the bound over all 10 000 test images.",
    }
}

fn command(cell: &Trained, budget: Budget) -> String {
    let bound = match cell.samples {
        1 => String::new(),
        samples => format!(" --train-samples {samples}"),
    };
    format!(
        "train sbn --latents 240 --categories 2 --estimator {}{bound} {}",
        cell.estimator,
        options(budget)
    )
}

fn plan(budget: Budget) -> Plan {
    let cell = |trained: &Trained| Cell {
        row: trained.row,
        column: match trained.samples {
            1 => "m = 1",
            5 => "m = 5",
            _ => "m = 50",
        },
        content: Content::Of(Number { run: trained.name.into(), place: Place::BOUND }),
        paper: Some(trained.paper),
        decimals: 2,
    };
    let table = Table {
        title: "The bound of 100 samples",
        meaning: "Nats on the lower half of test images, −ln of the mean likelihood of hard samples (100, as in the paper; \
                  10 in smoke). Lower is better. Columns are the samples m of the bound in training.",
        rows_are: "estimator",
        ordered: true,
        chart: None,
        cells: cells(budget).map(cell).collect(),
    };
    let run = |cell: &Trained| Run { name: cell.name.into(), command: command(cell, budget) };
    Plan { method: method(budget).into(), runs: cells(budget).map(run).collect(), tables: vec![table] }
}
