//! Table 1 of Jang, Gu and Poole: two models with two kinds of latents, trained with seven estimators.

use super::{Budget, Cell, Content, Place, Plan, PlannedRun, Reproduction, ResultTable};

pub(super) static EXPERIMENT: Reproduction = Reproduction {
    name: "jang-table-1",
    title: "Two models trained with seven estimators",
    source: "Jang, Gu and Poole 2017, table 1",
    question: "Does Gumbel-Softmax train discrete latents better than the score function, its relatives and straight-through?",
    costs: ["a quarter of a minute", "an hour", "five hours"],
    data: Some("mnist"),
    timed: false,
    plan,
    differences: &[
        "Adam with one learning rate for all estimators, from 3e-3 to 1e-4 along half a cosine, and 100 images per step. The \
         paper uses SGD with momentum 0.9 and chooses the rate for each estimator on validation data; it gives neither \
         batch size nor steps nor initialisation.",
        "MNIST is binarised once, with a different draw from the paper's.",
        "The paper writes the bound of the SBN with m samples as a mean of logarithms, which more samples would not \
         tighten. Here the bound of both models is the logarithm of a mean.",
        "SF has a moving average of the loss as its baseline, MuProp has none. The paper normalises the variance of SF, \
         DARN and MuProp.",
        "MuProp is not run on the SBN: it requires an evaluation at the mean-field point, which this implementation does not \
         support for a chain of layers. DARN is not run on categories: this implementation supports binary latents only.",
        "ST is straight-through with the gradient of the softmax. Annealed ST multiplies that gradient by 1/τ, from 1 to 2 \
         along the schedule of the VAE's τ, in the backward pass only; the paper does not give its schedule.",
        "In the VAE τ decreases from 1 to 0.5 as exp(−1e-4 t), updated every 500 steps: one of the paper's settings, chosen \
         beforehand. In the SBN it is 1, as in the paper. The prior is learned; the training objective has the discrete KL.",
        "NVIL, RLOO, VIMCO, ReinMax and Gumbel-Rao are not in the paper's table; they are added for comparison. RLOO uses four \
         samples per step, VIMCO five and trains their bound; the others use one.",
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

const ANNEALED_ST: &str = "straight-through:tau=exp:1:1e-4:0.5:500";

const ESTIMATORS: [Estimator; 12] = [
    estimator("sf", "SF", "reinforce", false, Some([72.0, 73.1, 112.2, 110.6])),
    estimator("darn", "DARN", "darn", false, Some([59.7, 67.9, 110.9, 128.8])),
    estimator("muprop", "MuProp", "muprop", false, Some([58.9, 63.0, 109.7, 107.0])),
    estimator("st", "ST", "straight-through", false, Some([58.9, 61.8, 116.0, 110.9])),
    estimator("annealed-st", "annealed ST", ANNEALED_ST, false, Some([58.7, 61.1, 111.5, 107.8])),
    estimator("gs", "GS", "gumbel-softmax", true, Some([58.5, 59.0, 105.0, 101.5])),
    estimator("st-gs", "ST-GS", "straight-through-gumbel", true, Some([59.3, 59.7, 111.5, 107.8])),
    estimator("nvil", "NVIL", "nvil", false, None),
    estimator("rloo", "RLOO (4 samples)", "rloo:samples=4", false, None),
    estimator("vimco", "VIMCO (bound of 5)", "vimco", false, None),
    estimator("reinmax", "ReinMax", "reinmax", false, None),
    estimator("gumbel-rao", "Gumbel-Rao (10 draws)", "gumbel-rao", true, None),
];

/// Options of the runs for each budget.
const OPTIONS: [&str; 3] = [
    "--data digits --steps 20 --batch 50 --evaluate-every 20 --importance-samples 10 --importance-images 50",
    "--data mnist --binarize fixed --steps 10000 --lr cosine:3e-3:1e-4:10000 --evaluate-every 2000 --importance-samples 1000 \
     --importance-images 2000",
    "--data mnist --binarize fixed --steps 50000 --lr cosine:3e-3:1e-4:50000 --evaluate-every 5000 --importance-samples 1000",
];

/// Meaning of each budget.
const METHOD: [&str; 3] = [
    "20 steps on the built-in digits.",
    "10 000 steps each; the bound on 2000 test images.",
    "50 000 steps each; the bound on all 10 000 test images.",
];

fn plan(budget: Budget) -> Plan {
    let shown = |estimator: &&Estimator| budget != Budget::Smoke || estimator.paper.is_some();
    let pairs: Vec<_> = ESTIMATORS
        .iter()
        .filter(shown)
        .flat_map(|estimator| (0..4).map(move |model| (estimator, model)))
        .collect();
    let supported = pairs.iter().filter(|(estimator, model)| refusal(estimator, *model).is_none());
    let run = |&(estimator, model): &(&Estimator, usize)| {
        PlannedRun::new(name(estimator, model), command(estimator, model, budget))
    };
    let cells = |place, with_paper| {
        let cell =
            |&(estimator, model): &(&Estimator, usize)| cell(estimator, model, place, with_paper, budget);
        pairs.iter().map(cell).collect()
    };
    let (bounds, objectives) = (cells(Place::BOUND, true), cells(Place::ONE_SAMPLE, false));
    Plan {
        method: budget.of(METHOD).into(),
        runs: supported.map(run).collect(),
        tables: vec![
            ResultTable::new("Bound with many samples", BOUND, "estimator", bounds).ordered(),
            ResultTable::new("Objective with one sample", ONE, "estimator", objectives).ordered(),
        ],
    }
}

const BOUND: &str = "Nats per test image with hard samples, lower is better: the importance-weighted bound of the VAE, and for \
     the SBN −ln of the mean likelihood of the lower half, both with m samples (m = 1000, for smoke 10). This is the paper's \
     measure; rows and columns of its table are exchanged.";
const ONE: &str = "The same models with one hard sample per test image: the cost of coding an image. The paper does not report \
     it, and it can rank the estimators differently.";

fn cell(estimator: &Estimator, model: usize, place: Place, with_paper: bool, budget: Budget) -> Cell {
    let content = match refusal(estimator, model) {
        Some(reason) => Content::Refused { command: command(estimator, model, budget), reason },
        None => Content::of(name(estimator, model), place),
    };
    let paper = estimator.paper.filter(|_| with_paper).map(|paper| paper[model]);
    Cell::new(estimator.heading, MODELS[model].1, content, 2).beside(paper)
}

/// Why the program does not train a model with an estimator, if it does not.
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
    format!("{model} --estimator {}{more} {}", estimator.option, budget.of(OPTIONS))
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
