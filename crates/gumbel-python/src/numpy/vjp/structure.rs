//! Products of permutations and subsets.

use crate::arguments::{Rows, first, full, per_row};
use crate::array::Array;
use crate::compute::compute;
use crate::noise::stream_of;
use crate::numpy::permutation::{in_type, steps};
use crate::numpy::subset::of_size;
use crate::rows::temperature;
use gumbel_kernels::{self as kernels, subset};
use pyo3::prelude::*;

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
        (Rows::matrices([full("logits", logits), full("d", d)])?, steps(logits.py(), iterations)?);
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
        (Rows::matrices([full("logits", logits), full("d", d)])?, steps(logits.py(), iterations)?);
    let n = rows.k();
    rows.map(first, |[logits, d], [out]| {
        let tau = in_type(tau, &out)?;
        let (logits, d, mut slope) = (logits.double(), d.double(), vec![0.0; out.len()]);
        kernels::log_sinkhorn(&logits, n, tau, iterations, tolerance, &mut slope)?;
        // The cotangent of the logarithm: that of the matrix times the matrix, and 0 where that is 0.
        let of_log: Vec<f64> = slope
            .iter()
            .zip(&*d)
            .map(|(log, d)| if log.exp() == 0.0 { 0.0 } else { log.exp() * d })
            .collect();
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
    let (rows, size) = of_size(Rows::equal([full("logits", logits), per_row("d", d)], -1)?, k)?;
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
    let (rows, size) = of_size(Rows::equal([full("logits", logits), full("d", d)], -1)?, k)?;
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
/// array([ 0.0013, -0.0006, -0.0007])
#[pyfunction]
#[pyo3(signature = (logits, d, k, tau, *, noise))]
fn relaxed_top_k_vjp<'py>(
    logits: &Bound<'py, PyAny>,
    d: &Bound<'py, PyAny>,
    k: &Bound<'py, PyAny>,
    tau: f64,
    noise: &Bound<'py, PyAny>,
) -> Array<'py> {
    let (rows, size) = of_size(Rows::equal([full("logits", logits), full("d", d)], -1)?, k)?;
    let (width, stream) = (rows.k(), stream_of(noise, rows.size())?);
    rows.map(first, |inputs, outputs| {
        size.of(width, |count| {
            compute!(inputs, outputs, |T, [logits, d], [out]| {
                subset::relaxed_top_k_vjp::<T>(logits, d, width, count, tau, stream, out)
            })
        })
    })
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(log_sinkhorn_vjp, module)?)?;
    module.add_function(wrap_pyfunction!(sinkhorn_vjp, module)?)?;
    module.add_function(wrap_pyfunction!(subset_log_partition_vjp, module)?)?;
    module.add_function(wrap_pyfunction!(subset_marginals_vjp, module)?)?;
    module.add_function(wrap_pyfunction!(relaxed_top_k_vjp, module)?)
}
