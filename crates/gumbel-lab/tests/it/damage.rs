//! Files that are damaged, limits of the system, and a second process.

use crate::program::*;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const NEWEST: &str = "checkpoint/training.safetensors";
const PREVIOUS: &str = "checkpoint/previous.safetensors";

/// A run of 40 steps with checkpoints of steps 20 and 40, and the same with 60 steps.
fn runs(folder: &Path) -> [std::path::PathBuf; 2] {
    let [part, whole] = ["part", "whole"].map(|name| folder.join(name));
    succeed(&train(&part, &["--steps", "40", "--estimator", "nvil"]));
    succeed(&train(&whole, &["--steps", "60", "--estimator", "nvil"]));
    [part, whole]
}

fn copy(from: &Path, to: &Path) {
    drop(fs::remove_dir_all(to));
    fs::create_dir_all(to.join("checkpoint")).expect("a folder");
    for name in ["config.toml", "metrics.csv", NEWEST, PREVIOUS] {
        fs::copy(from.join(name), to.join(name)).expect("a file");
    }
}

fn resume(run: &Path) -> Output {
    gumbel(&["train", "vae", "--resume", utf8(run), "--steps", "60"])
}

fn flip(path: &Path, bit: usize) {
    let mut bytes = fs::read(path).expect("a file");
    bytes[bit / 8] ^= 1 << (bit % 8);
    fs::write(path, bytes).expect("written");
}

#[track_caller]
fn resumes_with_a_warning(run: &Path, whole: &Path, parts: &[&str]) {
    let output = resume(run);
    succeed(&output);
    let warning = text(&output.stderr);
    assert!(warning.starts_with("warning: ") && warning.lines().count() == 1, "{warning}");
    for part in parts {
        assert!(warning.contains(part), "'{part}' is missing from: {warning}");
    }
    assert!(weights(run) == weights(whole), "the weights differ");
    assert_eq!((metrics(run), &summary(run)["test"]), (metrics(whole), &summary(whole)["test"]));
}

#[test]
fn a_damaged_checkpoint_is_replaced_by_the_one_before_it_which_ends_the_same() {
    let (folder, run) = folder();
    let [part, whole] = runs(folder.path());
    let bits = 8 * fs::metadata(part.join(NEWEST)).expect("a checkpoint").len() as usize;
    // The length of the header, the header, parameters, and the optimiser's state.
    for bit in [3, 1000, bits / 5, bits / 2, bits - 1] {
        copy(&part, &run);
        flip(&run.join(NEWEST), bit);
        let step = "; resuming from the checkpoint before it, of step 20";
        resumes_with_a_warning(&run, &whole, &["training.safetensors is damaged: it", step]);
    }
    copy(&part, &run);
    fs::remove_file(run.join(NEWEST)).expect("removed");
    resumes_with_a_warning(&run, &whole, &["training.safetensors is damaged: it is missing; "]);
    // The newest is not resumed with the previous one's rows, nor the other way round.
    copy(&part, &run);
    fs::write(run.join(NEWEST), "").expect("written");
    flip(&run.join(PREVIOUS), bits / 2);
    let before = fs::read(run.join("metrics.csv")).expect("metrics");
    let config = ["; start a new run with --config ", "config.toml"].concat();
    fail(
        &resume(&run),
        &["training.safetensors is damaged", "previous.safetensors is damaged", &config[..30]],
    );
    assert_eq!(before, fs::read(run.join("metrics.csv")).expect("metrics"));
}

#[test]
fn damaged_rows_are_made_again_where_the_checkpoint_before_them_allows_it() {
    let (folder, run) = folder();
    let [part, whole] = runs(folder.path());
    let lines = fs::read_to_string(part.join("metrics.csv")).expect("metrics");
    let place = |step: &str| lines.find(&format!("\n{step},")).expect("a row") + 12;
    for step in ["30", "40"] {
        copy(&part, &run);
        flip(&run.join("metrics.csv"), 8 * place(step));
        resumes_with_a_warning(&run, &whole, &["metrics.csv is damaged: ", ", of step 20"]);
    }
    copy(&part, &run);
    flip(&run.join("metrics.csv"), 8 * place("10"));
    fail(&resume(&run), &["metrics.csv is damaged: ", "; start a new run with --config"]);
    let without: String = lines.split_inclusive('\n').filter(|line| !line.starts_with("10,")).collect();
    fs::write(run.join("metrics.csv"), without).expect("written");
    fail(&resume(&run), &["metrics.csv is damaged: row 2 is of step 20, expected step 10"]);
}

