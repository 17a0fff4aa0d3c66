//! The table of latent spaces of Liu et al.: a variational autoencoder of six sizes, trained with straight-through estimators.

use super::{Budget, Cell, Content, Place, Plan, PlannedRun, Reproduction, ResultTable};

pub(super) static EXPERIMENT: Reproduction = Reproduction {
    name: "reinmax",
    title: "Six sizes of latent space trained with straight-through estimators",
    source: "Liu, Dong, Liu, Yu and Gao 2023; Wang and Bui 2026, −ELBO on MNIST",
    question: "Does a second-order straight-through estimator train discrete latents better than those of first order, whatever \
               their number?",
    costs: ["seconds", "two hours", "a day"],
    data: Some("mnist"),
    timed: false,
    plan,
    differences: &[
        "The paper's own numbers are not quoted: its table could not be read. Quoted for ReinMax-CV are results that its authors, Wang \
         and Bui, publish with their code: the negative ELBO on the test set after 160 epochs (96 000 steps), means of ten seeds, \
         with M = 100 and the temperature and η chosen by the training loss.",
        "MNIST is binarised with new draws in every epoch; both papers' code takes grey pixels as probabilities.",
        "Adam throughout. For the estimators of the first paper, rate and temperature are those that Wang and Bui's code has for each \
         size from that paper, which for most cells replaces Adam by RAdam. The others have 5e-4 and their default temperature.",
        "Gumbel-Rao has 10 draws; the paper has 100.",
        "As in the paper: 784-512-256 rectified units before the latents and the reverse after them, a uniform prior, 100 images per \
         step, one sample.",
        "ZGR, ReinMax-Rao, ReinMax-CV, the optimal straight-through and ReDGE are not in the paper's table; they are added for \
         comparison.",
    ],
};

/// Categories, latents, heading, and what Wang and Bui's ReinMax-CV reaches.
type Size = (u32, u32, &'static str, f64);
/// The means over the ten seeds in `results/results_reinmax_cv_full` of the repository danielwang0452/ReinMax_ASC, each of the
/// setting that its `analyse_results.py` names as the best. Their standard errors are between 0.07 and 0.24.
const SIZES: [Size; 6] = [
    (8, 4, "8 × 4", 126.63),
    (4, 24, "4 × 24", 102.45),
    (8, 16, "8 × 16", 100.16),
    (16, 12, "16 × 12", 100.57),
    (64, 8, "64 × 8", 102.96),
    (10, 30, "10 × 30", 100.49),
];

/// Learning rate and temperature.
type Tuned = (f64, f64);

/// An estimator of the table.
struct Estimator {
    name: &'static str,
    heading: &'static str,
    option: &'static str,
    /// For each size, if the estimator is in the first paper's table: those of `hyperparameters.py` in the same repository.
    tuned: Option<[Tuned; 6]>,
}

const fn row(
    name: &'static str,
    heading: &'static str,
    option: &'static str,
    tuned: Option<[Tuned; 6]>,
) -> Estimator {
    Estimator { name, heading, option, tuned }
}

const ESTIMATORS: [Estimator; 10] = [
    row("st", "ST", "straight-through", Some(ST)),
    row("st-gs", "ST-GS", "straight-through-gumbel", Some(ST_GS)),
    row("gumbel-rao", "Gumbel-Rao (10 draws)", "gumbel-rao", Some(GUMBEL_RAO)),
    row("gst", "GST-1.0", "gapped", Some(GST)),
    row("reinmax", "ReinMax", "reinmax", Some(REINMAX)),
    row("zgr", "ZGR", "zgr", None),
    row("reinmax-rao", "ReinMax-Rao (10 draws)", "reinmax-rao", None),
    row("reinmax-cv", "ReinMax-CV (10 draws)", "reinmax-cv", None),
    row("optimal", "optimal ST (λ = 3)", "optimal-straight-through", None),
    row("redge", "ReDGE", "redge", None),
];

/// The last rate is 7e-3 in the file, ten times that of any other cell, which is taken for a slip.
const ST: [Tuned; 6] = [(1e-3, 1.3), (1e-3, 1.5), (1e-3, 1.5), (5e-4, 1.5), (5e-4, 1.5), (7e-4, 1.4)];
const ST_GS: [Tuned; 6] = [(3e-4, 0.5), (5e-4, 0.3), (5e-4, 0.5), (7e-4, 0.7), (7e-4, 0.7), (5e-4, 0.5)];
const GUMBEL_RAO: [Tuned; 6] = [(5e-4, 0.5), (5e-4, 0.3), (7e-4, 0.7), (5e-4, 1.0), (7e-4, 2.0), (5e-4, 1.0)];
const GST: [Tuned; 6] = [(5e-4, 1.0), (5e-4, 0.5), (7e-4, 0.5), (7e-4, 0.5), (7e-4, 0.7), (5e-4, 0.5)];
const REINMAX: [Tuned; 6] = [(5e-4, 1.3), (5e-4, 1.5), (7e-4, 1.5), (7e-4, 1.5), (5e-4, 1.5), (5e-4, 1.3)];

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

/// An estimator and the place of a size.
type Trained = (&'static Estimator, usize);

fn name((estimator, size): Trained) -> String {
    let (categories, latents, ..) = SIZES[size];
    format!("{}-{categories}x{latents}", estimator.name)
}

fn command((estimator, size): Trained, budget: Budget) -> String {
    let (categories, latents, ..) = SIZES[size];
    let (rate, option) = match estimator.tuned {
        Some(tuned) => (tuned[size].0, format!("{}:tau={}", estimator.option, tuned[size].1)),
        None => (5e-4, estimator.option.into()),
    };
    let model =
        format!("train vae --latents {latents} --categories {categories} --prior uniform --lr {rate}");
    format!("{model} --estimator {option} {}", budget.of(OPTIONS))
}

fn plan(budget: Budget) -> Plan {
    let shown = |estimator: &&'static Estimator| budget != Budget::Smoke || estimator.tuned.is_some();
    let trained: Vec<Trained> = ESTIMATORS
        .iter()
        .filter(shown)
        .flat_map(|estimator| (0..SIZES.len()).map(move |size| (estimator, size)))
        .collect();
    let cells = |place, published: bool| {
        let cell = |&(estimator, size): &Trained| {
            let (_, _, column, paper) = SIZES[size];
            let paper = (published && estimator.name == "reinmax-cv").then_some(paper);
            Cell::new(estimator.heading, column, Content::of(name((estimator, size)), place), 2).beside(paper)
        };
        trained.iter().map(cell).collect()
    };
    Plan {
        method: budget.of(METHOD).into(),
        runs: trained.iter().map(|&run| PlannedRun::new(name(run), command(run, budget))).collect(),
        tables: vec![
            ResultTable::new("Negative ELBO", ONE, "estimator", cells(Place::ONE_SAMPLE, true)).ordered(),
            ResultTable::new("Bound with many samples", BOUND, "estimator", cells(Place::BOUND, false))
                .ordered(),
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
        assert!(run.command.contains("--estimator reinmax:tau=1.5 --data mnist"), "{}", run.command);
    }
}
