//! Rows of binary numbers, whatever header stood before them.

use super::{Error, Kind, Number};
use std::io::{ErrorKind, Read};

/// Rows that lie one after another.
pub struct Raw {
    from: Box<dyn Read>,
    /// How a number lies there.
    pub kind: Kind,
    /// Rows in all.
    pub rows: u64,
    /// Numbers of a row.
    categories: usize,
    /// Rows that were read.
    read: u64,
    bytes: Vec<u8>,
}

impl Raw {
    /// Rows of an array of that shape, `[categories]` or `[rows, categories]`.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Empty`].
    pub(super) fn new(from: Box<dyn Read>, kind: Kind, shape: &[usize]) -> Result<Self, Error> {
        let (rows, categories) = match *shape {
            [categories] => (1, categories),
            [rows, categories] => (rows as u64, categories),
            _ => return Err(Error::Shape(shape.to_vec())),
        };
        if rows == 0 || categories == 0 {
            return Err(Error::Empty { rows, categories });
        }
        Ok(Self { from, kind, rows, categories, read: 0, bytes: Vec::new() })
    }

    /// As [`Source::read`](super::Source::read).
    pub(super) fn read<T: Number>(&mut self, numbers: usize, values: &mut Vec<T>) -> Result<usize, Error> {
        let most = (numbers / self.categories).max(1) as u64;
        for _ in 0..most.min(self.rows - self.read) {
            // A row at a time: a header that promises more than there is must not take the memory for it.
            self.bytes.clear();
            let wanted = (self.categories as u64).saturating_mul(self.kind.size() as u64);
            let found = self.from.by_ref().take(wanted).read_to_end(&mut self.bytes);
            match found {
                Ok(found) if found as u64 == wanted => {}
                Err(error) if error.kind() != ErrorKind::UnexpectedEof => return Err(error.into()),
                _ => return Err(Error::Truncated { row: self.read, rows: self.rows }),
            }
            let each = self.bytes.chunks_exact(self.kind.size());
            values.extend(each.map(|bytes| T::from_le(self.kind, bytes)));
            self.read += 1;
        }
        Ok(self.categories)
    }
}
