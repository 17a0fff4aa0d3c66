//! Subsets of a fixed size.

use crate::arguments::{Rows, count_of, first};
use crate::array::{Array, indices};
use crate::compute::compute;
use crate::noise::stream_of;
use crate::threads;
use gumbel_kernels::{Error, subset};
use pyo3::exceptions::PyMemoryError;
use pyo3::prelude::*;

/// Logarithm of the sum of weights over all subsets of `k` categories. Its gradient is `subset_marginals`.
///
/// The weight of a subset is the product of the exponentials of its logits. Computed in double precision.
///
/// Shapes: logits [.., K]; result [..].
///
/// Raises: `Error` of kind empty_subset (k = 0), too_few (fewer than k unmasked categories), logit, all_masked or
/// categories; `ValueError` for a negative k.
///
/// Source: Ahmed, Zeng, Niepert and Van den Broeck (2023).
///
/// >>> import gumbel, numpy as np
/// >>> np.exp(gumbel.subset_log_partition(np.log([1.0, 2.0, 3.0]), 2)).round(4)  # 1·2 + 1·3 + 2·3
/// np.float64(11.0)
#[pyfunction]
fn subset_log_partition<'py>(logits: &Bound<'py, PyAny>, k: &Bound<'py, PyAny>) -> Array<'py> {
    let (rows, size) = of_size(Rows::of(logits, -1)?, k)?;
    let width = rows.k();
    rows.reduce(first, |inputs, outputs| {
        size.of(width, |count| {
            compute!(inputs, outputs, |T, [logits], [out]| subset::log_partition::<T>(
                logits, width, count, out
            ))
        })
    })
}

/// Marginals: the probability that each category is a member of a subset of `k`. A row sums to `k`.
///
/// The distribution gives a subset the product of the exponentials of its logits as weight. It is not that of `top_k`,
/// which draws one category after the other. Computed in double precision.
///
/// Shapes: logits and result [.., K].
///
/// Raises: `Error` of kind empty_subset (k = 0), too_few (fewer than k unmasked categories), logit, all_masked or
/// categories; `ValueError` for a negative k.
///
/// Source: Ahmed, Zeng, Niepert and Van den Broeck (2023).
///
/// >>> import gumbel, numpy as np
/// >>> gumbel.subset_marginals(np.log([1.0, 2.0, 3.0]), 2) * 11  # 1·2 + 1·3, 1·2 + 2·3, 1·3 + 2·3
/// array([5., 8., 9.])
#[pyfunction]
fn subset_marginals<'py>(logits: &Bound<'py, PyAny>, k: &Bound<'py, PyAny>) -> Array<'py> {
    let (rows, size) = of_size(Rows::of(logits, -1)?, k)?;
    let width = rows.k();
    size.check_memory(width)?;
    rows.map(first, |inputs, outputs| {
        size.of(width, |count| {
            compute!(inputs, outputs, |T, [logits], [out]| subset::marginals::<T>(logits, width, count, out))
        })
    })
}

/// Exact sample of a subset of `k` categories: its members in increasing order, int64.
///
/// From the distribution of `subset_marginals`. Uses one number of the noise for each logit.
///
/// Shapes: logits [.., K]; result [.., k].
///
/// Raises: `Error` of kind empty_subset (k = 0), too_few (fewer than k unmasked categories), logit, all_masked or
/// categories; `ValueError` for a negative k.
///
/// Source: Ahmed, Zeng, Niepert and Van den Broeck (2023).
///
/// >>> import gumbel
/// >>> gumbel.sample_subset([[0.0, -90.0, 0.0, 1.0]] * 3, 2, noise=gumbel.Noise(7))
/// array([[2, 3],
///        [0, 2],
///        [0, 3]])
#[pyfunction]
#[pyo3(signature = (logits, k, *, noise))]
fn sample_subset<'py>(
    logits: &Bound<'py, PyAny>,
    k: &Bound<'py, PyAny>,
    noise: &Bound<'py, PyAny>,
) -> Array<'py> {
    let (rows, size) = of_size(Rows::of(logits, -1)?, k)?;
    let (py, width, stream) = (rows.py(), rows.k(), stream_of(noise, rows.size())?);
    size.check_memory(width)?;
    let from = rows.floats[0].slice()?;
    let members = threads::run(py, rows.work(), || {
        size.of(width, |count| {
            let mut members = vec![0; from.len() / width.max(1) * count];
            compute!([from], [], |T, [logits], []| {
                subset::sample::<T>(logits, width, count, stream, &mut members)
            })?;
            Ok(members)
        })
    });
    let members = members.map_err(|error| rows.raise(&error, 0))?;
    indices(py, &rows.with_width(Some(size.0)), &members)
}

