//! The search for the nearest code, and distances as diagnostics.

use super::quantized::choose;
use crate::tensor::at_least_single;
use crate::{Error, ops};
use burn::tensor::{Int, Tensor};

/// The nearest code of each of N points.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let codes = Tensor::<2>::from_floats([[0.0], [1.0]], &Device::flex());
/// let found = gumbel::quantize::nearest(Tensor::from_floats([[0.75]], &Device::flex()), codes)?;
/// assert_eq!(found.squared_distances.into_scalar::<f32>(), 0.0625);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Nearest {
    /// The index of the code, `[N]`; of equally near codes the first.
    pub indices: Tensor<1, Int>,
    /// The square of the Euclidean distance to it, `[N]`.
    pub squared_distances: Tensor<1>,
}

/// Finds the nearest code of each point by Euclidean distance. Without a gradient.
///
/// On Burn's Flex backend a matrix product in registers selects candidates, which are compared by `Σ (x − c)²` in double
/// precision: the result is exact to that, whatever common part points and codes have, and does not depend on threads.
/// Elsewhere the same sum is computed from differences in the type of the points, in blocks of points. Neither makes a
/// matrix of N × K distances. Of equal distances the first code is chosen everywhere.
///
/// # Shapes
/// `points` `[N, W]`, `codes` `[K, W]`.
///
/// # Errors
/// A number that is NaN or infinite; no code; a width of 0.
///
/// # Panics
/// If the widths differ.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let points = Tensor::<2>::from_floats([[0.0, 0.0], [3.0, 4.0]], &Device::flex());
/// let codes = Tensor::<2>::from_floats([[2.0, 0.0], [0.0, 2.0], [3.0, 3.0]], &Device::flex());
/// let found = gumbel::quantize::nearest(points, codes)?;
/// assert_eq!(found.indices.into_data().iter::<i64>().collect::<Vec<_>>(), [0, 2]);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "cdist")]
pub fn nearest(points: Tensor<2>, codes: Tensor<2>) -> Result<Nearest, Error> {
    same_width(&points, &codes);
    let points = at_least_single(points);
    let codes = codes.cast(points.dtype());
    let (indices, squared_distances) = ops::nearest(points, codes)?;
    Ok(Nearest { indices, squared_distances })
}

/// Computes for each code the squared distance to the nearest other code. Without a gradient.
///
/// A diagnostic: two codes that nearly coincide share what one could represent. Compare it with the squared distances of
/// data to their codes. A single code has the distance infinity.
///
/// # Shapes
/// `codes` `[K, W]` to `[K]`.
///
/// # Errors
/// Those of [`nearest`].
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let codes = Tensor::<2>::from_floats([[0.0], [1.0], [3.0]], &Device::flex());
/// let gaps = gumbel::quantize::code_gaps(codes)?;
/// assert_eq!(gaps.into_data().try_to_vec::<f32>().unwrap(), [1.0, 1.0, 4.0]);
/// # Ok::<(), gumbel::Error>(())
/// ```
pub fn code_gaps(codes: Tensor<2>) -> Result<Tensor<1>, Error> {
    let codes = at_least_single(codes.inner());
    choose(&codes, &codes)?; // refuses what is not finite
    let count = codes.dims()[0];
    let gap = |k: usize| {
        let gaps = (codes.clone() - codes.clone().narrow(0, k, 1)).square().sum_dim(1).squeeze_dim::<1>(1);
        let own = Tensor::<1, Int>::arange(0..count as i64, &codes.device()).equal_elem(k as i64);
        gaps.mask_fill(own, f32::INFINITY).min()
    };
    Ok(Tensor::cat((0..count).map(gap).collect(), 0))
}

#[track_caller]
pub(super) fn same_width(points: &Tensor<2>, codes: &Tensor<2>) {
    let (points, codes) = (points.dims(), codes.dims());
    assert!(points[1] == codes[1], "points {points:?} and codes {codes:?} differ in width");
}
