//! Residual quantisation: each stage quantises what the stages before it left over.

use super::k_means::KMeans;
use super::quantized::{Assignments, Quantized, Vectors, choose, columns, combined, outer};
use super::space::CodeSpace;
use super::vector::VectorQuantizer;
use crate::{Error, Noise};
use burn::module::Module;
use burn::tensor::{Int, Tensor};

const OWNER: &str = "residual quantiser";

/// Quantises a vector in stages: each chooses the code nearest to what the stages before it left over, and the value is the
/// sum of the codes.
///
/// ```text
/// r₁ = x,   c_g = nearest code of stage g to r_g,   r_{g+1} = r_g − sg(c_g),   value = Σ_g c_g
/// ```
///
/// Zeghidour et al. 2021 (SoundStream), algorithm 1; Lee et al. 2022. Fewer stages are a coarser code: a prefix of the indices
/// decodes too. Losses are sums over the stages. The gradient is attached once, from x to the sum of the codes, by the choice
/// of the first stage: attached in each stage, as some implementations do, it would be that many times as large.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::quantize::{ResidualQuantizer, VectorQuantizerConfig};
/// let stage = |step: f32| {
///     let book = Tensor::<2>::from_floats([[-step], [0.0], [step]], &Device::flex());
///     VectorQuantizerConfig::new(3, 1).init_with(book)
/// };
/// let quantizer = ResidualQuantizer::new(vec![stage(1.0)?, stage(0.25)?])?;
/// let indices = quantizer.encode(Tensor::<2>::from_floats([[0.7]], &Device::flex()))?;
/// assert_eq!(quantizer.decode(indices.clone())?.into_scalar::<f32>(), 0.75); // 1 − 0.25
/// assert_eq!(quantizer.decode(indices.narrow(1, 0, 1))?.into_scalar::<f32>(), 1.0);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "RVQ")]
#[derive(Module, Debug)]
pub struct ResidualQuantizer {
    stages: Vec<VectorQuantizer>,
}

impl ResidualQuantizer {
    /// A quantiser of these stages.
    ///
    /// # Errors
    /// No stage; stages of different widths; a stage on the sphere, where what is left over has no place.
    pub fn new(stages: Vec<VectorQuantizer>) -> Result<Self, Error> {
        crate::checked::at_least_one(OWNER, "the number of stages", stages.len())?;
        if stages.iter().any(|stage| stage.config().space == CodeSpace::Sphere) {
            return Err(Error::parameter(OWNER, "the space of a stage", "euclidean", "sphere"));
        }
        let widths = stages.iter().map(|stage| stage.config().width);
        match widths.clone().find(|&width| width != stages[0].config().width) {
            None => Ok(Self { stages }),
            Some(other) => {
                let expected = format!("the same in every stage, {}", stages[0].config().width);
                Err(Error::parameter(OWNER, "the width", expected, other))
            }
        }
    }

    /// The stages.
    pub fn stages(&self) -> &[VectorQuantizer] {
        &self.stages
    }

    /// Places the codes of each stage by k-means of what the stages before it leave over of a batch.
    ///
    /// # Shapes
    /// `x` `[.., W]`.
    ///
    /// # Errors
    /// Those of [`VectorQuantizer::initialize`].
    ///
    /// # Panics
    /// If the width is another.
    pub fn initialize<const R: usize>(
        &mut self,
        x: Tensor<R>,
        how: KMeans,
        noise: &mut Noise,
    ) -> Result<(), Error> {
        let mut rest = Vectors::new(OWNER, x, self.width())?.rows.inner();
        for stage in &mut self.stages {
            stage.initialize(rest.clone(), how, noise)?;
            let codes = stage.codes().inner().cast(rest.dtype());
            rest = rest.clone() - codes.clone().select(0, choose(&rest, &codes)?);
        }
        Ok(())
    }

    /// **For training**: the sums of the codes with a gradient, and the losses of [`VectorQuantizer::quantize`].
    ///
    /// # Shapes
    /// `x` `[.., W]`; values `[.., W]`, indices `[.., G]`.
    ///
    /// # Errors
    /// Those of [`VectorQuantizer::quantize`].
    ///
    /// # Panics
    /// If the width is another.
    pub fn quantize<const R: usize>(&self, x: Tensor<R>) -> Result<Quantized<R>, Error> {
        self.quantize_stages(x, self.stages.len())
    }

