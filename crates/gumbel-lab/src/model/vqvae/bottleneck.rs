//! The quantisers of `--quantizer`, behind one set of calls.

use super::{QuantizerName, VqvaeConfig};
use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, Int, Tensor};
use gumbel::quantize::{
    Assignments, BinaryQuantizer, BinaryQuantizerConfig, CodeGradient, CodeSpace, CodebookLearning,
    FiniteScalarQuantizer, GumbelQuantizer, GumbelQuantizerConfig, KMeans, ProductQuantizer, Quantized,
    ResidualQuantizer, SimVq, SimVqConfig, VectorQuantizer, VectorQuantizerConfig,
};
use gumbel::{Error, Noise, Schedule};

/// A code below a tenth of an input per step is replaced.
const DEAD: f64 = 0.1;

/// A quantiser with what it has learned.
#[derive(Module, Debug)]
pub enum Bottleneck {
    /// One codebook.
    Vector(VectorQuantizer),
    /// A map of fixed codes.
    Sim(SimVq),
    /// A grid.
    FiniteScalar(FiniteScalarQuantizer),
    /// The corners of a cube.
    Binary(BinaryQuantizer),
    /// A codebook for each stage.
    Residual(ResidualQuantizer),
    /// A codebook for each group of coordinates.
    Grouped(ProductQuantizer),
    /// A codebook that is sampled from.
    Gumbel(GumbelQuantizer),
}

impl Bottleneck {
    /// The quantiser of a configuration, before it has seen data; samples have the temperature `tau`.
    ///
    /// # Errors
    /// Those of the quantiser, for numbers that the configuration does not check.
    pub fn new(
        config: &VqvaeConfig,
        tau: Option<Schedule>,
        ids: &mut impl Iterator<Item = u64>,
        noise: &mut Noise,
        device: &Device,
    ) -> Result<Self, Error> {
        let (codes, width) = (config.codes(), config.coordinates());
        let mut vector = |width| book(config, width).init(device, noise);
        let made = match config.quantizer {
            QuantizerName::Residual => {
                Self::Residual(ResidualQuantizer::new(vec![vector(width)?, vector(width)?])?)
            }
            QuantizerName::Grouped => {
                Self::Grouped(ProductQuantizer::new(vec![vector(width / 2)?, vector(width / 2)?])?)
            }
            QuantizerName::Fsq => Self::FiniteScalar(FiniteScalarQuantizer::new(&config.levels())?),
            QuantizerName::Lfq => binary(config, BinaryQuantizerConfig::lookup_free(width))?,
            QuantizerName::Bsq => binary(config, BinaryQuantizerConfig::spherical(width))?,
            QuantizerName::Simvq => {
                let sim = SimVqConfig { commitment: config.commitment, ..SimVqConfig::new(codes, width) };
                Self::Sim(sim.init(device, noise)?)
            }
            QuantizerName::Gumbel => {
                let plain = GumbelQuantizerConfig::new(codes, config.width);
                let tau = tau.unwrap_or(plain.tau);
                Self::Gumbel(GumbelQuantizerConfig { tau, diversity: 0.1, ..plain }.init(device, noise)?)
            }
            _ => Self::Vector(vector(width)?),
        };
        Ok(made.map(&mut Numbered { ids }))
    }

    /// Places codebooks by k-means of vectors `[B, D, W]`. The others have nothing to place.
    ///
    /// # Errors
    /// Fewer vectors than codes; a number that is not finite.
    pub fn initialize(&mut self, x: Tensor<3>, noise: &mut Noise) -> Result<(), Error> {
        match self {
            Self::Vector(quantizer) => quantizer.initialize(x, KMeans::default(), noise),
            Self::Residual(quantizer) => quantizer.initialize(x, KMeans::default(), noise),
            Self::Grouped(quantizer) => quantizer.initialize(x, KMeans::default(), noise),
            Self::Sim(_) | Self::FiniteScalar(_) | Self::Binary(_) | Self::Gumbel(_) => Ok(()),
        }
    }

