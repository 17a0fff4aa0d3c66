//! `gumbel compare`, and the gradient variance it is made with.

use crate::program::*;
use std::path::Path;
use std::process::Output;

/// The model of the other tests without its `train vae`.
fn compare(estimators: &str, out: &Path, more: &[&str]) -> Output {
    let before = ["compare", "--estimators", estimators, "--out", utf8(&out)];
    gumbel(&[&before[..], SMALL, QUICK, more].concat())
}

fn resume(out: &Path) -> Output {
    gumbel(&["compare", "--resume", utf8(&out)])
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The fields of a table, its head left out.
fn rows(path: &Path) -> Vec<Vec<String>> {
    read(path).lines().skip(1).map(|line| line.split(',').map(str::to_string).collect()).collect()
}

#[test]
fn each_estimator_gets_the_run_it_would_have_alone_and_all_get_one_report() {
    let ((_a, all), (_b, alone)) = (folder(), folder());
    let out = succeed(&compare("gumbel-softmax,rloo:samples=3", &all, &["--steps", "40"]));
    for part in ["[1 of 2] gumbel-softmax", "[2 of 2] rloo:samples=3", "steps/s", "report.html"] {
        assert!(out.contains(part), "'{part}' is missing from {out}");
    }
    succeed(&train(&alone, &["--steps", "40", "--estimator", "rloo:samples=3"]));
    assert!(weights(&all.join("rloo,samples=3")) == weights(&alone), "the weights differ");
    let curves = rows(&all.join("curves.csv"));
    let steps: Vec<&str> = curves.iter().map(|row| row[1].as_str()).collect();
    assert_eq!(steps, ["1", "20", "40", "1", "20", "40"]);
    for row in &curves {
        let [hard, variance] = [3, 4].map(|column| row[column].parse::<f64>().expect("a number"));
        assert!(hard > 100.0 && variance > 0.0, "{row:?}");
    }
    let ends = rows(&all.join("summary.csv"));
    assert_eq!(ends[1][0], "rloo:samples=3");
    let elbo: f64 = ends[1][4].parse().expect("a number");
    assert_eq!(Some(elbo), summary(&alone)["test"]["hard_negative_elbo"].as_f64());
    let page = read(&all.join("report.html"));
    assert!(page.contains("rloo:samples=3") && page.contains("Gradient variance"));
    for figure in ["hard_negative_elbo", "hard_negative_elbo-seconds", "gradient_variance"] {
        assert!(all.join(format!("figures/{figure}.svg")).is_file(), "{figure} is missing");
    }
}

#[test]
fn the_gradient_variance_changes_nothing_else() {
    let ((_a, plain), (_b, measured)) = (folder(), folder());
    for estimator in ["gumbel-softmax", "nvil"] {
        let run = |folder: &Path, draws: &str| {
            let options = ["--steps", "40", "--estimator", estimator, "--gradient-variance", draws];
            succeed(&train(&folder.join(estimator), &options));
            folder.join(estimator)
        };
        let (plain, measured) = (run(&plain, "0"), run(&measured, "3"));
        assert!(weights(&plain) == weights(&measured), "{estimator}: the weights differ");
        let split = |run: &Path| -> (Vec<Vec<String>>, Vec<String>) {
            let lines = metrics(run).into_iter().skip(1);
            lines.map(|mut line| (line.pop().expect("the variance"), line)).map(|(v, line)| (line, v)).unzip()
        };
        let ((without, none), (with, some)) = (split(&plain), split(&measured));
        assert_eq!(without, with, "{estimator}");
        assert!(none.iter().all(String::is_empty));
        let measured_at = some.iter().map(|variance| variance.parse::<f64>().is_ok_and(|v| v > 0.0));
        // After the first step, and every 20.
        assert_eq!(measured_at.collect::<Vec<_>>(), [true, false, true, false, true]);
    }
    assert!(measured.join("nvil/figures/variance.svg").is_file());
    assert!(!plain.join("nvil/figures/variance.svg").exists());
}

#[cfg(unix)]
#[test]
fn an_interrupted_comparison_resumes_where_it_stopped() {
    let ((_a, whole), (_b, parts)) = (folder(), folder());
    let before = ["compare", "--estimators", "zgr,reinforce", "--out", utf8(&parts)];
    let steps = ["--steps", "2000"];
    let second = parts.join("reinforce/checkpoint/training.safetensors");
    let words = [&before[..], SMALL, QUICK, &steps].concat();
    interrupt(&words, &second, nix::sys::signal::Signal::SIGINT);
    assert!(!parts.join("report.html").exists() && !parts.join("reinforce/summary.json").exists());
    let first =
        std::fs::metadata(parts.join("zgr/summary.json")).and_then(|file| file.modified()).expect("done");
    let out = succeed(&resume(&parts));
    assert!(out.contains("[1 of 2] zgr: finished earlier"), "{out}");
    let kept =
        std::fs::metadata(parts.join("zgr/summary.json")).and_then(|file| file.modified()).expect("done");
    assert_eq!(first, kept);
    succeed(&compare("zgr,reinforce", &whole, &steps));
    for run in ["zgr", "reinforce"] {
        assert!(weights(&whole.join(run)) == weights(&parts.join(run)), "{run}: the weights differ");
    }
    let untimed = |all: &Path| -> Vec<Vec<String>> {
        rows(&all.join("curves.csv")).into_iter().map(|mut row| (row.remove(2), row).1).collect()
    };
    assert_eq!(untimed(&whole), untimed(&parts));
}

#[test]
fn a_comparison_takes_another_estimator_but_no_other_options() {
    let (_folder, all) = folder();
    succeed(&compare("zgr,rloo", &all, &["--steps", "20"]));
    let out = succeed(&compare("zgr,straight-through", &all, &["--steps", "20", "--threads", "1"]));
    assert!(out.contains("[1 of 2] zgr: finished earlier") && !out.contains("rloo"), "{out}");
    fail(&compare("zgr,rloo", &all, &["--steps", "30"]), &["other options", "choose another --out"]);
    fail(&compare("zgr,rloo", &all, &["--steps", "20", "--gradient-variance", "0"]), &["other options"]);
    assert_eq!(rows(&all.join("summary.csv"))[1][0], "straight-through");
}

#[test]
fn a_failed_run_is_an_error_and_the_others_are_reported() {
    let (_folder, all) = folder();
    let options = ["--steps", "20"];
    succeed(&compare("rloo,reinforce", &all, &options));
    std::fs::create_dir(all.join("zgr")).expect("a folder");
    std::fs::write(all.join("zgr/mine"), "in the way").expect("written");
    let output = compare("zgr,rloo", &all, &options);
    fail(&output, &["1 of 2 runs failed: zgr: ", "exists already"]);
    assert_eq!(rows(&all.join("summary.csv")).len(), 1);
    assert!(!read(&all.join("report.html")).contains("reinforce"));
}

#[test]
fn where_no_run_ends_there_is_no_report() {
    let (_folder, all) = folder();
    let output = compare("rloo,zgr", &all, &["--steps", "20", "--lr", "1e30"]);
    fail(&output, &["2 of 2 runs failed: rloo: training broke down at step", "; zgr: training broke down"]);
    assert!(!all.join("report.html").exists());
}

#[test]
fn mistakes_are_errors_before_anything_is_trained() {
    let cases: &[(&str, &[&str], &[&str])] = &[
        ("zgr,rlo", &[], &["did you mean 'rloo'?"]),
        ("zgr,rloo:samples=1", &[], &["rloo: samples must be at least 2, got 1"]),
        ("zgr", &[], &["at least two values, got zgr", "gumbel train vae --estimator zgr"]),
        ("rloo,zgr,rloo:samples=2", &[], &["rloo and rloo:samples=2, which are the same"]),
        ("zgr,disarm", &[], &["disarm supports binary latents only; use --categories 2"]),
        ("zgr,exact", &["--latents", "20"], &["samples of each of 50 images", "use --estimator reinforce"]),
        ("zgr,rloo", &["--estimator", "zgr"], &["name the values in --estimators instead"]),
        ("zgr,rloo", &["--tau", "0.5"], &["--tau is a parameter of single estimators", "NAME:tau=VALUE"]),
        ("zgr,rloo", &["--samples", "2"], &["--samples is a parameter of single estimators"]),
        ("zgr,rloo", &["--out", "elsewhere"], &["--out is for a single run; give it before train"]),
        ("zgr,rloo", &["--gradient-variance", "1"], &["must be at least 2 draws, or 0 for none"]),
        ("zgr,rloo", &["--data", "mnst"], &["unknown data set"]),
        ("zgr,rloo", &["--batch", "20000"], &["--batch must be at most the 10000 training images"]),
    ];
    for (estimators, options, parts) in cases {
        let (_folder, all) = folder();
        fail(&compare(estimators, &all, options), parts);
        assert!(!all.exists(), "{estimators} {options:?} left a folder behind");
    }
    fail(&gumbel(&["compare", "train", "vae"]), &["--estimators is missing"]);
    fail(
        &gumbel(&["compare", "--estimators", "zgr,rloo"]),
        &["no model to train; append it: gumbel compare"],
    );
    fail(&resume(Path::new("/")), &["is not the folder of a comparison"]);
    fail(
        &gumbel(&["compare", "--resume", "/", "train", "vae"]),
        &["--resume takes no command: the comparison records what it trains"],
    );
}

#[test]
fn a_folder_with_something_else_in_it_is_refused() {
    let (_folder, run) = folder();
    succeed(&train(&run, &["--steps", "20"]));
    fail(&compare("zgr,rloo", &run, &["--steps", "20"]), &["exists already", "choose another --out"]);
}
