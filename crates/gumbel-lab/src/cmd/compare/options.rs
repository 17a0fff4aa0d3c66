//! The options of `gumbel compare`.

use crate::cmd::train::Train;
use crate::support::options::word;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `gumbel compare`.
#[derive(Debug, Args)]
#[command(override_usage = "gumbel compare --estimators <A,B,...> [--out <DIR>] train <MODEL> [OPTIONS]
       gumbel compare --generators <A,B,...> [--out <DIR>] train gan [OPTIONS]
       gumbel compare --quantizers <A,B,...> [--out <DIR>] train vqvae [OPTIONS]
       gumbel compare --resume <DIR>
       gumbel compare --estimators <A,B,...> --out <DIR> --jobs train <MODEL> [OPTIONS]
       gumbel compare --collect <DIR>")]
#[command(after_help = "Examples:
  gumbel compare --estimators gumbel-softmax,reinforce,rloo:samples=4 train vae
  gumbel compare --estimators gumbel-rao:tau=0.3,gumbel-rao:tau=1 train vae --data mnist
  gumbel compare --generators relaxed,score-function train gan
  gumbel compare --quantizers vq,rotation,fsq train vqvae
  gumbel compare --resume runs/compare-1                    resume a stopped comparison
  gumbel compare --estimators zgr,rloo --out DIR --jobs train vae >jobs.txt
                                                            a list of commands for a scheduler
  gumbel compare --collect DIR                              the report, once they have run

Each value has its own run in the folder, with the same options, data and seed.")]
pub struct Compare {
    /// Gradient estimators, at least two, separated by commas, with their parameters: reinforce,rloo:samples=4
    #[arg(long, value_name = "A,B,...", value_delimiter = ',', value_parser = word::<String>)]
    pub estimators: Vec<String>,
    /// Gradients of the generator of train gan, at least two: relaxed,straight-through,score-function
    #[arg(long, value_name = "A,B,...", value_delimiter = ',', conflicts_with = "estimators")]
    #[arg(value_parser = word::<String>)]
    pub generators: Vec<String>,
    /// Quantizers of train vqvae, at least two: vq,rotation,fsq
    #[arg(long, value_name = "A,B,...", value_delimiter = ',', conflicts_with_all = ["estimators", "generators"])]
    #[arg(value_parser = word::<String>)]
    pub quantizers: Vec<String>,
    /// Folder of the comparison; an earlier one is continued, and may get other values
    /// [default: the first free runs/compare-N]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Folder of a stopped comparison to resume; accepts no other option
    #[arg(long, value_name = "DIR", conflicts_with_all = ["out", "estimators", "generators", "quantizers"])]
    pub resume: Option<PathBuf>,
    /// List of the runs, one command a line, for GNU parallel, Slurm or HyperQueue; each may be repeated
    #[arg(long, requires = "out", conflicts_with = "resume")]
    pub jobs: bool,
    /// Folder of runs that a list of --jobs has made, to be gathered into the report; accepts no other option
    #[arg(long, value_name = "DIR")]
    #[arg(conflicts_with_all = ["out", "resume", "jobs", "estimators", "generators", "quantizers"])]
    pub collect: Option<PathBuf>,
    /// Value whose run is made, without the report
    #[arg(long, value_name = "VALUE", requires = "out", conflicts_with_all = ["resume", "jobs", "collect"])]
    pub run: Option<String>,
    /// The model to train.
    #[command(subcommand)]
    pub what: Option<Compared>,
}

/// The model whose runs are compared.
#[derive(Debug, Subcommand)]
pub enum Compared {
    /// Model and options, as for gumbel train, without the compared option and without folders
    #[command(subcommand)]
    Train(Train),
}
