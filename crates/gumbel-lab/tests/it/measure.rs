//! `gumbel measure` from the command line.

use crate::program::*;
use std::path::Path;

/// Options for a run of about a second.
const QUICK: &[&str] =
    &["--replicates", "2000", "--warm-up", "20", "--taus", "none", "--curve-latents", "none"];

fn measure(out: &Path, more: &[&str]) -> std::process::Output {
    gumbel(&[&["measure", "--out", utf8(&out)], more].concat())
}

/// The lines of a CSV under its header, without the last column, the time.
fn table(file: &Path, header: &str) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(file).expect("a table");
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some(header));
    let columns = |line: &str| line.split(',').map(str::to_string).collect::<Vec<_>>();
    lines.map(columns).map(|mut line| (line.pop(), line).1).collect()
}

const HEADER: &str = "estimator,problem,bias,bias_standard_error,bias_z,std,rmse,evaluations,nanoseconds";

#[test]
fn the_table_has_every_estimator_that_supports_the_problem_and_says_why_others_are_left_out() {
    let (_folder, out) = folder();
    let said = succeed(&measure(&out, &[QUICK, &["--all", "--categories", "3", "--latents", "2"]].concat()));
    let rows = table(&out.join("measure.csv"), HEADER);
    for info in gumbel::estimator::ALL {
        let left_out = said.contains(&format!("mlp-2x3 left out: {} does not support", info.name()));
        assert_ne!(left_out, rows.iter().any(|row| row[0] == info.name()), "{}: {said}", info.name());
    }
    assert!(said.contains("only binary latents") && said.contains("report: "), "{said}");
    let row = rows.iter().find(|row| row[0] == "straight-through").expect("a row");
    assert_eq!((row[1].as_str(), row[7].as_str()), ("mlp-2x3", "1"));
    assert!(row[4].parse::<f64>().expect("a number") > 8.0, "its bias is not seen: {row:?}");
    assert!(!out.join("curves.csv").exists());
    let page = std::fs::read_to_string(out.join("report.html")).expect("a page");
    assert!(page.contains("<span>--all </span>") && page.contains("only binary latents"));
    for mark in ["://", "url(", "<script", "src=", "NaN"] {
        assert!(!page.contains(mark), "{mark}");
    }
    let svg = std::fs::read_to_string(out.join("figures/bias-variance-mlp-2x3.svg")).expect("a figure");
    assert!(roxmltree::Document::parse(&svg).is_ok());
}

#[test]
fn numbers_depend_on_the_seed_and_not_on_threads() {
    let run = |threads: &str, seed: &str| {
        let (_folder, out) = folder();
        let options =
            ["--estimator", "double-cv,zgr:samples=2,disarm", "--latents", "30", "--problem", "quadratic"];
        let places = ["--threads", threads, "--seed", seed];
        succeed(&measure(&out, &[QUICK, &options, &places].concat()));
        table(&out.join("measure.csv"), HEADER)
    };
    let one = run("1", "5");
    assert_eq!(one.len(), 3);
    assert_eq!(one, run("2", "5"));
    assert_ne!(one, run("2", "6"));
}

#[test]
fn curves_vary_the_temperature_and_the_latents() {
    let (_folder, out) = folder();
    let options = ["--estimator", "gumbel-softmax,rloo", "--problem", "linear", "--replicates", "2000"];
    let places = ["--taus", "0.02,0.05,0.1", "--curve-latents", "1,30", "--warm-up", "10"];
    let said = succeed(&measure(&out, &[&options[..], &places].concat()));
    assert!(said.contains("the variance of gumbel-softmax is proportional to tau^-"), "{said}");
    let rows = table(&out.join("curves.csv"), &format!("curve,series,kind,x,{HEADER}"));
    let along = |curve: &str, name: &str| {
        let same = rows.iter().filter(|row| row[0] == curve && row[1] == name);
        same.map(|row| (row[3].clone(), row[9].parse().expect("std"))).collect::<Vec<(String, f64)>>()
    };
    let tau = along("tau", "gumbel-softmax");
    assert_eq!(tau.iter().map(|(x, _)| x.as_str()).collect::<Vec<_>>(), ["0.02", "0.05", "0.1"]);
    assert!(tau[0].1 > tau[1].1 && tau[1].1 > tau[2].1 && along("tau", "rloo").is_empty());
    let [score, path] = ["rloo", "gumbel-softmax"].map(|name| along("latents", name));
    // With thirty latents the score function has about thirty times the variance, the pathwise gradient the same.
    assert!(score[1].1 > 3.0 * score[0].1 && path[1].1 < 2.0 * path[0].1, "{score:?} {path:?}");
}

