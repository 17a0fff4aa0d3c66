//! The device of a run. With the feature `wgpu` also runs on a GPU, for which a software one will do
//! (`mesa-vulkan-drivers`): `cargo test -p gumbel-lab --features wgpu device`.

use crate::program::*;

#[test]
fn a_device_that_does_not_exist_is_refused() {
    refuses(
        train,
        &[
            (["--device", "cdua"], &["unknown device 'cdua'; did you mean 'cuda'?"]),
            (["--device", "cuda:one"], &["device 'cuda:one' has the number 'one', expected a whole number"]),
        ],
    );
}

#[cfg(not(feature = "rocm"))]
#[test]
fn a_device_that_was_not_built_in_is_refused_with_the_feature() {
    let part = "this program was built without rocm; build it with: cargo install gumbel-lab --features rocm, or use";
    refuses(train, &[(["--device", "rocm:1"], &[part])]);
}

#[test]
fn the_device_is_recorded_and_its_earlier_name_is_read() {
    let (_folder, run) = folder();
    succeed(&train(&run, &["--steps", "10"]));
    assert_eq!(summary(&run)["device"], "cpu");
    let path = run.join("config.toml");
    let config = std::fs::read_to_string(&path).expect("a configuration");
    std::fs::write(&path, config.replace("device = \"cpu\"", "device = \"flex\"")).expect("written");
    succeed(&gumbel(&["train", "vae", "--resume", utf8(&run), "--steps", "20"]));
    assert!(std::fs::read_to_string(&path).expect("a configuration").contains("device = \"cpu\""));
}

#[cfg(feature = "wgpu")]
mod wgpu {
    use crate::program::*;
    use burn::tensor::{Device, Tensor, TensorData};
    use gumbel::Noise;
    use gumbel::estimator::{ALL, Entry, Objective, Reduction};
    use gumbel_lab::run::DeviceName;
    use std::path::Path;
    use std::process::{Command, Output};

    /// The difference that the order of sums makes in a mean of a hundred nats.
    const TOLERANCE: f64 = 1e-4;

    /// A GPU, or a message that there is none.
    fn gpu() -> Option<Device> {
        let device = "wgpu".parse::<DeviceName>().expect("a name").for_evaluation();
        device.map_err(|error| println!("skipped: {error}")).ok()
    }

    /// Two steps of the smallest of each model, with both evaluations.
    const MODELS: [&str; 7] = [
        "vae --latents 3 --categories 2 --hidden 6 --estimator rebar",
        "vae --layers 2 --latents 2 --categories 2 --hidden 6 --estimator rloo:samples=2",
        "sbn --latents 3",
        "semi --hidden 6",
        "text --latents 3 --hidden 6",
        "gan --hidden 6 --discriminator 6 --strings 20",
        "vqvae --hidden 6 --latents 4 --bits 2",
    ];

    fn run(words: &str, device: &str, steps: &str, out: &Path) -> Output {
        let quick = "--importance-images 4 --importance-samples 3";
        let quick = if words.starts_with("gan") || words.starts_with("vqvae") { "" } else { quick };
        let words =
            format!("train {words} --batch 10 --evaluate-every 2 {quick} --device {device} --steps {steps}");
        gumbel(&[&words.split_whitespace().collect::<Vec<_>>()[..], &["--out", utf8(out)]].concat())
    }

    /// Asserts that all numbers of `metrics.csv` are the same but for rounding.
    fn same_metrics(one: &Path, other: &Path) {
        let (one, other) = (metrics(one), metrics(other));
        assert_eq!((one.len(), &one[0]), (other.len(), &other[0]));
        for (a, b) in one.iter().zip(&other).skip(1).flat_map(|(one, other)| one.iter().zip(other)) {
            match (a.parse::<f64>(), b.parse::<f64>()) {
                (Ok(a), Ok(b)) => assert!((a - b).abs() <= TOLERANCE * a.abs().max(1.0), "{one:?} {other:?}"),
                _ => assert_eq!(a, b),
            }
        }
    }

    #[test]
    fn every_model_trains_and_evaluates_as_on_the_processor() {
        if gpu().is_none() {
            return;
        }
        for words in MODELS {
            let ((_a, there), (_b, here)) = (folder(), folder());
            succeed(&run(words, "wgpu", "2", &there));
            succeed(&run(words, "cpu", "2", &here));
            assert_eq!([&summary(&there)["device"], &summary(&here)["device"]], ["wgpu", "cpu"]);
            same_metrics(&there, &here);
        }
    }

