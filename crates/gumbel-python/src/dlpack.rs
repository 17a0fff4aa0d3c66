//! Views of PyTorch's tensors on the CPU, through the C functions that DLPack defines for exchange
//! (`torch.Tensor.__dlpack_c_exchange_api__`): no address passes through Python.

// One of two files with unsafe code: slices of memory that PyTorch owns.
#![allow(unsafe_code)]

use crate::slice::{Slice, SliceMut};
use half::{bf16, f16};
use pyo3::exceptions::{PyImportError, PyTypeError};
use pyo3::ffi::{self, PyObject};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{IntoPyDict, PyCapsule, PyCapsuleMethods, PyDict, PyTuple, PyType};
use std::ffi::{c_int, c_void};
use std::marker::PhantomData;

#[repr(C)]
struct RawTensor {
    data: *mut c_void,
    device: Device,
    rank: i32,
    dtype: DataType,
    shape: *const i64,
    strides: *const i64,
    byte_offset: u64,
}

#[repr(C)]
struct Device {
    kind: c_int,
    id: i32,
}

#[repr(C)]
#[derive(Clone, Copy, PartialEq)]
struct DataType {
    code: u8,
    bits: u8,
    lanes: u16,
}

/// DLPack's table, version 1. Of its functions only `view` is called.
#[repr(C)]
struct Table {
    major: u32,
    minor: u32,
    older: *const c_void,
    allocate: *const c_void,
    export: *const c_void,
    import: *const c_void,
    view: Option<unsafe extern "C" fn(*mut PyObject, *mut RawTensor) -> c_int>,
    stream: *const c_void,
}

type ViewFunction = unsafe extern "C" fn(*mut PyObject, *mut RawTensor) -> c_int;

const CPU: c_int = 1;

/// The types of tensors that are read or written here.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Kind {
    F16,
    Bf16,
    F32,
    F64,
    I64,
    Other,
}

impl Kind {
    fn of(dtype: DataType) -> Self {
        match (dtype.code, dtype.bits, dtype.lanes) {
            (2, 16, 1) => Self::F16,
            (4, 16, 1) => Self::Bf16,
            (2, 32, 1) => Self::F32,
            (2, 64, 1) => Self::F64,
            (0, 64, 1) => Self::I64,
            _ => Self::Other,
        }
    }

    fn bytes(self) -> usize {
        match self {
            Self::F16 | Self::Bf16 => 2,
            Self::F32 => 4,
            Self::F64 | Self::I64 | Self::Other => 8,
        }
    }
}

/// A type of [`Kind`].
pub trait Number {
    const KIND: Kind;
}

impl Number for f16 {
    const KIND: Kind = Kind::F16;
}

impl Number for bf16 {
    const KIND: Kind = Kind::Bf16;
}

impl Number for f32 {
    const KIND: Kind = Kind::F32;
}

impl Number for f64 {
    const KIND: Kind = Kind::F64;
}

impl Number for i64 {
    const KIND: Kind = Kind::I64;
}

/// A tensor, borrowed from the object that owns it.
pub struct View<'a> {
    data: *mut c_void,
    pub kind: Kind,
    pub shape: Vec<usize>,
    /// Whether the memory is that of the host.
    on_cpu: bool,
    /// Whether the numbers lie there in C order, without gaps, and aligned for their type.
    pub in_order: bool,
    owner: PhantomData<&'a ()>,
}

impl<'a> View<'a> {
    /// A view of a tensor on the CPU.
    ///
    /// # Errors
    /// `TypeError` if it is no tensor, or on another device, or has no memory of its own (a fake tensor, a wrapper).
    pub fn of(tensor: &'a Bound<'_, PyAny>) -> PyResult<Self> {
        let view = Self::anywhere(tensor)?;
        if view.on_cpu {
            Ok(view)
        } else {
            Err(PyTypeError::new_err("expected a tensor with memory on the CPU"))
        }
    }

    /// The type and the shape of a tensor on any device; its numbers only if that is the CPU.
    pub fn anywhere(tensor: &'a Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self::from_raw(read(tensor)?))
    }

