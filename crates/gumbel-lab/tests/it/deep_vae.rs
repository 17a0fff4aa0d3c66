//! `gumbel train vae --layers 2`: learning, by every divergence, resuming, drawing, comparing, and what it refuses.

use crate::program::*;
use std::path::Path;
use std::process::Output;

const BITS: &[&str] = &["--layers", "2", "--hidden", "none", "--latents", "30", "--categories", "2"];

fn deep(out: &Path, more: &[&str]) -> Output {
    train(out, &[BITS, more].concat())
}

#[test]
fn it_learns_by_every_divergence_and_estimator_of_a_chain() {
    let runs: &[&[&str]] = &[
        &[],
        &["--kl", "density", "--tau", "0.67", "--prior-tau", "0.5"],
        &["--kl", "mass-at-sample", "--estimator", "straight-through-gumbel"],
        &["--kl", "mass-at-sample", "--train-samples", "3"],
        &["--kl", "mass-at-sample", "--train-samples", "3", "--estimator", "vimco"],
        &["--estimator", "rloo:samples=4"],
    ];
    for options in runs {
        let (_folder, run) = folder();
        let out = succeed(&deep(&run, &[options, &["--steps", "300", "--lr", "3e-3"][..]].concat()));
        assert!(out.contains("2 layers of 30 latents of 2 categories on digits"), "{out}");
        assert!(out.contains("importance-weighted bound, m = 20"), "{out}");
        // At the start the latents carry no information: the images cost what their mean does.
        learned(&run);
        let page = report(&run);
        assert!(page.contains("along the layers up to the learned prior"), "{options:?}");
    }
}

#[test]
fn a_resumed_run_ends_bit_for_bit_as_if_it_had_not_stopped() {
    for options in [&["--estimator", "nvil", "--hidden", "8"][..], &["--kl", "density", "--layers", "3"]] {
        resumes("vae", |out, steps| deep(out, &[options, &["--steps", steps]].concat()), ["27", "50"]);
    }
}

#[test]
fn it_draws_from_the_top_of_its_layers_and_names_their_weights() {
    let (_folder, run) = folder();
    succeed(&deep(&run, &["--steps", "20"]));
    let bytes = weights(&run);
    let tensors = safetensors::SafeTensors::deserialize(&bytes).expect("safetensors");
    for name in ["above.0.encoder.layers.0.weight", "above.0.decoder.layers.0.weight"] {
        assert_eq!(tensors.tensor(name).expect(name).shape(), [60, 60]);
    }
    let first = picture(&run, "9", "0");
    assert!(first == picture(&run, "9", "0") && first != picture(&run, "9", "1"));
}

#[test]
fn estimators_are_compared_on_it() {
    let (_folder, all) = folder();
    let before = ["compare", "--estimators", "gumbel-softmax,disarm", "--out", utf8(&all)];
    let out = succeed(&gumbel(&[&before[..], SMALL, BITS, QUICK, &["--steps", "40"]].concat()));
    assert!(out.contains("[2 of 2] disarm"), "{out}");
    let table = std::fs::read_to_string(all.join("summary.csv")).expect("a table");
    assert_eq!(table.lines().count(), 3, "{table}");
}

#[test]
fn what_cannot_be_trained_is_refused_before_it_begins() {
    let bound = ["--kl", "mass-at-sample", "--train-samples", "3", "--estimator"];
    let with = |estimator| [&bound[..], &[estimator]].concat();
    let cases: &[(Vec<&str>, &[&str])] = &[
        (vec!["--layers", "0"], &["--layers must be from 1 to 10, got 0"]),
        (vec!["--estimator", "rebar"], &["rebar does not support a chain of layers", "use rloo"]),
        (vec!["--samples", "2"], &["several samples of one layer", "use samples=1"]),
        (
            vec!["--estimator", "unordered-set"],
            &["equally weighted samples", "use rloo, disarm or gumbel-rao"],
        ),
        (vec!["--train-samples", "3"], &["use --kl mass-at-sample"]),
        (vec!["--train-samples", "0", "--kl", "density"], &["--train-samples must be at least 1, got 0"]),
        (with("nvil"), &["nvil does not support a log-mean-exp over chains of layers", "use vimco"]),
        (with("rloo"), &["a mean over samples only", "use vimco"]),
        (with("vimco:samples=4"), &["and --train-samples 3 both give samples"]),
        (vec!["--kl", "density", "--estimator", "rloo"], &["needs relaxed samples"]),
        (vec!["--latents", "6000"], &["parameters; the limit is 250000000; lower --latents"]),
    ];
    refuses(deep, cases);
}
