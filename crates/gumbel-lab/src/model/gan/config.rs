//! The hyperparameters of the two networks of an adversarial game.

use crate::model::Widths;
use crate::support::options::{count, defaults};
use clap::Args;
use serde::{Deserialize, Serialize};

/// The hyperparameters of generator and discriminator.
#[derive(Clone, Debug, PartialEq, Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct GanConfig {
    /// Width of the generator's recurrent state
    #[arg(long, default_value_t = 64, value_parser = count::<usize>, value_name = "N", help_heading = "Model")]
    pub hidden: usize,
    /// Dimension of the generator's noise vector
    #[arg(long, default_value_t = 16, value_parser = count::<usize>, value_name = "N", help_heading = "Model")]
    pub start: usize,
    /// Widths of the discriminator's hidden layers, or none
    #[arg(long, default_value = "256,256", value_name = "WIDTHS", help_heading = "Model")]
    pub discriminator: Widths,
}

impl GanConfig {
    /// The widest layer, for sequences of `symbols` different symbols.
    pub fn widest(&self, symbols: usize) -> usize {
        let hidden = self.discriminator.as_slice().iter().copied().max().unwrap_or(0);
        hidden.max(self.hidden.saturating_mul(4)).max(symbols).max(self.start)
    }
}

impl Default for GanConfig {
    fn default() -> Self {
        defaults()
    }
}
