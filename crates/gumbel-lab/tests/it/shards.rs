//! Batches in shards: threads change no bit, and what an estimator learns is that of the whole batch.

use crate::program::*;
use std::path::Path;

fn shards(model: &str, out: &Path, more: &[&str]) {
    succeed(&gumbel(&[&["train", model, "--out", utf8(out)], more].concat()));
}

/// Options of a short run of each model.
const MODELS: [(&str, &[&str]); 5] = [
    ("vae", &["--hidden", "8", "--estimator", "nvil", "--gradient-variance", "3"]),
    ("sbn", &["--estimator", "disarm"]),
    ("semi", &[]),
    ("text", &["--estimator", "relax"]),
    ("gan", &["--strings", "50", "--baseline-steps", "2"]),
];

#[test]
fn a_run_in_shards_ends_with_the_same_bytes_on_any_number_of_threads() {
    for (model, options) in MODELS {
        let ((_a, one), (_b, several), (_c, whole)) = (folder(), folder(), folder());
        let quick = if model == "gan" { &[][..] } else { QUICK };
        let options = [&["--steps", "4", "--evaluate-every", "2", "--batch", "13"], options, quick].concat();
        shards(model, &one, &[&options[..], &["--shards", "5", "--threads", "1"]].concat());
        shards(model, &several, &[&options[..], &["--shards", "5", "--threads", "3"]].concat());
        shards(model, &whole, &options);
        assert!(weights(&one) == weights(&several), "{model}: the threads change the weights");
        assert!(weights(&one) != weights(&whole), "{model}: each shard has noise of its own");
    }
}

#[test]
fn a_resumed_run_in_shards_ends_bit_for_bit_as_if_it_had_not_stopped() {
    let options = ["--shards", "4", "--estimator", "rebar", "--steps"];
    resumes("vae", |out, steps| train(out, &[&options[..], &[steps]].concat()), ["33", "60"]);
    let ((_a, run), (_b, other)) = (folder(), folder());
    succeed(&train(&run, &["--shards", "4", "--steps", "20"]));
    fail(
        &gumbel(&["train", "vae", "--resume", utf8(&run), "--shards", "2"]),
        &["--shards cannot change in a resumed run"],
    );
    succeed(&train(&other, &["--shards", "2", "--steps", "20"]));
    assert!(weights(&run) != weights(&other), "the number of shards places the noise");
}

/// Without noise, a step in shards is the step of the whole batch but for the order of sums.
#[test]
fn exact_gradients_in_shards_are_those_of_the_whole_batch() {
    let objective = |run: &Path| -> Vec<f64> {
        let column = metrics(run)[0].iter().position(|name| name == "training_loss").expect("a column");
        metrics(run)[1..].iter().map(|row| row[column].parse().expect("a number")).collect()
    };
    let ((_a, whole), (_b, parts)) = (folder(), folder());
    let options = ["--estimator", "exact", "--latents", "2", "--categories", "3", "--steps", "20"];
    succeed(&train(&whole, &options));
    succeed(&train(&parts, &[&options[..], &["--shards", "7"]].concat()));
    let (whole, parts) = (objective(&whole), objective(&parts));
    assert!(whole.len() > 1 && whole.len() == parts.len());
    for (whole, parts) in whole.iter().zip(&parts) {
        assert!((whole - parts).abs() < 1e-3 * whole.abs(), "{whole} and {parts}");
    }
}
