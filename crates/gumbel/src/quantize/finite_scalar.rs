//! Finite scalar quantisation: each coordinate is rounded to a few levels.

use super::quantized::{Assignments, Quantized, Vectors, columns, outer};
use crate::Error;
use crate::ops;
use crate::tensor::attach;
use burn::module::Module;
use burn::tensor::{DType, Device, Int, Tensor, TensorData};

const OWNER: &str = "finite scalar quantiser";
/// By how much the range of the activation exceeds the outer levels, so that they are reached.
const EXCESS: f64 = 1e-3;

/// Rounds each coordinate to one of a few levels: a codebook that is a grid and has nothing to learn.
///
/// ```text
/// qᵢ = round(hᵢ tanh(xᵢ + sᵢ) − oᵢ) / ⌊Lᵢ/2⌋,   hᵢ = (Lᵢ − 1)(1 + 10⁻³) / 2
/// oᵢ = ½ for an even number of levels, else 0;   sᵢ = artanh(oᵢ / hᵢ), so that 0 is mapped to 0
/// index = Σᵢ (⌊Lᵢ/2⌋ qᵢ + ⌊Lᵢ/2⌋) Πⱼ﹤ᵢ Lⱼ
/// ```
///
/// Mentzer, Minnen, Agustsson and Tschannen 2024 (FSQ). The gradient is that of the expression without the rounding. No
/// auxiliary loss, and no code that could die. An even number of levels has one more below 0 than above. The shift is that
/// of later implementations; the listing in the paper's appendix has tan in place of artanh, and a range that falls short of
/// the outer levels by 10⁻³ instead of exceeding them.
///
/// # Shapes
/// `x` `[.., W]` with one coordinate for each number of levels.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::quantize::FiniteScalarQuantizer;
/// let quantizer = FiniteScalarQuantizer::new(&[8, 5, 5])?;
/// assert_eq!(quantizer.codes(), 200);
/// let x = Tensor::<2>::from_floats([[0.0, 0.4, -9.0]], &Device::flex());
/// let values = quantizer.quantize(x)?.values.into_data().try_to_vec::<f32>().unwrap();
/// assert_eq!(values, [0.0, 0.5, -1.0]); // levels -1, -0.75 .. 0.75 of the first, -1, -0.5 .. 1 of the others
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "FSQ")]
#[derive(Module, Debug)]
pub struct FiniteScalarQuantizer {
    #[module(skip)]
    levels: Vec<usize>,
}

impl FiniteScalarQuantizer {
    /// A quantiser with these numbers of levels, one for each coordinate.
    ///
    /// # Shapes
    /// `levels` `[W]`.
    ///
    /// # Errors
    /// No coordinate; fewer than 3 levels; more than 2³¹ − 1 codes.
    pub fn new(levels: &[usize]) -> Result<Self, Error> {
        if levels.is_empty() {
            return Err(Error::parameter(OWNER, "the number of coordinates", "at least 1", 0));
        }
        if let Some(few) = levels.iter().find(|&&levels| levels < 3) {
            let error = Error::parameter(OWNER, "levels", "at least 3", few);
            return Err(error.with_remedy("a BinaryQuantizer has two levels"));
        }
        let codes = levels.iter().try_fold(1usize, |codes, &levels| codes.checked_mul(levels));
        if codes.is_none_or(|codes| i32::try_from(codes).is_err()) {
            let error =
                Error::parameter(OWNER, "the product of the levels", "below 2147483648", product(levels));
            return Err(error.with_remedy("quantise groups of coordinates separately"));
        }
        Ok(Self { levels: levels.to_vec() })
    }

    /// The numbers of levels, one for each coordinate.
    pub fn levels(&self) -> &[usize] {
        &self.levels
    }

    /// K, the number of codes.
    pub fn codes(&self) -> usize {
        self.levels.iter().product()
    }

