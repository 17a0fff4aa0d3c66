//! Where the codes of a codebook lie.

use super::gradient::polar;
use crate::Error;
use crate::tensor::numbers;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// Where the codes of a [`VectorQuantizer`](super::VectorQuantizer) lie, and its inputs are placed.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::quantize::{CodeSpace, VectorQuantizerConfig};
/// let book = Tensor::<2>::from_floats([[1.0, 0.0], [6.0, 8.0]], &Device::flex());
/// let config = VectorQuantizerConfig { space: CodeSpace::Sphere, ..VectorQuantizerConfig::new(2, 2) };
/// let quantized = config.init_with(book)?.quantize(Tensor::<2>::from_floats([[0.0, 0.1]], &Device::flex()))?;
/// assert_eq!(quantized.values.into_data().try_to_vec::<f32>().unwrap(), [0.6, 0.8]);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "cosine")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CodeSpace {
    /// Anywhere; inputs stay where they are.
    #[default]
    Euclidean,
    /// On the sphere of radius 1, as is each input, divided by its norm: the nearest code is that of the largest cosine
    /// similarity, since `|x − c|² = 2 − 2 cos` (Yu et al. 2022, ViT-VQGAN, section 3.2). The norm of an input is lost; where
    /// it only drifts during training, more codes are used.
    ///
    /// An input of zeros stays, and has the first code.
    Sphere,
}

impl CodeSpace {
    /// Rows `[N, W]` in this space, differentiable; zeros stay, and what is not finite.
    pub(super) fn place(self, rows: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Euclidean => rows,
            Self::Sphere => {
                let (_, direction) = polar(rows.clone());
                // A row that is not finite stays, so that the search for codes refuses its number.
                let unfit = direction.clone().inner().is_finite().bool_not().any_dim(1);
                direction.mask_where(unfit.expand(rows.dims()), rows)
            }
        }
    }

    /// Finite codes `[K, W]` in this space.
    ///
    /// # Errors
    /// On the sphere, a code of zeros, which has no direction.
    pub(super) fn place_codes(self, owner: &'static str, codes: Tensor<2>) -> Result<Tensor<2>, Error> {
        if self == Self::Euclidean {
            return Ok(codes);
        }
        let (norm, direction) = polar(codes);
        match numbers(norm.inner()).iter().position(|&norm| norm == 0.0) {
            None => Ok(direction),
            Some(index) => {
                let expected = "a nonzero vector";
                Err(Error::Element { owner, parameter: "code", expected, index, value: 0.0 })
            }
        }
    }

    /// Codes `[K, W]` after their averages have moved to `means`.
    pub(super) fn moved(self, codes: Tensor<2>, means: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Euclidean => means,
            Self::Sphere => {
                let (norm, direction) = polar(means);
                direction.mask_where(norm.equal_elem(0.0).expand(codes.dims()), codes)
            }
        }
    }
}
