//! What can go wrong with data, each with its remedy.

use crate::support::atomic_file;
use crate::support::interrupt::Interrupted;
use crate::support::suggest::meant;
use std::{io, path::PathBuf};

/// Why data could not be read, found or fetched. Every message is one line that names the value and the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No data set has this name and it is no folder.
    #[error("unknown data set {name:?}{}; known are {known}, or give a folder of IDX files", meant(near))]
    UnknownName {
        /// What was asked for.
        name: String,
        /// Known names that are close to it.
        near: Vec<&'static str>,
        /// All known names.
        known: String,
    },
    /// A known data set is on none of the places searched.
    #[error(
        "{name} not found in {}; run `gumbel data fetch {name}`, or name its folder with --data-dir",
        list(searched)
    )]
    NotFound {
        /// The data set.
        name: &'static str,
        /// Folders searched, in order.
        searched: Vec<PathBuf>,
    },
    /// A path that should be a folder is missing or is a file.
    #[error("{} is not a folder; give a data set's name or a folder of IDX files", .0.display())]
    NoFolder(PathBuf),
    /// A folder lacks the images of a part.
    #[error("{} has no {part} images: looked for one IDX file whose name has \"images\" and {hint}", folder.display())]
    NoImages {
        /// Where.
        folder: PathBuf,
        /// `train` or `test`.
        part: &'static str,
        /// What the name must contain.
        hint: &'static str,
    },
    /// Two files of a folder could be the same part.
    #[error("{} and {} could both be the {part}; keep one of them in the folder", first.display(), second.display())]
    Ambiguous {
        /// Such as `train images`.
        part: String,
        /// One file.
        first: PathBuf,
        /// Another.
        second: PathBuf,
    },
    /// A file is not there.
    #[error("{} is missing; check the path", .0.display())]
    Missing(PathBuf),
    /// A named set's folder lacks one of its files.
    #[error("{} is missing from {name}; run `gumbel data fetch {name}`, or check --data-dir", path.display())]
    Incomplete {
        /// The data set.
        name: &'static str,
        /// Where the file should be.
        path: PathBuf,
    },
    /// A file or folder could not be read.
    #[error("cannot read {}: {source}; check the path and its permissions", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file or folder could not be written.
    #[error("cannot write {}: {source}; {} or choose another folder with --data-dir", path.display(), atomic_file::remedy(source))]
    Write {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Compressed data that does not decompress.
    #[error("{} is a damaged {format} file ({source}); delete it and fetch it again", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// `gzip`, `zip` or `PNG`.
        format: &'static str,
        /// What the decoder said.
        source: io::Error,
    },
    /// The file ends early.
    #[error("{} is cut short: wanted {wanted} bytes, got {got}; fetch it again", path.display())]
    Truncated {
        /// Which.
        path: PathBuf,
        /// Bytes the header promises, itself included (uncompressed).
        wanted: u64,
        /// Bytes there are.
        got: u64,
    },
    /// The file goes on after its last item.
    #[error("{} has bytes after the {wanted} its header promises; it is not a plain IDX file", path.display())]
    Trailing {
        /// Which.
        path: PathBuf,
        /// Bytes the header promises, itself included (uncompressed).
        wanted: u64,
    },
    /// Not the kind of IDX file that was expected.
    #[error("{} starts with {got:#010x}, not with {wanted}; it is not an IDX file of that kind", path.display())]
    Magic {
        /// Which.
        path: PathBuf,
        /// The file's first four bytes.
        got: u32,
        /// What would do.
        wanted: &'static str,
    },
    /// The header promises more than we are willing to hold.
    #[error("{} promises {bytes} bytes, over the limit of {limit}; its header is damaged or not IDX", path.display())]
    TooLarge {
        /// Which.
        path: PathBuf,
        /// Bytes the header promises; [`u64::MAX`] where their number overflows.
        bytes: u64,
        /// The most we read.
        limit: u64,
    },
    /// A file without a single pixel.
    #[error("{} holds no images ({count} of {height} x {width}); check the file", path.display())]
    Empty {
        /// Which.
        path: PathBuf,
        /// Images.
        count: usize,
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
    },
    /// Images of one set that differ in size.
    #[error("{} has {}x{} images, the training images are {}x{}; all parts must agree", path.display(), got.0, got.1, wanted.0, wanted.1)]
    Shape {
        /// Which.
        path: PathBuf,
        /// (height, width) of this file.
        got: (usize, usize),
        /// (height, width) of the training images.
        wanted: (usize, usize),
    },
    /// Labels and images that do not pair up.
    #[error("{} has {labels} labels for the {images} images of {}; the two files do not belong together", labels_path.display(), images_path.display())]
    CountMismatch {
        /// The images.
        images_path: PathBuf,
        /// How many.
        images: usize,
        /// The labels.
        labels_path: PathBuf,
        /// How many.
        labels: usize,
    },
    /// A file in a named set's place whose contents are other than published.
    #[error("{} is not the published {name} file (SHA-256 of its contents {got}, expected {wanted}); fetch {name} again, or give the folder instead of the name to use it as it is", path.display())]
    NotPublished {
        /// The data set.
        name: &'static str,
        /// Which file.
        path: PathBuf,
        /// SHA-256 of the uncompressed contents, hexadecimal.
        got: String,
        /// The published one.
        wanted: &'static str,
    },
    /// A download that was told to stop; no half-written file is left.
    #[error(transparent)]
    Interrupted(Interrupted),
    /// Nothing to fetch.
    #[error("{0} is built in: there is nothing to fetch, use it as --data {0}")]
    BuiltIn(&'static str),
    /// No folder to keep data in.
    #[error("no cache folder on this system; choose a folder with --data-dir or GUMBEL_DATA")]
    NoCache,
    /// The server answered with something else than the file.
    #[error("{url} answered HTTP {status}; try again later or get the file elsewhere and use --data-dir")]
    HttpStatus {
        /// What was asked for.
        url: String,
        /// The answer.
        status: u16,
    },
    /// The server could not be reached or broke off before the file began.
    #[error("cannot reach {url}: {reason}; check the network, or get the file elsewhere and use --data-dir")]
    Unreachable {
        /// What was asked for.
        url: String,
        /// Why.
        reason: String,
    },
    /// The download has another length than the published file.
    #[error("{url} sent {got} bytes, expected {wanted}{}; try again", if got > wanted { " (stopped there)" } else { "" })]
    WrongLength {
        /// What was asked for.
        url: String,
        /// Bytes published.
        wanted: u64,
        /// Bytes received, at most one more than published.
        got: u64,
    },
    /// The download has other contents than the published file.
    #[error("{url} sent a file with SHA-256 {got}, expected {wanted}; it was discarded, try another source")]
    WrongHash {
        /// What was asked for.
        url: String,
        /// Hexadecimal.
        wanted: String,
        /// Hexadecimal.
        got: String,
    },
    /// Every mirror of a file failed.
    #[error(
        "no mirror of {file} worked: {}; check the network, or get the file elsewhere and use --data-dir",
        joined(attempts)
    )]
    AllMirrors {
        /// The file.
        file: &'static str,
        /// What each mirror did, in order.
        attempts: Vec<Error>,
    },
    /// A downloaded original that does not have the expected inside.
    #[error("{} cannot be converted: {reason}; report this together with the version", path.display())]
    Convert {
        /// The original.
        path: PathBuf,
        /// What was unexpected.
        reason: String,
    },
}

fn list(paths: &[PathBuf]) -> String {
    let shown: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    if shown.is_empty() { "no folder at all".into() } else { shown.join(", ") }
}

fn joined(errors: &[Error]) -> String {
    // Each without its remedy: those are much the same, and one line must do.
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
