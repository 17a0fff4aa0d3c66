//! The options of `gumbel train vae`: the command line, a TOML file, and the record kept with a run are one
//! struct.

mod file;
mod gan;
mod options;
mod sizes;
mod widths;

pub use gan::GanConfig;
pub use options::Options;
pub use widths::Widths;

use crate::data::{Binarisation, registry};
use crate::model::vae::{Divergence, Shape};
use anyhow::{Result, bail, ensure};
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, FromArgMatches};
use gumbel::Schedule;
use gumbel::estimator::{self, Choice, Estimator, Info, Latents, Reduction, Samples};
use gumbel::kl::Kl;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Everything that decides a training run.
#[derive(Clone, Debug, PartialEq, Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct VaeConfig {
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

    /// Number of latents, D
    #[arg(long, default_value_t = 20, value_parser = whole::<usize>, value_name = "D", help_heading = "Model")]
    pub latents: usize,
    /// Categories of each latent, K, at least 2
    #[arg(long, default_value_t = 10, value_parser = whole::<usize>, value_name = "K", help_heading = "Model")]
    pub categories: usize,
    /// Widths of the encoder's hidden layers (the decoder has them in reverse), or none
    #[arg(long, default_value_t, value_name = "WIDTHS", help_heading = "Model")]
    pub hidden: Widths,
    /// uniform, or learned with the rest
    #[arg(long, default_value_t = Prior::Learned, value_enum, value_name = "PRIOR", help_heading = "Model")]
    pub prior: Prior,
    /// Divergence in the training objective: categorical (closed form of the discrete distributions),
    /// mass-at-sample (their log-ratio at the sample), or density (log-ratio of the Concrete densities; the
    /// only bound with relaxed samples)
    #[arg(long, default_value_t = Kl::Categorical, value_name = "KL", help_heading = "Model")]
    pub kl: Kl,
    /// Temperature of the prior's density, with --kl density [default: the posterior's]
    #[arg(long, value_name = "VALUE", help_heading = "Model")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prior_tau: Option<f64>,

    /// Gradient estimator, by its name in the table, with parameters of its own
    #[arg(long, default_value = "gumbel-softmax", value_name = "NAME[:PARAMETER=VALUE...]")]
    #[arg(help_heading = "Estimator", help = estimator_help())]
    pub estimator: String,
    /// Its temperature: VALUE, exp:START:RATE:FLOOR:EVERY, linear:START:END:STEPS or cosine:START:END:STEPS
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
    /// Learning rate of Adam
    #[arg(long, default_value_t = 1e-3, value_name = "X", help_heading = "Training")]
    pub lr: f64,
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
    /// Samples m per image of the final importance-weighted bound
    #[arg(long, default_value_t = 1000, value_parser = whole::<usize>, value_name = "M", help_heading = "Evaluation")]
    pub importance_samples: usize,
    /// Test images the importance-weighted bound is taken over, 0 for all
    #[arg(long, default_value_t = 0, value_parser = whole::<usize>, value_name = "N", help_heading = "Evaluation")]
    pub importance_images: usize,
}

/// The most threads: more than any machine gains from, fewer than any refuses.
const THREADS: usize = 1024;

/// The prior of the latents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Prior {
    /// Every category equally likely
    Uniform,
    /// Its logits are trained
    Learned,
}

impl VaeConfig {
    /// The defaults of every option.
    pub fn defaults() -> Self {
        let matches = Self::command_line().try_get_matches_from::<_, &str>([]);
        let parsed = matches.and_then(|matches| Self::from_arg_matches(&matches));
        parsed.expect("every option has a default")
    }

    /// The options alone, as a command without a name.
    fn command_line() -> clap::Command {
        Self::add_options(clap::Command::new("vae").no_binary_name(true))
    }

    /// Adds the options to a command.
    pub(crate) fn add_options(command: clap::Command) -> clap::Command {
        // A number below zero should meet its range, not pass for an option.
        Self::augment_args(command).mut_args(|option| option.allow_negative_numbers(true))
    }