#[test]
fn a_damaged_model_is_refused_with_the_remedy_and_the_remedy_works() {
    let (_folder, run) = folder();
    succeed(&train(&run, &["--steps", "20"]));
    let before = weights(&run);
    for bit in [100, 4 * before.len(), 8 * before.len() - 1] {
        flip(&run.join("model.safetensors"), bit);
        for words in [&["generate", utf8(&run), "--out", "-"][..], &["evaluate", utf8(&run)]] {
            fail(
                &gumbel(words),
                &["model.safetensors is damaged: it", "; restore the file, or resume its run"],
            );
        }
        succeed(&gumbel(&["train", "vae", "--resume", utf8(&run)]));
        assert!(weights(&run) == before);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_second_process_is_told_which_one_has_the_folder() {
    let (_folder, run) = folder();
    let words = [SMALL, QUICK, &["--steps", "100000000", "--out", utf8(&run)]].concat();
    let mut first = Command::new(GUMBEL).args(words).stdout(Stdio::null()).spawn().expect("starts");
    while !run.join(NEWEST).exists() {
        assert!(first.try_wait().expect("a child").is_none(), "it ended early");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let second = resume(&run);
    first.kill().and_then(|()| first.wait()).expect("a child");
    fail(&second, &[&format!("process {} is writing to {}; wait", first.id(), run.display())]);
}

/// The program with a limit on the size of files, in units of 1024 bytes, which stands in for a full disk.
#[cfg(target_os = "linux")]
fn limited(kilobytes: &str, words: &[&str], folder: &Path) -> Output {
    let script = format!("ulimit -f {kilobytes}; exec \"$@\"");
    let shell = ["-c", &script, "bash", GUMBEL];
    Command::new("bash").args(shell).args(words).current_dir(folder).output().expect("bash")
}

#[cfg(target_os = "linux")]
#[test]
fn every_writer_that_cannot_go_on_names_the_file_that_was_asked_for_and_leaves_none() {
    let (folder, run) = folder();
    succeed(&train(&run, &["--steps", "20"]));
    let rows: String = (0..4000).map(|i| format!("{i},0.5,1\n")).collect();
    fs::write(folder.path().join("logits.csv"), rows).expect("written");
    let (new, path) = (folder.path().join("new"), utf8(folder.path()).to_string());
    let train: Vec<&str> = [SMALL, QUICK, &["--steps", "40", "--out", utf8(&new)]].concat();
    let cases: [(&str, &[&str], &str); 7] = [
        ("0", &train, "new/config.toml"),
        ("8", &train, "new/checkpoint/training.safetensors"),
        ("2", &["sample", "logits.csv", "--tau", "1", "--out", "drawn.csv"], "drawn.csv"),
        ("2", &["generate", "run", "--out", "grid.png"], "grid.png"),
        ("0", &["evaluate", "run", "--out", "results.json"], "results.json"),
        ("0", &["measure", "--latents", "1", "--categories", "2", "--replicates", "32", "--out", "m"], "m/"),
        ("0", &["compare", "--estimators", "zgr,nvil", "--out", "c", "train", "vae"], "c/options.toml"),
    ];
    for (kilobytes, words, file) in cases {
        let output = limited(kilobytes, words, folder.path());
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{words:?}: {:?} {error}", output.status);
        let parts = [
            "error: cannot write ",
            file,
            "File too large",
            "; raise the limit of the size of files (ulimit -f)",
        ];
        for part in parts {
            assert!(error.contains(part), "'{part}' is missing from: {error}");
        }
        assert!(!error.contains("partial"), "{error}");
        let left = Command::new("find").args([&path, "-name", ".*"]).output().expect("find");
        assert!(!text(&left.stdout).contains("partial"), "{words:?}: {}", text(&left.stdout));
    }
    assert!(!folder.path().join("drawn.csv").exists() && !folder.path().join("grid.png").exists());
}

#[test]
fn a_level_that_the_machine_does_not_have_is_refused() {
    for level in ["mmx", "", "Baseline", "\u{1b}[2J"] {
        for words in [&["list"][..], &["sample", "-"], &["train", "vae", "--steps", "1"]] {
            let output =
                Command::new(GUMBEL).args(words).env("GUMBEL_LEVEL", level).output().expect("starts");
            fail(&output, &["error: unknown GUMBEL_LEVEL ", "; on this machine expected one of: baseline"]);
            assert_eq!(output.status.code(), Some(1));
            assert!(!text(&output.stderr).contains('\u{1b}'));
        }
    }
    let output = Command::new(GUMBEL).arg("list").env("GUMBEL_LEVEL", "baseline").output().expect("starts");
    succeed(&output);
}
