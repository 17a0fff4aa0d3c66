//! Names under which an IDX file is found: those of the publishers, of Kaggle, and of other common copies.
//!
//! | spelling | example |
//! | --- | --- |
//! | published | `train-images-idx3-ubyte.gz` |
//! | with a dot | `train-images.idx3-ubyte` |
//! | in a folder of its own name (Kaggle) | `train-images-idx3-ubyte/train-images-idx3-ubyte` |
//!
//! Each of them with `.gz` or without. Whether a file is gzipped is decided by its contents, not by its name.

use std::path::{Path, PathBuf};

/// The spellings in words, for messages.
pub const SPELLINGS: &str = "plain or .gz, with - or . before idx, or in a subfolder of the same name";

/// The relative paths under which the file called `name` may lie, the published one first.
pub(super) fn spellings(name: &str) -> Vec<PathBuf> {
    let hyphen = name.trim_end_matches(".gz");
    let dot = hyphen.replace("-idx", ".idx");
    let mut paths: Vec<PathBuf> = Vec::new();
    for subfolder in ["", hyphen, &dot] {
        for stem in [hyphen, &dot] {
            paths.extend([format!("{stem}.gz"), stem.into()].map(|file| Path::new(subfolder).join(file)));
        }
    }
    paths
}

/// The path of the file called `name` in the folder, under any of its spellings.
pub(super) fn present(folder: &Path, name: &str) -> Option<PathBuf> {
    spellings(name).into_iter().map(|path| folder.join(path)).find(|path| path.is_file())
}

/// The name of a file without what its spellings differ in: lower case, no `.gz`, hyphens for dots.
pub(super) fn canonical(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    name.trim_end_matches(".gz").replace('.', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_under_every_spelling_and_the_published_one_wins() {
        let name = "train-images-idx3-ubyte.gz";
        let all = spellings(name);
        assert_eq!(all.len(), 12);
        for expected in [
            "train-images-idx3-ubyte.gz",
            "train-images-idx3-ubyte",
            "train-images.idx3-ubyte",
            "train-images.idx3-ubyte.gz",
            "train-images-idx3-ubyte/train-images-idx3-ubyte",
            "train-images.idx3-ubyte/train-images.idx3-ubyte.gz",
        ] {
            assert!(all.contains(&expected.into()), "{expected}");
        }
        assert!(all.iter().all(|path| canonical(path) == "train-images-idx3-ubyte"));
        for path in all.into_iter().rev() {
            let folder = tempfile::tempdir().unwrap();
            assert_eq!(present(folder.path(), name), None);
            let file = folder.path().join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, "").unwrap();
            assert_eq!(present(folder.path(), name), Some(file));
            std::fs::write(folder.path().join(name), "").unwrap();
            assert_eq!(present(folder.path(), name), Some(folder.path().join(name)));
        }
    }
}
