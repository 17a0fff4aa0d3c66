//! Runs quantisers on cases from another library: reads JSON from standard input, writes JSON to standard output.
//!
//! `results/quantize/compare.py` calls it, to compare with `vector-quantize-pytorch`; a test reads a small file of cases
//! with that library's results.

use burn::module::{Module, list_param_ids};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Int, Tensor, TensorData};
use gumbel::quantize::{
    BinaryQuantizer, BinaryQuantizerConfig, BinarySpace, CodeGradient, CodeSpace, CodebookLearning,
    FiniteScalarQuantizer, ProductQuantizer, Quantized, ResidualQuantizer, SimVq, SimVqConfig,
    VectorQuantizer, VectorQuantizerConfig,
};
use gumbel::{Error, Noise};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Rows of numbers.
pub type Table = Vec<Vec<f32>>;

/// A quantiser, and what it is given in turn.
#[derive(Clone, Debug, Deserialize)]
pub struct Case {
    /// What the case is called.
    pub name: String,
    kind: Kind,
    #[serde(default)]
    space: CodeSpace,
    #[serde(default)]
    gradient: CodeGradient,
    #[serde(default)]
    learning: CodebookLearning,
    /// One codebook, or one for each stage or part; for SimVQ the fixed vectors.
    #[serde(default)]
    books: Vec<Table>,
    #[serde(default)]
    map: Table,
    #[serde(default)]
    levels: Vec<usize>,
    #[serde(default)]
    inverse_temperature: f64,
    commitment: f64,
    batches: Vec<Table>,
    /// The gradient that the values receive.
    cotangent: Table,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Vector,
    Residual,
    Product,
    Sim,
    FiniteScalar,
    LookupFree,
    Spherical,
}

/// What a quantiser makes of a batch, before it adapts and after.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Outcome {
    /// `[N, W]`.
    pub values: Table,
    /// `[N, G]`.
    pub indices: Vec<Vec<i64>>,
    /// The auxiliary losses, without weights.
    pub terms: BTreeMap<String, f32>,
    /// Of the inputs, along the cotangent of the values alone.
    pub gradient: Table,
    /// The same of the weighted losses alone.
    pub loss_gradient: Table,
    /// That of what an optimiser trains, if any.
    pub parameter_gradient: Option<Table>,
    /// After adapting.
    pub books: Vec<Table>,
    /// After adapting.
    pub counts: Table,
}

enum Model {
    Vector(VectorQuantizer),
    Residual(ResidualQuantizer),
    Product(ProductQuantizer),
    Sim(SimVq),
    FiniteScalar(FiniteScalarQuantizer),
    Binary(BinaryQuantizer),
}

impl Model {
    fn new(case: &Case) -> Result<Self, Error> {
        let books = || case.books.iter().map(|book| case.book(book)).collect::<Result<Vec<_>, _>>();
        Ok(match case.kind {
            Kind::Vector => Self::Vector(books()?.remove(0)),
            Kind::Residual => Self::Residual(ResidualQuantizer::new(books()?)?),
            Kind::Product => Self::Product(ProductQuantizer::new(books()?)?),
            Kind::Sim => Self::Sim(case.sim()?),
            Kind::FiniteScalar => Self::FiniteScalar(FiniteScalarQuantizer::new(&case.levels)?),
            Kind::LookupFree => Self::Binary(case.binary(BinarySpace::Cube)?),
            Kind::Spherical => Self::Binary(case.binary(BinarySpace::Sphere)?),
        })
    }

    fn quantize(&self, x: Tensor<2>) -> Result<Quantized<2>, Error> {
        match self {
            Self::Vector(quantizer) => quantizer.quantize(x),
            Self::Residual(quantizer) => quantizer.quantize(x),
            Self::Product(quantizer) => quantizer.quantize(x),
            Self::Sim(quantizer) => quantizer.quantize(x),
            Self::FiniteScalar(quantizer) => quantizer.quantize(x),
            Self::Binary(quantizer) => quantizer.quantize(x),
        }
    }

    fn adapt(&mut self, quantized: &Quantized<2>) -> Result<(), Error> {
        let (assignments, noise) = (&quantized.assignments, &mut Noise::from_seed(1));
        match self {
            Self::Vector(quantizer) => quantizer.adapt(assignments, noise)?,
            Self::Residual(quantizer) => quantizer.adapt(assignments, noise)?,
            Self::Product(quantizer) => quantizer.adapt(assignments, noise)?,
            _ => 0,
        };
        Ok(())
    }

