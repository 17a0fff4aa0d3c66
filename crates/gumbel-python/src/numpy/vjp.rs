//! Vector-Jacobian products, for `gumbel.vjp`: the kernels with their own signatures.

use super::permutation::{in_type, steps};
use super::sparse::order;
use super::subset::Size;
use super::{Array, first};
use crate::arguments::{Rows, full, per_row};
use crate::compute::compute;
use crate::noise::stream_of;
use crate::rows::temperature;
use gumbel_kernels::{self as kernels, Error, subset};
use pyo3::prelude::*;

/// A cotangent for each of three arguments.
type Three<'py> = PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>, Bound<'py, PyAny>)>;

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
#[pyo3(signature = (y, dy, *, axis=-1))]
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
#[pyo3(signature = (log_y, dy, *, axis=-1))]
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
#[pyo3(signature = (logits, d, *, axis=-1))]
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
#[pyo3(signature = (y, dy, tau=1.0, *, axis=-1))]
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
#[pyo3(signature = (log_y, dy, tau=1.0, *, axis=-1))]
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
    let rows = Rows::equal([full("logits", logits), full("y", y), per_row("d", d)], -1)?;
    let k = rows.k();
    let fail = |error: &Error| rows.raise(error, of_sample(error));
    let results = rows.run([Some(k), Some(k), None], fail, |inputs, outputs| {
        compute!(inputs, outputs, |T, [logits, y, d], [of_logits, of_y, of_tau]| {
            let tau = temperature::<T>(tau)?;
            kernels::exp_concrete_log_prob_vjp(logits, y, d, k, tau, of_logits, of_y, of_tau)
        })
    })?;
    Ok(results.into())
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
    let rows = Rows::equal([full("logits", logits), full("x", x), per_row("d", d)], -1)?;
    let k = rows.k();
    let fail = |error: &Error| rows.raise(error, of_sample(error));
    let results = rows.run([Some(k), Some(k), None], fail, |inputs, outputs| {
        compute!(inputs, outputs, |T, [logits, x, d], [of_logits, of_x, of_tau]| {
            let tau = temperature::<T>(tau)?;
            kernels::concrete_log_prob_vjp(logits, x, d, k, tau, of_logits, of_x, of_tau)
        })
    })?;
    Ok(results.into())
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
    let rows = Rows::equal_elements([full("log_odds", log_odds), full("y", y), full("d", d)])?;
    let fail = |error: &Error| rows.raise(error, of_sample(error));
    let results = rows.run([None; 3], fail, |inputs, outputs| {
        compute!(inputs, outputs, |T, [log_odds, y, d], [of_log_odds, of_y, of_tau]| {
            let tau = temperature::<T>(tau)?;
            kernels::binary_concrete_log_prob_vjp(log_odds, y, d, tau, of_log_odds, of_y, of_tau)
        })
    })?;
    Ok(results.into())
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
    let rows = Rows::equal_elements([full("log_odds", log_odds), full("x", x), full("d", d)])?;
    let fail = |error: &Error| rows.raise(error, of_sample(error));
    let results = rows.run([None; 3], fail, |inputs, outputs| {
        compute!(inputs, outputs, |T, [log_odds, x, d], [of_log_odds, of_x, of_tau]| {
            let tau = temperature::<T>(tau)?;
            kernels::binary_concrete_unit_log_prob_vjp(log_odds, x, d, tau, of_log_odds, of_x, of_tau)
        })
    })?;
    Ok(results.into())
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
#[pyo3(signature = (y, dy, alpha=1.5, tau=1.0, *, axis=-1))]
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
#[pyo3(signature = (y, dy, tau=1.0, *, axis=-1))]
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
#[pyo3(signature = (y, alpha=1.5, *, axis=-1))]
fn entmax_alpha_derivative<'py>(y: &Bound<'py, PyAny>, alpha: f64, axis: isize) -> Array<'py> {
    let rows = Rows::of(y, axis)?;
    let k = rows.k();
    rows.map(first, |inputs, outputs| {
        compute!(inputs, outputs, |T, [y], [out]| {
            kernels::entmax_alpha_derivative(y, k, order::<T>(alpha)?, out)
        })
    })
}

