//! Variational autoencoders of two hundred bits on three data sets: the comparison of DisARM and of those that followed it.

use super::{Budget, Cell, Content, Place, Plan, PlannedRun, Reproduction, ResultTable};

pub(super) static EXPERIMENT: Reproduction = Reproduction {
    name: "disarm",
    title: "Two hundred bits trained with antithetic samples and control variates",
    source: "Dong, Mnih and Tucker 2020; Titsias and Shi 2022; Shi et al. 2022, training on dynamic binary images",
    question: "Which unbiased estimator trains binary latents best, for two or four evaluations per image?",
    costs: ["seconds", "four hours", "a day"],
    data: Some("mnist"),
    timed: false,
    plan,
    differences: &[
        "The papers' numbers are not quoted: their tables were not at hand to be verified. The set-up is that of the authors' code.",
        "Adam at 1e-3 and 100 images per step, as in the code of the later two papers; the first has 1e-4 and 50. The papers train \
         for a million steps, ten to a hundred times as many, and report training bounds.",
        "The nonlinear network has two layers of 200 rectified units on either side; the papers' are leaky. The decoder's bias \
         does not begin at the mean of the data, and images are not centred. The prior is learned by Adam too.",
        "Omniglot is reduced to 28x28 anew: not the file of the papers, so its likelihoods are not comparable with theirs.",
        "ARMS and CARMS, which for bits are two derivations of one estimator, have four samples; with two, ARMS is DisARM. RELAX \
         has one sample and one relaxed one, tied to it; the papers' has three evaluations.",
        "The divergence from the prior is in closed form; the papers have the log-ratio at the sample, which adds variance.",
        "The leave-one-out estimator is in every one of these papers as the one to beat.",
    ],
};

/// Name, heading and option of an estimator.
const ESTIMATORS: [(&str, &str, &str); 7] = [
    ("rloo", "RLOO", "rloo:samples=2"),
    ("disarm", "DisARM", "disarm:samples=2"),
    ("arms", "ARMS (4 samples)", "arms:samples=4"),
    ("carms", "CARMS (4 samples)", "carms:samples=4"),
    ("double-cv", "Double-CV", "double-cv:samples=2"),
    ("rodeo", "RODEO", "rodeo:samples=2"),
    ("relax", "RELAX", "relax:samples=1"),
];

/// Name, heading and hidden layers of a network.
const NETWORKS: [(&str, &str, &str); 2] =
    [("linear", "linear", "none"), ("nonlinear", "nonlinear", "200,200")];

/// Name and headings of a data set, for each of the networks.
const DATA: [(&str, [&str; 2]); 3] = [
    ("mnist", ["MNIST, linear", "MNIST, nonlinear"]),
    ("fashion-mnist", ["Fashion-MNIST, linear", "Fashion-MNIST, nonlinear"]),
    ("omniglot", ["Omniglot, linear", "Omniglot, nonlinear"]),
];

/// Options of the runs for each budget.
const OPTIONS: [&str; 3] = [
    "--steps 20 --batch 50 --evaluate-every 20 --importance-samples 10 --importance-images 50",
    "--steps 10000 --evaluate-every 2000 --importance-samples 100 --importance-images 2000",
    "--steps 50000 --evaluate-every 5000 --importance-samples 100",
];

/// Meaning of each budget.
const METHOD: [&str; 3] = [
    "20 steps on the built-in digits.",
    "10 000 steps each on three data sets; the bound on 2000 test images.",
    "50 000 steps each on three data sets; the bound on all test images.",
];

/// An estimator, a network and a data set.
type Trained = (&'static (&'static str, &'static str, &'static str), usize, usize);

fn trained(budget: Budget) -> Vec<Trained> {
    let sets = if budget == Budget::Smoke { 1 } else { DATA.len() };
    let columns = move || (0..sets).flat_map(|data| (0..NETWORKS.len()).map(move |network| (network, data)));
    ESTIMATORS
        .iter()
        .flat_map(|estimator| columns().map(move |(network, data)| (estimator, network, data)))
        .collect()
}

fn name((estimator, network, data): &Trained) -> String {
    format!("{}-{}-{}", DATA[*data].0, NETWORKS[*network].0, estimator.0)
}

fn command((estimator, network, data): &Trained, budget: Budget) -> String {
    let (hidden, data) =
        (NETWORKS[*network].2, if budget == Budget::Smoke { "digits" } else { DATA[*data].0 });
    let model = format!("train vae --hidden {hidden} --latents 200 --categories 2");
    format!("{model} --estimator {} --data {data} {}", estimator.2, budget.of(OPTIONS))
}

fn plan(budget: Budget) -> Plan {
    let all = trained(budget);
    let cells = |place| {
        let cell = |trained: &Trained| {
            let (estimator, network, data) = *trained;
            Cell::new(estimator.1, DATA[data].1[network], Content::of(name(trained), place), 2)
        };
        all.iter().map(cell).collect()
    };
    Plan {
        method: budget.of(METHOD).into(),
        runs: all.iter().map(|trained| PlannedRun::new(name(trained), command(trained, budget))).collect(),
        tables: vec![
            ResultTable::new("Bound with many samples", BOUND, "estimator", cells(Place::BOUND)).ordered(),
            ResultTable::new("Negative ELBO", ONE, "estimator", cells(Place::ONE_SAMPLE)).ordered(),
        ],
    }
}

const BOUND: &str = "Nats per test image: the importance-weighted bound with hard samples (100, as in the papers; for smoke 10). Lower \
     is better.";
const ONE: &str = "Nats per test image with one hard sample.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_estimator_meets_both_networks_and_beyond_smoke_every_data_set() {
        let runs = |budget| plan(budget).runs;
        assert_eq!([runs(Budget::Smoke).len(), runs(Budget::Short).len()], [7 * 2, 7 * 2 * 3]);
        let full = runs(Budget::Full);
        let run = full.iter().find(|run| run.name == "omniglot-nonlinear-rodeo").expect("a run");
        assert!(run.command.contains("--hidden 200,200 --latents 200 --categories 2"), "{}", run.command);
        assert!(run.command.contains("--estimator rodeo:samples=2 --data omniglot"), "{}", run.command);
    }
}
