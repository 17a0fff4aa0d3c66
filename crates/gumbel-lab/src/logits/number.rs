//! Numbers of files.

use gumbel_kernels::{Logit, Real};
use half::{bf16, f16};
use safetensors::Dtype;
use std::fmt::Display;
use std::str::FromStr;

/// The precision of the numbers of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// `f16`.
    Half,
    /// `bf16`.
    BFloat,
    /// `f32`.
    Single,
    /// `f64`.
    Double,
}

impl Precision {
    /// The bytes of a number.
    pub fn size(self) -> usize {
        match self {
            Self::Half | Self::BFloat => 2,
            Self::Single => 4,
            Self::Double => 8,
        }
    }
}

/// A number for computation: single precision, which represents half precision exactly, or double.
pub trait Number: Real + Logit<Real = Self> + Display + FromStr + 'static {
    /// Type name in NumPy files.
    const NPY: &'static str;
    /// Type in safetensors files.
    const SAFETENSORS: Dtype;

    /// Reads the number from little-endian bytes; rounds double to single precision.
    fn from_le(precision: Precision, bytes: &[u8]) -> Self;

    /// Appends the number in little-endian bytes.
    fn append_le(self, to: &mut Vec<u8>);
}

impl Number for f32 {
    const NPY: &'static str = "<f4";
    const SAFETENSORS: Dtype = Dtype::F32;

    fn from_le(precision: Precision, bytes: &[u8]) -> Self {
        match precision {
            Precision::Half => f16::from_le_bytes(sized(bytes)).to_f32(),
            Precision::BFloat => bf16::from_le_bytes(sized(bytes)).to_f32(),
            Precision::Single => Self::from_le_bytes(sized(bytes)),
            Precision::Double => f64::from_le_bytes(sized(bytes)) as Self,
        }
    }

    fn append_le(self, to: &mut Vec<u8>) {
        to.extend(self.to_le_bytes());
    }
}

impl Number for f64 {
    const NPY: &'static str = "<f8";
    const SAFETENSORS: Dtype = Dtype::F64;

    fn from_le(precision: Precision, bytes: &[u8]) -> Self {
        match precision {
            Precision::Double => Self::from_le_bytes(sized(bytes)),
            narrower => f32::from_le(narrower, bytes).into(),
        }
    }

    fn append_le(self, to: &mut Vec<u8>) {
        to.extend(self.to_le_bytes());
    }
}

fn sized<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().expect("the bytes of one number")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_precision_is_read_as_written() {
        for value in [0.0f32, -1.5, 0.25, f32::NEG_INFINITY] {
            let (half, brain) = (f16::from_f32(value).to_le_bytes(), bf16::from_f32(value).to_le_bytes());
            assert_eq!(f32::from_le(Precision::Half, &half), value);
            assert_eq!(f64::from_le(Precision::BFloat, &brain), f64::from(value));
            let mut bytes = Vec::new();
            value.append_le(&mut bytes);
            assert_eq!(f32::from_le(Precision::Single, &bytes), value);
            let mut bytes = Vec::new();
            (f64::from(value) + 1e-12).append_le(&mut bytes);
            assert_eq!(f64::from_le(Precision::Double, &bytes), f64::from(value) + 1e-12);
        }
    }
}
