//! A full disk, and a kill, at every single change that a command makes to its files: whatever it leaves, the same command,
//! or the one that resumes, ends as if nothing had happened.

use crate::cli::{Cli, dispatch};
use crate::data::{Images, idx};
use crate::run::{RunFolder, read_checked};
use crate::support::fault::{Fault, plan};
use anyhow::Result;
use clap::Parser;
use std::fs;
use std::path::Path;
use std::time::Instant;

/// A model and data so small that a run takes some milliseconds.
const MODEL: &str = "train vae --hidden 4 --latents 2 --categories 2 --batch 5 --importance-samples 2 --evaluate-every 10 \
                     --threads 1";
const BOTH: [Fault; 2] = [Fault::Full, Fault::Killed];

fn gumbel(words: &str) -> Result<()> {
    let cli = Cli::try_parse_from(["gumbel"].into_iter().chain(words.split_whitespace()))?;
    dispatch(cli, Instant::now()).map(drop)
}

/// A folder with images of 4 x 4 pixels.
fn images(folder: &Path) -> String {
    for (name, count) in [("train-images-idx3-ubyte", 30), ("t10k-images-idx3-ubyte", 10)] {
        let pixels = (0..16 * count).map(|i: u32| (i * 37 % 251) as u8).collect();
        idx::write_images(&folder.join(name), &Images::new(pixels, 4, 4, None)).unwrap();
    }
    folder.display().to_string()
}

/// All that a run ends with, but for its times.
fn ending(run: &Path) -> [Vec<u8>; 3] {
    let metrics = String::from_utf8(read_checked(run, "metrics.csv").unwrap()).unwrap();
    let untimed = |line: &str| line.rsplit_once(',').unwrap().0.to_string() + "\n";
    let summary: serde_json::Value =
        serde_json::from_slice(&read_checked(run, RunFolder::SUMMARY).unwrap()).unwrap();
    let model = read_checked(run, RunFolder::MODEL).unwrap();
    assert!(run.join(RunFolder::REPORT).is_file());
    [metrics.lines().map(untimed).collect::<String>().into(), summary["test"].to_string().into(), model]
}

/// Every file below a folder.
fn names(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { names.extend(self::names(&path)) } else { names.push(path.display().to_string()) }
    }
    names
}

/// Lets `command` meet a fault at each of its changes below `out` in turn, after `prepare`, and then recovers.
fn at_every_change(out: &Path, prepare: impl Fn(), command: impl Fn() -> Result<()>, recover: impl Fn()) {
    for fault in BOTH {
        for place in 0.. {
            drop(fs::remove_dir_all(out));
            prepare();
            let planned = plan(out, fault, place);
            let outcome = command();
            let happened = planned.happened();
            drop(planned);
            if let Err(error) = &outcome {
                assert!(!format!("{error:#}").contains(".partial-"), "{error:#}");
            }
            if !happened {
                outcome.unwrap();
                assert!(place > 10, "only {place} changes were seen");
                break;
            }
            recover();
            let left: Vec<_> = names(out).into_iter().filter(|name| name.contains(".partial-")).collect();
            assert!(left.is_empty(), "{fault:?} at {place} left {left:?}");
        }
    }
}

/// Resumes the run in a folder if it can be, and else starts it again.
fn resume_or_restart(out: &Path, restart: &str) {
    let resumable = [RunFolder::CHECKPOINT, RunFolder::PREVIOUS].iter().any(|name| out.join(name).exists());
    let resume = format!("train vae --resume {} --steps 20 --threads 1", out.display());
    gumbel(if resumable { &resume } else { restart }).unwrap();
}

#[test]
fn a_run_recovers_from_every_state() {
    let scratch = tempfile::tempdir().unwrap();
    let (data, out, whole) =
        (images(scratch.path()), scratch.path().join("run"), scratch.path().join("whole"));
    // With event files, which are among those of a killed run.
    let train = |out: &Path, steps| {
        format!("{MODEL} --data {data} --tensorboard --steps {steps} --out {}", out.display())
    };
    gumbel(&train(&whole, 20)).unwrap();
    let expected = ending(&whole);
    let again = train(&out, 20);
    at_every_change(
        &out,
        || (),
        || gumbel(&again),
        || {
            resume_or_restart(&out, &again);
            assert!(ending(&out) == expected, "another ending");
        },
    );
    // Also of a run that had ended and is made longer.
    let resume = format!("train vae --resume {} --steps 20 --threads 1", out.display());
    at_every_change(
        &out,
        || gumbel(&train(&out, 10)).unwrap(),
        || gumbel(&resume),
        || {
            gumbel(&resume).unwrap();
            assert!(ending(&out) == expected, "another ending");
        },
    );
}

