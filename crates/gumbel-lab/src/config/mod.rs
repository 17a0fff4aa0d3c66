//! The options of `gumbel train`: the command line, a TOML file, and the record kept with a run are one struct, of
//! what all models of images take and what one of them adds.

mod file;
mod gan;
mod options;
mod sbn;
mod semi;
mod sizes;
mod text;
mod typed;
mod vae;
mod widths;

pub use gan::GanConfig;
pub use options::{Extent, LabelSource, Labelling, Options};
pub use sbn::SbnOptions;
pub use semi::SemiOptions;
pub use text::TextOptions;
pub use typed::Typed;
pub use vae::{Prior, VaeOptions};
pub use widths::Widths;

use crate::data::{Binarisation, Dataset};
use anyhow::{Result, ensure};
use clap::Args;
use gumbel::Schedule;
use gumbel::estimator::{self, Entry, Estimator, EstimatorSpec, Latents, Reduction};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The options of `gumbel train vae`.
pub type VaeConfig = Config<VaeOptions>;

/// Everything that decides a training run.
#[derive(Clone, Debug, PartialEq, Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default, bound = "O: Options")]
pub struct Config<O: Options> {
    /// digits (built in), mnist, binarized-mnist, fashion-mnist, omniglot, or a folder of IDX files
    #[arg(long, default_value = "digits", value_name = "NAME|DIR", help_heading = "Data")]
    pub data: String,
    /// Where data sets are looked for [default: $GUMBEL_DATA, then the platform's cache]
    #[arg(long, value_name = "DIR", help_heading = "Data")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_dir: Option<PathBuf>,
    /// How grey becomes 0 or 1: fixed (one draw for ever), dynamic (a draw each epoch), threshold
    #[arg(long, default_value_t = Binarisation::Dynamic, value_name = "WAY", help_heading = "Data")]
    pub binarise: Binarisation,

    /// What only this model takes.
    #[command(flatten)]
    #[serde(flatten)]
    pub model: O,

    /// Gradient estimator, by its name in the table, with parameters of its own
    #[arg(long, default_value = "gumbel-softmax", value_name = "NAME[:PARAMETER=VALUE...]")]
    #[arg(help_heading = "Estimator", help = estimator_help())]
    pub estimator: String,
    /// Its temperature: VALUE, exp:START:RATE:FLOOR:EVERY, linear:START:END:STEPS or cosine:START:END:STEPS
    /// [default: the estimator's own; of sbn, 1]
    #[arg(long, value_name = "SCHEDULE", help_heading = "Estimator")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tau: Option<Schedule>,
    /// Samples per image in training, S
    #[arg(long, value_parser = whole::<usize>, value_name = "S", help_heading = "Estimator")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub samples: Option<usize>,

    /// Gradient steps
    #[arg(long, default_value_t = 5000, value_parser = whole::<u64>, value_name = "N", help_heading = "Training")]
    pub steps: u64,
    /// Images per step
    #[arg(long, default_value_t = 100, value_parser = whole::<usize>, value_name = "N", help_heading = "Training")]
    pub batch: usize,
    /// Learning rate of Adam: VALUE, or a schedule as for --tau, such as cosine:START:END:STEPS
    #[arg(long, default_value_t = Schedule::Constant(1e-3), value_name = "SCHEDULE", help_heading = "Training")]
    pub lr: Schedule,
    /// Decides every random number
    #[arg(long, default_value_t = 0, value_parser = whole::<u64>, value_name = "N", help_heading = "Training")]
    pub seed: u64,
    /// Threads, 0 for one per core; the result does not depend on it
    #[arg(long, default_value_t = 0, value_parser = whole::<usize>, value_name = "N", help_heading = "Training")]
    pub threads: usize,

    /// Steps between evaluations of the hard objective, and between checkpoints
    #[arg(long, default_value_t = 500, value_parser = whole::<u64>, value_name = "N", help_heading = "Evaluation")]
    pub evaluate_every: u64,
    /// Draws of the gradient at each evaluation, from which its variance is estimated; 0 for none
    #[arg(long, default_value_t = 0, value_parser = whole::<usize>, value_name = "R", help_heading = "Evaluation")]
    pub gradient_variance: usize,
    /// Samples m per image of the final bound, a log-mean-exp
    #[arg(long, default_value_t = 1000, value_parser = whole::<usize>, value_name = "M", help_heading = "Evaluation")]
    pub importance_samples: usize,
    /// Test images that bound is taken over, 0 for all
    #[arg(long, default_value_t = 0, value_parser = whole::<usize>, value_name = "N", help_heading = "Evaluation")]
    pub importance_images: usize,
}

/// The most threads: more than any machine gains from, fewer than any refuses.
const THREADS: usize = 1024;

impl<O: Options> Config<O> {
    /// Makes the data's paths absolute, so that the run can be resumed from anywhere.
    ///
    /// # Errors
    /// A working directory that is gone.
    pub fn make_absolute(&mut self) -> Result<()> {
        self.data_dir = self.data_dir.as_ref().map(std::path::absolute).transpose()?;
        if !O::knows(&self.data) && Path::new(&self.data).exists() {
            // A path that is no text stays as it was: TOML could not hold it.
            self.data =
                std::path::absolute(&self.data)?.into_os_string().into_string().unwrap_or(self.data.clone());
        }
        Ok(())
    }

