//! Table 1 of Jang, Gu and Poole: two models with two kinds of latents, by seven estimators.

use super::{Budget, Cell, Content, Experiment, Number, Place, Plan, Run, Table};

pub(super) static EXPERIMENT: Experiment = Experiment {
    name: "jang-table-1",
    title: "Two models by seven estimators",
    source: "Jang, Gu and Poole 2017, table 1",
    question: "Does Gumbel-Softmax train discrete latents better than the score function, its kin, and straight-through?",
    costs: ["a quarter of a minute", "an hour", "five hours"],
    data: Some("mnist"),
    timed: false,
    plan,
    differences: &[
        "Adam with one learning rate for all, from 3e-3 to 1e-4 along half a cosine, and 100 images a step. The paper has SGD with momentum 0.9 and chooses the \
         rate for each estimator on validation data; it gives neither batch size nor steps nor initialisation.",
        "MNIST is binarised once, by our own draw; the paper's draw is another.",
        "The paper writes the bound of m samples of the SBN as a mean of logarithms, which more samples would not \
         tighten. Here both models have the logarithm of a mean.",
        "SF has a moving average of the loss as its baseline, and MuProp none. The paper's SF, DARN and MuProp have \
         their variance normalised.",
        "MuProp is not run on the SBN: it takes a further evaluation at the mean-field point, which a chain of layers does \
         not serve here. DARN is not run on categories: ours is of bits.",
        "ST is straight-through with the softmax's own slope. Annealed ST multiplies that slope by 1/τ, from 1 to 2 \
         along the schedule of the VAE's τ, in the backward pass only; the paper does not give its schedule.",
        "In the VAE τ goes from 1 to 0.5 by exp(−1e-4 t), changed every 500 steps: one of the paper's settings, chosen \
         beforehand. In the SBN it is 1, as in the paper. The prior is learned, the training objective has the discrete KL.",
        "NVIL, RLOO, VIMCO, ReinMax and Gumbel-Rao have no number in the paper's table: they came before or since and are here to \
         be compared. RLOO takes four samples a step and VIMCO five, which it trains the bound of; the others take one.",
    ],
};

/// Name, heading and command of a model.
const MODELS: [(&str, &str, &str); 4] = [
    ("sbn-bernoulli", "SBN, Bernoulli", "train sbn --latents 200 --categories 2"),
    ("sbn-categorical", "SBN, categorical", "train sbn --latents 20 --categories 10"),
    ("vae-bernoulli", "VAE, Bernoulli", "train vae --hidden none --latents 200 --categories 2"),
    ("vae-categorical", "VAE, categorical", "train vae --hidden none --latents 20 --categories 10"),
];

/// A row of the table, which is a column in the paper.
struct Estimator {
    name: &'static str,
    heading: &'static str,
    option: &'static str,
    /// Whether the VAE anneals its temperature.
    annealed: bool,
    /// In the order of the models.
    paper: Option<[f64; 4]>,
}

const fn estimator(
    name: &'static str,
    heading: &'static str,
    option: &'static str,
    annealed: bool,
    paper: Option<[f64; 4]>,
) -> Estimator {
    Estimator { name, heading, option, annealed, paper }
}

const ESTIMATORS: [Estimator; 12] = [
    estimator("sf", "SF", "reinforce", false, Some([72.0, 73.1, 112.2, 110.6])),
    estimator("darn", "DARN", "darn", false, Some([59.7, 67.9, 110.9, 128.8])),
    estimator("muprop", "MuProp", "muprop", false, Some([58.9, 63.0, 109.7, 107.0])),
    estimator("st", "ST", "straight-through", false, Some([58.9, 61.8, 116.0, 110.9])),
    estimator(
        "annealed-st",
        "annealed ST",
        "straight-through:tau=exp:1:1e-4:0.5:500",
        false,
        Some([58.7, 61.1, 111.5, 107.8]),
    ),
    estimator("gs", "GS", "gumbel-softmax", true, Some([58.5, 59.0, 105.0, 101.5])),
    estimator("st-gs", "ST-GS", "straight-through-gumbel", true, Some([59.3, 59.7, 111.5, 107.8])),
    estimator("nvil", "NVIL", "nvil", false, None),
    estimator("rloo", "RLOO (4 samples)", "rloo:samples=4", false, None),
    estimator("vimco", "VIMCO (bound of 5)", "vimco", false, None),
    estimator("reinmax", "ReinMax", "reinmax", false, None),
    estimator("gumbel-rao", "Gumbel-Rao (10 draws)", "gumbel-rao", true, None),
];

