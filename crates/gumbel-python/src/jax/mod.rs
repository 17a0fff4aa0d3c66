//! What XLA calls for `gumbel.jax`.

mod batch;
mod density;
mod sample;
mod slope;

use crate::slice::{Slice, SliceMut};
use crate::xla::{Handler, Numbers, NumbersMut, Operand, Output, capsule};
use gumbel_kernels::Error;
use pyo3::prelude::*;
use pyo3::types::PyDict;

impl<'a> Operand<'a> {
    /// Its floats. Panics if it has words.
    fn floats(&self) -> Slice<'a> {
        let Numbers::Floats(numbers) = self.numbers else { panic!("expected an operand of floats") };
        numbers
    }

    /// Its words. Panics if it has floats.
    fn words(&self) -> &'a [u32] {
        let Numbers::Words(words) = self.numbers else { panic!("expected an operand of words") };
        words
    }
}

impl Output<'_> {
    /// Its floats. Panics if it has words.
    fn floats(&mut self) -> SliceMut<'_> {
        let NumbersMut::Floats(numbers) = &mut self.numbers else { panic!("expected a result of floats") };
        let all = numbers.len();
        numbers.part(0, all)
    }

    /// Its words. Panics if it has floats.
    fn words(&mut self) -> &mut [u32] {
        let NumbersMut::Words(words) = &mut self.numbers else { panic!("expected a result of words") };
        words
    }
}

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
