//! `gumbel train vqvae` as a user meets it.

use crate::program::*;
use clap::ValueEnum;
use gumbel_lab::model::QuantizerName;
use std::path::Path;

/// A small model, so that a run takes a second.
const SMALL: &[&str] = &[
    "train",
    "vqvae",
    "--hidden",
    "24",
    "--prior-hidden",
    "8",
    "--latents",
    "6",
    "--bits",
    "4",
    "--batch",
    "50",
];

fn learn(out: &Path, more: &[&str]) -> std::process::Output {
    gumbel(&[SMALL, &["--evaluate-every", "20", "--out", utf8(&out)], more].concat())
}

#[test]
fn every_quantizer_learns_digits_and_leaves_what_it_promises() {
    for quantizer in QuantizerName::value_variants() {
        let (_folder, run) = folder();
        let out = succeed(&learn(&run, &["--steps", "150", "--lr", "3e-3", "--quantizer", quantizer.name()]));
        for file in ["config.toml", "metrics.csv", "summary.json", "model.safetensors", "report.html"] {
            assert!(run.join(file).is_file(), "{file} is missing");
        }
        assert!(out.contains("bound on -ln p(x)"), "{out}");
        let test = summary(&run)["test"].clone();
        let nats = |part: &str| test[part]["nats"].as_f64().expect("a number");
        let (distortion, rate, bound) = (nats("distortion"), nats("rate"), nats("bound"));
        assert!((distortion + rate - bound).abs() < 1e-3, "{test}");
        // Uniform codes cost 24 bits; the prior does not do worse than that by much.
        assert!(rate < 1.1 * 24.0 * 2f64.ln(), "{}: {test}", quantizer.name());
        let first: f64 = metrics(&run)[1][2].parse().expect("the training objective");
        assert!(bound < 0.9 * first, "{}: from {first} to {test}", quantizer.name());
        let used = test["books"][0]["used"].as_u64().expect("a number");
        assert!(used >= 2, "{}: {test}", quantizer.name());
    }
}

#[test]
fn a_resumed_run_ends_bit_for_bit_as_if_it_had_not_stopped() {
    for quantizer in ["vq", "simvq", "residual", "gumbel"] {
        let options = ["--quantizer", quantizer, "--tau", "1", "--steps"];
        let options =
            if quantizer == "gumbel" { &options[..] } else { &["--quantizer", quantizer, "--steps"] };
        resumes("vqvae", |out, steps| learn(out, &[options, &[steps]].concat()), ["33", "60"]);
    }
}

#[test]
fn a_trained_model_draws_images_and_is_evaluated_again() {
    let (folder, run) = folder();
    succeed(&learn(&run, &["--steps", "20", "--quantizer", "grouped"]));
    let out = folder.path().join("digits.png");
    let said = succeed(&gumbel(&["generate", utf8(&run), "--count", "30", "--out", utf8(&out)]));
    assert!(said.contains("30 images in "), "{said}");
    let again = succeed(&gumbel(&["evaluate", utf8(&run)]));
    assert!(again.contains("bound on -ln p(x)"), "{again}");
}

#[test]
fn a_comparison_has_every_quantizer_in_its_table() {
    let (_folder, all) = folder();
    let compare = ["compare", "--quantizers", "vq,fsq,lfq", "--out", utf8(&all)];
    succeed(&gumbel(&[&compare[..], SMALL, &["--steps", "20", "--evaluate-every", "10"]].concat()));
    let table = std::fs::read_to_string(all.join("summary.csv")).expect("summary.csv");
    assert!(table.lines().next().expect("a head").contains("perplexity"), "{table}");
    for quantizer in ["vq", "fsq", "lfq"] {
        assert!(table.lines().any(|line| line.starts_with(&format!("{quantizer},"))), "{table}");
    }
    let other = ["compare", "--estimators", "rloo,reinforce", "train", "vqvae"];
    fail(&gumbel(&other), &["train vqvae does not take --estimators; compare it by --quantizers"]);
}

#[test]
fn mistakes_leave_nothing_behind() {
    refuses(
        learn,
        &[
            (
                &["--batch", "2", "--bits", "12"][..],
                &["a batch has 12 vectors, fewer than the 4096 codes"][..],
            ),
            (&["--shards", "2"], &["--shards must be 1 with train vqvae, got 2"]),
            (&["--bits", "17"], &["--bits must be from 2 to 16, got 17"]),
        ],
    );
}
