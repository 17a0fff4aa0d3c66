//! Where draws go: text as they come, or a binary file whose header is written anew when the rows have been counted.

use super::{Error, Format, Number, npy, safetensors};
use ::safetensors::Dtype;
use std::io::{self, Seek, SeekFrom, Write};

/// Writes draws, rows of the same length and type.
pub struct Sink<'a> {
    to: To<'a>,
    kind: Option<Kind>,
    rows: u64,
    bytes: Vec<u8>,
}

enum To<'a> {
    Text(Box<dyn Write + 'a>),
    Binary(Format, Box<dyn WriteSeek + 'a>),
}

trait WriteSeek: Write + Seek {}
impl<W: Write + Seek> WriteSeek for W {}

/// What a row is made of.
#[derive(Clone, Copy)]
struct Kind {
    npy: &'static str,
    safetensors: Dtype,
    size: usize,
    /// Numbers of a row; an index alone makes no row.
    width: usize,
}

impl<'a> Sink<'a> {
    /// Lines of numbers separated by commas.
    pub fn text(to: impl Write + 'a) -> Self {
        Self { to: To::Text(Box::new(to)), kind: None, rows: 0, bytes: Vec::new() }
    }

    /// A file of that format.
    pub fn file(format: Format, to: impl Write + Seek + 'a) -> Self {
        match format {
            Format::Csv => Self::text(to),
            binary => Self { to: To::Binary(binary, Box::new(to)), kind: None, rows: 0, bytes: Vec::new() },
        }
    }

    /// Writes rows of `width` indices.
    pub(super) fn indices(&mut self, indices: &[u32], width: usize) -> Result<(), Error> {
        let kind = Kind { npy: "<u4", safetensors: Dtype::U32, size: 4, width };
        self.write(kind, indices, |index, bytes| bytes.extend(index.to_le_bytes()))
    }

    /// Writes rows of `width` numbers.
    pub(super) fn numbers<T: Number>(&mut self, numbers: &[T], width: usize) -> Result<(), Error> {
        let kind = Kind { npy: T::NPY, safetensors: T::SAFETENSORS, size: size_of::<T>(), width };
        self.write(kind, numbers, |number, bytes| number.append_le(bytes))
    }

    fn write<N: Copy + ToString>(
        &mut self,
        kind: Kind,
        all: &[N],
        append: impl Fn(N, &mut Vec<u8>),
    ) -> Result<(), Error> {
        self.bytes.clear();
        match &mut self.to {
            To::Text(to) => {
                for row in all.chunks(kind.width) {
                    let fields: Vec<String> = row.iter().map(ToString::to_string).collect();
                    writeln!(self.bytes, "{}", fields.join(",")).expect("memory takes all");
                }
                to.write_all(&self.bytes).map_err(Error::Unwritable)?;
            }
            To::Binary(format, to) => {
                if self.kind.is_none() {
                    self.bytes = kind.header(*format, 0);
                }
                all.iter().for_each(|&number| append(number, &mut self.bytes));
                to.write_all(&self.bytes).map_err(Error::Unwritable)?;
            }
        }
        self.kind = Some(kind);
        self.rows += (all.len() / kind.width) as u64;
        Ok(())
    }

    /// Completes what was written.
    ///
    /// # Errors
    /// A full disk.
    pub fn finish(self) -> Result<(), Error> {
        self.complete().map_err(Error::Unwritable)
    }

    fn complete(mut self) -> io::Result<()> {
        match (&mut self.to, self.kind) {
            (To::Binary(format, to), Some(kind)) => {
                to.seek(SeekFrom::Start(0))?;
                to.write_all(&kind.header(*format, self.rows))?;
                to.flush()
            }
            (To::Binary(_, to), None) => to.flush(),
            (To::Text(to), _) => to.flush(),
        }
    }
}

impl Kind {
    fn header(self, format: Format, rows: u64) -> Vec<u8> {
        let all = [rows, self.width as u64];
        let shape = if self.npy == "<u4" && self.width == 1 { &all[..1] } else { &all };
        match format {
            Format::Safetensors => safetensors::header(self.safetensors, self.size as u64, shape),
            _ => npy::header(self.npy, shape),
        }
    }
}
