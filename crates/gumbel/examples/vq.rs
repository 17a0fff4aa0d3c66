//! Discrete bottlenecks side by side: an autoencoder whose code is one of sixteen, by each quantiser of the library.
//!
//! The data are points near a plane. No code of sixteen has less error than the best centres, so each is measured against
//! k-means on the data themselves, the best of twenty starts. The perplexity says how many codes are in use.
//!
//! `cargo run --release --example vq` trains eight models on full batches, and evaluates each by `encode` and `decode`.

#[allow(clippy::duplicate_mod)] // where a test takes several examples as modules
mod network;

use burn::module::Module;
use burn::nn::Linear;
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Device, Int, Tensor, activation};
use gumbel::quantize::{
    Assignments, BinaryQuantizer, BinaryQuantizerConfig, CodeGradient, CodeUsage, FiniteScalarQuantizer,
    GumbelQuantizer, GumbelQuantizerConfig, KMeans, ProductQuantizer, Quantized, ResidualQuantizer, SimVq,
    SimVqConfig, VectorQuantizer, VectorQuantizerConfig, k_means,
};
use gumbel::{Error, Noise, Schedule};
use network::linear;

const CODES: usize = 16;
const COORDINATES: usize = 8;
const POINTS: usize = 512;
const HIDDEN: usize = 32;
/// The width of the vectors that are quantised, where it is free.
const WIDTH: usize = 4;
const STEPS: u64 = 1000;

/// What training came to.
pub struct Outcome {
    /// Mean squared distance of the data to the nearest of sixteen centres: the best of twenty runs of k-means.
    pub k_means: f64,
    /// One for each quantiser.
    pub rows: Vec<Row>,
}

/// A trained bottleneck.
pub struct Row {
    /// The quantiser.
    pub name: &'static str,
    /// Mean squared distance of the data to what is decoded.
    pub error: f64,
    /// The perplexity of the codes in use, at most 16.
    pub perplexity: f64,
}

#[derive(Module, Debug)]
enum Bottleneck {
    Vector(VectorQuantizer),
    Residual(ResidualQuantizer),
    Product(ProductQuantizer),
    Sim(SimVq),
    FiniteScalar(FiniteScalarQuantizer),
    Binary(BinaryQuantizer),
    Gumbel(GumbelQuantizer),
}

const NAMES: [&str; 8] = [
    "vector",
    "vector, rotation",
    "residual",
    "product",
    "SimVQ",
    "finite scalar",
    "binary spherical",
    "Gumbel",
];

impl Bottleneck {
    fn new(name: &str, noise: &mut Noise, device: &Device) -> Result<Self, Error> {
        let mut vector = |codes, width, gradient| {
            let revive_below = 0.5;
            VectorQuantizerConfig {
                gradient,
                revive_below,
                decay: 0.9,
                ..VectorQuantizerConfig::new(codes, width)
            }
            .init(device, noise)
        };
        let plain = CodeGradient::StraightThrough;
        Ok(match name {
            "vector" => Self::Vector(vector(CODES, WIDTH, plain)?),
            "vector, rotation" => Self::Vector(vector(CODES, WIDTH, CodeGradient::Rotation)?),
            "residual" => Self::Residual(ResidualQuantizer::new(vec![
                vector(4, WIDTH, plain)?,
                vector(4, WIDTH, plain)?,
            ])?),
            "product" => {
                Self::Product(ProductQuantizer::new(vec![vector(4, 2, plain)?, vector(4, 2, plain)?])?)
            }
            "SimVQ" => Self::Sim(SimVqConfig::new(CODES, WIDTH).init(device, noise)?),
            "finite scalar" => Self::FiniteScalar(FiniteScalarQuantizer::new(&[4, 4])?),
            "binary spherical" => Self::Binary(
                BinaryQuantizerConfig { inverse_temperature: 2.0, ..BinaryQuantizerConfig::spherical(4) }
                    .init()?,
            ),
            _ => {
                let tau = "linear:1:0.3:800".parse()?;
                let config =
                    GumbelQuantizerConfig { tau, diversity: 1.0, ..GumbelQuantizerConfig::new(CODES, WIDTH) };
                Self::Gumbel(config.init(device, noise)?)
            }
        })
    }

