//! The program as a user meets it.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const GUMBEL: &str = env!("CARGO_BIN_EXE_gumbel");

/// A small model, so that a run takes a second.
const SMALL: &[&str] =
    &["train", "vae", "--hidden", "32", "--latents", "6", "--categories", "4", "--batch", "50"];
/// A small final evaluation.
const QUICK: &[&str] =
    &["--importance-samples", "20", "--importance-images", "100", "--evaluate-every", "20"];

fn gumbel(arguments: &[&str]) -> Output {
    Command::new(GUMBEL).args(arguments).env_remove("GUMBEL_DATA").output().expect("the program starts")
}

fn train(out: &Path, more: &[&str]) -> Output {
    let out = ["--out", out.to_str().expect("a UTF-8 path")];
    gumbel(&[SMALL, QUICK, &out, more].concat())
}

#[track_caller]
fn succeed(output: &Output) -> String {
    let (out, error) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{out}{error}");
    out
}

/// Asserts a failure in one line on standard error, with each of the parts in it; clap adds its usage after a blank
/// line.
#[track_caller]
fn fail(output: &Output, parts: &[&str]) {
    let error = text(&output.stderr);
    assert!(!output.status.success(), "should have failed: {}", text(&output.stdout));
    assert!(error.starts_with("error: ") && error.ends_with('\n'), "{error}");
    let clap = error.contains("\n\nFor more information, try '--help'.");
    assert!(clap || error.lines().count() == 1, "more than one line: {error}");
    for part in parts {
        assert!(error.contains(part), "'{part}' is missing from: {error}");
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn summary(run: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(run.join("summary.json")).expect("a summary")).expect("JSON")
}

/// `metrics.csv` without its last column, the seconds.
fn metrics(run: &Path) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(run.join("metrics.csv")).expect("metrics");
    let columns = |line: &str| line.split(',').map(str::to_string).collect::<Vec<_>>();
    text.lines().map(columns).map(|mut line| (line.pop(), line).1).collect()
}

fn weights(run: &Path) -> Vec<u8> {
    std::fs::read(run.join("model.safetensors")).expect("weights")
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let run = folder.path().join("run");
    (folder, run)
}

#[test]
fn a_run_learns_and_leaves_everything_it_promises() {
    let (_folder, run) = folder();
    let out = succeed(&train(&run, &["--steps", "400"]));
    assert!(out.contains("importance-weighted bound, m = 20"), "{out}");
    for file in ["config.toml", "metrics.csv", "summary.json", "model.safetensors", "report.html"] {
        assert!(run.join(file).is_file(), "{file} is missing");
    }
    for figure in ["objective", "parts", "temperature", "reconstructions", "samples", "usage"] {
        assert!(run.join(format!("figures/{figure}.svg")).is_file(), "{figure} is missing");
    }
    assert!(out.contains("step 20 of 400  train ") && out.contains(" steps/s\n"), "no sign of life: {out}");
    assert!(out.contains(" nats (1000 test images)") && out.contains(" nats (100 test images)"), "{out}");
    let summary = summary(&run);
    let (elbo, bound) = (&summary["test"]["hard_negative_elbo"], &summary["test"]["importance_bound"]);
    assert_eq!(
        (&summary["model"], &summary["steps"], &summary["seed"]),
        (&"vae".into(), &400.into(), &0.into())
    );
    assert_eq!((&bound["samples"], &bound["images"]), (&20.into(), &100.into()));
    assert!(summary["peak_memory_bytes"].as_u64().is_none_or(|bytes| bytes > 1 << 20));
    let hard: Vec<f64> = metrics(&run).iter().skip(1).filter_map(|line| line[5].parse().ok()).collect();
    assert_eq!(hard.len(), 21); // after the first step, and every 20
    // A model that ignores its latents is at about 205 nats, with a standard error of about 1.5.
    assert!(hard[0] > 190.0 && elbo.as_f64().expect("a number") < 180.0, "from {} to {elbo}", hard[0]);
    assert!(bound["nats"].as_f64() < elbo.as_f64());
}

