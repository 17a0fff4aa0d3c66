//! Reads rows of logits.

use super::format::{BYTE_ORDER_MARK, PEEKED};
use super::part::Part;
use super::source::Source;
use super::{Doubt, Error, Format, Number, Precision, RowRange, csv, npy, raw, safetensors};
use std::fs::File;
use std::io::Read;

/// Reads rows of logits, one part after another.
pub enum LogitReader {
    /// Binary numbers.
    Raw(raw::Raw),
    /// Numbers as text.
    Csv(csv::Lines),
}

impl LogitReader {
    /// Opens a stream of logits. Without a format, the first bytes decide. `tensor` chooses one of several.
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
        from: impl Read + 'static,
        format: Option<Format>,
        tensor: Option<&str>,
    ) -> Result<Self, Error> {
        Self::of(Source::stream(from), format, tensor)
    }

    /// Opens a file of logits as [`open`](Self::open) does. Rows of binary numbers are read by several threads, and only those that
    /// are [selected](Self::select).
    ///
    /// # Errors
    /// Those of [`open`](Self::open).
    pub fn open_file(file: File, format: Option<Format>, tensor: Option<&str>) -> Result<Self, Error> {
        Self::of(Source::file(file)?, format, tensor)
    }

    fn of(mut from: Source, format: Option<Format>, tensor: Option<&str>) -> Result<Self, Error> {
        let first = from.peek(PEEKED)?;
        let format = Format::recognised(format, first)?;
        if format == Format::Csv && first.starts_with(BYTE_ORDER_MARK) {
            from.skip(BYTE_ORDER_MARK.len() as u64)?;
        }
        match (format, tensor) {
            (Format::Safetensors, tensor) => safetensors::open(from, tensor).map(Self::Raw),
            (_, Some(name)) => Err(Error::NoNames(name.into())),
            (Format::Npy, None) => npy::open(from).map(Self::Raw),
            (Format::Csv, None) => Ok(Self::Csv(csv::Lines::new(from))),
        }
    }

    /// Says before the first row whether the first line of text names the columns, and is skipped. If that is not said, it is
    /// read as a row, and [`doubts`](Self::doubts) may follow.
    ///
    /// # Errors
    /// Numbers that are not text; an empty first name, which stands over a column of row names.
    pub fn set_header(&mut self, header: bool) -> Result<(), Error> {
        match self {
            Self::Csv(lines) => lines.set_header(header),
            Self::Raw(_) => Err(Error::NoLines),
        }
    }

    /// Restricts the reader to a range of the rows, before the first is read. Rows before it are skipped: without reading them in a
    /// binary file, by counting lines in text, which are not checked then.
    ///
    /// # Errors
    /// [`Error::RowsBeyond`] if there are fewer rows; for text, which does not state how many it has, an end beyond the last row is
    /// an error of the [`read`](Self::read) that finds it.
    ///
    /// ```
    /// use gumbel_lab::logits::{LogitReader, RowRange};
    /// let mut reader = LogitReader::open(&b"0,1\n2,3\n4,5\n"[..], None, None)?;
    /// reader.select(RowRange { start: 1, end: Some(2) })?;
    /// let mut values = Vec::<f32>::new();
    /// reader.read(100, &mut values)?;
    /// assert_eq!(values, [2.0, 3.0]);
    /// # Ok::<(), gumbel_lab::logits::Error>(())
    /// ```
    pub fn select(&mut self, range: RowRange) -> Result<(), Error> {
        match self {
            Self::Csv(lines) => lines.select(range),
            Self::Raw(raw) => raw.select(range),
        }
    }

    /// Reasons to doubt the rows that have been read.
    ///
    /// ```
    /// use gumbel_lab::logits::{Doubt, LogitReader};
    /// let mut reader = LogitReader::open(&b"1,2\n3,4"[..], None, None)?;
    /// reader.read::<f64>(100, &mut Vec::new())?;
    /// assert_eq!(reader.doubts(), [Doubt::CutShort { row: 1 }]); // of 3,45?
    /// # Ok::<(), gumbel_lab::logits::Error>(())
    /// ```
    pub fn doubts(&self) -> &[Doubt] {
        match self {
            Self::Csv(lines) => lines.doubts(),
            Self::Raw(_) => &[],
        }
    }

    /// Whether the numbers have double precision; text has.
    pub fn double(&self) -> bool {
        match self {
            Self::Raw(raw) => raw.precision == Precision::Double,
            Self::Csv(_) => true,
        }
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

    /// The rows that are read.
    pub(super) fn range(&self) -> RowRange {
        match self {
            Self::Raw(raw) => raw.range(),
            Self::Csv(lines) => lines.range,
        }
    }

    /// The number of categories; 0 before the first row of text.
    pub(super) fn categories(&self) -> usize {
        match self {
            Self::Raw(raw) => raw.categories,
            Self::Csv(lines) => lines.categories,
        }
    }

    /// The next rows, about `numbers` numbers, but at least one row. `None` at the end, and where rows of text must be counted first:
    /// a part that is not text is read as the `first` after [`counted`](Self::counted).
    pub(super) fn part<T: Number>(&mut self, numbers: usize, first: bool) -> Result<Option<Part<T>>, Error> {
        match self {
            Self::Raw(raw) => raw.part(numbers),
            Self::Csv(lines) => lines.part(numbers, first),
        }
    }

    /// Says before which row of the file the reader is, after parts that are text.
    pub(super) fn counted(&mut self, row: u64) {
        match self {
            Self::Raw(_) => {}
            Self::Csv(lines) => lines.counted(row),
        }
    }
}
