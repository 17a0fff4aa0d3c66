//! Products of log-densities, with a cotangent for the parameters, the sample and the temperature.

use crate::arguments::{Argument, Rows, full, per_row};
use crate::compute::compute;
use crate::density::Density;
use gumbel_kernels::Error;
use pyo3::prelude::*;

/// A cotangent for each of three arguments.
type Three<'py> = PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>, Bound<'py, PyAny>)>;

/// Vector-Jacobian product of `exp_concrete_log_prob`: (d_logits, d_y, d_tau), where d_tau has a number for each row.
///
/// Exactly 0 at masks, and in every entry of a row of density 0. Arguments are in the order of the kernel.
///
/// Shapes: logits, y, d_logits and d_y [.., K]; d and d_tau [..]. Nothing is broadcast.
///
/// Raises: those of `exp_concrete_log_prob`; `ValueError` for shapes that do not fit.
///
/// Source: Maddison, Mnih and Teh (2017), appendix C.
///
/// >>> from gumbel import vjp
/// >>> import numpy as np
/// >>> d_logits, d_y, d_tau = vjp.exp_concrete_log_prob_vjp(np.log([[3.0, 1.0]]), [[0.0, 0.0]], [1.0], 0.5)
/// >>> d_logits.round(4), d_y.round(4), d_tau
/// (array([[-0.5,  0.5]]), array([[ 0.25, -0.25]]), array([2.]))
#[pyfunction]
fn exp_concrete_log_prob_vjp<'py>(
    logits: &Bound<'py, PyAny>,
    y: &Bound<'py, PyAny>,
    d: &Bound<'py, PyAny>,
    tau: f64,
) -> Three<'py> {
    vjp(Density::ExpConcrete, [full("logits", logits), full("y", y), per_row("d", d)], tau)
}

/// Vector-Jacobian product of `concrete_log_prob`: (d_logits, d_x, d_tau), where d_tau has a number for each row.
///
/// Exactly 0 at masks, and in every entry of a row whose density is 0 or a limit. Only the component of d_x along the
/// simplex has a meaning. Arguments are in the order of the kernel.
///
/// Shapes: logits, x, d_logits and d_x [.., K]; d and d_tau [..]. Nothing is broadcast.
///
/// Raises: those of `concrete_log_prob`; `ValueError` for shapes that do not fit.
///
/// Source: Maddison, Mnih and Teh (2017), definition 1.
///
/// >>> from gumbel import vjp
/// >>> import numpy as np
/// >>> d_logits, d_x, d_tau = vjp.concrete_log_prob_vjp(np.log([[3.0, 1.0]]), [[0.5, 0.5]], [1.0], 0.5)
/// >>> d_logits.round(4), d_x.round(4), d_tau.round(4)
/// (array([[-0.5,  0.5]]), array([[-1.5, -2.5]]), array([2.]))
#[pyfunction]
fn concrete_log_prob_vjp<'py>(
    logits: &Bound<'py, PyAny>,
    x: &Bound<'py, PyAny>,
    d: &Bound<'py, PyAny>,
    tau: f64,
) -> Three<'py> {
    vjp(Density::Concrete, [full("logits", logits), full("x", x), per_row("d", d)], tau)
}

/// Vector-Jacobian product of `binary_concrete_log_prob`: (d_log_odds, d_y, d_tau), each of a number for each point.
///
/// Exactly 0 at infinite `y`. Arguments are in the order of the kernel.
///
/// Shapes: log_odds, y, d and results of one shape. Nothing is broadcast.
///
/// Raises: those of `binary_concrete_log_prob`; `ValueError` for shapes that differ.
///
/// Source: Maddison, Mnih and Teh (2017), appendix B.
///
/// >>> from gumbel import vjp
/// >>> import numpy as np
/// >>> [slope.round(4) for slope in vjp.binary_concrete_log_prob_vjp(np.log([3.0]), [0.0], [1.0], 0.5)]
/// [array([-0.5]), array([0.25]), array([2.])]
#[pyfunction]
fn binary_concrete_log_prob_vjp<'py>(
    log_odds: &Bound<'py, PyAny>,
    y: &Bound<'py, PyAny>,
    d: &Bound<'py, PyAny>,
    tau: f64,
) -> Three<'py> {
    vjp(Density::BinaryConcrete, [full("log_odds", log_odds), full("y", y), full("d", d)], tau)
}

/// Vector-Jacobian product of `relaxed_bernoulli_log_prob`: (d_log_odds, d_x, d_tau), each of a number for each point.
///
/// Exactly 0 at `x` = 0 and 1. Arguments are in the order of the kernel.
///
/// Shapes: log_odds, x, d and results of one shape. Nothing is broadcast.
///
/// Raises: those of `relaxed_bernoulli_log_prob`; `ValueError` for shapes that differ.
///
/// Source: Maddison, Mnih and Teh (2017), appendix B.
///
/// >>> from gumbel import vjp
/// >>> import numpy as np
/// >>> [slope.round(4) for slope in vjp.relaxed_bernoulli_log_prob_vjp(np.log([3.0]), [0.5], [1.0], 0.5)]
/// [array([-0.5]), array([1.]), array([2.])]
#[pyfunction]
fn relaxed_bernoulli_log_prob_vjp<'py>(
    log_odds: &Bound<'py, PyAny>,
    x: &Bound<'py, PyAny>,
    d: &Bound<'py, PyAny>,
    tau: f64,
) -> Three<'py> {
    vjp(Density::RelaxedBernoulli, [full("log_odds", log_odds), full("x", x), full("d", d)], tau)
}

fn vjp<'py>(density: Density, arguments: [Argument<'_, 'py>; 3], tau: f64) -> Three<'py> {
    let rows = if density.binary() { Rows::equal_elements(arguments)? } else { Rows::equal(arguments, -1)? };
    let (k, width) = (rows.k(), rows.width());
    let fail = |error: &Error| rows.raise(error, 0);
    let results = rows.run([width, width, None], fail, |inputs, outputs| {
        compute!(inputs, outputs, |T, inputs, outputs| density.vjp::<T>(inputs, k, tau, outputs))
    })?;
    Ok(results.into())
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(exp_concrete_log_prob_vjp, module)?)?;
    module.add_function(wrap_pyfunction!(concrete_log_prob_vjp, module)?)?;
    module.add_function(wrap_pyfunction!(binary_concrete_log_prob_vjp, module)?)?;
    module.add_function(wrap_pyfunction!(relaxed_bernoulli_log_prob_vjp, module)?)
}
