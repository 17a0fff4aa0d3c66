//! Arguments of kernels from arbitrary bytes.

use arbitrary::{Arbitrary, Result, Unstructured};
use gumbel_kernels::{Real, Stream};

pub const MASK: f64 = f64::NEG_INFINITY;

/// Numbers that arithmetic treats differently; each is rounded to the type and kept below its limit.
const SPECIAL: [f64; 16] =
    [0.0, -0.0, 1.0, -1.0, 0.5, 1e-7, -1e-7, 88.0, -104.0, 710.0, -746.0, 1e7, -1e7, 1e-40, 1e16, -1e30];

/// A number of magnitude at most `limit`: special, from a grid (so that there are ties), or of any bits.
pub fn number<T: Real>(data: &mut Unstructured, limit: f64) -> Result<T> {
    let value = match data.int_in_range(0..=3u8)? {
        0 => *data.choose(&SPECIAL)?,
        1 => f64::from(i8::arbitrary(data)?) / 8.0,
        2 => f64::from(i16::arbitrary(data)?) / 1024.0,
        _ => f64::arbitrary(data)?,
    };
    let value = if value.is_finite() { value.clamp(-limit, limit) } else { limit };
    Ok(T::from_f64(value))
}

/// As many numbers.
pub fn numbers<T: Real>(data: &mut Unstructured, count: usize, limit: f64) -> Result<Vec<T>> {
    (0..count).map(|_| number(data, limit)).collect()
}

/// The largest finite number of the type.
pub fn largest<T: Real>() -> f64 {
    T::max_value().into()
}

/// The largest magnitude of a cotangent whose products with cotangents and sums over a row stay finite.
pub fn cotangent<T: Real>() -> f64 {
    largest::<T>().sqrt() / 1e3
}

/// Rows of logits: finite, and masks.
pub struct Logits<T> {
    pub values: Vec<T>,
    pub k: usize,
    pub rows: usize,
}

impl<T: Real> Logits<T> {
    /// Logits of magnitude at most `limit`; some rows are masked in part, and a few throughout.
    pub fn new(data: &mut Unstructured, most: usize, limit: f64) -> Result<Self> {
        let k = match data.ratio(1, 8)? {
            true => data.int_in_range(1..=2 * most)?,
            false => data.int_in_range(1..=most.min(9))?,
        };
        let rows = data.int_in_range(0..=4)?;
        let mut values = numbers(data, rows * k, limit)?;
        for value in &mut values {
            if data.ratio(1, 6)? {
                *value = T::from_f64(MASK);
            }
        }
        Ok(Self { values, k, rows })
    }

    /// Whether each row has a category that is not masked.
    pub fn sampleable(&self) -> bool {
        self.unmasked().all(|count| count > 0)
    }

    /// The number of categories of each row that are not masked.
    pub fn unmasked(&self) -> impl Iterator<Item = usize> {
        let open = |value: &&T| **value > T::neg_infinity();
        self.values.chunks(self.k).map(move |row| row.iter().filter(open).count())
    }
}

/// A temperature: usual, or any number of the type from `least` up.
pub fn temperature<T: Real>(data: &mut Unstructured, least: f64) -> Result<T> {
    let any = number::<T>(data, largest::<T>())?.abs().max(T::from_f64(least));
    let usual = T::from_f64(*data.choose(&[0.1, 0.5, 1.0, 2.0])?);
    Ok(if data.ratio(1, 2)? { usual } else { any })
}

/// The least temperature whose reciprocal is finite.
pub fn coldest<T: Real>() -> f64 {
    T::min_positive_value().into()
}

/// A stream at any position that one may have.
pub fn stream(data: &mut Unstructured) -> Result<Stream> {
    let position = u64::arbitrary(data)? >> data.int_in_range(2..=63)?;
    Ok(Stream::from_parts(u64::arbitrary(data)?, u64::arbitrary(data)?, position.min((1 << 62) - (1 << 20))))
}

/// Panics at a NaN.
pub fn no_nan<T: Real>(what: &str, values: &[T]) {
    let place = values.iter().position(|value| value.is_nan());
    assert!(place.is_none(), "{what}: NaN at {place:?} of {values:?}");
}

/// Panics at a number outside of the range, or a NaN.
pub fn within<T: Real>(what: &str, values: &[T], least: f64, most: f64) {
    let outside = |value: &T| !(least..=most).contains(&(*value).into());
    let place = values.iter().position(outside);
    assert!(place.is_none(), "{what}: outside of [{least}, {most}] at {place:?} of {values:?}");
}
