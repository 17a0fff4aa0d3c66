//! Handlers for XLA's runtime on the CPU: the part of its foreign function interface that they need, after
//! `xla/ffi/api/c_api.h`.
//!
//! The layouts are those of version 0.1, which later versions of the interface only add to. A handler gets slices and
//! returns a `Result`; it may panic, from any thread of XLA's, which does not hold the interpreter's lock.
#![allow(unsafe_code)]

use crate::slice::{Slice, SliceMut};
use gumbel_kernels::Error;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use std::any::Any;
use std::ffi::{CString, c_char, c_int, c_void};
use std::mem::offset_of;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{self, NonNull};

/// A function that XLA calls.
pub trait Handler {
    /// Computes the results from the operands. Panics where their types or shapes are not those that it is called with.
    fn call(operands: &[Operand<'_>], results: &mut [Output<'_>]) -> Result<(), Error>;
}

/// An array to read, in C order.
pub struct Operand<'a> {
    pub shape: Vec<usize>,
    pub numbers: Numbers<'a>,
}

/// An array to write, in C order. What it holds before is arbitrary.
pub struct Output<'a> {
    pub shape: Vec<usize>,
    pub numbers: NumbersMut<'a>,
}

#[derive(Clone, Copy)]
pub enum Numbers<'a> {
    Floats(Slice<'a>),
    Words(&'a [u32]),
}

pub enum NumbersMut<'a> {
    Floats(SliceMut<'a>),
    /// Unsigned, or signed integers that are not negative.
    Words(&'a mut [u32]),
}

#[repr(C)]
struct Extension {
    struct_size: usize,
    kind: c_int,
    next: *mut Extension,
}

#[repr(C)]
struct Version {
    struct_size: usize,
    extensions: *mut Extension,
    major: c_int,
    minor: c_int,
}

/// What XLA asks a handler for when it is registered.
#[repr(C)]
struct Metadata {
    struct_size: usize,
    version: Version,
    traits: u32,
}

#[repr(C)]
struct MetadataExtension {
    base: Extension,
    metadata: *mut Metadata,
}

#[repr(C)]
struct NewError {
    struct_size: usize,
    extensions: *mut Extension,
    message: *const c_char,
    code: c_int,
}

/// The functions of XLA, of which only the first is needed.
#[repr(C)]
struct Api {
    struct_size: usize,
    extensions: *mut Extension,
    version: Version,
    internal: *const c_void,
    create_error: unsafe extern "C" fn(*mut NewError) -> *mut c_void,
}

#[repr(C)]
struct Buffer {
    struct_size: usize,
    extensions: *mut Extension,
    dtype: c_int,
    data: *mut c_void,
    rank: i64,
    dims: *const i64,
}

/// The operands, or the results.
#[repr(C)]
struct Buffers {
    struct_size: usize,
    extensions: *mut Extension,
    size: i64,
    kinds: *const c_int,
    buffers: *const *const Buffer,
}

/// A call: the beginning of XLA's structure, as far as it is needed.
#[repr(C)]
struct CallFrame {
    struct_size: usize,
    extensions: *mut Extension,
    api: *const Api,
    context: *mut c_void,
    stage: c_int,
    operands: Buffers,
    results: Buffers,
}

/// The places of what is read and written, on machines of 64 bits, by XLA's header.
#[cfg(target_pointer_width = "64")]
const _: () = {
    assert!(offset_of!(CallFrame, api) == 16);
    assert!(offset_of!(CallFrame, stage) == 32);
    assert!(offset_of!(CallFrame, operands) == 40);
    assert!(offset_of!(CallFrame, results) == 80);
    assert!(offset_of!(Buffers, buffers) == 32);
    assert!(offset_of!(Buffer, data) == 24);
    assert!(offset_of!(Buffer, dims) == 40);
    assert!(offset_of!(Api, create_error) == 48);
    assert!(offset_of!(NewError, code) == 24);
    assert!(offset_of!(MetadataExtension, metadata) == 24);
    assert!(offset_of!(Metadata, version) == 8);
    assert!(offset_of!(Metadata, traits) == 32);
    assert!(offset_of!(Version, minor) == 20);
};

const BUFFER: c_int = 1;
const EXECUTE: c_int = 3;
const METADATA: c_int = 1;
/// Data that a function does not take. `FAULT` in `_call.py` is its name.
const OUT_OF_RANGE: c_int = 11;
const INTERNAL: c_int = 13;

const S32: c_int = 4;
const U32: c_int = 8;
const F16: c_int = 10;
const F32: c_int = 11;
const F64: c_int = 12;
const BF16: c_int = 16;

/// The function that XLA registers, in the capsule that JAX takes.
pub fn capsule<H: Handler>(py: Python<'_>) -> PyResult<Bound<'_, PyCapsule>> {
    let entry: extern "C" fn(*mut CallFrame) -> *mut c_void = enter::<H>;
    let pointer = NonNull::new(entry as *mut c_void).expect("a function has an address");
    // SAFETY: functions live as long as the process; the capsule has no destructor.
    unsafe { PyCapsule::new_with_pointer(py, pointer, c"xla._CUSTOM_CALL_TARGET") }
}

/// What XLA calls. Returns null, or an error that XLA owns.
extern "C" fn enter<H: Handler>(frame: *mut CallFrame) -> *mut c_void {
    // SAFETY: XLA passes a call frame that lives, and is not written, until this function returns. Its api is XLA's.
    let frame = unsafe { &*frame };
    if answered_query(frame) || frame.stage != EXECUTE {
        return ptr::null_mut();
    }
    // A panic must not unwind into XLA: the process would abort.
    let outcome = catch_unwind(AssertUnwindSafe(|| with_plain_floats(|| run::<H>(frame))));
    match outcome {
        Ok(Ok(())) => ptr::null_mut(),
        Ok(Err(error)) => new_error(frame, OUT_OF_RANGE, &error.to_string()),
        Err(panic) => new_error(
            frame,
            INTERNAL,
            &format!("a handler panicked, which is a bug of gumbel: {}", text_of(&*panic)),
        ),
    }
}

fn run<H: Handler>(frame: &CallFrame) -> Result<(), Error> {
    let (operands, results) = (buffers(&frame.operands), buffers(&frame.results));
    let mut results: Vec<_> = exclusive(&operands, &results).into_iter().map(output).collect();
    let operands: Vec<_> = operands.into_iter().map(operand).collect();
    H::call(&operands, &mut results)
}

/// Whether this was a question for the version of the interface, which is answered without a computation.
fn answered_query(frame: &CallFrame) -> bool {
    let mut extension = frame.extensions;
    // SAFETY: XLA's list of extensions ends with null, and it wants one of kind METADATA to be written.
    unsafe {
        while !extension.is_null() && (*extension).kind != METADATA {
            extension = (*extension).next;
        }
        if extension.is_null() {
            return false;
        }
        let metadata = (*extension.cast::<MetadataExtension>()).metadata;
        (*metadata).version.major = 0;
        (*metadata).version.minor = 1;
        (*metadata).traits = 0;
    }
    true
}

/// An error that XLA owns.
fn new_error(frame: &CallFrame, code: c_int, text: &str) -> *mut c_void {
    let message = CString::new(text.replace('\0', "")).expect("it contains no zero");
    let (struct_size, extensions) = (size_of::<NewError>(), ptr::null_mut());
    let mut error = NewError { struct_size, extensions, message: message.as_ptr(), code };
    // SAFETY: XLA's function copies the message.
    unsafe { ((*frame.api).create_error)(&mut error) }
}

fn text_of(panic: &(dyn Any + Send)) -> &str {
    match panic.downcast_ref::<String>() {
        Some(text) => text,
        None => panic.downcast_ref::<&str>().unwrap_or(&"a panic"),
    }
}

/// The buffers of a list.
fn buffers(list: &Buffers) -> Vec<&Buffer> {
    assert!(list.struct_size >= size_of::<Buffers>(), "XLA's lists have what is read");
    let count = usize::try_from(list.size).expect("a list has a length");
    // SAFETY: XLA's list has as many kinds and pointers; each pointer of kind BUFFER is that of a buffer which lives as
    // long as the call frame.
    (0..count)
        .map(|at| unsafe {
            assert_eq!(*list.kinds.add(at), BUFFER, "operands and results are buffers");
            let buffer = &**list.buffers.add(at);
            assert!(buffer.struct_size >= size_of::<Buffer>(), "XLA's buffers have what is read");
            buffer
        })
        .collect()
}

fn shape(buffer: &Buffer) -> Vec<usize> {
    // SAFETY: XLA's buffer has `rank` lengths.
    let length = |at| unsafe { usize::try_from(*buffer.dims.add(at)).expect("a length is not negative") };
    (0..buffer.rank as usize).map(length).collect()
}

/// The addresses that a buffer takes up.
fn addresses(buffer: &Buffer) -> Range<usize> {
    let width = match buffer.dtype {
        F16 | BF16 => 2,
        F64 => 8,
        _ => 4,
    };
    let start = buffer.data as usize;
    start..start + width * shape(buffer).iter().product::<usize>()
}

/// A buffer that no other slice is made of.
struct Exclusive<'a>(&'a Buffer);

/// The results, which slices to write are made of. Panics if one overlaps another buffer.
fn exclusive<'a>(operands: &[&Buffer], results: &[&'a Buffer]) -> Vec<Exclusive<'a>> {
    for (at, result) in results.iter().enumerate() {
        let own = addresses(result);
        for other in operands.iter().chain(&results[..at]).map(|other| addresses(other)) {
            let apart =
                own.is_empty() || other.is_empty() || own.end <= other.start || other.end <= own.start;
            assert!(apart, "a result shares memory with another buffer");
        }
    }
    results.iter().map(|result| Exclusive(result)).collect()
}

