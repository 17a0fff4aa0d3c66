//! Options of `gumbel measure`.

use super::{Case, List, MeasureSettings};
use crate::measure::problem::{Problem, ProblemKind};
use crate::support::options::word;
use anyhow::{Result, ensure};
use clap::Args;
use clap::builder::RangedI64ValueParser;
use gumbel::estimator::{ALL, EstimatorSpec};
use std::path::PathBuf;

/// Options of `gumbel measure`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:
  gumbel measure                                            all estimators on mlp, in seconds
  gumbel measure --estimator rloo:samples=4,zgr --problem linear,quadratic --latents 3
  gumbel measure --all --replicates 1000000                 one more digit, in minutes
  gumbel measure --problem tucker --train                   learning curves on (b - 0.499)^2
  gumbel measure --all --out DIR --jobs >jobs.txt           a list of commands for a scheduler
  gumbel measure --all --collect DIR                        the table and page, once they have run")]
pub struct MeasureOptions {
    /// Estimators, separated by commas, with parameters as in rloo:samples=4,zgr [default: all]
    #[arg(long, value_name = "A,B", value_delimiter = ',', conflicts_with = "all", help_heading = "Problem")]
    #[arg(value_parser = word::<EstimatorSpec>)]
    pub estimator: Vec<EstimatorSpec>,
    /// Every estimator that supports the problem; the same as without --estimator
    #[arg(long, help_heading = "Problem")]
    pub all: bool,
    /// Problems, separated by commas: linear, quadratic, mlp, tucker
    #[arg(long, value_name = "A,B", value_delimiter = ',', default_value = "mlp", help_heading = "Problem")]
    #[arg(value_parser = word::<ProblemKind>)]
    pub problem: Vec<ProblemKind>,
    /// Number of latent variables (D) [default: 4, for tucker 1]
    #[arg(long, alias = "dims", value_name = "D", help_heading = "Problem", allow_negative_numbers = true)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub latents: Option<u32>,
    /// Number of categories of each latent variable (K)
    #[arg(long, value_name = "K", default_value_t = 2, value_parser = clap::value_parser!(u32).range(2..=10_000))]
    #[arg(help_heading = "Problem", allow_negative_numbers = true)]
    pub categories: u32,

    /// Number of independent estimates by each estimator
    #[arg(
        long,
        alias = "samples",
        value_name = "N",
        default_value_t = 100_000,
        help_heading = "Measurement"
    )]
    #[arg(value_parser = Whole::new().range(32..=1_000_000_000_000), allow_negative_numbers = true)]
    pub replicates: u64,
    /// Number of warm-up steps, in which baselines and coefficients are learned before they are held fixed
    #[arg(long, value_name = "N", default_value_t = gumbel::measure::WARM_UP, help_heading = "Measurement")]
    #[arg(value_parser = Whole::new().range(0..), allow_negative_numbers = true)]
    pub warm_up: u64,
    /// Number of evaluations of f at which the root-mean-square errors are compared
    #[arg(long, value_name = "N", default_value_t = 100, help_heading = "Measurement")]
    #[arg(value_parser = Whole::new().range(1..), allow_negative_numbers = true)]
    pub budget: u64,
    /// Temperatures of the curve, for estimators that have a temperature, or none
    #[arg(long, value_name = "LIST", default_value = "0.01,0.03,0.1,0.3,1,3", help_heading = "Measurement")]
    #[arg(allow_hyphen_values = true)]
    pub taus: List<f64>,
    /// Numbers of latent variables of the curve, or none
    #[arg(long, alias = "curve-dims", value_name = "LIST", default_value = "1,10,100")]
    #[arg(help_heading = "Measurement", allow_hyphen_values = true)]
    pub curve_latents: List<u32>,
    /// Number of independent estimates at each point of the curves [default: a tenth of --replicates, from 1000 to 10000]
    #[arg(long, alias = "curve-samples", value_name = "N", help_heading = "Measurement")]
    #[arg(value_parser = Whole::new().range(32..=1_000_000_000_000), allow_negative_numbers = true)]
    pub curve_replicates: Option<u64>,

    /// Training instead of a measurement: learning curves and gradient variance, with --problem tucker
    #[arg(long, help_heading = "Training")]
    pub train: bool,
    /// Number of steps of Adam
    #[arg(long, value_name = "N", default_value_t = 2000, help_heading = "Training")]
    #[arg(value_parser = Whole::new().range(1..=1_000_000_000), allow_negative_numbers = true)]
    pub steps: u64,
    /// Learning rate of Adam
    #[arg(
        long,
        value_name = "X",
        default_value_t = 0.01,
        help_heading = "Training",
        allow_negative_numbers = true
    )]
    pub lr: f64,
    /// Number of independent training runs, over which a curve is averaged
    #[arg(long, value_name = "N", default_value_t = 100, help_heading = "Training")]
    #[arg(value_parser = clap::value_parser!(u32).range(2..=100_000), allow_negative_numbers = true)]
    pub runs: u32,

    /// Folder of results from which choosing.md and its figures are written to --out
    #[arg(long, value_name = "DIR", hide = true, requires = "out")]
    pub guide: Option<PathBuf>,
    /// Random seed; it determines every number except the times
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Execution")]
    #[arg(value_parser = Whole::new().range(0..), allow_negative_numbers = true)]
    pub seed: u64,
    /// Number of threads, 0 for one per core; the numbers do not depend on it
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Execution")]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=1024), allow_negative_numbers = true)]
    pub threads: u32,
    /// Folder for the results [default: the first free runs/measure-N]
    #[arg(long, value_name = "DIR", help_heading = "Execution")]
    pub out: Option<PathBuf>,
    /// List of commands, one for each problem and estimator, for GNU parallel, Slurm or HyperQueue; each may be repeated
    #[arg(long, requires = "out", conflicts_with = "guide", help_heading = "Execution")]
    pub jobs: bool,
    /// Folder of what a list of --jobs has measured with these options, to be gathered into the table and the page
    #[arg(long, value_name = "DIR", conflicts_with_all = ["out", "jobs", "guide"], help_heading = "Execution")]
    pub collect: Option<PathBuf>,
    /// Part of the list to measure, without the table and the page
    #[arg(long, value_name = "PART", requires = "out", help_heading = "Execution")]
    #[arg(conflicts_with_all = ["jobs", "collect", "guide"])]
    pub run: Option<String>,
}

