//! `gumbel train text`: learning, resuming, writing, comparing, and what it refuses.

use crate::program::*;
use gumbel_lab::data::text::sentences;
use gumbel_lab::{experiment::bound::Config, model::TextConfig, run::RunConfig};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Output;

/// A small model of the generated sentences.
const TEXT: &[&str] =
    &["train", "text", "--latents", "8", "--categories", "8", "--embedding", "16", "--batch", "50"];

fn text_run(out: &Path, more: &[&str]) -> Output {
    gumbel(&[TEXT, QUICK, &["--out", utf8(&out)], more].concat())
}

/// The styles of a page speak of images, its sentences must not.
fn speaks_of_strings(page: &str) {
    for word in [" images", " image ", " image.", "per image"] {
        assert!(!page.contains(word), "a page of strings says '{word}'");
    }
}

/// The share of characters that are the most frequent of their place, the mean over places.
fn likeliest_share() -> f64 {
    let (all, length): (Vec<String>, usize) = (sentences::all().collect(), sentences::longest());
    let most = |place: usize| {
        let mut counts = BTreeMap::new();
        all.iter().for_each(|one| *counts.entry(one.as_bytes().get(place)).or_insert(0u32) += 1);
        counts.into_values().max().expect("there are sentences")
    };
    (0..length).map(|place| f64::from(most(place))).sum::<f64>() / (all.len() * length) as f64
}

#[test]
fn it_learns_what_binds_the_characters_and_says_what_it_reached() {
    let (_folder, run) = folder();
    let out =
        succeed(&text_run(&run, &["--steps", "600", "--hidden", "64", "--lr", "3e-3", "--kl-warmup", "100"]));
    assert!(out.contains("8 latents of 8 categories on sentences (20000 training strings)"), "{out}");
    for part in
        ["entropy of the true distribution", "bits per character", "reconstructs", "(2000 test strings)"]
    {
        assert!(out.contains(part), "'{part}' is missing from {out}");
    }
    let summary = summary(&run);
    let test = &summary["test"];
    let number = |value: &serde_json::Value| value.as_f64().expect("a number");
    let (hard, error) =
        (number(&test["hard_negative_elbo"]), number(&test["hard_negative_elbo_standard_error"]));
    let (bound, law) = (number(&test["importance_bound"]["nats"]), number(&test["text"]["law_nats"]));
    // Without its latents it could do no better than the shares of single characters.
    let unigram = number(&test["text"]["unigram_nats"]);
    assert!((unigram - hard) / error > 20.0, "{hard} ± {error} nats against {unigram}");
    let first: f64 = metrics(&run)[1][5].parse().expect("the evaluation after the first step");
    assert!((first - hard) / error > 20.0, "from {first} to {hard} ± {error}");
    // The entropy of their distribution is a lower limit for every model.
    assert!((law - sentences::nats()).abs() < 1e-12 && bound < hard, "{test}");
    assert!(bound > law - 4.0 * number(&test["importance_bound"]["standard_error"]), "{bound} against {law}");
    // Without its latents, a model could only write the likeliest symbol of each place.
    let (right, blind) = (number(&test["text"]["reconstructed"]), likeliest_share());
    let error = (blind * (1.0 - blind) / 2000.0).sqrt(); // as if the characters of a sentence were one
    assert!(right > blind + 4.0 * error, "{right} reconstructed, {blind} blindly");
    for file in ["config.toml", "model.safetensors", "figures/objective.svg", "figures/usage.svg"] {
        assert!(run.join(file).is_file(), "{file} is missing");
    }
    let page = report(&run);
    assert!(page.contains("Categorical autoencoder of sentences") && page.contains("nats per string"));
    speaks_of_strings(&page);
}

#[test]
fn a_resumed_run_ends_bit_for_bit_as_if_it_had_not_stopped() {
    for estimator in ["gumbel-softmax", "reinforce"] {
        let options = ["--estimator", estimator, "--steps"];
        resumes("text", |out, steps| text_run(out, &[&options[..], &[steps]].concat()), ["33", "60"]);
    }
}

