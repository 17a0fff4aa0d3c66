//! Rows of binary numbers, after the header.

use super::part::Part;
use super::source::{Source, Stored};
use super::stored_rows::{BLOCK, Buffer, StoredRows, row_bytes};
use super::{Error, Number, Precision, RowRange};
use std::io::{ErrorKind, Read};

/// Contiguous rows of binary numbers.
pub struct Raw {
    from: Source,
    /// The first row, in a file.
    stored: Option<Stored>,
    /// Precision of the numbers.
    pub precision: Precision,
    /// Number of rows.
    pub rows: u64,
    /// Numbers per row.
    pub(super) categories: usize,
    /// Rows before the next.
    read: u64,
    /// The row behind the last that is to be read.
    until: u64,
    /// Bytes that may follow the last row: those of other tensors.
    after: u64,
    bytes: Vec<u8>,
}

impl Raw {
    /// Rows of an array of the given shape, `[categories]` or `[rows, categories]`, with `after` bytes of others behind.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Empty`].
    pub(super) fn new(
        from: Source,
        precision: Precision,
        shape: &[usize],
        after: u64,
    ) -> Result<Self, Error> {
        let (rows, categories) = match *shape {
            [categories] => (1, categories),
            [rows, categories] => (rows as u64, categories),
            _ => return Err(Error::Shape(shape.to_vec())),
        };
        if rows == 0 || categories == 0 {
            return Err(Error::Empty { rows, categories });
        }
        let (stored, bytes) = (from.stored()?, Vec::new());
        Ok(Self { from, stored, precision, rows, categories, read: 0, until: rows, after, bytes })
    }

    /// As [`LogitReader::select`](super::LogitReader::select).
    pub(super) fn select(&mut self, range: RowRange) -> Result<(), Error> {
        range.check(self.rows)?;
        if self.stored.is_none() {
            let (row, before) = (self.row(), self.row().saturating_mul(range.start));
            let skipped = self.from.skip(before)?;
            if skipped < before {
                return Err(Error::Truncated { row: skipped / row, rows: self.rows });
            }
        }
        (self.read, self.until) = (range.start, range.end.unwrap_or(self.rows));
        Ok(())
    }

    /// The rows that are still to be read.
    pub(super) fn range(&self) -> RowRange {
        RowRange { start: self.read, end: Some(self.until) }
    }

    /// Bytes of a row.
    fn row(&self) -> u64 {
        row_bytes(self.categories, self.precision)
    }

    /// As [`LogitReader::read`](super::LogitReader::read).
    pub(super) fn read<T: Number>(&mut self, numbers: usize, values: &mut Vec<T>) -> Result<usize, Error> {
        match self.part(numbers)? {
            Some(part) => *values = part.values(&mut Buffer::default())?.to_vec(),
            None => values.clear(),
        }
        Ok(self.categories)
    }

    /// As [`LogitReader::part`](super::LogitReader::part).
    pub(super) fn part<T: Number>(&mut self, numbers: usize) -> Result<Option<Part<T>>, Error> {
        if self.read == self.until {
            return self.end().map(|()| None);
        }
        let count = (self.until - self.read).min((numbers / self.categories).max(1) as u64);
        let part = match &self.stored {
            Some(stored) => Part::Stored(StoredRows {
                from: stored.skip(self.row().saturating_mul(self.read)),
                precision: self.precision,
                categories: self.categories,
                first: self.read,
                of: self.rows,
                count,
            }),
            None => Part::Values(self.values(count)?),
        };
        self.read += count;
        Ok(Some(part))
    }

    /// The next rows of a stream.
    fn values<T: Number>(&mut self, count: u64) -> Result<Vec<T>, Error> {
        let (row, all) = (self.row(), self.row().saturating_mul(count));
        let (mut values, mut done) = (Vec::new(), 0);
        while done < all {
            let expected = BLOCK.min(all - done);
            let found = self.block(expected)?;
            if found < expected {
                return Err(Error::Truncated { row: self.read + (done + found) / row, rows: self.rows });
            }
            T::extend_le(&mut values, self.precision, &self.bytes);
            done += expected;
        }
        Ok(values)
    }

    /// Reads as many bytes; returns how many there were.
    fn block(&mut self, expected: u64) -> Result<u64, Error> {
        self.bytes.clear();
        match self.from.by_ref().take(expected).read_to_end(&mut self.bytes) {
            Err(error) if error.kind() != ErrorKind::UnexpectedEof => Err(error.into()),
            _ => Ok(self.bytes.len() as u64),
        }
    }

    /// Checks that the file ends where its header says: a shifted header would shift every row.
    fn end(&mut self) -> Result<(), Error> {
        let longer = match &self.stored {
            _ if self.until < self.rows => false,
            Some(stored) => {
                stored.exceeds(self.row().saturating_mul(self.rows).saturating_add(self.after))?
            }
            None => {
                let allowed = std::mem::take(&mut self.after);
                self.from.skip(allowed + 1)? > allowed
            }
        };
        if longer { Err(Error::Longer { rows: self.rows }) } else { Ok(()) }
    }
}