    /// Refuses what cannot be trained, with the remedy.
    ///
    /// # Errors
    /// The first option out of its range, or two that do not go together.
    pub fn check(&self) -> Result<()> {
        ensure!(self.batch >= 1, "--batch must be at least 1, got 0");
        ensure!(self.steps >= 1, "--steps must be at least 1, got 0");
        ensure!(self.evaluate_every >= 1, "--evaluate-every must be at least 1, got 0");
        ensure!(
            self.gradient_variance != 1,
            "--gradient-variance must be at least 2 draws, or 0 for none, got 1: one draw has no variance"
        );
        ensure!(self.importance_samples >= 1, "--importance-samples must be at least 1, got 0");
        check_threads(self.threads)?;
        ensure!(self.model.bound() != Some(0), "--train-samples must be at least 1, got 0");
        self.model.check(&self.choice()?)?;
        self.check_served()?;
        self.estimator().map(drop)
    }

    /// The data to train and test on.
    ///
    /// # Errors
    /// Data that are missing or damaged.
    pub fn load(&self) -> Result<Dataset> {
        self.model.load(&self.data, self.data_dir.as_deref())
    }

    fn check_served(&self) -> Result<()> {
        let info = self.info()?;
        let serves = |reduction| info.properties.supports(reduction);
        match self.model.bound() {
            None => ensure!(
                serves(Reduction::Mean),
                "--estimator {info} serves a log-mean-exp only, and this objective is a mean over samples; use rloo"
            ),
            Some(_) => ensure!(
                serves(Reduction::LogMeanExp),
                "--estimator {info} serves a mean over samples only, and --train-samples asks for a log-mean-exp; \
                 use vimco, reinforce or gumbel-softmax"
            ),
        }
        ensure!(
            info.properties.latents == Latents::Categorical || self.model.latents().1 == 2,
            "--estimator {info} supports binary latents only; use {} 2, or --estimator rloo",
            O::CATEGORIES
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
            ensure!(choice.entry.takes(name), "--{option} is no parameter of --estimator {}", choice.entry);
            ensure!(
                choice.parameters.get(name).is_none(),
                "--estimator {choice} and --{option} {value} both give {name}; leave one out"
            );
            choice.parameters = choice.parameters.with(name, value);
        }
        Ok(match O::TAU {
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

impl<O: Options> Typed for Config<O> {
    const MODEL: &'static str = O::MODEL;

    fn add_options(command: clap::Command) -> clap::Command {
        O::suit(typed::add_options::<Self>(command))
    }

    /// The model's own options alone: in a flattened struct an error forgets its place.
    fn check_parts(text: &str) -> Result<(), toml::de::Error> {
        toml::from_str::<O>(text).map(drop)
    }
}

impl<O: Options> Default for Config<O> {
    fn default() -> Self {
        Self::defaults()
    }
}

/// Options as they are where none is given.
fn defaults<A: Args>() -> A {
    let matches = A::augment_args(clap::Command::new("")).try_get_matches_from::<_, &str>([]);
    let parsed = matches.and_then(|matches| A::from_arg_matches(&matches));
    parsed.expect("every option has a default")
}

fn estimator_help() -> String {
    let names = estimator::ALL.iter().map(|info| info.name()).collect::<Vec<_>>().join(", ");
    format!("Gradient estimator, such as gumbel-softmax:tau=0.5 or rloo:samples=4; see gumbel list: {names}")
}

pub(crate) fn check_threads(threads: usize) -> Result<()> {
    ensure!(threads <= THREADS, "--threads must be at most {THREADS}, got {threads}; 0 takes one per core");
    Ok(())
}

/// A whole number of the command line. Through TOML's integers, which a run's record must hold.
fn whole<T: TryFrom<i64>>(text: &str) -> Result<T, String> {
    let number = text.parse::<i64>().ok().and_then(|number| T::try_from(number).ok());
    number.ok_or_else(|| format!("it must be a whole number from 0 to {}", i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str], file: Option<&str>) -> Result<VaeConfig> {
        let matches = VaeConfig::command_line().try_get_matches_from(arguments)?;
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("run.toml");
        file.map(|text| std::fs::write(&path, text)).transpose()?;
        VaeConfig::read(&matches, file.map(|_| path.as_path()))
    }

    #[test]
    fn the_command_line_wins_over_the_file_and_the_file_over_the_defaults() {
        let config =
            read(&["--steps", "7"], Some("steps = 9\nlr = 0.5\nhidden = [3, 2]\ntau = 0.3")).unwrap();
        assert_eq!((config.steps, config.lr, config.batch), (7, Schedule::Constant(0.5), 100));
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
        assert_eq!(VaeConfig::defaults().command(), "gumbel train vae");
        let config = read(&["--hidden", "none", "--steps", "7", "--prior", "learned"], None).unwrap();
        assert_eq!(config.command(), "gumbel train vae --hidden none --steps 7");
        let config = read(&["--data", "/my data/it's"], None).unwrap();
        assert_eq!(config.command(), r"gumbel train vae --data '/my data/it'\''s'");
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

    #[test]
    fn mistakes_name_the_value_and_the_remedy() {
        let cases: &[(&[&str], &str)] = &[
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
            (&["--estimator", "rloo", "--tau", "1"], "--tau is no parameter of --estimator rloo"),
            (&["--tau", "0"], "must be positive and finite, got 0"),
            (&["--hidden", "512,x"], "'x' is not a width"),
            (&["--steps", "-1"], "invalid value '-1' for '--steps <N>': it must be a whole number from 0"),
            (&["--seed", "9223372036854775808"], "it must be a whole number from 0 to 9223372036854775807"),
            (&["--binarise", "threshhold"], "did you mean threshold?"),
            (&["--kl", "densty"], "did you mean 'density'?"),
            (&["--estimator", "rloo:samples=1"], "rloo: samples must be at least 2, got 1"),
        ];
        for (arguments, part) in cases {
            let error = read(arguments, None).and_then(|config| config.check()).unwrap_err();
            assert!(format!("{error:#}").contains(part), "{arguments:?}: {error:#}");
        }
    }
}
