//! Errors: those of the kernels, as exceptions that say where in the caller's array the fault is.

use gumbel_kernels::Error as Kernel;
use pyo3::create_exception;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

create_exception!(
    gumbel,
    Error,
    PyValueError,
    "Data that cannot be sampled or evaluated.\n\n\
     `kind` names the problem: temperature, categories, logit, all_masked, too_few, empty_subset, graph, disconnected, \
     index, noise, sample, no_mass, log_odds, alpha, no_permutation, iterations or tolerance. `index` is its place in the \
     caller's array, along whatever axis the rows lie. `row`, `column` and `value` are those of the message, where rows \
     are counted as they lie with their axis last, after broadcasting. Each is None where it does not apply.\n\n\
     >>> import gumbel, numpy as np\n\
     >>> try:\n\
     ...     gumbel.softmax([[0.0, 1.0], [2.0, np.nan]], axis=0)\n\
     ... except gumbel.Error as error:\n\
     ...     print(error)\n\
     ...     print(error.kind, error.index, error.row, error.column, error.value)\n\
     the logit at row 1, column 1 is NaN; expected a finite number, or -inf to mask the category\n\
     logit (1, 1) 1 1 nan\n"
);

/// How the rows of a kernel lie in the caller's array.
#[derive(Clone, Copy)]
pub struct Layout<'a> {
    pub shape: &'a [usize],
    /// The axis of the rows, or the first of two for matrices.
    pub axis: usize,
    /// The axes that one row, or matrix, takes up.
    pub axes: usize,
}

impl<'a> Layout<'a> {
    /// Rows along one axis.
    pub fn rows(shape: &'a [usize], axis: usize) -> Self {
        Self { shape, axis, axes: 1 }
    }

    /// The place of a row, or of one of its numbers.
    fn index(self, row: usize, column: Option<usize>) -> Vec<usize> {
        let (before, rest) = self.shape.split_at(self.axis);
        let (inside, after) = rest.split_at(self.axes);
        let outside: Vec<usize> = before.iter().chain(after).copied().collect();
        let mut index = unravel(row, &outside);
        if let Some(column) = column {
            index.splice(self.axis..self.axis, unravel(column, inside));
        }
        index
    }
}

/// The coordinates of a place in an array.
fn unravel(mut place: usize, shape: &[usize]) -> Vec<usize> {
    let mut index = vec![0; shape.len()];
    for (index, &length) in index.iter_mut().zip(shape).rev() {
        *index = place % length.max(1);
        place /= length.max(1);
    }
    index
}

/// The attributes that an exception has in addition to its message.
struct Facts {
    kind: &'static str,
    row: Option<usize>,
    column: Option<usize>,
    value: Option<f64>,
}

impl Facts {
    fn new(kind: &'static str) -> Self {
        Self { kind, row: None, column: None, value: None }
    }

    fn of(error: &Kernel) -> Self {
        let at = |kind, row| Self { row: Some(row), ..Self::new(kind) };
        let worth = |kind, value| Self { value: Some(value), ..Self::new(kind) };
        match *error {
            Kernel::Temperature(tau) => worth("temperature", tau),
            Kernel::Categories(_) => Self::new("categories"),
            Kernel::Logit { row, column, value } => {
                Self { column: Some(column), value: Some(value), ..at("logit", row) }
            }
            Kernel::AllMasked { row } => at("all_masked", row),
            Kernel::TooFew { row, .. } => at("too_few", row),
            Kernel::EmptySubset => Self::new("empty_subset"),
            Kernel::NoSpanningTree { row } => at("disconnected", row),
            Kernel::Index { row, index, .. } => Self { value: Some(index.into()), ..at("index", row) },
            Kernel::Noise { row } => at("noise", row),
            Kernel::Sample { row, column, value } => {
                Self { column: Some(column), value: Some(value), ..at("sample", row) }
            }
            Kernel::NoMass { row } => at("no_mass", row),
            Kernel::LogOdds { index, value } => Self { value: Some(value), ..at("log_odds", index) },
            Kernel::Alpha(alpha) => worth("alpha", alpha),
            Kernel::NoPermutation { matrix } => at("no_permutation", matrix),
            Kernel::Iterations => Self::new("iterations"),
            Kernel::Tolerance(tolerance) => worth("tolerance", tolerance),
            _ => Self::new("graph"),
        }
    }
}

/// The exception of a kernel's error. `layout` is that of the array that the rows are of.
pub fn raise(py: Python<'_>, error: &Kernel, layout: Layout<'_>) -> PyErr {
    raise_at(py, error, place(error, layout))
}

/// Where an error is.
pub fn place(error: &Kernel, layout: Layout<'_>) -> Option<Vec<usize>> {
    let facts = Facts::of(error);
    facts.row.map(|row| layout.index(row, facts.column))
}

/// The exception of a kernel's error that is at an index of the caller's array.
pub fn raise_at(py: Python<'_>, error: &Kernel, index: Option<Vec<usize>>) -> PyErr {
    build(py, &error.to_string(), Facts::of(error), index).unwrap_or_else(|error| error)
}

/// The exception of an index that is no category's, which may be one that a kernel cannot express.
pub fn raise_index(
    py: Python<'_>,
    given: i64,
    row: usize,
    categories: usize,
    index: Option<Vec<usize>>,
) -> PyErr {
    let text = format!(
        "the index of row {row} is {given}; expected one from 0 to {}, for {categories} categories",
        categories.saturating_sub(1)
    );
    let facts = Facts { row: Some(row), value: Some(given as f64), ..Facts::new("index") };
    build(py, &text, facts, index).unwrap_or_else(|error| error)
}

/// The exception of a number of iterations that a kernel cannot express.
pub fn raise_iterations(py: Python<'_>, given: isize) -> PyErr {
    let text = format!("the number of iterations must be at least 1, got {given}");
    build(py, &text, Facts::new("iterations"), None).unwrap_or_else(|error| error)
}

fn build(py: Python<'_>, text: &str, facts: Facts, index: Option<Vec<usize>>) -> PyResult<PyErr> {
    let error = Error::new_err(text.to_owned());
    let value = error.value(py);
    value.setattr("kind", facts.kind)?;
    value.setattr("row", facts.row)?;
    value.setattr("column", facts.column)?;
    value.setattr("value", facts.value)?;
    value.setattr("index", index.map(|index| PyTuple::new(py, index)).transpose()?)?;
    Ok(error)
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let class = module.py().get_type::<Error>();
    class.setattr("kind", "")?;
    for name in ["row", "column", "value", "index"] {
        class.setattr(name, module.py().None())?;
    }
    module.add("Error", class)
}
