//! Slices of the types that arrays and tensors have.

use gumbel_kernels::Real;
use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};
use std::borrow::Cow;

/// Numbers to read.
#[derive(Clone, Copy)]
pub enum Slice<'a> {
    F16(&'a [f16]),
    Bf16(&'a [bf16]),
    F32(&'a [f32]),
    F64(&'a [f64]),
}

/// Numbers to write.
pub enum SliceMut<'a> {
    F16(&'a mut [f16]),
    Bf16(&'a mut [bf16]),
    F32(&'a mut [f32]),
    F64(&'a mut [f64]),
}

/// Evaluates an expression with the slice inside, whatever its type.
macro_rules! with_slice {
    ($kind:ident, $slice:expr, $name:ident => $body:expr) => {
        match $slice {
            $crate::slice::$kind::F16($name) => $body,
            $crate::slice::$kind::Bf16($name) => $body,
            $crate::slice::$kind::F32($name) => $body,
            $crate::slice::$kind::F64($name) => $body,
        }
    };
}
pub(crate) use with_slice;

impl<'a> Slice<'a> {
    pub fn len(self) -> usize {
        with_slice!(Slice, self, numbers => numbers.len())
    }

    /// A number, in double precision.
    pub fn at(self, place: usize) -> f64 {
        match self {
            Self::F16(numbers) => numbers[place].to_f64(),
            Self::Bf16(numbers) => numbers[place].to_f64(),
            Self::F32(numbers) => numbers[place].into(),
            Self::F64(numbers) => numbers[place],
        }
    }

    /// The numbers from `start` to `end`.
    pub fn part(self, start: usize, end: usize) -> Self {
        match self {
            Self::F16(numbers) => Self::F16(&numbers[start..end]),
            Self::Bf16(numbers) => Self::Bf16(&numbers[start..end]),
            Self::F32(numbers) => Self::F32(&numbers[start..end]),
            Self::F64(numbers) => Self::F64(&numbers[start..end]),
        }
    }

    /// The numbers in single precision; of doubles, rounded.
    pub fn single(self) -> Cow<'a, [f32]> {
        match self {
            Self::F16(numbers) => Cow::Owned(numbers.to_f32_vec()),
            Self::Bf16(numbers) => Cow::Owned(numbers.to_f32_vec()),
            Self::F32(numbers) => Cow::Borrowed(numbers),
            Self::F64(numbers) => numbers.iter().map(|&x| x as f32).collect(),
        }
    }

    /// The numbers in double precision.
    pub fn double(self) -> Cow<'a, [f64]> {
        match self {
            Self::F64(numbers) => Cow::Borrowed(numbers),
            other => other.single().iter().map(|&x| x.into()).collect(),
        }
    }
}

impl SliceMut<'_> {
    pub fn len(&self) -> usize {
        with_slice!(SliceMut, self, numbers => numbers.len())
    }

    /// The numbers from `start` to `end`.
    pub fn part(&mut self, start: usize, end: usize) -> SliceMut<'_> {
        match self {
            Self::F16(numbers) => SliceMut::F16(&mut numbers[start..end]),
            Self::Bf16(numbers) => SliceMut::Bf16(&mut numbers[start..end]),
            Self::F32(numbers) => SliceMut::F32(&mut numbers[start..end]),
            Self::F64(numbers) => SliceMut::F64(&mut numbers[start..end]),
        }
    }

    /// Writes numbers in single precision, rounded to this type.
    pub fn write_single(self, from: &[f32]) {
        match self {
            Self::F16(out) => out.convert_from_f32_slice(from),
            Self::Bf16(out) => out.convert_from_f32_slice(from),
            out => out.write(from),
        }
    }

    /// Writes numbers of the type that the kernels computed in, rounded to this one.
    pub fn write<T: Real>(self, from: &[T]) {
        // By way of single precision: `half` ignores the last bits of a double, and so rounds some numbers wrongly.
        let single = |x: T| x.into() as f32;
        match self {
            Self::F16(out) => out.iter_mut().zip(from).for_each(|(out, &x)| *out = f16::from_f32(single(x))),
            Self::Bf16(out) => {
                out.iter_mut().zip(from).for_each(|(out, &x)| *out = bf16::from_f32(single(x)))
            }
            Self::F32(out) => out.iter_mut().zip(from).for_each(|(out, &x)| *out = x.into() as f32),
            Self::F64(out) => out.iter_mut().zip(from).for_each(|(out, &x)| *out = x.into()),
        }
    }
}
