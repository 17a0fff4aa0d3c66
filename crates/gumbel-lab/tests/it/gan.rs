//! `gumbel train gan` as a user meets it.

use crate::program::*;
use std::path::Path;

/// A small game, so that a run takes a second.
const GAME: &[&str] =
    &["train", "gan", "--hidden", "16", "--discriminator", "32", "--batch", "50", "--strings", "1000"];

fn play(out: &Path, more: &[&str]) -> std::process::Output {
    gumbel(&[GAME, &["--evaluate-every", "20", "--out", utf8(&out)], more].concat())
}

/// A column of `metrics.csv`, where it is filled.
fn column(run: &Path, name: &str) -> Vec<f64> {
    let mut reader = csv::Reader::from_path(run.join("metrics.csv")).expect("metrics");
    let place = reader.headers().expect("headers").iter().position(|header| header == name).expect(name);
    reader.records().filter_map(|record| record.expect("a record")[place].parse().ok()).collect()
}

#[test]
fn a_short_game_learns_the_grammar_beyond_noise_and_leaves_everything_it_promises() {
    let (_folder, run) = folder();
    let longer =
        ["--steps", "600", "--batch", "100", "--hidden", "32", "--discriminator", "128", "--lr", "1e-3"];
    let out =
        succeed(&play(&run, &[&longer[..], &["--evaluate-every", "300", "--baseline-lr", "1e-2"]].concat()));
    for file in ["config.toml", "metrics.csv", "summary.json", "model.safetensors", "report.html"] {
        assert!(run.join(file).is_file(), "{file} is missing");
    }
    assert!(out.contains("step 300 of 600") && out.contains("maximum likelihood"), "{out}");
    // The best sampler that does not look at the place, and its standard error with 1000 strings.
    let (blind, error) = (0.06, (0.06f64 * 0.94 / 1000.0).sqrt());
    for name in ["valid", "baseline_valid"] {
        let valid = column(&run, name);
        let last = valid[valid.len() - 1];
        assert!(valid[0] < blind + 4.0 * error, "{name} begins at {}", valid[0]);
        assert!(last > blind + 20.0 * error, "{name} ends at {last}");
    }
    let lengths = column(&run, "length_distance");
    assert!(lengths[lengths.len() - 1] < lengths[0] - 0.1, "{lengths:?}");
    // Neither generator has collapsed, and true strings cost less than under one that knows nothing: 11 ln 6.
    let test = summary(&run)["test"].clone();
    assert!(test["generator"]["distinct"].as_u64() > Some(100), "{test}");
    assert!(test["maximum_likelihood"]["nats"].as_f64() < Some(7.0), "{test}");
    assert!(test["truth"]["valid"] == 1.0);
}

#[test]
fn a_resumed_game_ends_bit_for_bit_as_if_it_had_not_stopped() {
    for generator in ["relaxed", "straight-through", "score-function"] {
        let options = ["--generator", generator, "--baseline-steps", "40", "--steps"];
        // Between evaluations, between lines of metrics and before the baseline ends.
        resumes("gan", |out, steps| play(out, &[&options[..], &[steps]].concat()), ["33", "60"]);
    }
}

#[cfg(unix)]
#[test]
fn an_interrupt_stops_cleanly_with_a_checkpoint() {
    let (_folder, run) = folder();
    let path = utf8(&run);
    let options = [GAME, &["--evaluate-every", "20", "--steps", "100000", "--out", path]].concat();
    let checkpoint = run.join("checkpoint/training.safetensors");
    interrupt(&options, &checkpoint, nix::sys::signal::Signal::SIGINT);
    assert!(!run.join("summary.json").exists());
    fail(&gumbel(&["generate", path]), &["has no trained model yet", "gumbel train gan --resume"]);
}

#[test]
fn a_trained_generator_writes_one_string_a_line_without_padding() {
    let (folder, run) = folder();
    succeed(&play(&run, &["--steps", "20"]));
    let out = folder.path().join("strings.txt");
    let (run, path) = (utf8(&run), utf8(&out));
    let text = |seed: &str| {
        let said = succeed(&gumbel(&["generate", run, "--count", "300", "--out", path, "--seed", seed]));
        assert!(said.contains("300 strings in "), "{said}");
        std::fs::read_to_string(&out).expect("strings")
    };
    let first = text("0");
    assert_eq!(first.lines().count(), 300);
    for line in first.lines() {
        assert!(line.chars().all(|symbol| " x+-*/".contains(symbol)) && line.len() <= 11, "{line:?}");
        assert!(!line.ends_with(' '), "padding is left: {line:?}");
    }
    assert!(first.lines().any(|line| line.len() < 11), "nothing was stripped");
    assert_eq!(first, text("0"));
    assert_ne!(first, text("1"));
}

