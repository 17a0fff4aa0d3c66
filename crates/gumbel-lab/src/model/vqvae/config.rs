//! The hyperparameters of a vector-quantised autoencoder.

use super::QuantizerName;
use crate::model::Widths;
use crate::support::options::{count, defaults};
use anyhow::{Result, ensure};
use clap::Args;
use serde::{Deserialize, Serialize};

/// The most bits of a code: a codebook of 65 536.
const BITS: usize = 16;
/// Stages of a residual quantiser, and groups of coordinates of a grouped one.
const PARTS: usize = 2;

/// The hyperparameters of a vector-quantised autoencoder.
#[derive(Clone, Debug, PartialEq, Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct VqvaeConfig {
    /// Quantizer of the encoder's vectors
    #[arg(long, default_value_t = QuantizerName::Vq, value_enum, value_name = "QUANTIZER", help_heading = "Model")]
    pub quantizer: QuantizerName,
    /// Number of vectors per image (D)
    #[arg(long, default_value_t = 20, value_parser = count::<usize>, value_name = "D", help_heading = "Model")]
    pub latents: usize,
    /// Number of bits per vector (b), from 2 to 16; every quantizer has 2^b codes per vector
    #[arg(long, default_value_t = 6, value_parser = count::<usize>, value_name = "BITS", help_heading = "Model")]
    pub bits: usize,
    /// Width of a vector (W); fsq, lfq and bsq have one that the bits determine
    #[arg(long, default_value_t = 8, value_parser = count::<usize>, value_name = "W", help_heading = "Model")]
    pub width: usize,
    /// Widths of the encoder's hidden layers (the decoder has them in reverse), or none
    #[arg(long, default_value_t, value_name = "WIDTHS", help_heading = "Model")]
    pub hidden: Widths,
    /// Weight of the commitment loss, at least 0, where the quantizer has one
    #[arg(long, default_value_t = 0.25, value_name = "X", help_heading = "Model")]
    pub commitment: f64,
    /// Width of the recurrent state of the prior of the codes
    #[arg(long, default_value_t = 64, value_parser = count::<usize>, value_name = "N", help_heading = "Model")]
    pub prior_hidden: usize,
}

impl VqvaeConfig {
    /// Rejects a number out of its range, or one that the quantiser cannot have.
    ///
    /// # Errors
    /// The option, with the remedy.
    pub fn check(&self) -> Result<()> {
        for (name, value) in
            [("latents", self.latents), ("width", self.width), ("prior-hidden", self.prior_hidden)]
        {
            ensure!(value >= 1, "--{name} must be at least 1, got 0");
        }
        ensure!((2..=BITS).contains(&self.bits), "--bits must be from 2 to {BITS}, got {}", self.bits);
        let (name, parts) = (self.quantizer.name(), self.parts());
        ensure!(
            self.bits.is_multiple_of(parts),
            "--bits must be even with --quantizer {name}, which has {parts} codes for each vector, got {}",
            self.bits
        );
        ensure!(
            self.quantizer != QuantizerName::Grouped || self.width.is_multiple_of(parts),
            "--width must be even with --quantizer {name}, which has {parts} groups of coordinates, got {}",
            self.width
        );
        let weight = self.commitment;
        ensure!(
            weight.is_finite() && weight >= 0.0,
            "--commitment must be finite and not negative, got {weight}"
        );
        Ok(())
    }

    /// The number of codes that stand for a vector (G).
    pub fn parts(&self) -> usize {
        match self.quantizer {
            QuantizerName::Residual | QuantizerName::Grouped => PARTS,
            _ => 1,
        }
    }

    /// The number of codes of each codebook (K).
    pub fn codes(&self) -> usize {
        1 << (self.bits / self.parts())
    }

    /// The number of coordinates that the quantiser sees of a vector.
    pub fn coordinates(&self) -> usize {
        match self.quantizer {
            QuantizerName::Fsq => self.levels().len(),
            QuantizerName::Lfq | QuantizerName::Bsq => self.bits,
            QuantizerName::Gumbel => self.codes(),
            _ => self.width,
        }
    }

    /// The number of coordinates that the decoder sees of a vector.
    pub(super) fn width_seen(&self) -> usize {
        if self.quantizer == QuantizerName::Gumbel { self.width } else { self.coordinates() }
    }

    /// The levels of the coordinates of a finite scalar quantiser: eights, and fours for the bits that three do not divide.
    pub fn levels(&self) -> Vec<usize> {
        let (fours, eights) = match self.bits % 3 {
            0 => (0, self.bits / 3),
            1 => (2, (self.bits - 4) / 3),
            _ => (1, (self.bits - 2) / 3),
        };
        [vec![8; eights], vec![4; fours]].concat()
    }

    /// The widths of the encoder's layers, for images of `pixels` pixels; those of the decoder are the reverse.
    pub(super) fn widths(&self, pixels: usize) -> Vec<usize> {
        [&[pixels], self.hidden.as_slice(), &[self.latents.saturating_mul(self.coordinates())]].concat()
    }

    /// The widest layer.
    pub fn widest(&self, pixels: usize) -> usize {
        let prior = self.prior_hidden.saturating_mul(4).saturating_add(self.codes());
        self.widths(pixels).into_iter().max().unwrap_or(0).max(prior)
    }
}

impl Default for VqvaeConfig {
    fn default() -> Self {
        defaults()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_quantizer_has_the_codes_of_the_bits() {
        for bits in 2..=BITS {
            let config = VqvaeConfig { bits, ..VqvaeConfig::default() };
            assert_eq!(config.levels().iter().product::<usize>(), 1 << bits, "{bits}");
        }
        let parts = VqvaeConfig { quantizer: QuantizerName::Residual, ..VqvaeConfig::default() };
        assert_eq!(parts.codes().pow(parts.parts() as u32), 64);
    }
}
