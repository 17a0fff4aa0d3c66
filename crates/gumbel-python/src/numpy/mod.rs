//! The functions of `gumbel`: kernels on arrays of NumPy.

mod density;
mod permutation;
mod sampling;
mod softmax;
mod sparse;
mod subset;
mod vjp;

use pyo3::prelude::*;

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    sampling::register(module)?;
    softmax::register(module)?;
    density::register(module)?;
    sparse::register(module)?;
    permutation::register(module)?;
    subset::register(module)?;
    vjp::register(module)
}