    /// The width of what it takes, and of what it returns.
    fn widths(&self) -> [usize; 2] {
        match self {
            Self::FiniteScalar(_) => [2, 2],
            Self::Gumbel(_) => [CODES, WIDTH],
            _ => [WIDTH, WIDTH],
        }
    }

    fn initialize(&mut self, x: Tensor<2>, noise: &mut Noise) -> Result<(), Error> {
        match self {
            Self::Vector(quantizer) => quantizer.initialize(x, KMeans::default(), noise),
            Self::Residual(quantizer) => quantizer.initialize(x, KMeans::default(), noise),
            Self::Product(quantizer) => quantizer.initialize(x, KMeans::default(), noise),
            _ => Ok(()),
        }
    }

    fn quantize(&self, x: Tensor<2>, step: u64, noise: &mut Noise) -> Result<Quantized<2>, Error> {
        match self {
            Self::Vector(quantizer) => quantizer.quantize(x),
            Self::Residual(quantizer) => quantizer.quantize(x),
            Self::Product(quantizer) => quantizer.quantize(x),
            Self::Sim(quantizer) => quantizer.quantize(x),
            Self::FiniteScalar(quantizer) => quantizer.quantize(x),
            Self::Binary(quantizer) => quantizer.quantize(x),
            Self::Gumbel(quantizer) => quantizer.quantize(x, step, noise),
        }
    }

    fn adapt(&mut self, assignments: &Assignments, noise: &mut Noise) -> Result<usize, Error> {
        match self {
            Self::Vector(quantizer) => quantizer.adapt(assignments, noise),
            Self::Residual(quantizer) => quantizer.adapt(assignments, noise),
            Self::Product(quantizer) => quantizer.adapt(assignments, noise),
            _ => Ok(0),
        }
    }

    fn encode(&self, x: Tensor<2>) -> Result<Tensor<2, Int>, Error> {
        match self {
            Self::Vector(quantizer) => quantizer.encode(x),
            Self::Residual(quantizer) => quantizer.encode(x),
            Self::Product(quantizer) => quantizer.encode(x),
            Self::Sim(quantizer) => quantizer.encode(x),
            Self::FiniteScalar(quantizer) => quantizer.encode(x),
            Self::Binary(quantizer) => quantizer.encode(x),
            Self::Gumbel(quantizer) => quantizer.encode(x),
        }
    }

    fn decode(&self, indices: Tensor<2, Int>) -> Result<Tensor<2>, Error> {
        match self {
            Self::Vector(quantizer) => quantizer.decode(indices),
            Self::Residual(quantizer) => quantizer.decode(indices),
            Self::Product(quantizer) => quantizer.decode(indices),
            Self::Sim(quantizer) => quantizer.decode(indices),
            Self::FiniteScalar(quantizer) => quantizer.decode(indices),
            Self::Binary(quantizer) => quantizer.decode(indices),
            Self::Gumbel(quantizer) => quantizer.decode(indices),
        }
    }
}

#[derive(Module, Debug)]
struct Autoencoder {
    encoder: [Linear; 2],
    bottleneck: Bottleneck,
    decoder: [Linear; 2],
}

impl Autoencoder {
    fn new(bottleneck: Bottleneck, noise: &mut Noise, device: &Device) -> Self {
        let [inner, outer] = bottleneck.widths();
        let mut layer = |inputs, outputs| linear(inputs, outputs, noise, device);
        Self {
            encoder: [layer(COORDINATES, HIDDEN), layer(HIDDEN, inner)],
            bottleneck,
            decoder: [layer(outer, HIDDEN), layer(HIDDEN, COORDINATES)],
        }
    }

