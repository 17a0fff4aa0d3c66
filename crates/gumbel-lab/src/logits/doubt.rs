//! What the text of a file leaves open.

/// A reason to look at a file again, though its rows could be read. Rows count from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)] // of the fields: each variant's sentence names them
pub enum Doubt {
    /// The last line may lack digits.
    #[error(
        "the last line has no line end: if the file was cut short, row {row} (from 0) is wrong; add a line end"
    )]
    CutShort { row: u64 },
    /// The first line may name the columns.
    #[error(
        "the first line counts 0, 1 and so on, as names of columns do: --header skips it, --no-header keeps it"
    )]
    Header,
}
