//! Product quantisation: a vector in parts, each with a codebook of its own.

use super::k_means::KMeans;
use super::quantized::{Assignments, Quantized, Vectors, columns, outer};
use super::vector::VectorQuantizer;
use crate::{Error, Noise};
use burn::module::Module;
use burn::tensor::{Int, Tensor};

const OWNER: &str = "product quantiser";

/// Splits a vector into parts and quantises each with a codebook of its own: `Π K` codes for the search of `Σ K`.
///
/// Jégou, Douze and Schmid 2011; groups of codes in later work. Losses are the means over the parts, so that their scale
/// does not depend on how a vector is split into equal parts.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::quantize::{ProductQuantizer, VectorQuantizerConfig};
/// let book = Tensor::<2>::from_floats([[0.0], [1.0]], &Device::flex());
/// let part = || VectorQuantizerConfig::new(2, 1).init_with(book.clone());
/// let quantizer = ProductQuantizer::new(vec![part()?, part()?])?;
/// let indices = quantizer.encode(Tensor::<2>::from_floats([[0.9, 0.2]], &Device::flex()))?;
/// assert_eq!(indices.into_data().iter::<i64>().collect::<Vec<_>>(), [1, 0]);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "grouped")]
#[doc(alias = "multi-head")]
#[derive(Module, Debug)]
pub struct ProductQuantizer {
    parts: Vec<VectorQuantizer>,
}

impl ProductQuantizer {
    /// A quantiser of these parts, in the order of the coordinates.
    ///
    /// # Errors
    /// No part.
    pub fn new(parts: Vec<VectorQuantizer>) -> Result<Self, Error> {
        crate::checked::at_least_one(OWNER, "the number of parts", parts.len())?;
        Ok(Self { parts })
    }

    /// The parts.
    pub fn parts(&self) -> &[VectorQuantizer] {
        &self.parts
    }

    /// Places the codes of each part by k-means of its coordinates in a batch.
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
        let rows = Vectors::new(OWNER, x, self.width())?.rows.inner();
        let columns: Vec<Tensor<2>> = self.split(&rows).map(|(x, _)| x).collect();
        let parts = self.parts.iter_mut().zip(columns);
        parts.into_iter().try_for_each(|(part, x)| part.initialize(x, how, noise))
    }

    /// W, the sum of the widths of the parts.
    pub fn width(&self) -> usize {
        self.parts.iter().map(|part| part.config().width).sum()
    }

    /// **For training**: the codes of all parts beside each other with a gradient, and the losses of
    /// [`VectorQuantizer::quantize`].
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
        let vectors = Vectors::new(OWNER, x, self.width())?;
        let (mut values, mut terms, mut assigned) = (vec![], vec![], vec![]);
        for (x, quantizer) in self.split(&vectors.rows) {
            let part = quantizer.quantize_rows(x)?;
            values.push(quantizer.config().gradient.attach(part.inputs, part.codes));
            terms.extend(part.terms);
            assigned.push(part.assigned);
        }
        let share = (self.parts.len() as f64).recip();
        Ok(Quantized {
            values: vectors.values(Tensor::cat(values, 1)),
            indices: vectors.indices(assigned.iter().map(|assigned| assigned.indices.clone()).collect()),
            terms: super::quantized::combined(terms, share),
            assignments: Assignments(assigned),
        })
    }

    /// **For training**, after the step: [`VectorQuantizer::adapt`] for every part. Returns the number of codes revived.
    ///
    /// # Errors
    /// None for the assignments of this quantiser.
    ///
    /// # Panics
    /// If the assignments are those of another number of codebooks.
    pub fn adapt(&mut self, assignments: &Assignments, noise: &mut Noise) -> Result<usize, Error> {
        let assigned = assignments.of(self.parts.len());
        self.parts.iter_mut().zip(assigned).map(|(part, assigned)| part.adapt_to(assigned, noise)).sum()
    }

    /// **For evaluation**: the indices of the nearest codes of the parts. Without a gradient.
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
        let columns = self.split(&vectors.rows).map(|(x, part)| part.choose(x));
        Ok(vectors.indices(columns.collect::<Result<_, _>>()?))
    }

    /// **For evaluation**: the codes of indices, beside each other.
    ///
    /// # Shapes
    /// `indices` `[.., G]` to `[.., W]`.
    ///
    /// # Errors
    /// An index out of range.
    ///
    /// # Panics
    /// If the last axis is not the number of parts.
    pub fn decode<const R: usize>(&self, indices: Tensor<R, Int>) -> Result<Tensor<R>, Error> {
        let (shape, books) = (indices.dims(), self.parts.len());
        assert!(shape[R - 1] == books, "{OWNER}: indices [.., {books}] expected, got {shape:?}");
        let codes: Vec<usize> = self.parts.iter().map(|part| part.config().codes).collect();
        let columns = columns(OWNER, indices, &codes)?.into_iter().zip(&self.parts);
        let parts = columns.map(|(column, part)| part.codes().select(0, column));
        Ok(outer(Tensor::cat(parts.collect(), 1), shape))
    }

    /// The columns of each part, with its quantiser.
    fn split(&self, x: &Tensor<2>) -> impl Iterator<Item = (Tensor<2>, &VectorQuantizer)> {
        let mut start = 0;
        self.parts.iter().map(move |part| {
            let width = part.config().width;
            start += width;
            (x.clone().narrow(1, start - width, width), part)
        })
    }
}
