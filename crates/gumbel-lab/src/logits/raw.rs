//! Rows of binary numbers, after the header.

use super::{Error, Number, Precision};
use std::io::{ErrorKind, Read};

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
        let most = (numbers / self.categories).max(1) as u64;
        for _ in 0..most.min(self.rows - self.read) {
            // One row at a time, so that a header which states more than there is does not allocate memory for it.
            self.bytes.clear();
            let expected = (self.categories as u64).saturating_mul(self.precision.size() as u64);
            let found = self.from.by_ref().take(expected).read_to_end(&mut self.bytes);
            match found {
                Ok(found) if found as u64 == expected => {}
                Err(error) if error.kind() != ErrorKind::UnexpectedEof => return Err(error.into()),
                _ => return Err(Error::Truncated { row: self.read, rows: self.rows }),
            }
            let each = self.bytes.chunks_exact(self.precision.size());
            values.extend(each.map(|bytes| T::from_le(self.precision, bytes)));
            self.read += 1;
        }
        Ok(self.categories)
    }

    /// Checks that the file ends where its header says: a shifted header would shift every row.
    fn end(&mut self) -> Result<(), Error> {
        let allowed = std::mem::take(&mut self.after);
        let found = std::io::copy(&mut self.from.by_ref().take(allowed + 1), &mut std::io::sink())?;
        if found > allowed { Err(Error::Longer { rows: self.rows }) } else { Ok(()) }
    }
}
