//! Errors of data sets, each with its remedy.

use super::layout::SPELLINGS;
use crate::support::atomic_file;
use crate::support::interrupt::Interrupted;
use crate::support::suggest;
use std::{io, path::PathBuf};

/// Why data could not be found, read or fetched. Every message is one line with the problem, the value and the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)] // of the fields: the sentences of their variant name them
pub enum Error {
    /// A word that is neither the name of a data set nor a folder.
    #[error("{}", unknown(name, known))]
    UnknownName { name: String, known: Vec<&'static str> },
    /// A named data set that is in none of the folders searched, in their order; its files without `.gz`.
    #[error(
        "data set '{name}' not found: looked for {} ({SPELLINGS}) in {}; run `gumbel data fetch {name}`, or give the \
         folder that holds it with --data-dir DIR",
        files.join(", "),
        list(searched)
    )]
    NotFound { name: &'static str, files: Vec<&'static str>, searched: Vec<PathBuf> },
    /// A path that should be a folder is missing or is a file.
    #[error("{} is not a folder; expected the name of a data set or a folder of IDX files", .0.display())]
    NoFolder(PathBuf),
    /// A folder without the images of a part, `training` or `test`; the names of the IDX files that it has.
    #[error(
        "{} has no {part} images: looked for {example} ({SPELLINGS}), found {}; add the file or rename it",
        folder.display(),
        only(found)
    )]
    NoImages { folder: PathBuf, part: &'static str, example: &'static str, found: Vec<String> },
    /// Two files of a folder that could be the same part, such as `train images`.
    #[error(
        "{} and {} could both be the {part}; put the files of one data set into a folder of their own",
        first.display(),
        second.display()
    )]
    Ambiguous { part: String, first: PathBuf, second: PathBuf },
    /// A missing file.
    #[error("{} is missing; check the path", .0.display())]
    Missing(PathBuf),
    /// A folder that lacks files of a named set, here without `.gz`.
    #[error(
        "data set '{name}' is incomplete: {} lacks {} ({SPELLINGS}); run `gumbel data fetch {name}`, or give another \
         folder with --data-dir DIR",
        folder.display(),
        missing.join(", ")
    )]
    Incomplete { name: &'static str, folder: PathBuf, missing: Vec<&'static str> },
    /// A file or folder could not be read.
    #[error("cannot read {}: {source}; check the path and its permissions", path.display())]
    Read { path: PathBuf, source: io::Error },
    /// A file or folder could not be written.
    #[error("cannot write {}: {source}; {} or choose another folder with --data-dir DIR", path.display(), atomic_file::remedy(source))]
    Write { path: PathBuf, source: io::Error },
    /// Compressed data, `gzip`, `zip` or `PNG`, that does not decompress.
    #[error("{} is a damaged {format} file ({source}); delete it and fetch it again", path.display())]
    Damaged { path: PathBuf, format: &'static str, source: io::Error },
    /// A file that ends early. Bytes are counted uncompressed, with the header.
    #[error("{} is truncated: expected {expected} bytes, got {got}; fetch it again", path.display())]
    Truncated { path: PathBuf, expected: u64, got: u64 },
    /// A file with more bytes after its last item, counted likewise.
    #[error("{} is longer than the {expected} bytes that its header states; it is not a plain IDX file", path.display())]
    Trailing { path: PathBuf, expected: u64 },
    /// A file that is not the expected kind of IDX file, by its first four bytes.
    #[error("{} is not an IDX file of the expected kind: it starts with {got:#010x}, expected {expected}; check the file", path.display())]
    Magic { path: PathBuf, got: u32, expected: &'static str },
    /// A header that states more bytes than are read; [`u64::MAX`] where their number overflows.
    #[error("{} states {bytes} bytes in its header; the limit is {limit}; the file is damaged or not IDX", path.display())]
    TooLarge { path: PathBuf, bytes: u64, limit: u64 },
    /// A file without a single pixel.
    #[error("{} holds no images ({count} of {height} x {width}); check the file", path.display())]
    Empty { path: PathBuf, count: usize, height: usize, width: usize },
    /// Images of one set with different sizes, (height, width).
    #[error("{} has images of {}x{}, expected {}x{} as in the training images; use parts of the same size", path.display(), got.0, got.1, expected.0, expected.1)]
    Shape { path: PathBuf, got: (usize, usize), expected: (usize, usize) },
    /// Labels and images of different number.
    #[error("{} has {labels} labels, expected {images} as {} has images; use files that belong together", labels_path.display(), images_path.display())]
    CountMismatch { images_path: PathBuf, images: usize, labels_path: PathBuf, labels: usize },
    /// A file of a named set with other contents than published: their SHA-256, uncompressed, in hexadecimal.
    #[error("{} is not the published {name} file (SHA-256 of its contents {got}, expected {expected}); run `gumbel data fetch {name}`, or use the folder unchecked with --data DIR", path.display())]
    NotPublished { name: &'static str, path: PathBuf, got: String, expected: &'static str },
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
    HttpStatus { url: String, status: u16 },
    /// A server that cannot be reached, or a connection that failed.
    #[error(
        "cannot download {url}: {reason}; check the network, or get the file elsewhere and use --data-dir DIR"
    )]
    Unreachable { url: String, reason: String },
    /// A download of another length than published; at most one byte more is received.
    #[error("{url} sent {}{got} bytes, expected {expected}; try again", if got > expected { "at least " } else { "" })]
    WrongLength { url: String, expected: u64, got: u64 },
    /// A download with other contents than published: their SHA-256 in hexadecimal.
    #[error(
        "{url} sent a file with SHA-256 {got}, expected {expected}, which was discarded; try another source"
    )]
    WrongHash { url: String, expected: String, got: String },
    /// A file that no mirror delivered, with the error of each in order.
    #[error(
        "cannot download {file} from any mirror: {}; check the network, or get the file elsewhere and use --data-dir DIR",
        joined(attempts)
    )]
    AllMirrors { file: &'static str, attempts: Vec<Error> },
    /// A downloaded original with unexpected contents.
    #[error("cannot convert {}: {reason}; please report this with the version of the program", path.display())]
    Convert { path: PathBuf, reason: String },
    /// Images without labels, in training that requires them.
    #[error(
        "{name} has images without labels; use digits, mnist or fashion-mnist, add a file of labels, or use \
         --labels-from random"
    )]
    NoLabels { name: String },
    /// A number of classes other than that of the labels.
    #[error("--classes must be {expected}, the number of classes of {name}, got {got}")]
    Classes { name: String, got: usize, expected: usize },
    /// Fewer images of a class than are to be labelled.
    #[error(
        "--labels {count} needs {} images of each of {classes} classes, but {name} has {images} of class {class}; {}",
        count / classes,
        fewer(*images, *classes)
    )]
    TooFewOfAClass { name: String, count: usize, classes: usize, class: usize, images: usize },
}

fn unknown(name: &str, known: &[&str]) -> String {
    let message = suggest::unknown("data set", name, known);
    if message.ends_with('?') { message } else { message + ", or a folder of IDX files" }
}

fn fewer(images: usize, classes: usize) -> String {
    match images {
        0 => "add images of it, or use --labels-from random".into(),
        images => format!("lower --labels to {} or less", images * classes),
    }
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