#[test]
fn a_resumed_run_ends_bit_for_bit_as_if_it_had_not_stopped() {
    for estimator in ["gumbel-softmax", "reinforce"] {
        let ((_a, whole), (_b, parts)) = (folder(), folder());
        let options = ["--estimator", estimator, "--binarise", "dynamic", "--steps"];
        succeed(&train(&whole, &[&options[..], &["60"]].concat()));
        // Between evaluations and between lines of metrics.
        succeed(&train(&parts, &[&options[..], &["33"]].concat()));
        let resume =
            ["train", "vae", "--resume", parts.to_str().expect("UTF-8"), "--steps", "60", "--threads", "1"];
        succeed(&gumbel(&resume));
        assert!(weights(&whole) == weights(&parts), "{estimator}: the weights differ");
        assert_eq!(metrics(&whole), metrics(&parts), "{estimator}");
        assert_eq!(summary(&whole)["test"], summary(&parts)["test"], "{estimator}");
    }
}

#[cfg(unix)]
#[test]
fn an_interrupt_stops_cleanly_with_a_checkpoint() {
    use nix::sys::signal::{Signal, kill};
    let ((_a, whole), (_b, stopped)) = (folder(), folder());
    let options = [SMALL, QUICK, &["--steps", "3000", "--out", stopped.to_str().expect("UTF-8")]].concat();
    let mut child =
        Command::new(GUMBEL).args(options).stdout(std::process::Stdio::null()).spawn().expect("starts");
    wait_for(&stopped.join("checkpoint/training.safetensors"), &mut child);
    kill(nix::unistd::Pid::from_raw(child.id() as i32), Signal::SIGINT).expect("a running child");
    assert_eq!(child.wait().expect("a child").code(), Some(130));
    assert!(!stopped.join("summary.json").exists());
    succeed(&gumbel(&["train", "vae", "--resume", stopped.to_str().expect("UTF-8")]));
    succeed(&train(&whole, &["--steps", "3000"]));
    assert!(weights(&whole) == weights(&stopped), "the weights differ");
}

