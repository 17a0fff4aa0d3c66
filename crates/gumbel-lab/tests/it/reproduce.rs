//! `gumbel reproduce`: runs in separate processes, resumed and compared with the paper's numbers.

use crate::program::*;
use gumbel_lab::reproduce::{ALL, Budget, Content, find};
use std::path::Path;
use std::process::{Command, Output};

fn reproduce(name: &str, out: &Path, more: &[&str]) -> Output {
    let before = ["reproduce", name, "--budget", "smoke", "--out", utf8(&out)];
    gumbel(&[&before[..], more].concat())
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The fields of `results.csv`, its head left out.
fn results(out: &Path) -> Vec<Vec<String>> {
    let text = read(&out.join("results.csv"));
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader.records().map(|line| line.expect("a line").iter().map(str::to_string).collect()).collect()
}

#[test]
fn a_table_is_made_from_its_runs() {
    let (_folder, out) = folder();
    let only = ["--only", "bernoulli-gs,categorical-gs", "--parallel", "2"];
    let said = succeed(&reproduce("jang-table-1", &out, &only));
    assert!(said.contains("[4 of 4] ") && said.contains("report: "), "{said}");
    let alone = out.join("vae-categorical-gs-seed-0");
    let lines = results(&out);
    assert_eq!(lines.len(), 8, "two tables of four: {lines:?}");
    let line = lines.iter().find(|line| line[3] == "GS" && line[4] == "VAE, categorical").expect("a line");
    assert_eq!((line[5].as_str(), line[6].as_str(), line[10].as_str()), ("0", "20", "101.5"));
    let bound = &summary(&alone)["test"]["importance_bound"];
    assert_eq!(line[8].parse::<f64>().ok(), bound["nats"].as_f64());
    assert_eq!(line[9].parse::<f64>().ok(), bound["standard_error"].as_f64());
    let page = read(&out.join("report.html"));
    for part in [
        "paper 101.5",
        "paper 128.8",
        "supports binary latents only",
        "not yet run",
        "4 of 24 runs have finished",
        "smoke",
    ] {
        assert!(page.contains(part), "{part} is missing from the page");
    }
    for mark in ["://", "url(", "<script", "src=", "NaN"] {
        assert!(!page.contains(mark), "{mark}");
    }
}

#[test]
fn finished_runs_are_kept_and_another_seed_is_added() {
    let (_folder, out) = folder();
    let only = ["--only", "gumbel-softmax-0.3"];
    succeed(&reproduce("tau-tradeoff", &out, &only));
    let made = out.join("gumbel-softmax-0.3-seed-0/measure.csv");
    let (before, first) =
        (std::fs::metadata(&made).expect("a file").modified().expect("a time"), results(&out));
    let said = succeed(&reproduce("tau-tradeoff", &out, &[&only[..], &["--seeds", "2"]].concat()));
    assert!(said.contains("1 of 2 runs had finished before"), "{said}");
    assert_eq!(std::fs::metadata(&made).expect("a file").modified().expect("a time"), before);
    let lines = results(&out);
    assert_eq!((first.len(), lines.len()), (2, 4));
    assert!(lines.contains(&first[0]) && lines[0][8] != lines[1][8], "{lines:?}");
    assert!(out.join("figures/bias.svg").is_file());
}

#[test]
fn an_adversarial_run_is_compared_with_maximum_likelihood_and_true_strings() {
    let (_folder, out) = folder();
    succeed(&reproduce("kusner-grammar", &out, &["--only", "relaxed"]));
    let lines = results(&out);
    let rows: Vec<&str> =
        lines.iter().filter(|line| line[4] == "valid").map(|line| line[3].as_str()).collect();
    assert_eq!(rows, ["relaxed, relativistic", "relaxed, original", "maximum likelihood", "true strings"]);
    let truth = lines.iter().find(|line| line[3] == "true strings" && line[4] == "valid").expect("a line");
    assert_eq!(truth[8], "1.0");
    assert!(read(&out.join("report.html")).contains("no measure of quality"));
}

#[test]
fn a_failed_run_is_reported_at_the_end_and_the_others_are_made() {
    let (_folder, out) = folder();
    std::fs::create_dir_all(out.join("gumbel-rao-0.3-seed-0/in-the-way")).expect("a folder");
    std::fs::write(
        out.join("reproduce.toml"),
        "experiment = \"tau-tradeoff\"\nbudget = \"smoke\"\n[commands]\n",
    )
    .expect("written");
    let output = reproduce("tau-tradeoff", &out, &["--only", "0.3"]);
    fail(
        &output,
        &["1 of 3 runs failed: gumbel-rao-0.3-seed-0: ", "exists already", "gumbel-rao-0.3-seed-0.txt"],
    );
    assert_eq!(results(&out).len(), 4);
    assert!(read(&out.join("report.html")).contains("gumbel-rao, seed 0: "));
    std::fs::remove_dir_all(out.join("gumbel-rao-0.3-seed-0")).expect("removed");
    succeed(&reproduce("tau-tradeoff", &out, &["--only", "0.3"]));
    assert_eq!(results(&out).len(), 6);
}

#[test]
fn an_interrupted_run_resumes_from_its_checkpoint() {
    let ((_a, whole), (_b, parts)) = (folder(), folder());
    let (only, name) = (["--only", "vae-categorical-st-gs"], "vae-categorical-st-gs-seed-0");
    succeed(&reproduce("jang-table-1", &whole, &only));
    succeed(&reproduce("jang-table-1", &parts, &only));
    let run = parts.join(name);
    std::fs::remove_dir_all(&run).expect("removed");
    // The same run, cut off after half of its steps.
    let tables = (find("jang-table-1").expect("known").plan)(Budget::Smoke).runs;
    let command =
        &tables.iter().find(|run| name.starts_with(&format!("{}-seed", run.name))).expect("planned").command;
    let half = command.replace("--steps 20", "--steps 10");
    let words: Vec<&str> = half.split(' ').collect();
    succeed(&gumbel(&[&words[..], &["--seed", "0", "--out", utf8(&run)]].concat()));
    std::fs::remove_file(run.join("summary.json")).expect("removed");
    let config = read(&run.join("config.toml")).replace("steps = 10", "steps = 20");
    std::fs::write(run.join("config.toml"), config).expect("written");
    succeed(&reproduce("jang-table-1", &parts, &only));
    assert!(weights(&run) == weights(&whole.join(name)), "the weights differ");
    assert!(summary(&run)["seconds_to_first_step"].is_null(), "it began anew");
    let numbers = |out: &Path| results(out).into_iter().map(|line| line[8].clone()).collect::<Vec<_>>();
    assert_eq!(numbers(&parts), numbers(&whole));
}

#[cfg(unix)]
#[test]
fn a_signal_is_passed_on_and_the_same_command_resumes() {
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;
    let (_folder, out) = folder();
    let path = utf8(&out);
    let only = ["--only", "sbn-bernoulli-gs", "--seeds", "4", "--parallel", "1"];
    let words = [&["reproduce", "jang-table-1", "--budget", "smoke", "--out", path], &only[..]].concat();
    let mut child =
        Command::new(GUMBEL).args(&words).stdout(std::process::Stdio::piped()).spawn().expect("starts");
    let run = |seed| out.join(format!("sbn-bernoulli-gs-seed-{seed}"));
    while !run(1).join("config.toml").is_file() {
        assert!(child.try_wait().expect("a child").is_none(), "it ended before it was stopped");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    kill(Pid::from_raw(child.id() as i32), Signal::SIGTERM).expect("a running child");
    let output = child.wait_with_output().expect("a child");
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.contains("resume with: gumbel reproduce jang-table-1 --budget smoke --seeds 4"), "{said}");
    assert!(run(0).join("summary.json").is_file() && !run(3).exists());
    let first = std::fs::read(run(0).join("summary.json")).expect("a summary");
    succeed(&gumbel(&words));
    assert_eq!(results(&out).len(), 8);
    assert_eq!(std::fs::read(run(0).join("summary.json")).expect("a summary"), first);
}

#[test]
fn unsupported_cells_are_rejected_with_their_reason() {
    let (_folder, out) = folder();
    let cells = ALL
        .iter()
        .flat_map(|experiment| (experiment.plan)(Budget::Smoke).tables)
        .flat_map(|table| table.cells);
    for cell in cells {
        if let Content::Refused { command, reason } = cell.content {
            let words: Vec<&str> = command.split(' ').collect();
            fail(&gumbel(&[&words[..], &["--out", utf8(&out)]].concat()), &[reason]);
        }
    }
}

#[test]
fn mistakes_are_errors_before_anything_is_written() {
    let (_folder, out) = folder();
    let place = utf8(&out);
    fail(
        &gumbel(&["reproduce", "jang-tabel-1"]),
        &["unknown reproduction 'jang-tabel-1'; did you mean 'jang-table-1' or 'jang-table-2'?"],
    );
    fail(&reproduce("tau-tradeoff", &out, &["--only", "rebar"]), &["--only rebar matches no run"]);
    for number in ["0", "-1"] {
        let range = format!("{number} is not in 1..=1000");
        fail(&reproduce("tau-tradeoff", &out, &["--seeds", number]), &[&range]);
    }
    fail(&reproduce("tau-tradeoff", &out, &["--parallel", "-1"]), &["-1 is not in 1..=1024"]);
    let missing = Command::new(GUMBEL)
        .args(["reproduce", "jang-table-1", "--data-dir", place, "--out", place])
        .env_remove("GUMBEL_DATA")
        .env("XDG_CACHE_HOME", place)
        .output()
        .expect("starts");
    fail(&missing, &["data set 'mnist' not found", "gumbel data fetch mnist", "--data-dir"]);
    assert!(!out.exists());
}

#[test]
fn without_a_name_it_prints_the_list() {
    for words in [&["reproduce"][..], &["reproduce", "--list"]] {
        let said = succeed(&gumbel(words));
        for experiment in ALL {
            assert!(said.contains(experiment.name) && said.contains(experiment.source), "{said}");
        }
    }
}

#[test]
fn timed_runs_are_made_one_at_a_time_and_their_ratio_is_reported() {
    let (_folder, out) = folder();
    let only = ["--only", "gs-2,marginalised-2"];
    fail(
        &reproduce("jang-speed", &out, &["--parallel", "2"]),
        &["measures time, so its runs are made one at a time; remove --parallel"],
    );
    succeed(&reproduce("jang-speed", &out, &only));
    let pace = |name: &str| summary(&out.join(name))["steps_per_second"].as_f64().expect("a number");
    let lines = results(&out);
    let ratio = lines.iter().find(|line| line[3] == "20" && line[4] == "speedup").expect("a line");
    let expected = pace("gs-20-seed-0") / pace("marginalised-20-seed-0");
    assert!((ratio[8].parse::<f64>().expect("a number") / expected - 1.0).abs() < 1e-12, "{ratio:?}");
    assert!(out.join("figures/ratio.svg").is_file() && read(&out.join("report.html")).contains("paper 9.9"));
}

/// Of each new table, the runs of one column.
#[test]
fn latent_spaces_of_six_sizes_and_two_hundred_bits_are_trained_and_tabled() {
    for (name, only, column, runs) in
        [("reinmax", "8x4", "8 × 4", 5), ("disarm", "mnist-linear", "MNIST, linear", 7)]
    {
        let (_folder, out) = folder();
        succeed(&reproduce(name, &out, &["--only", only, "--parallel", "2"]));
        let lines = results(&out);
        assert_eq!(lines.len(), 2 * runs, "{lines:?}");
        assert!(
            lines.iter().all(|line| line[4] == column && line[8].parse::<f64>().is_ok_and(f64::is_finite))
        );
        assert!(lines.iter().all(|line| line[10].is_empty()), "no number of the paper is quoted");
        assert!(read(&out.join("report.html")).contains("numbers are not quoted"));
    }
}
