//! Table 2 of Jang, Gu and Poole: semi-supervised learning, the class marginalised or sampled.

use super::{Budget, Cell, Content, Place, Plan, PlannedRun, Reproduction, ResultTable};

pub(super) static EXPERIMENT: Reproduction = Reproduction {
    name: "jang-table-2",
    title: "Learning from a hundred labels: the class marginalised or sampled",
    source: "Jang, Gu and Poole 2017, table 2",
    question: "Does a semi-supervised model lose accuracy or likelihood if its class is sampled instead of summed over?",
    costs: ["seconds", "twenty minutes", "two hours"],
    data: Some("mnist"),
    timed: false,
    plan,
    differences: &[
        "Two convolutions of 5x5 pixels with 16 and 32 channels and a hidden layer of 200, before the classifier and before the \
         encoder; the paper has three convolutions. The decoder is a perceptron, the paper's is convolutional. A style of 50 \
         numbers; Adam with a learning rate that decreases linearly from 6e-3 to 1e-3; 100 unlabelled and 100 labelled images \
         per step.",
        "Relative to the bound of an unlabelled image, the loss of the classifier has weight 50 and the bound of a labelled image \
         0.1. The paper chooses the weight of the classifier from 0.1 to 1 and does not give that of labelled images.",
        "The 100 labels, ten of each class, are drawn for each seed. All training images are used without their labels; \
         the paper uses 50 000 of them. Binarisation is dynamic, as in the paper.",
        "τ = 0.5 throughout; in the paper it decreases from 1 to 0.5.",
        "The negative ELBO is that of test images without their labels, summed over the classes, with one style per class: the \
         same bound for every row. The paper does not say how it computes the ELBO of a sampled class.",
    ],
};

/// Name, heading, estimator, and the paper's negative ELBO and accuracy.
const ROWS: [(&str, &str, &str, [f64; 2]); 3] = [
    ("marginalised", "marginalised", "exact", [106.8, 0.926]),
    ("gs", "Gumbel-Softmax", "gumbel-softmax --tau 0.5", [109.6, 0.924]),
    ("st-gs", "ST Gumbel-Softmax", "straight-through-gumbel --tau 0.5", [110.7, 0.936]),
];

/// Options of the runs for each budget.
const OPTIONS: [&str; 3] = [
    "--data digits --convolutions 2,4 --hidden 32 --steps 20 --evaluate-every 20 --importance-samples 2 --importance-images 20",
    "--data mnist --convolutions 16,32 --hidden 200 --steps 4000 --lr linear:6e-3:1e-3:4000 --evaluate-every 1000 \
     --importance-samples 1 --importance-images 1000",
    "--data mnist --convolutions 16,32 --hidden 200 --steps 20000 --lr linear:6e-3:1e-3:20000 --evaluate-every 2000 \
     --importance-samples 1 --importance-images 1000",
];

/// Meaning of each budget.
const METHOD: [&str; 3] = [
    "20 steps on the built-in digits.",
    "4000 steps each; all 10 000 test images.",
    "20 000 steps each; all 10 000 test images.",
];

fn plan(budget: Budget) -> Plan {
    let run = |(name, _, estimator, _): (&str, _, &str, _)| {
        let model = "train semi --labels 100 --alpha 50 --labelled-weight 0.1";
        PlannedRun::new(name, format!("{model} --estimator {estimator} {}", budget.of(OPTIONS)))
    };
    let cells = |column, place, paper: usize, decimals| {
        let cell = |(name, row, _, papers): (&str, _, _, [f64; 2])| {
            Cell::new(row, column, Content::of(name, place), decimals).beside(papers[paper])
        };
        ROWS.map(cell).into()
    };
    let accuracy = Place::Summary("/test/accuracy/share", Some("/test/accuracy/standard_error"));
    let accuracies = cells("accuracy", accuracy, 1, 4);
    let elbos = cells("negative ELBO", Place::ONE_SAMPLE, 0, 2);
    Plan {
        method: budget.of(METHOD).into(),
        runs: ROWS.map(run).into(),
        tables: vec![
            ResultTable::new("Accuracy", ACCURACY, "class", accuracies),
            ResultTable::new("Negative ELBO", ELBO, "class", elbos).ordered(),
        ],
    }
}

const ACCURACY: &str = "Share of test images that are classified correctly; higher is better.";
const ELBO: &str = "Nats per test image without its label; lower is better.";