    fn from_raw(raw: RawTensor) -> Self {
        let rank = usize::try_from(raw.rank).unwrap_or(0);
        // Not read if there are none: they may be null then.
        let (lengths, strides) = match rank {
            0 => (&[][..], &[][..]),
            // SAFETY: a view has `rank` lengths and as many strides, which the tensor owns. They are read before anything else
            // runs that could change them.
            _ => unsafe {
                (std::slice::from_raw_parts(raw.shape, rank), std::slice::from_raw_parts(raw.strides, rank))
            },
        };
        let kind = Kind::of(raw.dtype);
        let shape: Vec<_> = lengths.iter().map(|&length| length as usize).collect();
        let on_cpu = raw.device.kind == CPU && (!raw.data.is_null() || shape.contains(&0));
        let data = raw.data.wrapping_byte_add(raw.byte_offset as usize);
        let aligned = (data as usize).is_multiple_of(kind.bytes());
        let in_order = on_cpu && aligned && is_in_order(lengths, strides);
        Self { data, kind, shape, on_cpu, in_order, owner: PhantomData }
    }

    /// How many numbers the tensor holds.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// The numbers of a tensor of floats in order; `None` of any other.
    pub fn floats(&self) -> Option<Slice<'a>> {
        Some(match self.kind {
            Kind::F16 => Slice::F16(self.slice()?),
            Kind::Bf16 => Slice::Bf16(self.slice()?),
            Kind::F32 => Slice::F32(self.slice()?),
            Kind::F64 => Slice::F64(self.slice()?),
            _ => return None,
        })
    }

    /// The numbers, if they are of this type and in order.
    pub fn slice<T: Number>(&self) -> Option<&'a [T]> {
        if self.kind != T::KIND || !self.in_order {
            return None;
        }
        if self.len() == 0 {
            return Some(&[]);
        }
        // SAFETY: the tensor holds `len` numbers of this type, in order, at an aligned address that is not null, and every bit
        // pattern is a number of these types. The owner is borrowed for 'a, which keeps the memory; as in PyTorch's own
        // functions, another thread must neither write to the tensor nor shrink its storage meanwhile.
        Some(unsafe { std::slice::from_raw_parts(self.data.cast::<T>(), self.len()) })
    }
}

/// A tensor that was made to be written, and that nothing else refers to yet.
pub struct Fresh<'py>(Bound<'py, PyAny>);

impl<'py> Fresh<'py> {
    /// A new tensor of the type and the shape of another, which is in order.
    pub fn like(tensor: &Bound<'py, PyAny>) -> PyResult<Self> {
        static EMPTY_LIKE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let function = EMPTY_LIKE.import(tensor.py(), "torch", "empty_like")?;
        Ok(Self(function.call1((tensor,))?))
    }

    /// A new tensor of the type of another.
    pub fn floats(like: &Bound<'py, PyAny>, shape: &[usize]) -> PyResult<Self> {
        Ok(Self(like.call_method1("new_empty", (PyTuple::new(like.py(), shape)?,))?))
    }

    /// A new tensor of float64.
    pub fn doubles(like: &Bound<'py, PyAny>, shape: &[usize]) -> PyResult<Self> {
        static FLOAT64: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        Self::of_dtype(like, shape, FLOAT64.import(like.py(), "torch", "float64")?)
    }

    /// A new tensor on the CPU of the type of another, which may be on a device: then in memory that is fast to copy there.
    pub fn on_host(like: &Bound<'py, PyAny>, shape: &[usize]) -> PyResult<Self> {
        static EMPTY: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let py = like.py();
        let options = PyDict::new(py);
        options.set_item("dtype", like.getattr("dtype")?)?;
        options.set_item("device", "cpu")?;
        options.set_item("pin_memory", like.getattr("is_cuda")?)?;
        let function = EMPTY.import(py, "torch", "empty")?;
        Ok(Self(function.call((PyTuple::new(py, shape)?,), Some(&options))?))
    }

    /// A new tensor of int64.
    pub fn words(like: &Bound<'py, PyAny>, shape: &[usize]) -> PyResult<Self> {
        static INT64: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        Self::of_dtype(like, shape, INT64.import(like.py(), "torch", "int64")?)
    }

    fn of_dtype(like: &Bound<'py, PyAny>, shape: &[usize], dtype: &Bound<'py, PyAny>) -> PyResult<Self> {
        let py = like.py();
        let options = [("dtype", dtype)].into_py_dict(py)?;
        Ok(Self(like.call_method("new_empty", (PyTuple::new(py, shape)?,), Some(&options))?))
    }