/// A whole number in a range, from text that may have a minus sign.
type Whole = RangedI64ValueParser<u64>;

impl MeasureOptions {
    /// Checks values and combinations that the parser cannot check.
    ///
    /// # Errors
    /// An option out of range or without one that it needs.
    pub fn check(&self) -> Result<()> {
        for tau in &self.taus.0 {
            ensure!(*tau > 0.0 && tau.is_finite(), "--taus must be positive and finite, got {tau}");
        }
        for latents in &self.curve_latents.0 {
            ensure!((1..=10_000).contains(latents), "--curve-latents must be from 1 to 10000, got {latents}");
        }
        ensure!(self.lr > 0.0 && self.lr.is_finite(), "--lr must be positive and finite, got {}", self.lr);
        ensure!(
            !self.train || self.problem == [ProblemKind::Tucker],
            "--train supports the toy problem only; add --problem tucker"
        );
        Ok(())
    }

    /// The estimators of `--estimator`, or all.
    pub fn choices(&self) -> Vec<EstimatorSpec> {
        let all = || ALL.iter().map(|entry| EstimatorSpec::new(entry)).collect();
        if self.estimator.is_empty() { all() } else { self.estimator.clone() }
    }

    /// The problems of `--problem` with their exact gradients.
    ///
    /// # Errors
    /// A problem that does not support the number of categories.
    pub fn cases(&self) -> Result<Vec<Case>> {
        self.problem
            .iter()
            .map(|&kind| self.case(kind, self.latents.unwrap_or(default_latents(kind))))
            .collect()
    }

    /// A problem with a given number of latents.
    ///
    /// # Errors
    /// A problem that does not support the number of categories.
    pub fn case(&self, kind: ProblemKind, latents: u32) -> Result<Case> {
        Ok(Case::new(Problem::new(kind, latents as usize, self.categories as usize)?))
    }

    /// Settings of the rows of the table.
    pub fn settings(&self) -> MeasureSettings {
        let Self { replicates, warm_up, budget, seed, .. } = *self;
        MeasureSettings { replicates: replicates as usize, warm_up, budget, seed }
    }

    /// Settings of the points of the curves.
    pub fn curve_settings(&self) -> MeasureSettings {
        let replicates = self.curve_replicates.unwrap_or((self.replicates / 10).clamp(1000, 10_000)) as usize;
        MeasureSettings { replicates, ..self.settings() }
    }
}

impl MeasureOptions {
    /// The options on which numbers depend, as words of a command.
    pub fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        let mut add = |name: &str, value: String| words.push(format!("--{name}={value}"));
        let mut some =
            |name: &str, value: Option<String>| value.into_iter().for_each(|value| add(name, value));
        some("estimator", (!self.estimator.is_empty()).then(|| joined(&self.estimator)));
        some("problem", Some(joined(&self.problem)));
        some("latents", self.latents.map(|latents| latents.to_string()));
        some("categories", Some(self.categories.to_string()));
        some("seed", Some(self.seed.to_string()));
        if self.train {
            some("steps", Some(self.steps.to_string()));
            some("lr", Some(self.lr.to_string()));
            some("runs", Some(self.runs.to_string()));
            words.push("--train".into());
            return words;
        }
        some("replicates", Some(self.replicates.to_string()));
        some("warm-up", Some(self.warm_up.to_string()));
        some("budget", Some(self.budget.to_string()));
        some("taus", Some(self.taus.to_string()));
        some("curve-latents", Some(self.curve_latents.to_string()));
        some("curve-replicates", self.curve_replicates.map(|replicates| replicates.to_string()));
        words
    }
}

fn joined(all: &[impl ToString]) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

fn default_latents(kind: ProblemKind) -> u32 {
    if kind == ProblemKind::Tucker { 1 } else { 4 }
}
