//! The functions of `gumbel`: kernels on arrays of NumPy.

mod density;
mod permutation;
mod sampling;
mod softmax;
mod sparse;
mod subset;
mod vjp;

use crate::array::new_array;
use crate::noise::word;
use gumbel_kernels::Error;
use pyo3::prelude::*;

/// What a function returns: an array.
type Array<'py> = PyResult<Bound<'py, PyAny>>;

/// Names the only argument as that of every error.
fn first(_: &Error) -> usize {
    0
}

/// A number of categories that a caller gives.
fn count_of(k: &Bound<'_, PyAny>) -> PyResult<usize> {
    word(k, "k").map(|count| usize::try_from(count).unwrap_or(usize::MAX))
}

/// Indices of categories as an array of int64.
fn indices<'py>(py: Python<'py>, shape: &[usize], index: &[u32]) -> Array<'py> {
    let (array, mut out) = new_array::<i64>(py, shape)?;
    out.as_slice_mut()?.iter_mut().zip(index).for_each(|(out, &index)| *out = index.into());
    Ok(array.into_any())
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    sampling::register(module)?;
    softmax::register(module)?;
    density::register(module)?;
    sparse::register(module)?;
    permutation::register(module)?;
    subset::register(module)?;
    vjp::register(module)
}
