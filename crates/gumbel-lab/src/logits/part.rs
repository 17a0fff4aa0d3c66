//! Parts of the rows of a file, which threads read and sample.

use super::stored_rows::{Buffer, StoredRows};
use super::{Error, Number};

/// Some rows of logits, as far as they are read.
pub(super) enum Part<T> {
    /// Numbers.
    Values(Vec<T>),
    /// Complete lines of text.
    Text(Vec<u8>),
    /// Rows of a file, which are still to be read.
    Stored(StoredRows),
}

impl<T: Number> Part<T> {
    /// The numbers of the part, in `buffer` if they are read now. Text was parsed before, by [`placed`](super::placed::placed).
    pub fn values<'a>(&'a self, buffer: &'a mut Buffer<T>) -> Result<&'a [T], Error> {
        match self {
            Self::Values(values) => Ok(values),
            Self::Stored(rows) => rows.load(buffer).map(|()| &buffer.values[..]),
            Self::Text(_) => unreachable!("text is parsed before its rows are placed"),
        }
    }

    /// The number of rows. Text was parsed before.
    pub fn rows(&self, categories: usize) -> u64 {
        match self {
            Self::Values(values) => (values.len() / categories) as u64,
            Self::Stored(rows) => rows.count,
            Self::Text(_) => unreachable!("text is parsed before its rows are counted"),
        }
    }
}
