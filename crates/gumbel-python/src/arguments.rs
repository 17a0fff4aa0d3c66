//! The arguments of functions: arrays of rows, brought to one type and one shape.

use crate::array::{
    Float, Floats, Output, as_array, ascontiguous, broadcast_to, checked_axis, in_order, moved, shown,
};
use crate::error::{Layout, place, raise_at};
use crate::noise::word;
use crate::slice::{Slice, SliceMut};
use crate::threads;
use gumbel_kernels::Error;
use numpy::{PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyFloat;

/// An argument and its name.
#[derive(Clone, Copy)]
pub struct Argument<'a, 'py> {
    pub name: &'static str,
    pub value: &'a Bound<'py, PyAny>,
    /// Whether it has the axis of the rows, and not one number for each row.
    pub full: bool,
}

/// An argument with the axis of the rows.
pub fn full<'a, 'py>(name: &'static str, value: &'a Bound<'py, PyAny>) -> Argument<'a, 'py> {
    Argument { name, value, full: true }
}

/// An argument with one number for each row.
pub fn per_row<'a, 'py>(name: &'static str, value: &'a Bound<'py, PyAny>) -> Argument<'a, 'py> {
    Argument { name, value, full: false }
}

/// Arrays of rows: their numbers in C order with the rows' axis last, of one type and one shape.
pub struct Rows<'py, const N: usize> {
    py: Python<'py>,
    pub floats: [Floats<'py>; N],
    /// The caller's shapes.
    given: [Vec<usize>; N],
    pub shape: Vec<usize>,
    /// The rows' axis; the number of axes where every number is a row of its own.
    pub axis: usize,
    /// The steps of a kernel for each number.
    steps: usize,
}

impl<'py> Rows<'py, 1> {
    /// Rows along an axis of an array, or of what NumPy makes one of.
    pub fn of(given: &Bound<'py, PyAny>, axis: isize) -> PyResult<Self> {
        let array = as_array(given)?;
        let shape = array.shape().to_vec();
        let axis = checked_axis(given.py(), axis, shape.len())?;
        let last = axis + 1 == shape.len();
        let float = Float::of(&array);
        let array = if last { array } else { moved(&array, axis, shape.len() - 1)? };
        Ok(Self {
            py: given.py(),
            floats: [in_order(&array, float)?],
            given: [shape.clone()],
            shape,
            axis,
            steps: 1,
        })
    }

    /// The rows of an array, repeated to a shape.
    pub fn repeated(array: &Bound<'py, PyUntypedArray>, shape: Vec<usize>) -> PyResult<Self> {
        let (py, given, axis) = (array.py(), array.shape().to_vec(), shape.len() - 1);
        let float = Float::of(array);
        let array = if given == shape { array.clone() } else { broadcast_to(array, &shape)? };
        Ok(Self { py, floats: [in_order(&array, float)?], given: [given], shape, axis, steps: 1 })
    }
}

impl<'py, const N: usize> Rows<'py, N> {
    /// Rows of arrays whose other axes are broadcast against each other.
    pub fn broadcast(arguments: [Argument<'_, 'py>; N], axis: isize) -> PyResult<Self> {
        let arrays = Arrays::new(arguments)?;
        let shape = arrays.common_shape()?;
        let axis = checked_axis(arrays.py, axis, shape.len())?;
        arrays.check_rows(&shape, axis)?;
        arrays.arrange(shape, axis)
    }

    /// Rows of arrays that have one shape, but for those with one number for each row.
    pub fn equal(arguments: [Argument<'_, 'py>; N], axis: isize) -> PyResult<Self> {
        let arrays = Arrays::new(arguments)?;
        let shape = arrays.shape(0);
        let axis = checked_axis(arrays.py, axis, shape.len())?;
        arrays.check_equal(&shape, axis)?;
        arrays.arrange(shape, axis)
    }

    /// Numbers of arrays that are broadcast against each other.
    pub fn elements(arguments: [Argument<'_, 'py>; N]) -> PyResult<Self> {
        let arrays = Arrays::new(arguments)?;
        let shape = arrays.common_shape()?;
        let axis = shape.len();
        arrays.arrange(shape, axis)
    }

    /// Numbers of arrays that have one shape.
    pub fn equal_elements(arguments: [Argument<'_, 'py>; N]) -> PyResult<Self> {
        let arrays = Arrays::new(arguments)?;
        let shape = arrays.shape(0);
        let axis = shape.len();
        arrays.check_equal(&shape, axis)?;
        arrays.arrange(shape, axis)
    }

    /// Square matrices on the last two axes of arrays that have one shape.
    pub fn matrices(arguments: [Argument<'_, 'py>; N]) -> PyResult<Self> {
        let name = arguments[0].name;
        let rows = Self::equal(arguments, -1)?;
        match rows.shape[..] {
            [.., n, m] if n == m => Ok(rows),
            _ => {
                let given = shown(&rows.shape);
                Err(PyValueError::new_err(format!(
                    "{name} must be square matrices, (.., n, n); got shape {given}"
                )))
            }
        }
    }

    /// The same rows, for kernels that take so many steps for each number.
    pub fn in_steps(self, steps: usize) -> Self {
        Self { steps, ..self }
    }

    pub fn py(&self) -> Python<'py> {
        self.py
    }

    /// The length of a row.
    pub fn k(&self) -> usize {
        self.width().unwrap_or(1)
    }

    /// The length of a row, if numbers have one.
    pub fn width(&self) -> Option<usize> {
        self.shape.get(self.axis).copied()
    }

    pub fn size(&self) -> usize {
        self.shape.iter().product()
    }

    /// The steps of a kernel.
    pub fn work(&self) -> usize {
        self.size().saturating_mul(self.steps)
    }

    /// The shape with rows of another length, and the rows' axis last.
    pub fn with_width(&self, width: Option<usize>) -> Vec<usize> {
        let mut shape = self.shape.clone();
        if self.axis < shape.len() {
            shape.remove(self.axis);
        }
        shape.extend(width);
        shape
    }

    /// A result with its last axis where the rows' axis is.
    pub fn restore(&self, result: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        if self.axis + 1 >= self.shape.len() {
            return Ok(result);
        }
        let array = moved(result.cast::<PyUntypedArray>()?, self.shape.len() - 1, self.axis)?;
        ascontiguous(&array).map(Bound::into_any)
    }

    /// The exception of a kernel's error in argument number `blamed`.
    pub fn raise(&self, error: &Error, blamed: usize) -> PyErr {
        raise_at(self.py, error, self.place(error).map(|index| self.in_given(index, blamed)))
    }

    /// The place of an error in the common shape, or in that without the rows' axis.
    pub fn place(&self, error: &Error) -> Option<Vec<usize>> {
        let (shape, axis, rank) = (&self.shape, self.axis, self.shape.len());
        let layout = match error {
            Error::NoPermutation { .. } => Layout { shape, axis: rank - 2, axes: 2 },
            _ => Layout { shape, axis, axes: usize::from(axis < rank) },
        };
        place(error, layout)
    }

    /// Whether an argument, of logits, has the fault that an error names.
    pub fn is_at_fault(&self, argument: usize, error: &Error) -> bool {
        let Ok(logits) = self.floats[argument].slice() else { return false };
        let row = |row: usize| (row * self.k()..(row + 1) * self.k()).map(|place| logits.at(place));
        match *error {
            Error::Logit { row: at, column, .. } => {
                row(at).nth(column).is_some_and(|logit| logit.is_nan() || logit == f64::INFINITY)
            }
            Error::AllMasked { row: at } => row(at).all(|logit| logit == f64::NEG_INFINITY),
            _ => false,
        }
    }

    /// The same place in the array that the caller gave.
    fn in_given(&self, index: Vec<usize>, argument: usize) -> Vec<usize> {
        let (given, rank) = (&self.given[argument], self.shape.len());
        if *given == self.shape {
            return index;
        }
        let mut given = given.clone();
        if index.len() < rank && given.len() + self.axis >= rank {
            given.remove(given.len() + self.axis - rank);
        }
        narrowed(&index, &given)
    }

    /// Runs a kernel with `O` results, which have rows of a width, or one number for each row.
    pub fn run<const O: usize>(
        &self,
        widths: [Option<usize>; O],
        fail: impl FnOnce(&Error) -> PyErr,
        kernel: impl FnOnce([Slice<'_>; N], [SliceMut<'_>; O]) -> Result<(), Error> + Send,
    ) -> PyResult<[Bound<'py, PyAny>; O]> {
        let new = |width| self.floats[0].new_output(self.py, &self.with_width(width));
        let mut outputs = widths.into_iter().map(new).collect::<PyResult<Vec<_>>>()?;
        let inputs = self.floats.iter().map(Floats::slice).collect::<Result<_, _>>()?;
        let targets = outputs.iter_mut().map(Output::slice).collect::<Result<_, _>>()?;
        let (inputs, targets) = (array(inputs), array(targets));
        threads::run(self.py, self.work(), || kernel(inputs, targets)).map_err(|error| fail(&error))?;
        Ok(array(outputs.into_iter().map(Output::into_array).collect()))
    }

    /// Runs a kernel with one result of as many numbers.
    pub fn map(
        &self,
        blame: impl Fn(&Error) -> usize,
        kernel: impl FnOnce([Slice<'_>; N], [SliceMut<'_>; 1]) -> Result<(), Error> + Send,
    ) -> PyResult<Bound<'py, PyAny>> {
        let [result] = self.run([self.width()], |error| self.raise(error, blame(error)), kernel)?;
        self.restore(result)
    }

    /// Runs a kernel with one number for each row.
    pub fn reduce(
        &self,
        blame: impl Fn(&Error) -> usize,
        kernel: impl FnOnce([Slice<'_>; N], [SliceMut<'_>; 1]) -> Result<(), Error> + Send,
    ) -> PyResult<Bound<'py, PyAny>> {
        let [result] = self.run([None], |error| self.raise(error, blame(error)), kernel)?;
        Ok(result)
    }
}

