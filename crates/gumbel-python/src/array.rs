//! Arrays of NumPy: rows to read, and results.

use crate::slice::{Slice, SliceMut};
use half::f16;
use numpy::{
    AsSliceError, Element, PyArrayDescr, PyArrayDescrMethods, PyArrayDyn, PyArrayMethods, PyReadonlyArrayDyn,
    PyReadwriteArrayDyn, PyUntypedArray, PyUntypedArrayMethods,
};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyTuple;

/// A type of numbers that functions take, from the narrowest to the widest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Float {
    F16,
    F32,
    F64,
}

impl Float {
    /// The type of an array of [`as_array`].
    pub fn of(array: &Bound<'_, PyUntypedArray>) -> Self {
        match array.dtype().itemsize() {
            2 => Self::F16,
            4 => Self::F32,
            _ => Self::F64,
        }
    }

    fn descriptor(self, py: Python<'_>) -> Bound<'_, PyArrayDescr> {
        match self {
            Self::F16 => numpy::dtype::<f16>(py),
            Self::F32 => numpy::dtype::<f32>(py),
            Self::F64 => numpy::dtype::<f64>(py),
        }
    }
}

/// The numbers of an array in C order, of one of the types that functions take.
pub enum Floats<'py> {
    F16(PyReadonlyArrayDyn<'py, f16>),
    F32(PyReadonlyArrayDyn<'py, f32>),
    F64(PyReadonlyArrayDyn<'py, f64>),
}

impl<'py> Floats<'py> {
    /// Borrows an array in C order; `None` if its type is another, or it is borrowed for writing.
    fn borrow(array: &Bound<'py, PyUntypedArray>) -> Option<Self> {
        if let Ok(array) = array.cast::<PyArrayDyn<f32>>() {
            return array.try_readonly().ok().map(Self::F32);
        }
        if let Ok(array) = array.cast::<PyArrayDyn<f64>>() {
            return array.try_readonly().ok().map(Self::F64);
        }
        array.cast::<PyArrayDyn<f16>>().ok()?.try_readonly().ok().map(Self::F16)
    }

    pub fn slice(&self) -> Result<Slice<'_>, AsSliceError> {
        Ok(match self {
            Self::F16(array) => Slice::F16(array.as_slice()?),
            Self::F32(array) => Slice::F32(array.as_slice()?),
            Self::F64(array) => Slice::F64(array.as_slice()?),
        })
    }

    /// A new array of the same type.
    pub fn new_output(&self, py: Python<'py>, shape: &[usize]) -> PyResult<Output<'py>> {
        Ok(match self {
            Self::F16(_) => Output::F16(new_array(py, shape)?),
            Self::F32(_) => Output::F32(new_array(py, shape)?),
            Self::F64(_) => Output::F64(new_array(py, shape)?),
        })
    }
}

type Owned<'py, T> = (Bound<'py, PyArrayDyn<T>>, PyReadwriteArrayDyn<'py, T>);

/// An array to write, in C order.
pub enum Output<'py> {
    F16(Owned<'py, f16>),
    F32(Owned<'py, f32>),
    F64(Owned<'py, f64>),
}

impl<'py> Output<'py> {
    pub fn slice(&mut self) -> Result<SliceMut<'_>, AsSliceError> {
        Ok(match self {
            Self::F16((_, out)) => SliceMut::F16(out.as_slice_mut()?),
            Self::F32((_, out)) => SliceMut::F32(out.as_slice_mut()?),
            Self::F64((_, out)) => SliceMut::F64(out.as_slice_mut()?),
        })
    }

    pub fn into_array(self) -> Bound<'py, PyAny> {
        match self {
            Self::F16((array, _)) => array.into_any(),
            Self::F32((array, _)) => array.into_any(),
            Self::F64((array, _)) => array.into_any(),
        }
    }
}

/// A new array of zeros, borrowed for writing.
///
/// # Errors
/// Those of `numpy.zeros`, for more than there is memory for, or too many axes. The crate panics there, so it makes small
/// arrays only.
pub fn new_array<'py, T: Element>(py: Python<'py>, shape: &[usize]) -> PyResult<Owned<'py, T>> {
    const LARGE: usize = 1 << 28;
    let bytes = shape.iter().try_fold(size_of::<T>(), |bytes, &length| bytes.checked_mul(length.max(1)));
    let array = match bytes {
        Some(..LARGE) if shape.len() <= 32 => PyArrayDyn::<T>::zeros(py, shape, false),
        _ => {
            let zeros = numpy_function(py, &ZEROS, "zeros")?;
            zeros.call1((PyTuple::new(py, shape)?, numpy::dtype::<T>(py)))?.cast_into()?
        }
    };
    let out = array.try_readwrite()?;
    Ok((array, out))
}

/// An array of floats, or what NumPy makes one of.
pub fn as_array<'py>(given: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyUntypedArray>> {
    let array = any_array(given)?;
    let dtype = array.dtype();
    if dtype.kind() == b'f' && dtype.itemsize() <= 8 {
        return Ok(array);
    }
    Err(PyTypeError::new_err(format!("expected an array of float16, float32 or float64, got dtype {dtype}")))
}

