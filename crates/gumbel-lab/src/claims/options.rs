//! Options of `gumbel show`.

use super::{ALL, Claim};
use crate::support::options::word;
use crate::support::suggest::unknown;
use anyhow::{Result, bail};
use clap::Args;
use clap::builder::RangedI64ValueParser;
use std::path::PathBuf;

/// Options of `gumbel show`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:
  gumbel show                                               every claim, within a minute
  gumbel show --list                                        the names and titles of the claims
  gumbel show --only rounding,convexity --seed 7
  gumbel show --samples 10000000                            half a digit more

A claim fails if a number that should equal a known one is more than 4 standard errors from it,
or if a number that should differ is within 4 standard errors. The exit status is then 1.")]
pub struct ShowOptions {
    /// List of the claims, instead of computing them
    #[arg(long)]
    pub list: bool,
    /// Names of claims, separated by commas [default: all]
    #[arg(long, value_name = "A,B", value_delimiter = ',', value_parser = word::<String>)]
    pub only: Vec<String>,
    /// Number of samples of a Monte Carlo mean; a tenth of them where each is a gradient
    #[arg(long, value_name = "N", default_value_t = 1_000_000, allow_negative_numbers = true)]
    #[arg(value_parser = Whole::new().range(100_000..=1_000_000_000))]
    pub samples: u64,
    /// Random seed; it determines every number
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
    #[arg(value_parser = Whole::new().range(0..))]
    pub seed: u64,
    /// Number of threads, 0 for one per core; the numbers do not depend on it
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=1024))]
    pub threads: u32,
    /// Folder for the page [default: the first free runs/show-N]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// A whole number in a range, from text that may have a minus sign.
type Whole = RangedI64ValueParser<u64>;

impl ShowOptions {
    /// The claims of `--only`, or all, in the order of the page.
    ///
    /// # Errors
    /// An unknown name, with the closest ones or the list.
    pub fn claims(&self) -> Result<Vec<&'static Claim>> {
        let names = ALL.map(|claim| claim.name);
        if let Some(name) = self.only.iter().find(|name| !names.contains(&name.as_str())) {
            bail!(unknown("claim", name, &names));
        }
        let chosen = |claim: &&Claim| self.only.is_empty() || self.only.iter().any(|name| name == claim.name);
        Ok(ALL.iter().filter(chosen).collect())
    }
}
