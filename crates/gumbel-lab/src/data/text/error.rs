//! Errors of corpora, each with its remedy.

use crate::data::error::list;
use crate::support::suggest;
use std::path::PathBuf;

/// Why a corpus could not be found or read. Every message is one line with the problem, the value and the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)] // of the fields: the sentences of their variant name them
pub enum Error {
    /// A named corpus whose file is in none of the folders searched, in their order.
    #[error(
        "corpus '{name}' not found: looked for {file} in {}; put the file there, give another folder with --data-dir \
         DIR, or use a text file with --data FILE",
        list(searched)
    )]
    NotFound { name: &'static str, file: &'static str, searched: Vec<PathBuf> },
    /// A word that is neither the name of a corpus nor a file.
    #[error("{}", unknown(name, known))]
    Unknown { name: String, known: &'static [&'static str] },
    /// A file that cannot be read as text.
    #[error("cannot read {}: {reason}; expected a text file in UTF-8", path.display())]
    Unreadable { path: PathBuf, reason: String },
    /// A line, counted from 1, that is too long for a string.
    #[error(
        "{}, line {line}: {symbols} characters; the limit is {limit}; for running text use --length, such as \
         --length 16",
        path.display()
    )]
    LongLine { path: PathBuf, line: usize, symbols: usize, limit: usize },
    /// Too few strings for training and comparison.
    #[error("{source_of} has {strings} strings; at least {minimum} are needed; use a larger file")]
    TooFew { source_of: String, strings: usize, minimum: usize },
    /// More symbols than codes.
    #[error("{} has {symbols} different characters; the limit is {limit}; use a file with fewer", path.display())]
    ManySymbols { path: PathBuf, symbols: usize, limit: usize },
    /// More characters than a data set in memory holds.
    #[error(
        "{source_of} has {characters} characters of {symbols} symbols; the limit is {limit} characters; use a part of \
         the file"
    )]
    TooLarge { source_of: String, characters: usize, symbols: usize, limit: usize },
    /// A length for a corpus whose strings have their own.
    #[error(
        "--length {0} is for running text; grammar, sentences and names have strings of their own; leave it out"
    )]
    Length(usize),
    /// Windows that are too short or too long.
    #[error("--length must be from 2 to {limit}, got {got}")]
    LengthRange { got: usize, limit: usize },
}

fn unknown(name: &str, known: &[&str]) -> String {
    let message = suggest::unknown("corpus", name, known);
    if message.ends_with('?') { message } else { message + ", or the path of a text file" }
}
