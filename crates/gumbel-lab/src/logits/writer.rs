//! Writes samples: text as a stream, or a binary file whose header is replaced once the rows are counted.

use super::number::Written;
use super::{Error, Format, Number, npy, safetensors};
use ::safetensors::Dtype;
use std::io::{self, Seek, SeekFrom, Write};

/// Writes samples as rows of the same length and type.
pub struct SampleWriter<'a> {
    to: Target<'a>,
    row: Option<RowType>,
    /// Bytes of samples so far.
    written: u64,
}

enum Target<'a> {
    Text(Box<dyn Write + 'a>),
    Binary(Format, Box<dyn WriteSeek + 'a>),
}

trait WriteSeek: Write + Seek {}
impl<W: Write + Seek> WriteSeek for W {}

/// How numbers become bytes.
#[derive(Clone, Copy)]
pub(super) enum Encoding {
    /// A line for each row.
    Text,
    /// Little-endian numbers.
    Binary,
}

/// The shape and the type of what is written for a row of logits.
pub(super) struct RowType {
    npy: &'static str,
    safetensors: Dtype,
    size: usize,
    shape: Vec<u64>,
}

impl RowType {
    pub fn indices(shape: Vec<u64>) -> Self {
        Self { npy: "<u4", safetensors: Dtype::U32, size: 4, shape }
    }

    pub fn numbers<T: Number>(shape: Vec<u64>) -> Self {
        Self { npy: T::NPY, safetensors: T::SAFETENSORS, size: size_of::<T>(), shape }
    }

    /// Numbers per row.
    pub fn width(&self) -> usize {
        self.shape.iter().product::<u64>() as usize
    }

    fn header(&self, format: Format, rows: u64) -> Vec<u8> {
        let shape = [&[rows], &self.shape[..]].concat();
        match format {
            Format::Safetensors => safetensors::header(self.safetensors, self.size as u64, &shape),
            _ => npy::header(self.npy, &shape),
        }
    }
}

impl Encoding {
    /// Rows of `width` numbers as bytes.
    pub fn bytes<N: Written>(self, numbers: &[N], width: usize) -> Vec<u8> {
        match self {
            Self::Text => text(numbers, width),
            Self::Binary => N::bytes_le(numbers),
        }
    }
}

impl<'a> SampleWriter<'a> {
    /// Writes lines of numbers separated by commas.
    pub fn text(to: impl Write + 'a) -> Self {
        Self::new(Target::Text(Box::new(to)))
    }

    /// Writes a file of the given format.
    pub fn file(format: Format, to: impl Write + Seek + 'a) -> Self {
        match format {
            Format::Csv => Self::text(to),
            binary => Self::new(Target::Binary(binary, Box::new(to))),
        }
    }

    fn new(to: Target<'a>) -> Self {
        Self { to, row: None, written: 0 }
    }

    pub(super) fn encoding(&self) -> Encoding {
        match self.to {
            Target::Text(_) => Encoding::Text,
            Target::Binary(..) => Encoding::Binary,
        }
    }

    /// Says what all rows have.
    pub(super) fn set_type(&mut self, row: RowType) {
        self.row = Some(row);
    }

    /// Writes rows, encoded as [`encoding`](Self::encoding) says, after their type was set.
    pub(super) fn write(&mut self, rows: &[u8]) -> Result<(), Error> {
        self.try_write(rows).map_err(Error::Unwritable)
    }

    fn try_write(&mut self, rows: &[u8]) -> io::Result<()> {
        let begin = self.written == 0;
        self.written += rows.len() as u64;
        match (&mut self.to, &self.row) {
            (Target::Binary(format, to), Some(row)) => {
                if begin {
                    to.write_all(&row.header(*format, 0))?;
                }
                to.write_all(rows)
            }
            (Target::Binary(_, to), None) => to.write_all(rows),
            (Target::Text(to), _) => to.write_all(rows),
        }
    }

    /// Completes the output.
    ///
    /// # Errors
    /// [`Error::Unwritable`], for example a full disk.
    pub fn finish(self) -> Result<(), Error> {
        self.complete().map_err(Error::Unwritable)
    }

    fn complete(mut self) -> io::Result<()> {
        match (&mut self.to, self.row) {
            (Target::Binary(format, to), Some(row)) => {
                let rows = self.written / (row.width() * row.size) as u64;
                to.seek(SeekFrom::Start(0))?;
                to.write_all(&row.header(*format, rows))?;
                to.flush()
            }
            (Target::Binary(_, to), None) => to.flush(),
            (Target::Text(to), _) => to.flush(),
        }
    }
}

/// Rows as lines.
fn text<N: Written>(rows: &[N], width: usize) -> Vec<u8> {
    let mut text = Vec::new();
    for row in rows.chunks(width) {
        for number in row {
            number.append_text(&mut text);
            text.push(b',');
        }
        text.pop();
        text.push(b'\n');
    }
    text
}