fn array<T, const N: usize>(items: Vec<T>) -> [T; N] {
    items.try_into().ok().expect("there is one item for each")
}

/// Arguments as arrays.
struct Arrays<'a, 'py, const N: usize> {
    py: Python<'py>,
    arguments: [Argument<'a, 'py>; N],
    arrays: Vec<Bound<'py, PyUntypedArray>>,
}

impl<'a, 'py, const N: usize> Arrays<'a, 'py, N> {
    fn new(arguments: [Argument<'a, 'py>; N]) -> PyResult<Self> {
        let arrays = arguments.iter().map(|argument| as_array(argument.value)).collect::<PyResult<_>>()?;
        Ok(Self { py: arguments[0].value.py(), arguments, arrays })
    }

    fn shape(&self, argument: usize) -> Vec<usize> {
        self.arrays[argument].shape().to_vec()
    }

    /// The type that NumPy promotes the arguments to. A float of Python has no type of its own beside an array.
    fn float(&self) -> Float {
        let typed = |(argument, array): (&Argument<'_, 'py>, &Bound<'py, PyUntypedArray>)| {
            (!argument.value.is_exact_instance_of::<PyFloat>()).then(|| Float::of(array))
        };
        self.arguments.iter().zip(&self.arrays).filter_map(typed).max().unwrap_or(Float::F64)
    }