/// Relaxed top-k: a soft sample of `k` categories without replacement, which sums to `k`.
///
/// A softmax for each of the k, over what the earlier ones left. As `tau` goes to 0 it becomes the indicator of `top_k`
/// with the same noise. For `tau` of about 1 or more an entry can be above 1.
///
/// Shapes: logits and result [.., K].
///
/// Raises: `Error` of kind temperature, empty_subset (k = 0), too_few (fewer than k unmasked categories), logit, all_masked
/// or categories; `ValueError` for a negative k.
///
/// Source: Xie and Ermon (2019); Plötz and Roth (2018).
///
/// >>> import gumbel
/// >>> gumbel.relaxed_top_k([0.0, -90.0, 0.0, 1.0], 2, 0.5, noise=gumbel.Noise(7)).round(4)
/// array([1.    , 0.    , 0.1484, 0.8516])
#[pyfunction]
#[pyo3(signature = (logits, k, tau, *, noise))]
fn relaxed_top_k<'py>(
    logits: &Bound<'py, PyAny>,
    k: &Bound<'py, PyAny>,
    tau: f64,
    noise: &Bound<'py, PyAny>,
) -> Array<'py> {
    let (rows, size) = of_size(Rows::of(logits, -1)?, k)?;
    let (width, stream) = (rows.k(), stream_of(noise, rows.size())?);
    rows.map(first, |inputs, outputs| {
        size.of(width, |count| {
            compute!(inputs, outputs, |T, [logits], [out]| {
                subset::relaxed_top_k::<T>(logits, width, count, tau, stream, out)
            })
        })
    })
}

/// Rows, and the size of their subsets, by which the work on each number grows.
pub fn of_size<'py, const N: usize>(
    rows: Rows<'py, N>,
    k: &Bound<'py, PyAny>,
) -> PyResult<(Rows<'py, N>, Size)> {
    let size = Size::new(k)?;
    Ok((rows.in_steps(size.0.max(1)), size))
}

/// The size of a subset.
#[derive(Clone, Copy)]
pub struct Size(usize);

impl Size {
    fn new(k: &Bound<'_, PyAny>) -> PyResult<Self> {
        count_of(k).map(Self)
    }

    /// Runs a kernel with a size that it can compute with. Whatever is above the categories is as large as one more.
    pub fn of<R>(
        self,
        categories: usize,
        kernel: impl FnOnce(usize) -> Result<R, Error>,
    ) -> Result<R, Error> {
        if self.0 == 0 {
            return Err(Error::EmptySubset);
        }
        kernel(self.0.min(categories.saturating_add(1))).map_err(|error| match error {
            Error::TooFew { row, available, .. } => Error::TooFew { row, requested: self.0, available },
            error => error,
        })
    }

    /// Checks that there is memory for the table of a row, two numbers for each size and category. A kernel that runs out of
    /// it ends the process.
    pub fn check_memory(self, categories: usize) -> PyResult<()> {
        // A size above that of the row is an error, and takes no memory.
        let size = if self.0 > categories { 0 } else { self.0 };
        let numbers = categories.saturating_mul(size + 1).saturating_mul(2);
        Vec::<f64>::new().try_reserve_exact(numbers).map_err(|_| {
            let text = format!("subsets of {} among {categories} categories need too much memory", self.0);
            PyMemoryError::new_err(text)
        })
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(subset_log_partition, module)?)?;
    module.add_function(wrap_pyfunction!(subset_marginals, module)?)?;
    module.add_function(wrap_pyfunction!(sample_subset, module)?)?;
    module.add_function(wrap_pyfunction!(relaxed_top_k, module)?)
}
