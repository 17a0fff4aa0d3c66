//! A folder of IDX files, recognised by their names.

use super::Error;
use super::layout::canonical;
use super::registry::{FileKind, Part};
use std::path::{Path, PathBuf};

/// The files of one part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PartFiles {
    pub(super) images: PathBuf,
    pub(super) labels: Option<PathBuf>,
}

impl PartFiles {
    /// Whether the images are stored with rows and columns exchanged, as those of EMNIST are.
    pub(super) fn transposed(&self) -> bool {
        canonical(&self.images).starts_with("emnist-")
    }
}

/// The files of a folder, by part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FolderFiles {
    pub(super) train: PartFiles,
    pub(super) valid: Option<PartFiles>,
    pub(super) test: PartFiles,
}

/// Finds the parts of a data set among the files of a folder.
pub(super) fn scan(folder: &Path) -> Result<FolderFiles, Error> {
    let files = list(folder)?;
    let part = |part| {
        let Some(images) = only(&files, part, FileKind::Images)? else { return Ok(None) };
        Ok(Some(PartFiles { images, labels: only(&files, part, FileKind::Labels)? }))
    };
    let missing = |part, example| Error::NoImages {
        folder: folder.into(),
        part,
        example,
        found: files.iter().map(|path| canonical(path)).collect(),
    };
    Ok(FolderFiles {
        train: part(Part::Train)?.ok_or_else(|| missing("training", "train-images-idx3-ubyte"))?,
        valid: part(Part::Valid)?,
        test: part(Part::Test)?
            .ok_or_else(|| missing("test", "t10k-images-idx3-ubyte or test-images-idx3-ubyte"))?,
    })
}

/// The IDX files of the folder and of its subfolders that are named after their file (as from Kaggle), by name.
///
/// Where a file is there in several spellings, one directly in the folder wins, then one that is not gzipped.
fn list(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    if !folder.is_dir() {
        return Err(Error::NoFolder(folder.into()));
    }
    let mut files = Vec::new();
    for path in named_idx(folder)? {
        if path.is_dir() {
            let own = named_idx(&path)?.into_iter().filter(|file| canonical(file) == canonical(&path));
            files.extend(own.filter(|file| file.is_file()));
        } else {
            files.push(path);
        }
    }
    let gzipped = |path: &Path| path.extension().is_some_and(|extension| extension == "gz");
    files.sort_by_key(|path| {
        (canonical(path), path.parent() != Some(folder), gzipped(path), path.to_path_buf())
    });
    files.dedup_by_key(|path| canonical(path));
    Ok(files)
}

/// What a folder holds that has `idx` in its name and is not hidden.
fn named_idx(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |source| Error::read(folder, source);
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = canonical(&path);
        // A name that begins with a dot, here a hyphen, is of a file that macOS or a download left.
        if name.contains("idx") && !name.starts_with('-') {
            paths.push(path);
        }
    }
    Ok(paths)
}

/// The one file of this part and kind; several are an error.
fn only(files: &[PathBuf], part: Part, kind: FileKind) -> Result<Option<PathBuf>, Error> {
    let mut matching = files.iter().filter(|path| classify(&canonical(path)) == Some((part, kind)));
    match (matching.next(), matching.next()) {
        (Some(first), Some(second)) => Err(Error::Ambiguous {
            part: format!("{part:?} {kind:?}").to_lowercase(),
            first: first.clone(),
            second: second.clone(),
        }),
        (found, _) => Ok(found.cloned()),
    }
}

/// Part and kind by the words in a lower-case file name.
fn classify(name: &str) -> Option<(Part, FileKind)> {
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    let kind = match (has(&["images"]), has(&["labels", "alphabets"])) {
        (true, false) => FileKind::Images,
        (false, true) => FileKind::Labels,
        _ => return None,
    };
    let part = match (has(&["train"]), has(&["valid", "val-"]), has(&["test", "t10k"])) {
        (true, false, false) => Part::Train,
        (false, true, false) => Part::Valid,
        (false, false, true) => Part::Test,
        _ => return None,
    };
    Some((part, kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        folder
    }

    #[test]
    fn the_part_is_read_from_the_name() {
        assert_eq!(classify("train-images-idx3-ubyte.gz"), Some((Part::Train, FileKind::Images)));
        assert_eq!(classify("t10k-labels-idx1-ubyte"), Some((Part::Test, FileKind::Labels)));
        assert_eq!(classify("omniglot28-test-alphabets-idx1-ubyte"), Some((Part::Test, FileKind::Labels)));
        assert_eq!(classify("x-valid-images-idx3-ubyte"), Some((Part::Valid, FileKind::Images)));
        assert_eq!(classify("omniglot28-test-characters-idx1-short"), None);
        assert_eq!(classify("images-idx3"), None);
    }

    #[test]
    fn a_folder_is_scanned_and_plain_files_win() {
        let folder =
            folder(&["train-images-idx3", "train-images-idx3.gz", "t10k-images-idx3.gz", "README.md"]);
        let files = scan(folder.path()).unwrap();
        assert_eq!(files.train.images, folder.path().join("train-images-idx3"));
        assert_eq!((files.train.labels, files.valid), (None, None));
    }

    #[test]
    fn an_archive_from_kaggle_has_each_file_once() {
        let folder = folder(&[
            "train-images-idx3-ubyte/train-images-idx3-ubyte",
            "train-images.idx3-ubyte",
            "t10k-images-idx3-ubyte/t10k-images-idx3-ubyte",
            "t10k-images-idx3-ubyte/other-idx3-ubyte",
            "._t10k-images.idx3-ubyte",
        ]);
        let files = scan(folder.path()).unwrap();
        assert_eq!(files.train.images, folder.path().join("train-images.idx3-ubyte"));
        let nested = "t10k-images-idx3-ubyte/t10k-images-idx3-ubyte";
        assert_eq!(files.test.images, folder.path().join(nested));
    }

    #[test]
    fn unclear_folders_are_errors() {
        let twice = folder(&["a-train-images-idx3", "b-train-images-idx3", "test-images-idx3"]);
        let error = scan(twice.path()).unwrap_err().to_string();
        assert!(error.contains("could both be the train images"), "{error}");
        let no_test = folder(&["train-images-idx3"]);
        let error = scan(no_test.path()).unwrap_err();
        assert!(matches!(error, Error::NoImages { part: "test", .. }), "{error}");
        assert!(error.to_string().contains("found only train-images-idx3;"), "{error}");
        assert!(matches!(scan(&no_test.path().join("nowhere")), Err(Error::NoFolder(_))));
    }
}