    fn common_shape(&self) -> PyResult<Vec<usize>> {
        let mut common = Vec::new();
        for array in &self.arrays {
            common = broadcast(&common, array.shape()).ok_or_else(|| self.mismatch("axes that broadcast"))?;
        }
        Ok(common)
    }

    /// Checks that every argument has the rows' axis, with the same length.
    fn check_rows(&self, shape: &[usize], axis: usize) -> PyResult<()> {
        let from_end = shape.len() - axis;
        let has = |array: &Bound<'py, PyUntypedArray>| {
            array.ndim() >= from_end && array.shape()[array.ndim() - from_end] == shape[axis]
        };
        if self.arrays.iter().all(has) { Ok(()) } else { Err(self.mismatch("rows of one length")) }
    }

    fn check_equal(&self, shape: &[usize], axis: usize) -> PyResult<()> {
        let mut per_row = shape.to_vec();
        if axis < shape.len() {
            per_row.remove(axis);
        }
        for (argument, array) in self.arguments.iter().zip(&self.arrays) {
            let expected = if argument.full { shape } else { &per_row };
            if array.shape() != expected {
                return Err(PyValueError::new_err(format!(
                    "{} must have shape {} beside {} of shape {}; got {}",
                    argument.name,
                    shown(expected),
                    self.arguments[0].name,
                    shown(shape),
                    shown(array.shape())
                )));
            }
        }
        Ok(())
    }

    fn mismatch(&self, expected: &str) -> PyErr {
        let each: Vec<String> = self
            .arguments
            .iter()
            .zip(&self.arrays)
            .map(|(argument, array)| format!("{} {}", argument.name, shown(array.shape())))
            .collect();
        PyValueError::new_err(format!(
            "the shapes do not fit: got {}; expected {expected}",
            each.join(" and ")
        ))
    }

    /// The arrays in their common type and shape, with the rows' axis last.
    fn arrange(self, shape: Vec<usize>, axis: usize) -> PyResult<Rows<'py, N>> {
        let (float, mut per_row) = (self.float(), shape.clone());
        if axis < shape.len() {
            per_row.remove(axis);
        }
        let mut floats = Vec::with_capacity(N);
        for (argument, array) in self.arguments.iter().zip(&self.arrays) {
            let expected = if argument.full { &shape } else { &per_row };
            let mut array = array.clone();
            if array.shape() != &expected[..] {
                array = broadcast_to(&array, expected)?;
            }
            if argument.full && axis + 1 < shape.len() {
                array = moved(&array, axis, shape.len() - 1)?;
            }
            floats.push(in_order(&array, float)?);
        }
        let given = self.arrays.iter().map(|array| array.shape().to_vec()).collect();
        Ok(Rows {
            py: self.py,
            floats: self::array(floats),
            given: self::array(given),
            shape,
            axis,
            steps: 1,
        })
    }
}

/// The shape that NumPy broadcasts two shapes to.
pub fn broadcast(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let rank = a.len().max(b.len());
    let at = |shape: &[usize], axis: usize| {
        if axis + shape.len() < rank { 1 } else { shape[axis + shape.len() - rank] }
    };
    let length = |axis| match (at(a, axis), at(b, axis)) {
        (1, length) | (length, 1) => Some(length),
        (a, b) => (a == b).then_some(a),
    };
    (0..rank).map(length).collect()
}

/// A place in an array that was broadcast to a shape: the same place in the array itself.
pub fn narrowed(index: &[usize], shape: &[usize]) -> Vec<usize> {
    let inner = &index[index.len().saturating_sub(shape.len())..];
    inner.iter().zip(shape).map(|(&index, &length)| if length == 1 { 0 } else { index }).collect()
}

/// Names the only argument as that of every error.
pub fn first(_: &Error) -> usize {
    0
}

/// A number of categories that a caller gives.
pub fn count_of(k: &Bound<'_, PyAny>) -> PyResult<usize> {
    word(k, "k").map(|count| usize::try_from(count).unwrap_or(usize::MAX))
}
