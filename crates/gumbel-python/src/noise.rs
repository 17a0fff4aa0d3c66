//! Noise: the streams of the kernels, as objects of Python.

use crate::array::new_array;
use crate::threads;
use gumbel_kernels::{Real, Stream, noise};
use numpy::{Element, PyArrayDescr, PyArrayDescrMethods};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;
use std::sync::Mutex;

/// A position in the sequence of random numbers that (seed, id) identifies.
///
/// The same parts give the same numbers on every machine, and the same as `gumbel::Noise` in Rust. A function that samples
/// uses one number for each logit and moves the noise past them, also when it raises. A noise can be compared, copied and
/// pickled: a copy begins where the original is. Threads may share one; each call then takes numbers of its own.
///
/// `seed` is from 0 to 2**64 - 1, or it raises `ValueError`. The numbers are those of Philox 4x32-10: Salmon, Moraes, Dror
/// and Shaw (2011).
///
/// >>> import gumbel
/// >>> noise = gumbel.Noise(42)
/// >>> noise.split(1).parts
/// (9154375743017496898, 7196726667078977882, 0)
/// >>> noise.uniform(3)
/// array([0.61295986, 0.4685865 , 0.07323173], dtype=float32)
/// >>> noise.parts
/// (42, 0, 3)
#[pyclass(frozen, module = "gumbel")]
pub struct Noise(Mutex<Stream>);

/// Positions stay below this.
pub const END: u64 = 1 << 62;

impl Noise {
    fn at(stream: Stream) -> Self {
        Self(Mutex::new(stream))
    }

    pub fn stream(&self) -> Stream {
        *self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn change<R>(&self, change: impl FnOnce(&mut Stream) -> PyResult<R>) -> PyResult<R> {
        change(&mut self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))
    }

    /// The next `count` numbers, which are used up.
    pub fn next(&self, count: u64) -> PyResult<Stream> {
        self.change(|stream| {
            let end = stream.parts().2.checked_add(count).filter(|&end| end < END);
            end.ok_or_else(|| PyValueError::new_err("this noise is used up; split it for more"))?;
            let taken = *stream;
            *stream = stream.skip(count);
            Ok(taken)
        })
    }

    fn fill<'py, T: Element + Real>(
        &self,
        py: Python<'py>,
        shape: &[usize],
        law: fn(Stream, &mut [T]),
    ) -> PyResult<Bound<'py, PyAny>> {
        let (array, mut out) = new_array::<T>(py, shape)?;
        let out = out.as_slice_mut()?;
        let stream = self.next(out.len() as u64)?;
        threads::run(py, out.len(), || law(stream, out));
        Ok(array.into_any())
    }

    fn draw<'py>(
        &self,
        shape: &Bound<'py, PyAny>,
        dtype: Option<&Bound<'py, PyAny>>,
        single: fn(Stream, &mut [f32]),
        double: fn(Stream, &mut [f64]),
    ) -> PyResult<Bound<'py, PyAny>> {
        let (py, shape) = (shape.py(), shape_of(shape)?);
        let dtype = dtype.map(|dtype| PyArrayDescr::new(py, dtype)).transpose()?;
        match dtype {
            None => self.fill(py, &shape, single),
            Some(dtype) if dtype.is_equiv_to(&numpy::dtype::<f32>(py)) => self.fill(py, &shape, single),
            Some(dtype) if dtype.is_equiv_to(&numpy::dtype::<f64>(py)) => self.fill(py, &shape, double),
            Some(dtype) => {
                Err(PyTypeError::new_err(format!("noise is float32 or float64, got dtype {dtype}")))
            }
        }
    }
}

