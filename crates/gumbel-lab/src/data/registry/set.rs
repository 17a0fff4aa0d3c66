//! What is known about a named data set.

/// A named data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Set {
    /// Name on the command line, and of its folder.
    pub name: &'static str,
    /// Description in a few words.
    pub note: &'static str,
    /// Licence and holder.
    pub licence: &'static str,
    /// IDX files that make up the set; empty for a set that the program generates.
    pub files: &'static [DataFile],
    /// Files to download for it.
    pub originals: &'static [Original],
    /// How the originals become the files.
    pub packing: Packing,
}

/// A part of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Training images.
    Train,
    /// Validation images, for choosing settings.
    Valid,
    /// Test images.
    Test,
}

/// The contents of an IDX file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// Images.
    Images,
    /// Labels.
    Labels,
}

/// One IDX file of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataFile {
    /// Part of the set.
    pub part: Part,
    /// Images or labels.
    pub kind: FileKind,
    /// Published name, with `.gz`; [`Places`](crate::data::Places) finds the file under other common names too.
    pub name: &'static str,
    /// SHA-256 of the uncompressed contents, hexadecimal.
    pub sha256: &'static str,
}

/// One file to download.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Original {
    /// Its name on every mirror.
    pub name: &'static str,
    /// URLs of the folders that hold it, each ending in `/`, tried in order.
    pub mirrors: &'static [&'static str],
    /// Length in bytes.
    pub bytes: u64,
    /// SHA-256, hexadecimal.
    pub sha256: &'static str,
}

/// How originals become files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// Each original is the file at the same position.
    Plain,
    /// Each original is text with 784 digits 0 or 1 per line; each becomes the file at the same position.
    BinaryText,
    /// Zip archives of 105 x 105 PNGs named `CHARACTER_DRAWING.png`; together they become all files.
    OmniglotZips,
}

impl Set {
    /// Whether the program generates it, so that it needs no files.
    pub fn built_in(&self) -> bool {
        self.files.is_empty()
    }

    /// Bytes to download.
    pub fn bytes(&self) -> u64 {
        self.originals.iter().map(|original| original.bytes).sum()
    }

    /// Origin and licence in one line.
    pub fn source(&self) -> String {
        format!("{}: {}; licence: {}", self.name, self.note, self.licence)
    }

    /// The names of its files, without `.gz`.
    pub fn file_names(&self) -> Vec<&'static str> {
        self.files.iter().map(|file| file.name.trim_end_matches(".gz")).collect()
    }
}
