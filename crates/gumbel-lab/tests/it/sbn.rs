//! `gumbel train sbn`: learning, resuming, drawing, comparing, and what it refuses.

use crate::program::*;
use std::path::Path;
use std::process::Output;

/// A small model of the built-in digits.
const SBN: &[&str] = &["train", "sbn", "--latents", "30", "--batch", "50"];

fn sbn(out: &Path, more: &[&str]) -> Output {
    let out = ["--out", utf8(&out)];
    gumbel(&[SBN, QUICK, &out, more].concat())
}

#[test]
fn it_learns_to_complete_images_and_says_what_it_reached() {
    let (_folder, run) = folder();
    let out = succeed(&sbn(&run, &["--steps", "400"]));
    assert!(out.contains("two layers of 30 latents of 2 categories on digits"), "{out}");
    assert!(out.contains("gumbel-softmax:samples=1:tau=1\n"), "not at a fixed temperature of 1: {out}");
    assert!(out.contains("bound on -ln p(lower|upper), m = 20"), "{out}");
    // At the start it gives the mean lower half for every upper one.
    learned(&run);
    let summary = summary(&run);
    let test = &summary["test"];
    assert_eq!((&summary["model"], &test["images"]), (&"sbn".into(), &1000.into()));
    let figures = |name: &str| run.join(format!("figures/{name}.svg")).is_file();
    assert!(["objective", "temperature", "completions"].iter().all(|name| figures(name)));
    assert!(!["parts", "reconstructions", "samples", "usage"].iter().any(|name| figures(name)));
    let page = report(&run);
    assert!(
        page.contains("Sigmoid belief network on digits")
            && page.contains("Completions")
            && !page.contains("ELBO")
    );
}

#[test]
fn a_resumed_run_ends_bit_for_bit_as_if_it_had_not_stopped() {
    // Two layers of estimators, which have learned something in the last two.
    for options in [&["--categories", "5"][..], &["--estimator", "reinforce"], &["--estimator", "nvil"]] {
        resumes("sbn", |out, steps| sbn(out, &[options, &["--steps", steps]].concat()), ["33", "60"]);
    }
}

#[test]
fn it_learns_by_the_bound_of_several_samples_along_paths_and_by_the_score() {
    for estimator in ["gumbel-softmax", "vimco"] {
        let (_folder, run) = folder();
        let bound = ["--train-samples", "5", "--importance-images", "1000", "--lr", "5e-3"];
        succeed(&sbn(&run, &[&["--steps", "300", "--estimator", estimator], &bound[..]].concat()));
        let summary = summary(&run);
        let number = |name: &str| summary["test"]["importance_bound"][name].as_f64().expect("a number");
        // At the start all samples give the mean lower half: twenty are worth little more than one.
        let better = (hard_objectives(&run)[0] - number("nats")) / (number("standard_error") * 2f64.sqrt());
        assert!(better > 4.0, "{estimator}: {better:.1} standard errors better than at the start");
        let page = report(&run);
        assert!(page.contains("a log-mean-exp of 5 samples") && !page.contains("Its KL part"));
    }
}

#[test]
fn it_draws_completions_of_test_images() {
    let (_folder, run) = folder();
    succeed(&sbn(&run, &["--steps", "20"]));
    let first = picture(&run, "9", "0");
    assert!(first == picture(&run, "9", "0") && first != picture(&run, "9", "1"));
    let decoder = png::Decoder::new(std::io::Cursor::new(&first));
    let (width, height) = decoder.read_info().expect("PNG").info().size();
    assert!(width >= 3 * 28 && height >= 3 * 28, "{width} x {height}");
    picture(&run, "1001", "0"); // more than there are test images
}

#[test]
fn estimators_are_compared_on_it() {
    let (_folder, all) = folder();
    let before = ["compare", "--estimators", "gumbel-softmax,disarm", "--out", utf8(&all)];
    let out = succeed(&gumbel(&[&before[..], SBN, QUICK, &["--steps", "40"]].concat()));
    assert!(out.contains("[2 of 2] disarm") && out.contains("one hard sample"), "{out}");
    let table = std::fs::read_to_string(all.join("summary.csv")).expect("a table");
    assert_eq!(table.lines().count(), 3, "{table}");
    let page = std::fs::read_to_string(all.join("report.html")).expect("a report");
    assert!(page.contains("Gradient variance") && !page.contains("ELBO"));
}

#[test]
fn what_cannot_be_trained_is_refused_before_it_begins() {
    let cases: &[(&[&str], &[&str])] = &[
        (&["--estimator", "rebar"], &["rebar does not support a chain of layers", "use rloo"]),
        (&["--estimator", "gumbel-softmax:samples=2"], &["several samples of one layer", "use samples=1"]),
        (&["--estimator", "unordered-set"], &["equally weighted samples", "use rloo, disarm or gumbel-rao"]),
        (&["--estimator", "vimco"], &["supports a log-mean-exp only", "use rloo"]),
        (&["--estimator", "disarm", "--categories", "3"], &["use --categories 2"]),
        (&["--train-samples", "0"], &["--train-samples must be at least 1, got 0"]),
        (
            &["--train-samples", "2", "--estimator", "disarm"],
            &["disarm does not support a log-mean-exp over chains of layers", "use vimco"],
        ),
        (&["--latents", "0"], &["--latents must be at least 1"]),
        (&["--categories", "1"], &["--categories must be at least 2, got 1"]),
        (&["--latents", "30000"], &["parameters; the limit is 250000000; lower --latents or --categories"]),
        (&["--hidden", "3"], &["unexpected argument '--hidden'"]),
        (&["--lr", "1e38"], &["training broke down at step", "lower --lr or raise --tau"]),
    ];
    refuses(sbn, cases);
}

#[test]
fn a_run_of_another_model_is_not_taken_for_its_own() {
    let (_folder, run) = folder();
    succeed(&train(&run, &["--steps", "20"]));
    let path = utf8(&run);
    fail(
        &gumbel(&["train", "sbn", "--resume", path]),
        &["is a configuration of gumbel train vae, not of gumbel train sbn"],
    );
    let (_folder, run) = folder();
    succeed(&sbn(&run, &["--steps", "20"]));
    let path = utf8(&run);
    fail(
        &gumbel(&["train", "vae", "--resume", path]),
        &["is a configuration of gumbel train sbn, not of gumbel train vae"],
    );
}

#[test]
fn images_of_one_row_have_no_halves() {
    let (folder, run) = folder();
    let data = folder.path().join("rows");
    idx_images(&data, [1, 4], |_| 90);
    let output = sbn(&run, &["--data", utf8(&data)]);
    fail(&output, &["images of 1 row; a sigmoid belief network needs an upper and a lower half"]);
}
