//! Lists of commands for schedulers: `reproduce`, `compare` and `measure` with `--jobs`, `--run` and `--collect`.

use crate::program::*;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The program in a working directory: pages name the folder as it was typed, so those of two places can be equal.
fn within(place: &Path, arguments: &[&str]) -> Output {
    let command = &mut Command::new(GUMBEL);
    command.args(arguments).current_dir(place).env_remove("GUMBEL_DATA").output().expect("the program starts")
}

/// The lines of a list.
fn list(place: &Path, arguments: &[&str]) -> Vec<String> {
    let said = succeed(&within(place, arguments));
    said.lines().map(str::to_string).collect()
}

/// A line of a list, run by a shell in another folder, as a scheduler does.
fn shell(line: &str) -> Output {
    let elsewhere = tempfile::tempdir().expect("a temporary folder");
    let mut command = Command::new("sh");
    command.args(["-c", line]).current_dir(&elsewhere).output().expect("a shell")
}

fn read(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A table without the columns that hold times.
fn untimed(path: &Path, times: &[&str]) -> Vec<Vec<String>> {
    let text = read(path);
    let head: Vec<&str> = text.lines().next().expect("a head").split(',').collect();
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    let line = |line: csv::StringRecord| {
        let kept = line.iter().zip(&head).filter(|(_, name)| !times.contains(name));
        kept.map(|(field, _)| field.to_string()).collect()
    };
    reader.records().map(|record| line(record.expect("a line"))).collect()
}

/// The files of a folder and of its figures, with their contents; not those of its runs.
fn files(folder: &Path) -> Vec<(PathBuf, String)> {
    let inside =
        |folder: PathBuf| folder.read_dir().into_iter().flatten().map(|entry| entry.expect("one").path());
    let all = inside(folder.into()).chain(inside(folder.join("figures"))).filter(|path| path.is_file());
    let mut all: Vec<_> =
        all.map(|path| (path.strip_prefix(folder).expect("inside").to_path_buf(), read(&path))).collect();
    all.sort();
    all
}

/// A scratch folder with places `a`, `b` and so on, each a working directory.
fn places<const N: usize>() -> (tempfile::TempDir, [PathBuf; N]) {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let places = std::array::from_fn(|place| scratch.path().join(format!("{place}")));
    places.iter().for_each(|place| std::fs::create_dir(place).expect("a folder"));
    (scratch, places)
}

const TABLE: &[&str] = &["reproduce", "jang-table-1", "--budget", "smoke", "--seeds", "2"];
const ONLY: &[&str] = &["--only", "bernoulli-gs,vae-categorical-muprop"];

#[cfg(unix)]
#[test]
fn a_reproduction_collects_the_plain_table_in_any_order_and_after_a_kill() {
    let (_scratch, [plain, forward, backward]) = places();
    let with = |more: &[&str]| [TABLE, ONLY, more].concat().into_iter().map(String::from).collect::<Vec<_>>();
    let run = |place: &Path, more: &[&str]| {
        let words = with(more);
        within(place, &words.iter().map(String::as_str).collect::<Vec<_>>())
    };
    succeed(&run(&plain, &["--out", "here"]));
    let lines = |place: &Path| -> Vec<String> {
        succeed(&run(place, &["--out", "here", "--jobs"])).lines().map(str::to_string).collect()
    };
    let jobs = lines(&forward);
    assert_eq!(jobs.len(), 6, "{jobs:?}");
    assert!(
        jobs[0].contains("/here --run=vae-categorical-muprop-seed-0") && jobs[0].starts_with(GUMBEL),
        "{}",
        jobs[0]
    );
    assert!(!forward.join("here").exists(), "a list writes nothing");
    jobs.iter().for_each(|line| drop(succeed(&shell(line))));
    let mut jobs = lines(&backward);
    jobs.reverse();
    kill_once_begun(&jobs[1], &backward.join("here/sbn-bernoulli-gs-seed-1/config.toml"));
    jobs.iter().for_each(|line| drop(succeed(&shell(line))));
    for place in [&forward, &backward] {
        succeed(&run(place, &["--collect", "here"]));
        let (collected, expected) = (place.join("here"), plain.join("here"));
        let table = |folder: &Path| untimed(&folder.join("results.csv"), &["seconds"]);
        assert_eq!(table(&collected), table(&expected));
        assert_eq!(table(&expected).len(), 1 + 2 * 6);
        let pages = |folder: &Path| -> Vec<_> {
            files(folder).into_iter().filter(|(name, _)| name != Path::new("results.csv")).collect()
        };
        assert!(pages(&collected) == pages(&expected), "the page or the record differs");
        let run = "sbn-bernoulli-gs-seed-1";
        assert!(weights(&collected.join(run)) == weights(&expected.join(run)), "the weights differ");
    }
    // The plain command takes the folder as its own.
    let said = succeed(&run(&forward, &["--out", "here"]));
    assert!(said.contains("6 of 6 runs had finished before"), "{said}");
}

/// Starts a line and kills it as soon as a file exists.
#[cfg(unix)]
fn kill_once_begun(line: &str, file: &Path) {
    let mut child = Command::new("sh").args(["-c", &format!("exec {line}")]).spawn().expect("a shell");
    while !file.exists() {
        assert!(child.try_wait().expect("a child").is_none(), "it ended before it was killed");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    child.kill().expect("a running child");
    assert!(!child.wait().expect("a child").success());
}

#[cfg(unix)]
#[test]
fn a_finished_line_does_nothing_and_one_in_progress_is_refused() {
    let (_scratch, [place]) = places();
    let jobs = list(&place, &[TABLE, &["--only", "sbn-bernoulli-gs", "--out", "my runs", "--jobs"]].concat());
    assert!(jobs[0].contains("/my runs' --run=sbn-bernoulli-gs-seed-0"), "{}", jobs[0]);
    let run = place.join("my runs/sbn-bernoulli-gs-seed-0");
    let mut first = Command::new("sh").args(["-c", &jobs[0]]).stdout(Stdio::null()).spawn().expect("a shell");
    while !run.join("config.toml").is_file() {
        assert!(first.try_wait().expect("a child").is_none(), "it ended too early");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    fail(&shell(&jobs[0]), &[" is making this run; wait until it has finished"]);
    assert!(first.wait().expect("a child").success());
    let changed =
        || std::fs::metadata(run.join("summary.json")).and_then(|file| file.modified()).expect("done");
    let before = changed();
    let said = succeed(&shell(&jobs[0]));
    assert_eq!((said.as_str(), changed()), ("sbn-bernoulli-gs-seed-0: finished earlier\n", before));
}

#[test]
fn runs_that_are_missing_or_damaged_are_named_and_nothing_is_written() {
    let (_scratch, [place]) = places();
    let with = |more: &[&str]| {
        let before = ["reproduce", "tau-tradeoff", "--budget", "smoke", "--only", "0.3"];
        within(&place, &[&before[..], more].concat())
    };
    fail(
        &with(&["--collect", "here"]),
        &["here is not the folder of a reproduction: it has no reproduce.toml"],
    );
    let jobs = succeed(&with(&["--out", "here", "--jobs"]));
    let jobs: Vec<&str> = jobs.lines().collect();
    assert_eq!(jobs.len(), 3);
    succeed(&shell(jobs[0]));
    std::fs::create_dir_all(place.join("here/gumbel-rao-0.3-seed-0/mine")).expect("in the way");
    fail(&shell(jobs[2]), &["exists already"]);
    let parts = [
        "cannot collect here: 2 of 3 runs are missing, unfinished or damaged: ",
        "straight-through-gumbel-0.3-seed-0 (missing), gumbel-rao-0.3-seed-0 (failed: ",
        "run their lines of --jobs again",
    ];
    fail(&with(&["--collect", "here"]), &parts);
    std::fs::remove_dir_all(place.join("here/gumbel-rao-0.3-seed-0")).expect("removed");
    jobs.iter().for_each(|line| drop(succeed(&shell(line))));
    let table = place.join("here/gumbel-softmax-0.3-seed-0/measure.csv");
    let whole = read(&table);
    std::fs::write(&table, whole.replace("0.", "1.")).expect("written");
    fail(&with(&["--collect", "here"]), &["1 of 3 ", "gumbel-softmax-0.3-seed-0 (damaged: ", "SHA-256"]);
    assert!(!place.join("here/results.csv").exists() && !place.join("here/report.html").exists());
    std::fs::write(&table, whole).expect("written");
    succeed(&with(&["--collect", "here"]));
    assert_eq!(untimed(&place.join("here/results.csv"), &[]).len(), 1 + 2 * 3);
}

#[test]
fn mistakes_are_errors_and_budgets_do_not_mix() {
    let (_scratch, [place]) = places();
    let run = |words: &[&str]| within(&place, &[&["reproduce", "tau-tradeoff"], words].concat());
    let smoke = ["--budget", "smoke", "--out", "here"];
    succeed(&run(&[&smoke[..], &["--run", "gumbel-rao-0.3-seed-0"]].concat()));
    fail(
        &run(&["--out", "here", "--run", "gumbel-rao-0.3-seed-1"]),
        &["contains tau-tradeoff with --budget smoke; choose another --out"],
    );
    fail(&run(&["--collect", "here"]), &["contains tau-tradeoff with --budget smoke"]);
    fail(&run(&["--run", "gumbel-roa-0.3-seed-0"]), &["unknown run 'gumbel-roa-0.3'; did you mean "]);
    for name in ["gumbel-rao-0.3", "gumbel-rao-0.3-seed-x", "gumbel-rao-0.3-seed--1"] {
        fail(&run(&["--run", name]), &[&format!("unknown run {name}; expected RUN-seed-N")]);
    }
    fail(&run(&["--jobs", "--out", "two\nlines"]), &["has a line break; choose another name"]);
    fail(&run(&["--jobs", "--parallel", "2"]), &["cannot be used with"]);
    fail(&within(&place, &["reproduce", "--collect", "here"]), &["required", "NAME"]);
    fail(&within(&place, &["measure", "--jobs"]), &["required", "--out"]);
    let note = within(&place, &["reproduce", "jang-speed", "--budget", "smoke", "--jobs"]);
    assert!(text(&note.stderr).contains("note: jang-speed measures time; make its runs one at a time"));
    assert_eq!(succeed(&note).lines().count(), 12);
}

#[test]
fn data_from_the_environment_are_named_in_the_line() {
    let (_scratch, [place]) = places();
    let words = ["reproduce", "jang-table-1", "--only", "sbn-bernoulli-gs", "--seeds", "1", "--jobs"];
    let mut command = Command::new(GUMBEL);
    let command = command.args(words).current_dir(&place).env("GUMBEL_DATA", "sets");
    let line = succeed(&command.output().expect("the program starts"));
    let expected = format!("env GUMBEL_DATA={}/sets {GUMBEL} reproduce ", utf8(&place));
    assert!(line.starts_with(&expected) && line.contains("/runs/reproduce-jang-table-1 --run="), "{line}");
}

const QUICKLY: &[&str] =
    &["--replicates", "500", "--warm-up", "10", "--taus", "0.1,1", "--curve-latents", "1,3"];

#[test]
fn a_measurement_is_collected_in_the_order_of_the_plain_one() {
    let (_scratch, [plain, parts]) = places();
    let options = ["measure", "--problem", "mlp,quadratic", "--latents", "2", "--categories", "3"];
    let with = |more: &[&str]| [&options[..], QUICKLY, more].concat().join(" ");
    let run = |place: &Path, more: &[&str]| within(place, &with(more).split(' ').collect::<Vec<_>>());
    succeed(&run(&plain, &["--out", "here"]));
    let listed = run(&parts, &["--out", "here", "--jobs"]);
    assert!(text(&listed.stderr).contains("note: mlp-2x3 left out: disarm does not support"));
    let said = succeed(&listed);
    let mut jobs: Vec<&str> = said.lines().collect();
    jobs.reverse();
    assert!(jobs.len() > 30 && jobs[0].contains(" --threads=1 --out="), "{jobs:?}");
    // What a process leaves that is killed before its last file.
    let left = parts.join("here").join(jobs[0].rsplit_once("--run=").expect("a run").1);
    succeed(&shell(jobs[0]));
    std::fs::remove_file(left.join("measure.csv")).expect("measured");
    fail(
        &run(&parts, &["--collect", "here"]),
        &["are missing, unfinished or damaged: mlp-2x3,", "(unfinished)"],
    );
    assert!(!parts.join("here/measure.csv").exists());
    jobs.iter().for_each(|line| drop(succeed(&shell(line))));
    assert!(succeed(&shell(jobs[0])).ends_with(": finished earlier\n"));
    succeed(&run(&parts, &["--collect", "here"]));
    let [expected, collected] = [&plain, &parts].map(|place| place.join("here"));
    for name in ["measure.csv", "curves.csv"] {
        let [expected, collected] =
            [&expected, &collected].map(|all| untimed(&all.join(name), &["nanoseconds"]));
        assert_eq!(collected, expected, "{name}");
    }
    // The last cell of each row of the page is the time.
    let page = |folder: &Path| -> Vec<(PathBuf, String)> {
        let page = |(name, text): (PathBuf, String)| (name, untimed_rows(&text));
        let tables = ["measure.csv", "curves.csv", "SHA256SUMS", "measure.toml"].map(Path::new);
        files(folder).into_iter().map(page).filter(|(name, _)| !tables.contains(&name.as_path())).collect()
    };
    assert!(page(&collected) == page(&expected), "the page or a figure differs");
    fail(
        &within(&parts, &["measure", "--collect", "here"]),
        &[
            "here contains another measurement: gumbel measure --problem=mlp,quadratic",
            "; expected gumbel measure",
        ],
    );
    let part = ["--out", "here", "--run", "mlp-2x3,rlo"];
    fail(&run(&parts, &part), &["unknown part 'mlp-2x3,rlo'; did you mean 'mlp-2x3,rloo'"]);
}

/// HTML without the last cell of each row.
fn untimed_rows(page: &str) -> String {
    page.split("</tr>").map(|row| row.rsplit_once("<td>").map_or(row, |(before, _)| before)).collect()
}

#[test]
fn learning_curves_are_collected_too() {
    let (_scratch, [plain, parts]) = places();
    let options = ["measure", "--problem", "tucker", "--train", "--steps", "40", "--runs", "5"];
    let run = |place: &Path, more: &[&str]| within(place, &[&options[..], more].concat());
    let named = ["--estimator", "rloo,exact,rloo:samples=3"];
    succeed(&run(&plain, &[&named[..], &["--out", "here"]].concat()));
    let said = succeed(&run(&parts, &[&named[..], &["--out", "here", "--jobs"]].concat()));
    said.lines().rev().for_each(|line| drop(succeed(&shell(line))));
    succeed(&run(&parts, &[&named[..], &["--collect", "here"]].concat()));
    let all = |place: &Path| -> Vec<_> {
        files(&place.join("here")).into_iter().filter(|(name, _)| name != Path::new("measure.toml")).collect()
    };
    assert!(all(&parts) == all(&plain), "a file differs");
    assert_eq!(all(&plain).len(), 4);
}

#[test]
fn a_comparison_is_collected_from_its_runs() {
    let (_scratch, [plain, parts]) = places();
    let with = |before: &[&'static str]| [before, SMALL, QUICK, &["--steps", "40"]].concat();
    let compare = ["compare", "--estimators", "zgr,rloo:samples=3,gumbel-softmax", "--out", "here"];
    succeed(&within(&plain, &with(&compare)));
    let jobs = list(&parts, &with(&[&compare[..], &["--jobs"]].concat()));
    assert_eq!(jobs.len(), 3);
    assert!(jobs[1].contains(" --run=rloo:samples=3 train vae "), "{}", jobs[1]);
    assert!(!parts.join("here").exists());
    let collect = || within(&parts, &["compare", "--collect", "here"]);
    fail(&collect(), &["is not the folder of a comparison"]);
    for line in jobs[1..].iter().rev() {
        succeed(&shell(line));
    }
    fail(&collect(), &["1 of 3 runs are missing, unfinished or damaged: zgr (missing)"]);
    assert!(!parts.join("here/report.html").exists());
    succeed(&shell(&jobs[0]));
    assert_eq!(succeed(&shell(&jobs[0])), "zgr: finished earlier\n");
    succeed(&collect());
    let [expected, collected] = [&plain, &parts].map(|place| place.join("here"));
    for (name, times) in [("curves.csv", &["seconds"][..]), ("summary.csv", &["seconds", "steps_per_second"])]
    {
        assert_eq!(untimed(&collected.join(name), times), untimed(&expected.join(name), times), "{name}");
    }
    for name in ["compare.toml", "options.toml", "figures/hard_negative_elbo.svg"] {
        assert_eq!(read(collected.join(name)), read(expected.join(name)), "{name}");
    }
    let other = ["compare", "--estimators", "zgr,exact", "--out", "here", "--run", "zgr"];
    fail(
        &within(&parts, &with(&other)),
        &["holds another comparison, of zgr,rloo:samples=3,", "; choose another"],
    );
    fail(&within(&parts, &with(&[&compare[..], &["--run", "zrg"]].concat())), &["unknown estimator 'zrg'"]);
    fail(&within(&parts, &with(&["compare", "--collect", "here"])), &["--collect takes no command"]);
}