    /// **For training**: [`quantize`](Self::quantize) by the first `count` stages alone. With a count that is drawn for each
    /// batch, every prefix learns to be a code (quantiser dropout; Zeghidour et al. 2021, section III-C).
    ///
    /// # Shapes
    /// `x` `[.., W]`; values `[.., W]`, indices `[.., count]`.
    ///
    /// # Errors
    /// Those of [`VectorQuantizer::quantize`]; a count of 0, or more than there are stages.
    ///
    /// # Panics
    /// If the width is another.
    pub fn quantize_stages<const R: usize>(&self, x: Tensor<R>, count: usize) -> Result<Quantized<R>, Error> {
        if count == 0 || count > self.stages.len() {
            let expected = format!("from 1 to {}", self.stages.len());
            return Err(Error::parameter(OWNER, "the number of stages", expected, count));
        }
        let vectors = Vectors::new(OWNER, x, self.width())?;
        let mut rest = vectors.rows.clone();
        let (mut terms, mut assigned) = (vec![], vec![]);
        for stage in &self.stages[..count] {
            let part = stage.quantize_rows(rest.clone())?;
            rest = rest - part.codes;
            terms.extend(part.terms);
            assigned.push(part.assigned);
        }
        let indices: Vec<_> = assigned.iter().map(|assigned| assigned.indices.clone()).collect();
        let sum = self.sum(&indices).detach().cast(vectors.rows.dtype());
        let values = self.stages[0].config().gradient.attach(vectors.rows.clone(), sum);
        Ok(Quantized {
            values: vectors.values(values),
            indices: vectors.indices(indices),
            terms: combined(terms, 1.0),
            assignments: Assignments(assigned),
        })
    }

    /// **For training**, after the step: [`VectorQuantizer::adapt`] for every stage that quantised. Returns the number of
    /// codes revived.
    ///
    /// # Errors
    /// None for the assignments of this quantiser.
    ///
    /// # Panics
    /// If the assignments are those of more codebooks than there are stages, or of none.
    pub fn adapt(&mut self, assignments: &Assignments, noise: &mut Noise) -> Result<usize, Error> {
        let assigned = assignments.of(assignments.0.len().clamp(1, self.stages.len()));
        self.stages.iter_mut().zip(assigned).map(|(stage, assigned)| stage.adapt_to(assigned, noise)).sum()
    }

    /// **For evaluation**: the indices of the codes of all stages. Without a gradient.
    ///
    /// # Shapes
    /// `x` `[.., W]` to `[.., G]`.
    ///
    /// # Errors
    /// Those of [`VectorQuantizer::quantize`].
    ///
    /// # Panics
    /// If the width is another.
    pub fn encode<const R: usize>(&self, x: Tensor<R>) -> Result<Tensor<R, Int>, Error> {
        let vectors = Vectors::new(OWNER, x, self.width())?;
        let mut rest = vectors.rows.clone().inner();
        let mut indices = vec![];
        for stage in &self.stages {
            let codes = stage.codes().inner().cast(rest.dtype());
            let chosen = choose(&rest, &codes)?;
            rest = rest - codes.select(0, chosen.clone());
            indices.push(chosen);
        }
        Ok(vectors.indices(indices))
    }

    /// **For evaluation**: the sums of the codes of indices, of all stages or of the first ones.
    ///
    /// # Shapes
    /// `indices` `[.., g]`, with g from 1 to G, to `[.., W]`.
    ///
    /// # Errors
    /// An index out of range.
    ///
    /// # Panics
    /// If the last axis is longer than there are stages.
    pub fn decode<const R: usize>(&self, indices: Tensor<R, Int>) -> Result<Tensor<R>, Error> {
        let shape = indices.dims();
        let codes: Vec<usize> = self.stages.iter().map(|stage| stage.config().codes).collect();
        Ok(outer(self.sum(&columns(OWNER, indices, &codes)?), shape))
    }

    fn width(&self) -> usize {
        self.stages[0].config().width
    }

    /// The sums of the codes of some columns of indices.
    fn sum(&self, columns: &[Tensor<1, Int>]) -> Tensor<2> {
        let stages = self.stages.iter().zip(columns);
        let codes = stages.map(|(stage, column)| stage.codes().select(0, column.clone()));
        codes.reduce(|sum, codes| sum + codes).expect("at least one stage")
    }
}
