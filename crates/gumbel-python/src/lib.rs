//! The native half of the Python package `gumbel`: the kernels of `gumbel-kernels` on arrays of NumPy, tensors of
//! PyTorch and buffers of JAX.

mod arguments;
mod array;
mod compute;
mod density;
mod dlpack;
mod draw;
mod error;
mod jax;
mod noise;
mod numpy;
mod parts;
mod reals;
mod rows;
mod slice;
mod threads;
mod torch;
mod xla;

use pyo3::prelude::*;

/// The kernels on arrays. Use them through `gumbel`.
#[pymodule(gil_used = false)]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    threads::read_environment()?;
    error::register(module)?;
    threads::register(module)?;
    noise::register(module)?;
    numpy::register(module)?;
    torch::register(module)?;
    jax::register(module)?;
    // The stub says what is public.
    module.delattr("__all__")
}
