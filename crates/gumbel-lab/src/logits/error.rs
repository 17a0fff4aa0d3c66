//! Errors of files of logits, each with its remedy.

use super::Number;
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
    /// A file that holds logits in another form.
    #[error("{form}; {remedy}")]
    Packed { form: &'static str, remedy: &'static str },
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
        "row {row} (from 0) has {found} numbers, expected {expected} as in the first line; use rows of one length"
    )]
    Ragged { row: u64, found: usize, expected: usize },
    /// A field that is not a number.
    #[error(
        "row {row}, column {column} (from 0): '{}' is not a number; expected numbers such as -1.5, or -inf for a mask{}",
        excerpt(text),
        if *row == 0 { "; if the first line names the columns, use --header" } else { "" }
    )]
    NotANumber { row: u64, column: usize, text: String },
    /// A number beyond the precision.
    #[error(
        "row {row}, column {column} (from 0): '{}' is too large for a double; write inf with its sign, or a finite number",
        excerpt(text)
    )]
    Overflow { row: u64, column: usize, text: String },
    /// A row without an end.
    #[error(
        "row {row} (from 0) has more than {limit} numbers, the limit of text; write it as npy or safetensors"
    )]
    Wide { row: u64, limit: usize },
    /// A column of row names.
    #[error(
        "the first column has no name, so it numbers the rows; write the file without it (pandas: index=False)"
    )]
    Index,
    /// A header of a binary file.
    #[error("--header and --no-header are for csv files; leave them out")]
    NoLines,
    /// More different indices than categories, or none.
    #[error("--distinct must be from 1 to {categories}, the number of categories, got {count}")]
    Distinct { count: usize, categories: usize },
    /// More numbers for a row than fit in memory.
    #[error(
        "--draws {draws} of {each} numbers each are too many for a row; the limit is {limit} numbers: draw fewer, several times with other seeds"
    )]
    Draws { draws: u32, each: usize, limit: usize },
    /// Rows that the file does not have.
    #[error(
        "the file has {rows} rows, got --rows {start}..{}; choose rows from 0..{rows}",
        end.map(|end| end.to_string()).unwrap_or_default()
    )]
    RowsBeyond { start: u64, end: Option<u64>, rows: u64 },
    /// An invalid temperature.
    #[error("--tau must be positive and finite, got {0}")]
    Temperature(f64),
    /// A temperature that the precision of the logits cannot hold.
    #[error("--tau must be from {least:e} to {most:e} for logits of this precision, got {tau:e}; {remedy}")]
    NarrowTemperature { tau: f64, least: f64, most: f64, remedy: &'static str },
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

impl Error {
    /// A temperature that is zero, infinite or without all its digits in the precision `T`.
    pub(super) fn narrow<T: Number>(tau: f64) -> Self {
        let (least, most) = (T::min_positive_value().into(), T::max_value().into());
        let double = most > f32::MAX.into();
        let remedy = if double {
            "choose one in between"
        } else {
            "choose one in between, or save the logits as doubles"
        };
        Self::NarrowTemperature { tau, least, most, remedy }
    }
}

fn unknown(name: &str, known: &[String]) -> String {
    suggest::unknown("tensor", name, &words(known))
}

fn words(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}
