//! Table 2 of Jang, Gu and Poole: a hundred labels, and the class marginalised or sampled.

use super::{Budget, Cell, Content, Experiment, Number, Place, Plan, Run, Table};

pub(super) static EXPERIMENT: Experiment = Experiment {
    name: "jang-table-2",
    title: "A hundred labels: the class marginalised or sampled",
    source: "Jang, Gu and Poole 2017, table 2",
    question: "Does a semi-supervised model lose anything if its class is sampled instead of summed over?",
    costs: ["seconds", "twenty minutes", "two hours"],
    data: Some("mnist"),
    timed: false,
    plan,
    differences: &[
        "Two convolutions of 5x5 pixels, of 16 and 32 channels, and a hidden layer of 200 before the classifier and before the encoder, where \
         the paper has three; the decoder is a perceptron, the paper's is convolutional. A style of 50 numbers, Adam from 6e-3 falling \
         to 1e-3 on a line, 100 images and 100 labelled ones a step.",
        "The loss of the classifier weighs 50 beside the bound of an unlabelled image, and the bound of a labelled one 0.1. The \
         paper chooses its weight from 0.1 to 1; how it weighs labelled images besides, it does not say.",
        "The 100 labels, ten of each class, are drawn anew for each seed. All training images are learned from without their \
         labels, in the paper 50 000 of them. Binarisation is dynamic, as there.",
        "τ = 0.5 throughout; the paper's falls to that from 1.",
        "The negative ELBO is of test images without their labels, the class summed over and one style for each class: the \
         same bound for every row. The paper does not say how its ELBO of a sampled class is taken.",
    ],
};

/// Name, heading, estimator, and the paper's negative ELBO and accuracy.
const ROWS: [(&str, &str, &str, [f64; 2]); 3] = [
    ("marginalised", "marginalised", "exact", [106.8, 0.926]),
    ("gs", "Gumbel-Softmax", "gumbel-softmax --tau 0.5", [109.6, 0.924]),
    ("st-gs", "ST Gumbel-Softmax", "straight-through-gumbel --tau 0.5", [110.7, 0.936]),
];

fn options(budget: Budget) -> &'static str {
    match budget {
        Budget::Smoke => {
            "--data digits --convolutions 2,4 --hidden 32 --steps 20 --evaluate-every 20 --importance-samples 2 --importance-images 20"
        }
        Budget::Short => {
            "--data mnist --convolutions 16,32 --hidden 200 --steps 4000 --lr linear:6e-3:1e-3:4000 --evaluate-every 1000 \
             --importance-samples 1 --importance-images 1000"
        }
        Budget::Full => {
            "--data mnist --convolutions 16,32 --hidden 200 --steps 20000 --lr linear:6e-3:1e-3:20000 --evaluate-every 2000 \
             --importance-samples 1 --importance-images 1000"
        }
    }
}

fn method(budget: Budget) -> &'static str {
    match budget {
        Budget::Smoke => "20 steps on the built-in digits.",
        Budget::Short => "4000 steps each; all 10 000 test images.",
        Budget::Full => "20 000 steps each; all 10 000 test images.",
    }
}

fn plan(budget: Budget) -> Plan {
    let command = |estimator| {
        format!(
            "train semi --labels 100 --alpha 50 --labelled-weight 0.1 --estimator {estimator} {}",
            options(budget)
        )
    };
    let accuracy = Place::Summary("/test/accuracy/share", Some("/test/accuracy/standard_error"));
    let cells = |column, place: Place, paper: usize, decimals| {
        let of = |name: &str| Content::Of(Number { run: name.into(), place });
        let cell = |(name, row, _, papers): (&str, _, _, [f64; 2])| Cell {
            row,
            column,
            content: of(name),
            paper: Some(papers[paper]),
            decimals,
        };
        ROWS.map(cell).into()
    };
    let table = |title, meaning, ordered, cells| Table {
        title,
        meaning,
        rows_are: "the class",
        ordered,
        chart: None,
        cells,
    };
    Plan {
        method: method(budget).into(),
        runs: ROWS
            .map(|(name, _, estimator, _)| Run { name: name.into(), command: command(estimator) })
            .into(),
        tables: vec![
            table(
                "Accuracy",
                "The share of test images whose class is named rightly.",
                false,
                cells("accuracy", accuracy, 1, 4),
            ),
            table(
                "Negative ELBO",
                "Nats per test image without its label; lower is better.",
                true,
                cells("negative ELBO", Place::ONE_SAMPLE, 0, 2),
            ),
        ],
    }
}