    /// The numbers of a tensor of floats.
    pub fn floats_mut(&mut self) -> PyResult<SliceMut<'_>> {
        Ok(match View::of(&self.0)?.kind {
            Kind::F16 => SliceMut::F16(self.slice_mut()?),
            Kind::Bf16 => SliceMut::Bf16(self.slice_mut()?),
            Kind::F32 => SliceMut::F32(self.slice_mut()?),
            _ => SliceMut::F64(self.slice_mut()?),
        })
    }

    /// The words of a tensor of int64.
    pub fn words_mut(&mut self) -> PyResult<&mut [i64]> {
        self.slice_mut()
    }

    fn slice_mut<T: Number>(&mut self) -> PyResult<&mut [T]> {
        let view = View::of(&self.0)?;
        if view.kind != T::KIND || !view.in_order {
            return Err(PyTypeError::new_err(
                "expected PyTorch to make a contiguous tensor of the type of its model",
            ));
        }
        if view.len() == 0 {
            return Ok(&mut []);
        }
        // SAFETY: as for a slice to read. The tensor came from a function of PyTorch that allocates new memory, and is borrowed
        // mutably for as long as the slice lives, so no other slice overlaps.
        Ok(unsafe { std::slice::from_raw_parts_mut(view.data.cast::<T>(), view.len()) })
    }

    pub fn into_tensor(self) -> Bound<'py, PyAny> {
        self.0
    }
}

/// Whether lengths and strides are those of C order.
fn is_in_order(lengths: &[i64], strides: &[i64]) -> bool {
    if lengths.contains(&0) {
        return true;
    }
    let mut expected = 1;
    lengths.iter().zip(strides).rev().all(|(&length, &stride)| {
        let fits = length == 1 || stride == expected;
        expected *= length;
        fits
    })
}

fn read(tensor: &Bound<'_, PyAny>) -> PyResult<RawTensor> {
    let py = tensor.py();
    let view = view_function(py)?;
    check_tensor(tensor)?;
    let mut raw = RawTensor {
        data: std::ptr::null_mut(),
        device: Device { kind: 0, id: 0 },
        rank: 0,
        dtype: DataType { code: 0, bits: 0, lanes: 0 },
        shape: std::ptr::null(),
        strides: std::ptr::null(),
        byte_offset: 0,
    };
    // SAFETY: the function is PyTorch's, it takes an object of its class, which was checked, and fills the structure.
    match unsafe { view(tensor.as_ptr(), &mut raw) } {
        0 => Ok(raw),
        _ => {
            let error = PyErr::fetch(py);
            let text = "expected a dense tensor with memory on the CPU";
            Err(PyTypeError::new_err(format!("{text}: {}", error.value(py))))
        }
    }
}

/// PyTorch's function casts its argument without a check.
fn check_tensor(object: &Bound<'_, PyAny>) -> PyResult<()> {
    static BASE: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let base = BASE.import(object.py(), "torch._C", "TensorBase")?;
    // SAFETY: both are types, and the interpreter's lock is held. `isinstance` would ask PyTorch's metaclass, which may lie.
    if unsafe { ffi::PyType_IsSubtype(object.get_type().as_type_ptr(), base.as_type_ptr()) } != 0 {
        return Ok(());
    }
    let kind = object.get_type().name()?;
    Err(PyTypeError::new_err(format!("expected a torch.Tensor, got {kind}")))
}

fn view_function(py: Python<'_>) -> PyResult<ViewFunction> {
    static FUNCTION: PyOnceLock<ViewFunction> = PyOnceLock::new();
    FUNCTION.get_or_try_init(py, || find_view_function(py)).copied()
}

fn find_view_function(py: Python<'_>) -> PyResult<ViewFunction> {
    let old = || PyImportError::new_err("gumbel.torch requires torch 2.10 or later");
    let class = py.import("torch")?.getattr("Tensor")?;
    let capsule = class.getattr("__dlpack_c_exchange_api__").map_err(|_| old())?;
    let table = capsule.cast::<PyCapsule>()?.pointer_checked(Some(c"dlpack_exchange_api"))?;
    // SAFETY: DLPack defines a capsule of this name to hold a table that lives as long as the process. Its first two fields
    // are the same in every version, and the others are read in version 1 only, whose layout this is.
    let view = unsafe {
        let table = table.cast::<Table>();
        let major = (&raw const (*table.as_ptr()).major).read();
        if major == 1 { (&raw const (*table.as_ptr()).view).read() } else { None }
    };
    view.ok_or_else(old)
}
