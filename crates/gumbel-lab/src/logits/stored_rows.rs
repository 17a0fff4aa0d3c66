//! Rows of binary numbers in a file, which any thread can read.

use super::source::Stored;
use super::{Error, Number, Precision};

/// Bytes read at a time, of whole numbers of any precision: a header which states more than there is does not allocate memory
/// for it, and what was read is still in the cache when it is converted.
pub(super) const BLOCK: u64 = 1 << 16;

/// What a thread reads a part of a file into, one after another.
#[derive(Default)]
pub(super) struct Buffer<T> {
    pub values: Vec<T>,
    pub bytes: Vec<u8>,
}

/// Rows in a file.
pub(super) struct StoredRows {
    pub from: Stored,
    pub precision: Precision,
    pub categories: usize,
    /// The index of the first row in the file, from 0.
    pub first: u64,
    /// The number of rows in the file, as its header states it.
    pub of: u64,
    pub count: u64,
}

impl StoredRows {
    /// Reads the rows.
    pub fn load<T: Number>(&self, buffer: &mut Buffer<T>) -> Result<(), Error> {
        let row = row_bytes(self.categories, self.precision);
        let (all, mut done) = (row.saturating_mul(self.count), 0);
        buffer.bytes.resize(BLOCK as usize, 0);
        buffer.values.clear();
        while done < all {
            let expected = BLOCK.min(all - done);
            let bytes = &mut buffer.bytes[..expected as usize];
            let found = self.from.read(done, bytes)? as u64;
            if found < expected {
                return Err(Error::Truncated { row: self.first + (done + found) / row, rows: self.of });
            }
            T::extend_le(&mut buffer.values, self.precision, bytes);
            done += expected;
        }
        Ok(())
    }
}

/// Bytes of a row.
pub(super) fn row_bytes(categories: usize, precision: Precision) -> u64 {
    (categories as u64).saturating_mul(precision.size() as u64)
}
