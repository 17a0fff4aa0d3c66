//! Errors of files of logits, each with its remedy.

use crate::support::excerpt::excerpt;
use crate::support::suggest;

/// Why rows of logits could not be read or sampled. Rows and columns count from 0.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)] // of the fields: each variant's sentence names them
pub enum Error {
    /// A format that neither the name nor the first bytes tell.
    #[error("unknown format; expected npy, csv or safetensors; name it with --format")]
    Unknown,
    /// A tensor name for a file of one array without a name.
    #[error("--tensor {} is for safetensors files; leave it out", excerpt(.0))]
    NoNames(String),
    /// A header that does not follow the format.
    #[error("not a valid {format} file: {reason}; write the file again")]
    Header { format: &'static str, reason: String },
    /// Numbers of an unsupported type.
    #[error(
        "the numbers are of type {}; expected half, single or double precision, little-endian",
        excerpt(found)
    )]
    Type { found: String },
    /// Columns before rows.
    #[error("the array is in Fortran order; save numpy.ascontiguousarray(array) instead")]
    Fortran,
    /// Neither one row nor rows.
    #[error("the array has the shape {0:?}; expected [rows, categories], or [categories] for one row")]
    Shape(Vec<usize>),
    /// No rows, or rows without numbers.
    #[error("no logits in the file: it has {rows} rows of {categories} numbers; check the file")]
    Empty { rows: u64, categories: usize },
    /// A file that ends before its last row.
    #[error("the file ends within row {row} of {rows}: it is truncated; write it again")]
    Truncated { row: u64, rows: u64 },
    /// Several tensors, and no name.
    #[error("several tensors in the file: {}; choose one with --tensor NAME", suggest::listed(&words(.0)))]
    Several(Vec<String>),
    /// A name of no tensor.
    #[error("{}", unknown(name, known))]
    NoTensor { name: String, known: Vec<String> },
    /// A row with more or fewer numbers than the first.
    #[error(
        "row {row} (from 0) has {found} numbers, expected {expected} as in the first row; use rows of one length"
    )]
    Ragged { row: u64, found: usize, expected: usize },
    /// A field that is not a number.
    #[error(
        "row {row}, column {column} (from 0): '{}' is not a number; expected numbers such as -1.5, or -inf for a mask",
        excerpt(text)
    )]
    NotANumber { row: u64, column: usize, text: String },
    /// More indices than categories, or none.
    #[error("--top-k must be from 1 to {categories}, the number of categories, got {count}")]
    TopK { count: usize, categories: usize },
    /// An invalid temperature.
    #[error("--tau must be positive and finite, got {0}")]
    Temperature(f64),
    /// Logits that cannot be sampled.
    #[error(transparent)]
    Kernel(#[from] gumbel_kernels::Error),
    /// Bytes that belong to no row.
    #[error("the file goes on after its last row: the header states {rows} rows; write the file again")]
    Longer { rows: u64 },
    /// An error of the system on reading.
    #[error(transparent)]
    System(#[from] std::io::Error),
    /// An error of the system on writing.
    #[error("cannot write the samples: {0}")]
    Unwritable(std::io::Error),
}

fn unknown(name: &str, known: &[String]) -> String {
    suggest::unknown("tensor", name, &words(known))
}

fn words(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}
