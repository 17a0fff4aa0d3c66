//! Vector-Jacobian products, for `gumbel.vjp`: the kernels with their own signatures.

mod density;
mod softmax;
mod structure;

use pyo3::prelude::*;

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    softmax::register(module)?;
    density::register(module)?;
    structure::register(module)
}
