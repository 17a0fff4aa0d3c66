//! Samples of categories.

use crate::arguments::{Rows, count_of};
use crate::array::{Array, as_array, checked_out, indices};
use crate::draw::{self, Relaxed};
use crate::noise::stream_of;
use crate::slice::Slice;
use crate::threads;
use gumbel_kernels::{Error, Stream};
use pyo3::prelude::*;

/// Relaxed one-hot sample: softmax((logits + Gumbel noise) / tau) along an axis.
///
/// A logit of -inf masks its category: its entry is exactly 0. The largest entry is that of `gumbel_max` with the same noise,
/// at every temperature. Float16 is computed in single precision and rounded, so it draws the same categories. Float64
/// serves as a reference: it takes about fifteen times as long as float32.
///
/// `noise` is a `Noise`, which moves past one number for each logit, also if this raises; or a `numpy.random.Generator`,
/// of which two words are drawn. `out` is an array for the result: C-contiguous, of the shape and the type of the logits, and
/// possibly the logits themselves. After an error it is partly written.
///
/// Shapes: logits and result [.., K, ..], with the categories on `axis`.
///
/// Raises: `Error` of kind temperature, logit (NaN or +inf), all_masked or categories; `TypeError` for an array that is not
/// of floats, or another noise; `numpy.exceptions.AxisError`; `ValueError` for an unfit `out`, or a noise without as many
/// numbers.
///
/// Source: Jang, Gu and Poole (2017), eq. 2; Maddison, Mnih and Teh (2017), section 3.
///
/// >>> import gumbel, numpy as np
/// >>> gumbel.gumbel_softmax([[0.0, 1.0, -np.inf]], 0.5, noise=gumbel.Noise(42)).round(4)
/// array([[0.2451, 0.7549, 0.    ]])
#[pyfunction]
#[pyo3(signature = (logits, tau=1.0, *, noise, axis=-1, out=None), text_signature = "(logits, tau=1.0, *, noise, axis=-1, out=None)")]
fn gumbel_softmax<'py>(
    logits: &Bound<'py, PyAny>,
    tau: f64,
    noise: &Bound<'py, PyAny>,
    axis: isize,
    out: Option<&Bound<'py, PyAny>>,
) -> Array<'py> {
    relaxed(logits, tau, noise, axis, out, false)
}

/// Logarithm of the sample of `gumbel_softmax` with the same noise.
///
/// Finite however small the sample is: -inf exactly at masks.
///
/// `noise` and `out` are those of `gumbel_softmax`.
///
/// Shapes: logits and result [.., K, ..], with the categories on `axis`.
///
/// Raises: what `gumbel_softmax` raises.
///
/// Source: Maddison, Mnih and Teh (2017), appendix C.
///
/// >>> import gumbel
/// >>> gumbel.log_gumbel_softmax([[0.0, 1.0]], 0.01, noise=gumbel.Noise(42)).round(4)
/// array([[-56.2565,   0.    ]])
#[pyfunction]
#[pyo3(signature = (logits, tau=1.0, *, noise, axis=-1, out=None), text_signature = "(logits, tau=1.0, *, noise, axis=-1, out=None)")]
fn log_gumbel_softmax<'py>(
    logits: &Bound<'py, PyAny>,
    tau: f64,
    noise: &Bound<'py, PyAny>,
    axis: isize,
    out: Option<&Bound<'py, PyAny>>,
) -> Array<'py> {
    relaxed(logits, tau, noise, axis, out, true)
}

/// Exact one-hot sample, by the Gumbel-max trick: exactly 0 and 1, in the type of the logits.
///
/// Shapes: logits and result [.., K, ..], with the categories on `axis`.
///
/// Raises: what `gumbel_max` raises.
///
/// Source: Maddison, Tarlow and Minka (2014).
///
/// >>> import gumbel
/// >>> gumbel.one_hot([[0.0, 1.0, 2.0]], noise=gumbel.Noise(42))
/// array([[0., 1., 0.]])
#[pyfunction]
#[pyo3(signature = (logits, *, noise, axis=-1), text_signature = "(logits, *, noise, axis=-1)")]
fn one_hot<'py>(logits: &Bound<'py, PyAny>, noise: &Bound<'py, PyAny>, axis: isize) -> Array<'py> {
    let (py, rows) = (logits.py(), Rows::of(logits, axis)?);
    let index = sample(py, &rows, noise, draw::gumbel_max)?;
    let mut out = rows.floats[0].new_output(py, &rows.with_width(Some(rows.k())))?;
    draw::write_one_hot(&index, rows.k(), out.slice()?);
    rows.restore(out.into_array())
}

/// Index of an exact sample, by the Gumbel-max trick: int64, without the axis of the categories.
///
/// From softmax(logits). A masked category (-inf) is never sampled. The noise moves past one number for each logit, also if
/// this raises.
///
/// Shapes: logits [.., K, ..], with the categories on `axis`; result without that axis.
///
/// Raises: `Error` of kind logit (NaN or +inf), all_masked or categories; `TypeError` for an array that is not of floats, or
/// another noise; `numpy.exceptions.AxisError`.
///
/// Source: Yellott (1977); Maddison, Tarlow and Minka (2014).
///
/// >>> import gumbel
/// >>> gumbel.gumbel_max([[0.0, 1.0, 2.0]] * 4, noise=gumbel.Noise(42))
/// array([1, 1, 2, 2])
#[pyfunction]
#[pyo3(signature = (logits, *, noise, axis=-1), text_signature = "(logits, *, noise, axis=-1)")]
fn gumbel_max<'py>(logits: &Bound<'py, PyAny>, noise: &Bound<'py, PyAny>, axis: isize) -> Array<'py> {
    let (py, rows) = (logits.py(), Rows::of(logits, axis)?);
    let index = sample(py, &rows, noise, draw::gumbel_max)?;
    indices(py, &rows.with_width(None), &index)
}

/// Indices of `k` categories drawn without replacement, in order of sampling (Plackett-Luce): int64.
///
/// The first is the sample of `gumbel_max` with the same noise, which moves past one number for each logit, also if this
/// raises.
///
/// Shapes: logits [.., K, ..], with the categories on `axis`; result with `k` in place of K.
///
/// Raises: `Error` of kind too_few (fewer than k unmasked categories), logit, all_masked or categories; `ValueError` for a
/// negative k; `TypeError` for an array that is not of floats, another noise or a k that is not an integer.
///
/// Source: Kool, van Hoof and Welling (2019); Vieira (2014).
///
/// >>> import gumbel
/// >>> gumbel.top_k([[0.0, 1.0, 2.0]], 2, noise=gumbel.Noise(42))
/// array([[1, 2]])
#[pyfunction]
#[pyo3(signature = (logits, k, *, noise, axis=-1), text_signature = "(logits, k, *, noise, axis=-1)")]
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
    threads::run(py, rows.size(), || kernel(from, k, stream)).map_err(|error| rows.raise(&error, 0))
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(gumbel_softmax, module)?)?;
    module.add_function(wrap_pyfunction!(log_gumbel_softmax, module)?)?;
    module.add_function(wrap_pyfunction!(one_hot, module)?)?;
    module.add_function(wrap_pyfunction!(gumbel_max, module)?)?;
    module.add_function(wrap_pyfunction!(top_k, module)?)
}
