//! Products of maps of rows: softmax, relaxed samples and entmax.

use crate::arguments::{Rows, first, full, per_row};
use crate::array::Array;
use crate::compute::compute;
use crate::numpy::sparse::order;
use crate::rows::temperature;
use gumbel_kernels as kernels;
use pyo3::prelude::*;

/// Vector-Jacobian product of `softmax`, from its result `y`: y (dy - sum(y dy)).
///
/// Exactly 0 where `y` is 0, whatever `dy` is there.
///
/// Shapes: y, dy and result [.., K, ..], with the categories on `axis`.
///
/// Raises: `Error` of kind categories; `ValueError` for shapes that differ.
///
/// >>> from gumbel import vjp
/// >>> vjp.softmax_vjp([0.25, 0.75], [1.0, 0.0])
/// array([ 0.1875, -0.1875])
#[pyfunction]
#[pyo3(signature = (y, dy, *, axis=-1), text_signature = "(y, dy, *, axis=-1)")]
fn softmax_vjp<'py>(y: &Bound<'py, PyAny>, dy: &Bound<'py, PyAny>, axis: isize) -> Array<'py> {
    let rows = Rows::equal([full("y", y), full("dy", dy)], axis)?;
    let k = rows.k();
    rows.map(first, |inputs, outputs| {
        compute!(inputs, outputs, |T, [y, dy], [out]| kernels::softmax_vjp::<T>(y, dy, k, out))
    })
}

/// Vector-Jacobian product of `log_softmax`, from its result `log_y`: dy - exp(log_y) sum(dy).
///
/// Exactly 0 at masks (`log_y` = -inf), whatever `dy` is there.
///
/// Shapes: log_y, dy and result [.., K, ..], with the categories on `axis`.
///
/// Raises: `Error` of kind categories; `ValueError` for shapes that differ.
///
/// >>> from gumbel import vjp
/// >>> import numpy as np
/// >>> vjp.log_softmax_vjp(np.log([0.25, 0.75]), [1.0, 0.0])
/// array([ 0.75, -0.75])
#[pyfunction]
#[pyo3(signature = (log_y, dy, *, axis=-1), text_signature = "(log_y, dy, *, axis=-1)")]
fn log_softmax_vjp<'py>(log_y: &Bound<'py, PyAny>, dy: &Bound<'py, PyAny>, axis: isize) -> Array<'py> {
    let rows = Rows::equal([full("log_y", log_y), full("dy", dy)], axis)?;
    let k = rows.k();
    rows.map(first, |inputs, outputs| {
        compute!(inputs, outputs, |T, [y, dy], [out]| kernels::log_softmax_vjp::<T>(y, dy, k, out))
    })
}

/// Vector-Jacobian product of `log_sum_exp`, from its logits: d softmax(logits).
///
/// Shapes: logits and result [.., K, ..], with the categories on `axis`; d without that axis.
///
/// Raises: `Error` of kind logit, all_masked or categories; `ValueError` for shapes that do not fit.
///
/// >>> from gumbel import vjp
/// >>> import numpy as np
/// >>> vjp.log_sum_exp_vjp(np.log([[0.25, 0.75]]), [2.0])
/// array([[0.5, 1.5]])
#[pyfunction]
#[pyo3(signature = (logits, d, *, axis=-1), text_signature = "(logits, d, *, axis=-1)")]
fn log_sum_exp_vjp<'py>(logits: &Bound<'py, PyAny>, d: &Bound<'py, PyAny>, axis: isize) -> Array<'py> {
    let rows = Rows::equal([full("logits", logits), per_row("d", d)], axis)?;
    let k = rows.k();
    rows.map(first, |inputs, outputs| {
        compute!(inputs, outputs, |T, [logits, d], [out]| kernels::log_sum_exp_vjp::<T>(logits, d, k, out))
    })
}

/// Vector-Jacobian product in the logits of `gumbel_softmax` and of `relaxed`, from the result `y`.
///
/// y (dy - sum(y dy)) / tau, whatever the noise was. Exactly 0 where `y` is 0, whatever `dy` is there.
///
/// Shapes: y, dy and result [.., K, ..], with the categories on `axis`.
///
/// Raises: `Error` of kind temperature or categories; `ValueError` for shapes that differ.
///
/// >>> from gumbel import vjp
/// >>> vjp.gumbel_softmax_vjp([0.25, 0.75], [1.0, 0.0], 0.5)
/// array([ 0.375, -0.375])
#[pyfunction]
#[pyo3(signature = (y, dy, tau=1.0, *, axis=-1), text_signature = "(y, dy, tau=1.0, *, axis=-1)")]
fn gumbel_softmax_vjp<'py>(
    y: &Bound<'py, PyAny>,
    dy: &Bound<'py, PyAny>,
    tau: f64,
    axis: isize,
) -> Array<'py> {
    let rows = Rows::equal([full("y", y), full("dy", dy)], axis)?;
    let k = rows.k();
    rows.map(first, |inputs, outputs| {
        compute!(inputs, outputs, |T, [y, dy], [out]| {
            kernels::gumbel_softmax_vjp(y, dy, k, temperature::<T>(tau)?, out)
        })
    })
}