    /// Every option and its value, as one would type them.
    pub fn options(&self) -> Vec<(String, String)> {
        let table =
            toml::Table::try_from(self).expect("a checked configuration is made of strings and numbers");
        table
            .into_iter()
            .map(|(name, value)| match value {
                toml::Value::String(text) => (name, text),
                toml::Value::Array(_) => (name, self.hidden.to_string()),
                other => (name, other.to_string()),
            })
            .collect()
    }

    /// The command that makes the same run: the options that differ from the defaults.
    pub fn command(&self) -> String {
        let defaults = Self::defaults().options();
        let chosen = self.options().into_iter().filter(|option| !defaults.contains(option));
        chosen.fold("gumbel train vae".into(), |command, (name, value)| {
            format!("{command} --{name} {}", quoted(&value))
        })
    }

    /// Command-line options over those of a file over the defaults.
    ///
    /// # Errors
    /// A file that cannot be read or that has unknown or malformed keys.
    pub fn read(matches: &ArgMatches, file: Option<&Path>) -> Result<Self> {
        let from_arguments = Self::from_arg_matches(matches)?;
        let Some(path) = file else { return Ok(from_arguments) };
        let mut merged = file::read(path)?.1;
        for (key, value) in toml::Table::try_from(&from_arguments)? {
            if matches.value_source(&key.replace('-', "_")) == Some(ValueSource::CommandLine) {
                merged.insert(key, value);
            }
        }
        Ok(merged.try_into()?)
    }

    /// A file over the defaults.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn from_file(path: &Path) -> Result<Self> {
        file::read(path).map(|(config, _)| config)
    }

    /// Makes the data's folders absolute, so that the run can be resumed from anywhere.
    ///
    /// # Errors
    /// A working directory that is gone.
    pub fn make_absolute(&mut self) -> Result<()> {
        self.data_dir = self.data_dir.as_ref().map(std::path::absolute).transpose()?;
        if registry::find(&self.data).is_err() && Path::new(&self.data).is_dir() {
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
        ensure!(self.latents >= 1, "--latents must be at least 1, got 0");
        ensure!(
            self.categories >= 2,
            "--categories must be at least 2, got {}: a latent with one category says nothing",
            self.categories
        );
        ensure!(self.batch >= 1, "--batch must be at least 1, got 0");
        ensure!(self.steps >= 1, "--steps must be at least 1, got 0");
        ensure!(self.evaluate_every >= 1, "--evaluate-every must be at least 1, got 0");
        ensure!(
            self.gradient_variance != 1,
            "--gradient-variance must be at least 2 draws, or 0 for none, got 1: one draw has no variance"
        );
        ensure!(self.importance_samples >= 1, "--importance-samples must be at least 1, got 0");
        ensure!(self.lr.is_finite() && self.lr > 0.0, "--lr must be positive and finite, got {}", self.lr);
        check_threads(self.threads)?;
        self.check_divergence()?;
        self.check_served()?;
        self.estimator().map(drop)
    }

    fn check_divergence(&self) -> Result<()> {
        let density = self.kl == Kl::Density;
        if let Some(tau) = self.prior_tau {
            ensure!(density, "--prior-tau needs --kl density: no other divergence has a prior temperature");
            ensure!(tau.is_finite() && tau > 0.0, "--prior-tau must be positive and finite, got {tau}");
        }
        if density && self.info()?.samples == Samples::Hard {
            bail!(
                "--kl density needs relaxed samples, which --estimator {} does not draw; \
                 use --estimator gumbel-softmax or --kl categorical",
                self.estimator
            );
        }
        Ok(())
    }

    fn check_served(&self) -> Result<()> {
        let info = self.info()?;
        ensure!(
            info.reductions.contains(&Reduction::Mean),
            "--estimator {info} serves a log-mean-exp only, and this objective is a mean over samples; use rloo"
        );
        ensure!(
            info.serves == Latents::Categorical || self.categories == 2,
            "--estimator {info} serves binary latents only; use --categories 2, or --estimator rloo"
        );
        Ok(())
    }

    /// The estimator's row in the table.
    ///
    /// # Errors
    /// An unknown name.
    pub fn info(&self) -> Result<&'static Info> {
        Ok(self.choice()?.info)
    }

    /// The estimator with its parameters: those of `--estimator`, and `--tau` and `--samples`.
    ///
    /// # Errors
    /// An unknown name, or a parameter it does not take.
    pub fn choice(&self) -> Result<Choice> {
        let mut choice: Choice = self.estimator.parse()?;
        let tau = self.tau.map(|tau| ("tau", tau.to_string()));
        let samples = self.samples.map(|samples| ("samples", samples.to_string()));
        for (name, value) in tau.into_iter().chain(samples) {
            ensure!(choice.info.takes(name), "--{name} is no parameter of --estimator {}", choice.info);
            ensure!(
                choice.parameters.get(name).is_none(),
                "--estimator {choice} and --{name} {value} both give {name}; leave one out"
            );
            choice.parameters = choice.parameters.with(name, value);
        }
        Ok(choice)
    }

    /// A new estimator.
    ///
    /// # Errors
    /// An unknown name, or parameters it does not take.
    pub fn estimator(&self) -> Result<Box<dyn Estimator>> {
        Ok(self.choice()?.build()?)
    }

    /// The divergence of the training objective.
    pub fn divergence(&self) -> Divergence {
        Divergence { kind: self.kl, prior_tau: self.prior_tau }
    }

    /// The model for images of `pixels` pixels.
    pub fn shape(&self, pixels: usize) -> Shape {
        Shape {
            pixels,
            latents: self.latents,
            categories: self.categories,
            hidden: self.hidden.as_slice().to_vec(),
            learned_prior: self.prior == Prior::Learned,
        }
    }
}

