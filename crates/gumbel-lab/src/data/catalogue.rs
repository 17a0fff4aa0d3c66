//! The list of named data sets and where each was found.

use super::Places;
use super::places::missing;
use super::registry::{ALL, Set};
use std::path::PathBuf;

/// A named data set and where it was found: an entry of `gumbel data list`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The set: name, note, licence, download size.
    pub set: Set,
    /// Where it was found.
    pub presence: Presence,
}

/// Where a data set was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presence {
    /// In the program itself.
    BuiltIn,
    /// In this folder with all its files; their contents are checked when they are loaded.
    In(PathBuf),
    /// In this folder with some of its files.
    PartlyIn {
        /// The folder.
        folder: PathBuf,
        /// Names of the other files, without `.gz`.
        missing: Vec<&'static str>,
    },
    /// In none of the folders searched.
    Absent {
        /// The folders, in the order of the search.
        searched: Vec<PathBuf>,
    },
}

/// Lists every named set with the place where it was found. Looks at file names only, so it is fast.
pub fn catalogue(places: &Places) -> Vec<Listing> {
    ALL.into_iter().map(|set| Listing { set, presence: presence(&set, places) }).collect()
}

fn presence(set: &Set, places: &Places) -> Presence {
    if set.built_in() {
        return Presence::BuiltIn;
    }
    match places.locate(set) {
        Ok(folder) => match missing(set, &folder) {
            missing if missing.is_empty() => Presence::In(folder),
            missing => Presence::PartlyIn { folder, missing },
        },
        Err(_) => Presence::Absent { searched: places.candidates(set.name) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complete_partial_and_absent_sets_are_distinguished() {
        let root = tempfile::tempdir().unwrap();
        let places = Places { given: Some(root.path().into()), ..Places::default() };
        let mnist = || catalogue(&places).into_iter().find(|entry| entry.set.name == "mnist").unwrap();
        assert_eq!(catalogue(&places)[0].presence, Presence::BuiltIn);
        let folder = root.path().join("mnist");
        assert_eq!(mnist().presence, Presence::Absent { searched: vec![folder.clone(), root.path().into()] });
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("train-images.idx3-ubyte"), "").unwrap();
        let Presence::PartlyIn { folder: found, missing } = mnist().presence else { panic!("not partly") };
        assert_eq!((found, missing.len()), (folder.clone(), 3));
        for file in mnist().set.files {
            std::fs::write(folder.join(file.name), "").unwrap();
        }
        assert_eq!(mnist().presence, Presence::In(folder));
    }
}
