//! The options of a model that is trained on a bound: those of all such models, and the hyperparameters of one.

use super::HeldOut;
use crate::data::{Binarization, Images};
use crate::model::ModelConfig;
use crate::run::{Common, RunConfig};
use crate::support::options::count;
use anyhow::{Result, ensure};
use burn::tensor::Device;
use clap::Args;
use gumbel::Schedule;
use gumbel::estimator::{self, Entry, Estimator, EstimatorSpec, Latents, Reduction};
use serde::{Deserialize, Serialize};

/// The options of a training run.
#[derive(Clone, Debug, PartialEq, Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default, bound = "C: ModelConfig")]
pub struct Config<C: ModelConfig> {
    /// The options of every run.
    #[command(flatten)]
    #[serde(flatten)]
    pub common: Common,
    /// Binarization of grey pixels: fixed (drawn once), dynamic (redrawn every epoch), threshold
    #[arg(long, alias = "binarise", default_value_t = Binarization::Dynamic, value_name = "METHOD", help_heading = "Data")]
    pub binarize: Binarization,

    /// The hyperparameters of the model.
    #[command(flatten)]
    #[serde(flatten)]
    pub model: C,

    /// Gradient estimator, with its parameters
    #[arg(long, default_value = "gumbel-softmax", value_name = "NAME[:PARAMETER=VALUE...]")]
    #[arg(help_heading = "Estimator", help = estimator_help())]
    pub estimator: String,
    /// Temperature of the estimator: VALUE, exp:START:RATE:FLOOR:EVERY, linear:START:END:STEPS or cosine:START:END:STEPS
    /// [default: that of the estimator; for sbn, 1]
    #[arg(long, value_name = "SCHEDULE", help_heading = "Estimator")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tau: Option<Schedule>,
    /// Number of samples per image in training (S)
    #[arg(long, value_parser = count::<usize>, value_name = "S", help_heading = "Estimator")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub samples: Option<usize>,

    /// Number of images per step, at least 1
    #[arg(long, default_value_t = 100, value_parser = count::<usize>, value_name = "N", help_heading = "Training")]
    pub batch: usize,
    /// Learning rate of Adam: VALUE, or a schedule as for --tau, such as cosine:START:END:STEPS
    #[arg(long, default_value_t = Schedule::Constant(1e-3), value_name = "SCHEDULE", help_heading = "Training")]
    pub lr: Schedule,
    /// Number of steps over which the learning rate grows linearly to --lr
    #[arg(long, default_value_t = 0, value_parser = count::<u64>, value_name = "N", help_heading = "Training")]
    pub lr_warmup: u64,

    /// Number of draws of the gradient per evaluation, at least 2, to estimate its variance; 0 for none
    #[arg(long, default_value_t = 0, value_parser = count::<usize>, value_name = "R", help_heading = "Evaluation")]
    pub gradient_variance: usize,
    /// Number of samples per image of the final bound, a log-mean-exp (M), at least 1
    #[arg(long, default_value_t = 1000, value_parser = count::<usize>, value_name = "M", help_heading = "Evaluation")]
    pub importance_samples: usize,
    /// Number of test images for the final bound; 0 uses all
    #[arg(long, default_value_t = 0, value_parser = count::<usize>, value_name = "N", help_heading = "Evaluation")]
    pub importance_images: usize,
}

impl<C: ModelConfig> Config<C> {
    /// Images to evaluate on, binarized as the configuration says, on a device.
    pub(super) fn held_out(&self, images: &Images, device: &Device) -> HeldOut {
        HeldOut::new(images, self.binarize, &device.clone().inner())
    }

    /// The learning rate at a step, from 0.
    pub fn lr_at(&self, step: u64) -> f64 {
        let lr = self.lr.at(step);
        if step < self.lr_warmup { lr * (step + 1) as f64 / self.lr_warmup as f64 } else { lr }
    }

    fn check_supported(&self) -> Result<()> {
        let info = self.info()?;
        let supports = |reduction| info.properties.supports(reduction);
        match self.model.bound() {
            None => ensure!(
                supports(Reduction::Mean),
                "--estimator {info} supports a log-mean-exp only, but this objective is a mean over samples; use rloo"
            ),
            Some(_) => ensure!(
                supports(Reduction::LogMeanExp),
                "--estimator {info} supports a mean over samples only, but --train-samples makes the objective a log-mean-exp; \
                 use vimco, reinforce or gumbel-softmax"
            ),
        }
        ensure!(
            info.properties.latents == Latents::Categorical || self.model.latents().1 == 2,
            "--estimator {info} supports binary latents only; use {} 2, or --estimator rloo",
            C::CATEGORIES
        );
        Ok(())
    }

