//! A model of one's own, as CONTRIBUTING describes: a mixture of K images, with one Bernoulli distribution per pixel.
//! Its options, training, resuming, evaluation, report and comparison follow from the two implementations below.

use anyhow::{Result, ensure};
use burn::module::Module;
use burn::tensor::{Device, Tensor, activation};
use clap::Args;
use gumbel::estimator::{Estimator, EstimatorSpec, Objective, Sample};
use gumbel::{Error, Noise, bernoulli, categorical, kl};
use gumbel_lab::data::ImageSize;
use gumbel_lab::experiment::{Row, bound::BoundExperiment};
use gumbel_lab::model::{Batch, Estimated, Exhibit, Mlp, Model, ModelConfig, Size};
use gumbel_lab::run::{Generated, RunFolder};
use gumbel_lab::support::interrupt::Stop;
use serde::{Deserialize, Serialize};
use std::process::ExitCode;
use std::time::Instant;

/// The hyperparameters of a mixture.
#[derive(Clone, Debug, PartialEq, Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct MixtureConfig {
    /// Number of components (K)
    #[arg(long, default_value_t = 10, value_name = "K", help_heading = "Model")]
    components: usize,
}

impl Default for MixtureConfig {
    fn default() -> Self {
        Self { components: 10 }
    }
}

impl ModelConfig for MixtureConfig {
    const NAME: &'static str = "mixture";
    const ABOUT: &'static str = "A mixture of K images";
    const EXAMPLES: &'static str = "";
    const WIDTHS: &'static str = "--components";

    fn latents(&self) -> (usize, usize) {
        (1, self.components)
    }

    fn check(&self, _estimator: &EstimatorSpec) -> Result<()> {
        ensure!(self.components >= 2, "--components must be at least 2, got {}", self.components);
        Ok(())
    }

    fn size(&self, image: ImageSize) -> Result<Size> {
        let (pixels, components) = (image.pixels() as u64, self.components as u64);
        Ok(Size {
            parameters: (pixels + 1) * components + (components + 1) * pixels,
            widest: pixels.max(components),
        })
    }

    fn describe(&self) -> String {
        format!("a mixture of {} images", self.components)
    }

    fn title(data: &str) -> String {
        format!("Mixture of {data}")
    }

    fn divergence(&self) -> Option<String> {
        Some("the KL divergence of q(z|x) from the uniform distribution, in closed form".into())
    }
}

/// Images to the logits of their component, and components to the logits of their pixels.
#[derive(Module, Debug, Default)]
struct Mixture {
    classifier: Mlp,
    pixels: Mlp,
    components: usize,
}

impl Mixture {
    /// `ln p(x|z)`: images `[B, P]`, components `[S, B, 1, K]`, to `[S, B]`.
    fn log_likelihood(&self, images: Tensor<2>, z: Tensor<4>) -> Tensor<2> {
        bernoulli::log_prob(self.pixels.forward(z.squeeze_dim::<3>(2)), images.unsqueeze()).squeeze_dim(2)
    }

    /// The means of components `[B, K]` as grey pixels.
    fn means(&self, z: Tensor<2>) -> Vec<u8> {
        let means = activation::sigmoid(self.pixels.forward(z)).into_data();
        means.iter::<f32>().map(|mean| (mean * 255.0).round() as u8).collect()
    }
}

impl Model for Mixture {
    type Config = MixtureConfig;

    fn init(
        config: &MixtureConfig,
        size: ImageSize,
        _mean: &[f32],
        noise: &mut Noise,
        device: &Device,
    ) -> Self {
        let (pixels, components, mut ids) = (size.pixels(), config.components, 1..);
        let classifier = Mlp::new(&[pixels, components], &mut ids, noise, device);
        Self { classifier, pixels: Mlp::new(&[components, pixels], &mut ids, noise, device), components }
    }

    fn first_logits(&self, images: Tensor<2>) -> Tensor<3> {
        self.classifier.forward(images).unsqueeze_dim(1)
    }

    fn estimate(
        &self,
        _config: &MixtureConfig,
        Batch { images, logits, step }: Batch,
        estimators: &[Box<dyn Estimator>],
        noise: &mut Noise,
    ) -> Result<Estimated, Error> {
        let loss = |sample: &Sample| self.log_likelihood(images.clone(), sample.z.clone()).neg();
        let estimate = estimators[0].estimate(logits, &Objective::mean(loss), noise, step)?;
        Ok(Estimated { reconstruction: estimate.mean(), layers: vec![estimate] })
    }

    fn sampleless(&self, _config: &MixtureConfig, logits: Tensor<3>) -> Tensor<1> {
        kl::categorical(logits.clone(), logits.zeros_like()).unwrap().squeeze_dims(&[1, 2])
    }

