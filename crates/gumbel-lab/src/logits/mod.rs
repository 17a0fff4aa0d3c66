//! Rows of logits from a file or a stream, a part at a time, and what is drawn by them: the machinery of `gumbel sample`.
//!
//! Noise is addressed by row: number `r·k + i` of a stream perturbs logit (r, i). So neither the size of the parts nor the
//! number of threads changes a draw.

mod csv;
mod draw;
mod error;
mod npy;
mod number;
mod raw;
mod safetensors;
mod sink;

pub use draw::{How, PART, draw};
pub use error::Error;
pub use number::{Kind, Number};
pub use sink::Sink;

use std::io::{Cursor, Read};
use std::path::Path;

/// A format of files of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// NumPy's array file
    Npy,
    /// Numbers separated by commas, a row a line
    Csv,
    /// Named tensors
    Safetensors,
}

impl Format {
    /// By the ending of a name.
    ///
    /// ```
    /// use gumbel_lab::logits::Format;
    /// assert_eq!(Format::of("logits.npy".as_ref()), Some(Format::Npy));
    /// assert_eq!(Format::of("logits.txt".as_ref()), None);
    /// ```
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "npy" => Some(Self::Npy),
            "csv" => Some(Self::Csv),
            "safetensors" => Some(Self::Safetensors),
            _ => None,
        }
    }

    /// By the first bytes.
    fn sniffed(bytes: &[u8]) -> Option<Self> {
        if bytes.starts_with(npy::MAGIC) {
            return Some(Self::Npy);
        }
        // The length of a header in eight bytes, and the header, which is JSON.
        if bytes.len() == PEEKED && bytes[8] == b'{' && bytes[5..8] == [0; 3] {
            return Some(Self::Safetensors);
        }
        let number = |byte: &u8| byte.is_ascii_digit() || b" \t\r\n,+-.eEinfaNIF".contains(byte);
        (!bytes.is_empty() && bytes.iter().all(number)).then_some(Self::Csv)
    }
}

/// Bytes that tell a format.
const PEEKED: usize = 9;

/// Rows of logits that are read one part after another.
pub enum Source {
    /// Numbers as the machine holds them.
    Raw(raw::Raw),
    /// Numbers as text.
    Csv(csv::Lines),
}

impl Source {
    /// Begins to read. Without a format it is told by the first bytes. `tensor` names one of several.
    ///
    /// # Errors
    /// A format that is not known; a header that is not of the format, or of an array that is not rows of floating-point
    /// numbers; no tensor of that name.
    ///
    /// ```
    /// use gumbel_lab::logits::Source;
    /// let mut source = Source::open(&b"0,1,2\n3,4,-inf\n"[..], None, None)?;
    /// let mut values = Vec::<f32>::new();
    /// assert_eq!(source.read(100, &mut values)?, 3); // numbers of a row
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
        matches!(self, Self::Raw(raw) if raw.kind == Kind::Double)
    }

    /// Rows in all, where that is known.
    pub fn rows(&self) -> Option<u64> {
        match self {
            Self::Raw(raw) => Some(raw.rows),
            Self::Csv(_) => None,
        }
    }

    /// Reads whole rows into `values`, as many as make at most `numbers` numbers and at least one; none at the end. Returns
    /// the numbers of a row.
    ///
    /// # Errors
    /// A file that ends within a row, rows of different lengths, what is no number, or a failure of the system.
    pub fn read<T: Number>(&mut self, numbers: usize, values: &mut Vec<T>) -> Result<usize, Error> {
        values.clear();
        match self {
            Self::Raw(raw) => raw.read(numbers, values),
            Self::Csv(lines) => lines.read(numbers, values),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_by_their_first_bytes() {
        let header = [&60u64.to_le_bytes()[..], b"{"].concat();
        assert_eq!(Format::sniffed(&header), Some(Format::Safetensors));
        assert_eq!(Format::sniffed(b"\x93NUMPY\x01\0v"), Some(Format::Npy));
        for text in ["1", "-inf,0.5", "1e-3, 2\n", "NaN,1"] {
            assert_eq!(
                Format::sniffed(&text.as_bytes()[..text.len().min(PEEKED)]),
                Some(Format::Csv),
                "{text}"
            );
        }
        for other in [&b""[..], b"PK\x03\x04", b"hello you"] {
            assert_eq!(Format::sniffed(other), None, "{other:?}");
        }
    }
}
