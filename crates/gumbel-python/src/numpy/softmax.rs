//! Softmax, its logarithm and its normaliser, and a relaxed sample with the caller's noise.

use crate::arguments::{Rows, first, full};
use crate::array::Array;
use crate::compute::compute;
use crate::rows::{RowMap, map, temperature};
use gumbel_kernels::{self as kernels, Error, Logit};
use pyo3::prelude::*;

/// Probabilities of the categories: softmax(logits) along an axis.
///
/// A logit of -inf masks its category: its probability is exactly 0. Logits may be as large as their type holds. Float16
/// is computed in single precision and rounded.
///
/// Shapes: logits and result [.., K, ..], with the categories on `axis`.
///
/// Raises: `Error` of kind logit (NaN or +inf), all_masked or categories.
///
/// >>> import gumbel, numpy as np
/// >>> gumbel.softmax([np.log(3.0), 0.0, -np.inf])
/// array([0.75, 0.25, 0.  ])
#[pyfunction]
#[pyo3(signature = (logits, *, axis=-1), text_signature = "(logits, *, axis=-1)")]
fn softmax<'py>(logits: &Bound<'py, PyAny>, axis: isize) -> Array<'py> {
    soft(logits, axis, false)
}

/// Log-probabilities of the categories: log softmax(logits) along an axis.
///
/// -inf exactly at masks: what is below the range of the type becomes its least finite number.
///
/// Shapes: logits and result [.., K, ..], with the categories on `axis`.
///
/// Raises: `Error` of kind logit (NaN or +inf), all_masked or categories.
///
/// >>> import gumbel
/// >>> gumbel.log_softmax([0.0, 1000.0])
/// array([-1000.,     0.])
#[pyfunction]
#[pyo3(signature = (logits, *, axis=-1), text_signature = "(logits, *, axis=-1)")]
fn log_softmax<'py>(logits: &Bound<'py, PyAny>, axis: isize) -> Array<'py> {
    soft(logits, axis, true)
}

/// Logarithm of the normaliser: log sum exp(logits) along an axis, without that axis.
///
/// Shapes: logits [.., K, ..], with the categories on `axis`; result without that axis.
///
/// Raises: `Error` of kind logit (NaN or +inf), all_masked or categories.
///
/// >>> import gumbel
/// >>> gumbel.log_sum_exp([[1000.0, 1000.0], [0.0, 0.0]])
/// array([1.00069315e+03, 6.93147181e-01])
#[pyfunction]
#[pyo3(signature = (logits, *, axis=-1), text_signature = "(logits, *, axis=-1)")]
fn log_sum_exp<'py>(logits: &Bound<'py, PyAny>, axis: isize) -> Array<'py> {
    let rows = Rows::of(logits, axis)?;
    let k = rows.k();
    rows.reduce(first, |inputs, outputs| {
        compute!(inputs, outputs, |T, [logits], [out]| kernels::log_sum_exp::<T>(logits, k, out))
    })
}

/// Relaxed sample with the caller's noise: softmax((logits + values) / tau) along an axis.
///
/// A pure function: for noise of another law, or noise that several calls share. With `noise.gumbel(logits.shape)` it is
/// the sample that `gumbel_softmax` draws from that noise.
///
/// Shapes: logits and values [.., K, ..], with the categories on `axis`; the other axes are broadcast. Mixed types are
/// promoted as NumPy does.
///
/// Raises: `Error` of kind temperature, logit, all_masked, noise (a value that is not finite, unless its category is
/// masked) or categories. Source: Jang, Gu and Poole (2017), eq. 2.
///
/// >>> import gumbel, numpy as np
/// >>> gumbel.relaxed([0.0, 0.0], [0.0, np.log(3.0)])
/// array([0.25, 0.75])
#[pyfunction]
#[pyo3(signature = (logits, values, tau=1.0, *, axis=-1), text_signature = "(logits, values, tau=1.0, *, axis=-1)")]
fn relaxed<'py>(logits: &Bound<'py, PyAny>, values: &Bound<'py, PyAny>, tau: f64, axis: isize) -> Array<'py> {
    let rows = Rows::broadcast([full("logits", logits), full("values", values)], axis)?;
    let k = rows.k();
    let blame = |error: &Error| usize::from(matches!(error, Error::Noise { .. }));
    rows.map(blame, |inputs, outputs| {
        compute!(inputs, outputs, |T, [logits, values], [out]| {
            kernels::perturbed_softmax(logits, values, k, temperature::<T>(tau)?, out)
        })
    })
}

/// The softmax of rows of any type, or its logarithm.
struct Soft {
    k: usize,
    log: bool,
}

impl RowMap for Soft {
    fn run<L: Logit>(&self, _: usize, logits: &[L], out: &mut [L::Real]) -> Result<(), Error> {
        if self.log {
            kernels::log_softmax(logits, self.k, out)
        } else {
            kernels::softmax(logits, self.k, out)
        }
    }
}

fn soft<'py>(logits: &Bound<'py, PyAny>, axis: isize, log: bool) -> Array<'py> {
    let rows = Rows::of(logits, axis)?;
    let soft = Soft { k: rows.k(), log };
    rows.map(first, |[logits], [out]| map(&soft, logits, soft.k, out))
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(softmax, module)?)?;
    module.add_function(wrap_pyfunction!(log_softmax, module)?)?;
    module.add_function(wrap_pyfunction!(log_sum_exp, module)?)?;
    module.add_function(wrap_pyfunction!(relaxed, module)?)
}