impl Default for VaeConfig {
    fn default() -> Self {
        Self::defaults()
    }
}

fn estimator_help() -> String {
    let names = estimator::ALL.iter().map(|info| info.name).collect::<Vec<_>>().join(", ");
    format!("Gradient estimator, such as gumbel-softmax:tau=0.5 or rloo:samples=4; see gumbel list: {names}")
}

fn check_threads(threads: usize) -> Result<()> {
    ensure!(threads <= THREADS, "--threads must be at most {THREADS}, got {threads}; 0 takes one per core");
    Ok(())
}

/// A word as a POSIX shell takes it.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,=+@%".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.into(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
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
        assert_eq!((config.steps, config.lr, config.batch), (7, 0.5, 100));
        assert_eq!(
            (config.hidden, config.tau),
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
    fn mistakes_name_the_value_and_the_remedy() {
        let cases: &[(&[&str], &str)] = &[
            (&["--categories", "1"], "--categories must be at least 2, got 1"),
            (&["--lr", "nan"], "--lr must be positive and finite, got NaN"),
            (&["--estimator", "reinforced"], "did you mean reinforce?"),
            (&["--estimator", "reinforce", "--kl", "density"], "use --estimator gumbel-softmax"),
            (&["--prior-tau", "0.5"], "needs --kl density"),
            (&["--samples", "0"], "at least 1, got 0"),
            (&["--gradient-variance", "1"], "must be at least 2 draws, or 0 for none, got 1"),
            (
                &["--estimator", "gumbel-rao:tau=0.3", "--tau", "0.5"],
                "--estimator gumbel-rao:tau=0.3 and --tau 0.5 both give tau",
            ),
            (&["--estimator", "vimco"], "use rloo"),
            (&["--estimator", "disarm"], "serves binary latents only; use --categories 2"),
            (&["--estimator", "rloo", "--tau", "1"], "--tau is no parameter of --estimator rloo"),
            (&["--tau", "0"], "must be positive and finite, got 0"),
            (&["--hidden", "512,x"], "'x' is not a width"),
            (&["--steps", "-1"], "invalid value '-1' for '--steps <N>': it must be a whole number from 0"),
            (&["--seed", "9223372036854775808"], "it must be a whole number from 0 to 9223372036854775807"),
            (&["--binarise", "threshhold"], "did you mean threshold?"),
            (&["--kl", "densty"], "did you mean density?"),
            (&["--estimator", "rloo:samples=1"], "rloo: the number of samples must be at least 2, got 1"),
        ];
        for (arguments, part) in cases {
            let error = read(arguments, None).and_then(|config| config.check()).unwrap_err();
            assert!(format!("{error:#}").contains(part), "{arguments:?}: {error:#}");
        }
    }
}
