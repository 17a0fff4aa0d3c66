//! The options of `gumbel measure`.

use super::{Case, List, Settings};
use crate::measure::problem::{Kind, Problem};
use anyhow::{Result, ensure};
use clap::Args;
use gumbel::estimator::{ALL, EstimatorSpec};
use std::path::PathBuf;

/// `gumbel measure`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:
  gumbel measure                                            every estimator on a curved problem, seconds
  gumbel measure --estimator rloo:samples=4,zgr --problem linear,quadratic --dims 3 --categories 4
  gumbel measure --all --samples 1000000                    one more digit, minutes
  gumbel measure --problem tucker --train                   learning curves of (b - 0.499)^2")]
pub struct Options {
    /// Estimators divided by commas, with parameters as in rloo:samples=4,zgr [default: all]
    #[arg(long, value_name = "A,B", value_delimiter = ',', conflicts_with = "all", help_heading = "What")]
    pub estimator: Vec<EstimatorSpec>,
    /// Every estimator that serves the problem; the same as naming none
    #[arg(long, help_heading = "What")]
    pub all: bool,
    /// linear, quadratic, mlp or tucker; several divided by commas
    #[arg(long, value_name = "A,B", value_delimiter = ',', default_value = "mlp", help_heading = "What")]
    pub problem: Vec<Kind>,
    /// Latents, D [default: 4, of tucker 1]
    #[arg(long, value_name = "D", value_parser = clap::value_parser!(u32).range(1..=10_000), help_heading = "What")]
    pub dims: Option<u32>,
    /// Categories of each latent, K
    #[arg(long, value_name = "K", default_value_t = 2, value_parser = clap::value_parser!(u32).range(2..=10_000))]
    #[arg(help_heading = "What")]
    pub categories: u32,

    /// Independent estimates of each estimator
    #[arg(long, value_name = "N", default_value_t = 100_000, help_heading = "How")]
    #[arg(value_parser = clap::value_parser!(u64).range(32..=1_000_000_000_000))]
    pub samples: u64,
    /// Steps in which baselines and coefficients are learned before they are held fixed
    #[arg(long, value_name = "N", default_value_t = gumbel::measure::WARM_UP, help_heading = "How")]
    pub warm_up: u64,
    /// Evaluations of f that the root mean square error is compared at
    #[arg(long, value_name = "N", default_value_t = 100, help_heading = "How")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    pub budget: u64,
    /// Temperatures of the curve, for estimators that have one, or none
    #[arg(long, value_name = "LIST", default_value = "0.01,0.03,0.1,0.3,1,3", help_heading = "How")]
    pub taus: List<f64>,
    /// Latents of the curve, or none
    #[arg(long, value_name = "LIST", default_value = "1,10,100", help_heading = "How")]
    pub curve_dims: List<u32>,
    /// Estimates at each point of the curves [default: a tenth of --samples, from 1000 to 10000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(32..=1_000_000_000_000))]
    #[arg(help_heading = "How")]
    pub curve_samples: Option<u64>,

    /// Train instead: learning curves and variance along the way, with --problem tucker
    #[arg(long, help_heading = "Training")]
    pub train: bool,
    /// Steps of Adam
    #[arg(long, value_name = "N", default_value_t = 2000, help_heading = "Training")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    pub steps: u64,
    /// Its learning rate
    #[arg(long, value_name = "X", default_value_t = 0.01, help_heading = "Training")]
    pub lr: f64,
    /// Independent runs that a curve is the mean of
    #[arg(long, value_name = "N", default_value_t = 100, help_heading = "Training")]
    #[arg(value_parser = clap::value_parser!(u32).range(2..=100_000))]
    pub runs: u32,

    /// Write choosing.md and its pictures to --out instead, from the results in a folder
    #[arg(long, value_name = "DIR", hide = true, requires = "out")]
    pub guide: Option<PathBuf>,
    /// Decides every number but the times
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Running")]
    pub seed: u64,
    /// Threads, 0 for one per core; the numbers do not depend on it
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Running")]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=1024))]
    pub threads: u32,
    /// Folder for the results [default: the first free runs/measure-N]
    #[arg(long, value_name = "DIR", help_heading = "Running")]
    pub out: Option<PathBuf>,
}

impl Options {
    /// Refuses what does not go together.
    ///
    /// # Errors
    /// The option with its remedy.
    pub fn check(&self) -> Result<()> {
        for tau in &self.taus.0 {
            ensure!(*tau > 0.0 && tau.is_finite(), "--taus must be positive and finite, got {tau}");
        }
        for dims in &self.curve_dims.0 {
            ensure!((1..=10_000).contains(dims), "--curve-dims must be from 1 to 10000, got {dims}");
        }
        ensure!(self.lr > 0.0 && self.lr.is_finite(), "--lr must be positive and finite, got {}", self.lr);
        ensure!(
            !self.train || self.problem == [Kind::Tucker],
            "--train is for the toy problem; use it with --problem tucker"
        );
        Ok(())
    }

    /// The estimators asked for, or all, with every parameter written out as far as it was given.
    pub fn choices(&self) -> Vec<EstimatorSpec> {
        let all = || ALL.iter().map(|entry| EstimatorSpec::new(entry)).collect();
        if self.estimator.is_empty() { all() } else { self.estimator.clone() }
    }

    /// The problems asked for.
    ///
    /// # Errors
    /// A problem that cannot have the shape asked for.
    pub fn cases(&self) -> Result<Vec<Case>> {
        self.problem.iter().map(|&kind| self.case(kind, self.dims.unwrap_or(default_dims(kind)))).collect()
    }

    /// A problem with another number of latents.
    ///
    /// # Errors
    /// A problem that cannot have the shape asked for.
    pub fn case(&self, kind: Kind, dims: u32) -> Result<Case> {
        Ok(Case::new(Problem::new(kind, dims as usize, self.categories as usize)?))
    }

    /// How to measure the table.
    pub fn settings(&self) -> Settings {
        let Self { samples, warm_up, budget, seed, .. } = *self;
        Settings { replicates: samples as usize, warm_up, budget, seed }
    }

    /// How to measure a point of a curve.
    pub fn curve_settings(&self) -> Settings {
        let replicates = self.curve_samples.unwrap_or((self.samples / 10).clamp(1000, 10_000)) as usize;
        Settings { replicates, ..self.settings() }
    }
}

fn default_dims(kind: Kind) -> u32 {
    if kind == Kind::Tucker { 1 } else { 4 }
}
