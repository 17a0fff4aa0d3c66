//! The shape convention: flat slices of rows of `k` numbers.

use crate::Error;

/// The number of rows of length `k` in a slice of `len` numbers.
#[track_caller]
pub(crate) fn count_rows(len: usize, k: usize) -> Result<usize, Error> {
    if k == 0 || u32::try_from(k).is_err() {
        return Err(Error::Categories(k));
    }
    assert!(len.is_multiple_of(k), "a slice of length {len} is not a whole number of rows of length {k}");
    Ok(len / k)
}

#[track_caller]
pub(crate) fn same_length(name: &str, len: usize, expected: usize) {
    assert!(len == expected, "{name} has length {len}, expected {expected}");
}
