//! `gumbel train semi`: learning, resuming, drawing, comparing, and what it refuses.

use crate::program::*;
use std::path::Path;
use std::process::Output;

/// A small model of the built-in digits.
const SEMI: &[&str] = &["train", "semi", "--hidden", "64", "--style", "10", "--batch", "50"];

fn semi(out: &Path, more: &[&str]) -> Output {
    let out = ["--out", utf8(&out)];
    gumbel(&[SEMI, QUICK, &out, more].concat())
}

/// A number of the test set and its standard error.
fn reached(run: &Path, name: &[&str], error: &str) -> (f64, f64) {
    let summary = summary(run);
    let (last, path) = name.split_last().expect("a name");
    let place = path.iter().fold(&summary["test"], |place, name| &place[*name]);
    let number = |name: &str| place[name].as_f64().unwrap_or_else(|| panic!("no {name}: {summary}"));
    (number(last), number(error))
}

/// Asserts that more of the test images are classified correctly than before, beyond chance.
fn classifies_better(start: &Path, run: &Path) {
    let accuracy = |run| reached(run, &["accuracy", "share"], "standard_error");
    let ((before, error_before), (after, error)) = (accuracy(start), accuracy(run));
    let better = (after - before) / error.hypot(error_before);
    assert!(better > 4.0, "from {before} to {after}, {better:.1} standard errors");
}

#[test]
fn it_learns_classes_and_images_and_says_what_it_reached() {
    let ((_a, start), (_b, run)) = (folder(), folder());
    succeed(&semi(&start, &["--steps", "1"]));
    let out = succeed(&semi(&run, &["--steps", "400"]));
    assert!(out.contains("10 classes from 100 labels and a style of 10 numbers on digits"), "{out}");
    assert!(out.contains("classes summed, one style") && out.contains("accuracy"), "{out}");
    classifies_better(&start, &run);
    let elbo = |run| reached(run, &["hard_negative_elbo"], "hard_negative_elbo_standard_error");
    let ((before, error_before), (after, error)) = (elbo(&start), elbo(&run));
    let better = (before - after) / error.hypot(error_before);
    assert!(better > 4.0, "from {before} to {after}, {better:.1} standard errors");
    assert!(reached(&run, &["importance_bound", "nats"], "standard_error").0 < after);
    let figures = ["objective", "parts", "temperature", "reconstructions", "classes", "usage"];
    assert!(figures.iter().all(|name| run.join(format!("figures/{name}.svg")).is_file()));
    let page = report(&run);
    assert!(page.contains("Classes and styles of digits") && page.contains("% of test images"));
}

#[test]
fn a_resumed_run_ends_bit_for_bit_as_if_it_had_not_stopped() {
    // Epochs of the labelled images end at other steps than those of all.
    for estimator in ["gumbel-softmax", "exact", "nvil"] {
        let options = ["--estimator", estimator, "--labelled-batch", "30", "--steps"];
        resumes("semi", |out, steps| semi(out, &[&options[..], &[steps]].concat()), ["33", "60"]);
    }
}

#[test]
fn convolutions_learn_classes_and_resume_bit_for_bit() {
    let ((_a, start), (_b, run), (_c, parts)) = (folder(), folder(), folder());
    let convolved = |run: &Path, steps| semi(run, &["--convolutions", "4,8", "--steps", steps]);
    succeed(&convolved(&start, "1"));
    let out = succeed(&convolved(&run, "120"));
    assert!(out.contains("a style of 10 numbers, behind convolutions of 4,8 channels on digits"), "{out}");
    classifies_better(&start, &run);
    succeed(&convolved(&parts, "70"));
    let path = utf8(&parts);
    succeed(&gumbel(&["train", "semi", "--resume", path, "--steps", "120", "--threads", "1"]));
    assert!(weights(&run) == weights(&parts), "the weights differ");
}

#[test]
fn it_draws_the_classes_in_turn() {
    let (_folder, run) = folder();
    succeed(&semi(&run, &["--steps", "20"]));
    let first = picture(&run, "100", "0");
    assert!(first == picture(&run, "100", "0") && first != picture(&run, "100", "1"));
    picture(&run, "1003", "0"); // more than are drawn at once, and no multiple of the classes
}

