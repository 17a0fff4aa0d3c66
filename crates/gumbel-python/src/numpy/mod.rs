//! The functions of `gumbel`: kernels on arrays of NumPy.

mod sampling;

use pyo3::prelude::*;

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    sampling::register(module)
}