/// Panics if the pointer does not allow slices of `T`.
fn checked<T>(buffer: &Buffer) -> (NonNull<T>, usize) {
    let count = shape(buffer).iter().product();
    if count == 0 {
        return (NonNull::dangling(), 0);
    }
    let data = NonNull::new(buffer.data.cast::<T>()).expect("a buffer has an address");
    assert!(data.is_aligned(), "a buffer is aligned");
    (data, count)
}

fn read<T>(buffer: &Buffer) -> &[T] {
    let (data, count) = checked(buffer);
    // SAFETY: an aligned pointer to `count` numbers of a type for which every bit pattern is valid, which XLA has
    // computed, and which nobody writes until the handler returns.
    unsafe { std::slice::from_raw_parts(data.as_ptr(), count) }
}

fn write<T>(result: Exclusive<'_>) -> &mut [T] {
    let (data, count) = checked(result.0);
    // SAFETY: an aligned pointer to memory of XLA's for `count` numbers of a type for which every bit pattern is valid.
    // No other slice is made of it.
    unsafe { std::slice::from_raw_parts_mut(data.as_ptr(), count) }
}

fn operand(buffer: &Buffer) -> Operand<'_> {
    let numbers = match buffer.dtype {
        F16 => Numbers::Floats(Slice::F16(read(buffer))),
        BF16 => Numbers::Floats(Slice::Bf16(read(buffer))),
        F32 => Numbers::Floats(Slice::F32(read(buffer))),
        F64 => Numbers::Floats(Slice::F64(read(buffer))),
        U32 => Numbers::Words(read(buffer)),
        other => panic!("an operand has XLA's type {other}"),
    };
    Operand { shape: shape(buffer), numbers }
}

