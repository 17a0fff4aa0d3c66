//! Writes samples: text as a stream, or a binary file whose header is replaced once the rows are counted.

use super::number::Written;
use super::{Error, Format, Number, npy, safetensors};
use ::safetensors::Dtype;
use rayon::prelude::*;
use std::io::{self, Seek, SeekFrom, Write};

/// Writes samples as rows of the same length and type.
pub struct SampleWriter<'a> {
    to: Target<'a>,
    row: Option<RowType>,
    rows: u64,
    bytes: Vec<u8>,
}

enum Target<'a> {
    Text(Box<dyn Write + 'a>),
    Binary(Format, Box<dyn WriteSeek + 'a>),
}

/// Numbers that one thread writes as text at a time.
const TOGETHER: usize = 1 << 13;

trait WriteSeek: Write + Seek {}
impl<W: Write + Seek> WriteSeek for W {}

/// The length and the type of a row.
#[derive(Clone, Copy)]
struct RowType {
    npy: &'static str,
    safetensors: Dtype,
    size: usize,
    /// Numbers per row; single indices form an array without rows.
    width: usize,
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
        Self { to, row: None, rows: 0, bytes: Vec::new() }
    }

    /// Writes rows of `width` indices.
    pub(super) fn indices(&mut self, indices: &[u32], width: usize) -> Result<(), Error> {
        let row = RowType { npy: "<u4", safetensors: Dtype::U32, size: 4, width };
        self.write(row, indices)
    }

    /// Writes rows of `width` numbers.
    pub(super) fn numbers<T: Number>(&mut self, numbers: &[T], width: usize) -> Result<(), Error> {
        let row = RowType { npy: T::NPY, safetensors: T::SAFETENSORS, size: size_of::<T>(), width };
        self.write(row, numbers)
    }

    fn write<N: Written>(&mut self, row_type: RowType, all: &[N]) -> Result<(), Error> {
        match &mut self.to {
            Target::Text(to) => {
                let part = row_type.width * (TOGETHER / row_type.width).max(1);
                let lines: Vec<Vec<u8>> =
                    all.par_chunks(part).map(|part| text(part, row_type.width)).collect();
                lines.iter().try_for_each(|lines| to.write_all(lines)).map_err(Error::Unwritable)?;
            }
            Target::Binary(format, to) => {
                self.bytes.clear();
                if self.row.is_none() {
                    self.bytes = row_type.header(*format, 0);
                }
                all.iter().for_each(|number| number.append_le(&mut self.bytes));
                to.write_all(&self.bytes).map_err(Error::Unwritable)?;
            }
        }
        self.row = Some(row_type);
        self.rows += (all.len() / row_type.width) as u64;
        Ok(())
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
            (Target::Binary(format, to), Some(row_type)) => {
                to.seek(SeekFrom::Start(0))?;
                to.write_all(&row_type.header(*format, self.rows))?;
                to.flush()
            }
            (Target::Binary(_, to), None) => to.flush(),
            (Target::Text(to), _) => to.flush(),
        }
    }
}

impl RowType {
    fn header(self, format: Format, rows: u64) -> Vec<u8> {
        let all = [rows, self.width as u64];
        let shape = if self.npy == "<u4" && self.width == 1 { &all[..1] } else { &all };
        match format {
            Format::Safetensors => safetensors::header(self.safetensors, self.size as u64, shape),
            _ => npy::header(self.npy, shape),
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