#[test]
fn it_writes_one_string_a_line_and_windows_of_any_text() {
    let (folder, run) = folder();
    let book = folder.path().join("book.txt");
    std::fs::write(&book, "to be or not to be,\nthat is the question.\n".repeat(60)).expect("written");
    let path = utf8(&book);
    succeed(&text_run(&run, &["--data", path, "--length", "6", "--steps", "20"]));
    let test = summary(&run)["test"]["text"].clone();
    assert!(test["length"] == 6 && test["law_nats"].is_null() && test["valid"].is_null(), "{test}");
    let out = folder.path().join("strings.txt");
    let (name, out_name) = (utf8(&run), utf8(&out));
    let write = |seed: &str| {
        let said = succeed(&gumbel(&["generate", name, "--count", "700", "--seed", seed, "--out", out_name]));
        assert!(said.contains("700 strings in "), "{said}");
        std::fs::read_to_string(&out).expect("strings")
    };
    let first = write("0");
    assert_eq!(first.lines().count(), 700);
    // The end of a line within a window is written as \n.
    assert!(first.lines().all(|line| line.replace(r"\n", "n").chars().count() == 6), "{first}");
    assert!(first.lines().any(|line| line.contains(r"\n")));
    assert!(first == write("0") && first != write("1"));
    // Another text under the same name is another run, even one of the same shape.
    std::fs::write(&book, "To be or noT To be,\nThaT is The quesTion.\n".repeat(60)).expect("written");
    fail(
        &gumbel(&["train", "text", "--resume", name, "--steps", "30"]),
        &["was trained on different strings than"],
    );
}

#[test]
fn estimators_are_compared_on_it() {
    let (_folder, all) = folder();
    let before = ["compare", "--estimators", "gumbel-softmax,rloo", "--out", utf8(&all)];
    let out = succeed(&gumbel(&[&before[..], TEXT, QUICK, &["--steps", "40"]].concat()));
    assert!(out.contains("[2 of 2] rloo") && out.contains("one hard sample"), "{out}");
    let table = std::fs::read_to_string(all.join("summary.csv")).expect("a table");
    assert_eq!(table.lines().count(), 3, "{table}");
    let page = std::fs::read_to_string(all.join("report.html")).expect("a report");
    assert!(page.contains("Nats per string"));
    speaks_of_strings(&page);
}

#[test]
fn what_cannot_be_trained_is_refused_before_it_begins() {
    let cases: &[(&[&str], &[&str])] = &[
        (&["--data", "sentence"], &["unknown corpus 'sentence'; did you mean 'sentences'?"]),
        (
            &["--data", "shakespeare", "--data-dir", "/nonexistent"],
            &["looked for input.txt in /nonexistent/tiny-shakespeare"],
        ),
        (&["--length", "8"], &["--length 8 is for running text", "leave it out"]),
        (&["--data", "Cargo.toml", "--length", "1"], &["--length must be from 2 to 64, got 1"]),
        (
            &["--data", "Cargo.toml", "--length", "64", "--batch", "50"],
            &["--batch must be at most the", "strings"],
        ),
        (&["--estimator", "vimco"], &["supports a log-mean-exp only", "use rloo"]),
        (&["--estimator", "disarm"], &["use --categories 2"]),
        (&["--embedding", "0"], &["--embedding must be at least 1, got 0"]),
        (&["--kl", "density"], &["unexpected argument '--kl'"]),
        (&["--lr", "1e38"], &["training broke down at step", "lower --lr or raise --tau"]),
    ];
    refuses(text_run, cases);
}

#[test]
fn help_shows_its_own_defaults_and_speaks_of_strings() {
    let help = succeed(&gumbel(&["train", "text", "--help"]));
    for (name, value) in Config::<TextConfig>::defaults().typed() {
        let shown = help.contains(&format!("--{name} ")) && help.contains(&format!("[default: {value}]"));
        assert!(shown == (name != "binarize"), "--{name}: {value} in {help}");
    }
    assert!(
        help.contains("Number of strings per step")
            && !help.contains("Images")
            && !help.contains("test images"),
        "{help}"
    );
}