fn output(result: Exclusive<'_>) -> Output<'_> {
    let shape = shape(result.0);
    let numbers = match result.0.dtype {
        F16 => NumbersMut::Floats(SliceMut::F16(write(result))),
        BF16 => NumbersMut::Floats(SliceMut::Bf16(write(result))),
        F32 => NumbersMut::Floats(SliceMut::F32(write(result))),
        F64 => NumbersMut::Floats(SliceMut::F64(write(result))),
        S32 | U32 => NumbersMut::Words(write(result)),
        other => panic!("a result has XLA's type {other}"),
    };
    Output { shape, numbers }
}

/// Runs work with the arithmetic that Rust expects. XLA's threads round numbers below the normal range to zero, which
/// would make a sample depend on the thread that it is drawn in.
fn with_plain_floats<R>(work: impl FnOnce() -> R) -> R {
    let _restored = Arithmetic(arithmetic());
    set_arithmetic(PLAIN);
    work()
}

/// The state of a thread's arithmetic, which is set back when this is dropped.
struct Arithmetic(u64);

impl Drop for Arithmetic {
    fn drop(&mut self) {
        set_arithmetic(self.0);
    }
}

/// Rounding to nearest, no exceptions, numbers below the normal range kept.
#[cfg(target_arch = "x86_64")]
const PLAIN: u64 = 0x1f80;
#[cfg(not(target_arch = "x86_64"))]
const PLAIN: u64 = 0;

#[cfg(target_arch = "x86_64")]
fn arithmetic() -> u64 {
    let mut state = 0u32;
    // SAFETY: writes the control register to a variable.
    unsafe { std::arch::asm!("stmxcsr [{}]", in(reg) &mut state, options(nostack, preserves_flags)) };
    state.into()
}

#[cfg(target_arch = "x86_64")]
fn set_arithmetic(state: u64) {
    let state = state as u32;
    // SAFETY: the state is the plain one, or one that this thread had.
    unsafe { std::arch::asm!("ldmxcsr [{}]", in(reg) &state, options(nostack, preserves_flags)) };
}

#[cfg(target_arch = "aarch64")]
fn arithmetic() -> u64 {
    let state;
    // SAFETY: reads the control register.
    unsafe { std::arch::asm!("mrs {}, fpcr", out(reg) state, options(nostack, preserves_flags)) };
    state
}

#[cfg(target_arch = "aarch64")]
fn set_arithmetic(state: u64) {
    // SAFETY: the state is the plain one, or one that this thread had.
    unsafe { std::arch::asm!("msr fpcr, {}", in(reg) state, options(nostack, preserves_flags)) };
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn arithmetic() -> u64 {
    PLAIN
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn set_arithmetic(_: u64) {}