#[test]
fn marginalisation_and_samples_are_compared_on_it() {
    let (_folder, all) = folder();
    let estimators = "exact,gumbel-softmax,straight-through-gumbel";
    let before = ["compare", "--estimators", estimators, "--out", utf8(&all)];
    let out = succeed(&gumbel(&[&before[..], SEMI, QUICK, &["--steps", "40"]].concat()));
    assert!(out.contains("[3 of 3] straight-through-gumbel") && out.contains("accuracy"), "{out}");
    let table = std::fs::read_to_string(all.join("summary.csv")).expect("a table");
    assert!(
        table.lines().all(|line| line.split(',').count() == 11) && table.contains(",accuracy,"),
        "{table}"
    );
    let variance = metrics(&all.join("exact")).last().expect("a line")[6].parse::<f64>().expect("a variance");
    assert!(variance > 0.0, "the style is sampled where the class is not");
    let page = std::fs::read_to_string(all.join("report.html")).expect("a report");
    assert!(page.contains("accuracy, %"));
}

#[test]
fn random_labels_have_any_number_of_classes_and_no_accuracy() {
    let (_folder, run) = folder();
    let options = ["--classes", "100", "--labels-from", "random", "--estimator", "exact", "--steps", "20"];
    let out = succeed(&semi(&run, &options));
    assert!(out.contains("100 classes from 100 labels") && !out.contains("accuracy"), "{out}");
    assert!(summary(&run)["test"].get("accuracy").is_none());
}

#[test]
fn what_cannot_be_trained_is_refused_before_it_begins() {
    let cases: &[(&[&str], &[&str])] = &[
        (&["--labels", "105"], &["--labels must be a multiple of the 10 classes, got 105"]),
        (&["--labels", "0"], &["--labels must be at least 1, got 0", "use train vae"]),
        (
            &["--labels", "20000"],
            &["--labels 20000 needs 2000 images of each of 10 classes", "lower --labels"],
        ),
        (&["--classes", "1", "--labels", "10"], &["--classes must be from 2 to 256, got 1"]),
        (&["--classes", "20"], &["--classes must be 10, the number of classes of digits, got 20"]),
        (&["--labelled-batch", "0"], &["--labelled-batch must be at least 1, got 0"]),
        (&["--alpha", "-1"], &["--alpha must be finite and not negative, got -1"]),
        (&["--labelled-weight", "inf"], &["--labelled-weight must be finite and not negative, got inf"]),
        (&["--style", "0"], &["--style must be at least 1, got 0"]),
        (&["--hidden", "none"], &["--hidden needs a layer, got none"]),
        (&["--estimator", "disarm"], &["supports binary latents only; use --classes 2"]),
        (&["--convolutions", "16,0"], &["--convolutions", "0"]),
        (
            &["--style", "3000000"],
            &["parameters; the limit is 250000000; lower --hidden, --convolutions, --style or --classes"],
        ),
        (&["--convolutions", "9000000"], &["parameters; the limit is", "lower --hidden, --convolutions"]),
        (&["--lr", "1e38"], &["training broke down at step", "lower --lr or raise --tau"]),
    ];
    refuses(semi, cases);
}

/// A folder of images, blank or not, with labels or without.
fn images(folder: &Path, labels: Option<u8>) -> String {
    let data = folder.join("data");
    idx_images(&data, [2, 2], |i| (i % 7 * 40) as u8);
    for (name, count) in [("train", 60u8), ("t10k", 20)] {
        if let Some(shift) = labels {
            let header = [[0, 0, 8, 1], u32::from(count).to_be_bytes()].concat();
            let labels: Vec<u8> = (0..count).map(|i| (i + shift) % 3).collect();
            let path = data.join(format!("{name}-labels-idx1-ubyte"));
            std::fs::write(path, [header, labels].concat()).expect("written");
        }
    }
    utf8(&data).into()
}

#[test]
fn data_without_labels_is_refused_and_a_run_is_not_resumed_with_other_labels() {
    let (folder, run) = folder();
    let small = ["--classes", "3", "--labels", "6", "--steps", "20", "--data"];
    let bare = images(folder.path(), None);
    fail(
        &semi(&run, &[&small[..], &[&bare]].concat()),
        &["data has images without labels", "--labels-from random"],
    );
    let labelled = images(folder.path(), Some(0));
    succeed(&semi(&run, &[&small[..], &[&labelled]].concat()));
    images(folder.path(), Some(1));
    let resume = ["train", "semi", "--resume", utf8(&run), "--steps", "40"];
    fail(&gumbel(&resume), &["was trained on different images or labels than"]);
}
