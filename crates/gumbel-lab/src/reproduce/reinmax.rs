//! The table of latent spaces of Liu et al.: a variational autoencoder of six sizes, trained with straight-through estimators.

use super::{Budget, Cell, Content, Place, Plan, PlannedRun, Reproduction, ResultTable};

pub(super) static EXPERIMENT: Reproduction = Reproduction {
    name: "reinmax",
    title: "Six sizes of latent space trained with straight-through estimators",
    source: "Liu, Dong, Liu, Yu and Gao 2023, −ELBO on MNIST",
    question: "Does a second-order straight-through estimator train discrete latents better than those of first order, whatever \
               their number?",
    costs: ["seconds", "an hour", "a day"],
    data: Some("mnist"),
    timed: false,
    plan,
    differences: &[
        "The paper's numbers are not quoted: its table was not at hand to be verified. The set-up is that of the authors' code.",
        "MNIST is binarised with new draws in every epoch; the authors' code takes grey pixels as probabilities. Their numbers are \
         training losses, averaged over the last of 160 epochs (96 000 steps); these are of the test set.",
        "Adam with one learning rate for all, 5e-4, the one that the authors' scripts have most often, and one temperature for each \
         estimator. The paper tunes optimiser, rate and temperature for each cell.",
        "Gumbel-Rao has 10 draws; the paper has 100.",
        "As in the paper: 784-512-256 rectified units before the latents and the reverse after them, a uniform prior, 100 images per \
         step, one sample.",
        "ZGR, ReinMax-Rao, ReinMax-CV, the optimal straight-through and ReDGE are not in the paper's table; they are added for \
         comparison.",
    ],
};

/// Categories, latents and heading.
type Size = (u32, u32, &'static str);
const SIZES: [Size; 6] = [
    (8, 4, "8 × 4"),
    (4, 24, "4 × 24"),
    (8, 16, "8 × 16"),
    (16, 12, "16 × 12"),
    (64, 8, "64 × 8"),
    (10, 30, "10 × 30"),
];

/// Name, heading and option of an estimator, and whether it is in the paper's table.
type Estimator = (&'static str, &'static str, &'static str, bool);
const ESTIMATORS: [Estimator; 10] = [
    ("st", "ST", "straight-through:tau=1.3", true),
    ("st-gs", "ST-GS", "straight-through-gumbel:tau=0.5", true),
    ("gumbel-rao", "Gumbel-Rao (10 draws)", "gumbel-rao:tau=0.5", true),
    ("gst", "GST-1.0", "gapped:tau=0.5", true),
    ("reinmax", "ReinMax", "reinmax:tau=1.3", true),
    ("zgr", "ZGR", "zgr", false),
    ("reinmax-rao", "ReinMax-Rao (10 draws)", "reinmax-rao", false),
    ("reinmax-cv", "ReinMax-CV (10 draws)", "reinmax-cv", false),
    ("optimal", "optimal ST (λ = 3)", "optimal-straight-through", false),
    ("redge", "ReDGE", "redge", false),
];

/// Options of the runs for each budget.
const OPTIONS: [&str; 3] = [
    "--data digits --hidden 32,16 --steps 20 --batch 50 --evaluate-every 20 --importance-samples 10 --importance-images 50",
    "--data mnist --hidden 512,256 --steps 5000 --evaluate-every 1000 --importance-samples 100 --importance-images 2000",
    "--data mnist --hidden 512,256 --steps 96000 --evaluate-every 9600 --importance-samples 100",
];

/// Meaning of each budget.
const METHOD: [&str; 3] = [
    "20 steps of a small model on the built-in digits.",
    "5000 steps each; the bound on 2000 test images.",
    "96 000 steps each, 160 epochs; the bound on all 10 000 test images.",
];

fn name((estimator, (categories, latents, _)): (Estimator, Size)) -> String {
    format!("{}-{categories}x{latents}", estimator.0)
}

fn command(((_, _, estimator, _), (categories, latents, _)): (Estimator, Size), budget: Budget) -> String {
    let model = format!("train vae --latents {latents} --categories {categories} --prior uniform --lr 5e-4");
    format!("{model} --estimator {estimator} {}", budget.of(OPTIONS))
}

fn plan(budget: Budget) -> Plan {
    let shown = |estimator: &Estimator| budget != Budget::Smoke || estimator.3;
    let pairs: Vec<(Estimator, Size)> = ESTIMATORS
        .into_iter()
        .filter(shown)
        .flat_map(|estimator| SIZES.map(|size| (estimator, size)))
        .collect();
    let cells = |place| {
        let cell = |&(estimator, size): &(Estimator, Size)| {
            Cell::new(estimator.1, size.2, Content::of(name((estimator, size)), place), 2)
        };
        pairs.iter().map(cell).collect()
    };
    Plan {
        method: budget.of(METHOD).into(),
        runs: pairs.iter().map(|&pair| PlannedRun::new(name(pair), command(pair, budget))).collect(),
        tables: vec![
            ResultTable::new("Negative ELBO", ONE, "estimator", cells(Place::ONE_SAMPLE)).ordered(),
            ResultTable::new("Bound with many samples", BOUND, "estimator", cells(Place::BOUND)).ordered(),
        ],
    }
}

const ONE: &str = "Nats per test image with one hard sample, lower is better. The columns are the numbers of categories and of \
     latents, in this order.";
const BOUND: &str = "The same models by the importance-weighted bound with hard samples (100, for smoke 10). The paper does not \
     report it.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_estimator_meets_every_size_with_the_prior_of_the_paper() {
        let [smoke, full] = [Budget::Smoke, Budget::Full].map(plan);
        assert_eq!((smoke.runs.len(), full.runs.len()), (5 * 6, 10 * 6));
        let run = full.runs.iter().find(|run| run.name == "reinmax-64x8").expect("a run");
        assert!(run.command.contains("--latents 8 --categories 64 --prior uniform"), "{}", run.command);
        assert!(run.command.contains("--estimator reinmax:tau=1.3 --data mnist"), "{}", run.command);
    }
}