/// An array of any type, or what NumPy makes one of.
pub fn any_array<'py>(given: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyUntypedArray>> {
    let py = given.py();
    let Ok(array) = given.cast::<PyUntypedArray>() else {
        return Ok(numpy_function(py, &AS_ARRAY, "asarray")?.call1((given,))?.cast_into()?);
    };
    if !array.is_exact_instance(numpy_function(py, &ARRAY, "ndarray")?) && array.hasattr("mask")? {
        let text = "masked arrays are not supported; pass array.filled(-np.inf) to mask categories";
        return Err(PyTypeError::new_err(text));
    }
    Ok(array.clone())
}

/// The numbers of an array in C order and of a type, without a copy where they lie so.
pub fn in_order<'py>(array: &Bound<'py, PyUntypedArray>, float: Float) -> PyResult<Floats<'py>> {
    let native = array.dtype().is_native_byteorder() != Some(false);
    if array.is_c_contiguous()
        && array.is_aligned()
        && native
        && Float::of(array) == float
        && let Some(floats) = Floats::borrow(array)
    {
        return Ok(floats);
    }
    let copy = copied(array, &float.descriptor(array.py()))?;
    Floats::borrow(&copy).ok_or_else(|| PyTypeError::new_err(format!("cannot read dtype {}", array.dtype())))
}

/// An axis, counted from the end if it is negative.
pub fn checked_axis(py: Python<'_>, axis: isize, rank: usize) -> PyResult<usize> {
    let from_start = if axis < 0 { axis.checked_add_unsigned(rank) } else { Some(axis) };
    match from_start.and_then(|axis| usize::try_from(axis).ok()) {
        Some(axis) if axis < rank => Ok(axis),
        _ => {
            let class = py.import("numpy.exceptions")?.getattr("AxisError")?;
            Err(PyErr::from_value(class.call1((axis, rank))?))
        }
    }
}

/// The array that the caller wants the result in: of the type and the shape of the logits, in C order.
pub fn checked_out<'py>(out: &Bound<'py, PyAny>, rows: &Bound<'py, PyUntypedArray>) -> PyResult<Output<'py>> {
    let out = out.cast::<PyUntypedArray>().map_err(|_| PyTypeError::new_err("out must be an array"))?;
    let (dtype, expected) = (out.dtype(), rows.dtype());
    if !dtype.is_equiv_to(&expected) {
        return Err(PyTypeError::new_err(format!(
            "out must have the dtype of the logits, {expected}; got {dtype}"
        )));
    }
    if out.shape() != rows.shape() {
        let (out, rows) = (shown(out.shape()), shown(rows.shape()));
        return Err(PyValueError::new_err(format!(
            "out must have the shape of the logits, {rows}; got {out}"
        )));
    }
    if !out.is_c_contiguous() || !out.is_aligned() {
        return Err(PyValueError::new_err("out must be C-contiguous; pass np.ascontiguousarray of it"));
    }
    writeable(out)
}