/// Vector-Jacobian product of `log_sinkhorn`, from the same logits: that of the iterations that were run.
///
/// Exactly 0 at forbidden pairs, whatever `d` is there.
///
/// Shapes: logits, d and result [.., N, N].
///
/// Raises: those of `log_sinkhorn`; `ValueError` for shapes that differ.
///
/// Source: Mena, Belanger, Linderman and Snoek (2018).
///
/// >>> from gumbel import vjp
/// >>> vjp.log_sinkhorn_vjp([[0.0, 0.0], [0.0, 0.0]], [[1.0, 0.0], [0.0, 0.0]])
/// array([[ 0.25, -0.25],
///        [-0.25,  0.25]])
#[pyfunction]
#[pyo3(signature = (logits, d, tau=1.0, *, iterations=20, tolerance=0.0))]
fn log_sinkhorn_vjp<'py>(
    logits: &Bound<'py, PyAny>,
    d: &Bound<'py, PyAny>,
    tau: f64,
    iterations: isize,
    tolerance: f64,
) -> Array<'py> {
    let (rows, iterations) =
        (Rows::matrices([full("logits", logits), full("d", d)])?, steps(iterations)?);
    let n = rows.k();
    rows.map(first, |inputs, outputs| {
        compute!(inputs, outputs, |T, [logits, d], [out]| {
            kernels::log_sinkhorn_vjp(logits, d, n, temperature::<T>(tau)?, iterations, tolerance, out)
        })
    })
}

/// Vector-Jacobian product of `sinkhorn`, from the same logits: that of the iterations that were run.
///
/// Exactly 0 at forbidden pairs, whatever `d` is there.
///
/// Shapes: logits, d and result [.., N, N].
///
/// Raises: those of `log_sinkhorn`; `ValueError` for shapes that differ.
///
/// Source: Mena, Belanger, Linderman and Snoek (2018).
///
/// >>> from gumbel import vjp
/// >>> vjp.sinkhorn_vjp([[0.0, 0.0], [0.0, 0.0]], [[1.0, 0.0], [0.0, 0.0]])
/// array([[ 0.125, -0.125],
///        [-0.125,  0.125]])
#[pyfunction]
#[pyo3(signature = (logits, d, tau=1.0, *, iterations=20, tolerance=0.0))]
fn sinkhorn_vjp<'py>(
    logits: &Bound<'py, PyAny>,
    d: &Bound<'py, PyAny>,
    tau: f64,
    iterations: isize,
    tolerance: f64,
) -> Array<'py> {
    let (rows, iterations) =
        (Rows::matrices([full("logits", logits), full("d", d)])?, steps(iterations)?);
    let n = rows.k();
    rows.map(first, |[logits, d], [out]| {
        let tau = in_type(tau, &out)?;
        let (logits, d, mut slope) = (logits.double(), d.double(), vec![0.0; out.len()]);
        kernels::log_sinkhorn(&logits, n, tau, iterations, tolerance, &mut slope)?;
        // The cotangent of the logarithm: that of the matrix times the matrix, and 0 where that is 0.
        let of_log: Vec<f64> =
            slope.iter().zip(&*d).map(|(log, d)| if log.exp() == 0.0 { 0.0 } else { log.exp() * d }).collect();
        kernels::log_sinkhorn_vjp(&logits, &of_log, n, tau, iterations, tolerance, &mut slope)?;
        out.write(&slope);
        Ok(())
    })
}

/// Vector-Jacobian product of `subset_log_partition`: d times `subset_marginals(logits, k)`.
///
/// Shapes: logits and result [.., K]; d [..].
///
/// Raises: those of `subset_log_partition`; `ValueError` for shapes that do not fit.
///
/// Source: Ahmed, Zeng, Niepert and Van den Broeck (2023).
///
/// >>> from gumbel import vjp
/// >>> import numpy as np
/// >>> vjp.subset_log_partition_vjp(np.log([[1.0, 2.0, 3.0]]), [11.0], 2)
/// array([[5., 8., 9.]])
#[pyfunction]
fn subset_log_partition_vjp<'py>(
    logits: &Bound<'py, PyAny>,
    d: &Bound<'py, PyAny>,
    k: &Bound<'py, PyAny>,
) -> Array<'py> {
    let (rows, size) = (Rows::equal([full("logits", logits), per_row("d", d)], -1)?.divided(), Size::new(k)?);
    let width = rows.k();
    size.check_memory(width)?;
    rows.map(first, |inputs, outputs| {
        size.of(width, |count| {
            compute!(inputs, outputs, |T, [logits, d], [out]| {
                subset::marginals::<T>(logits, width, count, out)?;
                let scaled = |(row, &d): (&mut [T], &T)| row.iter_mut().for_each(|mean| *mean *= d);
                out.chunks_exact_mut(width).zip(d).for_each(scaled);
                Ok(())
            })
        })
    })
}