    /// **For training**: the nearest levels with a gradient. There are no losses.
    ///
    /// # Shapes
    /// `x` `[.., W]`; values `[.., W]`, indices `[.., 1]`.
    ///
    /// # Errors
    /// An input that is NaN or infinite; no vector.
    ///
    /// # Panics
    /// If the width is not the number of coordinates.
    pub fn quantize<const R: usize>(&self, x: Tensor<R>) -> Result<Quantized<R>, Error> {
        let vectors = Vectors::finite(OWNER, x, self.levels.len())?;
        let bounded = self.bounded(vectors.rows.clone());
        let rounded = bounded.clone().detach().round();
        let half = self.row(&rounded, |levels| (levels / 2) as f64);
        Ok(Quantized {
            values: vectors.values(attach(rounded.clone(), bounded) / half),
            indices: vectors.indices(vec![self.index(rounded)]),
            terms: vec![],
            assignments: Assignments::default(),
        })
    }

    /// **For evaluation**: the index of the code of each vector. Without a gradient.
    ///
    /// # Shapes
    /// `x` `[.., W]` to `[.., 1]`.
    ///
    /// # Errors
    /// Those of [`quantize`](Self::quantize).
    ///
    /// # Panics
    /// If the width is not the number of coordinates.
    pub fn encode<const R: usize>(&self, x: Tensor<R>) -> Result<Tensor<R, Int>, Error> {
        let vectors = Vectors::finite(OWNER, x, self.levels.len())?;
        let rounded = self.bounded(vectors.rows.clone().inner()).round();
        Ok(vectors.indices(vec![self.index(rounded)]))
    }

    /// **For evaluation**: the codes of indices, in single precision.
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
        let column = columns(OWNER, indices, &[self.codes()])?.remove(0);
        let (mut rest, mut coordinates) = (column, vec![]);
        for &levels in &self.levels {
            let (levels, half) = (levels as i64, (levels / 2) as f64);
            let digit = rest.clone().remainder_scalar(levels);
            rest = (rest - digit.clone()) / levels;
            coordinates.push((digit.float().cast(DType::F32) - half) / half);
        }
        Ok(outer(Tensor::stack::<2>(coordinates, 1), shape))
    }

    /// Between the outer levels, which are at whole numbers.
    fn bounded(&self, x: Tensor<2>) -> Tensor<2> {
        let offset = |levels: usize| if levels.is_multiple_of(2) { 0.5 } else { 0.0 };
        let half = |levels: usize| (levels - 1) as f64 * (1.0 + EXCESS) / 2.0;
        let shift = self.row(&x, |levels| libm::atanh(offset(levels) / half(levels)));
        let (half, offset) = (self.row(&x, half), self.row(&x, offset));
        ops::tanh(x + shift) * half - offset
    }

    /// The place of each row of whole numbers in the grid, the first coordinate fastest.
    fn index(&self, rounded: Tensor<2>) -> Tensor<1, Int> {
        let digits = rounded.clone().inner() + self.row(&rounded.inner(), |levels| (levels / 2) as f64);
        let mut places = vec![1i64];
        self.levels.iter().for_each(|&levels| places.push(places[places.len() - 1] * levels as i64));
        places.pop();
        let device: Device = digits.device();
        let places = Tensor::<2, Int>::from_data(TensorData::new(places, [1, self.levels.len()]), &device);
        (digits.int() * places).sum_dim(1).squeeze_dim(1)
    }

    /// A number for each coordinate, `[1, W]`, beside a tensor.
    fn row(&self, like: &Tensor<2>, of: impl Fn(usize) -> f64) -> Tensor<2> {
        let numbers: Vec<f64> = self.levels.iter().map(|&levels| of(levels)).collect();
        Tensor::from_data(TensorData::new(numbers, [1, self.levels.len()]), (&like.device(), like.dtype()))
    }
}

fn product(levels: &[usize]) -> f64 {
    levels.iter().map(|&levels| levels as f64).product()
}