    fn books(&self) -> &[VectorQuantizer] {
        match self {
            Self::Vector(quantizer) => std::slice::from_ref(quantizer),
            Self::Residual(quantizer) => quantizer.stages(),
            Self::Product(quantizer) => quantizer.parts(),
            _ => &[],
        }
    }

    /// The gradient of the weighted losses in what an optimiser trains.
    fn parameter_gradient(&self, quantized: &Quantized<2>) -> Option<Table> {
        match self {
            Self::Vector(quantizer) => trained(quantizer, 0, quantized),
            Self::Sim(quantizer) => trained(quantizer, 1, quantized),
            _ => None,
        }
    }
}

fn trained<M: Module>(module: &M, parameter: usize, quantized: &Quantized<2>) -> Option<Table> {
    let mut gradients = GradientsParams::from_grads(quantized.loss().backward(), module);
    gradients.remove::<2>(list_param_ids(module)[parameter]).map(table)
}

impl Case {
    fn book(&self, codes: &Table) -> Result<VectorQuantizer, Error> {
        let [count, width] = [codes.len(), codes[0].len()];
        let config = VectorQuantizerConfig {
            space: self.space,
            gradient: self.gradient,
            learning: self.learning,
            commitment: self.commitment,
            decay: 0.8,
            ..VectorQuantizerConfig::new(count, width)
        };
        config.init_with(tensor(codes))
    }

    fn sim(&self) -> Result<SimVq, Error> {
        let config = SimVqConfig {
            gradient: self.gradient,
            commitment: self.commitment,
            ..SimVqConfig::new(self.books[0].len(), self.map[0].len())
        };
        config.init_with(tensor(&self.books[0]), tensor(&self.map))
    }

    fn binary(&self, space: BinarySpace) -> Result<BinaryQuantizer, Error> {
        let config = BinaryQuantizerConfig {
            space,
            inverse_temperature: self.inverse_temperature,
            commitment: self.commitment,
            ..BinaryQuantizerConfig::lookup_free(self.batches[0][0].len())
        };
        config.init()
    }

    /// The outcome of each batch.
    pub fn run(&self) -> Result<Vec<Outcome>, Error> {
        let mut model = Model::new(self)?;
        self.batches.iter().map(|batch| self.step(&mut model, batch)).collect()
    }

    fn step(&self, model: &mut Model, batch: &Table) -> Result<Outcome, Error> {
        let x = tensor(batch).require_grad();
        let quantized = model.quantize(x.clone())?;
        let along = (quantized.values.clone() * tensor(&self.cotangent)).sum().backward();
        let gradient = x.grad(&along).map_or(vec![], table);
        let again = model.quantize(x.clone())?; // a graph is differentiated once
        let loss_gradient = match again.terms.is_empty() {
            true => vec![],
            false => x.grad(&again.loss().backward()).map_or(vec![], table),
        };
        let parameter_gradient = match self.learning {
            CodebookLearning::Gradient => model.parameter_gradient(&model.quantize(x)?),
            _ => None,
        };
        model.adapt(&quantized)?;
        let term =
            |term: &gumbel::quantize::Term| (term.name.into(), term.value.clone().into_scalar::<f32>());
        Ok(Outcome {
            terms: quantized.terms.iter().map(term).collect(),
            values: table(quantized.values),
            indices: integers(quantized.indices),
            gradient,
            loss_gradient,
            parameter_gradient,
            books: model.books().iter().map(|book| table(book.codes())).collect(),
            counts: model.books().iter().map(|book| flat(book.counts())).collect(),
        })
    }
}

fn tensor(table: &Table) -> Tensor<2> {
    let data = TensorData::new(table.concat(), [table.len(), table[0].len()]);
    Tensor::from_data(data, &Device::flex().autodiff())
}

fn flat<const R: usize>(tensor: Tensor<R>) -> Vec<f32> {
    tensor.inner().into_data().try_to_vec().expect("single precision")
}

fn table(tensor: Tensor<2>) -> Table {
    let width = tensor.dims()[1];
    flat(tensor).chunks(width).map(<[f32]>::to_vec).collect()
}

fn integers(tensor: Tensor<2, Int>) -> Vec<Vec<i64>> {
    let width = tensor.dims()[1];
    let numbers: Vec<i64> = tensor.into_data().iter::<i64>().collect();
    numbers.chunks(width).map(<[i64]>::to_vec).collect()
}

#[allow(dead_code)] // of the test that includes this file
fn main() {
    let cases: Vec<Case> = serde_json::from_reader(std::io::stdin()).expect("cases as JSON");
    let outcomes = cases.iter().map(|case| case.run().expect("a valid case")).collect::<Vec<_>>();
    println!("{}", serde_json::to_string(&outcomes).expect("numbers"));
}
