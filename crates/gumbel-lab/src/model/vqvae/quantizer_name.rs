//! The values of `--quantizer`.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// A quantiser of `train vqvae`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QuantizerName {
    /// Nearest code, straight-through; codes are moving averages, dead ones are replaced
    Vq,
    /// The same, and codes are never replaced
    VqPlain,
    /// Nearest code, straight-through; codes learn by gradient, none is replaced
    VqGradient,
    /// As vq-plain, with the gradient of the rotation trick
    Rotation,
    /// As vq, by the largest cosine similarity: vectors and codes of norm 1
    Cosine,
    /// Nearest of fixed codes seen through a learned linear map
    Simvq,
    /// Finite scalar quantization: coordinates are rounded
    Fsq,
    /// Lookup-free quantization: signs of the coordinates, with an entropy loss
    Lfq,
    /// Binary spherical quantization: signs of a vector of norm 1, with an entropy loss
    Bsq,
    /// Two codes that are added; the second encodes the residual of the first
    Residual,
    /// Two codes side by side, each for one half of the coordinates
    Grouped,
    /// A sampled code, with the gradient of Gumbel-Softmax
    Gumbel,
}

impl QuantizerName {
    /// The name of the option's value.
    pub fn name(self) -> &'static str {
        match self {
            Self::Vq => "vq",
            Self::VqPlain => "vq-plain",
            Self::VqGradient => "vq-gradient",
            Self::Rotation => "rotation",
            Self::Cosine => "cosine",
            Self::Simvq => "simvq",
            Self::Fsq => "fsq",
            Self::Lfq => "lfq",
            Self::Bsq => "bsq",
            Self::Residual => "residual",
            Self::Grouped => "grouped",
            Self::Gumbel => "gumbel",
        }
    }

    /// Whether its codes are placed among the vectors of the first batch.
    pub fn starts_from_data(self) -> bool {
        !matches!(self, Self::Simvq | Self::Fsq | Self::Lfq | Self::Bsq | Self::Gumbel)
    }
}
