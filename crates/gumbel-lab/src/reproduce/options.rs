//! Options of `gumbel reproduce`.

use super::Budget;
use crate::support::options::word;
use clap::Args;
use clap::builder::RangedI64ValueParser;
use std::path::PathBuf;

/// Options of `gumbel reproduce`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  gumbel reproduce                                          the published results and what they cost
  gumbel reproduce jang-table-1 --data-dir DIR              three seeds of every run, short runs
  gumbel reproduce jang-table-1 --budget full --parallel 8  as far as a small machine reasonably goes
  gumbel reproduce tau-tradeoff --only gumbel-softmax       some of the runs
  gumbel reproduce jang-table-1 --out DIR --jobs >jobs.txt  a list of commands for a scheduler
  gumbel reproduce jang-table-1 --collect DIR               the table and page, once they have run

The same command resumes where it stopped; finished runs are kept.")]
pub struct ReproduceOptions {
    /// Name of the published result; without it, the list
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// List of the published results with their sources and costs
    #[arg(long)]
    pub list: bool,
    /// Amount of work
    #[arg(long, value_enum, default_value_t = Budget::Short, value_name = "BUDGET")]
    pub budget: Budget,
    /// Runs of each cell, with seeds 0 to N - 1 [default: 3, for smoke 1]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    #[arg(value_parser = RangedI64ValueParser::<u64>::new().range(1..=1000))]
    pub seeds: Option<u64>,
    /// Folder; one that exists is resumed [default: runs/reproduce-NAME, with -smoke or -full after it]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Folder of the data sets [default: $GUMBEL_DATA, then the platform's cache]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Simultaneous runs, each on one thread [default: one per core; 1 where time is measured]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub parallel: Option<u16>,
    /// Parts of run names, separated by commas: only runs that contain one of them
    #[arg(long, value_name = "A,B", value_delimiter = ',', value_parser = word::<String>)]
    pub only: Vec<String>,
    /// List of the runs, one command a line, for GNU parallel, Slurm or HyperQueue; each may be repeated
    #[arg(long, requires = "name", conflicts_with_all = ["list", "parallel"])]
    pub jobs: bool,
    /// Folder of runs that a list of --jobs has made, to be gathered into the table and the page
    #[arg(long, value_name = "DIR", requires = "name")]
    #[arg(conflicts_with_all = ["list", "parallel", "jobs", "out"])]
    pub collect: Option<PathBuf>,
    /// Run of the list to make, without the table and the page
    #[arg(long, value_name = "RUN", requires = "name")]
    #[arg(conflicts_with_all = ["list", "parallel", "jobs", "collect", "seeds", "only"])]
    pub run: Option<String>,
}
