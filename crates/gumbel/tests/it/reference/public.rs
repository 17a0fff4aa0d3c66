//! No public function is left out: each is called in this folder, or stands in a table with the reason.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders and files whose public functions compute something of logits or parameters.
const COMPUTING: [&str; 16] = [
    "bernoulli.rs",
    "binary_concrete.rs",
    "categorical.rs",
    "distribution",
    "exp_concrete.rs",
    "gumbel_max.rs",
    "gumbel_softmax.rs",
    "kl.rs",
    "permutation",
    "perturbed",
    "sparse",
    "subset",
    "tree.rs",
    "estimator/darn.rs",
    "estimator/straight_through.rs",
    "estimator/zgr.rs",
];

const ISOTONIC: &str =
    "its kernel, against projections and the minimax formula: tests/it/isotonic.rs of gumbel-kernels";
const LAP_SUM: &str =
    "its kernel, against the equation that it solves: tests/it/lap_sum.rs of gumbel-kernels";

/// Functions that return what they were given, or what others of the table compute.
const OTHERS: [(&str, &str); 21] = [
    ("isotonic_sort", ISOTONIC),
    ("isotonic_rank", ISOTONIC),
    ("lap_sum_sort", LAP_SUM),
    ("lap_sum_rank", LAP_SUM),
    ("soft_quantile", LAP_SUM),
    ("soft_median", LAP_SUM),
    ("lap_sum_top_k", LAP_SUM),
    ("bounds_relaxed_model", "no number"),
    ("location", "the parameter"),
    ("scale", "the parameter"),
    ("bound", "the parameter"),
    ("log_odds", "the parameter"),
    ("logits", "the parameter"),
    ("tau", "the parameter"),
    ("in_log_space", "the same distribution"),
    ("relaxed", "the parameters of a relaxation"),
    ("logistic_normal", "the same distribution"),
    ("log_ratios", "a location and a scale of noise, of which LogisticNormal's samples are made"),
    ("stretched", "HardConcrete::new is a case of it"),
    ("edges", "the graph"),
    ("nodes", "the graph"),
];

fn sources(path: &Path) -> Vec<PathBuf> {
    match path.is_dir() {
        true => fs::read_dir(path).unwrap().flat_map(|entry| sources(&entry.unwrap().path())).collect(),
        false => vec![path.to_path_buf()],
    }
}

fn text(path: &Path) -> String {
    sources(path).iter().map(|file| fs::read_to_string(file).unwrap()).collect()
}

/// The names of public functions.
fn public(source: &str) -> Vec<&str> {
    let lines = source.lines().filter_map(|line| line.trim_start().strip_prefix("pub fn "));
    lines.filter_map(|rest| rest.split(['<', '(']).next()).collect()
}

#[test]
fn every_public_function_is_compared_with_a_reference() {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tests = text(&crate_folder.join("tests/it/reference"));
    let mut missing = Vec::new();
    for part in COMPUTING {
        let source = text(&crate_folder.join("src").join(part));
        let names = public(&source).into_iter().map(str::to_string).collect::<Vec<_>>();
        assert!(!names.is_empty(), "{part} has no public function");
        let called =
            |name: &String| tests.contains(&format!("{name}(")) || tests.contains(&format!("::{name},"));
        let excused = |name: &String| OTHERS.iter().any(|(other, _)| other == name);
        missing.extend(names.into_iter().filter(|name| !called(name) && !excused(name)));
    }
    assert!(missing.is_empty(), "not compared with a reference: {missing:?}");
}