/// What the runs of a budget have in common.
fn options(budget: Budget) -> &'static str {
    match budget {
        Budget::Smoke => {
            "--data digits --steps 20 --batch 50 --evaluate-every 20 --importance-samples 10 --importance-images 50"
        }
        Budget::Short => {
            "--data mnist --binarise fixed --steps 10000 --lr cosine:3e-3:1e-4:10000 --evaluate-every 2000 --importance-samples 1000 \
             --importance-images 2000"
        }
        Budget::Full => {
            "--data mnist --binarise fixed --steps 50000 --lr cosine:3e-3:1e-4:50000 --evaluate-every 5000 --importance-samples 1000"
        }
    }
}

fn method(budget: Budget) -> &'static str {
    match budget {
        Budget::Smoke => "20 steps on the built-in digits.",
        Budget::Short => "10 000 steps each; the bound over 2000 of the test images.",
        Budget::Full => "50 000 steps each; the bound over all 10 000 test images.",
    }
}

fn plan(budget: Budget) -> Plan {
    let shown = |estimator: &&Estimator| budget != Budget::Smoke || estimator.paper.is_some();
    let pairs: Vec<_> = ESTIMATORS
        .iter()
        .filter(shown)
        .flat_map(|estimator| (0..4).map(move |model| (estimator, model)))
        .collect();
    let runs = pairs.iter().filter(|(estimator, model)| refusal(estimator, *model).is_none());
    let cells = |place, with_paper| {
        let cell =
            |&(estimator, model): &(&Estimator, usize)| cell(estimator, model, place, with_paper, budget);
        pairs.iter().map(cell).collect()
    };
    Plan {
        method: method(budget).into(),
        runs: runs
            .map(|(estimator, model)| Run {
                name: name(estimator, *model),
                command: command(estimator, *model, budget),
            })
            .collect(),
        tables: vec![
            table("The bound of many samples", BOUND, cells(Place::BOUND, true)),
            table("One sample", ONE, cells(Place::ONE_SAMPLE, false)),
        ],
    }
}

const BOUND: &str = "Nats per test image with hard samples, lower is better: the importance-weighted bound of the VAE, and for \
     the SBN −ln of the mean likelihood of the lower half, both of m samples (m = 1000 but for smoke). This is the paper's measure; \
     its table is turned on its side.";
const ONE: &str = "The same models with one hard sample for each image of the test set. The paper does not have this. It is what \
     one must pay to code an image, and it can order the estimators otherwise.";

fn table(title: &'static str, meaning: &'static str, cells: Vec<Cell>) -> Table {
    Table { title, meaning, rows_are: "estimator", ordered: true, chart: None, cells }
}

fn cell(estimator: &Estimator, model: usize, place: Place, with_paper: bool, budget: Budget) -> Cell {
    let content = match refusal(estimator, model) {
        Some(reason) => Content::Refused { command: command(estimator, model, budget), reason },
        None => Content::Of(Number { run: name(estimator, model), place }),
    };
    let paper = estimator.paper.filter(|_| with_paper).map(|paper| paper[model]);
    Cell { row: estimator.heading, column: MODELS[model].1, content, paper, decimals: 2 }
}

/// Why the program refuses to train a model so, if it does.
fn refusal(estimator: &Estimator, model: usize) -> Option<&'static str> {
    match (estimator.name, MODELS[model].0) {
        ("darn", "sbn-categorical" | "vae-categorical") => Some("supports binary latents only"),
        ("muprop", "sbn-bernoulli" | "sbn-categorical") => Some("does not support a chain of layers"),
        _ => None,
    }
}

fn name(estimator: &Estimator, model: usize) -> String {
    format!("{}-{}", MODELS[model].0, estimator.name)
}

fn command(estimator: &Estimator, model: usize, budget: Budget) -> String {
    let (_, _, model) = MODELS[model];
    let more = match estimator.name {
        "vimco" if model.starts_with("train sbn") => " --train-samples 5",
        "vimco" => " --kl mass-at-sample --train-samples 5",
        _ if model.starts_with("train sbn") => "",
        _ if estimator.annealed => " --tau exp:1:1e-4:0.5:500",
        _ => "",
    };
    format!("{model} --estimator {}{more} {}", estimator.option, options(budget))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_temperature_is_annealed_in_the_vae_and_one_in_the_sbn() {
        let plan = plan(Budget::Short);
        let command = |name: &str| &plan.runs.iter().find(|run| run.name == name).unwrap().command;
        assert!(command("vae-categorical-gs").contains("--tau exp:1:1e-4:0.5:500"));
        assert!(!command("sbn-categorical-gs").contains("tau"));
        assert!(!command("vae-categorical-sf").contains("tau"));
        assert_eq!(plan.runs.len(), 12 * 4 - 4);
    }
}