    /// The estimator's row in the table.
    ///
    /// # Errors
    /// An unknown name.
    pub fn info(&self) -> Result<&'static Entry> {
        Ok(self.choice()?.entry)
    }

    /// The estimator with its parameters: those of `--estimator`, and `--tau` and `--samples`.
    ///
    /// # Errors
    /// An unknown name, or a parameter it does not take.
    pub fn choice(&self) -> Result<EstimatorSpec> {
        let mut choice: EstimatorSpec = self.estimator.parse()?;
        let tau = self.tau.map(|tau| ("tau", "tau", tau.to_string()));
        let samples = self.samples.map(|samples| ("samples", "samples", samples.to_string()));
        // In a chain of layers a path has one sample of each layer, and it is the chain that is repeated.
        let repeated = self.model.layers() > 1 && choice.entry.properties.needs_gradient;
        let bound = self.model.bound().filter(|_| !repeated);
        let bound = bound.map(|samples| ("train-samples", "samples", samples.to_string()));
        for (option, name, value) in [tau, samples, bound].into_iter().flatten() {
            ensure!(
                choice.entry.takes(name),
                "--{option} is not a parameter of --estimator {}",
                choice.entry
            );
            ensure!(
                choice.parameters.get(name).is_none(),
                "--estimator {choice} and --{option} {value} both give {name}; leave one out"
            );
            choice.parameters = choice.parameters.with(name, value);
        }
        Ok(match C::TAU {
            Some(tau) => choice.or("tau", tau),
            None => choice,
        })
    }

    /// A new estimator.
    ///
    /// # Errors
    /// An unknown name, or parameters it does not take.
    pub fn estimator(&self) -> Result<Box<dyn Estimator>> {
        Ok(self.choice()?.build()?)
    }
}

impl<C: ModelConfig> RunConfig for Config<C> {
    const NAME: &'static str = C::NAME;
    const FINAL: &'static [&'static str] = &["importance-samples", "importance-images"];

    fn common(&self) -> &Common {
        &self.common
    }

    fn common_mut(&mut self) -> &mut Common {
        &mut self.common
    }

    fn adapt(command: clap::Command) -> clap::Command {
        C::adapt(command)
    }

    fn knows(data: &str) -> bool {
        C::knows(data)
    }

    fn check_parts(text: &str) -> Result<(), toml::de::Error> {
        toml::from_str::<Common>(text)?;
        toml::from_str::<C>(text).map(drop)
    }

    fn check(&self) -> Result<()> {
        self.common.check()?;
        ensure!(self.batch >= 1, "--batch must be at least 1, got 0");
        let (shards, batch) = (self.common.shards, self.batch);
        ensure!(shards <= batch, "--shards must be at most --batch {batch}, got {shards}");
        ensure!(
            self.gradient_variance != 1,
            "--gradient-variance must be at least 2 draws, or 0 for none, got 1: one draw has no variance"
        );
        ensure!(self.importance_samples >= 1, "--importance-samples must be at least 1, got 0");
        ensure!(self.model.bound() != Some(0), "--train-samples must be at least 1, got 0");
        self.model.check(&self.choice()?)?;
        self.check_supported()?;
        self.estimator().map(drop)
    }
}

impl<C: ModelConfig> Default for Config<C> {
    fn default() -> Self {
        Self::defaults()
    }
}

