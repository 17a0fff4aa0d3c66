//! Runs the program and inspects its files.

use serde_json::Value;
use std::path::{Path, PathBuf};
#[cfg(unix)]
use std::process::Stdio;
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
    let out = ["--out", utf8(&out)];
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

/// Asserts that each of the runs fails with the parts in its message and leaves no folder.
#[track_caller]
pub fn refuses<O: AsRef<[&'static str]> + std::fmt::Debug>(
    run: impl Fn(&Path, &[&str]) -> Output,
    cases: &[(O, &[&str])],
) {
    for (options, parts) in cases {
        let (_folder, out) = folder();
        fail(&run(&out, options.as_ref()), parts);
        assert!(!out.exists(), "{options:?} left a folder behind");
    }
}

/// Asserts that a run of `all` steps and one that is resumed after `part` of them end bit for bit the same.
#[track_caller]
pub fn resumes(model: &str, run: impl Fn(&Path, &str) -> Output, [part, all]: [&str; 2]) {
    let ((_a, whole), (_b, parts)) = (folder(), folder());
    succeed(&run(&whole, all));
    succeed(&run(&parts, part));
    succeed(&gumbel(&["train", model, "--resume", utf8(&parts), "--steps", all, "--threads", "1"]));
    assert!(weights(&whole) == weights(&parts), "the weights differ");
    assert_eq!(metrics(&whole), metrics(&parts));
    assert_eq!(summary(&whole)["test"], summary(&parts)["test"]);
}

/// Signals the program once a file exists.
#[cfg(unix)]
pub fn interrupt(arguments: &[&str], file: &Path, signal: nix::sys::signal::Signal) -> Output {
    let mut child = Command::new(GUMBEL).args(arguments).stdout(Stdio::piped()).spawn().expect("starts");
    while !file.exists() {
        assert!(child.try_wait().expect("a child").is_none(), "ended before it wrote {}", file.display());
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(child.id() as i32), signal).expect("a running child");
    let output = child.wait_with_output().expect("a child");
    assert_eq!(output.status.code(), Some(130));
    output
}

/// The hard objective of each evaluation in training.
pub fn hard_objectives(run: &Path) -> Vec<f64> {
    metrics(run).iter().skip(1).filter_map(|line| line[5].parse().ok()).collect()
}

/// Asserts that the hard objective of the test set is better than after the first step, beyond chance; returns it.
#[track_caller]
pub fn learned(run: &Path) -> f64 {
    let (first, summary) = (hard_objectives(run)[0], summary(run));
    let number = |name: &str| summary["test"][name].as_f64().expect("a number");
    let (learned, error) = (number("hard_negative_elbo"), number("hard_negative_elbo_standard_error"));
    let better = (first - learned) / (error * 2f64.sqrt());
    assert!(better > 4.0, "from {first} to {learned}, {better:.1} standard errors");
    assert!(summary["test"]["importance_bound"]["nats"].as_f64().expect("a number") < learned);
    learned
}

/// The picture that `gumbel generate` draws.
#[track_caller]
pub fn picture(run: &Path, count: &str, seed: &str) -> Vec<u8> {
    let out = run.join("grid.png");
    succeed(&gumbel(&["generate", utf8(&run), "--count", count, "--seed", seed, "--out", utf8(&out)]));
    std::fs::read(out).expect("a picture")
}

/// The report of a run.
pub fn report(run: &Path) -> String {
    std::fs::read_to_string(run.join("report.html")).expect("a report")
}

/// The two files of images of a folder, `count` of them for training and 20 for testing.
pub fn idx_images(folder: &Path, [height, width]: [u32; 2], pixel: impl Fn(u32) -> u8) {
    std::fs::create_dir_all(folder).expect("a folder");
    for (name, count) in [("train-images-idx3-ubyte", 60u32), ("t10k-images-idx3-ubyte", 20)] {
        let header = [[0, 0, 8, 3], count.to_be_bytes(), height.to_be_bytes(), width.to_be_bytes()].concat();
        let pixels = (0..count * height * width).map(&pixel);
        std::fs::write(folder.join(name), header.into_iter().chain(pixels).collect::<Vec<_>>())
            .expect("written");
    }
}

/// A path as an argument.
pub fn utf8<P: AsRef<Path> + ?Sized>(path: &P) -> &str {
    path.as_ref().to_str().expect("a UTF-8 path")
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
