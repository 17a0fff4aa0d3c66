//! Errors of data sets, each with its remedy.

use super::layout::SPELLINGS;
use crate::support::atomic_file;
use crate::support::interrupt::Interrupted;
use crate::support::suggest;
use std::{io, path::PathBuf};

/// Why data could not be found, read or fetched. Every message is one line with the problem, the value and the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A word that is neither the name of a data set nor a folder.
    #[error("{}", unknown(name, known))]
    UnknownName {
        /// The word.
        name: String,
        /// All known names.
        known: &'static [&'static str],
    },
    /// A named data set that is in none of the folders searched.
    #[error(
        "data set '{name}' not found: looked for {} ({SPELLINGS}) in {}; run `gumbel data fetch {name}`, or give the \
         folder that holds it with --data-dir DIR",
        files.join(", "),
        list(searched)
    )]
    NotFound {
        /// The data set.
        name: &'static str,
        /// Files searched, without `.gz`.
        files: Vec<&'static str>,
        /// Folders searched, in order.
        searched: Vec<PathBuf>,
    },
    /// A path that should be a folder is missing or is a file.
    #[error("{} is not a folder; expected the name of a data set or a folder of IDX files", .0.display())]
    NoFolder(PathBuf),
    /// A folder without the images of a part.
    #[error(
        "{} has no {part} images: looked for {example} ({SPELLINGS}), found {}; add the file or rename it",
        folder.display(),
        only(found)
    )]
    NoImages {
        /// The folder.
        folder: PathBuf,
        /// `training` or `test`.
        part: &'static str,
        /// A name that the file could have.
        example: &'static str,
        /// The IDX files that are there.
        found: Vec<String>,
    },
    /// Two files of a folder that could be the same part.
    #[error(
        "{} and {} could both be the {part}; put the files of one data set into a folder of their own",
        first.display(),
        second.display()
    )]
    Ambiguous {
        /// Such as `train images`.
        part: String,
        /// One file.
        first: PathBuf,
        /// Another.
        second: PathBuf,
    },
    /// A missing file.
    #[error("{} is missing; check the path", .0.display())]
    Missing(PathBuf),
    /// A folder that lacks files of a named set.
    #[error(
        "data set '{name}' is incomplete: {} lacks {} ({SPELLINGS}); run `gumbel data fetch {name}`, or give another \
         folder with --data-dir DIR",
        folder.display(),
        missing.join(", ")
    )]
    Incomplete {
        /// The data set.
        name: &'static str,
        /// Its folder.
        folder: PathBuf,
        /// The missing files, without `.gz`.
        missing: Vec<&'static str>,
    },
    /// A file or folder could not be read.
    #[error("cannot read {}: {source}; check the path and its permissions", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// A file or folder could not be written.
    #[error("cannot write {}: {source}; {} or choose another folder with --data-dir DIR", path.display(), atomic_file::remedy(source))]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// Compressed data that does not decompress.
    #[error("{} is a damaged {format} file ({source}); delete it and fetch it again", path.display())]
    Damaged {
        /// The file or folder.
        path: PathBuf,
        /// `gzip`, `zip` or `PNG`.
        format: &'static str,
        /// The error of the decoder.
        source: io::Error,
    },
    /// A file that ends early.
    #[error("{} is truncated: expected {expected} bytes, got {got}; fetch it again", path.display())]
    Truncated {
        /// The file or folder.
        path: PathBuf,
        /// Bytes that the header states, its own included (uncompressed).
        expected: u64,
        /// Bytes of the file.
        got: u64,
    },
    /// A file with more bytes after its last item.
    #[error("{} is longer than the {expected} bytes that its header states; it is not a plain IDX file", path.display())]
    Trailing {
        /// The file or folder.
        path: PathBuf,
        /// Bytes that the header states, its own included (uncompressed).
        expected: u64,
    },
    /// A file that is not the expected kind of IDX file.
    #[error("{} is not an IDX file of the expected kind: it starts with {got:#010x}, expected {expected}; check the file", path.display())]
    Magic {
        /// The file or folder.
        path: PathBuf,
        /// The file's first four bytes.
        got: u32,
        /// The expected ones.
        expected: &'static str,
    },
    /// A header that states more bytes than are read.
    #[error("{} states {bytes} bytes in its header; the limit is {limit}; the file is damaged or not IDX", path.display())]
    TooLarge {
        /// The file or folder.
        path: PathBuf,
        /// Bytes that the header states; [`u64::MAX`] if their number overflows.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// A file without a single pixel.
    #[error("{} holds no images ({count} of {height} x {width}); check the file", path.display())]
    Empty {
        /// The file or folder.
        path: PathBuf,
        /// Images.
        count: usize,
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
    },
    /// Images of one set with different sizes.
    #[error("{} has images of {}x{}, expected {}x{} as in the training images; use parts of the same size", path.display(), got.0, got.1, expected.0, expected.1)]
    Shape {
        /// The file or folder.
        path: PathBuf,
        /// (height, width) of this file.
        got: (usize, usize),
        /// (height, width) of the training images.
        expected: (usize, usize),
    },
    /// Labels and images of different number.
    #[error("{} has {labels} labels, expected {images} as {} has images; use files that belong together", labels_path.display(), images_path.display())]
    CountMismatch {
        /// File of the images.
        images_path: PathBuf,
        /// Number of images.
        images: usize,
        /// File of the labels.
        labels_path: PathBuf,
        /// Number of labels.
        labels: usize,
    },
    /// A file of a named set with other contents than published.
    #[error("{} is not the published {name} file (SHA-256 of its contents {got}, expected {expected}); run `gumbel data fetch {name}`, or use the folder unchecked with --data DIR", path.display())]
    NotPublished {
        /// The data set.
        name: &'static str,
        /// The file.
        path: PathBuf,
        /// SHA-256 of the uncompressed contents, hexadecimal.
        got: String,
        /// The published one.
        expected: &'static str,
    },
    /// A download that was interrupted; no partial file is left.
    #[error(transparent)]
    Interrupted(Interrupted),
    /// A set that needs no download.
    #[error("data set '{0}' is built in and needs no download; use it with --data {0}")]
    BuiltIn(&'static str),
    /// No folder to store data in.
    #[error("this system has no cache folder; choose a folder with --data-dir DIR or GUMBEL_DATA")]
    NoCache,
    /// A response of the server other than the file.
    #[error(
        "{url} returned HTTP status {status}; try again later, or get the file elsewhere and use --data-dir DIR"
    )]
    HttpStatus {
        /// The address requested.
        url: String,
        /// The status.
        status: u16,
    },
    /// A server that cannot be reached, or a connection that failed.
    #[error(
        "cannot download {url}: {reason}; check the network, or get the file elsewhere and use --data-dir DIR"
    )]
    Unreachable {
        /// The address requested.
        url: String,
        /// The reason.
        reason: String,
    },
    /// A download of another length than published.
    #[error("{url} sent {}{got} bytes, expected {expected}; try again", if got > expected { "at least " } else { "" })]
    WrongLength {
        /// The address requested.
        url: String,
        /// Bytes published.
        expected: u64,
        /// Bytes received, at most one more than published.
        got: u64,
    },
    /// A download with other contents than published.
    #[error(
        "{url} sent a file with SHA-256 {got}, expected {expected}, which was discarded; try another source"
    )]
    WrongHash {
        /// The address requested.
        url: String,
        /// SHA-256 published, hexadecimal.
        expected: String,
        /// SHA-256 received, hexadecimal.
        got: String,
    },
    /// A file that no mirror delivered.
    #[error(
        "cannot download {file} from any mirror: {}; check the network, or get the file elsewhere and use --data-dir DIR",
        joined(attempts)
    )]
    AllMirrors {
        /// The file.
        file: &'static str,
        /// The error of each mirror, in order.
        attempts: Vec<Error>,
    },
    /// A downloaded original with unexpected contents.
    #[error("cannot convert {}: {reason}; please report this with the version of the program", path.display())]
    Convert {
        /// The original.
        path: PathBuf,
        /// What was unexpected.
        reason: String,
    },
    /// Images without labels, in training that requires them.
    #[error(
        "{name} has images without labels; use digits, mnist or fashion-mnist, add a file of labels, or use \
         --labels-from random"
    )]
    NoLabels {
        /// The data set.
        name: String,
    },
    /// A number of classes other than that of the labels.
    #[error("--classes must be {expected}, the number of classes of {name}, got {got}")]
    Classes {
        /// The data set.
        name: String,
        /// As given.
        got: usize,
        /// The number of classes of the labels.
        expected: usize,
    },
    /// Fewer images of a class than are to be labelled.
    #[error(
        "--labels {count} needs {} images of each of {classes} classes, but {name} has fewer; lower --labels",
        count / classes
    )]
    TooFewOfAClass {
        /// The data set.
        name: String,
        /// Images to be labelled.
        count: usize,
        /// Classes.
        classes: usize,
    },
}

fn unknown(name: &str, known: &[&str]) -> String {
    let message = suggest::unknown("data set", name, known);
    if message.ends_with('?') { message } else { message + ", or a folder of IDX files" }
}

/// The folders of a search, for messages.
pub(super) fn list(paths: &[PathBuf]) -> String {
    let shown: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    if shown.is_empty() { "no folder to search".into() } else { shown.join(", ") }
}

fn only(files: &[String]) -> String {
    if files.is_empty() { "no IDX file".into() } else { format!("only {}", files.join(", ")) }
}

fn joined(errors: &[Error]) -> String {
    // Each without its remedy, as those are much the same.
    let brief =
        |error: &Error| error.to_string().rsplit_once("; ").map_or_else(String::new, |(what, _)| what.into());
    errors.iter().map(brief).collect::<Vec<_>>().join("; ")
}

impl Error {
    pub(crate) fn read(path: &std::path::Path, source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::NotFound {
            return Self::Missing(path.to_path_buf());
        }
        Self::Read { path: path.to_path_buf(), source }
    }

    pub(crate) fn write(path: &std::path::Path, source: io::Error) -> Self {
        Self::Write { path: path.to_path_buf(), source }
    }
}
