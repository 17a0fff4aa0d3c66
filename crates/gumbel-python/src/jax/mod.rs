//! What XLA calls for `gumbel.jax`.

mod batch;
mod density;
mod sample;
mod slope;

use crate::xla::{Handler, Operand, Output, capsule};
use gumbel_kernels::Error;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// A handler that panics, so that a test can see what becomes of a panic.
struct Panic;

impl Handler for Panic {
    fn call(_: &[Operand<'_>], _: &mut [Output<'_>]) -> Result<(), Error> {
        panic!("on purpose");
    }
}

/// The functions that `gumbel.jax` registers with XLA, by name.
#[pyfunction]
fn xla_handlers(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let handlers = PyDict::new(py);
    handlers.set_item("gumbel.softmax", capsule::<sample::Softmax>(py)?)?;
    handlers.set_item("gumbel.log_softmax", capsule::<sample::LogSoftmax>(py)?)?;
    handlers.set_item("gumbel.softmax_with_index", capsule::<sample::SoftmaxWithIndex>(py)?)?;
    handlers.set_item("gumbel.slope", capsule::<slope::Slope>(py)?)?;
    handlers.set_item("gumbel.max", capsule::<sample::Max>(py)?)?;
    handlers.set_item("gumbel.top_k", capsule::<sample::TopK>(py)?)?;
    handlers.set_item("gumbel.noise", capsule::<sample::Noise>(py)?)?;
    handlers.set_item("gumbel.check_exp_concrete", capsule::<density::ExpConcrete>(py)?)?;
    handlers.set_item("gumbel.check_binary_concrete", capsule::<density::BinaryConcrete>(py)?)?;
    handlers.set_item("gumbel.panic", capsule::<Panic>(py)?)?;
    Ok(handlers)
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(xla_handlers, module)?)
}
