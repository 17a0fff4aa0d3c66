//! The program as a user meets it.

use crate::program::*;
use std::process::Command;

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
    let hard = hard_objectives(&run);
    assert_eq!(hard.len(), 21); // after the first step, and every 20
    // A model that ignores its latents is at about 205 nats, with a standard error of about 1.5.
    assert!(hard[0] > 190.0 && elbo.as_f64().expect("a number") < 180.0, "from {} to {elbo}", hard[0]);
    assert!(bound["nats"].as_f64() < elbo.as_f64());
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
    let (_folder, run) = folder();
    succeed(&train(&run, &["--steps", "20"]));
    let first = picture(&run, "9", "0");
    let decoder = png::Decoder::new(std::io::Cursor::new(&first));
    let size = decoder.read_info().expect("PNG").info().size();
    assert!(size.0 >= 3 * 28 && size.1 >= 3 * 28, "{size:?}");
    assert!(first == picture(&run, "9", "0") && first != picture(&run, "9", "1"));
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
        (&["--estimator", "gumble-softmax"], &["did you mean 'gumbel-softmax'?"]),
        (&["--data", "mnst"], &["unknown data set", "mnist"]),
        (&["--data", "mnist", "--data-dir", "/nonexistent"], &["gumbel data fetch mnist", "--data-dir"]),
        (&["--data", "/nonexistent/folder"], &["is not a folder"]),
        (&["--kl", "density", "--estimator", "reinforce"], &["use --estimator gumbel-softmax"]),
        (&["--hidden", "12,no"], &["'no' is not a width"]),
        (&["--config", "/nonexistent.toml"], &["cannot read /nonexistent.toml"]),
        (&["--resume", "/nonexistent"], &["cannot be used with"]),
        (&["--steps", "-1"], &["'-1' for '--steps <N>'", "a whole number without a sign"]),
        (&["--binarize", "dynamc"], &["did you mean 'dynamic'?"]),
        (&["--batch", "20000"], &["--batch must be at most the 10000 training images", "got 20000"]),
        (&["--threads", "1000000"], &["--threads must be at most 1024"]),
        (&["--latents", "9223372036854775807"], &["parameters; the limit is 250000000"]),
        (&["--hidden", "100000,100000"], &["the model would have 20162000832 parameters"]),
        (
            &["--estimator", "exact", "--latents", "20"],
            &["1099511627776 samples", "use --estimator reinforce"],
        ),
        (&["--lr", "1e30"], &["training broke down at step", "lower --lr or raise --tau"]),
        (&["--lr", "1e30", "--estimator", "reinforce"], &["training broke down at step", "lower --lr: "]),
    ];
    refuses(train, cases);
}

#[test]
fn a_picture_that_cannot_be_written_is_named() {
    let (_folder, run) = folder();
    succeed(&train(&run, &["--steps", "20"]));
    let generate = |more: &[&str]| gumbel(&[&["generate", utf8(&run)], more].concat());
    let refused = generate(&["--out", "/nonexistent/x.png"]);
    fail(&refused, &["cannot write /nonexistent/x.png: ", "make its folder first"]);
    assert!(!text(&refused.stderr).contains("partial"));
    fail(&generate(&["--count", "100001"]), &["100001"]);
    fail(&generate(&["--count", "-1"]), &["-1 is not in 1..=100000"]);
    picture(&run, "1001", "0");
}

#[cfg(unix)]
#[test]
fn a_reader_that_closes_its_pipe_early_is_not_an_error() {
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
    let attempt = || train(&run, &["--data", utf8(&data), "--steps", "20"]);
    fail(&attempt(), &["has no training images"]);
    write("train-images-idx3-ubyte", &[header(2, 4), vec![9; 31]].concat());
    write("t10k-images-idx3-ubyte", &[header(1, 4), vec![9; 16]].concat());
    fail(&attempt(), &["train-images-idx3-ubyte"]);
    write("train-images-idx3-ubyte", &[header(2, 4), vec![9; 32]].concat());
    write("t10k-images-idx3-ubyte", &[header(1, 5), vec![9; 25]].concat());
    fail(&attempt(), &["t10k-images-idx3-ubyte", "4"]);
    assert!(!run.exists());
}

#[test]
fn help_shows_every_default_and_completions_name_the_commands() {
    let help = succeed(&gumbel(&["train", "vae", "--help"]));
    use gumbel_lab::{experiment::bound::Config, model::VaeConfig, run::RunConfig};
    for (name, value) in Config::<VaeConfig>::defaults().typed() {
        assert!(help.contains(&format!("--{name} ")), "--{name} is missing from {help}");
        assert!(help.contains(&format!("[default: {value}]")), "--{name}: {value} is missing from {help}");
    }
    for info in gumbel::estimator::ALL {
        assert!(help.contains(info.name()), "{} is missing from {help}", info.name());
    }
    for part in ["Data:", "Training:", "Examples:"] {
        assert!(help.contains(part), "'{part}' is missing from {help}");
    }
    for shell in ["bash", "zsh", "fish"] {
        assert!(succeed(&gumbel(&["completions", shell])).contains("generate"));
    }
    let table = succeed(&gumbel(&["list"]));
    assert!(
        table.contains("straight-through-gumbel") && table.lines().all(|line| line.chars().count() <= 110)
    );
    let one = succeed(&gumbel(&["list", "gumbel-rao"]));
    for part in ["ĝ", "Bias: biased", "Cost:", "draws=10", "Paulus, Maddison and Krause 2021"] {
        assert!(one.contains(part), "'{part}' is missing from {one}");
    }
    let entries = succeed(&gumbel(&["cite", "gumbel-softmax", "straight-through-gumbel"]));
    assert_eq!(entries.matches("@inproceedings{jang2017categorical,").count(), 1);
    assert!(succeed(&gumbel(&["cite"])).contains("@article{williams1992simple,"));
    fail(&gumbel(&["cite", "gumble-softmax"]), &["did you mean 'gumbel-softmax'?"]);
    fail(&gumbel(&["list", "rlo"]), &["did you mean 'rloo'?"]);
    assert!(succeed(&gumbel(&["data", "list"])).contains("digits"));
}

#[test]
fn a_bound_of_several_samples_is_trained_on_by_vimco_and_by_relaxed_samples() {
    for options in [
        &["--estimator", "vimco", "--kl", "mass-at-sample"][..],
        &["--kl", "density", "--tau", "0.67", "--prior-tau", "0.5"],
    ] {
        let (_folder, run) = folder();
        let out = succeed(&train(&run, &[options, &["--train-samples", "5", "--steps", "500"]].concat()));
        assert!(out.contains("samples=5"), "{options:?}: {out}");
        learned(&run);
        assert!(report(&run).contains("a log-mean-exp of 5 samples"));
    }
}
