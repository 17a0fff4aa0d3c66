//! What can be wrong with a corpus.

use std::path::PathBuf;

/// Why there is no corpus.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The list of names is nowhere.
    #[error(
        "there is no names.txt in {}; put one there, a name a line, or give --data FILE or --data grammar",
        .0.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
    )]
    NoNames(Vec<PathBuf>),
    /// Shakespeare is nowhere.
    #[error(
        "there is no input.txt of Tiny Shakespeare in {}; put it there, or give --data FILE or --data sentences",
        .0.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
    )]
    NoShakespeare(Vec<PathBuf>),
    /// Neither a name nor a file.
    #[error(
        "no corpus or file is called {name}{question}; give grammar, sentences, names, shakespeare or the path of a \
         text file"
    )]
    Unknown {
        /// As given.
        name: String,
        /// What it may have meant, in brackets.
        question: String,
    },
    /// A file that cannot be read as text.
    #[error("cannot read {path}: {reason}", path = .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        reason: String,
    },
    /// A line that is too long for a string of its own.
    #[error(
        "{path}, line {line}: {symbols} characters, of at most {most}; for running text give --length, such as \
         --length 16",
        path = .path.display()
    )]
    LongLine {
        /// The file.
        path: PathBuf,
        /// Its line, from 1.
        line: usize,
        /// Characters it has.
        symbols: usize,
        /// Characters it may have.
        most: usize,
    },
    /// Too few strings to learn from and to compare with.
    #[error("{source_of} has {strings} strings, of at least {least}")]
    TooFew {
        /// The file or the corpus.
        source_of: String,
        /// Strings there are.
        strings: usize,
        /// Strings there must be.
        least: usize,
    },
    /// More symbols than a code can name.
    #[error("{path} has {symbols} different characters, of at most {most}", path = .path.display())]
    ManySymbols {
        /// The file.
        path: PathBuf,
        /// Different characters there are.
        symbols: usize,
        /// Different characters there may be.
        most: usize,
    },
    /// More than a data set of dots holds.
    #[error(
        "{source_of} has {characters} characters of {symbols} symbols, of at most {most}; give a part of it"
    )]
    TooLarge {
        /// The file or the corpus.
        source_of: String,
        /// Characters there are.
        characters: usize,
        /// Different characters there are.
        symbols: usize,
        /// Characters there may be.
        most: usize,
    },
    /// A length given to a corpus that has its own.
    #[error(
        "--length {0} cuts running text; grammar, sentences and names have strings of their own, leave it out"
    )]
    Length(usize),
    /// Windows that are too short or too long.
    #[error("--length must be from 2 to {most}, got {got}")]
    LengthRange {
        /// As given.
        got: usize,
        /// The longest.
        most: usize,
    },
}
