//! The options of `gumbel train vae`: the command line, a TOML file, and the record kept with a run are one
//! struct.

use crate::data::Binarisation;
use crate::model::vae::{Divergence, Shape};
use anyhow::{Context, Result, bail, ensure};
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, FromArgMatches};
use gumbel::Schedule;
use gumbel::estimator::{self, Estimator, Info, Parameters, Samples};
use gumbel::kl::Kl;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Everything that decides a training run.
#[derive(Clone, Debug, PartialEq, Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct VaeConfig {
    /// digits (built in), mnist, binarized-mnist, fashion-mnist, omniglot, or a folder of IDX files
    #[arg(long, default_value = "digits", value_name = "NAME|DIR", help_heading = "Data")]
    pub data: String,
    /// Where data sets are looked for [default: $GUMBEL_DATA, then the platform's cache]
    #[arg(long, value_name = "DIR", help_heading = "Data")]
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub data_dir: Option<PathBuf>,
    /// How grey becomes 0 or 1: fixed (one draw for ever), dynamic (a draw each epoch), threshold
    #[arg(long, default_value_t = Binarisation::Dynamic, value_name = "WAY", help_heading = "Data")]
    pub binarise: Binarisation,

    /// Number of latents, D
    #[arg(long, default_value_t = 20, value_name = "D", help_heading = "Model")]
    pub latents: usize,
    /// Categories of each latent, K, at least 2
    #[arg(long, default_value_t = 10, value_name = "K", help_heading = "Model")]
    pub categories: usize,
    /// Widths of the encoder's hidden layers (the decoder has them in reverse), or none
    #[arg(long, default_value_t = Widths(vec![256]), value_name = "WIDTHS", help_heading = "Model")]
    pub hidden: Widths,
    /// uniform, or learned with the rest
    #[arg(long, default_value_t = Prior::Learned, value_enum, value_name = "PRIOR", help_heading = "Model")]
    pub prior: Prior,
    /// Divergence in the training objective
    #[arg(long, default_value_t = KlChoice::Categorical, value_enum, value_name = "KL", help_heading = "Model")]
    pub kl: KlChoice,
    /// Temperature of the prior's density, with --kl density [default: the posterior's]
    #[arg(long, value_name = "VALUE", allow_negative_numbers = true, help_heading = "Model")]
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub prior_tau: Option<f64>,

    /// Gradient estimator
    #[arg(long, default_value = "gumbel-softmax", value_name = "NAME", help_heading = "Estimator")]
    pub estimator: String,
    /// Temperature: VALUE, exp:START:RATE:FLOOR:EVERY, linear:START:END:STEPS or cosine:START:END:STEPS
    #[arg(long, default_value = DEFAULT_TAU, value_name = "SCHEDULE", allow_negative_numbers = true)]
    #[arg(help_heading = "Estimator")]
    pub tau: Schedule,
    /// Samples per image in training, S
    #[arg(long, default_value_t = 1, value_name = "S", help_heading = "Estimator")]
    pub samples: usize,

    /// Gradient steps
    #[arg(long, default_value_t = 5000, value_name = "N", help_heading = "Training")]
    pub steps: u64,
    /// Images per step
    #[arg(long, default_value_t = 100, value_name = "N", help_heading = "Training")]
    pub batch: usize,
    /// Learning rate of Adam
    #[arg(long, default_value_t = 1e-3, value_name = "X", allow_negative_numbers = true)]
    #[arg(help_heading = "Training")]
    pub lr: f64,
    /// Decides every random number
    #[arg(long, default_value_t = 0, value_name = "N", help_heading = "Training")]
    #[arg(value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))] // TOML's integers
    pub seed: u64,
    /// Threads, 0 for one per core; the result does not depend on it
    #[arg(long, default_value_t = 0, value_name = "N", help_heading = "Training")]
    pub threads: usize,

    /// Steps between evaluations of the hard objective, and between checkpoints
    #[arg(long, default_value_t = 500, value_name = "N", help_heading = "Evaluation")]
    pub evaluate_every: u64,
    /// Samples m per image of the final importance-weighted bound
    #[arg(long, default_value_t = 1000, value_name = "M", help_heading = "Evaluation")]
    pub importance_samples: usize,
    /// Test images the importance-weighted bound is taken over, 0 for all
    #[arg(long, default_value_t = 0, value_name = "N", help_heading = "Evaluation")]
    pub importance_images: usize,
}

const DEFAULT_TAU: &str = "exp:1:2e-4:0.5:100";

/// Widths of hidden layers; `none` for none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Widths(pub Vec<usize>);