#[pymethods]
impl Noise {
    /// The start of stream 0 of a seed.
    #[new]
    fn new(seed: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self::at(Stream::new(word(seed, "seed")?)))
    }

    /// The noise with the given `parts`: seed, id and position, which is below 2**62.
    ///
    /// Raises: `ValueError` for a part out of its range, `TypeError` for one that is not an integer.
    ///
    /// >>> import gumbel
    /// >>> noise = gumbel.Noise.from_parts(42, 0, 1)
    /// >>> noise.uniform(2)
    /// array([0.4685865 , 0.07323173], dtype=float32)
    #[staticmethod]
    fn from_parts(
        seed: &Bound<'_, PyAny>,
        id: &Bound<'_, PyAny>,
        position: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        let place = word(position, "position")?;
        if place >= END {
            return Err(PyValueError::new_err(format!("position must be below 2**62, got {place}")));
        }
        Ok(Self::at(Stream::from_parts(word(seed, "seed")?, word(id, "id")?, place)))
    }

    /// Noise at a place that the operating system's randomness chooses. Its `parts`, which its repr shows, repeat it.
    ///
    /// >>> import gumbel
    /// >>> noise = gumbel.Noise.from_entropy()
    /// >>> gumbel.Noise.from_parts(*noise.parts) == noise
    /// True
    #[staticmethod]
    fn from_entropy() -> PyResult<Self> {
        let draw = || getrandom::u64().map_err(|error| PyValueError::new_err(format!("no entropy: {error}")));
        Ok(Self::at(Stream::from_parts(draw()?, draw()?, 0)))
    }

    /// (seed, id, position): the full state.
    ///
    /// >>> import gumbel
    /// >>> gumbel.Noise(42).parts
    /// (42, 0, 0)
    #[getter]
    fn parts(&self) -> (u64, u64, u64) {
        self.stream().parts()
    }

    /// Independent noise with a label, the same from every position.
    ///
    /// Raises: `ValueError` for a label that is not from 0 to 2**64 - 1.
    ///
    /// >>> import gumbel
    /// >>> gumbel.Noise(42).split(1)
    /// Noise.from_parts(9154375743017496898, 7196726667078977882, 0)
    fn split(&self, label: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self::at(self.stream().split(word(label, "label")?)))
    }

    /// Independent noise that depends on the position, which advances by one.
    ///
    /// >>> import gumbel
    /// >>> noise = gumbel.Noise(42)
    /// >>> noise.fork()
    /// Noise.from_parts(4715622552460234781, 12497504909180642772, 0)
    /// >>> noise.parts
    /// (42, 0, 1)
    fn fork(&self) -> PyResult<Self> {
        self.change(|stream| Ok(Self::at(stream.fork())))
    }

    /// The next `count` numbers, as noise at their start; this noise moves past them.
    ///
    /// Raises: `ValueError` for a negative count, or one that goes past position 2**62.
    ///
    /// >>> import gumbel
    /// >>> noise = gumbel.Noise(42)
    /// >>> noise.take(10)
    /// Noise.from_parts(42, 0, 0)
    /// >>> noise.parts
    /// (42, 0, 10)
    fn take(&self, count: &Bound<'_, PyAny>) -> PyResult<Self> {
        self.next(word(count, "count")?).map(Self::at)
    }

    /// Uniform noise in (0, 1), ends excluded: float32 (the default) or float64.
    ///
    /// Raises: `TypeError` for another type, `ValueError` for a negative length.
    ///
    /// >>> import gumbel
    /// >>> gumbel.Noise(42).uniform(2)
    /// array([0.61295986, 0.4685865 ], dtype=float32)
    #[pyo3(signature = (shape, dtype=None))]
    fn uniform<'py>(
        &self,
        shape: &Bound<'py, PyAny>,
        dtype: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.draw(shape, dtype, noise::uniform, noise::uniform)
    }

    /// Standard exponential noise: float32 (the default) or float64.
    ///
    /// Raises: `TypeError` for another type, `ValueError` for a negative length.
    ///
    /// >>> import gumbel
    /// >>> gumbel.Noise(42).exponential((1, 2), "float64")
    /// array([[0.48945579, 0.75803452]])
    #[pyo3(signature = (shape, dtype=None))]
    fn exponential<'py>(
        &self,
        shape: &Bound<'py, PyAny>,
        dtype: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.draw(shape, dtype, noise::exponential, noise::exponential)
    }

    /// Standard Gumbel noise, never truncated and never infinite: float32 (the default) or float64.
    ///
    /// Raises: `TypeError` for another type, `ValueError` for a negative length.
    ///
    /// >>> import gumbel
    /// >>> gumbel.Noise(42).gumbel((1, 2), "float64")
    /// array([[0.71446113, 0.27702635]])
    #[pyo3(signature = (shape, dtype=None))]
    fn gumbel<'py>(
        &self,
        shape: &Bound<'py, PyAny>,
        dtype: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.draw(shape, dtype, noise::gumbel, noise::gumbel)
    }

    /// Standard logistic noise: float32 (the default) or float64.
    ///
    /// Raises: `TypeError` for another type, `ValueError` for a negative length.
    ///
    /// >>> import gumbel
    /// >>> gumbel.Noise(42).logistic((1, 2), "float64")
    /// array([[ 0.45977113, -0.12581965]])
    #[pyo3(signature = (shape, dtype=None))]
    fn logistic<'py>(
        &self,
        shape: &Bound<'py, PyAny>,
        dtype: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.draw(shape, dtype, noise::logistic, noise::logistic)
    }

    /// Standard normal noise: float32 (the default) or float64.
    ///
    /// Raises: `TypeError` for another type, `ValueError` for a negative length.
    ///
    /// >>> import gumbel
    /// >>> gumbel.Noise(42).normal((1, 2), "float64")
    /// array([[ 0.2870419 , -0.07882347]])
    #[pyo3(signature = (shape, dtype=None))]
    fn normal<'py>(
        &self,
        shape: &Bound<'py, PyAny>,
        dtype: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.draw(shape, dtype, noise::normal, noise::normal)
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<Self>().is_ok_and(|other| other.get().stream() == self.stream())
    }

    fn __hash__(&self) -> u64 {
        let (seed, id, position) = self.parts();
        seed ^ id.rotate_left(21) ^ position.rotate_left(42)
    }

    fn __repr__(&self) -> String {
        let (seed, id, position) = self.parts();
        format!("Noise.from_parts({seed}, {id}, {position})")
    }

    fn __copy__(&self) -> Self {
        Self::at(self.stream())
    }

    fn __deepcopy__(&self, _memo: &Bound<'_, PyAny>) -> Self {
        Self::at(self.stream())
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, (u64, u64, u64))> {
        Ok((py.get_type::<Self>().getattr("from_parts")?, self.parts()))
    }
}