#[test]
fn a_comparison_recovers_from_every_state() {
    let scratch = tempfile::tempdir().unwrap();
    let (data, out, whole) =
        (images(scratch.path()), scratch.path().join("all"), scratch.path().join("whole"));
    let compare = |out: &Path| {
        let before = format!("compare --estimators zgr,nvil --out {}", out.display());
        format!("{before} {MODEL} --data {data} --steps 10 --gradient-variance 0")
    };
    gumbel(&compare(&whole)).unwrap();
    let all = |folder: &Path| ["zgr", "nvil"].map(|run| ending(&folder.join(run)));
    let expected = all(&whole);
    at_every_change(
        &out,
        || (),
        || gumbel(&compare(&out)),
        || {
            let resume = format!("compare --resume {}", out.display());
            gumbel(&if out.join("compare.toml").exists() { resume } else { compare(&out) }).unwrap();
            assert!(all(&out) == expected, "another ending");
            assert!(out.join("report.html").exists() && out.join("summary.csv").exists());
        },
    );
}

#[test]
fn a_flipped_bit_in_a_finished_run_is_found_when_it_is_compared() {
    let scratch = tempfile::tempdir().unwrap();
    let (data, out) = (images(scratch.path()), scratch.path().join("all"));
    let compare =
        format!("compare --estimators zgr,nvil --out {} {MODEL} --data {data} --steps 10", out.display());
    gumbel(&compare).unwrap();
    for name in ["summary.json", "metrics.csv"] {
        let path = out.join("zgr").join(name);
        let bytes = fs::read(&path).unwrap();
        let mut flipped = bytes.clone();
        flipped[bytes.len() / 2] ^= 1;
        fs::write(&path, flipped).unwrap();
        let error = gumbel(&compare).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{} is damaged", path.display())), "{error}");
        fs::write(&path, bytes).unwrap();
    }
    gumbel(&compare).unwrap();
}

/// Every entry of the record of a VAE with another valid value, or none where a resumed run may have another.
const OTHER: &[(&str, Option<&str>)] = &[
    ("binarize", Some("\"fixed\"")),
    ("layers", Some("2")),
    ("latents", Some("3")),
    ("categories", Some("3")),
    ("hidden", Some("[5]")),
    ("prior", Some("\"uniform\"")),
    ("kl", Some("\"density\"")),
    ("estimator", Some("\"gumbel-rao\"")),
    ("tau", Some("\"0.25\"")),
    ("batch", Some("6")),
    ("lr", Some("\"linear:0.001:0.0001:10\"")),
    ("lr-warmup", Some("3")),
    ("seed", Some("7")),
    ("evaluate-every", Some("5")),
    ("gradient-variance", Some("2")),
    ("importance-samples", None),
    ("importance-images", None),
    ("steps", None),
    ("shards", Some("2")),
    ("threads", None),
    ("device", None),
    ("tensorboard", None),
    ("data", None),
    ("model", None),
];

#[test]
fn a_configuration_that_differs_is_refused_with_the_option_and_both_values() {
    let scratch = tempfile::tempdir().unwrap();
    let (data, out) = (images(scratch.path()), scratch.path().join("run"));
    gumbel(&format!("{MODEL} --data {data} --steps 10 --tau 0.5 --out {}", out.display())).unwrap();
    let (path, resume) = (out.join(RunFolder::CONFIG), format!("train vae --resume {}", out.display()));
    let text = fs::read_to_string(&path).unwrap();
    for line in text.lines() {
        let (name, now) = line.split_once(" = ").unwrap();
        let (_, other) = OTHER.iter().find(|(known, _)| *known == name).expect("an option of the list");
        let Some(other) = other else { continue };
        assert_ne!(now, *other, "{name}");
        fs::write(&path, text.replace(line, &format!("{name} = {other}"))).unwrap();
        let error = format!("{:#}", gumbel(&resume).expect_err(name));
        let shown = |value: &str| value.trim_matches(['"', '[', ']']).to_string();
        let [now, other] = [now, other].map(shown);
        let part = format!("--{name} is {other} in config.toml, but {now} in ");
        assert!(
            error.contains(&part) && error.ends_with("; restore config.toml, or start a new run"),
            "{error}"
        );
    }
    // One that was set, and now is not.
    fs::write(&path, text.replace("tau = \"0.5\"\n", "")).unwrap();
    let error = format!("{:#}", gumbel(&resume).unwrap_err());
    assert!(error.contains("--tau is not set in config.toml, but 0.5 in "), "{error}");
    for edit in
        [("importance-samples = 2", "importance-samples = 3"), ("threads = 1", "threads = 2"), ("", "")]
    {
        fs::write(&path, text.replace(edit.0, edit.1)).unwrap();
        gumbel(&resume).unwrap();
    }
}

#[test]
fn a_checkpoint_of_another_model_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let (data, [one, other]) = (images(scratch.path()), ["vae", "sbn"].map(|name| scratch.path().join(name)));
    gumbel(&format!("{MODEL} --data {data} --steps 10 --out {}", one.display())).unwrap();
    let sbn = "train sbn --latents 2 --batch 5 --importance-samples 2 --steps 10 --threads 1";
    gumbel(&format!("{sbn} --data {data} --out {}", other.display())).unwrap();
    fs::copy(other.join(RunFolder::CHECKPOINT), one.join(RunFolder::CHECKPOINT)).unwrap();
    let error = format!("{:#}", gumbel(&format!("train vae --resume {}", one.display())).unwrap_err());
    assert!(error.contains("is of a run of train sbn, but config.toml is of train vae"), "{error}");
}
