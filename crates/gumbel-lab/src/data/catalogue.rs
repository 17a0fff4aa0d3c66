//! What data there is and where it lies.

use super::{
    Places,
    places::present,
    registry::{ALL, Set},
};
use std::path::{Path, PathBuf};

/// A line of `gumbel data list`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The set: name, note, licence, download size.
    pub set: Set,
    /// Where it is.
    pub presence: Presence,
}

/// Where a set is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presence {
    /// In the program itself.
    BuiltIn,
    /// All its files are in this folder; their contents are checked when they are loaded.
    In(PathBuf),
    /// Some of its files are in this folder.
    PartlyIn(PathBuf),
    /// Nowhere.
    Absent,
}

/// Every named set and where it was found. Looks at names of files only, so it is quick.
pub fn catalogue(places: &Places) -> Vec<Entry> {
    ALL.into_iter().map(|set| Entry { set, presence: presence(&set, places) }).collect()
}

fn presence(set: &Set, places: &Places) -> Presence {
    if set.built_in() {
        return Presence::BuiltIn;
    }
    // A folder named for the set comes before one that merely holds files of the same names.
    match places.locate(set) {
        Ok(folder) if complete(set, &folder) => Presence::In(folder),
        Ok(folder) => Presence::PartlyIn(folder),
        Err(_) => Presence::Absent,
    }
}

fn complete(set: &Set, folder: &Path) -> bool {
    set.files.iter().all(|file| present(folder, file.name).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presence_tells_whole_from_part() {
        let root = tempfile::tempdir().unwrap();
        let places = Places { given: Some(root.path().into()), ..Places::default() };
        let mnist = || catalogue(&places).into_iter().find(|entry| entry.set.name == "mnist").unwrap();
        assert_eq!(catalogue(&places)[0].presence, Presence::BuiltIn);
        assert_eq!(mnist().presence, Presence::Absent);
        let folder = root.path().join("mnist");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("train-images-idx3-ubyte"), "").unwrap();
        assert_eq!(mnist().presence, Presence::PartlyIn(folder.clone()));
        for file in mnist().set.files {
            std::fs::write(folder.join(file.name), "").unwrap();
        }
        assert_eq!(mnist().presence, Presence::In(folder));
    }
}