    fn hard_objective(&self, images: Tensor<2>, noise: &mut Noise) -> Result<Tensor<1>, Error> {
        let logits = self.first_logits(images.clone());
        Ok(self.sampled_log_weights(images, logits, 1, noise)?.neg().squeeze_dim(0))
    }

    fn sampled_log_weights(
        &self,
        images: Tensor<2>,
        logits: Tensor<3>,
        samples: usize,
        noise: &mut Noise,
    ) -> Result<Tensor<2>, Error> {
        let logits = logits.unsqueeze::<4>().repeat_dim(0, samples);
        let z = gumbel::sample_one_hot(logits.clone(), noise)?;
        let ratio = categorical::log_prob(logits.zeros_like(), z.clone())?
            - categorical::log_prob(logits, z.clone())?;
        Ok(self.log_likelihood(images, z) + ratio.squeeze_dims::<2>(&[2, 3]))
    }

    fn exhibits(&self, _test: &dyn Fn(usize) -> Tensor<2>, _: &mut Noise) -> Result<Vec<Exhibit>, Error> {
        let components = Tensor::eye(self.components, &Device::flex());
        Ok(vec![Exhibit::Samples(self.means(components))])
    }

    fn generate(
        &self,
        count: usize,
        _test: &dyn Fn(usize) -> Result<Tensor<2>>,
        noise: &mut Noise,
    ) -> Result<Vec<u8>> {
        let uniform = Tensor::<2>::zeros([count, self.components], &Device::flex());
        Ok(self.means(gumbel::sample_one_hot(uniform, noise)?))
    }
}

/// The row of the table.
const MIXTURE: Row = Row::of::<BoundExperiment<Mixture>>();

#[test]
fn a_model_of_ones_own_trains_resumes_reports_and_draws() {
    let scratch = tempfile::tempdir().expect("a folder");
    let place = |name: &str| scratch.path().join(name);
    let train = |options: &[&str]| {
        let words = [&["mixture"], options].concat();
        let matches = MIXTURE.command().try_get_matches_from(words).expect("its options");
        (MIXTURE.train)(&matches, Instant::now(), &Stop::default())
    };
    let small =
        ["--components", "4", "--importance-samples", "5", "--importance-images", "50", "--lr", "0.02"];
    let (whole, parts) = (place("whole"), place("parts"));
    let out = |path: &std::path::Path| format!("--out={}", path.display());
    let run = |path: &std::path::Path, steps| {
        train(&[&small[..], &["--evaluate-every", "20", "--steps", steps, &out(path)]].concat())
    };
    assert!(run(&whole, "60").expect("trained") == ExitCode::SUCCESS);
    run(&parts, "30").expect("trained");
    train(&[&format!("--resume={}", parts.display()), "--steps", "60"]).expect("resumed");
    let file = |path: &std::path::Path, name: &str| std::fs::read(path.join(name)).expect(name);
    assert!(file(&whole, "model.safetensors") == file(&parts, "model.safetensors"));
    let metrics = String::from_utf8(file(&whole, "metrics.csv")).expect("text");
    let hard = |line: &str| line.split(',').nth(5).and_then(|number| number.parse::<f64>().ok());
    let hard: Vec<f64> = metrics.lines().skip(1).filter_map(hard).collect();
    assert!(hard[hard.len() - 1] < 0.9 * hard[0], "nothing was learned: {hard:?}");
    assert!(String::from_utf8(file(&whole, "report.html")).expect("text").contains("Mixture of digits"));
    let drawn =
        (MIXTURE.generate)(&RunFolder::open(&whole).expect("a run"), None, 7, &mut Noise::from_seed(1));
    assert!(matches!(drawn, Ok(Generated::Images(images)) if images.count() == 7));
    let refused = train(&["--components", "1"]).expect_err("one component").to_string();
    assert_eq!(refused, "--components must be at least 2, got 1");
}

/// The lines of CONTRIBUTING are those of this file.
#[test]
fn contributing_shows_the_lines_that_a_model_needs() {
    let contributing = include_str!("../../../../CONTRIBUTING.md");
    let section = contributing.split("## Add a model").nth(1).expect("a section");
    let code = section.split("```").nth(1).expect("code").trim_start_matches("rust\n");
    let lines: Vec<&str> = code.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert!((5..=10).contains(&lines.len()), "{} lines", lines.len());
    let this = include_str!("new_model.rs");
    for line in lines {
        let start = line.split("..").flat_map(|part| part.split("//")).next().expect("a start").trim();
        assert!(this.contains(start), "{line}");
    }
}