#[test]
fn any_text_is_learned_by_character() {
    let (folder, run) = folder();
    let book = folder.path().join("book.txt");
    std::fs::write(&book, "to be or not to be, that is the question.\n".repeat(40)).expect("written");
    let path = utf8(&book);
    succeed(&play(&run, &["--data", path, "--length", "8", "--steps", "20"]));
    let test = summary(&run)["test"].clone();
    assert!(test["generator"]["valid"].is_null() && test["generator"]["runs"][1]["n"] == 3, "{test}");
    assert_eq!(test["truth"]["runs"][0]["made_up"], 0.0);
    // Another text under the same name is another run.
    std::fs::write(&book, "whether it is nobler in the mind to suffer.\n".repeat(40)).expect("written");
    let resume = ["train", "gan", "--resume", utf8(&run), "--steps", "30"];
    fail(&gumbel(&resume), &["was trained on different strings than", "start a new run"]);
}

#[test]
fn mistakes_are_one_line_with_the_remedy() {
    let (_folder, run) = folder();
    let cases: &[(&[&str], &[&str])] = &[
        (&["--data", "gramar"], &["did you mean 'grammar'?"]),
        (
            &["--data", "names", "--data-dir", "/nonexistent"],
            &["looked for names.txt in /nonexistent/names", "--data FILE"],
        ),
        (&["--length", "5"], &["--length 5 is for running text"]),
        (&["--batch", "1"], &["--batch must be at least 2, got 1"]),
        (&["--loss", "wasserstein"], &["original, relativistic"]),
        (&["--tau", "-1"], &["must be positive and finite, got -1"]),
        (&["--discriminator-lr", "1e38", "--steps", "200"], &["training broke down at step", "lower --lr"]),
    ];
    refuses(play, cases);
    let compare = ["compare", "--estimators", "rloo,reinforce", "train", "gan"];
    fail(&gumbel(&compare), &["compare it by --generators"]);
    succeed(&play(&run, &["--steps", "20"]));
    let resume = |more: &[&str]| gumbel(&[&["train", "gan", "--resume", utf8(&run)], more].concat());
    fail(&resume(&["--lr", "0.1"]), &["--lr cannot change in a resumed run"]);
    fail(&resume(&["--steps", "19"]), &["--steps must be at least the 20 steps"]);
}

#[test]
fn gradients_of_the_generator_are_compared() {
    let (_folder, all) = folder();
    let out = ["compare", "--generators", "relaxed,score-function", "--out", utf8(&all)];
    let compare = |more: &[&str]| {
        gumbel(&[&out[..], GAME, &["--steps", "40", "--evaluate-every", "20"], more].concat())
    };
    let said = succeed(&compare(&[]));
    assert!(said.contains("[2 of 2] score-function") && said.contains("valid, %"), "{said}");
    let rows = |name: &str| {
        let mut reader = csv::Reader::from_path(all.join(name)).expect(name);
        let head: Vec<String> = reader.headers().expect("heads").iter().map(str::to_string).collect();
        let rows: Vec<_> = reader.records().map(|row| row.expect("a row")).collect();
        (head, rows)
    };
    let (head, curves) = rows("curves.csv");
    assert_eq!(head[..5], ["generator", "step", "seconds", "valid", "distinct"]);
    assert_eq!(curves.len(), 6, "steps 1, 20 and 40 of two runs");
    let (head, ends) = rows("summary.csv");
    assert_eq!(head[4..7], ["valid", "distinct", "length_distance"]);
    let relaxed = summary(&all.join("relaxed"))["test"]["generator"].clone();
    assert_eq!(ends[0][5].parse::<u64>().ok(), relaxed["distinct"].as_u64());
    assert!(all.join("report.html").is_file() && all.join("figures/distinct.svg").is_file());
    let again = succeed(&compare(&[]));
    assert!(again.contains("relaxed: finished earlier"), "{again}");
    fail(&compare(&["--generator", "relaxed"]), &["name the values in --generators instead"]);
}

#[test]
fn help_shows_every_default() {
    use gumbel_lab::{experiment::gan::Config, run::RunConfig};
    let help = succeed(&gumbel(&["train", "gan", "--help"]));
    for (name, value) in Config::defaults().typed() {
        assert!(help.contains(&format!("--{name} ")), "--{name} is missing from {help}");
        assert!(help.contains(&format!("[default: {value}]")), "--{name}: {value} is missing from {help}");
    }
}
