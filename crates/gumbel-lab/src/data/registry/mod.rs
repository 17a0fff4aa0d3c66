//! The data sets known by name.

mod sets;

use super::Error;
use crate::support::suggest::nearest;

/// A named data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Set {
    /// What it is called on the command line, and its folder's name.
    pub name: &'static str,
    /// What it is, in a few words.
    pub note: &'static str,
    /// Licence and holder.
    pub licence: &'static str,
    /// What it is made of; empty for a set that is drawn, not read.
    pub files: &'static [DataFile],
    /// What is downloaded for it.
    pub originals: &'static [Original],
    /// How the originals become the files.
    pub packing: Packing,
}

/// A part of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// To learn from.
    Train,
    /// To choose settings by.
    Valid,
    /// To report on.
    Test,
}

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// IDX images.
    Images,
    /// IDX labels.
    Labels,
}

/// One IDX file of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataFile {
    /// Which part.
    pub part: Part,
    /// Images or labels.
    pub kind: Kind,
    /// Its name with `.gz`; it may lie there without.
    pub name: &'static str,
    /// SHA-256 of the uncompressed contents, hexadecimal.
    pub sha256: &'static str,
}

/// One file to download.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Original {
    /// Its name at every mirror.
    pub name: &'static str,
    /// Addresses of the folders that hold it, each ending in `/`, tried in turn.
    pub mirrors: &'static [&'static str],
    /// Length in bytes.
    pub bytes: u64,
    /// SHA-256, hexadecimal.
    pub sha256: &'static str,
}

/// How originals become files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// Nothing to do: original and file, in the same order, are the same.
    Plain,
    /// Each original is lines of 784 digits 0 or 1; each becomes the file in the same place.
    BinaryText,
    /// Zips of 105 x 105 PNGs named `CHARACTER_DRAWING.png`; together they become all files.
    OmniglotZips,
}

impl Set {
    /// Whether it needs no files.
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
}

/// The set of this name.
///
/// ```
/// # use gumbel_lab::data::registry::find;
/// assert_eq!(find("mnist").unwrap().bytes(), 11_594_722);
/// assert!(find("minst").unwrap_err().to_string().contains("did you mean mnist?"));
/// ```
///
/// # Errors
/// [`Error::UnknownName`], with the names nearest to it.
pub fn find(name: &str) -> Result<&'static Set, Error> {
    ALL.iter().find(|set| set.name == name).ok_or_else(|| unknown(name))
}

fn unknown(name: &str) -> Error {
    let names = ALL.map(|set| set.name);
    Error::UnknownName { name: name.into(), near: nearest(name, names), known: names.join(", ") }
}

/// Every named set, the built-in one first.
pub const ALL: [Set; 5] =
    [sets::DIGITS, sets::MNIST, sets::BINARIZED_MNIST, sets::FASHION_MNIST, sets::OMNIGLOT];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sound() {
        for set in ALL {
            assert!(set.built_in() || !set.originals.is_empty(), "{}", set.name);
            assert_eq!(find(set.name).unwrap(), &set);
            let hashes = set.files.iter().map(|f| f.sha256).chain(set.originals.iter().map(|o| o.sha256));
            for hash in hashes {
                assert!(hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit()), "{hash}");
            }
            assert!(set.files.iter().all(|file| file.name.ends_with(".gz")));
            assert!(set.originals.iter().all(|o| o.mirrors.iter().all(|url| url.ends_with('/'))));
            if set.packing != Packing::OmniglotZips {
                assert_eq!(set.files.len(), set.originals.len());
            }
        }
    }

    #[test]
    fn near_names_are_offered() {
        let error = find("Fashion").unwrap_err().to_string();
        assert!(error.contains("did you mean fashion-mnist?"), "{error}");
        let error = find("zzz").unwrap_err().to_string();
        assert!(!error.contains("did you mean") && error.contains("binarized-mnist"), "{error}");
    }
}