/// Vector-Jacobian product of `subset_marginals`: the covariance of the members times `d`.
///
/// Exactly 0 at masked categories, whatever `d` is there.
///
/// Shapes: logits, d and result [.., K].
///
/// Raises: those of `subset_marginals`; `ValueError` for shapes that differ.
///
/// Source: Ahmed, Zeng, Niepert and Van den Broeck (2023).
///
/// >>> from gumbel import vjp
/// >>> vjp.subset_marginals_vjp([0.0, 0.0, 0.0], [9.0, 0.0, 0.0], 2)  # 2/3 · 1/3, 1/3 − 4/9
/// array([ 2., -1., -1.])
#[pyfunction]
fn subset_marginals_vjp<'py>(
    logits: &Bound<'py, PyAny>,
    d: &Bound<'py, PyAny>,
    k: &Bound<'py, PyAny>,
) -> Array<'py> {
    let (rows, size) = (Rows::equal([full("logits", logits), full("d", d)], -1)?.divided(), Size::new(k)?);
    let width = rows.k();
    size.check_memory(width)?;
    rows.map(first, |inputs, outputs| {
        size.of(width, |count| {
            compute!(inputs, outputs, |T, [logits, d], [out]| {
                subset::marginals_vjp::<T>(logits, d, width, count, out)
            })
        })
    })
}

/// Vector-Jacobian product of `relaxed_top_k` in the logits. It draws the same noise again.
///
/// Pass the noise as it was before the sample was drawn, a copy of it: this moves it just as the sample did.
///
/// Shapes: logits, d and result [.., K].
///
/// Raises: those of `relaxed_top_k`; `ValueError` for shapes that differ.
///
/// Source: Xie and Ermon (2019).
///
/// >>> import gumbel
/// >>> from gumbel import vjp
/// >>> vjp.relaxed_top_k_vjp([0.0, 0.0, 1.0], [1.0, 0.0, 0.0], 2, 0.5, noise=gumbel.Noise(7)).round(4)
/// array([ 0.1, -0.2,  0.3])
#[pyfunction]
#[pyo3(signature = (logits, d, k, tau, *, noise))]
fn relaxed_top_k_vjp<'py>(
    logits: &Bound<'py, PyAny>,
    d: &Bound<'py, PyAny>,
    k: &Bound<'py, PyAny>,
    tau: f64,
    noise: &Bound<'py, PyAny>,
) -> Array<'py> {
    let (rows, size) = (Rows::equal([full("logits", logits), full("d", d)], -1)?.divided(), Size::new(k)?);
    let (width, stream) = (rows.k(), stream_of(noise, rows.size())?);
    rows.map(first, |inputs, outputs| {
        size.of(width, |count| {
            compute!(inputs, outputs, |T, [logits, d], [out]| {
                subset::relaxed_top_k_vjp::<T>(logits, d, width, count, tau, stream, out)
            })
        })
    })
}

/// Whether the second argument, the sample, is at fault, and not the first, the parameters.
fn of_sample(error: &Error) -> usize {
    usize::from(matches!(error, Error::Sample { .. } | Error::NoMass { .. }))
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(softmax_vjp, module)?)?;
    module.add_function(wrap_pyfunction!(log_softmax_vjp, module)?)?;
    module.add_function(wrap_pyfunction!(log_sum_exp_vjp, module)?)?;
    module.add_function(wrap_pyfunction!(gumbel_softmax_vjp, module)?)?;
    module.add_function(wrap_pyfunction!(log_gumbel_softmax_vjp, module)?)?;
    module.add_function(wrap_pyfunction!(exp_concrete_log_prob_vjp, module)?)?;
    module.add_function(wrap_pyfunction!(concrete_log_prob_vjp, module)?)?;
    module.add_function(wrap_pyfunction!(binary_concrete_log_prob_vjp, module)?)?;
    module.add_function(wrap_pyfunction!(relaxed_bernoulli_log_prob_vjp, module)?)?;
    module.add_function(wrap_pyfunction!(entmax_vjp, module)?)?;
    module.add_function(wrap_pyfunction!(sparsemax_vjp, module)?)?;
    module.add_function(wrap_pyfunction!(entmax_alpha_derivative, module)?)?;
    module.add_function(wrap_pyfunction!(log_sinkhorn_vjp, module)?)?;
    module.add_function(wrap_pyfunction!(sinkhorn_vjp, module)?)?;
    module.add_function(wrap_pyfunction!(subset_log_partition_vjp, module)?)?;
    module.add_function(wrap_pyfunction!(subset_marginals_vjp, module)?)?;
    module.add_function(wrap_pyfunction!(relaxed_top_k_vjp, module)?)
}
