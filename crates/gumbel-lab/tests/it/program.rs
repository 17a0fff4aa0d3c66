//! Running the program and looking at what it leaves.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub const GUMBEL: &str = env!("CARGO_BIN_EXE_gumbel");

/// A small model, so that a run takes a second.
pub const SMALL: &[&str] =
    &["train", "vae", "--hidden", "32", "--latents", "6", "--categories", "4", "--batch", "50"];
/// A small final evaluation.
pub const QUICK: &[&str] =
    &["--importance-samples", "20", "--importance-images", "100", "--evaluate-every", "20"];

pub fn gumbel(arguments: &[&str]) -> Output {
    Command::new(GUMBEL).args(arguments).env_remove("GUMBEL_DATA").output().expect("the program starts")
}

pub fn train(out: &Path, more: &[&str]) -> Output {
    let out = ["--out", out.to_str().expect("a UTF-8 path")];
    gumbel(&[SMALL, QUICK, &out, more].concat())
}

#[track_caller]
pub fn succeed(output: &Output) -> String {
    let (out, error) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{out}{error}");
    out
}

/// Asserts a failure in one line on standard error, with each of the parts in it; clap adds its usage after a blank
/// line.
#[track_caller]
pub fn fail(output: &Output, parts: &[&str]) {
    let error = text(&output.stderr);
    assert!(!output.status.success(), "should have failed: {}", text(&output.stdout));
    assert!(error.starts_with("error: ") && error.ends_with('\n'), "{error}");
    let clap = error.contains("\n\nFor more information, try '--help'.");
    assert!(clap || error.lines().count() == 1, "more than one line: {error}");
    for part in parts {
        assert!(error.contains(part), "'{part}' is missing from: {error}");
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub fn summary(run: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(run.join("summary.json")).expect("a summary")).expect("JSON")
}

/// `metrics.csv` without its last column, the seconds.
pub fn metrics(run: &Path) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(run.join("metrics.csv")).expect("metrics");
    let columns = |line: &str| line.split(',').map(str::to_string).collect::<Vec<_>>();
    text.lines().map(columns).map(|mut line| (line.pop(), line).1).collect()
}

pub fn weights(run: &Path) -> Vec<u8> {
    std::fs::read(run.join("model.safetensors")).expect("weights")
}

pub fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let run = folder.path().join("run");
    (folder, run)
}
