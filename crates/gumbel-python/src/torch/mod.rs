//! The native half of `gumbel.torch`: operators on tensors of the CPU. Each runs in one call: views, the result, the key,
//! and the kernel.

mod densities;
mod gradients;
mod keys;
mod sampling;
mod tensors;

use pyo3::prelude::*;

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    sampling::register(module)?;
    gradients::register(module)?;
    densities::register(module)?;
    keys::register(module)
}
