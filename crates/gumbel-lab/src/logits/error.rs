//! What can be wrong with a file of logits.

/// Why nothing was drawn. Rows and columns count from 0, lines from 1.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)] // of the fields: each variant's sentence names them
pub enum Error {
    /// Neither a name nor the first bytes tell the format.
    #[error("this is not recognised as npy, csv or safetensors; say which with --format")]
    Unknown,
    /// A file of one nameless array.
    #[error("--tensor {0} names a tensor of a safetensors file; leave it out")]
    NoNames(String),
    /// The header is not what the format asks for.
    #[error("this is not a sound {format} file: {reason}")]
    Header { format: &'static str, reason: String },
    /// Numbers of another type.
    #[error("the numbers are of type {found}; give them in half, single or double precision, little-endian")]
    Type { found: String },
    /// Columns before rows.
    #[error("the array is in Fortran order; save numpy.ascontiguousarray(array) instead")]
    Fortran,
    /// Neither a row nor rows.
    #[error("the array has the shape {0:?}; give [rows, categories], or [categories] for one row")]
    Shape(Vec<usize>),
    /// No rows, or rows of nothing.
    #[error("there are no logits: the file has {rows} rows of {categories} numbers")]
    Empty { rows: u64, categories: usize },
    /// The file ends before its last row.
    #[error("the file ends within row {row} of {rows}; it was cut short")]
    Truncated { row: u64, rows: u64 },
    /// Several tensors, and none is named.
    #[error("there are several tensors, {0}; choose one with --tensor NAME")]
    Several(String),
    /// No tensor of that name.
    #[error("there is no tensor {name}; there are {known}")]
    NoTensor { name: String, known: String },
    /// A row with more or fewer numbers than the first.
    #[error("row {row} has {found} numbers, the first row has {wanted}; rows must have the same length")]
    Ragged { row: u64, found: usize, wanted: usize },
    /// A field that is no number.
    #[error(
        "row {row}, field {field}: '{text}' is not a number; write numbers such as -1.5, or -inf for a mask"
    )]
    NotANumber { row: u64, field: usize, text: String },
    /// More categories are wanted than there are.
    #[error("--top-k {count} of rows of {categories} categories: ask for 1 to {categories}")]
    TopK { count: usize, categories: usize },
    /// The logits cannot be sampled, or the temperature cannot.
    #[error(transparent)]
    Kernel(#[from] gumbel_kernels::Error),
    /// The system's words on reading.
    #[error(transparent)]
    System(#[from] std::io::Error),
    /// Those on writing.
    #[error("the draws cannot be written: {0}")]
    Unwritable(std::io::Error),
}
