//! Numbers as files hold them.

use gumbel_kernels::{Logit, Real};
use half::{bf16, f16};
use safetensors::Dtype;
use std::fmt::Display;
use std::str::FromStr;

/// How a number lies in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `f16`.
    Half,
    /// `bf16`.
    Brain,
    /// `f32`.
    Single,
    /// `f64`.
    Double,
}

impl Kind {
    /// Bytes of a number.
    pub fn size(self) -> usize {
        match self {
            Self::Half | Self::Brain => 2,
            Self::Single => 4,
            Self::Double => 8,
        }
    }
}

/// A number that is computed with: single precision, which holds half precision exactly, or double.
pub trait Number: Real + Logit<Real = Self> + Display + FromStr + 'static {
    /// NumPy's name of it.
    const NPY: &'static str;
    /// That of safetensors.
    const SAFETENSORS: Dtype;

    /// The number in little-endian bytes; of double precision rounded, where single is asked for.
    fn from_le(kind: Kind, bytes: &[u8]) -> Self;

    /// Appends it in little-endian bytes.
    fn append_le(self, to: &mut Vec<u8>);
}

impl Number for f32 {
    const NPY: &'static str = "<f4";
    const SAFETENSORS: Dtype = Dtype::F32;

    fn from_le(kind: Kind, bytes: &[u8]) -> Self {
        match kind {
            Kind::Half => f16::from_le_bytes(sized(bytes)).to_f32(),
            Kind::Brain => bf16::from_le_bytes(sized(bytes)).to_f32(),
            Kind::Single => Self::from_le_bytes(sized(bytes)),
            Kind::Double => f64::from_le_bytes(sized(bytes)) as Self,
        }
    }

    fn append_le(self, to: &mut Vec<u8>) {
        to.extend(self.to_le_bytes());
    }
}

impl Number for f64 {
    const NPY: &'static str = "<f8";
    const SAFETENSORS: Dtype = Dtype::F64;

    fn from_le(kind: Kind, bytes: &[u8]) -> Self {
        match kind {
            Kind::Double => Self::from_le_bytes(sized(bytes)),
            narrower => f32::from_le(narrower, bytes).into(),
        }
    }

    fn append_le(self, to: &mut Vec<u8>) {
        to.extend(self.to_le_bytes());
    }
}

fn sized<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().expect("as many bytes as the kind has")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read_as_written() {
        for value in [0.0f32, -1.5, 0.25, f32::NEG_INFINITY] {
            let (half, brain) = (f16::from_f32(value).to_le_bytes(), bf16::from_f32(value).to_le_bytes());
            assert_eq!(f32::from_le(Kind::Half, &half), value);
            assert_eq!(f64::from_le(Kind::Brain, &brain), f64::from(value));
            let mut bytes = Vec::new();
            value.append_le(&mut bytes);
            assert_eq!(f32::from_le(Kind::Single, &bytes), value);
            let mut bytes = Vec::new();
            (f64::from(value) + 1e-12).append_le(&mut bytes);
            assert_eq!(f64::from_le(Kind::Double, &bytes), f64::from(value) + 1e-12);
        }
    }
}
