//! Numbers of files.

use fast_float2::FastFloat;
use gumbel_kernels::{Logit, Real};
use half::{bf16, f16};
use safetensors::Dtype;

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

/// A number of a sample, to be written.
pub(super) trait Written: Copy + Default + Sync {
    /// Appends the shortest text that is read back as the same number.
    fn append_text(self, to: &mut Vec<u8>);

    /// Numbers in little-endian bytes.
    fn bytes_le(numbers: &[Self]) -> Vec<u8>;
}

impl Written for u32 {
    fn append_text(self, to: &mut Vec<u8>) {
        to.extend_from_slice(itoa::Buffer::new().format(self).as_bytes());
    }

    fn bytes_le(numbers: &[Self]) -> Vec<u8> {
        bytes_of(numbers, Self::to_le_bytes)
    }
}

impl Written for f32 {
    fn append_text(self, to: &mut Vec<u8>) {
        to.extend_from_slice(zmij::Buffer::new().format(self).as_bytes());
    }

    fn bytes_le(numbers: &[Self]) -> Vec<u8> {
        bytes_of(numbers, Self::to_le_bytes)
    }
}

impl Written for f64 {
    fn append_text(self, to: &mut Vec<u8>) {
        to.extend_from_slice(zmij::Buffer::new().format(self).as_bytes());
    }

    fn bytes_le(numbers: &[Self]) -> Vec<u8> {
        bytes_of(numbers, Self::to_le_bytes)
    }
}

/// A number for computation: single precision, which represents half precision exactly, or double.
#[allow(private_bounds)] // sealed
pub trait Number: Real + Logit<Real = Self> + FastFloat + Written {
    /// Type name in NumPy files.
    const NPY: &'static str;
    /// Type in safetensors files.
    const SAFETENSORS: Dtype;

    /// Appends the numbers of little-endian bytes; rounds double to single precision.
    fn extend_le(values: &mut Vec<Self>, precision: Precision, bytes: &[u8]);
}

impl Number for f32 {
    const NPY: &'static str = "<f4";
    const SAFETENSORS: Dtype = Dtype::F32;

    fn extend_le(values: &mut Vec<Self>, precision: Precision, bytes: &[u8]) {
        match precision {
            Precision::Half => values.extend(each(bytes, |bytes| f16::from_le_bytes(bytes).to_f32())),
            Precision::BFloat => values.extend(each(bytes, |bytes| bf16::from_le_bytes(bytes).to_f32())),
            Precision::Single => values.extend(each(bytes, Self::from_le_bytes)),
            Precision::Double => values.extend(each(bytes, |bytes| f64::from_le_bytes(bytes) as Self)),
        }
    }
}

impl Number for f64 {
    const NPY: &'static str = "<f8";
    const SAFETENSORS: Dtype = Dtype::F64;

    fn extend_le(values: &mut Vec<Self>, precision: Precision, bytes: &[u8]) {
        match precision {
            Precision::Half => values.extend(each(bytes, |bytes| f16::from_le_bytes(bytes).to_f64())),
            Precision::BFloat => values.extend(each(bytes, |bytes| bf16::from_le_bytes(bytes).to_f64())),
            Precision::Single => values.extend(each(bytes, |bytes| Self::from(f32::from_le_bytes(bytes)))),
            Precision::Double => values.extend(each(bytes, Self::from_le_bytes)),
        }
    }
}

/// A number for each `N` bytes.
fn each<const N: usize, T>(bytes: &[u8], number: impl Fn([u8; N]) -> T) -> impl Iterator<Item = T> {
    bytes.as_chunks().0.iter().map(move |&bytes| number(bytes))
}

/// `N` bytes for each number: a flat copy, which compiles to vector instructions.
fn bytes_of<const N: usize, T: Copy>(numbers: &[T], bytes: impl Fn(T) -> [u8; N]) -> Vec<u8> {
    let mut out = vec![0; N * numbers.len()];
    out.as_chunks_mut().0.iter_mut().zip(numbers).for_each(|(out, &number)| *out = bytes(number));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read<T: Number>(precision: Precision, bytes: &[u8]) -> Vec<T> {
        let mut values = Vec::new();
        T::extend_le(&mut values, precision, bytes);
        values
    }

    fn text<T: Number>(number: T) -> String {
        let mut text = Vec::new();
        number.append_text(&mut text);
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn every_precision_is_read_as_written() {
        for value in [0.0f32, -1.5, 0.25, f32::NEG_INFINITY] {
            let (half, brain) = (f16::from_f32(value).to_le_bytes(), bf16::from_f32(value).to_le_bytes());
            for (precision, bytes) in [(Precision::Half, half), (Precision::BFloat, brain)] {
                assert_eq!(read::<f32>(precision, &bytes.repeat(3)), [value; 3]);
                assert_eq!(read::<f64>(precision, &bytes), [f64::from(value)]);
            }
            let bytes = f32::bytes_le(&[value]);
            assert_eq!(read::<f32>(Precision::Single, &bytes), [value]);
            assert_eq!(read::<f64>(Precision::Single, &bytes), [f64::from(value)]);
            let bytes = f64::bytes_le(&[f64::from(value) + 1e-12]);
            assert_eq!(read::<f64>(Precision::Double, &bytes), [f64::from(value) + 1e-12]);
        }
    }

    proptest! {
        #[test]
        fn text_is_read_back_exactly_and_none_is_shorter(single: f32, double: f64) {
            prop_assume!(single.is_finite() && double.is_finite());
            prop_assert_eq!(text(single).parse::<f32>().unwrap().to_bits(), single.to_bits());
            prop_assert_eq!(text(double).parse::<f64>().unwrap().to_bits(), double.to_bits());
            let digits = |text: &str| text.split('e').next().unwrap().replace(['-', '.'], "").trim_matches('0').len();
            let shortest = format!("{double:e}");
            prop_assert!(digits(&text(double)) <= digits(&shortest));
        }
    }
}