#[cfg(unix)]
fn wait_for(file: &Path, child: &mut std::process::Child) {
    while !file.exists() {
        assert!(child.try_wait().expect("a child").is_none(), "ended before it wrote {}", file.display());
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

#[cfg(unix)]
#[test]
fn an_interrupt_stops_the_final_evaluation_which_a_resumed_run_repeats() {
    use nix::sys::signal::{Signal, kill};
    let (_folder, run) = folder();
    let path = run.to_str().expect("UTF-8");
    // Two thousand times the samples of QUICK: minutes, unless it is stopped.
    let more =
        ["--steps", "20", "--importance-samples", "4000", "--importance-images", "1000", "--out", path];
    let options = [SMALL, &["--evaluate-every", "20"], &more].concat();
    let mut child =
        Command::new(GUMBEL).args(&options).stdout(std::process::Stdio::piped()).spawn().expect("starts");
    wait_for(&run.join("model.safetensors"), &mut child);
    kill(nix::unistd::Pid::from_raw(child.id() as i32), Signal::SIGTERM).expect("a running child");
    let output = child.wait_with_output().expect("a child");
    assert_eq!(output.status.code(), Some(130));
    assert!(
        text(&output.stdout).contains("go on with: gumbel train vae --resume"),
        "{}",
        text(&output.stdout)
    );
    assert!(!run.join("summary.json").exists());
    let config = std::fs::read_to_string(run.join("config.toml")).expect("a configuration");
    let small = config.replace("importance-samples = 4000", "importance-samples = 2");
    std::fs::write(run.join("config.toml"), small).expect("written");
    succeed(&gumbel(&["train", "vae", "--resume", path]));
    assert_eq!(summary(&run)["steps"], 20);
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let ((_a, one), (_b, two)) = (folder(), folder());
    // Wide enough that the matrix products are split between threads.
    let options = ["--steps", "20", "--hidden", "300,200", "--batch", "100", "--threads"];
    succeed(&train(&one, &[&options[..], &["1"]].concat()));
    succeed(&train(&two, &[&options[..], &["2"]].concat()));
    assert!(weights(&one) == weights(&two), "the weights differ");
    assert_eq!(summary(&one)["test"], summary(&two)["test"]);
}

#[test]
fn weights_open_as_safetensors_under_readable_names() {
    let (_folder, run) = folder();
    succeed(&train(&run, &["--steps", "20"]));
    let bytes = weights(&run);
    let tensors = safetensors::SafeTensors::deserialize(&bytes).expect("safetensors");
    let shape = |name: &str| tensors.tensor(name).expect(name).shape().to_vec();
    assert_eq!(shape("encoder.layers.0.weight"), [784, 32]);
    assert_eq!(shape("decoder.layers.1.bias"), [784]);
    assert_eq!(shape("prior"), [6, 4]);
}

#[test]
fn a_trained_model_generates_a_grid() {
    let (folder, run) = folder();
    succeed(&train(&run, &["--steps", "20"]));
    let out = folder.path().join("grid.png");
    let (run, path) = (run.to_str().expect("UTF-8"), out.to_str().expect("UTF-8"));
    succeed(&gumbel(&["generate", run, "--count", "9", "--out", path]));
    let first = std::fs::read(&out).expect("a picture");
    let decoder = png::Decoder::new(std::io::Cursor::new(&first));
    let size = decoder.read_info().expect("PNG").info().size();
    assert!(size.0 >= 3 * 28 && size.1 >= 3 * 28, "{size:?}");
    succeed(&gumbel(&["generate", run, "--count", "9", "--out", path]));
    assert_eq!(first, std::fs::read(&out).expect("a picture"));
    succeed(&gumbel(&["generate", run, "--count", "9", "--out", path, "--seed", "1"]));
    assert_ne!(first, std::fs::read(&out).expect("a picture"));
}

#[test]
fn options_out_of_range_are_refused_by_name() {
    let cases: &[(&[&str], &[&str])] = &[
        (&["--tau", "0"], &["--tau", "must be positive and finite, got 0"]),
        (&["--tau", "nan"], &["got NaN"]),
        (&["--categories", "1"], &["--categories must be at least 2, got 1"]),
        (&["--latents", "0"], &["--latents must be at least 1"]),
        (&["--batch", "0"], &["--batch must be at least 1"]),
        (&["--lr", "-1"], &["--lr"]),
        (&["--estimator", "gumble-softmax"], &["did you mean gumbel-softmax?", "reinforce"]),
        (&["--data", "mnst"], &["unknown data set", "mnist"]),
        (&["--data", "mnist", "--data-dir", "/nonexistent"], &["gumbel data fetch mnist", "--data-dir"]),
        (&["--data", "/nonexistent/folder"], &["is not a folder"]),
        (&["--kl", "density", "--estimator", "reinforce"], &["use --estimator gumbel-softmax"]),
        (&["--hidden", "12,no"], &["'no' is not a width"]),
        (&["--config", "/nonexistent.toml"], &["cannot read /nonexistent.toml"]),
        (&["--resume", "/nonexistent"], &["cannot be used with"]),
        (&["--steps", "-1"], &["'-1' for '--steps <N>'", "a whole number from 0"]),
        (&["--binarise", "dynamc"], &["did you mean dynamic?"]),
        (&["--batch", "20000"], &["--batch must be at most the 10000 training images", "got 20000"]),
        (&["--threads", "1000000"], &["--threads must be at most 1024"]),
        (&["--latents", "9223372036854775807"], &["parameters, of at most 250000000"]),
        (&["--hidden", "100000,100000"], &["the model would have 20162000832 parameters"]),
        (
            &["--estimator", "exact", "--latents", "20"],
            &["1099511627776 samples", "use --estimator reinforce"],
        ),
        (&["--lr", "1e30"], &["training broke down at step", "lower --lr or raise --tau"]),
        (&["--lr", "1e30", "--estimator", "reinforce"], &["training broke down at step", "lower --lr: "]),
    ];
    for (options, parts) in cases {
        let (_folder, run) = folder();
        fail(&train(&run, options), parts);
        assert!(!run.exists(), "{options:?} left a folder behind");
    }
}

#[test]
fn a_folder_in_use_and_a_folder_that_is_no_run_are_refused() {
    let (_folder, run) = folder();
    succeed(&train(&run, &["--steps", "20"]));
    let before = weights(&run);
    fail(&train(&run, &["--steps", "20"]), &["exists already", "--out", "--resume"]);
    assert!(before == weights(&run));
    let run = run.to_str().expect("UTF-8");
    fail(
        &gumbel(&["train", "vae", "--resume", run, "--lr", "0.1"]),
        &["--lr cannot change in a resumed run"],
    );
    let resume = |steps| gumbel(&["train", "vae", "--resume", run, "--steps", steps]);
    fail(&resume("19"), &["--steps must be at least the 20 steps that the run has done, got 19"]);
    fail(&gumbel(&["train", "vae", "--resume", "/"]), &["not the folder of a run"]);
    fail(&gumbel(&["generate", "/"]), &["not the folder of a run"]);
}

#[test]
fn a_checkpoint_that_is_cut_short_or_of_another_model_is_refused() {
    let (_folder, run) = folder();
    succeed(&train(&run, &["--steps", "20"]));
    let path = run.join("checkpoint/training.safetensors");
    let resume = || gumbel(&["train", "vae", "--resume", run.to_str().expect("UTF-8"), "--steps", "40"]);
    let bytes = std::fs::read(&path).expect("a checkpoint");
    std::fs::write(&path, &bytes[..bytes.len() / 2]).expect("written");
    fail(&resume(), &["training.safetensors is not a safetensors file, or is cut short"]);
    std::fs::write(&path, weights(&run)).expect("written");
    fail(&resume(), &["was not written for this"]);
    std::fs::remove_file(&path).expect("removed");
    fail(&resume(), &["cannot read", "training.safetensors"]);
    std::fs::write(&path, &bytes).expect("written");
    let config = std::fs::read_to_string(run.join("config.toml")).expect("a configuration");
    std::fs::write(run.join("config.toml"), config.replace("latents = 6", "latents = 7")).expect("written");
    fail(
        &resume(),
        &[
            "error: cannot resume",
            "is of another model",
            "encoder.layers.1.weight is [32, 24] there, [32, 28] here",
        ],
    );
    fail(&gumbel(&["generate", run.to_str().expect("UTF-8")]), &["is of another model"]);
}

/// A folder of image files: `train` and `test` images of 4 x 4 equal pixels, each `ink`.
fn images(folder: &Path, ink: u8) {
    std::fs::create_dir_all(folder).expect("a folder");
    for (name, count) in [("train-images-idx3-ubyte", 60u32), ("t10k-images-idx3-ubyte", 20)] {
        let header = [[0, 0, 8, 3], count.to_be_bytes(), 4u32.to_be_bytes(), 4u32.to_be_bytes()].concat();
        let file = [header, vec![ink; 16 * count as usize]].concat();
        std::fs::write(folder.join(name), file).expect("written");
    }
}

#[test]
fn a_run_on_a_folder_is_resumed_from_anywhere_but_not_on_other_images() {
    let (folder, run) = folder();
    images(&folder.path().join("my data"), 90);
    let program = |arguments: &[&str], place: &Path| {
        Command::new(GUMBEL).args(arguments).current_dir(place).output().expect("the program starts")
    };
    let here = ["--data", "my data", "--steps", "20", "--out", run.to_str().expect("UTF-8")];
    succeed(&program(&[SMALL, QUICK, &here].concat(), folder.path()));
    let resume = ["train", "vae", "--resume", run.to_str().expect("UTF-8"), "--steps", "30"];
    images(&folder.path().join("my data"), 91);
    let before = std::fs::read(run.join("config.toml")).expect("a configuration");
    fail(&program(&resume, Path::new("/")), &["was trained on other images than", "start a new run"]);
    assert_eq!(before, std::fs::read(run.join("config.toml")).expect("a configuration"));
    images(&folder.path().join("my data"), 90);
    succeed(&program(&resume, Path::new("/")));
}

#[test]
fn a_resumed_run_takes_another_folder_of_data_sets() {
    let (folder, run) = folder();
    succeed(&train(&run, &["--steps", "20"]));
    let resume = ["train", "vae", "--resume", run.to_str().expect("UTF-8"), "--data-dir", "elsewhere"];
    let output = Command::new(GUMBEL).args(resume).current_dir(folder.path()).output().expect("starts");
    succeed(&output);
    let config = std::fs::read_to_string(run.join("config.toml")).expect("a configuration");
    assert!(config.contains("/elsewhere\""), "not absolute: {config}");
}

#[test]
fn a_run_that_goes_on_drops_its_earlier_end_and_a_garbled_last_line() {
    let (_folder, run) = folder();
    succeed(&train(&run, &["--steps", "20"]));
    let path = run.join("metrics.csv");
    let garbled = std::fs::read_to_string(&path).expect("metrics") + "30,0.5,1";
    std::fs::write(&path, garbled).expect("written");
    // It fails after it has begun: the folder for its checkpoints is in the way.
    std::fs::remove_dir_all(run.join("figures")).expect("removed");
    std::fs::write(run.join("figures"), "in the way").expect("written");
    let resume = ["train", "vae", "--resume", run.to_str().expect("UTF-8"), "--steps", "40"];
    succeed(&gumbel(&resume));
    assert_eq!(
        metrics(&run).iter().map(|line| line[0].as_str()).collect::<Vec<_>>(),
        ["step", "1", "10", "20", "30", "40"]
    );
    assert!(run.join("figures/objective.svg").is_file());
}

#[test]
fn a_picture_that_cannot_be_written_is_told_by_its_name() {
    let (_folder, run) = folder();
    succeed(&train(&run, &["--steps", "20"]));
    let generate = |more: &[&str]| gumbel(&[&["generate", run.to_str().expect("UTF-8")], more].concat());
    let refused = generate(&["--out", "/nonexistent/x.png"]);
    fail(&refused, &["cannot write /nonexistent/x.png: ", "make its folder first"]);
    assert!(!text(&refused.stderr).contains("partial"));
    fail(&generate(&["--count", "100001"]), &["100001"]);
    fail(&generate(&["--count", "-1"]), &["-1 is not in 1..=100000"]);
    let many = run.join("many.png");
    succeed(&generate(&["--count", "1001", "--out", many.to_str().expect("UTF-8")]));
}

#[cfg(unix)]
#[test]
fn a_reader_that_has_had_enough_is_no_error() {
    for command in ["completions bash", "list", "data list", "train vae --help"] {
        // The sleep makes sure that the reader is gone.
        let script = format!("{{ sleep 0.1; exec \"$0\" {command}; }} 2>&1 >&3 3>&- | cat 3>&- ");
        let script = format!("set -o pipefail; {{ {script}; }} 3>&1 | true");
        let output = Command::new("bash").args(["-c", &script, GUMBEL]).output().expect("bash");
        assert_eq!(text(&output.stdout), "", "{command}");
        assert!(output.status.success(), "{command}: {}", text(&output.stderr));
    }
}

#[test]
fn broken_image_files_are_refused() {
    let (folder, run) = folder();
    let data = folder.path().join("broken");
    std::fs::create_dir(&data).expect("a folder");
    let write = |name: &str, bytes: &[u8]| std::fs::write(data.join(name), bytes).expect("written");
    let header = |count: u32, side: u32| {
        [[0, 0, 8, 3], count.to_be_bytes(), side.to_be_bytes(), side.to_be_bytes()].concat()
    };
    let attempt = || train(&run, &["--data", data.to_str().expect("UTF-8"), "--steps", "20"]);
    fail(&attempt(), &["has no train images"]);
    write("train-images-idx3-ubyte", &[header(2, 4), vec![9; 31]].concat());
    write("t10k-images-idx3-ubyte", &[header(1, 4), vec![9; 16]].concat());
    fail(&attempt(), &["train-images-idx3-ubyte"]);
    write("train-images-idx3-ubyte", &[header(2, 4), vec![9; 32]].concat());
    write("t10k-images-idx3-ubyte", &[header(1, 5), vec![9; 25]].concat());
    fail(&attempt(), &["t10k-images-idx3-ubyte", "4"]);
    assert!(!run.exists());
}

/// A limit on the size of a file stands in for a full disk: both are a failed write.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error_that_leaves_nothing_half_written() {
    let (_folder, run) = folder();
    let script = "trap '' XFSZ; ulimit -f 8; exec \"$@\"";
    let options = [SMALL, QUICK, &["--steps", "40", "--out", run.to_str().expect("UTF-8")]].concat();
    let output =
        Command::new("bash").args(["-c", script, "bash", GUMBEL]).args(options).output().expect("bash");
    fail(&output, &["cannot write", "free space"]);
    let left: Vec<_> = std::fs::read_dir(run.join("checkpoint")).map(Iterator::collect).unwrap_or_default();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn help_shows_every_default_and_completions_name_the_commands() {
    let help = succeed(&gumbel(&["train", "vae", "--help"]));
    for (name, value) in gumbel_lab::config::VaeConfig::defaults().options() {
        assert!(help.contains(&format!("--{name} ")), "--{name} is missing from {help}");
        assert!(help.contains(&format!("[default: {value}]")), "--{name}: {value} is missing from {help}");
    }
    for info in gumbel::estimator::ALL {
        assert!(help.contains(info.name), "{} is missing from {help}", info.name);
    }
    for part in ["Data:", "Training:", "Examples:"] {
        assert!(help.contains(part), "'{part}' is missing from {help}");
    }
    for shell in ["bash", "zsh", "fish"] {
        assert!(succeed(&gumbel(&["completions", shell])).contains("generate"));
    }
    assert!(succeed(&gumbel(&["list"])).contains("straight-through-gumbel"));
    assert!(succeed(&gumbel(&["data", "list"])).contains("digits"));
}
