//! Samples of categories.

use crate::arguments::Rows;
use crate::array::{as_array, checked_out};
use crate::draw::{self, Relaxed};
use crate::noise::stream_of;
use crate::numpy::{Array, count_of, indices};
use crate::slice::Slice;
use crate::threads;
use gumbel_kernels::{Error, Stream};
use pyo3::prelude::*;

/// Relaxed one-hot sample: softmax((logits + Gumbel noise) / tau) along an axis.
///
/// A logit of -inf masks its category: its entry is exactly 0. Jang, Gu and Poole (2017), eq. 2.
///
/// >>> import gumbel, numpy as np
/// >>> gumbel.gumbel_softmax([[0.0, 1.0, -np.inf]], 0.5, noise=gumbel.Noise(7)).round(4)
/// array([[0.6508, 0.3492, 0.    ]])
#[pyfunction]
#[pyo3(signature = (logits, tau=1.0, *, noise, axis=-1, out=None))]
fn gumbel_softmax<'py>(
    logits: &Bound<'py, PyAny>,
    tau: f64,
    noise: &Bound<'py, PyAny>,
    axis: isize,
    out: Option<&Bound<'py, PyAny>>,
) -> Array<'py> {
    relaxed(logits, tau, noise, axis, out, false)
}

/// Logarithm of a relaxed sample, finite however small the sample is.
///
/// >>> import gumbel
/// >>> gumbel.log_gumbel_softmax([[0.0, 1.0]], 0.01, noise=gumbel.Noise(7)).round(4)
/// array([[  0.    , -31.1289]])
#[pyfunction]
#[pyo3(signature = (logits, tau=1.0, *, noise, axis=-1, out=None))]
fn log_gumbel_softmax<'py>(
    logits: &Bound<'py, PyAny>,
    tau: f64,
    noise: &Bound<'py, PyAny>,
    axis: isize,
    out: Option<&Bound<'py, PyAny>>,
) -> Array<'py> {
    relaxed(logits, tau, noise, axis, out, true)
}

/// Exact one-hot sample, by the Gumbel-max trick.
///
/// >>> import gumbel
/// >>> gumbel.one_hot([[0.0, 1.0, 2.0]], noise=gumbel.Noise(7))
/// array([[0., 0., 1.]])
#[pyfunction]
#[pyo3(signature = (logits, *, noise, axis=-1))]
fn one_hot<'py>(logits: &Bound<'py, PyAny>, noise: &Bound<'py, PyAny>, axis: isize) -> Array<'py> {
    let (py, rows) = (logits.py(), Rows::of(logits, axis)?);
    let index = sample(py, &rows, noise, draw::gumbel_max)?;
    let mut out = rows.floats[0].new_output(py, &rows.with_width(Some(rows.k())))?;
    draw::write_one_hot(&index, rows.k(), out.slice()?);
    rows.restore(out.into_array())
}

/// Index of an exact sample, by the Gumbel-max trick: int64, without the axis of the categories.
///
/// >>> import gumbel
/// >>> gumbel.gumbel_max([[0.0, 1.0, 2.0]] * 4, noise=gumbel.Noise(7))
/// array([2, 1, 2, 2])
#[pyfunction]
#[pyo3(signature = (logits, *, noise, axis=-1))]
fn gumbel_max<'py>(logits: &Bound<'py, PyAny>, noise: &Bound<'py, PyAny>, axis: isize) -> Array<'py> {
    let (py, rows) = (logits.py(), Rows::of(logits, axis)?);
    let index = sample(py, &rows, noise, draw::gumbel_max)?;
    indices(py, &rows.with_width(None), &index)
}

/// Indices of `k` categories drawn without replacement, in order of sampling (Plackett-Luce): int64.
///
/// >>> import gumbel
/// >>> gumbel.top_k([[0.0, 1.0, 2.0]], 2, noise=gumbel.Noise(7))
/// array([[2, 1]])
#[pyfunction]
#[pyo3(signature = (logits, k, *, noise, axis=-1))]
fn top_k<'py>(
    logits: &Bound<'py, PyAny>,
    k: &Bound<'py, PyAny>,
    noise: &Bound<'py, PyAny>,
    axis: isize,
) -> Array<'py> {
    let (py, rows) = (logits.py(), Rows::of(logits, axis)?);
    let count = count_of(k)?;
    let index = sample(py, &rows, noise, |logits, k, stream| draw::top_k(logits, k, count, stream))?;
    rows.restore(indices(py, &rows.with_width(Some(count)), &index)?)
}

fn relaxed<'py>(
    logits: &Bound<'py, PyAny>,
    tau: f64,
    noise: &Bound<'py, PyAny>,
    axis: isize,
    out: Option<&Bound<'py, PyAny>>,
    log: bool,
) -> Array<'py> {
    let py = logits.py();
    // Borrowed before the logits, which are copied if they are the same array.
    let mut given = out.map(|out| checked_out(out, &as_array(logits)?)).transpose()?;
    let rows = Rows::of(logits, axis)?;
    let direct = rows.axis + 1 == rows.shape.len();
    let mut own = rows.floats[0]
        .new_output(py, &if given.is_some() && direct { vec![0] } else { rows.with_width(Some(rows.k())) })?;
    let sample = Relaxed { k: rows.k(), tau, stream: stream_of(noise, rows.size())?, log };
    let target = match &mut given {
        Some(given) if direct => given.slice()?,
        _ => own.slice()?,
    };
    let from = rows.floats[0].slice()?;
    threads::run(py, rows.size(), || draw::relaxed(sample, from, target))
        .map_err(|error| rows.raise(&error, 0))?;
    match given {
        Some(given) if direct => Ok(given.into_array()),
        Some(given) => {
            let given = given.into_array();
            given.set_item(py.Ellipsis(), rows.restore(own.into_array())?)?;
            Ok(given)
        }
        None => rows.restore(own.into_array()),
    }
}

/// Indices that a kernel samples.
fn sample(
    py: Python<'_>,
    rows: &Rows<'_, 1>,
    noise: &Bound<'_, PyAny>,
    kernel: impl FnOnce(Slice<'_>, usize, Stream) -> Result<Vec<u32>, Error> + Send,
) -> PyResult<Vec<u32>> {
    let (stream, from, k) = (stream_of(noise, rows.size())?, rows.floats[0].slice()?, rows.k());
    threads::run(py, rows.size(), || kernel(from, k, stream))
        .map_err(|error| rows.raise(&error, 0))
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(gumbel_softmax, module)?)?;
    module.add_function(wrap_pyfunction!(log_gumbel_softmax, module)?)?;
    module.add_function(wrap_pyfunction!(one_hot, module)?)?;
    module.add_function(wrap_pyfunction!(gumbel_max, module)?)?;
    module.add_function(wrap_pyfunction!(top_k, module)?)
}