fn writeable<'py>(out: &Bound<'py, PyUntypedArray>) -> PyResult<Output<'py>> {
    fn borrow<'py, T: Element>(array: &Bound<'py, PyArrayDyn<T>>) -> PyResult<Owned<'py, T>> {
        let out = array.try_readwrite().map_err(|error| PyValueError::new_err(format!("out: {error}")))?;
        Ok((array.clone(), out))
    }
    if let Ok(array) = out.cast::<PyArrayDyn<f32>>() {
        return borrow(array).map(Output::F32);
    }
    if let Ok(array) = out.cast::<PyArrayDyn<f64>>() {
        return borrow(array).map(Output::F64);
    }
    let array = out.cast::<PyArrayDyn<f16>>();
    borrow(array.map_err(|_| PyTypeError::new_err("out must have the machine's byte order"))?)
        .map(Output::F16)
}

/// The array with an axis at another place.
pub fn moved<'py>(
    array: &Bound<'py, PyUntypedArray>,
    from: usize,
    to: usize,
) -> PyResult<Bound<'py, PyUntypedArray>> {
    // numpy.moveaxis takes longer than a small kernel.
    let mut axes: Vec<usize> = (0..array.ndim()).filter(|&axis| axis != from).collect();
    axes.insert(to, from);
    Ok(array.call_method1("transpose", (PyTuple::new(array.py(), axes)?,))?.cast_into()?)
}

/// The array in C order.
pub fn ascontiguous<'py>(array: &Bound<'py, PyUntypedArray>) -> PyResult<Bound<'py, PyUntypedArray>> {
    let function = numpy_function(array.py(), &AS_CONTIGUOUS, "ascontiguousarray")?;
    Ok(function.call1((array,))?.cast_into()?)
}

/// A view of the array that repeats it along axes.
pub fn broadcast_to<'py>(
    array: &Bound<'py, PyUntypedArray>,
    shape: &[usize],
) -> PyResult<Bound<'py, PyUntypedArray>> {
    let function = numpy_function(array.py(), &BROADCAST_TO, "broadcast_to")?;
    Ok(function.call1((array, PyTuple::new(array.py(), shape)?))?.cast_into()?)
}

/// A copy in C order and in the machine's byte order.
pub fn copied<'py>(
    array: &Bound<'py, PyUntypedArray>,
    dtype: &Bound<'py, PyArrayDescr>,
) -> PyResult<Bound<'py, PyUntypedArray>> {
    Ok(array.call_method1("astype", (dtype, "C"))?.cast_into()?)
}

static ARRAY: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static AS_ARRAY: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static AS_CONTIGUOUS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static BROADCAST_TO: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static ZEROS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

fn numpy_function<'py>(
    py: Python<'py>,
    cell: &'static PyOnceLock<Py<PyAny>>,
    name: &str,
) -> PyResult<&'py Bound<'py, PyAny>> {
    cell.import(py, "numpy", name)
}

/// What a function returns: an array.
pub type Array<'py> = PyResult<Bound<'py, PyAny>>;

/// Indices of categories as an array of int64.
pub fn indices<'py>(py: Python<'py>, shape: &[usize], index: &[u32]) -> Array<'py> {
    let (array, mut out) = new_array::<i64>(py, shape)?;
    out.as_slice_mut()?.iter_mut().zip(index).for_each(|(out, &index)| *out = index.into());
    Ok(array.into_any())
}

/// A shape as Python shows it.
pub fn shown(shape: &[usize]) -> String {
    let lengths: Vec<String> = shape.iter().map(usize::to_string).collect();
    match &lengths[..] {
        [one] => format!("({one},)"),
        _ => format!("({})", lengths.join(", ")),
    }
}
