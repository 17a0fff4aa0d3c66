//! Log-probabilities, entropies and divergences.

use crate::arguments::{Argument, Rows, broadcast, first, full, narrowed};
use crate::array::{Array, any_array, as_array, broadcast_to, copied, shown};
use crate::compute::compute;
use crate::density::Density;
use crate::error::raise_index;
use gumbel_kernels::{Error, categorical};
use numpy::{PyArrayDescrMethods, PyArrayDyn, PyArrayMethods, PyReadonlyArrayDyn, PyUntypedArrayMethods};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

/// Log-probability of a category, in nats: log softmax(logits)[index].
///
/// -inf exactly for a masked category.
///
/// Shapes: logits [.., K] and index [..], an array of integers; the axes before the categories are broadcast, and are those
/// of the result.
///
/// Raises: `Error` of kind index (not from 0 to K - 1; none counts from the end), logit, all_masked or categories;
/// `TypeError` for an index that is not of integers.
///
/// >>> import gumbel, numpy as np
/// >>> gumbel.categorical_log_prob([np.log(3.0), 0.0], [0, 1]).round(4)
/// array([-0.2877, -1.3863])
#[pyfunction]
fn categorical_log_prob<'py>(logits: &Bound<'py, PyAny>, index: &Bound<'py, PyAny>) -> Array<'py> {
    let (array, index) = (as_array(logits)?, any_array(index)?);
    let (shape, given) = (array.shape(), index.shape());
    let Some((&k, batch)) = shape.split_last() else {
        return Err(PyValueError::new_err("logits must have an axis of categories; got shape ()"));
    };
    let mut common = broadcast(batch, given).ok_or_else(|| {
        let text =
            format!("an index of shape {} does not fit logits of shape {}", shown(given), shown(shape));
        PyValueError::new_err(text)
    })?;
    let places = integers(&index, &common)?;
    let places = places.as_slice()?;
    common.push(k);
    let (rows, index) = (Rows::repeated(&array, common)?, categories(places));
    let fail = |error: &Error| match *error {
        Error::Index { row, .. } => {
            let at = rows.place(error).map(|at| narrowed(&at, given));
            raise_index(rows.py(), places[row], row, k, at)
        }
        _ => rows.raise(error, 0),
    };
    let [result] = rows.run([None], fail, |inputs, outputs| {
        compute!(inputs, outputs, |T, [logits], [out]| categorical::log_prob::<T>(logits, &index, k, out))
    })?;
    Ok(result)
}

/// An array of integers, broadcast to a shape.
fn integers<'py>(
    array: &Bound<'py, numpy::PyUntypedArray>,
    shape: &[usize],
) -> PyResult<PyReadonlyArrayDyn<'py, i64>> {
    let dtype = array.dtype();
    if !matches!(dtype.kind(), b'i' | b'u') {
        return Err(PyTypeError::new_err(format!("index must be an array of integers, got dtype {dtype}")));
    }
    let copy = copied(&broadcast_to(array, shape)?, &numpy::dtype::<i64>(array.py()))?;
    Ok(copy.cast_into::<PyArrayDyn<i64>>()?.try_readonly()?)
}

/// Indices for a kernel. What it cannot express becomes the largest that it can, which it refuses.
fn categories(places: &[i64]) -> Vec<u32> {
    places.iter().map(|&place| u32::try_from(place).unwrap_or(u32::MAX)).collect()
}

/// Entropy of a categorical distribution, in nats.
///
/// Shapes: logits [.., K]; result [..].
///
/// Raises: `Error` of kind logit, all_masked or categories.
///
/// >>> import gumbel
/// >>> gumbel.categorical_entropy([[5.0] * 4, [0.0, 1.0, 2.0, 3.0]]).round(4)
/// array([1.3863, 0.9475])
#[pyfunction]
fn categorical_entropy<'py>(logits: &Bound<'py, PyAny>) -> Array<'py> {
    let rows = Rows::of(logits, -1)?;
    let k = rows.k();
    rows.reduce(first, |inputs, outputs| {
        compute!(inputs, outputs, |T, [logits], [out]| categorical::entropy::<T>(logits, k, out))
    })
}

/// Kullback-Leibler divergence KL(p || q) of categorical distributions, in nats.
///
/// Never negative. +inf where q masks a category that p does not, however improbable it is under p.
///
/// Shapes: p and q, the logits, [.., K]; the axes before the categories are broadcast, and are those of the result.
///
/// Raises: `Error` of kind logit, all_masked or categories, for either argument.
///
/// >>> import gumbel, numpy as np
/// >>> gumbel.categorical_kl(np.log([2.0, 1.0, 0.5]), np.zeros(3)).round(6)
/// np.float64(0.142912)
#[pyfunction]
fn categorical_kl<'py>(p: &Bound<'py, PyAny>, q: &Bound<'py, PyAny>) -> Array<'py> {
    let rows = Rows::broadcast([full("p", p), full("q", q)], -1)?;
    let k = rows.k();
    let blame = |error: &Error| usize::from(!rows.is_at_fault(0, error));
    rows.reduce(blame, |inputs, outputs| {
        compute!(inputs, outputs, |T, [p, q], [out]| categorical::kl::<T>(p, q, k, out))
    })
}

