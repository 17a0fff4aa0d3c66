//! Reads rows of logits.

use super::format::PEEKED;
use super::{Error, Format, Number, Precision, csv, npy, raw, safetensors};
use std::io::{Cursor, Read};

/// Reads rows of logits, one part after another.
pub enum LogitReader {
    /// Binary numbers.
    Raw(raw::Raw),
    /// Numbers as text.
    Csv(csv::Lines),
}

impl LogitReader {
    /// Opens a file or stream of logits. Without a format, the first bytes decide. `tensor` chooses one of several.
    ///
    /// # Errors
    /// An unknown format; a header that is not of the format, or of an array that is not rows of floating-point numbers;
    /// no tensor of that name.
    ///
    /// ```
    /// use gumbel_lab::logits::LogitReader;
    /// let mut reader = LogitReader::open(&b"0,1,2\n3,4,-inf\n"[..], None, None)?;
    /// let mut values = Vec::<f32>::new();
    /// assert_eq!(reader.read(100, &mut values)?, 3); // categories
    /// assert_eq!(values, [0.0, 1.0, 2.0, 3.0, 4.0, f32::NEG_INFINITY]);
    /// # Ok::<(), gumbel_lab::logits::Error>(())
    /// ```
    pub fn open(
        mut from: impl Read + 'static,
        format: Option<Format>,
        tensor: Option<&str>,
    ) -> Result<Self, Error> {
        let mut first = Vec::new();
        from.by_ref().take(PEEKED as u64).read_to_end(&mut first)?;
        let format = format.or_else(|| Format::sniffed(&first)).ok_or(Error::Unknown)?;
        let from: Box<dyn Read> = Box::new(Cursor::new(first).chain(from));
        match (format, tensor) {
            (Format::Safetensors, tensor) => safetensors::open(from, tensor).map(Self::Raw),
            (_, Some(name)) => Err(Error::NoNames(name.into())),
            (Format::Npy, None) => npy::open(from).map(Self::Raw),
            (Format::Csv, None) => Ok(Self::Csv(csv::Lines::new(from))),
        }
    }

    /// Whether the numbers have double precision.
    pub fn double(&self) -> bool {
        matches!(self, Self::Raw(raw) if raw.precision == Precision::Double)
    }

    /// The number of rows, where the header states it.
    pub fn rows(&self) -> Option<u64> {
        match self {
            Self::Raw(raw) => Some(raw.rows),
            Self::Csv(_) => None,
        }
    }

    /// Reads the next rows into `values`: as many rows as `numbers` numbers hold, but at least one; none at the end. Returns
    /// the number of categories.
    ///
    /// # Errors
    /// A file that ends within a row, rows of different lengths, a field that is not a number, or an error of the system.
    pub fn read<T: Number>(&mut self, numbers: usize, values: &mut Vec<T>) -> Result<usize, Error> {
        values.clear();
        match self {
            Self::Raw(raw) => raw.read(numbers, values),
            Self::Csv(lines) => lines.read(numbers, values),
        }
    }
}
