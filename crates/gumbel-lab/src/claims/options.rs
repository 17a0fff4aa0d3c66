//! The options of `gumbel show`.

use super::{ALL, Claim};
use anyhow::{Result, anyhow};
use clap::Args;
use std::path::PathBuf;

/// `gumbel show`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:
  gumbel show                                               every claim, within a minute
  gumbel show --list                                        what there is to show
  gumbel show --only rounding,convexity --seed 7
  gumbel show --samples 10000000                            half a digit more

A claim fails if an equality misses by more than 4 standard errors, or a difference cannot be told from chance; the
exit status then is 1.")]
pub struct Options {
    /// List the claims and do nothing else
    #[arg(long)]
    pub list: bool,
    /// Some of the claims, divided by commas [default: all]
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub only: Vec<String>,
    /// Samples of a Monte Carlo mean; a tenth of them where each is a gradient
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    #[arg(value_parser = clap::value_parser!(u64).range(100_000..=1_000_000_000))]
    pub samples: u64,
    /// Decides every number
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Threads, 0 for one per core; the numbers do not depend on it
    #[arg(long, value_name = "N", default_value_t = 0)]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=1024))]
    pub threads: u32,
    /// Folder for the page [default: the first free runs/show-N]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

impl Options {
    /// The claims asked for, in the order of the page.
    ///
    /// # Errors
    /// A name that is none, with the list.
    pub fn claims(&self) -> Result<Vec<&'static Claim>> {
        for name in &self.only {
            if !ALL.iter().any(|claim| claim.name == name) {
                return Err(unknown(name));
            }
        }
        let asked = |claim: &&Claim| self.only.is_empty() || self.only.iter().any(|name| name == claim.name);
        Ok(ALL.iter().filter(asked).collect())
    }
}

fn unknown(name: &str) -> anyhow::Error {
    let likeness = |claim: &&Claim| strsim::jaro_winkler(claim.name, name);
    let nearest = ALL.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    let nearest = nearest.filter(|claim| likeness(claim) > 0.7);
    let meant = nearest.map_or(String::new(), |claim| format!(" (did you mean {}?)", claim.name));
    let names: Vec<&str> = ALL.iter().map(|claim| claim.name).collect();
    anyhow!("no claim is called '{name}'{meant}; there are {}", names.join(", "))
}
