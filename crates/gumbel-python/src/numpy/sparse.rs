//! Sparse probabilities.

use crate::arguments::{Rows, first};
use crate::array::Array;
use crate::compute::compute;
use crate::rows::temperature;
use gumbel_kernels::{self as kernels, Error, Real};
use pyo3::prelude::*;

/// Sparse probabilities: alpha-entmax of logits / tau along an axis, with exact zeros for alpha above 1.
///
/// alpha = 1 is softmax, 2 is sparsemax. A logit of -inf has probability 0. Computed in double precision.
///
/// Shapes: logits and result [.., K, ..], with the categories on `axis`.
///
/// Raises: `Error` of kind alpha (below 1 or not finite), temperature, logit, all_masked or categories.
///
/// Source: Peters, Niculae and Martins (2019), section 3.
///
/// >>> import gumbel
/// >>> gumbel.entmax([1.0, 0.5, -1.0]).round(4)
/// array([0.674, 0.326, 0.   ])
/// >>> gumbel.entmax([1.0, 0.5, -1.0], 2.0)
/// array([0.75, 0.25, 0.  ])
#[pyfunction]
#[pyo3(signature = (logits, alpha=1.5, tau=1.0, *, axis=-1), text_signature = "(logits, alpha=1.5, tau=1.0, *, axis=-1)")]
fn entmax<'py>(logits: &Bound<'py, PyAny>, alpha: f64, tau: f64, axis: isize) -> Array<'py> {
    let rows = Rows::of(logits, axis)?;
    let k = rows.k();
    rows.map(first, |inputs, outputs| {
        compute!(inputs, outputs, |T, [logits], [out]| {
            kernels::entmax(logits, k, order::<T>(alpha)?, temperature::<T>(tau)?, out)
        })
    })
}

/// Euclidean projection of logits / tau on the simplex along an axis: entmax with alpha = 2.
///
/// Shapes: logits and result [.., K, ..], with the categories on `axis`.
///
/// Raises: `Error` of kind temperature, logit, all_masked or categories.
///
/// Source: Martins and Astudillo (2016).
///
/// >>> import gumbel
/// >>> gumbel.sparsemax([1.0, 0.5, -1.0])
/// array([0.75, 0.25, 0.  ])
#[pyfunction]
#[pyo3(signature = (logits, tau=1.0, *, axis=-1), text_signature = "(logits, tau=1.0, *, axis=-1)")]
fn sparsemax<'py>(logits: &Bound<'py, PyAny>, tau: f64, axis: isize) -> Array<'py> {
    entmax(logits, 2.0, tau, axis)
}

/// The order of an entmax in the type of the computation.
///
/// # Errors
/// [`Error::Alpha`], with what was given, if it is below 1 or not finite there.
pub fn order<T: Real>(alpha: f64) -> Result<T, Error> {
    let rounded = T::from_f64(alpha);
    let valid = alpha >= 1.0 && rounded < T::infinity();
    if valid { Ok(rounded) } else { Err(Error::Alpha(alpha)) }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(entmax, module)?)?;
    module.add_function(wrap_pyfunction!(sparsemax, module)?)
}