    /// Parameters, moments and what the estimator has learned are taken along, both ways.
    #[test]
    fn a_run_is_resumed_on_another_device() {
        if gpu().is_none() {
            return;
        }
        let ((_a, whole), (_b, first), (_c, second)) = (folder(), folder(), folder());
        succeed(&run(MODELS[0], "cpu", "4", &whole));
        for (out, devices) in [(&first, ["wgpu", "cpu"]), (&second, ["cpu", "wgpu"])] {
            succeed(&run(MODELS[0], devices[0], "2", out));
            let resume = ["train", "vae", "--resume", utf8(out), "--steps", "4", "--device", devices[1]];
            succeed(&gumbel(&resume));
            assert_eq!(summary(out)["device"], devices[1]);
            same_metrics(out, &whole);
        }
        // Evaluated and drawn from on its own device and on another.
        let evaluate = |more: &[&str]| succeed(&gumbel(&[&["evaluate", utf8(&second)], more].concat()));
        assert_eq!(evaluate(&[]), evaluate(&["--device", "cpu"]));
        let generate =
            |device| gumbel(&["generate", utf8(&second), "--count", "4", "--out", "-", "--device", device]);
        assert!(generate("cpu").stdout.len() > 100 && generate("wgpu").status.success());
    }

    #[test]
    fn without_an_adapter_the_error_is_one_line_and_the_processor_still_serves() {
        let blind = |words: &str, more: &[&str]| {
            let drivers = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES", "__EGL_VENDOR_LIBRARY_FILENAMES"];
            let mut program = Command::new(GUMBEL);
            program.envs(drivers.map(|name| (name, "/dev/null")));
            program.args(words.split_whitespace()).args(more).output().expect("the program starts")
        };
        let ((_a, refused), (_b, out)) = (folder(), folder());
        let small =
            "train vae --latents 2 --hidden 4 --importance-images 2 --importance-samples 2 --steps 2 --out";
        for device in ["wgpu", "wgpu:7"] {
            let output = blind(small, &[utf8(&refused), "--device", device]);
            if output.status.success() {
                return println!("skipped: this machine has an adapter that cannot be hidden");
            }
            let error = text(&output.stderr);
            assert!(error.contains(&format!("device {device}")) && error.contains("--device cpu"), "{error}");
            assert!(!error.contains("panicked") && !refused.exists(), "{error}");
        }
        succeed(&blind(small, &[utf8(&out)]));
        // The optimiser's state is not read to the device that Burn prefers.
        succeed(&blind("train vae --steps 4 --resume", &[utf8(&out)]));
    }

    /// The losses, gradients and saved state of an estimator after three steps.
    fn trained(entry: &Entry, device: &Device) -> Vec<f64> {
        let mut estimator = entry.build(&Default::default()).expect("defaults");
        let logits = TensorData::new(vec![0.5f32, -0.3, 1.2, 0.1, -2.0, 0.4, 0.0, 0.9], [2, 2, 2]);
        let logits = Tensor::<3>::from_data(logits, &device.clone().autodiff()).require_grad();
        let losses = |sample: &gumbel::estimator::Sample| {
            let first = sample.z.clone().narrow(3, 0, 1).squeeze_dim::<3>(3);
            (first.clone().sum_dim(2) * 0.7 + first.prod_dim(2)).squeeze_dim::<2>(2)
        };
        let objective = match entry.properties.supports(Reduction::Mean) {
            true => Objective::mean(losses),
            false => Objective::log_mean_exp(losses),
        };
        let mut found = Vec::new();
        for step in 0..3 {
            let noise = &mut Noise::from_seed(step);
            let estimate = estimator.estimate(logits.clone(), &objective, noise, step).expect("an estimate");
            estimator.adapt(&estimate);
            let gradient = logits.grad(&estimate.loss.clone().sum().backward()).expect("a gradient");
            found.extend(estimate.loss.into_data().iter::<f64>().chain(gradient.into_data().iter::<f64>()));
        }
        let state = estimator.state();
        let learned = state.iter().flat_map(|(_, tensor)| tensor.iter::<f64>().collect::<Vec<_>>());
        found.extend(learned);
        found
    }

    #[test]
    fn every_estimator_computes_and_learns_the_same() {
        let Some(gpu) = gpu() else { return };
        for entry in ALL {
            let (here, there) = (trained(entry, &Device::flex()), trained(entry, &gpu));
            assert_eq!(here.len(), there.len(), "{entry}");
            for (a, b) in here.iter().zip(&there) {
                assert!((a - b).abs() <= 1e-4 * a.abs().max(1.0), "{entry}: {here:?} {there:?}");
            }
        }
    }
}
