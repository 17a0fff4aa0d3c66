//! Permutations: the best one, and its relaxation.

use crate::arguments::{Rows, first, full};
use crate::array::{Array, indices};
use crate::compute::compute;
use crate::error::raise_iterations;
use crate::rows::temperature;
use crate::slice::{Slice, SliceMut};
use crate::threads;
use gumbel_kernels::{self as kernels, Error, Real};
use half::f16;
use pyo3::prelude::*;

/// Sinkhorn's iteration in log space: the logarithm of a nearly doubly stochastic matrix.
///
/// Columns of its exponential sum to one, rows nearly: it stops when no row is off by more than `tolerance`, and after at
/// most `iterations` steps. A logit of -inf forbids its pair; the result is -inf exactly there. Computed in double
/// precision. With logits + Gumbel noise it is a Gumbel-Sinkhorn sample.
///
/// Shapes: logits and result [.., N, N].
///
/// Raises: `Error` of kind no_permutation (every permutation has a forbidden pair), iterations, tolerance, temperature,
/// logit or categories; `ValueError` for matrices that are not square.
///
/// Source: Sinkhorn and Knopp (1967); Mena, Belanger, Linderman and Snoek (2018).
///
/// >>> import gumbel
/// >>> gumbel.log_sinkhorn([[0.0, 2.0], [0.0, 0.0]]).round(4)
/// array([[-1.3133, -0.3133],
///        [-0.3133, -1.3133]])
#[pyfunction]
#[pyo3(signature = (logits, tau=1.0, *, iterations=20, tolerance=0.0))]
fn log_sinkhorn<'py>(logits: &Bound<'py, PyAny>, tau: f64, iterations: isize, tolerance: f64) -> Array<'py> {
    let (rows, iterations) = (Rows::matrices([full("logits", logits)])?, steps(logits.py(), iterations)?);
    let n = rows.k();
    rows.map(first, |inputs, outputs| {
        let bounded = matches!(inputs[0], Slice::F16(_));
        compute!(inputs, outputs, |T, [logits], [out]| {
            kernels::log_sinkhorn(logits, n, temperature::<T>(tau)?, iterations, tolerance, out)?;
            if bounded {
                out.iter_mut().for_each(|log| *log = in_half(*log));
            }
            Ok(())
        })
    })
}

/// Sinkhorn's iteration: a nearly doubly stochastic matrix, the exponential of `log_sinkhorn`.
///
/// Shapes: logits and result [.., N, N].
///
/// Raises: those of `log_sinkhorn`.
///
/// Source: Sinkhorn and Knopp (1967); Mena, Belanger, Linderman and Snoek (2018).
///
/// >>> import gumbel
/// >>> gumbel.sinkhorn([[0.0, 2.0], [0.0, 0.0]]).round(4)
/// array([[0.2689, 0.7311],
///        [0.7311, 0.2689]])
#[pyfunction]
#[pyo3(signature = (logits, tau=1.0, *, iterations=20, tolerance=0.0))]
fn sinkhorn<'py>(logits: &Bound<'py, PyAny>, tau: f64, iterations: isize, tolerance: f64) -> Array<'py> {
    let (rows, iterations) = (Rows::matrices([full("logits", logits)])?, steps(logits.py(), iterations)?);
    let n = rows.k();
    rows.map(first, |[logits], [out]| {
        let tau = in_type(tau, &out)?;
        let (logits, mut matrix) = (logits.double(), vec![0.0; out.len()]);
        kernels::log_sinkhorn(&logits, n, tau, iterations, tolerance, &mut matrix)?;
        matrix.iter_mut().for_each(|log: &mut f64| *log = log.exp());
        out.write(&matrix);
        Ok(())
    })
}

/// Best permutation of a square matrix: the column of each row that together have the largest sum of logits: int64.
///
/// A logit of -inf forbids its pair. Exact, in time N**3.
///
/// Shapes: logits [.., N, N]; result [.., N].
///
/// Raises: `Error` of kind no_permutation (every permutation has a forbidden pair), logit or categories; `ValueError` for
/// matrices that are not square.
///
/// Source: Kuhn (1955); Jonker and Volgenant (1987).
///
/// >>> import gumbel
/// >>> gumbel.assignment([[3.0, 2.0], [2.0, 0.0]])
/// array([1, 0])
#[pyfunction]
fn assignment<'py>(logits: &Bound<'py, PyAny>) -> Array<'py> {
    let rows = Rows::matrices([full("logits", logits)])?;
    let (n, from) = (rows.k(), rows.floats[0].slice()?);
    let mut columns = vec![0; rows.with_width(None).iter().product()];
    threads::run(rows.py(), rows.size(), || {
        compute!([from], [], |T, [logits], []| kernels::assignment::<T>(logits, n, &mut columns))
    })
    .map_err(|error| rows.raise(&error, 0))?;
    indices(rows.py(), &rows.with_width(None), &columns)
}

/// A number of iterations.
pub fn steps(py: Python<'_>, iterations: isize) -> PyResult<usize> {
    usize::try_from(iterations).map_err(|_| raise_iterations(py, iterations))
}

/// A temperature that is rounded to the type of a result, so that it is the one of the logarithm.
pub fn in_type(tau: f64, out: &SliceMut<'_>) -> Result<f64, Error> {
    match out {
        SliceMut::F64(_) => temperature::<f64>(tau),
        _ => temperature::<f32>(tau).map(Into::into),
    }
}

/// A logarithm that stays finite in half precision, where -inf means a forbidden pair.
fn in_half<T: Real>(log: T) -> T {
    if log == T::neg_infinity() { log } else { log.max(T::from_f64(f16::MIN.to_f64_const())) }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(log_sinkhorn, module)?)?;
    module.add_function(wrap_pyfunction!(sinkhorn, module)?)?;
    module.add_function(wrap_pyfunction!(assignment, module)?)
}