    /// Trained on all of the data in every step.
    fn train(mut self, data: &Tensor<2>, noise: &Noise) -> Result<Self, Error> {
        let (mut adam, rate) = (AdamConfig::new().init(), "cosine:0.01:0.0001:1000".parse::<Schedule>()?);
        let first = forward(&self.encoder, data.clone().autodiff());
        self.bottleneck.initialize(first, &mut noise.split(0))?;
        for step in 0..STEPS {
            let noise = &mut noise.split(1 + step);
            let x = data.clone().autodiff();
            let quantized = self.bottleneck.quantize(forward(&self.encoder, x.clone()), step, noise)?;
            let error = (forward(&self.decoder, quantized.values.clone()) - x).square().sum_dim(1).mean();
            let gradients = GradientsParams::from_grads((error + quantized.loss()).backward(), &self);
            self = adam.step(rate.at(step), self, gradients);
            self.bottleneck.adapt(&quantized.assignments, noise)?;
        }
        Ok(self)
    }

    fn evaluate(&self, name: &'static str, data: &Tensor<2>) -> Result<Row, Error> {
        let model = self.valid();
        let indices = model.bottleneck.encode(forward(&model.encoder, data.clone()))?;
        let decoded = forward(&model.decoder, model.bottleneck.decode(indices.clone())?);
        let error = (decoded - data.clone()).square().sum_dim(1).mean().into_scalar::<f32>().into();
        let mut usage = CodeUsage::new(CODES);
        usage.add(joint(indices))?;
        Ok(Row { name, error, perplexity: usage.perplexity() })
    }
}

fn forward([first, second]: &[Linear; 2], x: Tensor<2>) -> Tensor<2> {
    second.forward(activation::relu(first.forward(x)))
}

/// Two indices below 4 as one below 16.
fn joint(indices: Tensor<2, Int>) -> Tensor<2, Int> {
    match indices.dims()[1] {
        2 => indices.clone().narrow(1, 0, 1) + indices.narrow(1, 1, 1) * 4,
        _ => indices,
    }
}

/// Normal points, spread in two directions and flat in the others.
fn points(noise: &mut Noise) -> Tensor<2> {
    let device = Device::flex();
    let spread = Tensor::<1>::from_floats([2.0, 1.5, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2], &device);
    noise.normal::<2>([POINTS, COORDINATES], &device) * spread.unsqueeze()
}

/// Trains every quantiser on the points of `seed`.
pub fn run(seed: u64) -> Result<Outcome, Error> {
    let noise = Noise::from_seed(seed);
    let data = points(&mut noise.split(0));
    let how = KMeans { iterations: 50, ..KMeans::default() };
    let starts = (0..20).map(|start| k_means(data.clone(), CODES, how, &mut noise.split(1).split(start)));
    let errors = starts.map(|clusters| Ok(clusters?.error)).collect::<Result<Vec<_>, Error>>()?;
    let row = |name| {
        let (device, mut weights) = (Device::flex().autodiff(), noise.split(2));
        let bottleneck = Bottleneck::new(name, &mut weights, &device)?;
        Autoencoder::new(bottleneck, &mut weights, &device)
            .train(&data, &noise.split(3))?
            .evaluate(name, &data)
    };
    let rows = NAMES.into_iter().map(row).collect::<Result<_, Error>>()?;
    Ok(Outcome { k_means: errors.into_iter().fold(f64::INFINITY, f64::min), rows })
}

#[allow(dead_code)] // of the test that includes this file
fn main() -> Result<(), Error> {
    let seed = std::env::args().nth(1).map_or(1, |seed| seed.parse().expect("a seed is a number"));
    let outcome = run(seed)?;
    println!("quantiser           error   of k-means   perplexity of {CODES}");
    for Row { name, error, perplexity } in &outcome.rows {
        println!("{name:<18} {error:>6.3} {:>12.2} {perplexity:>15.2}", error / outcome.k_means);
    }
    println!("k-means            {:>6.3}", outcome.k_means);
    Ok(())
}
