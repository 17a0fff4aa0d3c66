//! Structured prediction of Maddison, Mnih and Teh: Concrete against NVIL.

use super::{Budget, Cell, Content, Place, Plan, PlannedRun, Reproduction, ResultTable};

pub(super) static EXPERIMENT: Reproduction = Reproduction {
    name: "maddison-structured",
    title: "The lower half of a digit given the upper: Concrete against NVIL",
    source: "Maddison, Mnih and Teh 2017, structured output prediction",
    question: "Does the Concrete relaxation outperform a score function with a learned baseline on a deep binary network?",
    costs: ["seconds", "ten minutes", "an hour"],
    data: Some("mnist"),
    timed: false,
    plan,
    differences: &[
        "Two layers of 240 binary latents, 392-240-240-392. The bound with m = 50 samples is trained in the full budget only.",
        "Adam with a learning rate from 3e-3 to 1e-4 along half a cosine, without weight decay, and 100 images per step, for the \
         number of steps above. The paper chooses among the rates 1e-4, 3e-4 and 1e-3 with decay 1e-3, and has 64 images per \
         step and ten million steps: its numbers are not within reach.",
        "MNIST is binarised once, with a different draw from the paper's. Units are 0 and 1, in the paper −1 and 1.",
        "NVIL's baseline is a network on the probabilities of the layer, not on the image, and its signal is not normalised: \
         Adam makes steps independent of the scale.",
        "τ = 2/3, as in the paper.",
    ],
};

/// Name, row, samples m of the bound in training, estimator and the paper's bound of a cell.
type Trained = (&'static str, &'static str, u32, &'static str, f64);

const CONCRETE: &str = "gumbel-softmax:tau=0.6666667";
const SCORE: &str = "NVIL; VIMCO for m > 1";

const CELLS: [Trained; 6] = [
    ("concrete", "Concrete", 1, CONCRETE, 58.5),
    ("concrete-5", "Concrete", 5, CONCRETE, 54.3),
    ("concrete-50", "Concrete", 50, CONCRETE, 53.4),
    ("nvil", SCORE, 1, "nvil", 61.4),
    ("vimco-5", SCORE, 5, "vimco", 54.5),
    ("vimco-50", SCORE, 50, "vimco", 51.8),
];

/// The cells of a budget: fifty samples cost fifty times as much as one.
fn cells(budget: Budget) -> impl Iterator<Item = Trained> {
    CELLS.into_iter().filter(move |(_, _, samples, ..)| budget == Budget::Full || *samples <= 5)
}

/// Options of the runs for each budget.
const OPTIONS: [&str; 3] = [
    "--data digits --steps 20 --batch 50 --evaluate-every 20 --importance-samples 10 --importance-images 50",
    "--data mnist --binarize fixed --steps 10000 --lr cosine:3e-3:1e-4:10000 --evaluate-every 2000 \
     --importance-samples 100 --importance-images 2000",
    "--data mnist --binarize fixed --steps 100000 --lr cosine:3e-3:1e-4:100000 --evaluate-every 5000 \
     --importance-samples 100",
];

/// Meaning of each budget.
const METHOD: [&str; 3] = [
    "20 steps on the built-in digits.",
    "10 000 steps each; the bound on 2000 test images.",
    "100 000 steps each; the bound on all 10 000 test images.",
];

fn command(samples: u32, estimator: &str, budget: Budget) -> String {
    let bound = if samples == 1 { String::new() } else { format!(" --train-samples {samples}") };
    let options = budget.of(OPTIONS);
    format!("train sbn --latents 240 --categories 2 --estimator {estimator}{bound} {options}")
}

fn plan(budget: Budget) -> Plan {
    let cell = |(name, row, samples, _, paper): Trained| {
        let column = match samples {
            1 => "m = 1",
            5 => "m = 5",
            _ => "m = 50",
        };
        Cell::new(row, column, Content::of(name, Place::BOUND), 2).beside(paper)
    };
    let run = |(name, _, samples, estimator, _): Trained| {
        PlannedRun::new(name, command(samples, estimator, budget))
    };
    let bounds = cells(budget).map(cell).collect();
    Plan {
        method: budget.of(METHOD).into(),
        runs: cells(budget).map(run).collect(),
        tables: vec![ResultTable::new("Bound with 100 samples", BOUND, "estimator", bounds).ordered()],
    }
}

const BOUND: &str = "Nats per lower half of a test image: −ln of the mean likelihood over hard samples (100, as in the paper; for \
     smoke 10). Lower is better. The columns are the numbers of samples m of the bound in training.";
