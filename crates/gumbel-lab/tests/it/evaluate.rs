//! `gumbel evaluate`, `gumbel watch` and `--tensorboard`: looking at runs.

use crate::program::*;
use serde_json::Value;
use std::path::Path;
use std::process::Command;

fn json(output: &std::process::Output) -> Value {
    serde_json::from_str(&succeed(output)).expect("JSON")
}

fn evaluate(run: &Path, more: &[&str]) -> std::process::Output {
    gumbel(&[&["evaluate", utf8(&run)], more].concat())
}

#[test]
fn a_trained_model_is_evaluated_as_at_the_end_of_its_run_and_otherwise() {
    let (_folder, run) = folder();
    succeed(&train(&run, &["--steps", "40"]));
    let again = json(&evaluate(&run, &["--out", "-"]));
    assert_eq!(again, summary(&run)["test"]);
    let more = json(&evaluate(&run, &["--importance-samples", "200", "--out", "-"]));
    assert_eq!(more["importance_bound"]["samples"], 200);
    assert_ne!(more["importance_bound"]["nats"], again["importance_bound"]["nats"]);
    assert_eq!(more["hard_negative_elbo"], again["hard_negative_elbo"]);
    let other = json(&evaluate(&run, &["--seed", "7", "--out", "-"]));
    assert_ne!(other["hard_negative_elbo"], again["hard_negative_elbo"]);
    assert!(succeed(&evaluate(&run, &[])).contains("importance-weighted bound, m = 20"));
    fail(&evaluate(&run, &["--strings", "5"]), &["--strings is not an option of gumbel train vae"]);
    fail(&evaluate(&run, &["--importance-samples", "-1"]), &["-1 is not in 1.."]);
    fail(&evaluate(Path::new("/"), &[]), &["not the folder of a run"]);
}

#[test]
fn other_data_are_taken_if_they_have_the_form_of_the_run() {
    let (folder, run) = folder();
    succeed(&train(&run, &["--steps", "20"]));
    let (same, smaller) = (folder.path().join("same"), folder.path().join("smaller"));
    let striped = |i: u32| if i.is_multiple_of(3) { 255 } else { 0 };
    idx_images(&same, [28, 28], striped);
    idx_images(&smaller, [4, 4], striped);
    let with = |data: &Path| evaluate(&run, &["--data", utf8(&data), "--out", "-"]);
    assert_eq!(json(&with(&same))["images"], 20);
    fail(&with(&smaller), &["are 4 x 4, expected 28 x 28"]);
}

#[test]
fn a_generator_is_evaluated_with_another_number_of_strings() {
    let (_folder, run) = folder();
    let small =
        ["--hidden", "16", "--discriminator", "32", "--batch", "50", "--strings", "200", "--steps", "10"];
    let out = ["train", "gan", "--out", utf8(&run)];
    succeed(&gumbel(&[&out[..], &small].concat()));
    assert_eq!(json(&evaluate(&run, &["--out", "-"])), summary(&run)["test"]);
    let more = json(&evaluate(&run, &["--strings", "300", "--out", "-"]));
    assert_eq!(more["generator"]["strings"], 300);
}

#[test]
fn a_run_that_is_still_running_has_a_page_and_forwards_to_its_report_at_the_end() {
    let (_folder, run) = folder();
    succeed(&train(&run, &["--steps", "60"]));
    let path = utf8(&run);
    // As it was before its end.
    for name in ["summary.json", "report.html"] {
        std::fs::rename(run.join(name), run.join(format!("{name}.later"))).expect("renamed");
    }
    let said = succeed(&gumbel(&["watch", path, "--once"]));
    assert!(said.trim_end().ends_with("live.html"), "{said}");
    let page = std::fs::read_to_string(run.join("live.html")).expect("a page");
    assert!(page.contains("http-equiv=\"refresh\" content=\"5\"") && page.contains("<svg"), "{page}");
    assert!(page.contains("Training and evaluation objective") && !page.contains("Facts"), "{page}");
    in_a_browser(&run.join("live.html"), &["Training and evaluation objective", "60 steps"]);
    for name in ["summary.json", "report.html"] {
        std::fs::rename(run.join(format!("{name}.later")), run.join(name)).expect("renamed");
    }
    let said = succeed(&gumbel(&["watch", path]));
    assert!(said.contains("finished; report: "), "{said}");
    // A browser may show this page or, at once, the report.
    let page = std::fs::read_to_string(run.join("live.html")).expect("a page");
    assert!(page.contains("content=\"0; url=report.html\""), "{page}");
    fail(&gumbel(&["watch", path, "--every", "-1"]), &["-1 is not in 1..=3600"]);
}

/// What headless Chromium makes of a page, where there is one.
fn in_a_browser(page: &Path, parts: &[&str]) {
    let profile = tempfile::tempdir().expect("a folder");
    let options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--dump-dom"];
    let profile = format!("--user-data-dir={}", profile.path().display());
    let url = format!("file://{}", page.display());
    let programs = ["chromium", "chromium-browser", "google-chrome"];
    let opened = programs
        .iter()
        .find_map(|program| Command::new(program).args(options).args([&profile, &url]).output().ok());
    let Some(output) = opened else { return println!("skipped: no Chromium to open {}", page.display()) };
    let shown = text(&output.stdout);
    for part in parts {
        assert!(shown.contains(part), "'{part}' is missing from {shown}");
    }
}

#[test]
fn event_files_are_written_on_request_and_a_resumed_run_starts_another() {
    let (_folder, run) = folder();
    let events = || {
        let files = std::fs::read_dir(&run).expect("a folder").map(|file| file.expect("a file").file_name());
        files.filter(|name| name.to_string_lossy().starts_with("events.out.tfevents.")).count()
    };
    succeed(&train(&run, &["--steps", "30"]));
    assert_eq!(events(), 0);
    let resume = ["train", "vae", "--resume", utf8(&run), "--tensorboard", "--steps"];
    succeed(&gumbel(&[&resume[..], &["40"]].concat()));
    assert_eq!(events(), 1);
    succeed(&gumbel(&["train", "vae", "--resume", utf8(&run), "--steps", "50"]));
    assert_eq!(events(), 2, "a resumed run continues to write them");
}