/// Log-density of the logarithm `y` of a relaxed sample (ExpConcrete).
///
/// With respect to the K - 1 log-ratios of `y` to its last coordinate. Only differences of `y` matter. -inf where `y` is
/// -inf at an unmasked category, or is not at a masked one. Prefer it to `concrete_log_prob`: a logarithm does not saturate.
///
/// Shapes: y and logits [.., K]; the axes before the categories are broadcast, as for samples [S, .., K] of logits [.., K],
/// and are those of the result.
///
/// Raises: `Error` of kind temperature, sample (NaN or +inf), no_mass, logit, all_masked or categories.
///
/// Source: Maddison, Mnih and Teh (2017), appendix C.
///
/// >>> import gumbel, numpy as np
/// >>> gumbel.exp_concrete_log_prob(np.log([0.1, 0.9]), [0.0, 0.0], 1.0).round(4)
/// np.float64(-2.4079)
#[pyfunction]
fn exp_concrete_log_prob<'py>(y: &Bound<'py, PyAny>, logits: &Bound<'py, PyAny>, tau: f64) -> Array<'py> {
    log_prob(Density::ExpConcrete, [full("y", y), full("logits", logits)], tau)
}

/// Log-density of a relaxed sample `x` on the simplex (Concrete).
///
/// With respect to the first K - 1 coordinates. At the edge of the simplex it is the limit, which may be infinite. It is
/// not checked that `x` sums to one.
///
/// Shapes: x and logits [.., K]; the axes before the categories are broadcast, as for samples [S, .., K] of logits [.., K],
/// and are those of the result.
///
/// Raises: `Error` of kind temperature, sample (negative, infinite or NaN), no_mass, logit, all_masked or categories.
///
/// Source: Maddison, Mnih and Teh (2017), definition 1; Jang, Gu and Poole (2017), appendix B.
///
/// >>> import gumbel
/// >>> gumbel.concrete_log_prob([0.2, 0.3, 0.5], [0.0, 0.0, 0.0], 0.5).round(6)
/// np.float64(-0.534448)
#[pyfunction]
fn concrete_log_prob<'py>(x: &Bound<'py, PyAny>, logits: &Bound<'py, PyAny>, tau: f64) -> Array<'py> {
    log_prob(Density::Concrete, [full("x", x), full("logits", logits)], tau)
}

/// Log-density of the log-odds `y` of a relaxed Bernoulli sample (Binary Concrete in logit space).
///
/// The distribution of y = (log_odds + logistic noise) / tau. -inf at infinite `y`.
///
/// Shapes: y and log_odds of any shape, broadcast; result as broadcast.
///
/// Raises: `Error` of kind temperature, sample (NaN) or log_odds (not finite).
///
/// Source: Maddison, Mnih and Teh (2017), appendix B.
///
/// >>> import gumbel, numpy as np
/// >>> gumbel.binary_concrete_log_prob([0.7], [np.log(3.0)], 0.5).round(6)
/// array([-2.216392])
#[pyfunction]
fn binary_concrete_log_prob<'py>(
    y: &Bound<'py, PyAny>,
    log_odds: &Bound<'py, PyAny>,
    tau: f64,
) -> Array<'py> {
    log_prob(Density::BinaryConcrete, [full("y", y), full("log_odds", log_odds)], tau)
}

/// Log-density of a relaxed Bernoulli sample `x` in [0, 1].
///
/// The distribution of x = sigmoid((log_odds + logistic noise) / tau), computed in log space. At 0 and 1 it is the limit,
/// which may be infinite.
///
/// Shapes: x and log_odds of any shape, broadcast; result as broadcast.
///
/// Raises: `Error` of kind temperature, sample (outside [0, 1]) or log_odds (not finite).
///
/// Source: Maddison, Mnih and Teh (2017), appendix B.
///
/// >>> import gumbel
/// >>> gumbel.relaxed_bernoulli_log_prob([0.5, 1.0], [100.0, 0.0], 1.0).round(3)
/// array([-98.614,   0.   ])
#[pyfunction]
fn relaxed_bernoulli_log_prob<'py>(
    x: &Bound<'py, PyAny>,
    log_odds: &Bound<'py, PyAny>,
    tau: f64,
) -> Array<'py> {
    log_prob(Density::RelaxedBernoulli, [full("x", x), full("log_odds", log_odds)], tau)
}

/// Whether the second argument, the parameters, is at fault, and not the first, the sample.
fn of_parameters(error: &Error) -> usize {
    usize::from(!matches!(error, Error::Sample { .. } | Error::NoMass { .. }))
}

/// The log-density of points under parameters, in that order.
fn log_prob<'py>(density: Density, arguments: [Argument<'_, 'py>; 2], tau: f64) -> Array<'py> {
    let rows = if density.binary() { Rows::elements(arguments)? } else { Rows::broadcast(arguments, -1)? };
    let k = rows.k();
    rows.reduce(of_parameters, |inputs, outputs| {
        compute!(inputs, outputs, |T, [y, logits], [out]| density.log_prob::<T>([logits, y], k, tau, out))
    })
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(categorical_log_prob, module)?)?;
    module.add_function(wrap_pyfunction!(categorical_entropy, module)?)?;
    module.add_function(wrap_pyfunction!(categorical_kl, module)?)?;
    module.add_function(wrap_pyfunction!(exp_concrete_log_prob, module)?)?;
    module.add_function(wrap_pyfunction!(concrete_log_prob, module)?)?;
    module.add_function(wrap_pyfunction!(binary_concrete_log_prob, module)?)?;
    module.add_function(wrap_pyfunction!(relaxed_bernoulli_log_prob, module)?)
}