#[test]
fn without_the_exact_gradient_there_is_a_variance_and_no_bias() {
    let (_folder, out) = folder();
    let said = succeed(&measure(&out, &[QUICK, &["--estimator", "rloo", "--latents", "40"]].concat()));
    assert!(said.contains("too many states") && said.contains("unknown"), "{said}");
    let rows = table(&out.join("measure.csv"), HEADER);
    assert!(rows[0][2..5].iter().all(String::is_empty) && rows[0][5].parse::<f64>().expect("std") > 0.0);
}

#[test]
fn the_toy_problem_is_trained() {
    let (_folder, out) = folder();
    let options =
        ["--problem", "tucker", "--train", "--estimator", "exact,rloo", "--steps", "100", "--runs", "20"];
    let said = succeed(&measure(&out, &[&options[..], &["--lr", "0.1"]].concat()));
    assert!(said.contains("exact") && said.contains("gradient variance"), "{said}");
    let text = std::fs::read_to_string(out.join("train.csv")).expect("curves");
    assert!(text.starts_with(
        "estimator,step,expected_loss,expected_loss_standard_error,gradient_variance\nexact,0,0.25"
    ));
    let last = text.lines().rfind(|line| line.starts_with("exact,")).expect("a line");
    let loss: f64 = last.split(',').nth(2).expect("a loss").parse().expect("a number");
    // The minimum is 0.499² = 0.249001.
    assert!(last.starts_with("exact,100,") && loss < 0.24901, "{last}");
    assert!(out.join("report.html").is_file() && out.join("figures/loss-1.svg").is_file());
}

#[test]
fn invalid_options_are_errors_that_name_them() {
    let cases: &[(&[&str], &[&str])] = &[
        (&["--estimator", "gumble-softmax"], &["did you mean 'gumbel-softmax'?"]),
        (&["--estimator", "rloo:samples=1"], &["at least 2, got 1"]),
        (
            &["--estimator", "disarm", "--categories", "3"],
            &["disarm does not support latents with 3 categories, only binary latents"],
        ),
        (&["--estimator", "exact", "--latents", "20"], &["2^20 states"]),
        (&["--estimator", "vimco"], &["a mean over samples; use rloo"]),
        (&["--problem", "tuker"], &["did you mean 'tucker'?"]),
        (
            &["--problem", "tucker", "--categories", "3"],
            &["tucker: the number of categories must be 2, got 3"],
        ),
        (&["--replicates", "31"], &["31 is not in 32..=1000000000000"]),
        (&["--latents", "-1"], &["-1 is not in 1..=10000"]),
        (&["--replicates", "-1"], &["-1 is not in 32..="]),
        (&["--warm-up", "-1"], &["-1 is not in 0.."]),
        (&["--lr", "-1"], &["--lr must be positive and finite, got -1"]),
        (&["--taus", "-1,1"], &["--taus must be positive and finite, got -1"]),
        (&["--seed", "-1"], &["-1 is not in 0.."]),
        (&["--taus", "0"], &["--taus must be positive and finite, got 0"]),
        (&["--taus", "x"], &["'x'"]),
        (&["--curve-latents", "0"], &["--curve-latents must be from 1"]),
        (&["--train"], &["add --problem tucker"]),
        (&["--all", "--estimator", "rloo"], &["cannot be used with"]),
    ];
    for (options, parts) in cases {
        let (_folder, out) = folder();
        fail(&measure(&out, options), parts);
        assert!(!out.exists(), "{options:?} left a folder");
    }
    let (folder, _) = folder();
    std::fs::write(folder.path().join("mine"), "x").expect("written");
    fail(&measure(folder.path(), QUICK), &["exists already; choose another --out"]);
}
