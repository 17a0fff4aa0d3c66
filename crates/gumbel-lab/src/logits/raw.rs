//! Rows of binary numbers, after the header.

use super::{Error, Number, Precision};
use std::io::{ErrorKind, Read};

/// Bytes read at a time, of whole numbers of any precision: a header which states more than there is does not allocate memory
/// for it.
const BLOCK: u64 = 1 << 18;

/// Contiguous rows of binary numbers.
pub struct Raw {
    from: Box<dyn Read>,
    /// Precision of the numbers.
    pub precision: Precision,
    /// Number of rows.
    pub rows: u64,
    /// Numbers per row.
    categories: usize,
    /// Rows read so far.
    read: u64,
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
        from: Box<dyn Read>,
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
        Ok(Self { from, precision, rows, categories, read: 0, after, bytes: Vec::new() })
    }

    /// As [`LogitReader::read`](super::LogitReader::read).
    pub(super) fn read<T: Number>(&mut self, numbers: usize, values: &mut Vec<T>) -> Result<usize, Error> {
        if self.read == self.rows {
            self.end()?;
        }
        let rows = (self.rows - self.read).min((numbers / self.categories).max(1) as u64);
        let row = (self.categories as u64).saturating_mul(self.precision.size() as u64);
        let all = row.saturating_mul(rows);
        let mut done = 0;
        while done < all {
            let expected = BLOCK.min(all - done);
            let found = self.block(expected)?;
            if found < expected {
                return Err(Error::Truncated { row: self.read + (done + found) / row, rows: self.rows });
            }
            T::extend_le(values, self.precision, &self.bytes);
            done += expected;
        }
        self.read += rows;
        Ok(self.categories)
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
        let allowed = std::mem::take(&mut self.after);
        let found = std::io::copy(&mut self.from.by_ref().take(allowed + 1), &mut std::io::sink())?;
        if found > allowed { Err(Error::Longer { rows: self.rows }) } else { Ok(()) }
    }
}
