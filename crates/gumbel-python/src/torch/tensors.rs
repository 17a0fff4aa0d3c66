//! Tensors that operators read.

use crate::dlpack::{Kind, View};
use crate::error::{Layout, raise};
use crate::parts::each;
use crate::slice::Slice;
use crate::threads;
use gumbel_kernels::Error;
use pyo3::exceptions::{PyIndexError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// A tensor of floats in C order.
pub struct Floats<'py> {
    pub tensor: Bound<'py, PyAny>,
    pub shape: Vec<usize>,
    kind: Kind,
}

impl<'py> Floats<'py> {
    /// A tensor, copied if its numbers are not in order.
    pub fn new(name: &str, given: &Bound<'py, PyAny>) -> PyResult<Self> {
        let View { kind, shape, in_order, .. } = View::of(given)?;
        check_floats(name, given, kind)?;
        let tensor = if in_order { given.clone() } else { in_new_memory(given)? };
        Ok(Self { tensor, shape, kind })
    }

    /// A tensor with rows on its last axis.
    pub fn rows(name: &str, given: &Bound<'py, PyAny>) -> PyResult<Self> {
        let floats = Self::new(name, given)?;
        if floats.shape.is_empty() {
            return Err(PyIndexError::new_err(format!(
                "{name} must have an axis of categories, got a scalar"
            )));
        }
        Ok(floats)
    }

    pub fn slice(&self) -> PyResult<Slice<'_>> {
        let numbers = View::of(&self.tensor)?.floats();
        numbers.ok_or_else(|| PyTypeError::new_err("expected PyTorch to make a contiguous tensor"))
    }

    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// The length of a row.
    pub fn k(&self) -> usize {
        self.shape.last().copied().unwrap_or(1)
    }

    /// The shape of the axes before the rows'.
    pub fn batch(&self) -> &[usize] {
        &self.shape[..self.shape.len().saturating_sub(1)]
    }

    /// The number of rows.
    pub fn count(&self) -> usize {
        self.batch().iter().product()
    }

    /// Checks that another tensor has this one's type, and a shape.
    pub fn check(&self, name: &str, other: &Self, shape: &[usize]) -> PyResult<()> {
        if other.kind != self.kind {
            let text = format!("{name} must have the same dtype as the other tensors, got {:?}", other.kind);
            return Err(PyTypeError::new_err(text));
        }
        if other.shape != shape {
            let text = format!("{name} must have shape {shape:?}, got {:?}", other.shape);
            return Err(PyValueError::new_err(text));
        }
        Ok(())
    }
}

/// Checks that a tensor is of a type that operators take.
pub fn check_floats(name: &str, tensor: &Bound<'_, PyAny>, kind: Kind) -> PyResult<()> {
    if !matches!(kind, Kind::I64 | Kind::Other) {
        return Ok(());
    }
    let dtype = tensor.getattr("dtype")?;
    let text = format!("{name} must be float16, bfloat16, float32 or float64, got {dtype}");
    Err(PyTypeError::new_err(text))
}

/// A copy in C order. `contiguous` keeps a tensor that is not aligned.
pub fn in_new_memory<'py>(tensor: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let copy = tensor.call_method0("contiguous")?;
    if copy.is(tensor) { copy.call_method0("clone") } else { Ok(copy) }
}

/// Works on parts of about as many numbers, and raises an error with its place in a tensor.
pub fn run<P: Send, R: Send>(
    py: Python<'_>,
    numbers: usize,
    layout: Layout<'_>,
    parts: Vec<P>,
    work: impl Fn(P) -> Result<R, Error> + Sync + Send,
) -> PyResult<Vec<R>> {
    threads::run_with(py, numbers, || thread_count(py), || each(parts, numbers, work))
        .map_err(|error| raise(py, &error, layout))
}

/// PyTorch's number of threads, unless another was asked for.
fn thread_count(py: Python<'_>) -> usize {
    static FUNCTION: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    if threads::requested() {
        return threads::threads();
    }
    let count =
        FUNCTION.import(py, "torch", "get_num_threads").and_then(|function| function.call0()?.extract());
    count.unwrap_or(1)
}