/// The stream of an argument `noise`, which moves past `count` numbers.
pub fn stream_of(noise: &Bound<'_, PyAny>, count: usize) -> PyResult<Stream> {
    if let Ok(noise) = noise.cast::<Noise>() {
        return noise.get().next(count as u64);
    }
    if !noise.is_instance(generator_type(noise.py())?)? {
        let kind = noise.get_type().name()?;
        let text = format!("noise must be a gumbel.Noise or a numpy.random.Generator, got {kind}");
        return Err(PyTypeError::new_err(text));
    }
    let words = noise.call_method("integers", (0, u64::MAX, 2, "uint64", true), None)?;
    let (seed, id): (u64, u64) = (words.get_item(0)?.extract()?, words.get_item(1)?.extract()?);
    Ok(Stream::from_parts(seed, id, 0))
}

fn generator_type(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    static TYPE: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    TYPE.import(py, "numpy.random", "Generator")
}

/// A word of 64 bits.
pub fn word(number: &Bound<'_, PyAny>, name: &str) -> PyResult<u64> {
    let number = number.call_method0("__index__").map_err(|_| {
        let kind = number.get_type().name().map(|name| name.to_string()).unwrap_or_default();
        PyTypeError::new_err(format!("{name} must be an integer, got {kind}"))
    })?;
    number.extract().map_err(|_| {
        PyValueError::new_err(format!(
            "{name} must be from 0 to 2**64 - 1, got {number:.60}",
            number = number.to_string()
        ))
    })
}

/// A shape: a number, or a sequence of them.
fn shape_of(shape: &Bound<'_, PyAny>) -> PyResult<Vec<usize>> {
    if let Ok(length) = shape.call_method0("__index__") {
        return Ok(vec![word(&length, "a length")? as usize]);
    }
    let kind = shape.get_type().name()?;
    let text = format!("a shape must be an integer or a sequence of integers, got {kind}");
    let lengths = shape.try_iter().map_err(|_| PyTypeError::new_err(text))?;
    lengths.map(|length| Ok(word(&length?, "a length")? as usize)).collect()
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Noise>()
}