/// Vector-Jacobian product in the logits of `log_gumbel_softmax`, from the result `log_y`.
///
/// (dy - exp(log_y) sum(dy)) / tau, whatever the noise was. Exactly 0 at masks (`log_y` = -inf), whatever `dy` is there.
///
/// Shapes: log_y, dy and result [.., K, ..], with the categories on `axis`.
///
/// Raises: `Error` of kind temperature or categories; `ValueError` for shapes that differ.
///
/// >>> from gumbel import vjp
/// >>> import numpy as np
/// >>> vjp.log_gumbel_softmax_vjp(np.log([0.25, 0.75]), [1.0, 0.0], 0.5)
/// array([ 1.5, -1.5])
#[pyfunction]
#[pyo3(signature = (log_y, dy, tau=1.0, *, axis=-1), text_signature = "(log_y, dy, tau=1.0, *, axis=-1)")]
fn log_gumbel_softmax_vjp<'py>(
    log_y: &Bound<'py, PyAny>,
    dy: &Bound<'py, PyAny>,
    tau: f64,
    axis: isize,
) -> Array<'py> {
    let rows = Rows::equal([full("log_y", log_y), full("dy", dy)], axis)?;
    let k = rows.k();
    rows.map(first, |inputs, outputs| {
        compute!(inputs, outputs, |T, [y, dy], [out]| {
            kernels::log_gumbel_softmax_vjp(y, dy, k, temperature::<T>(tau)?, out)
        })
    })
}

/// Vector-Jacobian product of `entmax` in the logits, from its result `y`.
///
/// Exact wherever the support does not change. A `dy` outside the support has no effect.
///
/// Shapes: y, dy and result [.., K, ..], with the categories on `axis`.
///
/// Raises: `Error` of kind alpha, temperature or categories; `ValueError` for shapes that differ.
///
/// Source: Peters, Niculae and Martins (2019), section 3.
///
/// >>> from gumbel import vjp
/// >>> vjp.entmax_vjp([0.75, 0.25, 0.0], [1.0, 0.0, 9.0], 2.0)
/// array([ 0.5, -0.5,  0. ])
#[pyfunction]
#[pyo3(signature = (y, dy, alpha=1.5, tau=1.0, *, axis=-1), text_signature = "(y, dy, alpha=1.5, tau=1.0, *, axis=-1)")]
fn entmax_vjp<'py>(
    y: &Bound<'py, PyAny>,
    dy: &Bound<'py, PyAny>,
    alpha: f64,
    tau: f64,
    axis: isize,
) -> Array<'py> {
    let rows = Rows::equal([full("y", y), full("dy", dy)], axis)?;
    let k = rows.k();
    rows.map(first, |inputs, outputs| {
        compute!(inputs, outputs, |T, [y, dy], [out]| {
            kernels::entmax_vjp(y, dy, k, order::<T>(alpha)?, temperature::<T>(tau)?, out)
        })
    })
}

/// Vector-Jacobian product of `sparsemax` in the logits, from its result `y`.
///
/// Shapes: y, dy and result [.., K, ..], with the categories on `axis`.
///
/// Raises: `Error` of kind temperature or categories; `ValueError` for shapes that differ.
///
/// Source: Martins and Astudillo (2016).
///
/// >>> from gumbel import vjp
/// >>> vjp.sparsemax_vjp([0.75, 0.25, 0.0], [1.0, 0.0, 9.0])
/// array([ 0.5, -0.5,  0. ])
#[pyfunction]
#[pyo3(signature = (y, dy, tau=1.0, *, axis=-1), text_signature = "(y, dy, tau=1.0, *, axis=-1)")]
fn sparsemax_vjp<'py>(y: &Bound<'py, PyAny>, dy: &Bound<'py, PyAny>, tau: f64, axis: isize) -> Array<'py> {
    entmax_vjp(y, dy, 2.0, tau, axis)
}

/// Derivative of `entmax` in alpha, from its result `y`.
///
/// Shapes: y and result [.., K, ..], with the categories on `axis`.
///
/// Raises: `Error` of kind alpha or categories.
///
/// Source: Correia, Niculae and Martins (2019), section 3.
///
/// >>> from gumbel import vjp
/// >>> vjp.entmax_alpha_derivative([0.75, 0.25], 2.0).round(6)
/// array([ 0.184594, -0.184594])
#[pyfunction]
#[pyo3(signature = (y, alpha=1.5, *, axis=-1), text_signature = "(y, alpha=1.5, *, axis=-1)")]
fn entmax_alpha_derivative<'py>(y: &Bound<'py, PyAny>, alpha: f64, axis: isize) -> Array<'py> {
    let rows = Rows::of(y, axis)?;
    let k = rows.k();
    rows.map(first, |inputs, outputs| {
        compute!(inputs, outputs, |T, [y], [out]| {
            kernels::entmax_alpha_derivative(y, k, order::<T>(alpha)?, out)
        })
    })
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(softmax_vjp, module)?)?;
    module.add_function(wrap_pyfunction!(log_softmax_vjp, module)?)?;
    module.add_function(wrap_pyfunction!(log_sum_exp_vjp, module)?)?;
    module.add_function(wrap_pyfunction!(gumbel_softmax_vjp, module)?)?;
    module.add_function(wrap_pyfunction!(log_gumbel_softmax_vjp, module)?)?;
    module.add_function(wrap_pyfunction!(entmax_vjp, module)?)?;
    module.add_function(wrap_pyfunction!(sparsemax_vjp, module)?)?;
    module.add_function(wrap_pyfunction!(entmax_alpha_derivative, module)?)
}