impl FromStr for Widths {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self(Vec::new()));
        }
        let width = |part: &str| match part.trim().parse() {
            Ok(width) if width > 0 => Ok(width),
            _ => Err(format!("'{part}' is not a width; write whole numbers such as 512,256, or none")),
        };
        text.split(',').map(width).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for Widths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths: Vec<String> = self.0.iter().map(usize::to_string).collect();
        f.write_str(if widths.is_empty() { "none" } else { "" })?;
        f.write_str(&widths.join(","))
    }
}

/// The prior of the latents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Prior {
    /// Every category equally likely
    Uniform,
    /// Its logits are trained
    Learned,
}

/// [`Kl`] with its descriptions for the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KlChoice {
    /// Closed form of the discrete distributions; with relaxed samples the objective is no bound
    Categorical,
    /// Discrete log-ratio weighted by the sample; with relaxed samples no bound
    MassAtSample,
    /// Log-ratio of the Concrete densities at the sample; a bound for the relaxed model
    Density,
}

impl From<KlChoice> for Kl {
    fn from(choice: KlChoice) -> Self {
        match choice {
            KlChoice::Categorical => Self::Categorical,
            KlChoice::MassAtSample => Self::MassAtSample,
            KlChoice::Density => Self::Density,
        }
    }
}

impl VaeConfig {
    /// The defaults of every option.
    pub fn defaults() -> Self {
        let command = Self::augment_args(clap::Command::new("vae").no_binary_name(true));
        let parsed =
            command.try_get_matches_from::<_, &str>([]).and_then(|matches| Self::from_arg_matches(&matches));
        parsed.expect("every option has a default")
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
        chosen.fold("gumbel train vae".into(), |command, (name, value)| format!("{command} --{name} {value}"))
    }

    /// Command-line options over those of a file over the defaults.
    ///
    /// # Errors
    /// A file that cannot be read or that has unknown or malformed keys.
    pub fn read(matches: &ArgMatches, file: Option<&Path>) -> Result<Self> {
        let from_arguments = Self::from_arg_matches(matches)?;
        let Some(path) = file else { return Ok(from_arguments) };
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let explain = || format!("{} is not a configuration", path.display());
        let mut merged: toml::Table = toml::from_str(&text).with_context(explain)?;
        for (key, value) in toml::Table::try_from(&from_arguments)? {
            let given = matches.value_source(&key.replace('-', "_")) == Some(ValueSource::CommandLine);
            if given || !merged.contains_key(&key) {
                merged.insert(key, value);
            }
        }
        merged.try_into().with_context(explain)
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
        ensure!(self.importance_samples >= 1, "--importance-samples must be at least 1, got 0");
        ensure!(self.lr.is_finite() && self.lr > 0.0, "--lr must be positive and finite, got {}", self.lr);
        self.check_divergence()?;
        self.estimator().map(drop)
    }

    fn check_divergence(&self) -> Result<()> {
        let density = self.kl == KlChoice::Density;
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

    /// The estimator's row in the table.
    ///
    /// # Errors
    /// An unknown name.
    pub fn info(&self) -> Result<&'static Info> {
        Ok(estimator::find(&self.estimator)?)
    }

    /// A new estimator.
    ///
    /// # Errors
    /// An unknown name, or parameters it does not take.
    pub fn estimator(&self) -> Result<Box<dyn Estimator>> {
        Ok((self.info()?.build)(&Parameters {
            samples: self.samples,
            tau: self.tau,
            ..Parameters::default()
        })?)
    }

    /// The divergence of the training objective.
    pub fn divergence(&self) -> Divergence {
        Divergence { kind: self.kl.into(), prior_tau: self.prior_tau }
    }

    /// The model for images of `pixels` pixels.
    pub fn shape(&self, pixels: usize) -> Shape {
        Shape {
            pixels,
            latents: self.latents,
            categories: self.categories,
            hidden: self.hidden.0.clone(),
            learned_prior: self.prior == Prior::Learned,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Command;

    fn read(arguments: &[&str], file: Option<&str>) -> Result<VaeConfig> {
        let command = VaeConfig::augment_args(Command::new("vae").no_binary_name(true));
        let matches = command.try_get_matches_from(arguments)?;
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
        assert_eq!((config.hidden, config.tau), (Widths(vec![3, 2]), Schedule::Constant(0.3)));
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
            (&["--tau", "0"], "must be positive and finite, got 0"),
            (&["--hidden", "512,x"], "'x' is not a width"),
        ];
        for (arguments, part) in cases {
            let error = read(arguments, None).and_then(|config| config.check()).unwrap_err();
            assert!(format!("{error:#}").contains(part), "{arguments:?}: {error:#}");
        }
        let unknown = format!("{:#}", read(&[], Some("stpes = 3")).unwrap_err());
        assert!(unknown.contains("unknown field `stpes`"), "{unknown}");
    }
}