fn estimator_help() -> String {
    let names = estimator::ALL.iter().map(|info| info.name()).collect::<Vec<_>>().join(", ");
    format!("Gradient estimator, such as gumbel-softmax:tau=0.5 or rloo:samples=4; see gumbel list: {names}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::VaeConfig;
    use crate::run::parsed;

    type Options = Config<VaeConfig>;

    fn read(arguments: &[&str], file: Option<&str>) -> Result<Options> {
        parsed(arguments, file)
    }

    #[test]
    fn the_command_line_wins_over_the_file_and_the_file_over_the_defaults() {
        let config =
            read(&["--steps", "7"], Some("steps = 9\nlr = 0.5\nhidden = [3, 2]\ntau = 0.3")).unwrap();
        assert_eq!((config.common.steps, config.lr, config.batch), (7, Schedule::Constant(0.5), 100));
        assert_eq!(
            (config.model.hidden, config.tau),
            ([3, 2].into_iter().collect(), Some(Schedule::Constant(0.3)))
        );
    }

    #[test]
    fn a_configuration_survives_its_file() {
        let config =
            read(&["--hidden", "none", "--tau", "linear:1:0.5:10", "--kl", "density"], None).unwrap();
        let text = toml::to_string(&config).unwrap();
        assert_eq!(read(&[], Some(&text)).unwrap(), config);
    }

    #[test]
    fn the_command_names_what_differs_from_the_defaults() {
        assert_eq!(Options::defaults().command(), "gumbel train vae");
        let config = read(&["--hidden", "none", "--steps", "7", "--prior", "learned"], None).unwrap();
        assert_eq!(config.command(), "gumbel train vae --hidden none --steps 7");
        let config = read(&["--data", "/my data/it's"], None).unwrap();
        assert_eq!(config.command(), r"gumbel train vae --data '/my data/it'\''s'");
    }

    #[test]
    fn earlier_names_of_options_are_read_from_files_and_typed() {
        let config = read(&[], Some("binarise = \"threshold\"")).unwrap();
        assert_eq!(config.binarize, Binarization::Threshold);
        assert_eq!(read(&["--binarise", "threshold"], Some("binarise = \"fixed\"")).unwrap(), config);
    }

    #[test]
    fn the_learning_rate_grows_to_its_schedule() {
        let config = read(&["--lr", "0.5", "--lr-warmup", "4"], None).unwrap();
        assert_eq!([0, 1, 3, 4, 9].map(|step| config.lr_at(step)), [0.125, 0.25, 0.5, 0.5, 0.5]);
        assert_eq!(read(&[], None).unwrap().lr_at(0), 1e-3);
    }

    #[test]
    fn a_bound_repeats_a_chain_of_paths_and_the_samples_of_all_else() {
        let choice = |arguments: &[&str]| {
            let bound = ["--train-samples", "5", "--kl", "mass-at-sample"];
            read(&[&bound, arguments].concat(), None).unwrap().choice().unwrap().parameters
        };
        assert_eq!(choice(&[]).get("samples"), Some("5"));
        assert_eq!(choice(&["--layers", "2"]).get("samples"), None);
        assert_eq!(choice(&["--layers", "2", "--estimator", "vimco"]).get("samples"), Some("5"));
    }

    const MISTAKES: &[(&[&str], &str)] = &[
        (&["--categories", "1"], "--categories must be at least 2, got 1"),
        (&["--lr", "nan"], "must be positive and finite, got NaN"),
        (
            &["--lr", "cosine:1e-3:1e-4"],
            "'--lr <SCHEDULE>': invalid schedule 'cosine:1e-3:1e-4': not a schedule",
        ),
        (&["--estimator", "reinforced"], "did you mean 'reinforce'?"),
        (&["--estimator", "reinforce", "--kl", "density"], "use --estimator gumbel-softmax"),
        (&["--estimator", "muprop", "--kl", "mass-at-sample"], "use --kl categorical"),
        (&["--prior-tau", "0.5"], "needs --kl density"),
        (&["--samples", "0"], "at least 1, got 0"),
        (&["--shards", "0"], "--shards must be at least 1, got 0"),
        (&["--shards", "101"], "--shards must be at most --batch 100, got 101"),
        (&["--shards", "2", "--device", "wgpu"], "--shards must be 1 on --device wgpu, got 2"),
        (&["--gradient-variance", "1"], "must be at least 2 draws, or 0 for none, got 1"),
        (
            &["--estimator", "gumbel-rao:tau=0.3", "--tau", "0.5"],
            "--estimator gumbel-rao:tau=0.3 and --tau 0.5 both give tau",
        ),
        (&["--estimator", "vimco"], "use rloo"),
        (&["--train-samples", "5"], "use --kl mass-at-sample"),
        (
            &["--train-samples", "5", "--kl", "mass-at-sample", "--estimator", "rloo"],
            "use vimco, reinforce or gumbel-softmax",
        ),
        (
            &["--train-samples", "5", "--samples", "2", "--kl", "mass-at-sample"],
            "and --train-samples 5 both give samples",
        ),
        (&["--train-samples", "0", "--kl", "mass-at-sample"], "at least 1, got 0"),
        (&["--layers", "0"], "--layers must be from 1 to 10, got 0"),
        (&["--layers", "11"], "--layers must be from 1 to 10, got 11"),
        (&["--estimator", "disarm"], "supports binary latents only; use --categories 2"),
        (&["--estimator", "rloo", "--tau", "1"], "--tau is not a parameter of --estimator rloo"),
        (&["--tau", "0"], "must be positive and finite, got 0"),
        (&["--hidden", "512,x"], "'x' is not a width"),
        (
            &["--steps", "-1"],
            "invalid value '-1' for '--steps <N>': it must be a whole number without a sign",
        ),
        (
            &["--seed", "9223372036854775808"],
            "it must be a whole number without a sign, at most 9223372036854775807",
        ),
        (&["--binarize", "threshhold"], "did you mean 'threshold'?"),
        (&["--kl", "densty"], "did you mean 'density'?"),
        (&["--estimator", "rloo:samples=1"], "rloo: samples must be at least 2, got 1"),
    ];

    #[test]
    fn mistakes_name_the_value_and_the_remedy() {
        for (arguments, part) in MISTAKES {
            let error = read(arguments, None).and_then(|config| config.check()).unwrap_err();
            assert!(format!("{error:#}").contains(part), "{arguments:?}: {error:#}");
        }
    }
}