    /// Vectors `[B, D, W]` for training at a step.
    ///
    /// # Errors
    /// Vectors that are not finite.
    pub fn quantize(&self, x: Tensor<3>, step: u64, noise: &mut Noise) -> Result<Quantized<3>, Error> {
        match self {
            Self::Vector(quantizer) => quantizer.quantize(x),
            Self::Sim(quantizer) => quantizer.quantize(x),
            Self::FiniteScalar(quantizer) => quantizer.quantize(x),
            Self::Binary(quantizer) => quantizer.quantize(x),
            Self::Residual(quantizer) => quantizer.quantize(x),
            Self::Grouped(quantizer) => quantizer.quantize(x),
            Self::Gumbel(quantizer) => quantizer.quantize(x, step, noise),
        }
    }

    /// Learns from a step what it does not learn by gradient.
    ///
    /// # Errors
    /// None for what [`quantize`](Self::quantize) has returned.
    pub fn adapt(&mut self, assignments: &Assignments, noise: &mut Noise) -> Result<(), Error> {
        match self {
            Self::Vector(quantizer) => quantizer.adapt(assignments, noise).map(drop),
            Self::Residual(quantizer) => quantizer.adapt(assignments, noise).map(drop),
            Self::Grouped(quantizer) => quantizer.adapt(assignments, noise).map(drop),
            Self::Sim(_) | Self::FiniteScalar(_) | Self::Binary(_) | Self::Gumbel(_) => Ok(()),
        }
    }

    /// The indices `[B, D, G]` of the codes of vectors.
    ///
    /// # Errors
    /// Vectors that are not finite.
    pub fn encode(&self, x: Tensor<3>) -> Result<Tensor<3, Int>, Error> {
        match self {
            Self::Vector(quantizer) => quantizer.encode(x),
            Self::Sim(quantizer) => quantizer.encode(x),
            Self::FiniteScalar(quantizer) => quantizer.encode(x),
            Self::Binary(quantizer) => quantizer.encode(x),
            Self::Residual(quantizer) => quantizer.encode(x),
            Self::Grouped(quantizer) => quantizer.encode(x),
            Self::Gumbel(quantizer) => quantizer.encode(x),
        }
    }

    /// The codes of indices, as the decoder sees them.
    ///
    /// # Errors
    /// An index out of range.
    pub fn decode(&self, indices: Tensor<3, Int>) -> Result<Tensor<3>, Error> {
        match self {
            Self::Vector(quantizer) => quantizer.decode(indices),
            Self::Sim(quantizer) => quantizer.decode(indices),
            Self::FiniteScalar(quantizer) => quantizer.decode(indices),
            Self::Binary(quantizer) => quantizer.decode(indices),
            Self::Residual(quantizer) => quantizer.decode(indices),
            Self::Grouped(quantizer) => quantizer.decode(indices),
            Self::Gumbel(quantizer) => quantizer.decode(indices),
        }
    }
}

/// A binary quantiser with one code for all its bits.
fn binary(config: &VqvaeConfig, plain: BinaryQuantizerConfig) -> Result<Bottleneck, Error> {
    let binary = BinaryQuantizerConfig { group: plain.width, commitment: config.commitment, ..plain };
    Ok(Bottleneck::Binary(binary.init()?))
}

/// The options of a codebook.
fn book(config: &VqvaeConfig, width: usize) -> VectorQuantizerConfig {
    let plain = VectorQuantizerConfig {
        commitment: config.commitment,
        ..VectorQuantizerConfig::new(config.codes(), width)
    };
    match config.quantizer {
        QuantizerName::VqPlain => plain,
        QuantizerName::VqGradient => VectorQuantizerConfig { learning: CodebookLearning::Gradient, ..plain },
        QuantizerName::Rotation => VectorQuantizerConfig { gradient: CodeGradient::Rotation, ..plain },
        QuantizerName::Cosine => {
            VectorQuantizerConfig { space: CodeSpace::Sphere, revive_below: DEAD, ..plain }
        }
        _ => VectorQuantizerConfig { revive_below: DEAD, ..plain },
    }
}

/// Gives parameters the identities that the optimiser's saved state finds them by.
struct Numbered<'a, I> {
    ids: &'a mut I,
}

impl<I: Iterator<Item = u64>> ModuleMapper for Numbered<'_, I> {
    fn map_float<const R: usize>(&mut self, parameter: Param<Tensor<R>>) -> Param<Tensor<R>> {
        Param::initialized(super::next_id(self.ids), parameter.val())
    }
}
