//! Runs that are stopped and resumed.

use crate::program::*;
#[cfg(unix)]
use nix::sys::signal::Signal;
use std::path::Path;
use std::process::Command;

#[test]
fn a_resumed_run_ends_bit_for_bit_as_if_it_had_not_stopped() {
    for estimator in ["gumbel-softmax", "reinforce"] {
        let options = ["--estimator", estimator, "--binarize", "dynamic", "--steps"];
        // Between evaluations and between lines of metrics.
        resumes("vae", |out, steps| train(out, &[&options[..], &[steps]].concat()), ["33", "60"]);
    }
}

#[cfg(unix)]
#[test]
fn an_interrupt_stops_cleanly_with_a_checkpoint() {
    let ((_a, whole), (_b, stopped)) = (folder(), folder());
    let options = [SMALL, QUICK, &["--steps", "3000", "--out", utf8(&stopped)]].concat();
    interrupt(&options, &stopped.join("checkpoint/training.safetensors"), Signal::SIGINT);
    assert!(!stopped.join("summary.json").exists());
    succeed(&gumbel(&["train", "vae", "--resume", utf8(&stopped)]));
    succeed(&train(&whole, &["--steps", "3000"]));
    assert!(weights(&whole) == weights(&stopped), "the weights differ");
}

#[cfg(unix)]
#[test]
fn an_interrupt_stops_the_final_evaluation_which_a_resumed_run_repeats() {
    let (_folder, run) = folder();
    let path = utf8(&run);
    // Two thousand times the samples of QUICK: minutes, unless it is stopped.
    let more =
        ["--steps", "20", "--importance-samples", "4000", "--importance-images", "1000", "--out", path];
    let options = [SMALL, &["--evaluate-every", "20"], &more].concat();
    let output = text(&interrupt(&options, &run.join("model.safetensors"), Signal::SIGTERM).stdout);
    assert!(output.contains("resume with: gumbel train vae --resume"), "{output}");
    assert!(!run.join("summary.json").exists());
    let config = std::fs::read_to_string(run.join("config.toml")).expect("a configuration");
    let small = config.replace("importance-samples = 4000", "importance-samples = 2");
    std::fs::write(run.join("config.toml"), small).expect("written");
    succeed(&gumbel(&["train", "vae", "--resume", path]));
    assert_eq!(summary(&run)["steps"], 20);
}

#[test]
fn a_folder_in_use_and_a_folder_that_is_no_run_are_refused() {
    let (_folder, run) = folder();
    succeed(&train(&run, &["--steps", "20"]));
    let before = weights(&run);
    fail(&train(&run, &["--steps", "20"]), &["exists already", "--out", "--resume"]);
    assert!(before == weights(&run));
    let run = utf8(&run);
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
    let resume = || gumbel(&["train", "vae", "--resume", utf8(&run), "--steps", "40"]);
    let bytes = std::fs::read(&path).expect("a checkpoint");
    std::fs::write(&path, &bytes[..bytes.len() / 2]).expect("written");
    let alone = "and there is no checkpoint/previous.safetensors; start a new run with --config";
    fail(
        &resume(),
        &["training.safetensors is damaged: it is not a safetensors file, or is cut short", alone],
    );
    std::fs::write(&path, weights(&run)).expect("written");
    fail(&resume(), &["its metadata have no progress, as those of another kind of file", alone]);
    std::fs::remove_file(&path).expect("removed");
    fail(&resume(), &["has no checkpoint to resume from; start the run again in another folder"]);
    std::fs::write(&path, &bytes).expect("written");
    let config = std::fs::read_to_string(run.join("config.toml")).expect("a configuration");
    std::fs::write(run.join("config.toml"), config.replace("latents = 6", "latents = 7")).expect("written");
    fail(
        &resume(),
        &[
            "error: cannot resume",
            "--latents is 7 in config.toml, but 6 in ",
            "; restore config.toml, or start a new run",
        ],
    );
    fail(
        &gumbel(&["generate", utf8(&run)]),
        &["holds a different model", "encoder.layers.1.weight has shape [32, 24], expected [32, 28]"],
    );
}

#[test]
fn a_run_on_a_folder_is_resumed_from_anywhere_but_not_on_other_images() {
    let (folder, run) = folder();
    let data = folder.path().join("my data");
    idx_images(&data, [4, 4], |_| 90);
    let program = |arguments: &[&str], place: &Path| {
        Command::new(GUMBEL).args(arguments).current_dir(place).output().expect("the program starts")
    };
    let here = ["--data", "my data", "--steps", "20", "--out", utf8(&run)];
    succeed(&program(&[SMALL, QUICK, &here].concat(), folder.path()));
    let resume = ["train", "vae", "--resume", utf8(&run), "--steps", "30"];
    idx_images(&data, [4, 4], |_| 91);
    let before = std::fs::read(run.join("config.toml")).expect("a configuration");
    fail(&program(&resume, Path::new("/")), &["was trained on different images than", "start a new run"]);
    assert_eq!(before, std::fs::read(run.join("config.toml")).expect("a configuration"));
    idx_images(&data, [4, 4], |_| 90);
    succeed(&program(&resume, Path::new("/")));
}

#[test]
fn a_resumed_run_takes_another_folder_of_data_sets() {
    let (folder, run) = folder();
    succeed(&train(&run, &["--steps", "20"]));
    let resume = ["train", "vae", "--resume", utf8(&run), "--data-dir", "elsewhere"];
    let output = Command::new(GUMBEL).args(resume).current_dir(folder.path()).output().expect("starts");
    succeed(&output);
    let config = std::fs::read_to_string(run.join("config.toml")).expect("a configuration");
    assert!(config.contains("/elsewhere\""), "not absolute: {config}");
}

#[test]
fn a_resumed_run_drops_its_earlier_end_and_a_garbled_last_line() {
    let (_folder, run) = folder();
    succeed(&train(&run, &["--steps", "20"]));
    let path = run.join("metrics.csv");
    let garbled = std::fs::read_to_string(&path).expect("metrics") + "30,0.5,1";
    std::fs::write(&path, garbled).expect("written");
    // It fails after it has begun: the folder for its checkpoints is in the way.
    std::fs::remove_dir_all(run.join("figures")).expect("removed");
    std::fs::write(run.join("figures"), "in the way").expect("written");
    let resume = ["train", "vae", "--resume", utf8(&run), "--steps", "40"];
    succeed(&gumbel(&resume));
    assert_eq!(
        metrics(&run).iter().map(|line| line[0].as_str()).collect::<Vec<_>>(),
        ["step", "1", "10", "20", "30", "40"]
    );
    assert!(run.join("figures/objective.svg").is_file());
}
