//! SimVQ: a fixed codebook seen through a learned linear map.

use super::gradient::CodeGradient;
use super::quantized::{Assignments, Quantized, Term, Vectors, choose, columns, mean_square, outer};
use crate::checked::{at_least_one, not_negative};
use crate::{Error, Noise};
use burn::module::{Module, Param, ParamId};
use burn::tensor::{Device, Int, Tensor};
use serde::{Deserialize, Serialize};

const OWNER: &str = "SimVQ";

/// Options of a [`SimVq`].
///
/// ```
/// use gumbel::quantize::SimVqConfig;
/// assert_eq!(SimVqConfig::new(1024, 8).commitment, 0.25);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SimVqConfig {
    /// K, the number of codes.
    pub codes: usize,
    /// W, the width of a code.
    pub width: usize,
    /// The gradient that inputs receive.
    pub gradient: CodeGradient,
    /// Weight of the commitment loss, the mean of `(x − sg(c))²`.
    pub commitment: f64,
    /// Weight of the codebook loss, the mean of `(sg(x) − c)²`, from which the map learns.
    pub codebook: f64,
}

impl SimVqConfig {
    /// The defaults: straight-through, weights 0.25 and 1.
    pub fn new(codes: usize, width: usize) -> Self {
        Self { codes, width, gradient: CodeGradient::default(), commitment: 0.25, codebook: 1.0 }
    }

    /// A quantiser with normal fixed vectors of variance 1/W, and a map whose entries are uniform within ±1/√W.
    ///
    /// # Errors
    /// An option out of its range.
    pub fn init(&self, device: &Device, noise: &mut Noise) -> Result<SimVq, Error> {
        self.check()?;
        let scale = (self.width as f64).sqrt().recip();
        let fixed = noise.normal::<2>([self.codes, self.width], device) * scale;
        let map = noise.uniform::<2>([self.width, self.width], device) * (2.0 * scale) - scale;
        self.init_with(fixed, map)
    }

    /// A quantiser with these fixed vectors and this map: the codes are their product.
    ///
    /// # Shapes
    /// `fixed` `[K, V]`, `map` `[V, W]` with any V.
    ///
    /// # Errors
    /// An option out of its range; a number that is NaN or infinite.
    ///
    /// # Panics
    /// If the shapes are others.
    pub fn init_with(&self, fixed: Tensor<2>, map: Tensor<2>) -> Result<SimVq, Error> {
        self.check()?;
        let ([codes, inner], shape) = (fixed.dims(), map.dims());
        let expected = [inner, self.width];
        assert!(codes == self.codes, "{} fixed vectors expected, got {codes}", self.codes);
        assert!(shape == expected, "a map of shape {expected:?} expected, got {shape:?}");
        Vectors::finite(OWNER, fixed.clone(), inner)?;
        Vectors::finite(OWNER, map.clone(), self.width)?;
        Ok(SimVq {
            fixed: Param::initialized(ParamId::new(), fixed.detach()),
            map: Param::from_tensor(map.detach()),
            config: self.clone(),
        })
    }

    fn check(&self) -> Result<(), Error> {
        at_least_one(OWNER, "codes", self.codes)?;
        at_least_one(OWNER, "width", self.width)?;
        not_negative(OWNER, "commitment", self.commitment)?;
        not_negative(OWNER, "codebook", self.codebook)?;
        Ok(())
    }
}

/// Vector quantisation whose codes are fixed vectors times a learned matrix: every step moves all codes together, so none
/// is left behind.
///
/// ```text
/// codes = A M,   A fixed [K, V],   M learned [V, W]
/// ```
///
/// Zhu, Li, Xin, Xia and Xu 2024 (SimVQ). The optimiser trains M through the codebook loss; there is nothing to adapt. Losses:
/// `commitment` and `codebook`, which the paper weights 0.25 and 1.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::quantize::SimVqConfig;
/// let device = Device::flex().autodiff();
/// let fixed = Tensor::<2>::from_floats([[1.0], [2.0]], &device);
/// let quantizer = SimVqConfig::new(2, 1).init_with(fixed, Tensor::from_floats([[3.0]], &device))?;
/// let quantized = quantizer.quantize(Tensor::<2>::from_floats([[4.0]], &device))?;
/// assert_eq!(quantized.values.clone().into_scalar::<f32>(), 3.0);
/// assert_eq!(quantized.loss().into_scalar::<f32>(), 1.25); // (0.25 + 1) (4 − 3)²
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Module, Debug)]
pub struct SimVq {
    fixed: Param<Tensor<2>>,
    map: Param<Tensor<2>>,
    #[module(skip)]
    config: SimVqConfig,
}

impl SimVq {
    /// The options.
    pub fn config(&self) -> &SimVqConfig {
        &self.config
    }

    /// The codes, `[K, W]`, with their graph.
    pub fn codes(&self) -> Tensor<2> {
        self.fixed.val().matmul(self.map.val())
    }

    /// **For training**: the nearest codes with a gradient, and the losses `commitment` and `codebook`.
    ///
    /// # Shapes
    /// `x` `[.., W]`; values `[.., W]`, indices `[.., 1]`.
    ///
    /// # Errors
    /// An input or a code that is NaN or infinite; no vector.
    ///
    /// # Panics
    /// If the width is another.
    pub fn quantize<const R: usize>(&self, x: Tensor<R>) -> Result<Quantized<R>, Error> {
        let vectors = Vectors::new(OWNER, x, self.config.width)?;
        let (x, codes) = (vectors.rows.clone(), self.codes().cast(vectors.rows.dtype()));
        let indices = choose(&x, &codes)?;
        let chosen = codes.select(0, indices.clone());
        let fixed = chosen.clone().detach();
        let terms = vec![
            Term::new("commitment", self.config.commitment, mean_square(x.clone(), fixed.clone())),
            Term::new("codebook", self.config.codebook, mean_square(x.clone().detach(), chosen)),
        ];
        Ok(Quantized {
            values: vectors.values(self.config.gradient.attach(x, fixed)),
            indices: vectors.indices(vec![indices]),
            terms,
            assignments: Assignments::default(),
        })
    }

    /// **For evaluation**: the indices of the nearest codes. Without a gradient.
    ///
    /// # Shapes
    /// `x` `[.., W]` to `[.., 1]`.
    ///
    /// # Errors
    /// Those of [`quantize`](Self::quantize).
    ///
    /// # Panics
    /// If the width is another.
    pub fn encode<const R: usize>(&self, x: Tensor<R>) -> Result<Tensor<R, Int>, Error> {
        let vectors = Vectors::new(OWNER, x, self.config.width)?;
        Ok(vectors.indices(vec![choose(&vectors.rows, &self.codes())?]))
    }

    /// **For evaluation**: the codes of indices.
    ///
    /// # Shapes
    /// `indices` `[.., 1]` to `[.., W]`.
    ///
    /// # Errors
    /// An index out of range.
    ///
    /// # Panics
    /// If the last axis is not 1.
    pub fn decode<const R: usize>(&self, indices: Tensor<R, Int>) -> Result<Tensor<R>, Error> {
        let shape = indices.dims();
        let column = columns(OWNER, indices, &[self.config.codes])?.remove(0);
        Ok(outer(self.codes().select(0, column), shape))
    }
}
